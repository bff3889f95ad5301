"""What all bases promise: equal values share their filters, asked for in any mode; bad fields are refused."""

from collections import OrderedDict

import pytest
import torch

from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import direct_sum, irreducible
from equigen.groups.symmetric import permutation
from equigen.steerable.kernels import basis as basis_module
from equigen.steerable.kernels.default import default_basis
from equigen.steerable.kernels.grid_basis import GridBasis
from equigen.steerable.kernels.ring_basis import RingBasis

BASES = [GridBasis(), RingBasis(), RingBasis(cutoff=1)]


@pytest.mark.parametrize("basis", BASES, ids=str)
def test_equal_bases_and_fields_share_their_filters(basis):
    again = type(basis)(**vars(basis))
    filters = basis.filters(regular(Cyclic(4)), regular(Cyclic(4)), 3)
    assert again.filters(regular(Cyclic(4)), regular(Cyclic(4)), 3) is filters
    assert again.filters(regular(Cyclic(4)), regular(Cyclic(4)), 5) is not filters
    irreps = Cyclic(4).irreps()
    other = direct_sum(
        [irreducible(Cyclic(4), irrep.name) for irrep in irreps]
    )  # the same irreps, in other coordinates
    assert again.filters(other, other, 3) is not filters


def test_filters_asked_for_longest_ago_are_forgotten_first(monkeypatch):
    kept, rep = OrderedDict(), regular(Cyclic(4))
    monkeypatch.setattr(basis_module, "_KEPT", kept)
    monkeypatch.setattr(basis_module, "_KEPT_BYTES", 200_000)
    for kernel_size in (5, 3, 2, 5, 4):  # 320, 41, 8, 320 and 131 kB
        filters = GridBasis().filters(rep, rep, kernel_size)
    assert [key[-1] for key in kept] == [3, 2, 4]  # 5 alone is larger than all that is kept
    GridBasis().filters(rep, rep, 3)
    assert GridBasis().filters(rep, rep, 4) is filters
    assert [key[-1] for key in kept] == [2, 3, 4]
    monkeypatch.setattr(basis_module, "_KEPT_BYTES", 180_000)
    GridBasis().filters(rep, rep, 1)
    assert [key[-1] for key in kept] == [3, 4, 1]


def test_bases_of_other_settings_share_nothing():
    rep = regular(Cyclic(4))
    counts = [len(basis.filters(rep, rep, 3)) for basis in BASES]
    assert counts == [36, 24, 16]


@pytest.mark.parametrize("basis", BASES, ids=str)
def test_filters_do_not_depend_on_the_mode_in_which_they_were_first_asked_for(basis):
    rep = regular(Dihedral(2))
    with torch.inference_mode(), torch.device("meta"):
        filters = basis.filters(rep, rep, 6)
        assert basis.dimension(rep, rep, 6) == len(filters)
        assert default_basis(Dihedral(2)) == GridBasis()
    assert not filters.is_inference()
    assert filters.device.type == "cpu"
    assert filters.dtype == torch.float64
    assert not filters.requires_grad


@pytest.mark.parametrize("basis", BASES, ids=str)
def test_fields_without_a_common_group_of_the_plane_are_refused(basis):
    with pytest.raises(ValueError, match=r"C4 and D4.*restrict them"):
        basis.filters(regular(Cyclic(4)), regular(Dihedral(4)), 3)
    with pytest.raises(ValueError, match="does not act on the plane"):
        basis.dimension(permutation(3), permutation(3), 3)


@pytest.mark.parametrize(
    ("group", "basis"),
    [
        (Cyclic(4), GridBasis()),
        (Dihedral(2), GridBasis()),
        (Dihedral(2, axis=0.2), RingBasis()),
        (Cyclic(6), RingBasis()),
        (SO2(), RingBasis()),
        (O2(), RingBasis()),
    ],
)
def test_the_default_is_complete_where_the_grid_allows(group, basis):
    assert default_basis(group) == basis


@pytest.mark.parametrize("group", [Cyclic(4), Dihedral(4)])
def test_rings_lie_within_the_complete_basis(group):
    rep = regular(group)
    complete = torch.linalg.qr(GridBasis().filters(rep, rep, 5).flatten(1).T).Q
    rings = RingBasis().filters(rep, rep, 5).flatten(1).T
    assert (rings - complete @ (complete.T @ rings)).abs().max() < 1e-13
    shifted = rings.roll(1, dims=0)
    assert (shifted - complete @ (complete.T @ shifted)).abs().max() > 1e-2


def test_an_empty_basis_has_the_shape_of_its_filters():
    even, odd = (irreducible(Dihedral(4), name) for name in ("0e", "0o"))
    assert GridBasis().filters(even, odd, 3).shape == (0, 1, 1, 3, 3)
    assert GridBasis().dimension(even, odd, 3) == 0
    assert RingBasis().filters(even, odd, 1).shape == (0, 1, 1, 1, 1)
