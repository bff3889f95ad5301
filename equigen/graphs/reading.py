"""Graphs of other libraries as graphs of this one, and back.

Sources are known by what they offer, so that none of these libraries is needed to read the others.

    torch, numpy      a square matrix is W: the row hears the column
    torch sparse      the same, every stored entry being one
    scipy sparse      the same
    networkx          an edge u -> v: v hears u; undirected edges both ways; nodes in the order of `source.nodes`
    PyTorch Geometric `edge_index` has sources, then targets; weights are `edge_weight`, or else `weight` (as
                      `from_networkx` has it), and `edge_attr` is not read; a `Batch` is its graphs side by side

networkx writes the edge u -> v of a directed graph into row u of its matrix, where here it stands in row v:
as_graph(G) and as_graph(networkx.to_numpy_array(G)) are each other's transposes, those for scipy likewise.

A stored entry of weight 0 is an edge of weight 0; a dense matrix has none of these.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from equigen.graphs.entries import as_numbers
from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.side_by_side import divided

__all__ = ["as_edges", "as_graph"]


def as_graph(source: Any, weight: str | None = "weight") -> Graph:
    """Read a graph of another library.

    Args:
        source: a networkx graph, a scipy sparse matrix or array, `Data` or `Batch` of PyTorch Geometric, a square
            matrix of torch (dense or sparse) or numpy, `PaddedGraphs`, or a `Graph`, which is handed back.
        weight: the attribute of networkx's edges that holds their weights, 1 where an edge has none; None: all are 1.
            Of other sources it is not read.

    Raises:
        TypeError: none of these; a networkx graph whose weights are no numbers.
        ValueError: not square, nodes that there are not, weights that are not finite or several for each edge, or
            another attribute than "weight" that no edge has.

    Error: none; weights keep their dtype, whole numbers become float64.

    Example:
        >>> import networkx
        >>> as_graph(networkx.star_graph(3))
        Graph(nodes=4, entries=6, symmetric)
        >>> as_graph(torch.tensor([[0.0, 2.0], [0.0, 0.0]]))
        Graph(nodes=2, entries=1, weighted, directed)
    """
    if isinstance(source, Graph):
        return source
    if isinstance(source, PaddedGraphs):
        return source.packed()
    if isinstance(source, np.ndarray):
        source = as_numbers(source, "source")
    if isinstance(source, Tensor):
        return Graph.from_dense(source) if source.layout == torch.strided else _of_sparse_tensor(source)
    if hasattr(source, "is_directed") and hasattr(source, "edges") and hasattr(source, "nodes"):
        return _of_networkx(source, weight)
    if hasattr(source, "tocoo"):
        return _of_scipy(source)
    if getattr(source, "edge_index", None) is not None:
        return _of_geometric(source)
    raise TypeError(
        f"source is a {type(source).__name__}, but a graph of networkx, a sparse matrix of scipy, Data of PyTorch "
        "Geometric or a square matrix is read: Graph.from_edges(edges, n) takes edges."
    )


def as_edges(graph: Graph | PaddedGraphs) -> tuple[Tensor, Tensor | None]:
    """Give sources and targets of all edges, and their weights, as PyTorch Geometric takes them.

    Args:
        graph: of any layout; the nodes of padded graphs are numbered one graph after the other, without padding.

    Returns:
        int64 (2, E), sources above targets, and the weights (E,), None where all are 1.

    Example:
        >>> edges, weights = as_edges(Graph.from_edges([[0, 2], [1, 1]], 3))
        >>> edges.tolist(), weights
        ([[0, 2], [1, 1]], None)
    """
    graph = graph.packed() if isinstance(graph, PaddedGraphs) else graph
    return torch.stack((graph.columns, graph.rows)).long(), graph.weights


def _of_networkx(source: Any, weight: str | None) -> Graph:
    number = {node: place for place, node in enumerate(source.nodes)}
    ends, weights = [], []
    for u, v, data in source.edges(data=True):
        ends.append((number[u], number[v]))
        weights.append(1 if weight is None else data.get(weight, 1))
    if weight not in (None, "weight") and ends and not any(weight in data for *_, data in source.edges(data=True)):
        raise ValueError(f"no edge has the attribute {weight!r}, but it is asked for: another one, or weight=None.")
    try:
        values = torch.tensor([float(each) for each in weights], dtype=torch.float64)
    except (TypeError, ValueError) as fault:
        raise TypeError(
            f"the attribute {weight!r} of the edges holds what is no number: weight=None, or another attribute."
        ) from fault
    edges = torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T
    return Graph.from_edges(edges, len(number), values, undirected=not source.is_directed())


def _of_scipy(source: Any) -> Graph:
    entries = source.tocoo()
    rows, columns = (torch.from_numpy(np.array(part, dtype=np.int64)) for part in (entries.row, entries.col))
    return _of_entries(tuple(source.shape), rows, columns, as_numbers(entries.data, "source"))


def _of_sparse_tensor(source: Tensor) -> Graph:
    entries = source.to_sparse_coo().coalesce()
    if entries.sparse_dim() != 2 or entries.dense_dim():
        raise ValueError(f"source has shape {tuple(source.shape)}, but a graph is one matrix of numbers: (n, n).")
    rows, columns = entries.indices()
    return _of_entries(tuple(source.shape), rows, columns, entries.values())


def _of_entries(shape: tuple[int, ...], rows: Tensor, columns: Tensor, weights: Tensor) -> Graph:
    if len(shape) != 2 or shape[0] != shape[1]:
        raise ValueError(f"source has shape {shape}, but a graph is square: give (nodes, nodes).")
    if weights.is_complex():
        raise TypeError(f"source is {weights.dtype}, but weights are real numbers: source.real.")
    return Graph.from_edges(torch.stack((columns, rows)), shape[0], weights)


def _of_geometric(source: Any) -> Graph:
    name, weights = _weights_of_geometric(source)
    n = source.num_nodes
    if n is None:
        raise ValueError("source does not say how many nodes it has, but some may have no edge: source.num_nodes = n.")
    if weights is not None and weights.numel() != source.edge_index.shape[-1]:
        raise ValueError(
            f"{name} has shape {tuple(weights.shape)}, but an edge of a graph has one weight: source.edge_weight = "
            f"source.{name}[:, 0], say, and the rest as features of edges."
        )
    graph = Graph.from_edges(source.edge_index, n, None if weights is None else weights.flatten())
    ends = getattr(source, "ptr", None)
    return graph if ends is None else divided(graph, ends.diff())


def _weights_of_geometric(source: Any) -> tuple[str, Tensor | None]:
    """The weights of edges by the names under which they come; `edge_attr` holds features."""
    for name in ("edge_weight", "weight"):
        if getattr(source, name, None) is not None:
            return name, as_numbers(getattr(source, name), name)
    return "edge_weight", None
