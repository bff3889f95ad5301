"""What a graph hears of those beside it: padding, and statistics over a batch.

Neither depends on the numbering. But a graph in a batch should have the result that it has alone, and a test of
permutations does not ask for that: it holds the company fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.structure import Graphs
from equigen.labs.permutation.breaking import filtered
from equigen.labs.permutation.commuting import squared_norm
from equigen.symmetry.permuting import permutation_error

__all__ = ["OVER", "Company", "Padding", "company", "padding"]

OVER = ("the nodes of each graph", "all nodes of the batch", "all places, padding too")
"""What mean and deviation are taken over."""
_SMALL = 1e-5  # under the root, as batch normalisation has it


@dataclass(frozen=True)
class Padding:
    """The mean over the nodes of a graph to which places without a node are added.

    Args:
        added: places.
        masked: relative change of the mean over nodes.
        plain: relative change of the mean over all places.
        expected: what the latter is in closed form, m / (n + m).
    """

    added: int
    masked: float
    plain: float
    expected: float


@dataclass(frozen=True)
class Company:
    """Features less their mean, over their deviation.

    Args:
        over: what both are taken over.
        renumbered: largest error under permutations of each graph, relative.
        beside: relative change of a graph's result when it stands beside others.
        padded: relative change of the whole result when places are added.
    """

    over: str
    renumbered: float
    beside: float
    padded: float


def padding(graph: Graph, x: Tensor, added: Sequence[int]) -> list[Padding]:
    """The mean of the filtered features over nodes and over places.

    Args:
        graph: one.
        x: features (n, F), float64.
        added: numbers of places without a node.
    """
    n, found = len(x), []
    alone = filtered(graph, x).mean(0)
    for m in added:
        graphs, real = _padded([graph], n + m)
        y = filtered(graphs, _filled([x], n + m))
        masked, plain = graphs.masked(y).sum(1) / real.sum(1, keepdim=True), y.mean(1)
        found.append(Padding(m, _relative(masked[0], alone), _relative(plain[0], alone), m / (n + m)))
    return found


def company(graphs: Sequence[Graph], x: Sequence[Tensor], added: int, permutations: int, seed: int) -> list[Company]:
    """Filtered features, standardised in three ways: renumbered, beside other graphs, and padded.

    Args:
        graphs: of different sizes.
        x: features (n, F) of each, float64.
        added: places without a node.
        permutations: random ones.
        seed: of the permutations.
    """
    n = max(len(one) for one in x)
    batch, real = _padded(graphs, n)
    alone, _ = _padded(graphs[:1], n)
    wide, wide_real = _padded(graphs, n + added)
    found = []
    for over in OVER:
        function = _standardised(over)
        together = function(batch, _filled(x, n))
        found.append(
            Company(
                over,
                permutation_error(function, batch, _filled(x, n), permutations=permutations, seed=seed).largest,
                _relative(together[:1][real[:1]], function(alone, _filled(x[:1], n))[real[:1]]),
                _relative(function(wide, _filled(x, n + added))[wide_real], together[real]),
            )
        )
    return found


def _standardised(over: str) -> Callable[[Graphs, Tensor], Tensor]:
    def function(graphs: Graphs, x: Tensor) -> Tensor:
        graphs = cast("PaddedGraphs", graphs)
        y = filtered(graphs, x)
        real = torch.ones_like(y[..., :1]) if graphs.real is None else graphs.real[..., None].to(y)
        count, axes = (torch.ones_like(real), (0, 1)) if over == OVER[2] else (real, (0, 1))
        axes = (1,) if over == OVER[0] else axes
        size = count.sum(axes, keepdim=True)
        mean = (count * y).sum(axes, keepdim=True) / size
        variance = (count * (y - mean).square()).sum(axes, keepdim=True) / size
        return graphs.masked((y - mean) / (variance + _SMALL).sqrt())

    return function


def _padded(graphs: Sequence[Graph], n: int) -> tuple[PaddedGraphs, Tensor]:
    parts = [PaddedGraphs.of(graph, n, torch.float64) for graph in graphs]
    real = torch.cat([torch.arange(n)[None] < graph.nodes for graph in graphs])
    return PaddedGraphs(torch.cat([part.matrix for part in parts]), real), real


def _filled(x: Sequence[Tensor], n: int) -> Tensor:
    """Features with zeros in the place of nodes that are none, (B, n, F)."""
    out = x[0].new_zeros(len(x), n, x[0].shape[1])
    for row, one in zip(out, x, strict=True):
        row[: len(one)] = one
    return out


def _relative(a: Tensor, b: Tensor) -> float:
    return (squared_norm(a - b) / squared_norm(b)) ** 0.5
