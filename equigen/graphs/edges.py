"""What is said along the edges of a graph, and how a node sums it up.

Features of nodes (*, n, F) become, with the nodes as the first axis of a sparse graph (`by_node`),

    sparse graph     nodes (n, ...)         edges (E, ...), in the order of the entries
    padded graphs    nodes (B, n, ...)      edges (B, n, n, ...), [b, i, j] being said by j to i

An edge is an entry of a sparse graph, whatever its weight, and of padded graphs what `edge_mask` says. What stands in
the place of an edge that is none is not read.

Nothing said gives 0: the sum, the mean and the largest over no edge are 0, and so is what a softmax over none weighs.
"""

from __future__ import annotations

import difflib

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs, edge_mask
from equigen.graphs.structure import Graphs

__all__ = [
    "AGGREGATIONS",
    "by_node",
    "check_aggregation",
    "edge_features",
    "edge_reduce",
    "edge_softmax",
    "edge_weights",
    "from_nodes",
    "heard",
    "hearing",
]

AGGREGATIONS = ("sum", "mean", "max")
"""How a node sums up what it hears; none of them knows an order."""


def check_aggregation(how: str) -> str:
    """Refuse what is no aggregation.

    Raises:
        ValueError: another name.

    Example:
        >>> check_aggregation("mean")
        'mean'
    """
    if how not in AGGREGATIONS:
        near = difflib.get_close_matches(str(how), AGGREGATIONS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"take one of {', '.join(AGGREGATIONS)}."
        raise ValueError(f"{how!r} is no way to sum up what a node hears: {hint}")
    return how


def by_node(graph: Graphs, x: Tensor) -> Tensor:
    """Put the nodes of a sparse graph first, (*, n, F) -> (n, *, F); padded features stay as they are, masked.

    Example:
        >>> pair = Graph.from_edges([[0], [1]], 2)
        >>> by_node(pair, torch.zeros(5, 2, 3)).shape
        torch.Size([2, 5, 3])
    """
    return x.movedim(-2, 0) if isinstance(graph, Graph) else graph.masked(x)


def from_nodes(graph: Graphs, y: Tensor) -> Tensor:
    """Undo `by_node`, with zeros in the place of nodes that are none.

    Example:
        >>> pair = Graph.from_edges([[0], [1]], 2)
        >>> from_nodes(pair, torch.zeros(2, 5, 3)).shape
        torch.Size([5, 2, 3])
    """
    return y.movedim(0, -2) if isinstance(graph, Graph) else graph.masked(y)


def edge_weights(graph: Graphs, like: Tensor) -> Tensor:
    """The weights on the edges, (E, 1, ...) or (B, n, n, 1, ...), 1 where padded graphs have no edge.

    Args:
        graph: of any layout.
        like: features by node, for the dtype and the number of axes.

    Example:
        >>> edge_weights(Graph.from_edges([[0], [1]], 2, [3.0]), torch.zeros(2, 7)).tolist()
        [[3.0]]
    """
    if isinstance(graph, PaddedGraphs):
        weights = torch.where(edge_mask(graph), graph.matrix, 1.0).to(like.dtype)
        return weights.reshape(*weights.shape, *[1] * (like.ndim - 2))
    weights = _sparse(graph).weights_or_ones(like.dtype).to(like.dtype)
    return weights.reshape(-1, *[1] * (like.ndim - 1))


def edge_features(graph: Graphs, edges: Tensor, like: Tensor) -> Tensor:
    """Features of the edges, (E, D) or (B, n, n, D), beside those of their ends.

    Args:
        graph: of any layout.
        edges: in the order of the entries.
        like: what is of an end of each edge, (E, *, F) or (B, n, n, F).

    Returns:
        (E, *, D), or (B, n, n, D).

    Raises:
        ValueError: another number of edges, or no axis of features.

    Example:
        >>> edge_features(Graph.from_edges([[0], [1]], 2), torch.tensor([[3.0]]), torch.zeros(1, 2, 7)).tolist()
        [[[3.0], [3.0]]]
    """
    _check_edges(graph, edges, "edges")
    places = 3 if isinstance(graph, PaddedGraphs) else 1
    if edges.ndim != places + 1:
        raise ValueError(
            f"edges has shape {tuple(edges.shape)}, but needs one axis of features: edges[..., None], say."
        )
    spread = edges.reshape(*edges.shape[:-1], *[1] * (like.ndim - edges.ndim), edges.shape[-1])
    return spread.expand(*like.shape[:-1], edges.shape[-1])


def hearing(graph: Graphs, x: Tensor) -> Tensor:
    """Give x_i for every edge (i, j): what is of the node that hears.

    Args:
        graph: of any layout.
        x: by node, (n, ...) or (B, n, ...).

    Returns:
        (E, ...), or (B, n, n, ...).

    Example:
        >>> hearing(Graph.from_edges([[0], [1]], 2), torch.tensor([[3.0], [5.0]])).tolist()
        [[5.0]]
    """
    if isinstance(graph, PaddedGraphs):
        return x[:, :, None].expand(*graph.matrix.shape, *x.shape[2:])
    return x.index_select(0, _sparse(graph).rows)


def heard(graph: Graphs, x: Tensor) -> Tensor:
    """Give x_j for every edge (i, j): what is of the node that is heard.

    Args:
        graph: of any layout.
        x: by node, (n, ...) or (B, n, ...).

    Returns:
        (E, ...), or (B, n, n, ...).

    Example:
        >>> heard(Graph.from_edges([[0], [1]], 2), torch.tensor([[3.0], [5.0]])).tolist()
        [[3.0]]
    """
    if isinstance(graph, PaddedGraphs):
        return x[:, None, :].expand(*graph.matrix.shape, *x.shape[2:])
    return x.index_select(0, _sparse(graph).columns)


def edge_reduce(graph: Graphs, messages: Tensor, how: str) -> Tensor:
    """Sum up for every node what it hears.

        sum     y_i = sum_j m_ij
        mean    y_i = sum_j m_ij / (number of edges into i)
        max     y_i = the largest m_ij, feature by feature; ties share the derivative

    Args:
        graph: of any layout.
        messages: (E, ...), or (B, n, n, ...) for padded graphs.
        how: one of `AGGREGATIONS`.

    Returns:
        (n, ...), or (B, n, ...); 0 for a node that hears nobody.

    Raises:
        ValueError: another number of messages, or an unknown way.

    Error: that of a sum over one row in the dtype of the messages.

    Example:
        >>> into_2 = Graph.from_edges([[0, 1], [2, 2]], 3)
        >>> said = torch.tensor([[1.0], [5.0]])
        >>> [edge_reduce(into_2, said, how).flatten().tolist() for how in AGGREGATIONS]
        [[0.0, 0.0, 6.0], [0.0, 0.0, 3.0], [0.0, 0.0, 5.0]]
    """
    check_aggregation(how)
    _check_edges(graph, messages, "messages")
    if isinstance(graph, PaddedGraphs):
        return _padded_reduce(edge_mask(graph), messages, how)
    graph = _sparse(graph)
    counts = graph.pointer.diff().reshape(-1, *[1] * (messages.ndim - 1))
    if how == "max":
        return torch.where(counts > 0, _largest(graph, messages), 0.0)
    y = _added(graph, messages)
    return y if how == "sum" else y / counts.clamp(min=1).to(y.dtype)


def edge_softmax(graph: Graphs, scores: Tensor) -> Tensor:
    """Weigh what each node hears: positive numbers that add up to 1 over the edges into it.

        a_ij = exp(s_ij) / sum_k exp(s_ik),        the sum over the edges into i

    Args:
        graph: of any layout.
        scores: (E, ...), heads last, or (B, n, n, ...) for padded graphs; minus infinity leaves an edge out.

    Returns:
        Of the same shape, 0 where there is no edge.

    Raises:
        ValueError: another number of scores.

    Error: relative 1e-6 in float32, 1e-15 in float64, for scores of any size; the largest of a row is taken off.

    Example:
        >>> into_2 = Graph.from_edges([[0, 1], [2, 2]], 3)
        >>> edge_softmax(into_2, torch.tensor([[1000.0], [1000.0]])).flatten().tolist()
        [0.5, 0.5]
    """
    _check_edges(graph, scores, "scores")
    if isinstance(graph, PaddedGraphs):
        if scores.shape[2] == 0:
            return scores
        mask = edge_mask(graph).reshape(*graph.matrix.shape, *[1] * (scores.ndim - 3))
        scores = torch.where(mask, scores, -torch.inf)
        parts = (scores - _finite(scores.detach().amax(2, keepdim=True))).exp()
        return parts / _not_zero(parts.sum(2, keepdim=True))
    graph = _sparse(graph)
    parts = (scores - hearing(graph, _finite(_largest(graph, scores.detach())))).exp()
    return parts / hearing(graph, _not_zero(_added(graph, parts)))


def _padded_reduce(edges: Tensor, messages: Tensor, how: str) -> Tensor:
    """`edge_reduce` for messages (B, n, n, ...) and the places of edges (B, n, n)."""
    mask = edges.reshape(*edges.shape, *[1] * (messages.ndim - 3))
    if how == "max" and messages.shape[2]:
        largest = torch.where(mask, messages, -torch.inf).amax(2)
        return torch.where(mask.any(2), largest, 0.0)
    y = torch.where(mask, messages, 0.0).sum(2)
    return y / mask.sum(2).clamp(min=1).to(y.dtype) if how == "mean" else y


def _added(graph: Graph, values: Tensor) -> Tensor:
    """The sum of the values (E, ...) in every row, (n, ...)."""
    return values.new_zeros(graph.nodes, *values.shape[1:]).scatter_add(0, _rows(graph, values), values)


def _largest(graph: Graph, values: Tensor) -> Tensor:
    """The largest of the values (E, ...) in every row, minus infinity where there are none: (n, ...)."""
    lowest = values.new_full((graph.nodes, *values.shape[1:]), -torch.inf)
    return lowest.scatter_reduce(0, _rows(graph, values), values, "amax")


def _rows(graph: Graph, values: Tensor) -> Tensor:
    """The row of each number: expanded, not repeated, for which torch's sums are fastest."""
    return graph.rows.long().reshape(-1, *[1] * (values.ndim - 1)).expand_as(values)


def _finite(largest: Tensor) -> Tensor:
    return torch.where(largest == -torch.inf, 0.0, largest)


def _not_zero(sums: Tensor) -> Tensor:
    return torch.where(sums == 0, 1.0, sums)


def _sparse(graph: Graphs) -> Graph:
    """The graph as the sparse one that it is.

    Raises:
        TypeError: neither sparse nor padded.
    """
    if not isinstance(graph, Graph):
        raise TypeError(f"graph is a {type(graph).__name__}, but must be a Graph or PaddedGraphs: as_graph(...).")
    return graph


def _check_edges(graph: Graphs, values: Tensor, name: str) -> None:
    """Refuse another number of values than there are edges."""
    needed = tuple(graph.matrix.shape) if isinstance(graph, PaddedGraphs) else (_sparse(graph).entries,)
    if tuple(values.shape[: len(needed)]) != needed:
        shape = ", ".join(map(str, needed))
        raise ValueError(f"{name} has shape {tuple(values.shape)}, but this graph needs one each edge: ({shape}, ...).")
