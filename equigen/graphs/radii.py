"""Sums of the sizes of entries over rows and columns: the radii of the disks in which eigenvalues lie."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.graphs.product import row_numbers, sparse_product

__all__ = ["radii_of"]


def radii_of(
    places: tuple[Tensor, Tensor, Tensor, Tensor, Tensor], weights: Tensor | None, *, symmetric: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of |W_ij| over rows and over columns, both without loops, and the loops W_ii.

    Args:
        places: of the entries and of the transpose, see `Graph.places`.
        weights: (E,), or None where all are 1.
        symmetric: whether the matrix equals its transpose, so that both sums are one.

    Returns:
        float64 (n,) each, differentiable by the weights.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> graph = Graph.from_edges([[0, 0, 1], [0, 1, 2]], 3, [5.0, -2.0, 3.0])
        >>> [part.tolist() for part in radii_of(graph.places, graph.weights, symmetric=False)]
        [[0.0, 2.0, 3.0], [2.0, 3.0, 0.0], [5.0, 0.0, 0.0]]
    """
    pointer, columns = places[:2]
    count = columns.shape[0]
    given = torch.ones(count, device=columns.device) if weights is None else weights
    given = given.double()
    loops = torch.where(row_numbers(pointer, count) == columns, given, 0.0)
    sizes = (given - loops).abs()
    ones = given.new_ones(pointer.shape[0] - 1, 1, 1)
    rows, on_diagonal = (sparse_product(*places, part[:, None], ones, False)[:, 0, 0] for part in (sizes, loops))
    if symmetric:
        return rows, rows, on_diagonal
    return rows, sparse_product(*places, sizes[:, None], ones, True)[:, 0, 0], on_diagonal
