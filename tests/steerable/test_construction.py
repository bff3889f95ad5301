"""A network of many layers is built once for each kind of pair: work is counted, not timed."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable import expansion
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.kernels import basis as basis_module
from equigen.steerable.kernels.basis import KernelBasis
from equigen.steerable.kernels.default import default_basis

NETWORKS = [
    (Cyclic(4), "{0}xregular", 3),
    (Dihedral(4), "{0}xregular + {0}x1", 3),
    (Cyclic(16), "{0}xregular", 5),
    (SO2(), "{0}x0e + {0}x1 + {0}x2", 5),
    (O2(), "{0}x0e + {0}x1 + {0}x2", 5),
]
EACH = pytest.mark.parametrize(("group", "fields", "kernel_size"), NETWORKS, ids=[n[0].name for n in NETWORKS])
WIDTHS = [4] * 10 + [8] * 20 + [16] * 20
BUILT: list[str] = []


@dataclass(frozen=True)
class Counted(KernelBasis):
    """A basis that says what it computes."""

    inner: KernelBasis

    def supports(self, group):
        return self.inner.supports(group)

    def _built(self, in_rep, out_rep, kernel_size):
        BUILT.append(f"{in_rep} -> {out_rep}")
        return self.inner._built(in_rep, out_rep, kernel_size)

    def _count(self, in_rep, out_rep, kernel_size):
        return self.inner._count(in_rep, out_rep, kernel_size)


def network(group, fields: str, kernel_size: int) -> nn.Sequential:
    types = [FieldType(group, "1x0e"), *(FieldType(group, fields.format(width)) for width in WIDTHS)]
    basis = Counted(default_basis(group))
    pairs = itertools.pairwise(types)
    return nn.Sequential(*(SteerableConv2d(a, b, kernel_size, padding=kernel_size // 2, basis=basis) for a, b in pairs))


@EACH
def test_fifty_layers_compute_each_pair_once(group, fields, kernel_size):
    BUILT.clear()
    layers = network(group, fields, kernel_size)
    names = [str(rep) for _, rep in FieldType(group, fields.format(1)).terms]
    assert sorted(BUILT) == sorted({f"{a} -> {b}" for a in ("0e", *names) for b in names})
    assert len(layers) == 50
    BUILT.clear()
    network(group, fields, kernel_size)
    assert BUILT == []
    layers.double()
    assert len(BUILT) == len(set(BUILT))


def test_no_large_filters_are_kept_beside_the_tables():
    """A table in single precision is all that is left of the 27.6 MiB of 288 filters of 16 x 16 x 7 x 7."""
    fields = FieldType(Cyclic(16), "1xregular")
    layer = SteerableConv2d(fields, fields, 7)
    assert layer._tables[0].nbytes == 288 * 16 * 16 * 7 * 7 * 4
    assert sum(filters.nbytes for filters, _ in basis_module._KEPT.values()) <= 2**20
    alike = [table for table in expansion._TABLES.values() if table.numel() == layer._tables[0].numel()]
    assert {table.dtype for table in alike} == {torch.float32}


@EACH
def test_fifty_layers_hold_each_table_once(group, fields, kernel_size):
    layers = network(group, fields, kernel_size)
    used = [table for layer in layers for table in layer._tables[: -len(layer._rows)]]  # type: ignore[index, arg-type, union-attr]
    tables = {buffer.data_ptr() for buffer in used}
    parts = len(fields.split("+"))
    assert len(tables) <= parts * (parts + 1)
    assert len(used) >= 16 * len(tables)  # most are used by nearly every layer


def test_a_basis_of_ones_own_makes_the_work_again():
    """The planted fault: a basis that does not compare by value is computed by every layer."""

    class Unequal(Counted):
        def __eq__(self, other: object) -> bool:
            return self is other

        def __hash__(self) -> int:
            return id(self)

    BUILT.clear()
    fields = FieldType(Cyclic(4), "1xregular")
    for _ in range(3):
        SteerableConv2d(fields, fields, 3, basis=Unequal(default_basis(Cyclic(4))))
    assert len(BUILT) == 3


def test_parameters_are_few():
    layers = network(*NETWORKS[2])
    assert len(list(layers.parameters())) == 100
    assert all(isinstance(p, nn.Parameter) and p.dtype == torch.float32 for p in layers.parameters())
