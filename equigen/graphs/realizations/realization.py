"""A realization: one way to compute y = h(S) x."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from equigen.graphs.filters.filter import Filter
from equigen.graphs.realizations.flow import FlowGraph
from equigen.graphs.realizations.operation_count import OperationCount, places
from equigen.graphs.shift import Shift

__all__ = ["Realization"]


@dataclass(frozen=True, eq=False)
class Realization(ABC):
    """A filter, and a way to apply it. All realizations of one filter are the same map.

    Each of them is built of products with S, sums and gains that are the same at every node, or of functions of S, so
    that all of them commute with a permutation P of the nodes: h(P S P^T) P x = P h(S) x.

    Args:
        filter: h.

    Raises:
        ValueError: the filter has no such form.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> from equigen.graphs.graph import Graph
        >>> from equigen.graphs.realizations.realizing import realize
        >>> h, pair = Polynomial(torch.tensor([1.0, 2.0])), Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> [realize(h, form).apply(Shift(pair), torch.tensor([[1.0], [0.0]])).flatten().tolist()
        ...  for form in ("direct", "cascade", "parallel")]
        [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """

    filter: Filter

    form: ClassVar[str]
    """Its name among the forms."""

    @property
    @abstractmethod
    def formula(self) -> str:
        """How it computes y, as mathematics without dollars."""

    @abstractmethod
    def flow(self) -> FlowGraph:
        """How it computes y, as a flow graph; dots stand for the middle of what is long."""

    @abstractmethod
    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """What `apply` costs.

        Args:
            shift: S.
            features: columns of x.
            dtype: of x.
        """

    def apply(self, shift: Shift, x: Tensor) -> Tensor:
        """y = h(S) x.

        Args:
            shift: S, of one graph or of several.
            x: features (*, n, F), floating point; what stands in the place of a node that is none influences nothing.

        Returns:
            (*, n, F), of the dtype of x; zero where a node is none.

        Raises:
            TypeError: features that are not floating-point numbers.
            ValueError: features of another number of nodes, or a shift for which this form is not defined.

        Error: rounding of the dtype, times the form's own growth (`error` measures it).
        """
        if not x.is_floating_point():
            raise TypeError(f"x is {x.dtype}, but a filter acts on floating-point numbers: x.float().")
        nodes = places(shift.graph)
        if x.ndim < 2 or x.shape[-1 - len(nodes) : -1] != nodes or (len(nodes) == 2 and x.ndim != 3):
            needed = ", ".join(str(n) for n in (("*", *nodes) if len(nodes) == 1 else nodes))
            raise ValueError(f"x has shape {tuple(x.shape)}, but this graph needs features ({needed}, F).")
        return shift.graph.masked(self._applied(shift, shift.graph.masked(x)))

    def error(self, shift: Shift, x: Tensor, dtype: torch.dtype = torch.float32) -> float:
        """||y - y'|| / ||y||, with y computed by this realization in float64, and y' from the same x in the dtype.

        Args:
            shift: S, best with weights of float64.
            x: features (*, n, F); rounded to the dtype first, so that only the computation differs.
            dtype: in which y' is computed.

        Returns:
            The relative error, 0 where y and y' are both zero.

        Example:
            >>> from equigen.graphs.filters.polynomial import Polynomial
            >>> from equigen.graphs.graph import Graph
            >>> from equigen.graphs.realizations.realizing import realize
            >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
            >>> h = realize(Polynomial(torch.tensor([1 / 3, 2 / 3])), "direct")
            >>> 0.0 < h.error(Shift(pair), torch.ones(2, 1)) < 1e-7
            True
        """
        x = x.to(dtype)
        exact = self.apply(shift, x.double())
        apart = (self.apply(shift, x).double() - exact).norm()
        return float(apart / exact.norm()) if bool(apart > 0) else 0.0

    @abstractmethod
    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        """y, for features that are zero where a node is none."""
