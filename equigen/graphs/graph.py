"""Graphs as values: who hears whom, and how loudly. One graph, or several side by side.

A graph of n nodes is a square matrix W: node i hears node j with the weight W_ij, (W x)_i = sum_j W_ij x_j. An edge
from the source j to the target i is the entry W_ij. Several edges between the same two nodes add up; a loop is an entry
on the diagonal; a node without entries in its row hears nobody. An entry is an edge whatever its weight, also 0: one
that was given as 0, that edges cancel in, or that `with_weights` sets. It adds nothing to sums, and counts where edges
are counted, compared or scored. A dense matrix has none of these: its numbers that are not 0 are the entries.

Several graphs side by side are one matrix of blocks, so that what is done to the whole is done to each. Degrees,
spectra and means are those of each graph, never of the whole.

Entries are held by rows (compressed, int32), together with the places of the transpose, which are those of the graph
itself where it is symmetric; weights that are all 1 are not held at all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from equigen.graphs.entries import Transpose, checked_edges, checked_weights, is_symmetric, sorted_entries
from equigen.graphs.product import edge_products, row_numbers, sparse_product
from equigen.graphs.radii import radii_of
from equigen.graphs.structure import Graphs

__all__ = ["Graph"]


@dataclass(frozen=True, eq=False)
class Graph(Graphs):
    """A sparse graph, or several side by side; made by `from_edges`, `from_dense`, `side_by_side` or `as_graph`.

    Args:
        pointer: int32 (n + 1,), where the entries of each row begin.
        columns: int32 (E,), columns of the entries, ascending in each row.
        weights: (E,), or None where all are 1.
        back: places of the transpose.
        symmetric: whether the matrix equals its transpose.
        sizes: int64 (B,), the number of nodes of each graph.

    Example:
        >>> graph = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)      # a path of three nodes
        >>> graph
        Graph(nodes=3, entries=4, symmetric)
        >>> graph.dense().tolist()
        [[0.0, 1.0, 0.0], [1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """

    pointer: Tensor
    columns: Tensor
    weights: Tensor | None
    back: Transpose
    symmetric: bool
    sizes: Tensor
    lowest: float = field(init=False)
    _degrees: Tensor | None = field(init=False, repr=False)  # where they cannot change: weights without derivatives
    _radii: tuple[Tensor, Tensor, Tensor] | None = field(init=False, repr=False)  # likewise

    def __post_init__(self) -> None:
        weights = None if self.weights is None else self.weights.detach()
        lowest = float(weights.min()) if weights is not None and weights.numel() else 0.0
        fixed = self.weights is None or not self.weights.requires_grad
        held = (self._sums(), radii_of(self.places, self.weights, symmetric=self.symmetric)) if fixed else (None, None)
        for name, value in zip(("lowest", "real", "_degrees", "_radii"), (lowest, None, *held), strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def from_edges(
        cls,
        edges: Tensor | Sequence[Sequence[int]],
        n: int,
        weights: Tensor | Sequence[float] | None = None,
        *,
        undirected: bool = False,
    ) -> Graph:
        """The graph of some edges.

        Args:
            edges: whole numbers (2, E): sources, then targets. The target hears the source.
            n: number of nodes.
            weights: (E,), of any sign; 1 each if None.
            undirected: whether every edge is meant in both directions; a loop is counted once.

        Raises:
            TypeError: numbers of nodes that are not whole, or complex weights.
            ValueError: another shape, a node that there is not, or weights that are not finite.

        Example:
            >>> Graph.from_edges([[0, 0], [1, 1]], 2, [1.0, 2.0]).dense().tolist()         # node 1 hears node 0, twice
            [[0.0, 0.0], [3.0, 0.0]]
        """
        source, target, n = checked_edges(edges, n)
        weights = checked_weights(weights, len(source))
        if undirected:
            once = source != target
            source, target = torch.cat((source, target[once])), torch.cat((target, source[once]))
            weights = None if weights is None else torch.cat((weights, weights[once]))
        sizes = torch.tensor([n], device=source.device)
        return cls(*sorted_entries(target, source, weights, n), sizes)

    @classmethod
    def from_dense(cls, matrix: Tensor) -> Graph:
        """The graph of a square matrix: its entries that are not zero. The row hears the column.

        Args:
            matrix: (n, n); floating-point numbers, or whole ones or booleans, whose weights are float64.

        Raises:
            TypeError: complex numbers.
            ValueError: not square, or not finite.

        Example:
            >>> Graph.from_dense(torch.tensor([[0.0, 2.0], [0.0, 0.0]])).product(torch.tensor([[3.0], [5.0]])).tolist()
            [[10.0], [0.0]]
        """
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"matrix has shape {tuple(matrix.shape)}, but a graph is square: give (nodes, nodes).")
        rows, columns = matrix.detach().nonzero().T
        weights = checked_weights(matrix[rows, columns], len(rows))
        sizes = torch.tensor([len(matrix)], device=matrix.device)
        return cls(*sorted_entries(rows, columns, weights, len(matrix)), sizes)

    def __repr__(self) -> str:
        count = f", graphs={len(self.sizes)}" if len(self.sizes) != 1 else ""
        kind = ("" if self.weights is None else "weighted, ") + ("symmetric" if self.symmetric else "directed")
        return f"Graph(nodes={self.nodes}, entries={self.entries}{count}, {kind})"

    @property
    def nodes(self) -> int:
        """The number of nodes, over all graphs."""
        return self.pointer.shape[0] - 1

    @property
    def entries(self) -> int:
        """The number of entries of the matrix: an undirected edge has two, a loop one."""
        return self.columns.shape[0]

    @property
    def device(self) -> torch.device:
        """Where the graph is held."""
        return self.columns.device

    @property
    def rows(self) -> Tensor:
        """The row of each entry: the node that hears, int32 (E,)."""
        return row_numbers(self.pointer, self.entries)

    @property
    def places(self) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """What `sparse_product` asks for."""
        return self.pointer, self.columns, self.back.pointer, self.back.columns, self.back.order

    @property
    def graph_of_node(self) -> Tensor:
        """The number of the graph that each node is of, int64 (n,)."""
        number = torch.arange(self.sizes.shape[0], device=self.device)
        return number.repeat_interleave(self.sizes, output_size=self.nodes)

    @property
    def degrees(self) -> Tensor:
        """See `Graphs.degrees`: float64 (n,)."""
        return self._sums() if self._degrees is None else self._degrees

    @property
    def radii(self) -> tuple[Tensor, Tensor, Tensor]:
        """Sums of the other entries' sizes over each row and column, and the loops: see `radii_of`."""
        return self._radii or radii_of(self.places, self.weights, symmetric=self.symmetric)

    def weights_or_ones(self, dtype: torch.dtype = torch.float64) -> Tensor:
        """The weights (E,), of the dtype where they are all 1."""
        if self.weights is not None:
            return self.weights
        return torch.ones(self.entries, dtype=dtype, device=self.device)

    def product(self, x: Tensor, *, transposed: bool = False) -> Tensor:
        """W x, or W^T x: see `Graphs.product`.

        Differentiable by x and by the weights, to every order.

        Error: that of `sparse_product`, sums of a row in the dtype of x; degrees are summed in float64.

        Example:
            >>> arrow = Graph.from_edges([[0], [1]], 2)
            >>> x = torch.tensor([[3.0], [5.0]])
            >>> arrow.product(x).tolist(), arrow.product(x, transposed=True).tolist()
            ([[0.0], [3.0]], [[5.0], [0.0]])
        """
        weights = None if self.weights is None else self.weights.to(x.dtype)[:, None]
        return self._by_rows(x, weights, transposed)

    def product_with(self, weights: Tensor, x: Tensor) -> Tensor:
        """The product with other weights on the same entries.

        Args:
            weights: (E,), or (E, H) for as many heads.
            x: (n, F), or (n, H, F) with heads.

        Returns:
            Of the shape of x.

        Raises:
            ValueError: shapes that do not fit.

        Example:
            >>> arrow = Graph.from_edges([[0], [1]], 2)
            >>> arrow.product_with(torch.tensor([2.0]), torch.tensor([[3.0], [5.0]])).tolist()
            [[0.0], [6.0]]
        """
        heads = weights.shape[1:]
        if weights.shape[0] != self.entries or x.ndim != 2 + len(heads) or x.shape[:-1] != (self.nodes, *heads):
            raise ValueError(
                f"weights has shape {tuple(weights.shape)} and x {tuple(x.shape)}, but this graph needs "
                f"({self.entries},) and ({self.nodes}, F), or heads as their second axis."
            )
        weights = weights.to(x.dtype)
        if not heads:
            return self._by_rows(x, weights[:, None], transposed=False)
        return sparse_product(*self.places, weights, x, False)

    def products_of_ends(self, y: Tensor, x: Tensor) -> Tensor:
        """<y_i, x_j> for every entry (i, j).

        Args:
            y: features of those that hear, (n, F), or (n, H, F) with heads.
            x: features of those that are heard, of the same shape.

        Returns:
            (E,), or (E, H).

        Raises:
            ValueError: shapes that do not fit.

        Example:
            >>> arrow = Graph.from_edges([[0], [1]], 2)
            >>> arrow.products_of_ends(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [5.0]])).tolist()
            [6.0]
        """
        if y.shape != x.shape or y.ndim not in (2, 3) or len(y) != self.nodes:
            raise ValueError(
                f"y has shape {tuple(y.shape)} and x {tuple(x.shape)}, but both ends need ({self.nodes}, F), or "
                f"({self.nodes}, H, F) with heads."
            )
        if y.ndim == 2:
            return edge_products(*self.places, y[:, None], x[:, None])[:, 0]
        return edge_products(*self.places, y, x)

    def dense(self) -> Tensor:
        """The matrix (n, n), float64 or of the dtype of the weights."""
        weights = self.weights_or_ones()
        matrix = weights.new_zeros(self.nodes, self.nodes)
        return matrix.index_put((self.rows.long(), self.columns.long()), weights)

    def with_weights(self, weights: Tensor) -> Graph:
        """The same entries with other weights (E,); an entry of weight 0 stays an edge.

        Raises:
            ValueError: another number of them, or one that is not finite.

        Example:
            >>> Graph.from_edges([[0], [1]], 2).with_weights(torch.tensor([4.0])).dense().tolist()
            [[0.0, 0.0], [4.0, 0.0]]
        """
        checked = checked_weights(weights, self.entries)
        return replace(self, weights=checked, symmetric=is_symmetric(self.pointer, self.columns, checked, self.back))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Graph:
        """The same graph on another device, or with weights of another dtype."""
        back = Transpose(*(part.to(device) for part in self.back))
        weights = None if self.weights is None else self.weights.to(device=device, dtype=dtype)
        moved = {name: getattr(self, name).to(device) for name in ("pointer", "columns", "sizes")}
        return replace(self, weights=weights, back=back, **moved)

    def _sums(self) -> Tensor:
        """The degrees."""
        if self.weights is None:
            return self.pointer.diff().double()
        weights = self.weights.double()
        return weights.new_zeros(self.nodes).index_add(0, self.rows, weights)

    def _by_rows(self, x: Tensor, weights: Tensor | None, transposed: bool) -> Tensor:
        """Features (*, n, F) as one matrix of n rows, multiplied, and back."""
        if x.ndim < 2 or x.shape[-2] != self.nodes:
            raise ValueError(
                f"x has shape {tuple(x.shape)}, but this graph has {self.nodes} nodes: give (*, {self.nodes}, F)."
            )
        if not (x.is_floating_point() or x.is_complex()):
            raise TypeError(f"x is {x.dtype}, but features are floating-point numbers: x.float().")
        if x.ndim == 2:
            return sparse_product(*self.places, weights, x[:, None], transposed)[:, 0]
        by_node = x.movedim(-2, 0)
        width = math.prod(by_node.shape[1:])
        y = sparse_product(*self.places, weights, by_node.reshape(self.nodes, 1, width), transposed)
        return y.reshape(by_node.shape).movedim(0, -2)
