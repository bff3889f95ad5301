"""The usual shifts of a graph, all of them functions of the graph alone, and none of the order of its nodes.

With W the weights, d_i = sum_j W_ij the degrees, and 1/d and d^-1/2 taken as 0 where d is 0, so that a node without
edges has a zero row in all of them but the last:

    adjacency                   W
    laplacian                   diag(d) - W
    normalised-adjacency        diag(d)^-1/2 W diag(d)^-1/2
    normalised-laplacian        diag(d > 0) - diag(d)^-1/2 W diag(d)^-1/2
    random-walk                 diag(d)^-1 W
    random-walk-laplacian       diag(d > 0) - diag(d)^-1 W
    renormalised-adjacency      diag(d + 1)^-1/2 (W + I) diag(d + 1)^-1/2

The last is that of graph convolutional networks: a loop of weight 1 is added to every node, and a node without edges
keeps its own features. Degrees are sums of weights with which a node hears. On directed graphs the normalised adjacency
and Laplacian take them for both sides, so that a node that hears nobody is not heard either; random walks and the last
shift keep what it says. What divides by degrees refuses negative weights.

Source: F. Chung, Spectral Graph Theory, 1997, chapter 1 (the convention for nodes without edges); T. Kipf, M. Welling,
Semi-Supervised Classification with Graph Convolutional Networks, 2017, equation 2 (the last).
"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import torch
from torch import Tensor

from equigen.graphs.shift import Shift
from equigen.graphs.structure import Graphs

__all__ = [
    "SHIFTS",
    "adjacency",
    "laplacian",
    "normalised_adjacency",
    "normalised_laplacian",
    "random_walk",
    "random_walk_laplacian",
    "renormalised_adjacency",
    "shift_of",
]


def adjacency(graph: Graphs) -> Shift:
    """W itself, of any sign.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> adjacency(Graph.from_edges([[0], [1]], 2)).dense().tolist()
        [[0.0, 0.0], [1.0, 0.0]]
    """
    return Shift(graph)


def laplacian(graph: Graphs) -> Shift:
    """diag(d) - W, of any sign.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> laplacian(Graph.from_edges([[0], [1]], 2, undirected=True)).dense().tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    degrees = graph.degrees
    return Shift(graph, left=-torch.ones_like(degrees), diagonal=degrees)


def normalised_adjacency(graph: Graphs) -> Shift:
    """diag(d)^-1/2 W diag(d)^-1/2.

    Raises:
        ValueError: negative weights.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> star = Graph.from_edges([[0, 0, 0, 0], [1, 2, 3, 4]], 5, undirected=True)
        >>> normalised_adjacency(star).dense()[0].tolist()
        [0.0, 0.5, 0.5, 0.5, 0.5]
    """
    graph.require_not_negative("the normalised adjacency")
    root = _positive(graph.degrees).rsqrt()
    return Shift(graph, left=root, right=root)


def normalised_laplacian(graph: Graphs) -> Shift:
    """diag(d > 0) - diag(d)^-1/2 W diag(d)^-1/2, with eigenvalues from 0 to 2 where W is symmetric.

    Raises:
        ValueError: negative weights.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> normalised_laplacian(Graph.from_edges([[0], [1]], 3, undirected=True)).dense().tolist()
        [[1.0, -1.0, 0.0], [-1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    graph.require_not_negative("the normalised Laplacian")
    degrees = graph.degrees
    root = _positive(degrees).rsqrt()
    return Shift(graph, left=-root, right=root, diagonal=(degrees > 0).to(degrees.dtype))


def random_walk(graph: Graphs) -> Shift:
    """diag(d)^-1 W: every node hears the mean of its neighbours.

    Raises:
        ValueError: negative weights.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> random_walk(Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)).dense()[1].tolist()
        [0.5, 0.0, 0.5]
    """
    graph.require_not_negative("the random walk")
    return Shift(graph, left=_positive(graph.degrees).reciprocal())


def random_walk_laplacian(graph: Graphs) -> Shift:
    """diag(d > 0) - diag(d)^-1 W: how far a node is from the mean of its neighbours.

    Raises:
        ValueError: negative weights.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> random_walk_laplacian(Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)).dense()[1].tolist()
        [-0.5, 1.0, -0.5]
    """
    graph.require_not_negative("the random-walk Laplacian")
    degrees = graph.degrees
    return Shift(graph, left=-_positive(degrees).reciprocal(), diagonal=(degrees > 0).to(degrees.dtype))


def renormalised_adjacency(graph: Graphs) -> Shift:
    """diag(d + 1)^-1/2 (W + I) diag(d + 1)^-1/2.

    Raises:
        ValueError: negative weights.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> renormalised_adjacency(Graph.from_edges([[0], [1]], 3, undirected=True)).dense().round(decimals=6).tolist()
        [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    """
    graph.require_not_negative("the renormalised adjacency")
    inverse = 1.0 / (graph.degrees + 1.0)
    return Shift(graph, left=inverse.sqrt(), right=inverse.sqrt(), diagonal=inverse)


SHIFTS: dict[str, Callable[[Graphs], Shift]] = {
    "adjacency": adjacency,
    "laplacian": laplacian,
    "normalised-adjacency": normalised_adjacency,
    "normalised-laplacian": normalised_laplacian,
    "random-walk": random_walk,
    "random-walk-laplacian": random_walk_laplacian,
    "renormalised-adjacency": renormalised_adjacency,
}
"""Name -> the function from a graph to its shift."""


def shift_of(graph: Graphs, name: str) -> Shift:
    """The shift of a name.

    Raises:
        ValueError: an unknown name, or weights that the shift cannot have.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> shift_of(Graph.from_edges([[0], [1]], 2), "laplacian").dense().tolist()
        [[0.0, 0.0], [-1.0, 1.0]]
    """
    if name not in SHIFTS:
        near = difflib.get_close_matches(str(name), SHIFTS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(SHIFTS)}."
        raise ValueError(f"{name!r} is no shift of a graph: {hint}")
    return SHIFTS[name](graph)


def _positive(degrees: Tensor) -> Tensor:
    """Degrees, infinite where they are 0, so that their inverses are 0 there, and so are the derivatives."""
    return torch.where(degrees > 0, degrees, torch.inf)
