"""All that the lab permutation measures, together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.labs.lab import Tell
from equigen.labs.permutation.breaking import broken, first_two_square, repaired
from equigen.labs.permutation.commuting import Case, Commuting, commuting, squared_norm
from equigen.labs.permutation.crowding import Company, Padding, company, padding
from equigen.labs.permutation.obeying import Realized, layer_cases, network_cases, readout_cases, realized
from equigen.labs.permutation.positions import by_eigenvalue, by_index, of_equals, positioned, smallest_gap
from equigen.labs.permutation.sampling import Averaged, averaged
from equigen.labs.permutation.setting import Drawn, drawn, features, ring, wheel
from equigen.symmetry.permuting import permutation_error

__all__ = ["Found", "Pair", "Waves", "found_by", "pair"]

_COUNTS = (1, 4, 16, 64)  # sets of neighbours that are averaged
_PLACES = (0, 3, 10, 30, 90)  # that are added to a graph
_OTHERS = (0.7, 1.2)  # sizes of the graphs beside it, relative


@dataclass(frozen=True)
class Pair:
    """The filter diag(1, 0) x on two joined nodes, x = (1, 2).

    Args:
        result: f(S, x).
        renumbered: f(P^T S P, P^T x).
        moved: P^T f(S, x).
        error: the distance of the last two, relative to the first.
    """

    result: Sequence[float]
    renumbered: Sequence[float]
    moved: Sequence[float]
    error: float


@dataclass(frozen=True)
class Waves:
    """Spectral filters of one graph.

    Args:
        graph: its name.
        gap: least distance of two eigenvalues.
        index: of taps by the index of the eigenvalue.
        eigenvalue: of taps by the eigenvalue.
    """

    graph: str
    gap: float
    index: Commuting
    eigenvalue: Commuting


@dataclass(frozen=True)
class Found:
    """Everything that the lab measures.

    Args:
        drawn: the graph, with places of its nodes.
        x: features of its nodes (n, F), float64.
        pair: the example of two nodes.
        realizations: of each form, filter and shift.
        networks: of each shift.
        layers: of each kind.
        readouts: of each kind.
        broken: tables over the numbers of the nodes.
        repaired: the same made from what a renumbering carries along.
        positions: features that say where a node stands; the first two name numbers, the others do not.
        equals: positions from eigenvectors on a graph with equal eigenvalues: one squared, and the projector.
        waves: spectral filters, of the graph and of a ring.
        averaged: means over random sets of neighbours.
        first_two: root mean square error of the first two neighbours, in the same units, in closed form.
        padding: of the mean over nodes.
        company: of features less their mean over their deviation.
    """

    drawn: Drawn
    x: Tensor
    pair: Pair
    realizations: Sequence[Realized]
    networks: Sequence[Commuting]
    layers: Sequence[Commuting]
    readouts: Sequence[Commuting]
    broken: Sequence[Commuting]
    repaired: Sequence[Commuting]
    positions: Sequence[Commuting]
    equals: Sequence[Commuting]
    waves: Sequence[Waves]
    averaged: Sequence[Averaged]
    first_two: float
    padding: Sequence[Padding]
    company: Sequence[Company]


def found_by(nodes: int, permutations: int, draws: int, seed: int, tell: Tell = lambda stage: None) -> Found:
    """Measure all of it.

    Args:
        nodes: of the graph.
        permutations: of what should commute.
        draws: permutations of what should not, whose mean is compared with a closed form.
        seed: of everything.
        tell: called with a few words before each stage.
    """
    setting, x = drawn(nodes, seed), features(nodes, seed)
    graph = setting.graph

    def few(cases: Sequence[Case]) -> list[Commuting]:
        return [commuting(case, graph, x, permutations, seed) for case in cases]

    def many(cases: Sequence[Case]) -> list[Commuting]:
        return [commuting(case, graph, x, draws, seed) for case in cases]

    tell("realizations")
    forms = realized(graph, x, permutations, seed)
    tell("networks and layers")
    obeying = few(network_cases(seed)), few(layer_cases(seed)), few(readout_cases(seed))
    tell("tables over the numbers of the nodes")
    at = positioned(graph, x)
    tables = many(broken(graph, x, seed)), few(repaired(seed)), [*many(at[:2]), *few(at[2:])]
    equals = [commuting(case, wheel(nodes), x, permutations, seed) for case in of_equals()]
    waves = [_waves("random", graph, x, permutations, seed), _waves("ring", ring(nodes), x, permutations, seed)]
    tell("neighbours drawn at random")
    sets = averaged(graph, x, _COUNTS, max(draws // 4, 2), seed)
    tell("padding and batches")
    others = [max(6, round(share * nodes)) for share in _OTHERS]
    graphs = [graph, *(drawn(n, seed + 1 + k).graph for k, n in enumerate(others))]
    signals = [x, *(features(n, seed + 1 + k) for k, n in enumerate(others))]
    beside = company(graphs, signals, _PLACES[2], permutations, seed)
    first = first_two_square(graph, x) / squared_norm(_mean_of_neighbours(graph, x))
    padded = padding(graph, x, _PLACES)
    return Found(setting, x, pair(), forms, *obeying, *tables, equals, waves, sets, math.sqrt(first), padded, beside)


def pair() -> Pair:
    """The smallest example: two nodes, taps that belong to places.

    Example:
        >>> pair().result, pair().renumbered, pair().moved
        ([1.0, 0.0], [2.0, 0.0], [0.0, 1.0])
    """
    graph = Graph.from_edges([[0], [1]], 2, undirected=True)
    x, taps = torch.tensor([[1.0], [2.0]], dtype=torch.float64), torch.tensor([[1.0], [0.0]], dtype=torch.float64)
    swap = torch.tensor([1, 0])
    error = permutation_error(lambda _, x: taps * x, graph, x, permutations=swap[None]).largest
    result = taps * x
    return Pair(result[:, 0].tolist(), (taps * x[swap])[:, 0].tolist(), result[swap, 0].tolist(), error)


def _waves(name: str, graph: Graph, x: Tensor, permutations: int, seed: int) -> Waves:
    index, value = (commuting(case, graph, x, permutations, seed) for case in (by_index(graph, seed), by_eigenvalue()))
    return Waves(name, smallest_gap(graph), index, value)


def _mean_of_neighbours(graph: Graph, x: Tensor) -> Tensor:
    heard = (graph.dense() != 0).to(x)
    return heard @ x / heard.sum(1, keepdim=True).clamp(min=1.0)
