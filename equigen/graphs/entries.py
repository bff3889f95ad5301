"""The entries of a sparse matrix, read, checked and sorted by rows."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = [
    "Entries",
    "Transpose",
    "as_numbers",
    "checked_edges",
    "checked_weights",
    "is_symmetric",
    "sorted_entries",
]


class Transpose(NamedTuple):
    """The places of the transposed matrix, by its own rows."""

    pointer: Tensor
    """int32 (n + 1,)."""
    columns: Tensor
    """int32 (E,)."""
    order: Tensor
    """int64 (E,): which entry of the matrix each entry of the transpose is."""


class Entries(NamedTuple):
    """A sparse matrix by rows, and the places of its transpose."""

    pointer: Tensor
    """int32 (n + 1,), where the entries of each row begin."""
    columns: Tensor
    """int32 (E,), ascending in each row."""
    weights: Tensor | None
    """(E,), or None where all are 1."""
    back: Transpose
    """Places of the transpose."""
    symmetric: bool
    """Whether the matrix equals its transpose."""


def sorted_entries(rows: Tensor, columns: Tensor, weights: Tensor | None, n: int) -> Entries:
    """Hold entries that come in any order, those of weight 0 among them; several at one place add up, the lowest first.

    The sum is thus the same to the last bit in whatever order they come, and in both directions of an edge.

    Args:
        rows: int64 (E,).
        columns: int64 (E,).
        weights: (E,), or None where all are 1.
        n: rows of the matrix.

    Raises:
        ValueError: more than int32 numbers can name.
    """
    if n >= 1 << 31 or len(rows) >= 1 << 31:
        raise ValueError(f"the graph has {n} nodes and {len(rows)} entries, but numbers go up to 2^31 - 1: divide it.")
    place = rows * n + columns
    key, order = torch.sort(place)
    if len(key) and bool((key[1:] == key[:-1]).any()):
        if weights is not None:
            order = torch.argsort(weights.detach())
            order = order[torch.argsort(place[order], stable=True)]
        key, slot, count = key.unique_consecutive(return_inverse=True, return_counts=True)
        weights = count.double() if weights is None else weights.new_zeros(len(key)).index_add(0, slot, weights[order])
    elif weights is not None:
        weights = weights[order]
    if weights is not None and not weights.requires_grad and bool((weights == 1).all()):
        weights = None
    rows, columns = key // max(n, 1), key % max(n, 1)
    pointer, order = _pointer(rows, n), torch.argsort(columns, stable=True)
    back = Transpose(_pointer(columns, n), rows[order].int(), order)
    columns = columns.int()
    symmetric = is_symmetric(pointer, columns, weights, back)
    if torch.equal(pointer, back.pointer) and torch.equal(columns, back.columns):
        back = Transpose(pointer, columns, order)  # held once
    return Entries(pointer, columns, weights, back, symmetric)


def _pointer(rows: Tensor, n: int) -> Tensor:
    """Where the entries of each row begin, int32 (n + 1,)."""
    counts = torch.bincount(rows, minlength=n)
    return torch.cat((counts.new_zeros(1), counts.cumsum(0))).int()


def is_symmetric(pointer: Tensor, columns: Tensor, weights: Tensor | None, back: Transpose) -> bool:
    """Whether a matrix equals its transpose, by its entries' places and weights."""
    if not (torch.equal(pointer, back.pointer) and torch.equal(columns, back.columns)):
        return False
    return weights is None or torch.equal(weights, weights[back.order])


def as_numbers(values: Any, name: str) -> Tensor:
    """Numbers of torch, of numpy in any order of bytes, or in lists, as a tensor.

    Raises:
        TypeError: what is no number.
        ValueError: lists of unequal lengths.

    Example:
        >>> as_numbers(np.array([1, 2], dtype=">u2"), "edges")
        tensor([1, 2])
    """
    if isinstance(values, np.ndarray):
        values = values.astype(np.int64) if values.dtype.kind == "u" else values.astype(values.dtype.newbyteorder("="))
    try:
        return torch.as_tensor(values)
    except ValueError as fault:
        raise ValueError(f"{name} is a {type(values).__name__} that is no table: give rows of one length.") from fault
    except TypeError as fault:
        kind = getattr(values, "dtype", type(values).__name__)
        raise TypeError(f"{name} holds {kind}, but numbers are needed: {name}.astype(float), say.") from fault


def checked_edges(edges: Tensor | Sequence[Sequence[int]], n: int) -> tuple[Tensor, Tensor, int]:
    """Sources and targets, int64 (E,) each, and the number of nodes.

    Raises:
        TypeError: numbers of nodes that are not whole.
        ValueError: another shape, or a node that there is not.
    """
    try:
        nodes = -1 if isinstance(n, bool) else operator.index(n)
    except TypeError:
        nodes = -1
    if nodes < 0:
        raise ValueError(f"n is {n!r}, but the number of nodes is a whole number, 0 or more: n=3, say.")
    n, pairs = nodes, as_numbers(edges, "edges")
    if pairs.numel() == 0:
        pairs = pairs.long().reshape(2, 0)
    if pairs.ndim != 2 or pairs.shape[0] != 2:
        raise ValueError(f"edges has shape {tuple(pairs.shape)}, but sources and targets come as (2, E): edges.T, say.")
    if pairs.is_floating_point() or pairs.is_complex() or pairs.dtype == torch.bool:
        raise TypeError(f"edges is {pairs.dtype}, but nodes have whole numbers: edges.long().")
    pairs = pairs.long()
    if pairs.numel() and not (int(pairs.min()) >= 0 and int(pairs.max()) < n):
        raise ValueError(
            f"edges has nodes {int(pairs.min())} to {int(pairs.max())}, but {n} nodes are numbered from 0: "
            f"n={int(pairs.max()) + 1}, or other numbers."
        )
    return pairs[0], pairs[1], n


def checked_weights(weights: Tensor | Sequence[float] | None, entries: int) -> Tensor | None:
    """Floating-point weights (E,), or None.

    Raises:
        TypeError: complex ones.
        ValueError: another number of them, or one that is not finite.
    """
    if weights is None:
        return None
    weights = as_numbers(weights, "weights")
    if weights.is_complex():
        raise TypeError(f"weights is {weights.dtype}, but a graph has real weights: weights.real, or weights.abs().")
    weights = weights if weights.is_floating_point() else weights.double()
    if weights.shape != (entries,):
        raise ValueError(f"weights has shape {tuple(weights.shape)}, but {entries} edges need one each, ({entries},).")
    if not bool(weights.detach().isfinite().all()):
        raise ValueError("weights has numbers that are not finite, but an edge needs a weight: leave such edges out.")
    return weights
