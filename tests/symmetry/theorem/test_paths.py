"""Every solver takes moved noise to moved samples; what breaks it is laid to the solver, the denoiser or the scale."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.givens import Givens
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.solvers.euler import Euler
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.rk45 import RK45
from equigen.diffusion.solvers.solver import State
from equigen.groups.plane_groups import O2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from equigen.random import Stream, normal
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.symmetry.action import Action, PermutationAction, PointsAction
from equigen.symmetry.elements import elements_of
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_law import OrbitLaw
from equigen.symmetry.theorem.moving import Trial, moved_structure, settled
from equigen.symmetry.theorem.paths import PATH_BOUND, certified_paths, chosen_elements
from equigen.symmetry.theorem.solvers import Radial, all_solvers
from equigen.table import SOLVERS

TURNS, SHAPE = ImageAction(Cyclic(4)), (1, 4, 4)
MEANS = normal((3, 16), seed=2, stream=Stream.LAW, dtype=torch.float64)
MIXTURE = GaussianMixture(torch.full((3,), 1 / 3), MEANS, torch.full((3,), 0.05))


class Shaped(Denoiser):
    """A denoiser of vectors for images."""

    def __init__(self, inner: Denoiser) -> None:
        super().__init__()
        self.inner, self.schedule = inner, inner.schedule

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        return self.inner(x_t.flatten(1), t).reshape(x_t.shape)


def upright() -> DiffusionModel:
    return DiffusionModel(Euclidean(*SHAPE), Shaped(MIXTURE.denoiser(EDM())))


def orbit(action: Action, *shape: int) -> DiffusionModel:
    law = Gaussian(normal(shape, seed=4, stream=Stream.LAW, dtype=torch.float64), Isotropic(0.5))
    return DiffusionModel(Euclidean(*shape), OrbitLaw(law, action).denoiser(EDM()))


def test_all_solvers_of_the_table_are_run():
    assert len(all_solvers()) == len(SOLVERS)
    assert {type(solver).__name__ for solver in all_solvers()} == {place.split(":")[1] for place in SOLVERS.values()}


@pytest.mark.parametrize("solver", all_solvers(), ids=lambda solver: type(solver).__name__)
@pytest.mark.parametrize(
    ("action", "shape"),
    [
        (ImageAction(Dihedral(2)), (1, 3, 4)),
        (PointsAction(Cyclic(5)), (3, 2)),
        (PermutationAction(Symmetric(3)), (3, 2)),
    ],
    ids=["D2", "C5", "S3"],
)
def test_a_law_averaged_over_its_orbit_is_exact(solver, action, shape):
    paths, premise = certified_paths(orbit(action, *shape), action, elements_of(action.group), seed=0, solvers=[solver])
    assert premise.verdict == "exact"
    assert len(paths) == 3
    assert all(len(path.times) == len(path.errors) == 20 for path in paths)
    assert all(max(*path.errors, path.final) <= PATH_BOUND for path in paths)  # the adaptive solver as well


@pytest.mark.parametrize("solver", all_solvers(), ids=lambda solver: type(solver).__name__)
def test_an_upright_law_is_broken_and_the_denoiser_is_named(solver):
    _, premise = certified_paths(upright(), TURNS, Cyclic(4).elements(), seed=0, solvers=[solver])
    steps, path = premise.claims
    assert premise.verdict == "broken"
    assert steps.verdict == "exact"
    assert (path.verdict, path.where) == ("broken", "the denoiser")
    assert path.measured > 0.1


class Drifting(Euler):
    """A step that pulls to one side."""

    def step(self, denoiser, state, t, s, noise):
        x = super().step(denoiser, state, t, s, noise).x
        return State(x + 1e-6 * torch.arange(x.shape[-1]).to(x))


class Uneven(EulerMaruyama):
    """A step whose noise is a little stronger to the right."""

    def step(self, denoiser, state, t, s, noise):
        return super().step(denoiser, state, t, s, lambda k: noise(k) * torch.linspace(1.0, 1.0001, 4).to(state.x))


class Clamping(Euler):
    """A step that clamps every number: it commutes with permutations alone."""

    def step(self, denoiser, state, t, s, noise):
        return State(super().step(denoiser, state, t, s, noise).x.clamp(-1.0, 1.0))


@pytest.mark.parametrize("solver", [Drifting(), Uneven()], ids=["drifting", "uneven"])
def test_a_planted_fault_of_the_solver_is_laid_to_the_solver(solver):
    model = orbit(TURNS, *SHAPE)
    _, premise = certified_paths(model, TURNS, Cyclic(4).elements(), seed=0, solvers=[Euler(), solver])
    name = type(solver).__name__
    assert premise.claims[0].where == name
    assert [claim.verdict for claim in premise.claims] == ["broken", "exact", "broken"]
    assert premise.claims[-1].where == f"the steps of {name}"


class Diagonal(Euler):
    """A step with a drift that the reflection about one diagonal leaves as it is."""

    def step(self, denoiser, state, t, s, noise):
        x = super().step(denoiser, state, t, s, noise).x
        i = torch.arange(x.shape[-1]).to(x)
        return State(x + 1e-4 * (i[:, None] + i))


def test_a_fault_that_one_element_does_not_see_is_laid_to_the_solver():
    action = ImageAction(Dihedral(4))
    model = orbit(action, *SHAPE)
    seen = action(chosen_elements(action, action.group.elements())[0][-1], torch.arange(16.0).reshape(1, *SHAPE))
    assert torch.equal(seen, torch.arange(16.0).reshape(1, *SHAPE).mT)  # the last of the elements is that reflection
    _, premise = certified_paths(model, action, action.group.elements(), seed=0, solvers=[Diagonal()])
    assert premise.claims[0].verdict == "broken"
    assert premise.claims[0].where == "Diagonal"
    assert premise.claims[1].where == "the steps of Diagonal"


def test_clamping_breaks_rotations_of_points_and_not_those_of_pixels():
    points = PointsAction(Cyclic(8))
    elements = (points.group.elements(), Cyclic(4).elements())
    models = (orbit(points, 4, 2), orbit(TURNS, *SHAPE))
    found = [
        certified_paths(model, action, g, seed=0, solvers=[Clamping()])[1]
        for model, action, g in zip(models, (points, TURNS), elements, strict=True)
    ]
    assert [premise.verdict for premise in found] == ["broken", "exact"]
    assert found[0].claims[0].where == "Clamping"


class ByPixel(Scale):
    """A shift that differs between pixels."""

    def to_data(self, x):
        return super().to_data(x) + torch.arange(4.0).to(x)


def test_a_planted_scale_is_named():
    model = orbit(TURNS, *SHAPE)
    model.scale = ByPixel(torch.zeros(1), torch.ones(1))
    paths, premise = certified_paths(model, TURNS, Cyclic(4).elements(), seed=0, solvers=[Euler()])
    assert premise.claims[1].where == "the scale"
    assert max(paths[0].errors) <= PATH_BOUND < paths[0].final


def test_elements_between_the_grid_stand_beside_their_floor_and_are_not_promised():
    action = ImageAction(Cyclic(8))
    model = DiffusionModel(Euclidean(1, 16, 16), Radial(EDM()))
    for denoiser, verdict in ((Radial(EDM()), "at the floor"), (Ramp(), "told")):
        model = DiffusionModel(Euclidean(1, 16, 16), denoiser)
        paths, premise = certified_paths(model, action, action.group.elements(), seed=0, solvers=[EulerMaruyama()])
        assert [path.element for path in paths] == ["90 degrees", "180 degrees", "270 degrees", "45 degrees"]
        assert (paths[-1].verdict, premise.claims[-1].verdict) == (verdict, verdict)
        assert not premise.claims[-1].promised
        assert 1e-6 < paths[-1].bound < 0.2


class Ramp(Denoiser):
    """A denoiser that draws everything to the right."""

    schedule = EDM()

    def forward(self, x_t, t, **condition):
        return x_t * torch.linspace(0.0, 1.0, x_t.shape[-1]).to(x_t) / (1.0 + t.reshape(-1, 1, 1, 1) ** 2)


def test_a_group_without_elements_on_the_grid_is_told_between_it():
    action = ImageAction(Cyclic(3))
    model = DiffusionModel(Euclidean(1, 16, 16), Radial(EDM()))
    paths, premise = certified_paths(model, action, action.group.elements(), seed=0, solvers=[Euler()])
    assert len(paths) == 1
    assert premise.verdict == "at the floor"


def test_masks_move_with_the_items():
    mask = torch.zeros(6, 1, 4, 4, dtype=torch.bool)
    mask[:, :, :3, :2] = True
    mask[3:, :, 3] = True
    givens = Givens.fit(mask, {})
    law = OrbitLaw(Gaussian(MEANS[0].reshape(SHAPE), Isotropic(0.05)), TURNS)
    model = DiffusionModel(Masked(*SHAPE), law.denoiser(EDM()), givens=givens)
    _, premise = certified_paths(model, TURNS, Cyclic(4).elements(), seed=0, solvers=[EulerMaruyama()])
    assert premise.verdict == "exact"
    moved = moved_structure(TURNS, Cyclic(4).elements()[1], mask)
    assert torch.equal(moved, torch.rot90(mask, 1, (-2, -1)))
    assert not torch.equal(moved, mask)


def test_nodes_and_points_have_masks_of_their_own():
    mask = torch.tensor([[True, True, False]])
    g = torch.tensor([2, 0, 1])
    assert moved_structure(PermutationAction(Symmetric(3)), g, mask).tolist() == [[True, False, True]]
    assert torch.equal(moved_structure(PointsAction(Cyclic(4)), Cyclic(4).elements()[1], mask), mask)
    model = DiffusionModel(Centred(3, 2), Radial(EDM()), givens=Givens.fit(mask.repeat(4, 1), {}))
    elements = elements_of(O2())
    assert certified_paths(model, PointsAction(O2()), elements, seed=0, solvers=[EulerMaruyama()])[1].verdict == "exact"


class ByLabel(Denoiser):
    """Class k is the constant picture k, but class 2 has a bright corner."""

    schedule = EDM()

    def forward(self, x_t, t, label=None):
        x = torch.zeros_like(x_t) + (label.clamp_min(0).to(x_t).reshape(-1, 1, 1, 1) if label is not None else 0.0)
        if label is not None:
            x[:, :, 0, 0] += 9.0 * (label == 2).to(x)[:, None]
        return x


def test_conditions_and_guidance_are_kept():
    model = DiffusionModel(Euclidean(*SHAPE), ByLabel(), condition_dropout=0.1)
    sound, odd = torch.tensor([0, 1, 2]), torch.tensor([0, 2, 1])
    how = {"seed": 0, "solvers": [Euler()], "guidance": 2.0}
    found = [
        certified_paths(model, TURNS, Cyclic(4).elements(), condition={"label": label}, **how)[1].verdict
        for label in (sound, odd)
    ]
    assert found == ["exact", "broken"]


def test_the_trial_is_the_sampler_of_the_model():
    model = orbit(TURNS, *SHAPE).double()
    drawn = model.sample(3, seed=5, steps=7, solver=EulerMaruyama())
    with settled(model) as copied:
        trial = Trial(copied, TURNS, seed=5, items=3, steps=7)
        assert torch.allclose(trial.run(EulerMaruyama()).data, drawn.double(), rtol=0.0, atol=2e-4)
        together = trial.run(EulerMaruyama()).sample
        assert torch.allclose(trial.alone(2).run(EulerMaruyama()).sample, together[2:], rtol=0.0, atol=1e-13)


def test_a_field_that_is_not_smooth_is_not_measured():
    class Blowing(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, **condition):
            return torch.full_like(x_t, math.nan)

    model = DiffusionModel(Euclidean(*SHAPE), Blowing())
    paths, premise = certified_paths(model, TURNS, Cyclic(4).elements(), seed=0, solvers=[RK45()])
    assert {path.verdict for path in paths} == {"not measured"}
    assert not premise.holds
    fixed = certified_paths(model, TURNS, Cyclic(4).elements(), seed=0, solvers=[Euler()])[1]
    assert fixed.verdict == "broken"


def test_elements_are_chosen_so_that_they_generate():
    grid, between = chosen_elements(ImageAction(O2()), elements_of(O2()))
    assert grid[:, 1].tolist() == [0.0, 0.0, 1.0]
    assert len(between) == 1


def test_no_solver_is_refused():
    with pytest.raises(ValueError, match="solvers is empty"):
        certified_paths(upright(), TURNS, Cyclic(4).elements(), seed=0, solvers=[])


class Silent(Denoiser):
    """Gives zeros."""

    schedule = EDM()

    def forward(self, x_t, t, **condition):
        return 0.0 * x_t


def test_samples_that_are_zero_commute_between_the_grid_too():
    model, action = DiffusionModel(Euclidean(1, 16, 16), Silent()), ImageAction(Cyclic(8))
    paths, premise = certified_paths(model, action, action.group.elements(), seed=0, solvers=[EulerMaruyama()])
    assert premise.holds
    assert all(path.final == 0.0 for path in paths)
    assert paths[-1].verdict == "at the floor"
    assert 1e-6 < paths[-1].bound < 0.2
