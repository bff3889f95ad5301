"""From free numbers to filters: a steerable filter is a sum of basis filters, block by block.

A filter from fields of type rho_in to fields of type rho_out, kept by the group, is

    K = sum_i w_i K_i,   K_i(g x) = rho_out(g) K_i(x) rho_in(g)^-1,

for each pair of an output and an input field. Fields of one term of a type share the K_i, so that all pairs of fields
of two terms are one product of matrices (m_out m_in, n) x (n, d_out d_in k^2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

import torch
from torch import Tensor

from equigen.steerable.modes import outside_modes

if TYPE_CHECKING:
    from equigen.groups.representation import Representation
    from equigen.steerable.field_type import FieldType
    from equigen.steerable.kernels.basis import KernelBasis

__all__ = [
    "Block",
    "bias_table",
    "blocks_between",
    "expand_bias",
    "expand_filter",
    "filter_table",
    "initial_scales",
    "unreached_irreps",
]

_TABLES: WeakValueDictionary[tuple[object, ...], Tensor] = WeakValueDictionary()


@dataclass(frozen=True)
class Block:
    """What leads from one term of the input type to one term of the output type.

    Args:
        row: number of the term in the output type.
        column: number of the term in the input type.
        fields: (m_out, m_in), multiplicities of the two terms.
        sizes: (d_out, d_in), sizes of their representations.
        filters: n, the number of basis filters between two of their fields.

    Example:
        >>> Block(0, 0, fields=(8, 4), sizes=(2, 1), filters=3).weights
        96
    """

    row: int
    column: int
    fields: tuple[int, int]
    sizes: tuple[int, int]
    filters: int

    @property
    def weights(self) -> int:
        """How many free numbers the block has: m_out m_in n."""
        return self.fields[0] * self.fields[1] * self.filters


def filter_table(
    basis: KernelBasis,
    in_rep: Representation,
    out_rep: Representation,
    kernel_size: int,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Basis filters between two fields, one a row, shared by all layers that ask for the same.

    They are computed in float64 and then cast; whoever holds the table keeps it alive.

    Args:
        basis: which filters.
        in_rep: representation d_in of an input field.
        out_rep: representation d_out of an output field.
        kernel_size: side of the filters in pixels.
        dtype: of the table.
        device: of the table.

    Returns:
        (n, d_out d_in k^2); each row has the squared norm d_out. It must not be written to.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.kernels.grid_basis import GridBasis
        >>> filter_table(GridBasis(), regular(Cyclic(4)), regular(Cyclic(4)), 3).shape
        torch.Size([36, 144])
    """
    key = (basis, in_rep, out_rep, kernel_size, dtype, str(device))
    table = _TABLES.get(key)
    if table is None:
        with outside_modes():
            filters = basis.filters(in_rep, out_rep, kernel_size)
            table = filters.flatten(1).to(device, dtype)
        if type(table) is Tensor:
            _TABLES[key] = table
    return table


def blocks_between(in_type: FieldType, out_type: FieldType, kernel_size: int, basis: KernelBasis) -> list[list[Block]]:
    """The blocks of a filter, a list for each term of the output type, in the order of the terms.

    Raises:
        ValueError: no filter leads to some term of the output type, whose fields would be zero.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.field_type import FieldType
        >>> from equigen.steerable.kernels.grid_basis import GridBasis
        >>> rows = blocks_between(FieldType(Cyclic(4), "3x0e"), FieldType(Cyclic(4), "8x0e + 4x1"), 3, GridBasis())
        >>> [[block.filters for block in row] for row in rows]
        [[3], [4]]
    """
    rows = []
    for row, (_, m_out, out_rep) in enumerate(out_type.parts()):
        blocks = []
        for column, (_, m_in, in_rep) in enumerate(in_type.parts()):
            filters = basis.dimension(in_rep, out_rep, kernel_size)
            blocks.append(Block(row, column, (m_out, m_in), (out_rep.size, in_rep.size), filters))
        if not any(block.filters for block in blocks):
            raise ValueError(_without_filters(in_type, m_out, out_rep, kernel_size, basis))
        rows.append(blocks)
    return rows


def _without_filters(
    in_type: FieldType, fields: int, out_rep: Representation, kernel_size: int, basis: KernelBasis
) -> str:
    """Say that no filter leads to a term, and which kernel size would have one."""
    sizes = range(kernel_size + 1, kernel_size + 7)
    reps = [in_rep for _, _, in_rep in in_type.parts()]
    larger = next((k for k in sizes if any(basis.dimension(rep, out_rep, k) for rep in reps)), None)
    return (
        f"{basis} has no filter of {kernel_size} x {kernel_size} pixels from {in_type} to {fields}x{out_rep} under "
        f"{in_type.group.name}, but each field of the output needs one: "
        + ("pass " if larger is None else f"pass kernel_size={larger}, or ")
        + f"an out_type without {fields}x{out_rep}."
    )


