"""Perturbations of a shift by a symmetric matrix E of a given norm.

    relative    S^ = S + E S + S E      every node hears all of its edges louder or softer by its own e_i
    additive    S^ = S + E              every edge is off by a number of its own
    dilation    S^ = (1 + e) S          all edges are off by one factor: relative with E = e/2 I

E is drawn where the graph has entries, a diagonal one for the relative perturbation, so that edges are never made up
and never vanish from the list; its norm is the largest absolute eigenvalue.

Source: F. Gama, J. Bruna, A. Ribeiro, Stability Properties of Graph Neural Networks, 2020, definitions 1, 2 and
equation 12.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import extreme_eigenvalues
from equigen.random import Stream, normal, uniform

__all__ = ["Additive", "Dilation", "Perturbation", "Relative"]


class Perturbation(ABC):
    """A change of a symmetric shift, of a given size.

    Example:
        >>> from equigen.graphs.shifts import adjacency
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> Dilation(0.5).applied(adjacency(pair)).dense().tolist()
        [[0.0, 1.5], [1.5, 0.0]]
    """

    name: ClassVar[str]
    """The kind, as a word."""
    size: float
    """The norm of E, or the factor less 1."""

    @abstractmethod
    def error(self, shift: Shift) -> Tensor:
        """E as a matrix (n, n), float64."""

    @abstractmethod
    def applied(self, shift: Shift) -> Shift:
        """The shift perturbed, on the same nodes and entries.

        Raises:
            ValueError: a shift that is not symmetric, or one of padded graphs.
        """


@dataclass(frozen=True)
class Relative(Perturbation):
    """S + E S + S E with E = diag(e), e_i uniform and the largest of them +- size: entry (i, j) times 1 + e_i + e_j.

    Args:
        size: the norm of E, not negative.
        seed: of the numbers.

    Raises:
        ValueError: a size that is negative or not finite.

    Example:
        >>> from equigen.graphs.shifts import adjacency
        >>> shift = adjacency(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> e, perturbed = Relative(0.1).error(shift), Relative(0.1).applied(shift).dense()
        >>> torch.allclose(perturbed, shift.dense() + e @ shift.dense() + shift.dense() @ e)
        True
    """

    size: float
    seed: int = 0
    name: ClassVar[str] = "relative"

    def __post_init__(self) -> None:
        _require_size(self.size, 0.0)

    def error(self, shift: Shift) -> Tensor:
        """See `Perturbation.error`."""
        return torch.diag(self._factors(_graph_of(shift)))

    def applied(self, shift: Shift) -> Shift:
        """See `Perturbation.applied`."""
        graph = _graph_of(shift)
        e = self._factors(graph)
        weights = graph.weights_or_ones() * (1.0 + (e[graph.rows] + e[graph.columns]))
        diagonal = None if shift.diagonal is None else shift.diagonal * (1.0 + 2.0 * e)
        return Shift(graph.with_weights(weights), shift.left, shift.right, diagonal)

    def _factors(self, graph: Graph) -> Tensor:
        """e (n,), the numbers of the nodes."""
        draws = uniform((graph.nodes,), seed=self.seed, stream=Stream.LAW, dtype=torch.float64, device=graph.device)
        e = 2.0 * draws - 1.0
        return self.size * e / e.abs().amax() if graph.nodes else e


@dataclass(frozen=True)
class Additive(Perturbation):
    """S + E with normal numbers on the entries of the graph, the same in both directions, of the norm `size`.

    Args:
        size: the norm of E, not negative; a graph without entries is not perturbed.
        seed: of the numbers.

    Raises:
        ValueError: a size that is negative or not finite.

    Example:
        >>> from equigen.graphs.shifts import laplacian
        >>> shift = laplacian(Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True))
        >>> e = Additive(0.1).applied(shift).dense() - shift.dense()
        >>> round(float(torch.linalg.matrix_norm(e, 2)), 9)
        0.1
    """

    size: float
    seed: int = 0
    name: ClassVar[str] = "additive"

    def __post_init__(self) -> None:
        _require_size(self.size, 0.0)

    def error(self, shift: Shift) -> Tensor:
        """See `Perturbation.error`."""
        return self._drawn(_graph_of(shift)).dense()

    def applied(self, shift: Shift) -> Shift:
        """See `Perturbation.applied`."""
        graph = _graph_of(shift)
        entries = graph.weights_or_ones()
        ones = torch.ones_like(graph.degrees)
        left, right = (ones if side is None else side for side in (shift.left, shift.right))
        entries = entries * (left[graph.rows] * right[graph.columns])
        entries = 0.5 * (entries + entries[graph.back.order])  # equal in both directions to the last bit
        error = self._drawn(graph).weights_or_ones()
        return Shift(graph.with_weights(entries + error), diagonal=shift.diagonal)

    def _drawn(self, graph: Graph) -> Graph:
        """E as a graph with the same entries."""
        z = normal((graph.entries,), seed=self.seed, stream=Stream.LAW, dtype=torch.float64, device=graph.device)
        z = z + z[graph.back.order]
        drawn = graph.with_weights(z)
        largest = float(extreme_eigenvalues(Shift(drawn)).abs().max()) if graph.entries else 0.0
        return graph.with_weights(z * (self.size / largest)) if largest else drawn


@dataclass(frozen=True)
class Dilation(Perturbation):
    """(1 + size) S, the relative perturbation with E = size/2 I.

    Args:
        size: above -1.

    Raises:
        ValueError: a size of -1 or less, or one that is not finite.

    Example:
        >>> from equigen.graphs.shifts import adjacency
        >>> Dilation(0.5).error(adjacency(Graph.from_edges([[0], [1]], 2, undirected=True))).tolist()
        [[0.25, 0.0], [0.0, 0.25]]
    """

    size: float
    name: ClassVar[str] = "dilation"

    def __post_init__(self) -> None:
        _require_size(self.size, math.nextafter(-1.0, 0.0))

    def error(self, shift: Shift) -> Tensor:
        """See `Perturbation.error`."""
        graph = _graph_of(shift)
        return self.size / 2 * torch.eye(graph.nodes, dtype=torch.float64, device=graph.device)

    def applied(self, shift: Shift) -> Shift:
        """See `Perturbation.applied`."""
        _graph_of(shift)
        return shift.scaled(1.0 + self.size)


def _require_size(size: float, least: float) -> None:
    if not least <= size < math.inf:
        needed = "above -1" if least else "0 or more"
        raise ValueError(f"size is {size}, but a perturbation has a finite one, {needed}: 0.1, say.")


def _graph_of(shift: Shift) -> Graph:
    """The sparse graph of a symmetric shift."""
    if not isinstance(shift.graph, Graph):
        raise ValueError("shift is one of padded graphs, but perturbations are of sparse ones: graph.packed().")
    if not shift.symmetric:
        raise ValueError(
            "shift is not symmetric, but what is known of stability is for symmetric ones: make the graph undirected "
            "and take the adjacency, the Laplacian, or one normalised on both sides."
        )
    return shift.graph
