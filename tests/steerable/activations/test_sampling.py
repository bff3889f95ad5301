"""Samples of functions on the group, against their formula, their orbits, and bounds on polynomials."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.groups.restriction import restrict
from equigen.steerable.activations import sampling
from equigen.steerable.activations.sampling import aliasing_error, sampling_count, sampling_matrix
from equigen.steerable.activations.scalar_function import scalar_function_name

FUNCTIONS = [
    (regular(SO2(), 3), 12),
    (regular(O2(), 2), 8),
    (quotient(SO2(), Cyclic(2), 4), 12),
    (quotient(O2(), Dihedral(1), 3), 12),
    (quotient(O2(), Dihedral(1, axis=math.pi / 4), 3), 12),
    (quotient(O2(), Dihedral(1, axis=0.3), 3), 12),
    (quotient(O2(), Cyclic(2), 2), 8),
    (regular(Cyclic(8), 2), None),
    (regular(Dihedral(4), 1), None),
    (regular(Dihedral(2, axis=math.pi / 4), 1), None),
    (quotient(Dihedral(4), Dihedral(1, axis=math.pi / 4)), None),
]
EACH = pytest.mark.parametrize(("functions", "samples"), FUNCTIONS, ids=lambda value: str(value))


def gap_to_a_permutation(rows: torch.Tensor, moved: torch.Tensor) -> float:
    """How far the moved rows are from being the rows in another order."""
    distances = (rows[:, None] - moved[None]).norm(dim=-1)
    assert (
        sorted(distances.argmin(dim=0).tolist()) == list(range(len(rows))) or distances.min(dim=0).values.max() > 1e-6
    )
    return float(distances.min(dim=0).values.max())


def test_values_are_the_trigonometric_sum():
    x = torch.randn(7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    angles = torch.arange(12, dtype=torch.float64) * (math.tau / 12)
    sums = x[0] + sum(
        math.sqrt(2) * (torch.cos(k * angles) * x[2 * k - 1] + torch.sin(k * angles) * x[2 * k]) for k in (1, 2, 3)
    )
    assert torch.allclose(sampling_matrix(regular(SO2(), 3), 12) @ x, sums / math.sqrt(7), atol=1e-14)


@EACH
def test_white_coefficients_give_unit_variance(functions, samples):
    assert torch.allclose(sampling_matrix(functions, samples).norm(dim=1), torch.ones(()).double(), atol=1e-14)


@EACH
def test_motions_of_the_grid_permute_the_samples(functions, samples):
    rows = sampling_matrix(functions, samples)
    for matrix in functions.matrix(functions.group.on_grid().elements()):
        assert gap_to_a_permutation(rows, rows @ matrix) < 1e-14


def test_ten_samples_are_not_permuted_by_a_quarter_turn():
    functions = regular(SO2(), 3)
    rows = sampling_matrix(functions, 10)
    assert gap_to_a_permutation(rows, rows @ functions.matrix(Cyclic(4).elements()[1])) > 0.1


def test_cosets_are_listed_once():
    assert len(sampling_matrix(quotient(SO2(), Cyclic(2), 4), 12)) == 6
    assert len(sampling_matrix(quotient(O2(), Dihedral(1), 3), 12)) == 12
    assert len(sampling_matrix(regular(O2(), 3), 12)) == 24


@pytest.mark.parametrize(
    ("functions", "samples", "message"),
    [
        (irreducible(SO2(), "1"), 8, "1 of SO2 is no space of functions on the group, but"),
        (regular(SO2(), 3), None, "SO2 has infinitely many rotations, but samples is None"),
        (regular(SO2(), 4), 8, r"8 samples of SO2 cannot tell the 9 coordinates .* take samples=12"),
        (restrict(regular(SO2(), 3), Cyclic(4)), None, "of C4 is no space of functions on the group"),
        (regular(Cyclic(8)), 4, r"4 samples of C8 cannot tell the 8 coordinates .*: leave samples out"),
        (regular(SO2(), 3), -1, "n is -1, but"),
    ],
)
def test_what_cannot_be_sampled_is_refused(functions, samples, message):
    with pytest.raises(ValueError, match=message):
        sampling_matrix(functions, samples)


@pytest.mark.parametrize("group", [SO2(), O2()], ids=str)
@pytest.mark.parametrize(("degree", "frequency"), [(2, 1), (2, 3), (3, 2), (4, 2), (5, 1)])
def test_polynomials_have_no_aliasing_from_the_bound_on(group, degree, frequency):
    functions = regular(group, frequency)
    bound = (degree + 1) * frequency + 1
    assert aliasing_error(functions, lambda x: x**degree - x, bound) < 1e-13
    assert aliasing_error(functions, lambda x: x**degree - x, bound - 1) > 1e-3  # one sample too few


@pytest.mark.parametrize(("activation", "samples"), [(nn.SiLU(), 12), (nn.ReLU(), 16), (nn.ELU(), 20)])
def test_the_measured_error_is_that_of_any_fields_at_any_angle(activation, samples):
    functions = regular(SO2(), 3)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(4000, 7, generator=generator, dtype=torch.float64)
    turns = functions.matrix(SO2().sample(4000, seed=1))
    rows = sampling_matrix(functions, samples)

    def act(fields):
        return activation(fields @ rows.T) @ rows * (7 / samples)

    there, here = act((turns @ x[..., None])[..., 0]), (turns @ act(x)[..., None])[..., 0]
    assert aliasing_error(functions, activation, samples) == pytest.approx(
        float((there - here).norm() / here.norm()), rel=0.25
    )


def test_smooth_functions_converge_fast_and_kinks_slowly():
    functions = regular(SO2(), 3)
    smooth = [aliasing_error(functions, nn.SiLU(), n) for n in (16, 32)]
    kinked = [aliasing_error(functions, nn.ReLU(), n) for n in (16, 32)]
    assert smooth[0] / smooth[1] > 100
    assert 2 < kinked[0] / kinked[1] < 8


def test_the_error_depends_on_the_scale():
    functions = regular(SO2(), 3)
    assert aliasing_error(functions, lambda x: nn.functional.silu(math.sqrt(7) * x), 32) > 10 * aliasing_error(
        functions, nn.SiLU(), 32
    )


def test_finite_groups_have_no_aliasing():
    assert aliasing_error(regular(Cyclic(8), 2), nn.ReLU(), 8) == 0.0
    assert sampling_count(regular(Dihedral(6), 2), nn.ReLU(), 1e-9) == 6


def test_a_function_that_vanishes_has_no_error():
    assert aliasing_error(regular(SO2(), 2), torch.zeros_like, 8) == 0.0


@pytest.mark.parametrize("error", [1e-2, 1e-4])
@pytest.mark.parametrize("activation", [nn.SiLU(), nn.ELU(), torch.tanh], ids=scalar_function_name)
def test_the_count_is_the_smallest_that_reaches_the_target(activation, error):
    functions = regular(SO2(), 3)
    count = sampling_count(functions, activation, error)
    assert count % 4 == 0
    assert aliasing_error(functions, activation, count) <= error < aliasing_error(functions, activation, count - 4)


def test_what_is_remembered_is_kept_apart(monkeypatch):
    functions = regular(SO2(), 2)
    monkeypatch.setattr(sampling, "_COUNTS", {})
    counts = [sampling_count(functions, act, 1e-3) for act in (nn.ELU(), nn.ELU(alpha=0.1), nn.PReLU(), torch.tanh)]
    assert len(sampling._COUNTS) == 2  # those with weights, and functions, are measured each time
    monkeypatch.setattr(sampling, "_search", lambda *_: 0)
    assert [sampling_count(functions, act, 1e-3) for act in (nn.ELU(), nn.ELU(alpha=0.1))] == counts[:2]
    assert sampling_count(functions, nn.PReLU(), 1e-3) == 0


@pytest.mark.parametrize(
    ("activation", "error", "message"),
    [
        (nn.ReLU(), 1e-7, r"ReLU\(\) has an aliasing error of .* samples, but 1e-07 is asked for: take a smooth"),
        (nn.SiLU(), 0.0, "error is 0.0, but samples leave some error: pass error=1e-3"),
        (nn.SiLU(), math.nan, "error is nan, but"),
    ],
)
def test_targets_out_of_reach_are_refused(activation, error, message):
    with pytest.raises(ValueError, match=message):
        sampling_count(regular(SO2(), 3), activation, error)
