"""The proof of the lab symmetry, step by step: every solver acts on iterate and memory, and its step commutes."""

from __future__ import annotations

import pytest
import torch

from equigen.diffusion.solvers.ancestral import Ancestral
from equigen.diffusion.solvers.dpm_solver_2m import DPMSolver2M
from equigen.diffusion.solvers.euler import Euler
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.heun import Heun
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.rk45 import RK45
from equigen.diffusion.solvers.solver import State
from equigen.diffusion.time_grid import KarrasGrid
from equigen.groups.plane_groups import Dihedral
from equigen.labs.symmetry.setting import SCHEDULE, perceptron, points
from equigen.labs.symmetry.theorem_chapters import proof_chapter
from equigen.labs.symmetry.walking import normals
from equigen.report.document import Formula
from equigen.store import resolve
from equigen.symmetry.symmetrised import Symmetrised
from equigen.table import SOLVERS

FIXED = (Euler(), EulerMaruyama(), Ancestral(), Heun(), Heun(churn=10.0), PredictorCorrector(), DPMSolver2M())
STEPS = 4
MOVES = (1, 5)  # of D4: a quarter turn and a mirror


@pytest.fixture(scope="module")
def plane():
    return points(Dihedral(4))


@pytest.fixture(scope="module")
def averaged(plane, bare):
    """A wrong denoiser that commutes."""
    return Symmetrised(bare, plane.action)


@pytest.fixture(scope="module")
def bare(plane):
    """One that does not commute."""
    return perceptron(plane, 8, seed=0, gain=3.0).double().requires_grad_(False)


def carried(state, action, g):
    """g (y, v): the points of the space are moved, numbers are left."""
    return State(action(g, state.x), tuple(action(g, v) if v.shape == state.x.shape else v for v in state.memory))


@torch.no_grad()
def errors_of_steps(solver, denoiser, plane, carry=carried):
    """The largest relative |Phi(g u, g z) - g Phi(u, z)| over iterate and points of the memory, from every step on."""
    given, times = normals(plane, 4, STEPS, seed=0), KarrasGrid()(SCHEDULE, STEPS)
    found = []
    for g in plane.action.group.elements()[list(MOVES)]:
        state = solver.init(20.0 * given.start, STEPS)
        for k in range(STEPS):
            z = given.steps[k]
            moved = solver.step(
                denoiser, carry(state, plane.action, g), times[k], times[k + 1],
                lambda draw, z=z, g=g: plane.action(g, z[draw]),
            )  # fmt: skip
            state = solver.step(denoiser, state, times[k], times[k + 1], lambda draw, z=z: z[draw])
            goal = carried(state, plane.action, g)
            for one, other in zip((moved.x, *moved.memory), (goal.x, *goal.memory), strict=True):
                found.append(float((one - other).norm() / other.norm()))
    return max(found)


def test_all_solvers_are_asked():
    named = {resolve(name, SOLVERS) for name in SOLVERS}
    assert named == {type(one) for one in FIXED} | {RK45}


@pytest.mark.parametrize("solver", FIXED, ids=lambda one: type(one).__name__)
def test_a_step_commutes_on_iterate_and_memory(solver, plane, averaged, bare):
    assert errors_of_steps(solver, averaged, plane) < 1e-12
    assert errors_of_steps(solver, bare, plane) > 1e-3


def test_a_memory_that_is_left_behind_breaks_the_step(plane, averaged):
    """So the state that is moved is iterate and memory, not the iterate alone."""

    def iterate_only(state, action, g):
        return State(action(g, state.x), state.memory)

    assert errors_of_steps(DPMSolver2M(), averaged, plane, iterate_only) > 1e-2
    assert errors_of_steps(Heun(), averaged, plane, iterate_only) < 1e-12


@torch.no_grad()
def test_steps_that_a_solver_chooses_are_chosen_alike(plane, averaged, bare):
    start, times = 20.0 * normals(plane, 2, 1, seed=0).start, KarrasGrid()(SCHEDULE, 4)
    path, action = RK45(1e-3).run(averaged, start, times), plane.action
    for g in action.group.elements()[list(MOVES)]:
        moved = RK45(1e-3).run(averaged, action(g, start), times)
        assert all(float((a - action(g, b)).norm() / b.norm()) < 1e-9 for a, b in zip(moved, path, strict=True))
    g = action.group.elements()[1]
    path, moved = RK45(1e-3).run(bare, start, times), RK45(1e-3).run(bare, action(g, start), times)
    assert float((moved[-1] - action(g, path[-1])).norm() / path[-1].norm()) > 1e-3


def test_the_proof_is_about_the_state():
    """x_0 is an item of the data; iterates are y_k and memories v_k."""
    blocks = proof_chapter().blocks
    text = " ".join(one.tex if isinstance(one, Formula) else str(one) for one in blocks)
    assert "(y_k, v_k)" in text
    assert "x_0$ is an item of the data" in text
    assert "x_{k" not in text
    assert "g x_0" not in text