def unreached_irreps(in_type: FieldType, out_type: FieldType, kernel_size: int, basis: KernelBasis) -> tuple[str, ...]:
    """The irreps of output fields that no filter leads to, so that they stay zero, as "3 of regular(3)".

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.steerable.field_type import FieldType
        >>> from equigen.steerable.kernels.ring_basis import RingBasis
        >>> types = FieldType(SO2(), "1x0e"), FieldType(SO2(), "8xregular(3)")
        >>> unreached_irreps(*types, 5, RingBasis()), unreached_irreps(*types, 5, RingBasis(cutoff=3))
        (('3 of regular(3)',), ())
    """
    found = []
    for _, _, out_rep in out_type.parts():
        powers = [_powers(basis, in_rep, out_rep, kernel_size) for _, _, in_rep in in_type.parts()]
        each = zip(out_rep.irreps, zip(*powers, strict=True), strict=True)
        found += [f"{irrep} of {out_rep}" for irrep, power in each if sum(power) < 1e-20]
    return tuple(dict.fromkeys(found))


@lru_cache(maxsize=256)
def _powers(basis: KernelBasis, in_rep: Representation, out_rep: Representation, kernel_size: int) -> tuple[float, ...]:
    """The sum of squares of the filters that lead to each irrep of the output field."""
    with outside_modes():
        filters = basis.filters(in_rep, out_rep, kernel_size).transpose(0, 1).flatten(1)
        power = (out_rep.change_of_basis.T @ filters).square().sum(dim=1)
        return tuple(float(part.sum()) for part in power.split([irrep.size for irrep in out_rep.irreps]))


def initial_scales(rows: list[list[Block]]) -> list[float]:
    """The standard deviation of initial weights, for each term of the output type: 1/sqrt(sum over inputs of m_in n).

    Each basis filter has the squared norm d_out, so on white input of unit variance the d_out channels of an output
    field have unit variance on average.

    Example:
        >>> initial_scales([[Block(0, 0, (8, 4), (2, 1), 3), Block(0, 1, (8, 1), (2, 2), 4)]])
        [0.25]
    """
    return [1 / math.sqrt(sum(block.fields[1] * block.filters for block in row)) for row in rows]


def expand_filter(weight: Tensor, rows: list[list[Block]], tables: Sequence[Tensor], kernel_size: int) -> Tensor:
    """The filter that the weights stand for: K = sum_i w_i K_i for each pair of fields.

    Args:
        weight: all weights in a row, blocks in order, each (m_out, m_in, n).
        rows: the blocks.
        tables: (n, d_out d_in k^2) for each block that has filters, in order.
        kernel_size: k.

    Returns:
        (C_out, C_in, k, k), differentiable in `weight`.

    Example:
        >>> rows = [[Block(0, 0, fields=(2, 1), sizes=(1, 1), filters=1)]]
        >>> expand_filter(torch.tensor([1.0, 3.0]), rows, [torch.ones(1, 4)], 2).sum(dim=(1, 2, 3))
        tensor([ 4., 12.])
    """
    pieces = iter(weight.split([block.weights for row in rows for block in row if block.filters]))
    table = iter(tables)
    bands = []
    for row in rows:
        band = []
        for block in row:
            (m_out, m_in), (d_out, d_in) = block.fields, block.sizes
            shape = (m_out * d_out, m_in * d_in, kernel_size, kernel_size)
            if block.filters:
                product = next(pieces).reshape(m_out * m_in, block.filters) @ next(table)
                fields = product.reshape(m_out, m_in, d_out, d_in, kernel_size, kernel_size)
                band.append(fields.transpose(1, 2).reshape(shape))
            else:
                band.append(weight.new_zeros(shape))
        bands.append(torch.cat(band, dim=1) if len(band) > 1 else band[0])
    return torch.cat(bands) if len(bands) > 1 else bands[0]


def bias_table(representation: Representation) -> Tensor:
    """The vectors of a field that the group leaves alone, one a row, each with 1 as its entry of largest size.

    A constant may be added along these only. They are the columns of the change of basis that belong to trivial irreps;
    for a regular representation, the vector of ones.

    Returns:
        float64 (t, d).

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Cyclic
        >>> bias_table(regular(Cyclic(4))).tolist()
        [[1.0, 1.0, 1.0, 1.0]]
    """
    table = representation.invariants().T
    largest = table.gather(1, table.abs().argmax(dim=1, keepdim=True))
    return table / largest


def expand_bias(bias: Tensor, parts: list[tuple[int, Tensor]]) -> Tensor:
    """A value for every channel that the group leaves alone.

    Args:
        bias: all free numbers in a row, (m, t) for each term.
        parts: (multiplicity m, invariant vectors (t, d)) of each term.

    Returns:
        (C,), differentiable in `bias`.

    Example:
        >>> expand_bias(torch.tensor([5.0]), [(1, torch.ones(1, 2)), (1, torch.ones(0, 2))])
        tensor([5., 5., 0., 0.])
    """
    pieces = bias.split([m * len(table) for m, table in parts])
    fields = [piece.reshape(m, len(table)) @ table for piece, (m, table) in zip(pieces, parts, strict=True)]
    return torch.cat([field.reshape(-1) for field in fields])
