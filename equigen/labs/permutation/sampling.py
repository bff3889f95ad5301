"""A mean over a few random neighbours instead of all of them: not one function, but one law of functions.

Every node hears k of its d neighbours, a random set, drawn from noise that belongs to its place. Renumbered, it hears
another set. The mean of k out of d numbers with variance s^2 (over d - 1) has the variance s^2 (1 / k - 1 / d), so that
with R sets averaged

    E ||f(P^T S P, P^T x) - P^T f(S, x)||^2 = (2 / R) sum_i s_i^2 (1 / k_i - 1 / d_i),      k_i = min(k, d_i),

over permutations and noise: the two sets are independent, for a random numbering brings the neighbours in a random
order even where a node keeps its place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.graphs.graph import Graph
from equigen.graphs.structure import Graphs
from equigen.labs.permutation.commuting import squared_norm
from equigen.symmetry.permuting import permutation_error

__all__ = ["TAKEN", "Averaged", "averaged", "decay", "sampled_mean", "sampling_square"]

TAKEN = 2
"""Neighbours that a node hears."""


@dataclass(frozen=True)
class Averaged:
    """Means over so many random sets of neighbours, renumbered.

    Args:
        draws: sets that are averaged.
        mean_square: of the error over permutations and noise, relative to the mean of all neighbours.
        mean_square_error: its standard error.
        expected: the same in closed form.
        least: the smallest relative error of a trial.
    """

    draws: int
    mean_square: float
    mean_square_error: float
    expected: float
    least: float


def sampled_mean(graph: Graphs, x: Tensor, draws: int, seed: int, trial: int) -> Tensor:
    """For every node the mean over random sets of its neighbours, of some sets averaged, (n, F).

    Args:
        graph: whose entries say who is heard.
        x: features (n, F).
        draws: sets; other numbers of them have other noise.
        seed: of the noise.
        trial: other trials, too.
    """
    heard, item = graph.dense() != 0, torch.arange(draws)
    n = len(heard)
    noise = random.uniform(
        (n, n), seed=seed, stream=random.Stream.METRIC, item=item, step=trial, draw=draws, dtype=torch.float64
    )
    place = (heard.long().cumsum(1) - 1).clamp(min=0)
    noise = torch.where(heard, noise.gather(2, place.expand_as(noise)), math.inf)
    taken = heard.sum(1).clamp(max=TAKEN)
    chosen = (noise.argsort(2).argsort(2) < taken[:, None]).double().mean(0)
    return (chosen / taken.clamp(min=1)[:, None]).to(x) @ x


def sampling_square(graph: Graphs, x: Tensor) -> float:
    """E ||f(P^T S P, P^T x) - P^T f(S, x)||^2 for one set of neighbours, over permutations and noise."""
    total = 0.0
    for row in graph.dense() != 0:
        count = int(row.sum())
        if count > TAKEN:
            total += 2.0 * float(x[row].var(0).sum()) * (1.0 / TAKEN - 1.0 / count)
    return total


def averaged(graph: Graph, x: Tensor, counts: Sequence[int], trials: int, seed: int) -> list[Averaged]:
    """The error under a random permutation and with noise of its own, trial by trial.

    Args:
        graph: in its first numbering.
        x: features (n, F), float64.
        counts: numbers of sets that are averaged.
        trials: of each.
        seed: of permutations and noise.
    """
    heard = (graph.dense() != 0).to(x)
    size = squared_norm(heard @ x / heard.sum(1, keepdim=True).clamp(min=1.0))
    whole = sampling_square(graph, x) / size
    found = []
    for draws in counts:
        squares = torch.tensor([_square(graph, x, draws, trial, seed) for trial in range(trials)]) / size
        error = float(squares.std()) / math.sqrt(trials)
        found.append(Averaged(draws, float(squares.mean()), error, whole / draws, float(squares.min()) ** 0.5))
    return found


def decay(found: Sequence[Averaged]) -> tuple[float, float]:
    """The slope of the logarithm of the root mean square over that of the draws, and its standard error.

    Example:
        >>> slope, error = decay([Averaged(1, 1.0, 0.0, 1.0, 0.9), Averaged(4, 0.25, 0.0, 0.25, 0.2)])
        >>> round(slope, 6), error
        (-0.5, 0.0)
    """
    at = torch.tensor([math.log(one.draws) for one in found])
    value = torch.tensor([0.5 * math.log(one.mean_square) for one in found])
    error = torch.tensor([0.5 * one.mean_square_error / one.mean_square for one in found])
    lever = (at - at.mean()) / (at - at.mean()).square().sum()
    return float((lever * value).sum()), float((lever * error).norm())


def _square(graph: Graph, x: Tensor, draws: int, trial: int, seed: int) -> float:
    """The squared error of one trial."""
    g = random.permutation(len(x), seed=seed, stream=random.Stream.ELEMENT, item=1, step=trial, draw=draws)

    def function(graph: Graphs, x: Tensor) -> Tensor:
        return sampled_mean(graph, x, draws, seed, trial)

    relative = permutation_error(function, graph, x, permutations=g[None]).largest
    return relative**2 * squared_norm(function(graph, x))
