"""Rings: the constraint anywhere in the plane, completeness on each ring, counts, independence, images."""

import math
from itertools import product

import pytest
import torch

from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.steerable.kernels.basis import pixel_places
from equigen.steerable.kernels.ring_basis import RingBasis
from tests.groups.all_groups import plane_matrix
from tests.steerable.kernels.images import largest_error
from tests.steerable.kernels.null_space import GROUPS, on_circle, same_span, waves

SIZES = [1, 2, 3, 4, 5, 6, 7, 8, 9]


def field(group, frequency=2):
    return regular(group, None if group.order else frequency)


def constraint_error(kernels, group, in_rep, out_rep):
    """The largest |k(g x) - rho_out(g) k(x) rho_in(g)^-1| over random points and elements; kernels(points)."""
    generator = torch.Generator().manual_seed(1)
    points = torch.randn(7, 2, generator=generator, dtype=torch.float64) * 1.5
    worst = 0.0
    for g in group.sample(3, seed=2):
        there = kernels(points @ plane_matrix(g).T)
        here = torch.einsum("oa,nabp,ib->noip", out_rep.matrix(g), kernels(points), in_rep.matrix(g))
        worst = max(worst, (there - here).abs().max().item())
    return worst


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("kernel_size", [4, 5])
def test_kernels_satisfy_the_constraint_anywhere(group, kernel_size):
    rep = field(group)
    assert constraint_error(lambda p: RingBasis().at(rep, rep, kernel_size, p), group, rep, rep) < 1e-13


def test_a_planted_shift_of_the_centre_is_found():
    rep, shift = field(Cyclic(5)), torch.tensor([1e-6, 0.0], dtype=torch.float64)
    assert constraint_error(lambda p: RingBasis().at(rep, rep, 5, p + shift), rep.group, rep, rep) > 1e-8


@pytest.mark.parametrize("group", [Cyclic(3), Cyclic(8), Dihedral(5, axis=0.1), Dihedral(6), SO2(), O2()], ids=str)
def test_filters_are_all_products_of_rings_and_solutions_on_the_circle(group):
    basis, irreps = RingBasis(), group.irreps(None if group.order else 2)
    radius, phi = pixel_places(4).norm(dim=-1).flatten(), torch.atan2(*pixel_places(4).flip(-1).flatten(0, 1).T)
    for name_in, name_out in product(map(str, irreps), repeat=2):
        in_rep, out_rep = irreducible(group, name_in), irreducible(group, name_out)
        parts = []
        for ring in basis.rings(4):
            profile = torch.exp(-((radius - ring.radius) ** 2) / (2 * ring.width**2))
            solution = on_circle(in_rep, out_rep, ring.cutoff).T.unflatten(1, (-1, out_rep.size * in_rep.size))
            parts.append(torch.einsum("nke,kp->nep", solution, waves(phi, ring.cutoff) * profile).flatten(1))
        space = torch.linalg.qr(torch.cat(parts).T).Q
        assert same_span(basis.filters(in_rep, out_rep, 4).flatten(1).T, space), (name_in, name_out)


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("basis", [RingBasis(), RingBasis(cutoff=3)], ids=str)
def test_there_are_as_many_as_characters_count(group, basis):
    names = map(str, group.irreps(None if group.order else 3))
    reps = [field(group), *(irreducible(group, name) for name in names)]
    for in_rep, out_rep, kernel_size in product(reps, reps, (5,) if basis.cutoff else (1, 2, 4)):
        count = basis.dimension(in_rep, out_rep, kernel_size)
        assert len(basis.filters(in_rep, out_rep, kernel_size)) == count, (in_rep, out_rep, kernel_size)


@pytest.mark.parametrize(("group", "count"), [(Cyclic(4), 44), (Cyclic(8), 88), (Cyclic(16), 176)], ids=str)
def test_numbers_between_regular_fields_are_the_known_ones(group, count):
    assert RingBasis().dimension(regular(group), regular(group), 5) == count


@pytest.mark.parametrize(
    "basis",
    [RingBasis(), RingBasis(cutoff=4), RingBasis(cutoff=99), RingBasis(width=0.5), RingBasis(width=1.0)],
    ids=str,
)
def test_rings_and_waves_are_independent_on_the_grid(basis):
    # All real combinations of all waves on all rings: the filters between any fields are independent if these are.
    scalar = irreducible(Cyclic(1), "0e")
    for kernel_size in SIZES:
        filters = basis.filters(scalar, scalar, kernel_size).flatten(1)
        assert torch.linalg.svdvals(filters).min() > 1e-2, kernel_size


def test_a_planted_wave_beyond_what_the_pixels_resolve_is_found():
    angle = torch.atan2(*pixel_places(2).flip(-1).flatten(0, 1).T)
    beyond = torch.stack([torch.cos(2 * angle), torch.sin(2 * angle), torch.cos(angle), torch.sin(angle)])
    assert torch.linalg.svdvals(beyond).min() < 1e-12


