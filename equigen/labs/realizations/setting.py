"""What the lab realizations measures on: two graphs, and one filter as a rational function and as polynomials.

With S = D^-1 W the filter averages over random walks of all lengths, the next step being taken with probability psi:

    r(lambda) = (1 - psi) / (1 - psi lambda) = (1 - psi) sum_k psi^k lambda^k.

With the normalised adjacency, S = D^-1/2 W D^-1/2, it is that average between two scalings:

    r(S) = D^1/2 r(D^-1 W) D^-1/2.

On a symmetric S with eigenvalues in [-1, 1] all that this lab says of its order is in closed form. With a = 1 / psi and
rho = a + sqrt(a^2 - 1), its expansion in Chebyshev polynomials T_k is

    r = (1 - psi) / (psi sqrt(a^2 - 1)) (1 + 2 sum_k rho^-k T_k),

which cut after K errs by sum over k > K, and no polynomial of order K errs less than
(1 - psi) / psi rho^-K / (a^2 - 1), while the series of powers errs by psi^(K + 1). At psi = 0.8 rho is 2.

Source: P. Chebyshev, 1859 (the best approximation of 1 / (a - x)); T. Rivlin, Chebyshev Polynomials, 1990, section 2.5;
J. Gasteiger, A. Bojchevski, S. Günnemann, Predict then propagate, 2019 (the filter as part of a network).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from equigen.data.graph_sets import block_model
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.graph import Graph
from equigen.random import Stream, normal

__all__ = ["BETWEEN", "COMMUNITIES", "INSIDE", "Setting", "ring", "setting"]

INSIDE, BETWEEN = 0.5, 0.05
"""Probabilities of an edge inside a community and between two."""

COMMUNITIES = 4
"""Of the graph of blocks."""


@dataclass(frozen=True, eq=False)
class Setting:
    """Graphs, a signal and the filter.

    Args:
        graph: of communities.
        ring: a closed chain of as many nodes.
        x: a signal, float64 (n, F).
        psi: the filter's.
        order: of the polynomials that stand for it.

    Example:
        >>> shown = setting(nodes=16, order=8, psi=0.8, seed=0)
        >>> round(shown.rho, 6), round(shown.best(8) * 2**8, 6), round(shown.cut(8) * 2**8, 6)
        (2.0, 0.444444, 0.666667)
    """

    graph: Graph
    ring: Graph
    x: Tensor
    psi: float
    order: int

    @property
    def rho(self) -> float:
        """By which the error falls with each order."""
        return 1.0 / self.psi + math.sqrt(self.psi**-2 - 1.0)

    @property
    def rational(self) -> Rational:
        """The filter itself."""
        one = torch.tensor([1.0 - self.psi], dtype=torch.float64)
        return Rational(one, torch.tensor([1.0, -self.psi], dtype=torch.float64))

    def taps(self, order: int) -> Tensor:
        """Of the expansion in Chebyshev polynomials, float64 (order + 1,)."""
        first = (1.0 - self.psi) / (self.psi * math.sqrt(self.psi**-2 - 1.0))
        taps = 2.0 * first * self.rho ** -torch.arange(order + 1, dtype=torch.float64)
        taps[0] = first
        return taps

    def chebyshev(self, order: int) -> Chebyshev:
        """The expansion cut after an order."""
        return Chebyshev(self.taps(order), -1.0, 1.0)

    def powers(self, order: int) -> Polynomial:
        """The same polynomial by its powers."""
        return Polynomial(torch.from_numpy(np.polynomial.chebyshev.cheb2poly(self.taps(order).numpy())))

    def walks(self, order: int) -> Polynomial:
        """The series of powers, cut after an order: another polynomial."""
        return Polynomial((1.0 - self.psi) * self.psi ** torch.arange(order + 1, dtype=torch.float64))

    def best(self, order: int) -> float:
        """The least error that a polynomial of this order can have on [-1, 1]."""
        return (1.0 / self.psi - 1.0) * self.rho**-order / (self.psi**-2 - 1.0)

    def cut(self, order: int) -> float:
        """The error on [-1, 1] of the expansion cut after this order."""
        first = (1.0 / self.psi - 1.0) / math.sqrt(self.psi**-2 - 1.0)
        return 2.0 * first * self.rho**-order / (self.rho - 1.0)

    def response(self, eigenvalue: Tensor) -> Tensor:
        """The filter's, r(lambda)."""
        return (1.0 - self.psi) / (1.0 - self.psi * eigenvalue)


def setting(nodes: int, order: int, psi: float, seed: int) -> Setting:
    """The graphs, a signal of eight features, and the filter.

    Args:
        nodes: of each graph.
        order: of the polynomials.
        psi: in (0, 1).
        seed: of edges and signal.
    """
    x = normal((nodes, 8), seed=seed, stream=Stream.LAW, dtype=torch.float64)
    graph, _ = block_model(nodes, COMMUNITIES, INSIDE, BETWEEN, seed=seed)
    return Setting(graph, ring(nodes), x, psi, order)


def ring(nodes: int) -> Graph:
    """A closed chain: every node has two neighbours.

    Example:
        >>> ring(4).dense()[0].tolist()
        [0.0, 1.0, 0.0, 1.0]
    """
    place = torch.arange(nodes)
    return Graph.from_edges(torch.stack((place, (place + 1) % nodes)), nodes, undirected=True)
