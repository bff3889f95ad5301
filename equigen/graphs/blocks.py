"""The matrix of each graph of a shift, taken out of those that stand side by side or are padded."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.shift import Shift

__all__ = ["blocks"]


def blocks(shift: Shift, sparse_above: int) -> Iterator[Tensor]:
    """Give the matrix of each graph by itself, without places of nodes that are none.

    Args:
        shift: of one graph or several.
        sparse_above: a sparse graph of more nodes comes in compressed rows, not as a dense matrix.

    Returns:
        float64 (m, m), one after another.

    Example:
        >>> from equigen.graphs.side_by_side import joined
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> [matrix.tolist() for matrix in blocks(Shift(joined([pair, Graph.from_edges([[0], [0]], 1)])), 100)]
        [[[0.0, 1.0], [1.0, 0.0]], [[1.0]]]
    """
    graph = shift.graph
    ones = torch.ones_like(graph.degrees).double()
    left, right = (ones if side is None else side.double() for side in (shift.left, shift.right))
    diagonal = torch.zeros_like(ones) if shift.diagonal is None else shift.diagonal.double()
    if isinstance(graph, Graph):
        yield from _parts(graph, left, right, diagonal, sparse_above)
        return
    whole = graph.dense().double() * left[:, :, None] * right[:, None, :] + torch.diag_embed(diagonal)
    for number in range(whole.shape[0]):
        if graph.real is None:
            yield whole[number]
        else:
            yield whole[number][graph.real[number]][:, graph.real[number]]


def _parts(graph: Graph, left: Tensor, right: Tensor, diagonal: Tensor, sparse_above: int) -> Iterator[Tensor]:
    """Each part of a sparse graph as a matrix of its own."""
    rows, columns = graph.rows.long(), graph.columns.long()
    values = left[rows] * graph.weights_or_ones().double() * right[columns]
    first, entry = 0, 0
    for size in graph.sizes.tolist():
        until = int(graph.pointer[first + size])
        i, j, value = rows[entry:until] - first, columns[entry:until] - first, values[entry:until]
        on = torch.arange(size, device=i.device)
        i, j, value = torch.cat((i, on)), torch.cat((j, on)), torch.cat((value, diagonal[first : first + size]))
        if size > sparse_above:
            yield torch.sparse_coo_tensor(torch.stack((i, j)), value, (size, size)).coalesce().to_sparse_csr()
        else:
            yield value.new_zeros(size, size).index_put((i, j), value, accumulate=True)
        first, entry = first + size, until