@pytest.mark.parametrize("group", [Cyclic(8), Dihedral(6), Dihedral(2, axis=0.2), SO2(), O2()], ids=str)
def test_filters_between_fields_are_independent(group):
    rep = field(group)
    for kernel_size in (1, 2, 3, 5):
        filters = RingBasis().filters(rep, rep, kernel_size).flatten(1)
        assert torch.linalg.svdvals(filters).min() > 0.3


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_convolution_commutes_with_the_part_of_the_group_on_the_grid(group, kernel_size):
    rep, generator = field(group), torch.Generator().manual_seed(3)
    filters = RingBasis().filters(rep, rep, kernel_size)
    weight = torch.randn(len(filters), generator=generator, dtype=torch.float64)
    image = torch.randn(1, rep.size, 6, 6, generator=generator, dtype=torch.float64)
    assert largest_error(torch.einsum("n,noihw->oihw", weight, filters), rep, rep, image) < 1e-13


def test_a_planted_transposed_filter_fails_on_images():
    rep = irreducible(Cyclic(4), "1")
    weight = RingBasis().filters(irreducible(Cyclic(4), "0e"), rep, 3).sum(dim=0).transpose(-2, -1)
    image = torch.randn(1, 1, 6, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    assert largest_error(weight, irreducible(Cyclic(4), "0e"), rep, image) > 0.1


@pytest.mark.parametrize("kernel_size", SIZES)
def test_filters_are_samples_of_the_kernels(kernel_size):
    in_rep, out_rep = regular(SO2(), 2), irreducible(SO2(), "1")
    sampled = RingBasis().at(in_rep, out_rep, kernel_size, pixel_places(kernel_size))
    torch.testing.assert_close(sampled, RingBasis().filters(in_rep, out_rep, kernel_size), rtol=0, atol=1e-14)


def test_kernels_at_one_point_are_those_at_many():
    rep, points = regular(Cyclic(3)), torch.tensor([[0.3, -1.0], [0.0, 0.0]])
    together = RingBasis().at(rep, rep, 3, points)
    torch.testing.assert_close(RingBasis().at(rep, rep, 3, points[1]), together[..., 1])
    assert together.isfinite().all()


def test_at_the_centre_only_what_does_not_depend_on_the_angle_survives():
    scalar, vector = irreducible(SO2(), "0e"), irreducible(SO2(), "1")
    assert (RingBasis().filters(scalar, vector, 3)[..., 1, 1] == 0).all()
    assert (RingBasis().filters(vector, vector, 1) != 0).any()
    assert len(RingBasis().filters(scalar, vector, 1)) == 0


@pytest.mark.parametrize("kernel_size", SIZES)
def test_rings_stand_at_the_pixels(kernel_size):
    radii = [ring.radius for ring in RingBasis().rings(kernel_size)]
    on_axis = sorted(set(pixel_places(kernel_size)[..., 0].abs().flatten().tolist()))
    assert radii == on_axis


@pytest.mark.parametrize(
    ("kernel_size", "cutoffs"),
    [(1, [0]), (2, [1]), (3, [0, 2]), (5, [0, 2, 2]), (7, [0, 2, 3, 2]), (9, [0, 2, 3, 6, 2])],
)
def test_default_frequencies_are_the_published_ones(kernel_size, cutoffs):
    assert [ring.cutoff for ring in RingBasis().rings(kernel_size)] == cutoffs


def test_a_cutoff_holds_on_all_rings_that_resolve_it():
    assert [ring.cutoff for ring in RingBasis(cutoff=4).rings(7)] == [0, 3, 4, 4]
    assert [ring.cutoff for ring in RingBasis(cutoff=1).rings(7)] == [0, 1, 1, 1]
    assert [ring.cutoff for ring in RingBasis(cutoff=0).rings(2)] == [0]


@pytest.mark.parametrize("group", [Cyclic(8), Dihedral(3), O2()], ids=str)
def test_a_convolution_of_white_noise_has_unit_variance(group):
    in_rep, out_rep = field(group), quotient(group, Cyclic(2)) if group == Cyclic(8) else field(group)
    filters = RingBasis().filters(in_rep, out_rep, 5)
    squares = filters.square().sum(dim=(1, 2, 3, 4))
    torch.testing.assert_close(squares, torch.full_like(squares, out_rep.size), rtol=1e-13, atol=0)
    # The output of one filter on white noise has the covariance sum over inputs and pixels of K K^T.
    variance = filters.square().sum(dim=(0, 2, 3, 4)) / len(filters)
    assert math.isclose(variance.mean().item(), 1.0, rel_tol=1e-13)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"cutoff": -1}, "cutoff is -1"),
        ({"cutoff": 1.5}, "whole number"),
        ({"cutoff": True}, "cutoff is True"),
        ({"width": 0.2}, "0.5 to 1.0"),
        ({"width": math.nan}, "width is nan"),
    ],
)
def test_settings_that_make_no_rings_are_refused(settings, word):
    with pytest.raises(ValueError, match=word):
        RingBasis(**settings)
