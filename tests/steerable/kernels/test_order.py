"""The order and sign of basis filters: they give the weights in a checkpoint their meaning, so they may not change.

Each figure is a sum over filters i and entries j of cos(i + 1) cos(j + 1) B_ij. A change here makes old models wrong.
"""

from __future__ import annotations

import pytest
import torch

from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.steerable.kernels.grid_basis import GridBasis
from equigen.steerable.kernels.ring_basis import RingBasis

WRITTEN = {
    "grid C4 regular": 26.379177788374275,
    "grid C4 scalar to regular, even": 10.032376327187976,
    "grid D4 regular": 52.71829650119517,
    "grid D4 quotient to vector": 4.985566257308728,
    "rings C8 regular": -8.33063025026873,
    "rings SO2": 20.408696262408178,
    "rings O2": 1.4721210565418572,
    "rings C4": -3.1165550595178555,
}


def fingerprint(filters):
    rows, entries = filters.flatten(1).shape
    row, entry = (torch.cos(torch.arange(1.0, n + 1, dtype=torch.float64)) for n in (rows, entries))
    return float(row @ filters.flatten(1) @ entry)


def cases():
    c4, d4, c8 = regular(Cyclic(4)), regular(Dihedral(4)), regular(Cyclic(8))
    return {
        "grid C4 regular": (GridBasis(), c4, c4, 3),
        "grid C4 scalar to regular, even": (GridBasis(), irreducible(Cyclic(4), "0e"), c4, 4),
        "grid D4 regular": (GridBasis(), d4, d4, 3),
        "grid D4 quotient to vector": (
            GridBasis(),
            quotient(Dihedral(4), Dihedral(1)),
            irreducible(Dihedral(4), "1"),
            3,
        ),
        "rings C8 regular": (RingBasis(), c8, c8, 5),
        "rings SO2": (RingBasis(), regular(SO2(), 2), regular(SO2(), 2), 5),
        "rings O2": (RingBasis(), regular(O2(), 1), irreducible(O2(), "1"), 3),
        "rings C4": (RingBasis(), c4, c4, 3),
    }


@pytest.mark.parametrize("name", WRITTEN)
def test_filters_keep_their_order_and_sign(name):
    basis, in_rep, out_rep, kernel_size = cases()[name]
    assert fingerprint(basis.filters(in_rep, out_rep, kernel_size)) == pytest.approx(WRITTEN[name], abs=1e-9)


@pytest.mark.parametrize("name", WRITTEN)
def test_another_order_sign_or_size_is_seen(name):
    basis, in_rep, out_rep, kernel_size = cases()[name]
    filters = basis.filters(in_rep, out_rep, kernel_size)
    for other in (filters.flip(0), -filters, 2 * filters):
        assert fingerprint(other) != pytest.approx(WRITTEN[name], abs=1e-6)
