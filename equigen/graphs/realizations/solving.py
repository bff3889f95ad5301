"""Solutions of q(S) y = p(S) x, directly for small graphs, by a search with products for large ones."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.realizations.norms import norm_bounds, on_nodes
from equigen.graphs.realizations.operation_count import OperationCount, of_polynomial, of_steps, places
from equigen.graphs.realizations.searching import inner, searched
from equigen.graphs.realizations.transposed import horner
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import interval

__all__ = ["of_solution", "solution"]

_DENSE = 512  # nodes in one matrix up to which it is factorised
_TOLERANCE = 8.0  # roundings of the dtype
_RESIDUAL = 64.0 * torch.finfo(torch.float64).eps  # of what is added up in q(S) y and p(S) x
_ROUNDS = 4  # of a search, each for what the last one left
_SINGULAR = 1e-13  # of the norm of q(S): smaller numbers are rounding
_REFUSAL = (
    "the denominator has a root on the spectrum of the shift, or close to it, but is divided by: "
    "give a filter whose denominator stays away from zero there."
)


def solution(numerator: np.ndarray, denominator: np.ndarray, shift: Shift, x: Tensor) -> Tensor:
    """y with q(S) y = p(S) x, computed in float64 for features of any dtype.

    Up to 512 nodes, and for padded graphs, q(S) is a matrix and factorised (Gauss). Above, y is searched, each graph
    and each feature with steps of its own (`searched`), and again for what is left, four times at most. In the end the
    residual p(S) x - q(S) y is computed: y is given only where that is 8 roundings of the dtype of p(S) x, or 64 of
    float64 of what was added up in it.

    Args:
        numerator: taps p, ascending.
        denominator: taps q, ascending; without a root on the spectrum.
        shift: S.
        x: features (*, n, F).

    Raises:
        ValueError: q has a root on the spectrum, or closer to it than 1e-13 of sum_k |q_k| norm(S)^k; or the search did
            not come to such a residual.

    Error: 8 roundings of the dtype, plus 64 roundings of float64 times the condition number of q(S). A search stops by
        an estimate of that condition: where the estimate is too small, by as much is the first part larger.

    Example:
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> solution(np.ones(1), np.array([2.0, 1.0]), pair, torch.tensor([[3.0], [0.0]])).flatten().tolist()
        [2.0, -1.0]
    """
    right = horner(torch.from_numpy(numerator).to(x.device), shift, x.double())
    rounding = _TOLERANCE * torch.finfo(x.dtype).eps
    return _solved(torch.from_numpy(denominator).to(x.device), shift, right, rounding, transposed=False).to(x.dtype)


def _is_dense(shift: Shift) -> bool:
    return not isinstance(shift.graph, Graph) or shift.graph.nodes <= _DENSE


def _solved(taps: Tensor, shift: Shift, right: Tensor, rounding: float, *, transposed: bool) -> Tensor:
    """The solution of q(S) y = b, or of q(S^T) y = b, checked.

    What is differentiated is y0 + q(S)^-1 (b - q(S) y0), with the y0 that was found.
    """
    bounds = norm_bounds(shift)
    size = sum((abs(float(tap)) * bounds**k for k, tap in enumerate(taps)), torch.zeros_like(bounds))
    with torch.no_grad():
        y = _factorised(taps, shift, right, size, transposed) if _is_dense(shift) else torch.zeros_like(right)
        last = math.inf
        for _ in range(0 if _is_dense(shift) else _ROUNDS):
            left = right - _applied(taps, shift, y, transposed)
            rest = float(left.norm())
            if _is_settled(shift, left, right, y, size, rounding) or not rest < last / 2:
                break
            last = rest
            y = y + _searched(taps, shift, left, size, rounding, transposed)
    residual = right - _applied(taps, shift, y, transposed)
    if not _is_settled(shift, residual.detach(), right.detach(), y, size, rounding):
        raise ValueError(_REFUSAL)
    if not residual.requires_grad:
        return y
    # a derivative: the solution of the transposed
    return y + _Rest.apply(residual, lambda g: _solved(taps, shift, g, rounding, transposed=not transposed))


class _Rest(torch.autograd.Function):
    """0, whose derivative is that of q(S)^-1 r."""

    @staticmethod
    def forward(ctx: Any, residual: Tensor, back: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.back = back
        return torch.zeros_like(residual)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return ctx.back(gradients[0]), None


def _applied(taps: Tensor, shift: Shift, x: Tensor, transposed: bool) -> Tensor:
    """q(S) x, or q(S^T) x."""
    *before, last = taps.unbind()
    u = last * x
    for tap in reversed(before):
        u = torch.addcmul(shift.product(u, transposed=transposed), tap, x)
    return u


def _is_settled(shift: Shift, left: Tensor, right: Tensor, y: Tensor, size: Tensor, rounding: float) -> bool:
    """Whether every residual is within the bound, and no y larger than a regular q(S) makes it."""
    if not isinstance(shift.graph, Graph):
        lengths = [each.norm(dim=-2, keepdim=True) for each in (left, right, y)]
        size = size[:, None, None]
    else:
        lengths = [inner(shift.graph, each, each).sqrt() for each in (left, right, y)]
        size = size[:, None]
    rest, given, found = lengths
    within = rest <= torch.maximum(rounding * given, _RESIDUAL * (given + size * found))
    return bool((within & (_SINGULAR * size * found <= given)).all())


def _factorised(taps: Tensor, shift: Shift, right: Tensor, size: Tensor, transposed: bool) -> Tensor:
    """By Gauss; refused where a pivot is rounding of the norm of its own graph's q(S)."""
    matrix = _matrix(taps, shift)
    factors, pivots, _ = torch.linalg.lu_factor_ex(matrix.mT if transposed else matrix)
    diagonal = factors.diagonal(dim1=-2, dim2=-1).abs()
    if not bool((diagonal > _SINGULAR * on_nodes(shift.graph, size)[..., 0]).all()):
        raise ValueError(_REFUSAL)
    return torch.linalg.lu_solve(factors, pivots, right)


