"""What graphs of every layout can do: be multiplied with, and say who is there."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

__all__ = ["Graphs"]


class Graphs(ABC):
    """What a shift is made of and a layer acts on: the entries of a matrix W, or of several.

    Features are (*, n, F): a sparse `Graph` has one axis of nodes for all its graphs, a `PaddedGraphs` one batch axis
    before that of the nodes.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> from equigen.graphs.padded import PaddedGraphs
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> x = torch.tensor([[1.0], [2.0]])
        >>> pair.product(x).tolist(), PaddedGraphs.of(pair).product(x[None]).tolist()
        ([[2.0], [1.0]], [[[2.0], [1.0]]])
    """

    symmetric: bool
    """Whether W equals its transpose; of a sparse graph, in the places of its entries as well as in its numbers."""
    real: Tensor | None
    """Which nodes there are, bool (*, n); None where all are."""
    lowest: float
    """The lowest weight, 0 where there are none; 0 while torch compiles, if it would have to be looked at."""

    @property
    @abstractmethod
    def degrees(self) -> Tensor:
        """The sum of the weights with which each node hears, float64 (*, n), whatever the dtype of the weights."""

    @abstractmethod
    def product(self, x: Tensor, *, transposed: bool = False) -> Tensor:
        """W x for features (*, n, F), or W^T x.

        Raises:
            TypeError: features that are not floating-point numbers.
            ValueError: features of another number of nodes.
        """

    @abstractmethod
    def dense(self) -> Tensor:
        """W as a matrix, (n, n) of a sparse graph and (B, n, n) of padded ones."""

    def require_not_negative(self, what: str) -> None:
        """Refuse negative weights where they have no meaning.

        Args:
            what: is asked for; the sentence begins with it.

        Raises:
            ValueError: there is one.
        """
        if self.lowest < 0:
            raise ValueError(
                f"{what} takes roots of degrees or divides by them, but the weights are as low as {self.lowest:.3g}: "
                "take the adjacency or the Laplacian, or the weights' absolute values."
            )

    def masked(self, x: Tensor) -> Tensor:
        """Features (*, n, ...) with zeros in the place of nodes that are none."""
        if self.real is None:
            return x
        return torch.where(self.real.reshape(*self.real.shape, *[1] * (x.ndim - self.real.ndim)), x, 0.0)
