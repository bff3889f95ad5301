"""Solutions of q(S) y = p(S) x, directly for small graphs, by conjugate gradients for large ones."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.realizations.operation_count import OperationCount, of_polynomial, of_steps, places
from equigen.graphs.realizations.transposed import horner
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import interval
from equigen.graphs.structure import Graphs

__all__ = ["of_solution", "solution"]

_DENSE = 512  # nodes in one matrix up to which it is factorised
_TOLERANCE = 8.0  # roundings of the dtype
_PATIENCE = 20  # times the nodes: steps after which the search is given up
_SINGULAR = (
    "the denominator has a root on the spectrum of the shift, or close to it, but is divided by: "
    "give a filter whose denominator stays away from zero there, or float64 features."
)


def solution(numerator: np.ndarray, denominator: np.ndarray, shift: Shift, x: Tensor) -> Tensor:
    """y with q(S) y = p(S) x.

    Up to 512 nodes, and for padded graphs, q(S) is a matrix and factorised (Gauss). Above, conjugate gradients search
    y, each graph and each feature with steps of its own, until the residual that they carry along is 8 roundings of the
    dtype of p(S) x; for a shift that is not symmetric they search the least squares.

    Args:
        numerator: taps p, ascending.
        denominator: taps q, ascending; without a root on the spectrum.
        shift: S.
        x: features (*, n, F).

    Raises:
        ValueError: the search does not end: q has a root on the spectrum, or close to it.

    Error: rounding times the condition number of q(S), its square for large shifts that are not symmetric.

    Source: M. R. Hestenes, E. Stiefel, Methods of conjugate gradients for solving linear systems, 1952.

    Example:
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> solution(np.ones(1), np.array([2.0, 1.0]), pair, torch.tensor([[3.0], [0.0]])).flatten().tolist()
        [2.0, -1.0]
    """
    right = horner(torch.from_numpy(numerator).to(x), shift, x)
    if _is_dense(shift):
        y, singular = torch.linalg.solve_ex(_matrix(denominator, shift, x), right)
        if bool(singular.any()):
            raise ValueError(_SINGULAR)
        return y
    return _searched(torch.from_numpy(denominator).to(x), shift, right)


def _is_dense(shift: Shift) -> bool:
    return not isinstance(shift.graph, Graph) or shift.graph.nodes <= _DENSE


def _matrix(taps: np.ndarray, shift: Shift, x: Tensor) -> Tensor:
    """q(S) as a matrix, the identity where a node is none."""
    single = shift.dense().to(x)
    eye = torch.eye(single.shape[-1], dtype=x.dtype, device=x.device)
    total = float(taps[-1]) * eye.expand_as(single)
    for tap in taps[-2::-1]:
        total = single @ total + float(tap) * eye
    real = shift.graph.real
    return (
        total
        if real is None
        else torch.where((real[:, :, None] & real[:, None, :]) | (eye > 0), total, 0.0)
        + (torch.diag_embed((~real).to(x)) * (1.0 - float(taps[0])))
    )


def _searched(taps: Tensor, shift: Shift, right: Tensor) -> Tensor:
    """Conjugate gradients on q(S), or on the least squares of it; a sign of q that is negative cancels."""
    graph, symmetric = shift.graph, shift.symmetric

    def applied(v: Tensor) -> Tensor:
        v = horner(taps, shift, v)
        return v if symmetric else _horner_back(taps, shift, v)

    goal = right if symmetric else _horner_back(taps, shift, right)
    y, residual, direction = torch.zeros_like(goal), goal, goal
    size = start = _inner(graph, residual, residual)
    bound = (_TOLERANCE * torch.finfo(right.dtype).eps) ** 2 * start
    for _ in range(_PATIENCE * max(1, right.shape[-2])):
        going = size > bound
        if not bool(going.any()):
            return y
        image = applied(direction)
        curvature = _inner(graph, direction, image)
        step = torch.where(going, size / torch.where(going, curvature, 1.0), 0.0)
        y, residual = y + step * direction, residual - step * image
        following = _inner(graph, residual, residual)
        direction = torch.where(going, residual + following / torch.where(going, size, 1.0) * direction, direction)
        size = torch.where(going, following, size)
    raise ValueError(_SINGULAR)


def _horner_back(taps: Tensor, shift: Shift, x: Tensor) -> Tensor:
    """q(S^T) x."""
    *before, last = taps.unbind()
    u = last * x
    for tap in reversed(before):
        u = torch.addcmul(shift.product(u, transposed=True), tap, x)
    return u


def _inner(graph: Graphs, x: Tensor, y: Tensor) -> Tensor:
    """Inner products over the nodes of each graph, in the place of every node."""
    product = x * y
    if not isinstance(graph, Graph) or len(graph.sizes) == 1:
        return product.sum(-2, keepdim=True).expand_as(product)
    of, shape = graph.graph_of_node, (*product.shape[:-2], len(graph.sizes), product.shape[-1])
    return product.new_zeros(shape).index_add(-2, of, product).index_select(-2, of)


def of_solution(
    numerator: np.ndarray, denominator: np.ndarray, shift: Shift, features: int, dtype: torch.dtype
) -> OperationCount:
    """What a solution costs: of a factorisation what its algorithm makes, of a search what it makes at most.

    The search of a symmetric shift ends after (kappa^(1/2) / 2) log(2 kappa^(1/2) / tolerance) steps but for rounding,
    kappa the ratio of the largest and the smallest |q| on an interval that holds the spectrum; of another shift one
    step for each node is counted.

    Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 2013, sections 3.2 (2 n^3 / 3 operations) and 11.3.

    Example:
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> of_solution(np.ones(1), np.array([2.0, 1.0]), pair, 1, torch.float32).products
        0
    """
    order, graph = len(denominator) - 1, shift.graph
    block = math.prod(places(graph)) * features
    right = of_polynomial(shift, features, len(numerator) - 1, dtype)
    if _is_dense(shift):
        *batch, n = places(graph)
        graphs = math.prod(batch)
        made = graphs * (order * n**3 + n**3 // 3 + n**2 * features)
        moved = graphs * (3 * order * n**2 + 2 * n**2 + 2 * n * features) * dtype.itemsize
        return right + OperationCount(0, made, made, moved)
    sides = 1 if shift.symmetric else 2
    step = of_polynomial(shift, features, order, dtype).times(sides)
    arrays = of_steps(block, 2, dtype, multiplications=1, additions=1).times(5)
    back = OperationCount() if sides == 1 else of_polynomial(shift, features, order, dtype)
    return right + back + (step + arrays).times(_steps(denominator, shift, dtype))


def _steps(denominator: np.ndarray, shift: Shift, dtype: torch.dtype) -> int:
    """At most so many steps of the search."""
    nodes = places(shift.graph)[-1]
    if not shift.symmetric:
        return nodes
    bounds = interval(shift)
    eigenvalues = np.linspace(float(bounds[:, 0].min()), float(bounds[:, 1].max()), 2001)
    sizes = np.abs(np.polynomial.polynomial.polyval(eigenvalues, denominator))
    if sizes.min() == 0:
        return nodes
    root = math.sqrt(sizes.max() / sizes.min())
    tolerance = _TOLERANCE * torch.finfo(dtype).eps
    return min(nodes, max(1, math.ceil(root / 2 * math.log(2 * root / tolerance))))
