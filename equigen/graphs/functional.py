"""Filters of signals with several features: the core that the linear layers share.

    convolve             Y = sum_k S^k X H_k
    chebyshev_convolve   Y = sum_k T_k(S) X H_k,        T_0 = I, T_1 = S, T_k = 2 S T_{k-1} - T_{k-2}

with S a shift and H_k (F_in, F_out) the taps. Both take K products with S, of the smaller of the two widths:

    F_out <= F_in   Horner's rule backwards, U_K = X H_K, U_k = X H_k + S U_{k+1}, Y = U_0; Clenshaw's for Chebyshev
                    polynomials
    F_in < F_out    the blocks X, S X, ..., S^K X forwards, then one multiplication with all taps

Where the taps are learned and X is data, forward blocks serve the derivative by the taps as well, which then needs no
products with S: they are taken up to F_in < 2 F_out. Derivatives by X take K products with S^T, of the width of those
forwards. Padded graphs are multiplied as dense matrices, formed once.

Source: A. Sandryhaila, J. Moura, Discrete signal processing on graphs, 2013 (filters); M. Defferrard, X. Bresson,
P. Vandergheynst, Convolutional neural networks on graphs with fast localized spectral filtering, 2016, section 2.1
(Chebyshev polynomials); C. Clenshaw, A note on the summation of Chebyshev series, 1955.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from equigen.graphs.features import require_features
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.shift import Shift

__all__ = ["chebyshev_convolve", "convolve", "krylov_block"]

_Step = Callable[[Tensor, "Tensor | None", float, bool], Tensor]

_SPREAD = 16  # width up to which factors of rows are faster written out than one a row


def convolve(shift: Shift, x: Tensor, taps: Tensor) -> Tensor:
    """Filter signals with polynomials of a shift, Y = sum_k S^k X H_k.

    Args:
        shift: S.
        x: features (*, n, F_in).
        taps: H_k, (K + 1, F_in, F_out), K >= 0.

    Returns:
        (*, n, F_out), zero where a node is none.

    Raises:
        ValueError: shapes that do not fit.

    Error: (K + 1) F_in roundings of sum_k |S|^k |X| |H_k|.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> taps = torch.tensor([1.0, 10.0, 100.0]).reshape(3, 1, 1)
        >>> convolve(Shift(path), torch.tensor([[1.0], [0.0], [0.0]]), taps).flatten().tolist()
        [101.0, 10.0, 100.0]
    """
    return _planned(shift, x, taps, chebyshev=False)


def chebyshev_convolve(shift: Shift, x: Tensor, taps: Tensor) -> Tensor:
    """Filter signals with Chebyshev series of a shift, Y = sum_k T_k(S) X H_k.

    Args:
        shift: S, with eigenvalues in [-1, 1]: `recentred` gives it. Beyond, T_k grows as fast as (2 lambda)^k.
        x: features (*, n, F_in).
        taps: H_k, (K + 1, F_in, F_out), K >= 0.

    Returns:
        (*, n, F_out), zero where a node is none.

    Raises:
        ValueError: shapes that do not fit.

    Error: K^2 roundings of sum_k |X H_k| in the norm for a symmetric S.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> taps = torch.tensor([1.0, 10.0, 100.0]).reshape(3, 1, 1)
        >>> chebyshev_convolve(Shift(pair), torch.tensor([[1.0], [0.0]]), taps).flatten().tolist()     # T_2(S) = I
        [101.0, 10.0]
    """
    return _planned(shift, x, taps, chebyshev=True)


def krylov_block(shift: Shift, x: Tensor, order: int) -> Tensor:
    """The features X, S X, ..., S^K X side by side: what a convolution of a static X may keep.

    Args:
        shift: S.
        x: features (*, n, F).
        order: K.

    Returns:
        (*, n, (K + 1) F); its product with taps.flatten(0, 1) is `convolve`.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> krylov_block(Shift(pair), torch.tensor([[1.0], [5.0]]), 2).tolist()
        [[1.0, 5.0, 1.0], [5.0, 1.0, 5.0]]
    """
    require_features(shift.graph, x)
    by_node, back = _nodes_first(shift, x)
    return back(_forwards(_step(shift, by_node, x.shape[-1]), by_node, order, chebyshev=False))


def _planned(shift: Shift, x: Tensor, taps: Tensor, *, chebyshev: bool) -> Tensor:
    if taps.ndim != 3 or taps.shape[0] == 0:
        raise ValueError(f"taps has shape {tuple(taps.shape)}, but a filter of order K has (K + 1, F_in, F_out).")
    order, wide_in, wide_out = taps.shape[0] - 1, taps.shape[1], taps.shape[2]
    require_features(shift.graph, x, wide_in, taps)
    by_node, back = _nodes_first(shift, x)
    data = torch.is_grad_enabled() and taps.requires_grad and not x.requires_grad
    if wide_in < wide_out * (2 if data else 1):
        step = _step(shift, by_node, wide_in)
        return back(_forwards(step, by_node, order, chebyshev=chebyshev) @ taps.flatten(0, 1))
    return back(_backwards(_step(shift, by_node, wide_out), by_node, taps, chebyshev=chebyshev))


def _forwards(step: _Step, x: Tensor, order: int, *, chebyshev: bool) -> Tensor:
    """Put X, S X, ..., or X, T_1(S) X, ..., side by side, (n, *, (K + 1) F)."""
    blocks = [x]
    for k in range(1, order + 1):
        if chebyshev and k > 1:
            blocks.append(step(blocks[-1], -blocks[-2], 2.0, False))
        else:
            blocks.append(step(blocks[-1], None, 1.0, False))
    return torch.cat(blocks, -1)


def _backwards(step: _Step, x: Tensor, taps: Tensor, *, chebyshev: bool) -> Tensor:
    """Sum from the last tap down: by Horner's rule, or by Clenshaw's, B_k = X H_k + 2 S B_{k+1} - B_{k+2}."""
    last, after = taps.shape[0] - 1, None
    parts, y = None, x @ taps[last]  # without derivatives each X H_k is added in place
    if torch.is_grad_enabled() or y.dtype != x.dtype:  # with them, or autocast, one multiplication serves all
        parts = (x @ taps.movedim(0, 1).flatten(1)).split(taps.shape[2], -1)
        y = parts[last]
    for k in range(last - 1, -1, -1):
        added = None if parts is None else parts[k]
        if after is not None:
            added = -after if added is None else added - after
        before, y = y, step(y, added, 2.0 if chebyshev and k else 1.0, not chebyshev)
        if parts is None:
            y = y.reshape(-1, y.shape[-1]).addmm_(x.reshape(-1, x.shape[-1]), taps[k]).reshape(y.shape)
        after = before if chebyshev else None
    return y


def _nodes_first(shift: Shift, x: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Features of a sparse graph as (n, *, F), those of padded ones as they are; and the way back."""
    if isinstance(shift.graph, PaddedGraphs) or x.ndim == 2:
        return shift.graph.masked(x), lambda y: y
    return x.movedim(-2, 0).contiguous(), lambda y: y.movedim(0, -2)


