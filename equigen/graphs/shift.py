"""The shift of a graph: the matrix S that a filter is a function of.

    S = diag(diagonal) + diag(left) W diag(right)

with W the entries of the graph. All usual shifts are of this form, so that they share the entries of one graph, and an
unweighted graph needs no weights for any of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.structure import Graphs

__all__ = ["Shift"]


@dataclass(frozen=True, eq=False)
class Shift:
    """S = diag(diagonal) + diag(left) W diag(right), a matrix on the nodes of a graph, or of several.

    Args:
        graph: whose entries W are.
        left: (*, n), factors of the rows; None where all are 1.
        right: (*, n), factors of the columns; None where all are 1.
        diagonal: (*, n); None where all are 0.

    Raises:
        ValueError: numbers that are not one for each node.

    Example:
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> shift = Shift(path, left=-torch.ones(3), diagonal=path.degrees)             # the Laplacian
        >>> shift.dense().tolist()
        [[1.0, -1.0, 0.0], [-1.0, 2.0, -1.0], [0.0, -1.0, 1.0]]
        >>> shift.product(torch.tensor([[1.0], [0.0], [0.0]])).flatten().tolist()
        [1.0, -1.0, 0.0]
    """

    graph: Graphs
    left: Tensor | None = None
    right: Tensor | None = None
    diagonal: Tensor | None = None

    def __post_init__(self) -> None:
        needed = (self.graph.nodes,) if isinstance(self.graph, Graph) else self.graph.degrees.shape
        for name in ("left", "right", "diagonal"):
            given = getattr(self, name)
            if given is not None and given.shape != needed:
                raise ValueError(
                    f"{name} has shape {tuple(given.shape)}, but needs one number a node: {tuple(needed)}."
                )

    def product(self, x: Tensor, *, transposed: bool = False) -> Tensor:
        """S x for features (*, n, F), or S^T x; zero where a node is none.

        Raises:
            ValueError: features of another number of nodes.
        """
        left, right = (self.right, self.left) if transposed else (self.left, self.right)
        y = x if right is None else right.to(x.dtype)[..., None] * x
        y = self.graph.product(y, transposed=transposed)
        y = y if left is None else left.to(x.dtype)[..., None] * y
        if self.diagonal is not None:
            y = torch.addcmul(y, self.graph.masked(self.diagonal.to(x.dtype))[..., None], self.graph.masked(x))
        return y

    @property
    def symmetric(self) -> bool:
        """Whether S equals its transpose up to rounding of its factors, for a graph that does; False for another."""
        if not self.graph.symmetric or self.left is self.right:
            return self.graph.symmetric
        ones = torch.ones_like(self.graph.degrees)
        left, right = (ones if side is None else side for side in (self.left, self.right))
        if isinstance(self.graph, Graph):
            rows, columns = self.graph.rows, self.graph.columns
            one, other = left[rows] * right[columns], left[columns] * right[rows]
        else:
            one = self.graph.dense() * (left[..., :, None] * right[..., None, :])
            other = one.mT
        return torch.allclose(one, other, rtol=8.0 * torch.finfo(one.dtype).eps, atol=0.0)

    def scaled(self, factor: Tensor | float, added: Tensor | float = 0.0) -> Shift:
        """factor S + added I, with a number for each node or one for all.

        Example:
            >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
            >>> Shift(pair).scaled(2.0, 1.0).dense().tolist()
            [[1.0, 2.0], [2.0, 1.0]]
        """
        ones = torch.ones_like(self.graph.degrees)
        left = ones * factor if self.left is None else self.left * factor
        diagonal = ones * added if self.diagonal is None else self.diagonal * factor + added
        return replace(self, left=left, diagonal=diagonal)

    def dense(self, dtype: torch.dtype | None = None) -> Tensor:
        """The matrix: (n, n) of a sparse graph, (B, n, n) of padded ones.

        Args:
            dtype: in which its numbers are multiplied, and of the matrix; None: that of the weights.

        Example:
            >>> thirds = Graph.from_edges([[0], [1]], 2, torch.tensor([1 / 3]))
            >>> shift = Shift(thirds, left=torch.full((2,), 1 / 3))
            >>> shift.dense(torch.float64)[1, 0].item() == shift.dense()[1, 0].item()      # rounded to float32 or not
            False
        """
        graph = self.graph
        matrix = graph.dense() if dtype is None else graph.dense().to(dtype)
        if self.left is not None:
            matrix = self.left.to(matrix)[..., :, None] * matrix
        if self.right is not None:
            matrix = matrix * self.right.to(matrix)[..., None, :]
        if self.diagonal is not None:
            matrix = matrix + torch.diag_embed(graph.masked(self.diagonal.to(matrix)))
        return matrix