def _matrix(taps: Tensor, shift: Shift) -> Tensor:
    """q(S) as a matrix, the identity where a node is none."""
    single = shift.dense(torch.float64)
    eye = torch.eye(single.shape[-1], dtype=single.dtype, device=single.device)
    total = taps[-1] * eye.expand_as(single)
    for tap in reversed(taps[:-1].unbind()):
        total = single @ total + tap * eye
    real = shift.graph.real
    return total if real is None else torch.where(real[:, :, None] & real[:, None, :], total, eye)


def _searched(taps: Tensor, shift: Shift, right: Tensor, size: Tensor, rounding: float, transposed: bool) -> Tensor:
    graph = shift.graph
    assert isinstance(graph, Graph)

    def applied(v: Tensor, back: bool) -> Tensor:
        return _applied(taps, shift, v, back != transposed)

    return searched(applied, graph, right, size, rounding, symmetric=shift.symmetric)


def of_solution(
    numerator: np.ndarray, denominator: np.ndarray, shift: Shift, features: int, dtype: torch.dtype
) -> OperationCount:
    """What a solution costs: of a factorisation what its algorithm makes, of a search what it makes at most.

    Where q keeps its sign on an interval that holds the spectrum, the search of a symmetric shift ends after
    (kappa^(1/2) / 2) log(2 kappa / tolerance) steps but for rounding, kappa the ratio of the largest and the smallest
    |q| there; else one step is counted for each node of the largest graph, and two for a shift that is not symmetric.

    Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 2013, sections 3.2 (2 n^3 / 3 operations) and 11.5.

    Example:
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> of_solution(np.ones(1), np.array([2.0, 1.0]), pair, 1, torch.float32).products              # the residual
        1
    """
    order, graph = len(denominator) - 1, shift.graph
    block = math.prod(places(graph)) * features
    right = of_polynomial(shift, features, len(numerator) - 1, torch.float64)
    if _is_dense(shift):
        *batch, n = places(graph)
        graphs = math.prod(batch)
        made = graphs * (order * n**3 + n**3 // 3 + n**2 * features)
        moved = graphs * (3 * order * n**2 + 2 * n**2 + 2 * n * features) * 8
        right += of_polynomial(shift, features, order, torch.float64)  # the residual
        return right + OperationCount(0, made, made, moved)
    step = of_polynomial(shift, features, order, torch.float64)
    arrays = of_steps(block, 2, torch.float64, multiplications=1, additions=1).times(8)
    return right + step.times(3) + (step + arrays).times(_steps(denominator, shift, dtype))


def _steps(denominator: np.ndarray, shift: Shift, dtype: torch.dtype) -> int:
    """At most so many steps of the search."""
    assert isinstance(shift.graph, Graph)
    nodes = int(shift.graph.sizes.max())
    if not shift.symmetric:
        return 2 * nodes
    bounds = interval(shift)
    eigenvalues = np.linspace(float(bounds[:, 0].min()), float(bounds[:, 1].max()), 2001)
    values = np.polynomial.polynomial.polyval(eigenvalues, denominator)
    if values.min() * values.max() <= 0:
        return nodes
    condition = np.abs(values).max() / np.abs(values).min()
    tolerance = _TOLERANCE * torch.finfo(dtype).eps
    return min(nodes, max(1, math.ceil(math.sqrt(condition) / 2 * math.log(2 * condition / tolerance))))
