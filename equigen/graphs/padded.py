"""Graphs of up to a few hundred nodes as dense matrices of one size, with a mask that says which nodes there are.

What is stored in the place of a node that is none influences nothing: rows and columns of W there are zero, and
`masked` clears features. Dense matrices may carry derivatives, and any real numbers: a noised adjacency is one.

An edge is a number that is not 0. Graphs with edges of weight 0 say where they are: `of` keeps them, so that a sparse
graph and its padded one have the same edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.side_by_side import divided
from equigen.graphs.structure import Graphs

__all__ = ["PaddedGraphs", "edge_mask"]


@dataclass(frozen=True, eq=False)
class PaddedGraphs(Graphs):
    """Dense graphs (B, n, n) of up to n nodes each.

    Args:
        matrix: W of each graph (B, n, n), floating point; where a node is none it is taken for zero.
        real: which nodes there are, bool (B, n); None where all are.
        edges: where there are edges, bool (B, n, n); None: where W is not 0.

    Raises:
        ValueError: shapes that do not fit, or numbers that are not finite.

    Example:
        >>> graphs = PaddedGraphs(torch.ones(1, 3, 3), torch.tensor([[True, True, False]]))
        >>> graphs.product(torch.ones(1, 3, 1)).flatten().tolist()
        [2.0, 2.0, 0.0]
    """

    matrix: Tensor
    real: Tensor | None = None
    edges: Tensor | None = None

    def __post_init__(self) -> None:
        shape = tuple(self.matrix.shape)
        if len(shape) != 3 or shape[1] != shape[2] or not self.matrix.is_floating_point():
            raise ValueError(f"matrix is {self.matrix.dtype} {shape}, but padded graphs are floating point (B, n, n).")
        if self.edges is not None and (self.edges.dtype != torch.bool or tuple(self.edges.shape) != shape):
            raise ValueError(f"edges is {self.edges.dtype} {tuple(self.edges.shape)}, but must be bool {shape}.")
        if self.real is not None:
            self._mask(self.real, shape)
        if not torch.compiler.is_compiling() and not bool(self.matrix.detach().isfinite().all()):
            raise ValueError("matrix has numbers that are not finite, but edges need weights: leave such graphs out.")

    def _mask(self, real: Tensor, shape: tuple[int, ...]) -> None:
        """Clear the rows and columns of nodes that are none."""
        if real.dtype != torch.bool or tuple(real.shape) != shape[:2]:
            raise ValueError(
                f"real is {real.dtype} {tuple(real.shape)}, but it says of {shape[0]} x {shape[1]} nodes "
                "whether there is one: bool (B, n)."
            )
        both = real[:, :, None] & real[:, None, :]
        object.__setattr__(self, "matrix", torch.where(both, self.matrix, 0.0))
        if self.edges is not None:
            object.__setattr__(self, "edges", self.edges & both)

    @classmethod
    def of(cls, graph: Graph, n: int | None = None, dtype: torch.dtype | None = None) -> PaddedGraphs:
        """The graphs of a sparse one, each in a matrix of its own, with the same edges, those of weight 0 among them.

        Args:
            graph: one or several side by side.
            n: rows of a matrix; those of the largest graph if None.
            dtype: of the matrices; None: that of the weights, float32 without.

        Raises:
            ValueError: a graph with more than n nodes.

        Example:
            >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
            >>> PaddedGraphs.of(pair, 3).matrix.tolist()
            [[[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]
        """
        largest = int(graph.sizes.max()) if len(graph.sizes) else 0
        n = largest if n is None else n
        if n < largest:
            raise ValueError(f"n is {n}, but the largest graph has {largest} nodes: n={largest}, or None.")
        weights = graph.weights_or_ones(torch.float32)
        weights = weights if dtype is None else weights.to(dtype)
        number, start = graph.graph_of_node, graph.sizes.cumsum(0) - graph.sizes
        rows, columns = graph.rows.long(), graph.columns.long()
        of = number[rows]
        place = of, rows - start[of], columns - start[of]
        matrix = weights.new_zeros(len(graph.sizes), n, n).index_put(place, weights)
        edges = None
        if bool((weights.detach() == 0).any()):
            edges = torch.zeros_like(matrix, dtype=torch.bool).index_put(place, torch.ones_like(of, dtype=torch.bool))
        return cls(matrix, torch.arange(n, device=graph.device) < graph.sizes[:, None], edges)

    @property
    def degrees(self) -> Tensor:
        """See `Graphs.degrees`: float64 (B, n)."""
        return self.matrix.sum(-1, dtype=torch.float64)

    @property
    def symmetric(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Whether all matrices equal their transposes."""
        return torch.equal(self.matrix, self.matrix.mT)

    def product(self, x: Tensor, *, transposed: bool = False) -> Tensor:
        """W x, or W^T x, for features (B, n, F)."""
        batch, n, _ = self.matrix.shape
        if x.ndim != 3 or x.shape[:2] != (batch, n):
            raise ValueError(f"x has shape {tuple(x.shape)}, but these graphs need ({batch}, {n}, F).")
        if not (x.is_floating_point() or x.is_complex()):
            raise TypeError(f"x is {x.dtype}, but features are floating-point numbers: x.float().")
        matrix = self.matrix.to(x.dtype)
        return (matrix.mT if transposed else matrix) @ self.masked(x)

    @property
    def lowest(self) -> float:  # pyright: ignore[reportIncompatibleVariableOverride]
        """See `Graphs.lowest`."""
        if torch.compiler.is_compiling() or self.matrix.numel() == 0:
            return 0.0
        return float(self.matrix.detach().min())

    def dense(self) -> Tensor:
        """The matrices (B, n, n)."""
        return self.matrix

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> PaddedGraphs:
        """The same graphs on another device, or with weights of another dtype."""
        real, edges = (None if mask is None else mask.to(device) for mask in (self.real, self.edges))
        return PaddedGraphs(self.matrix.to(device=device, dtype=dtype), real, edges)

    def items(self, rows: slice | list[int] | Tensor) -> PaddedGraphs:
        """Some of the graphs, in the order asked for.

        Example:
            >>> PaddedGraphs(torch.tensor([[[1.0]], [[2.0]], [[3.0]]])).items([2, 0]).matrix.flatten().tolist()
            [3.0, 1.0]
        """
        real, edges = (None if mask is None else mask[rows] for mask in (self.real, self.edges))
        return PaddedGraphs(self.matrix[rows], real, edges)

    def packed(self) -> Graph:
        """The same graphs as a sparse one, without the places of nodes that are none.

        Example:
            >>> graphs = PaddedGraphs(torch.ones(2, 2, 2), torch.tensor([[True, False], [True, True]]))
            >>> graphs.packed().sizes.tolist(), graphs.packed().entries
            ([1, 2], 5)
        """
        batch, n, _ = self.matrix.shape
        real = torch.ones(batch, n, dtype=torch.bool, device=self.matrix.device) if self.real is None else self.real
        number = torch.where(real, real.flatten().cumsum(0).reshape(batch, n) - 1, -1)
        of, rows, columns = edge_mask(self).nonzero().T
        weights = self.matrix[of, rows, columns]
        edges = torch.stack((number[of, columns], number[of, rows]))
        graph = Graph.from_edges(edges, int(real.sum()), weights)
        return divided(graph, real.sum(1))


def edge_mask(graph: PaddedGraphs) -> Tensor:
    """Say where padded graphs have edges, bool (B, n, n): where the number is not 0, or where they say so themselves.

    Example:
        >>> edge_mask(PaddedGraphs(torch.tensor([[[0.0, 2.0], [0.0, 0.0]]]))).tolist()
        [[[False, True], [False, False]]]
    """
    return graph.matrix.detach() != 0 if graph.edges is None else graph.edges
