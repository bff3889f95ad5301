"""What every map on graphs is held to, each rule an assertion that a planted fault must break."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from equigen.graphs.graph import Graph
from equigen.graphs.structure import Graphs
from equigen.symmetry.permuting import permutation_error
from tests.graphs.all_graphs import noise, parts, spread_out

__all__ = ["require_derivatives", "require_equivariance", "require_separate"]

Map = Callable[[Graphs, torch.Tensor], torch.Tensor]


def require_equivariance(function: Map, graph: Graph, x: torch.Tensor, result: str = "nodes") -> None:
    """f(P W P^T, P x) = P f(W, x), of the sparse graph and of padded ones."""
    layouts = [(graph, x)] if result == "edges" else [(graph, x), spread_out(graph, x)]
    for layout, features in layouts:
        if graph.nodes == 0 or (result == "edges" and graph.entries == 0):
            continue  # nothing to move
        if layout is graph and int(graph.sizes.max()) < 2:
            continue  # no other order
        count = 1 if graph.nodes > 3 else 3  # of few nodes many permutations move none
        if not bool(function(layout, features).any()):
            continue  # nothing is heard: zero is zero in any order
        found = permutation_error(function, layout, features, result=result, permutations=count, seed=3)
        assert found.verdict == "exact", f"{type(layout).__name__}: {found}"


def require_separate(function: Map, graph: Graph, x: torch.Tensor, result: str = "nodes") -> None:
    """Graphs side by side, each alone and padded give the same, and nothing where a node is none."""
    whole = function(graph, x)
    padded, features = spread_out(graph, x)
    spread = function(padded, features)
    assert padded.real is not None
    for k, (part, place) in enumerate(parts(graph)):
        alone = function(part, x[..., place, :])
        expected = whole[place] if result == "nodes" else whole[k : k + 1]
        _require_close(alone, expected, f"graph {k} alone")
    if result == "nodes":
        _require_close(spread[padded.real], whole, "padded")
        assert not bool(spread[~padded.real].any()), "something stands in the place of nodes that are none"
    else:
        _require_close(spread, whole, "padded")


def require_derivatives(function: Map, graph: Graph, x: torch.Tensor, learned: Sequence[torch.Tensor] = ()) -> None:
    """Derivatives by features and parameters against differences in float64, of the sparse graph and of padded ones."""
    for layout, features in ((graph, x), spread_out(graph, x)):
        given = [features.clone().requires_grad_(), *learned]
        y = function(layout, given[0])
        if y.numel() == 0:
            continue
        weights = noise(*y.shape, seed=60)
        slopes = torch.autograd.grad((weights * y).sum(), given, allow_unused=True)
        ways = [noise(*each.shape, seed=61 + k) for k, each in enumerate(given)]
        slope = sum(float((a * b).sum()) for a, b in zip(slopes, ways, strict=True) if a is not None)
        ends = []
        with torch.no_grad():
            for step in (1e-6, -1e-6):
                _move(learned, ways[1:], step)
                ends.append(float((weights * function(layout, features + step * ways[0])).sum()))
                _move(learned, ways[1:], -step)
        difference = (ends[0] - ends[1]) / 2e-6
        size = max(1.0, abs(slope), 1e-3 * max(abs(end) for end in ends))
        assert abs(slope - difference) <= 1e-6 * size, f"{type(layout).__name__}: {slope} is not {difference}"


def _move(learned: Sequence[torch.Tensor], ways: Sequence[torch.Tensor], step: float) -> None:
    for each, way in zip(learned, ways, strict=True):
        each += step * way


def _require_close(found: torch.Tensor, expected: torch.Tensor, what: str) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10, msg=lambda text: f"{what}: {text}")
