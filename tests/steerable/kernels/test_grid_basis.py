"""The complete basis on the grid: against the constraint solved numerically, character counts and images."""

from itertools import product

import pytest
import torch

from equigen.groups.change_of_basis import change_basis
from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import SO2, Cyclic, Dihedral
from equigen.groups.representation import direct_sum, irreducible
from equigen.groups.restriction import restrict
from equigen.steerable.kernels.grid_basis import GridBasis
from tests.steerable.kernels.images import largest_error
from tests.steerable.kernels.null_space import ON_GRID, on_pixels, same_span


def columns(filters):
    return filters.flatten(1).T


def turned(rep):
    """The same representation in other coordinates, in which it permutes nothing."""
    generator = torch.Generator().manual_seed(0)
    return change_basis(rep, torch.linalg.qr(torch.randn(rep.size, rep.size, generator=generator).double()).Q)


@pytest.mark.parametrize("group", ON_GRID, ids=str)
def test_filters_are_the_null_space_for_all_pairs_of_irreps(group):
    irreps = [irreducible(group, str(irrep)) for irrep in group.irreps()]
    for in_rep, out_rep, kernel_size in product(irreps, irreps, (1, 2, 3, 4)):
        filters = GridBasis().filters(in_rep, out_rep, kernel_size)
        assert same_span(columns(filters), on_pixels(in_rep, out_rep, kernel_size)), (in_rep, out_rep, kernel_size)


REPRESENTATIONS = {
    "regular C4": regular(Cyclic(4)),
    "quotient D4/D1": quotient(Dihedral(4), Dihedral(1)),
    "C8 at quarter turns": restrict(regular(Cyclic(8)), Cyclic(4)),
    "SO2 at quarter turns": restrict(regular(SO2(), 2), Cyclic(4)),
    "turned": turned(direct_sum([irreducible(Dihedral(4), name) for name in ("0e", "1", "2o")])),
    "turned regular": turned(regular(Dihedral(2, axis=torch.pi / 4))),
}


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_filters_are_the_null_space_for_other_representations(name):
    rep = REPRESENTATIONS[name]
    scalar = irreducible(rep.group, "0e")
    for in_rep, out_rep, kernel_size in ((rep, rep, 2), (scalar, rep, 3), (rep, scalar, 3)):
        filters = GridBasis().filters(in_rep, out_rep, kernel_size)
        assert same_span(columns(filters), on_pixels(in_rep, out_rep, kernel_size))


def test_planted_faults_are_found():
    vector = irreducible(Dihedral(4), "1")
    filters, solution = GridBasis().filters(vector, vector, 3), on_pixels(vector, vector, 3)
    assert not same_span(columns(filters[1:]), solution)
    assert not same_span(columns(filters[[0, 0, *range(2, len(filters))]]), solution)
    scalar, turning = (irreducible(Cyclic(4), name) for name in ("0e", "1"))
    filters, solution = GridBasis().filters(scalar, turning, 3), on_pixels(scalar, turning, 3)
    assert same_span(columns(filters), solution)
    assert not same_span(columns(filters.transpose(-2, -1)), solution)  # x and y exchanged
    wrong = irreducible(Dihedral(4), "2o")
    even = irreducible(Dihedral(4), "2e")
    assert not same_span(columns(GridBasis().filters(even, wrong, 3)), on_pixels(even, even, 3))


@pytest.mark.parametrize("group", ON_GRID, ids=str)
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_there_are_as_many_as_characters_count(group, kernel_size):
    reps = [regular(group), *(irreducible(group, str(irrep)) for irrep in group.irreps())]
    for in_rep, out_rep in product(reps, reps):
        count = GridBasis().dimension(in_rep, out_rep, kernel_size)
        assert GridBasis().filters(in_rep, out_rep, kernel_size).shape == (
            count,
            out_rep.size,
            in_rep.size,
            kernel_size,
            kernel_size,
        )


@pytest.mark.parametrize(
    ("group", "kernel_size", "count"), [(Cyclic(4), 5, 100), (Cyclic(4), 3, 36), (Dihedral(4), 3, 72)]
)
def test_numbers_between_regular_fields_are_the_known_ones(group, kernel_size, count):
    assert GridBasis().dimension(regular(group), regular(group), kernel_size) == count


@pytest.mark.parametrize("group", ON_GRID, ids=str)
@pytest.mark.parametrize("kernel_size", [2, 3])
def test_convolution_commutes_with_the_group_to_the_last_bit(group, kernel_size):
    rep = regular(group)
    filters = GridBasis().filters(rep, rep, kernel_size).sign()  # whole numbers: sums have no rounding
    image = torch.arange(rep.size * 42, dtype=torch.float64).reshape(1, rep.size, 6, 7).square() % 19
    assert largest_error(filters.sum(dim=0), rep, rep, image[..., :6]) == 0.0


@pytest.mark.parametrize("name", REPRESENTATIONS)
def test_filters_have_the_norm_of_their_output(name):
    rep = REPRESENTATIONS[name]
    scalar = irreducible(rep.group, "0e")
    for in_rep, out_rep in ((rep, rep), (scalar, rep), (rep, scalar)):
        squares = GridBasis().filters(in_rep, out_rep, 3).square().sum(dim=(1, 2, 3, 4))
        torch.testing.assert_close(squares, torch.full_like(squares, out_rep.size), rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("group", "inside"), [(Cyclic(8), "C4"), (Cyclic(3), "C1"), (Dihedral(4, axis=0.3), "C4"), (SO2(), "C4")]
)
def test_groups_off_the_grid_are_refused_with_what_to_pass(group, inside):
    rep = irreducible(group, "0e")
    with pytest.raises(ValueError, match=rf"{group.name}.*RingBasis\(\).*restrict the fields to {inside}\."):
        GridBasis().filters(rep, rep, 3)
    with pytest.raises(ValueError, match=r"RingBasis\(\)"):
        GridBasis().dimension(rep, rep, 3)


@pytest.mark.parametrize("kernel_size", [0, -1, 2.5, True])
def test_kernel_sizes_that_are_none_are_refused(kernel_size):
    rep = irreducible(Cyclic(4), "0e")
    with pytest.raises(ValueError, match="positive whole number"):
        GridBasis().filters(rep, rep, kernel_size)
