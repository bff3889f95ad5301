"""Features that say where a node stands: by its number, by an eigenvector, by a walk. And taps by the index of a wave.

An eigenvector u is one up to its sign, and where several share an eigenvalue up to a rotation among them: which of them
a program returns depends on the numbering. A rule for the sign such as "the first entry is positive" names the first
node, and is a rule about numbers. The square of an eigenvector does not know the sign, but does know which one it is;
what all of an eigenspace have in common is the projector on it, a function of the matrix.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from equigen import random
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import normalised_adjacency
from equigen.graphs.structure import Graphs
from equigen.labs.permutation.breaking import filtered
from equigen.labs.permutation.commuting import Case, Function, squared_norm

__all__ = ["by_eigenvalue", "by_index", "number_square", "of_equals", "positioned", "sign_square", "smallest_gap"]

_WAVES = 2  # eigenvectors that are given as features
_STEPS = 3  # of the walks that return
_EQUAL = 1e-8  # eigenvalues that lie closer count as one


def positioned(graph: Graph, x: Tensor) -> list[Case]:
    """The filter of a signal to which positions are added, one function for each kind of them.

    Args:
        graph: in the numbering for which the closed forms are taken.
        x: features (n, F), float64.
    """
    return [
        Case("position: number of the node", _with(_numbers), expected=number_square(graph, x)),
        Case("position: eigenvectors, first entry positive", _with(_waves), expected=sign_square(graph, x)),
        Case("position: eigenvectors squared", _with(lambda graph: _waves(graph).square())),
        Case("position: chance that a walk returns", _with(_returns)),
    ]


def of_equals() -> list[Case]:
    """The same with the eigenvector before the last, squared, and with the projector on all that share its eigenvalue.

    On a graph where others share it, the first depends on which of them the program returns; the second does not.
    """
    return [
        Case("equal eigenvalues: one eigenvector squared", _with(_one_squared)),
        Case("equal eigenvalues: diagonal of the projector", _with(_projected)),
    ]


def by_index(graph: Graph, seed: int) -> Case:
    """U diag(h) U^T x with a tap for each place in the list of ascending eigenvalues."""
    taps = random.normal((graph.nodes,), seed=seed, stream=random.Stream.LAW, item=2, dtype=torch.float64)

    def function(graph: Graphs, x: Tensor) -> Tensor:
        vectors = torch.linalg.eigh(normalised_adjacency(graph).dense().to(x)).eigenvectors
        return vectors @ (taps.to(x)[:, None] * (vectors.mT @ x))

    return Case("taps by the index of the eigenvalue", function)


def by_eigenvalue() -> Case:
    """U diag(h(lambda)) U^T x with the response cos(2 lambda)."""

    def function(graph: Graphs, x: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(normalised_adjacency(graph).dense().to(x))
        return vectors @ (torch.cos(2.0 * values)[:, None] * (vectors.mT @ x))

    return Case("taps by the eigenvalue", function)


def smallest_gap(graph: Graph) -> float:
    """The least distance of two eigenvalues of the normalised adjacency, 0 up to rounding where two are equal."""
    return float(torch.linalg.eigvalsh(normalised_adjacency(graph).dense()).diff().min())


def number_square(graph: Graph, x: Tensor) -> float:
    """E ||f(P^T S P, P^T x) - P^T f(S, x)||^2 where the number of each node is added to all its features.

    With p the numbers less their mean, C = p p^T + s^2 (I - 1 1^T / n) is the mean of (P p - p)(P p - p)^T, s^2 their
    variance over n - 1, and G the filter: E = F tr(G C G^T) for F features.

    Args:
        graph: of the filter.
        x: features (n, F): their number counts.
    """
    n = len(x)
    p = _numbers(graph)[:, 0]
    p = p - p.mean()
    still = torch.eye(n, dtype=p.dtype) - 1.0 / n
    scatter = p[:, None] * p[None] + p.square().sum() / (n - 1) * still
    gain = filtered(graph, torch.eye(n, dtype=p.dtype))
    return x.shape[1] * float(torch.trace(gain @ scatter @ gain.T))


def sign_square(graph: Graph, x: Tensor) -> float:
    """The same for eigenvectors whose first entry is positive: a mean over the n nodes that can come first.

    Args:
        graph: with distinct eigenvalues.
        x: features (n, F): their number counts.
    """
    waves = _waves(graph)
    gained = filtered(graph, waves)
    first = torch.where(waves >= 0, 1.0, -1.0).to(waves)  # (n, waves): the sign that each gets if this node is first
    change = (first - 1.0) @ gained.T
    return x.shape[1] * squared_norm(change) / len(waves)


def _with(positions: Callable[[Graphs], Tensor]) -> Function:
    def function(graph: Graphs, x: Tensor) -> Tensor:
        return filtered(graph, x + positions(graph).sum(1, keepdim=True).to(x))

    return function


def _numbers(graph: Graphs) -> Tensor:
    """From -1 to 1 over the numbers, (n, 1)."""
    return torch.linspace(-1.0, 1.0, graph.degrees.shape[-1], dtype=torch.float64)[:, None]


def _waves(graph: Graphs) -> Tensor:
    """The last eigenvectors but one, of norm sqrt(n), each with its first entry positive, (n, waves)."""
    vectors = torch.linalg.eigh(normalised_adjacency(graph).dense().double()).eigenvectors
    chosen = vectors[:, -1 - _WAVES : -1] * len(vectors) ** 0.5
    return torch.where(chosen[:1] >= 0, chosen, -chosen)


def _one_squared(graph: Graphs) -> Tensor:
    """The square of the eigenvector before the last, of mean 1, (n, 1)."""
    vectors = torch.linalg.eigh(normalised_adjacency(graph).dense().double()).eigenvectors
    return vectors[:, -2:-1].square() * len(vectors)


def _projected(graph: Graphs) -> Tensor:
    """n times the diagonal of U U^T, with U all eigenvectors of the eigenvalue before the last, (n, 1)."""
    values, vectors = torch.linalg.eigh(normalised_adjacency(graph).dense().double())
    same = (values - values[-2]).abs() < _EQUAL
    return vectors[:, same].square().sum(1, keepdim=True) * len(vectors)


def _returns(graph: Graphs) -> Tensor:
    """diag(S^k) for k = 2, 3, 4, (n, 3)."""
    shift = normalised_adjacency(graph).dense().double()
    power, all_ = shift, []
    for _ in range(_STEPS):
        power = power @ shift
        all_.append(torch.diagonal(power))
    return torch.stack(all_, 1)
