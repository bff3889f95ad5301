"""Solutions of A y = b by products alone: residuals as small as they can be, for each graph and each feature."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from equigen.graphs.graph import Graph

__all__ = ["inner", "searched"]

_PATIENCE = 3  # times the nodes: steps after which a search is given up
_STUCK = 64.0  # roundings


def searched(
    applied: Callable[[Tensor, bool], Tensor],
    graph: Graph,
    goal: Tensor,
    size: Tensor,
    rounding: float,
    *,
    symmetric: bool,
) -> Tensor:
    """y for which A y is near b: for a symmetric A the minimal residuals, for another one the least squares.

    Lanczos's vectors v_k, and Givens's rotations of the three diagonals that A becomes in them. For a matrix that is
    not symmetric they are those of (0, A; A^T, 0), every other one of which is zero in either half, so that a step
    takes one product with A or A^T, and nothing is squared. Neither needs a sign: A may be indefinite.

    Each graph and each feature goes its own way, and stops when its residual, times the condition that its rotations
    tell, is `rounding` of b; or when it falls no more.

    Args:
        applied: A v, or A^T v where it is asked for.
        graph: whose nodes they are.
        goal: b (*, n, F), float64.
        size: of A, the norm or a bound of it, for each graph (B,); what is rounding of it counts as 0.
        rounding: relative, of y.
        symmetric: whether A is.

    Error: to be checked: a search that gave up returns what it has.

    Source: C. Paige, M. Saunders, Solution of sparse indefinite systems of linear equations, 1975; LSQR: an algorithm
    for sparse linear equations and sparse least squares, 1982.

    Example:
        >>> pair, b = Graph.from_edges([[0], [1]], 2, undirected=True), torch.tensor([[1.0], [0.0]]).double()
        >>> searched(lambda v, _: pair.product(v), pair, b, torch.ones(1), 1e-15, symmetric=True).flatten().tolist()
        [0.0, 1.0]
    """
    rounded = torch.finfo(goal.dtype).eps
    least = _STUCK * rounded * size[:, None]
    start = beta = phi = inner(graph, goal, goal).sqrt()
    v, y = goal / _spread(graph, _not_zero(beta)), torch.zeros_like(goal)
    v_before = w = w_before = y
    cosine, sine, dbar, epsilon = -torch.ones_like(beta), *[torch.zeros_like(beta)] * 3
    largest, smallest = torch.zeros_like(beta), torch.full_like(beta, torch.inf)
    going = beta > 0
    for k in range(_PATIENCE * max(1, goal.shape[-2])):
        if not bool(going.any()):
            break
        image = applied(v, not symmetric and k % 2 == 0) - _spread(graph, beta) * v_before
        alpha = inner(graph, v, image) if symmetric else torch.zeros_like(beta)
        image = torch.addcmul(image, _spread(graph, -alpha), v)
        beta = inner(graph, image, image).sqrt()
        delta, gbar, before = cosine * dbar + sine * alpha, sine * dbar - cosine * alpha, epsilon
        epsilon, dbar = sine * beta, -cosine * beta
        stuck = torch.hypot(gbar, dbar) <= least  # A r of the residual r is 0
        gamma = torch.hypot(gbar, beta)
        largest, smallest = torch.maximum(largest, gamma), torch.minimum(smallest, gamma)
        cosine, sine = gbar / _not_zero(gamma), beta / _not_zero(gamma)
        w, w_before = (v - _spread(graph, before) * w_before - _spread(graph, delta) * w), w
        w = w / _spread(graph, _not_zero(gamma))
        y = torch.addcmul(y, _spread(graph, torch.where(going, cosine * phi, 0.0)), w)
        phi = torch.where(going, sine * phi, phi)
        enough = rounding * smallest / _not_zero(largest)
        going = going & ~stuck & (gamma > least) & (phi > start * enough.clamp_min(rounded))
        v, v_before = image / _spread(graph, _not_zero(beta)), v
    return y


def inner(graph: Graph, x: Tensor, y: Tensor) -> Tensor:
    """Inner products over the nodes of each graph, (*, B, F).

    Example:
        >>> inner(Graph.from_edges([], 2), torch.ones(2, 1), torch.tensor([[1.0], [2.0]])).tolist()
        [[3.0]]
    """
    product = x * y
    if len(graph.sizes) == 1:
        return product.sum(-2, keepdim=True)
    empty = product.new_zeros(*product.shape[:-2], len(graph.sizes), product.shape[-1])
    return empty.index_add(-2, graph.graph_of_node, product)


def _spread(graph: Graph, numbers: Tensor) -> Tensor:
    """Numbers (*, B, F) of the graphs at their nodes."""
    return numbers if len(graph.sizes) == 1 else numbers.index_select(-2, graph.graph_of_node)


def _not_zero(numbers: Tensor) -> Tensor:
    return torch.where(numbers == 0, 1.0, numbers)
