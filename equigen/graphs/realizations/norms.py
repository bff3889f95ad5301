"""Numbers of each graph of a shift: whether it is symmetric, a bound of its norm, and how numbers of graphs spread."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.realizations.operation_count import places
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import interval
from equigen.graphs.structure import Graphs

__all__ = ["norm_bounds", "on_nodes", "symmetric_graphs"]

_ROUNDINGS = 8.0  # up to which an entry is that on the other side of the diagonal


def norm_bounds(shift: Shift) -> Tensor:
    """A bound of the factor by which S makes features longer, for each of its graphs: float64 (B,).

    Of a graph on which S is symmetric the largest modulus in an interval that holds its eigenvalues; of another one the
    least of its largest sum over a row and its largest sum over a column, of moduli: the norm of the one or the other
    kind.

    Example:
        >>> from equigen.graphs.side_by_side import joined
        >>> path, arrow = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True), Graph.from_edges([[0], [1]], 2)
        >>> norm_bounds(Shift(joined([path, arrow]))).tolist()
        [2.0, 1.0]
    """
    graph = shift.graph
    symmetric = interval(shift).detach().abs().amax(-1)
    if shift.symmetric or 0 in places(graph):
        return symmetric
    if isinstance(graph, Graph):
        sized = graph if graph.weights is None else graph.with_weights(graph.weights.detach().abs())
    else:
        sized = PaddedGraphs(graph.dense().detach().abs(), graph.real)
    sides = [None if side is None else side.detach().abs() for side in (shift.left, shift.right, shift.diagonal)]
    sizes = Shift(sized, *sides)
    ones = torch.ones(*places(graph), 1, dtype=torch.float64, device=graph.degrees.device)
    sums = [_largest(graph, sizes.product(ones, transposed=each)[..., 0]) for each in (False, True)]
    return torch.where(symmetric_graphs(shift), symmetric, torch.minimum(*sums))


def symmetric_graphs(shift: Shift) -> Tensor:
    """Whether S is symmetric on each of its graphs, up to rounding of its factors: bool (B,).

    Example:
        >>> from equigen.graphs.side_by_side import joined
        >>> pair, arrow = Graph.from_edges([[0], [1]], 2, undirected=True), Graph.from_edges([[0], [1]], 2)
        >>> symmetric_graphs(Shift(joined([pair, arrow]))).tolist()
        [True, False]
    """
    graph = shift.graph
    ones = torch.ones_like(graph.degrees)
    left, right = (ones if side is None else side.detach() for side in (shift.left, shift.right))
    rounding = _ROUNDINGS * torch.finfo(ones.dtype).eps
    if not isinstance(graph, Graph):
        matrix = graph.dense().detach() * left[..., :, None] * right[..., None, :]
        return torch.isclose(matrix, matrix.mT, rtol=rounding, atol=0.0).flatten(1).all(1)
    rows, columns, back = graph.rows, graph.columns, graph.back
    values = graph.weights_or_ones(ones.dtype).detach() * left[rows] * right[columns]
    # the entries of a graph are one block of the matrix and of its transpose
    other = (columns != back.columns) | ~torch.isclose(values, values[back.order], rtol=rounding, atol=0.0)
    unlike = (graph.pointer.diff() != back.pointer.diff()).index_put((rows[other],), torch.tensor(True))
    return ~_largest(graph, unlike.double()).bool()


def on_nodes(graph: Graphs, numbers: Tensor) -> Tensor:
    """Numbers of the graphs (B,) at each of their nodes, (n, 1), or (B, 1, 1) of padded graphs.

    Example:
        >>> on_nodes(Graph.from_edges([[0], [1]], 2), torch.tensor([3.0])).tolist()
        [[3.0], [3.0]]
    """
    return numbers[graph.graph_of_node, None] if isinstance(graph, Graph) else numbers[:, None, None]


def _largest(graph: Graphs, values: Tensor) -> Tensor:
    """The largest of numbers of the nodes, 0 or more, in each graph."""
    if not isinstance(graph, Graph):
        return values.amax(-1)
    return values.new_zeros(len(graph.sizes)).scatter_reduce(0, graph.graph_of_node, values, "amax")
