"""Several graphs as one of blocks, and one as several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

import torch
from torch import Tensor

from equigen.graphs.entries import Transpose
from equigen.graphs.graph import Graph

__all__ = ["divided", "joined"]


def joined(graphs: Sequence[Graph]) -> Graph:
    """Put graphs side by side as one of blocks: the nodes of the first, then those of the second, and so on.

    Raises:
        ValueError: no graph.

    Example:
        >>> two = joined([Graph.from_edges([[0], [1]], 2), Graph.from_edges([[0], [0]], 1)])
        >>> two.sizes.tolist(), two.dense().tolist()
        ([2, 1], [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    """
    if not graphs:
        raise ValueError("graphs is empty, but one graph or more stand side by side: give a list of them.")
    nodes = [0, *accumulate(graph.nodes for graph in graphs)]
    entries = [0, *accumulate(graph.entries for graph in graphs)]

    def pointers(each: Sequence[Tensor]) -> Tensor:
        return torch.cat([each[0][:1], *(p[1:] + start for p, start in zip(each, entries, strict=False))])

    def moved(each: Sequence[Tensor], starts: Sequence[int]) -> Tensor:
        return torch.cat([part + start for part, start in zip(each, starts, strict=False)])

    weights, given = None, [graph.weights.dtype for graph in graphs if graph.weights is not None]
    if given:
        weights = torch.cat([graph.weights_or_ones(given[0]) for graph in graphs])
    back = Transpose(
        pointers([graph.back.pointer for graph in graphs]),
        moved([graph.back.columns for graph in graphs], nodes),
        moved([graph.back.order for graph in graphs], entries),
    )
    return Graph(
        pointers([graph.pointer for graph in graphs]),
        moved([graph.columns for graph in graphs], nodes),
        weights,
        back,
        all(graph.symmetric for graph in graphs),
        torch.cat([graph.sizes for graph in graphs]),
    )


def divided(graph: Graph, sizes: Tensor) -> Graph:
    """Take the same nodes and entries as several graphs side by side.

    Args:
        graph: whose nodes come in the order of the parts.
        sizes: whole numbers (B,), the number of nodes of each.

    Raises:
        ValueError: they do not add up to the nodes, or an edge leads from one part to another.

    Example:
        >>> divided(Graph.from_edges([[0], [1]], 5), torch.tensor([2, 3]))
        Graph(nodes=5, entries=1, graphs=2, directed)
    """
    whole = sizes.ndim == 1 and not (sizes.is_floating_point() or sizes.is_complex() or sizes.dtype == torch.bool)
    if not whole or bool((sizes < 0).any()) or int(sizes.sum()) != graph.nodes:
        raise ValueError(
            f"sizes is {sizes.tolist()}, but parts have whole numbers of nodes (B,) that add up to {graph.nodes}: "
            "a size for each."
        )
    parts = replace(graph, sizes=sizes.to(graph.device, torch.int64))
    of = parts.graph_of_node
    if bool((of[graph.rows] != of[graph.columns]).any()):
        raise ValueError(f"sizes is {sizes.tolist()}, but an edge leads from one part to another: other sizes.")
    return parts
