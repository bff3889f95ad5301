"""How far a function of a graph and of features on it is from commuting with the renumbering of nodes.

For each permutation P of the nodes, one that leaves every node in its graph, with W the entries of the graph and x the
features,

    error(P) = ||f(P W P^T, P x) - P f(W, x)|| / ||f(W, x)||,

where P moves the rows of results on the nodes, the places of results on the edges, and nothing of a result for each
graph. Nothing is interpolated, so that the floor is 0: what is no larger than rounding is exact, all else is broken.

Of padded graphs all places are permuted, those of nodes that are none among them, and the results there are compared.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import count as counting
from typing import Any

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.permuted import renumbered
from equigen.random import Stream, permutation
from equigen.symmetry.error import EquivarianceError, rounding

__all__ = ["permutation_error"]

_RESULTS = ("nodes", "graph", "edges")


def permutation_error(
    function: Callable[[Any, Tensor], Tensor],
    graph: Graph | PaddedGraphs,
    x: Tensor,
    *,
    result: str = "nodes",
    permutations: Tensor | int = 8,
    seed: int = 0,
) -> EquivarianceError:
    """Measure ||f(P W P^T, P x) - P f(W, x)|| / ||f(W, x)|| for some permutations of the nodes.

    Args:
        function: of a graph of this layout and features on it; deterministic.
        graph: one, or several side by side or padded.
        x: features (*, n, F) of a sparse graph, (B, n, F) of padded ones.
        result: what the function gives: "nodes", (*, n, F) or (B, n, F); "graph", a row for each graph, (B, ...);
            "edges", a row for each entry, (E, ...), of a sparse graph, and (B, n, n, ...) of padded ones.
        permutations: how many random ones, each of them of every graph, none the identity where two nodes or more can
            be permuted; or int64 rows as `renumbered` takes them, (k, n), or (k, B, n) for padded graphs.
        seed: of the random ones.

    Returns:
        Errors by permutation, of all graphs together and of the worst; exact means up to `rounding` of the dtype, the
        coarser one of features and results. The verdict is "exact" or "broken".

    Raises:
        ValueError: no permutation, or none that moves anything; results that are zero, or of another shape than
            `result` says.

    Error: norms are taken in float64.

    Source: for the measure F. Gama, E. Isufi, G. Leus, A. Ribeiro, Graphs, Convolutions, and Neural Networks, 2020,
    section III.

    Example:
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> x = torch.tensor([[1.0], [2.0], [4.0]])
        >>> permutation_error(lambda graph, x: graph.product(x), path, x).verdict
        'exact'
        >>> swap = torch.tensor([[1, 0, 2]])
        >>> found = permutation_error(lambda graph, x: x.cumsum(0), path, x, permutations=swap)
        >>> found.verdict, round(found.largest, 3)                  # (2, 3, 7) against (3, 1, 7)
        ('broken', 0.291)
    """
    if result not in _RESULTS:
        raise ValueError(f"result is {result!r}, but a function gives one of {', '.join(map(repr, _RESULTS))}.")
    elements = _random(graph, permutations, seed) if isinstance(permutations, int) else permutations
    if elements.ndim < 2 or len(elements) == 0:
        raise ValueError(f"permutations has shape {tuple(elements.shape)}, but one or more come as rows: g[None].")
    start = function(graph, x).detach()
    _require_shape(start, graph, result)
    size = _norms(start, graph, result)
    if not bool(start.any()):
        raise ValueError("function gives zeros only, but an error is relative to its size: give other features.")
    rows, moves = [], False
    for g in elements:
        there = renumbered(graph, g)
        moves = moves or _moves(g, there, graph, x, start, result)
        moved = function(there, _moved(x, graph, g, "nodes")).detach()
        goal = _moved(start, graph, g, result)
        if moved.shape != goal.shape:
            raise ValueError(
                f"function gives shape {tuple(moved.shape)} on the graph renumbered, but {tuple(goal.shape)} on the "
                "graph: give one that keeps the shape."
            )
        apart = _norms(moved - goal, there, result)
        worst = torch.where(apart == 0, apart, apart / size).flatten()
        rows.append((float(apart.norm() / size.norm()), float(worst.max())))
    if not moves:
        raise ValueError(
            "no permutation moves anything of the graph, the features or the result, but then every function is exact: "
            "give other permutations, or a graph or features in which nodes differ."
        )
    error, worst = torch.tensor(rows, dtype=torch.float64).unbind(-1)
    exact = max(rounding(x.dtype), rounding(start.dtype))
    return EquivarianceError(elements, error, worst, torch.zeros_like(error), exact)


def _random(graph: Graph | PaddedGraphs, count: int, seed: int) -> Tensor:
    """Random permutations (count, n) that leave nodes in their graphs, or (count, B, n) of padded graphs."""
    padded = isinstance(graph, PaddedGraphs)
    sizes = [graph.matrix.shape[1]] * len(graph.matrix) if padded else graph.sizes.tolist()
    device = graph.matrix.device if padded else graph.device
    starts = [0 if padded else sum(sizes[:part]) for part in range(len(sizes))]
    join = torch.stack if padded else torch.cat

    def drawn(k: int, draw: int) -> list[Tensor]:
        where = {"seed": seed, "stream": Stream.ELEMENT, "step": k, "draw": draw}
        return [permutation(n, item=part, **where) for part, n in enumerate(sizes)]

    def one(k: int) -> Tensor:
        """Drawn again while it is the identity, if there are others."""
        tried = (drawn(k, draw) for draw in counting())
        moving = (parts for parts in tried if max(sizes) < 2 or any(bool((g.diff() != 1).any()) for g in parts))
        return join([start + g for start, g in zip(starts, next(moving), strict=True)])

    rows = [one(k) for k in range(count)] if sizes else []
    return torch.stack(rows).to(device) if rows else torch.empty(0, 0, dtype=torch.int64, device=device)


def _moves(
    g: Tensor, there: Graph | PaddedGraphs, graph: Graph | PaddedGraphs, x: Tensor, start: Tensor, result: str
) -> bool:
    """Whether P moves places of the result, entries of the graph, or features."""
    places = torch.arange(start.numel(), device=start.device).reshape(start.shape)
    pairs = [(places, _moved(places, graph, g, result)), (x, _moved(x, graph, g, "nodes"))]
    names = ("matrix", "real", "edges") if isinstance(graph, PaddedGraphs) else ("pointer", "columns", "weights")
    pairs += [(getattr(graph, name), getattr(there, name)) for name in names if getattr(graph, name) is not None]
    return any(not torch.equal(before, after) for before, after in pairs)


def _require_shape(y: Tensor, graph: Graph | PaddedGraphs, result: str) -> None:
    """Refuse results that P cannot move."""
    if isinstance(graph, PaddedGraphs):
        batch, n, _ = graph.matrix.shape
        needed = {"nodes": (batch, n), "graph": (batch,), "edges": (batch, n, n)}[result]
        fits, extra = y.shape[: len(needed)] == needed, {"nodes": ", F"}.get(result, ", ...")
    else:
        needed = {"nodes": (graph.nodes,), "graph": (len(graph.sizes),), "edges": (graph.entries,)}[result]
        fits = y.shape[-2:-1] == needed if result == "nodes" else y.shape[:1] == needed
        extra = {"nodes": ", F"}.get(result, ", ...")
    if not fits:
        written = f"({', '.join(map(str, needed))}{extra})"
        raise ValueError(
            f"function gives shape {tuple(y.shape)}, but a result of kind {result!r} on these graphs is {written}: "
            f"name another of {', '.join(_RESULTS)}."
        )


def _moved(y: Tensor, graph: Graph | PaddedGraphs, g: Tensor, result: str) -> Tensor:
    """P y: what stood at place i stands at place g[i]."""
    if result == "graph":
        return y
    if isinstance(graph, PaddedGraphs):
        batch, n, _ = graph.matrix.shape
        source = g.argsort(-1).expand(batch, n)
        item = torch.arange(batch, device=y.device)[:, None]
        return y[item, source] if result == "nodes" else y[item[..., None], source[:, :, None], source[:, None, :]]
    if result == "nodes":
        return y.index_select(-2, g.argsort())
    order = (g[graph.rows] * graph.nodes + g[graph.columns]).argsort()
    return y[order]


def _norms(y: Tensor, graph: Graph | PaddedGraphs, result: str) -> Tensor:
    """The norm of the result of each graph, float64, (..., B)."""
    y = y.double()
    if result == "graph" or isinstance(graph, PaddedGraphs):
        return y.reshape(len(y), math.prod(y.shape[1:])).norm(dim=1)
    of = graph.graph_of_node
    if result == "edges":
        squares, of = y.reshape(len(y), math.prod(y.shape[1:])).square().sum(1), of[graph.rows]
    else:
        squares = y.square().sum(-1)
    return squares.new_zeros(*squares.shape[:-1], len(graph.sizes)).index_add(-1, of, squares).sqrt()
