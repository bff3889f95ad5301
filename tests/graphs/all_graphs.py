"""One graph of every kind that a rule about graphs can stumble over, and what every one of them is held to."""

from __future__ import annotations

import torch

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.side_by_side import joined
from equigen.random import Stream, normal

__all__ = ["ALL_GRAPHS", "NOT_NEGATIVE", "SYMMETRIC", "noise", "parts", "scattered", "spread_out"]


def noise(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return normal(shape, seed=seed, stream=Stream.LAW, dtype=dtype)


def scattered(n: int, share: float, seed: int, *, symmetric: bool = True, signs: bool = False) -> Graph:
    """A random weighted graph."""
    weights = noise(n, n, seed=seed)
    weights = weights if signs else weights.abs() + 0.1
    kept = noise(n, n, seed=seed + 100) < share
    matrix = torch.where(kept, weights, 0.0)
    return Graph.from_dense((matrix + matrix.T) / 2 if symmetric else matrix)


_EDGES = torch.tensor([[0, 1, 2, 3, 0, 1], [1, 2, 3, 4, 4, 3]])
_RING = Graph.from_edges(torch.stack((torch.arange(6), (torch.arange(6) + 1) % 6)), 6, undirected=True)

ALL_GRAPHS: dict[str, Graph] = {
    "empty": Graph.from_edges([], 0),
    "one-node": Graph.from_edges([], 1),
    "one-loop": Graph.from_edges([[0], [0]], 1),
    "no-edges": Graph.from_edges([], 3),
    "pair": Graph.from_edges([[0], [1]], 2, undirected=True),
    "ring": _RING,
    "complete": Graph.from_dense(1.0 - torch.eye(4)),
    "isolated-nodes": Graph.from_edges(_EDGES + 1, 7, undirected=True),
    "loops": Graph.from_edges(torch.cat((_EDGES, torch.tensor([[0, 2], [0, 2]])), 1), 5, undirected=True),
    "directed": Graph.from_edges(_EDGES, 5),
    "arrow-and-isolated": Graph.from_edges([[0], [1]], 3),
    "multi-edges": Graph.from_edges(torch.cat((_EDGES, _EDGES[:, :3], _EDGES[:, :1]), 1), 5, undirected=True),
    "weighted": scattered(6, 0.2, 1),
    "weighted-directed": scattered(6, 0.3, 2, symmetric=False),
    "negative": scattered(6, 0.4, 3, signs=True),
    "negative-directed": scattered(5, 0.5, 4, symmetric=False, signs=True),
    "zero-weights": Graph.from_edges(
        [[0, 0, 2, 3, 3, 1], [1, 2, 2, 4, 4, 4]],
        5,
        torch.tensor([2.0, 0.0, 0.0, 1.5, -1.5, 1.0], dtype=torch.float64),
        undirected=True,
    ),
    "several-zero-weights": joined(
        [
            Graph.from_edges([[0, 1, 2, 1], [1, 0, 0, 2]], 3, torch.tensor([1.0, 2.0, 0.0, 3.0]).double()),
            scattered(3, 0.9, 8).with_weights(torch.zeros(scattered(3, 0.9, 8).entries, dtype=torch.float64)),
        ]
    ),
    "several": joined([scattered(4, 0.5, 5), Graph.from_edges([], 0), Graph.from_edges([], 1), _RING]),
    "several-directed": joined([scattered(3, 0.6, 6, symmetric=False), scattered(5, 0.3, 7, symmetric=False)]),
}
"""Name -> graph, weights in float64."""

NOT_NEGATIVE = {name: graph for name, graph in ALL_GRAPHS.items() if graph.lowest >= 0}
SYMMETRIC = {name: graph for name, graph in ALL_GRAPHS.items() if graph.symmetric}


def parts(graph: Graph) -> list[tuple[Graph, slice]]:
    """Each of the graphs side by side alone, and where its nodes are."""
    found, start = [], 0
    for size in graph.sizes.tolist():
        own = (graph.rows >= start) & (graph.rows < start + size)
        edges = torch.stack((graph.columns, graph.rows))[:, own] - start
        alone = Graph.from_edges(edges, size, graph.weights_or_ones()[own])
        found.append((alone, slice(start, start + size)))
        start += size
    return found


def spread_out(graph: Graph, x: torch.Tensor, extra: int = 2) -> tuple[PaddedGraphs, torch.Tensor]:
    """The same graphs padded, with features (B, n, F) that have large numbers in the place of nodes that are none."""
    largest = int(graph.sizes.max()) if len(graph.sizes) else 0
    padded = PaddedGraphs.of(graph, largest + extra, x.dtype)
    features = 1e3 * noise(len(graph.sizes), largest + extra, x.shape[-1], seed=50, dtype=x.dtype)
    assert padded.real is not None
    return padded, features.masked_scatter(padded.real[..., None], x)