def _step(shift: Shift, x: Tensor, features: int) -> _Step:
    """The function (u, added, factor, spent) -> added + factor S u, or factor S u; u is like x but for its features.

    Where u is spent, nobody reads it again, and it may be overwritten.
    """
    if isinstance(shift.graph, PaddedGraphs):
        matrix = shift.dense(x.dtype)

        def dense(u: Tensor, added: Tensor | None, factor: float, spent: bool) -> Tensor:
            return factor * (matrix @ u) if added is None else torch.baddbmm(added, matrix, u, alpha=factor)

        return dense
    graph, width = shift.graph, math.prod(x.shape[1:-1]) * features
    in_place = not torch.is_grad_enabled()
    finish = _added_in_place if in_place else _added

    def of_rows(numbers: Tensor | None) -> Tensor | None:
        if numbers is None:
            return None
        column = numbers.to(x.dtype)[:, None]
        return column.expand(-1, width).contiguous() if width <= _SPREAD else column

    left, diagonal = of_rows(shift.left), of_rows(shift.diagonal)
    right = left if shift.right is shift.left else of_rows(shift.right)

    def sparse(u: Tensor, added: Tensor | None, factor: float, spent: bool) -> Tensor:
        flat = u.flatten(1)
        if right is None:
            y = graph.product(flat)
        else:
            y = graph.product(flat.mul_(right) if in_place and spent and diagonal is None else right * flat)
        added = None if added is None else added.flatten(1)
        return finish(y, left, diagonal, flat, added, factor).reshape(u.shape)

    return sparse


def _added(
    y: Tensor, left: Tensor | None, diagonal: Tensor | None, u: Tensor, added: Tensor | None, factor: float
) -> Tensor:
    """Give added + factor (left y + diagonal u), in as few passes as there are operations for."""
    if added is None:
        y = y if left is None else left * y
        y = y if diagonal is None else torch.addcmul(y, diagonal, u)
        return y if factor == 1.0 else factor * y
    y = torch.add(added, y, alpha=factor) if left is None else torch.addcmul(added, left, y, value=factor)
    return y if diagonal is None else torch.addcmul(y, diagonal, u, value=factor)


def _added_in_place(
    y: Tensor, left: Tensor | None, diagonal: Tensor | None, u: Tensor, added: Tensor | None, factor: float
) -> Tensor:
    """The same in the memory of y, which is nobody else's: fresh memory takes longer than the numbers in it."""
    y = y if left is None else y.mul_(left)
    y = y if diagonal is None else y.addcmul_(diagonal, u)
    y = y if factor == 1.0 else y.mul_(factor)
    return y if added is None else y.add_(added)
