"""Functions whose coefficients belong to the numbers of the nodes, and what that costs in closed form.

Every one is a table of numbers laid over the nodes in their order, so that a renumbering brings other nodes to a row
of the table. The mean of the squared error over all n! permutations then follows from averages of the table: of one
entry, of two, or of two in one row. Beside each stands the same function with numbers that belong to the nodes
themselves, made from what a renumbering carries along.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from equigen import random
from equigen.graphs.functional import convolve
from equigen.graphs.shifts import normalised_adjacency
from equigen.graphs.structure import Graphs
from equigen.labs.permutation.commuting import Case, Function, squared_norm
from equigen.labs.permutation.setting import FEATURES

__all__ = [
    "TAPS",
    "broken",
    "edge_varying_square",
    "filtered",
    "first_two_square",
    "node_varying_square",
    "ranked_square",
    "repaired",
]

TAPS = (1.0, 0.7, -0.4)
"""Of the filter that is left alone, or broken: h(S) = 1 + .7 S - .4 S^2 of the normalised adjacency."""


def filtered(graph: Graphs, x: Tensor) -> Tensor:
    """The filter of `TAPS`, for features (n, F)."""
    taps = torch.tensor(TAPS, dtype=x.dtype)[:, None, None] * torch.eye(x.shape[-1], dtype=x.dtype)
    return convolve(normalised_adjacency(graph), x, taps)


def broken(graph: Graphs, x: Tensor, seed: int) -> list[Case]:
    """Functions that depend on the numbering, with their mean squared error over all permutations.

    Args:
        graph: in the numbering for which the closed forms are taken.
        x: features (n, F), float64.
        seed: of the tables.
    """
    n = len(x)
    taps, table = _normal((n, len(TAPS)), seed, 0), _normal((n, n), seed, 1)
    bias = _normal((n, FEATURES), seed, 2)
    spread = bias - bias.mean(0)
    return [
        Case("taps of each node", _node_varying(lambda _: taps), expected=node_varying_square(graph, x, taps)),
        Case("weights of each edge", _edge_varying(lambda _: table), expected=edge_varying_square(graph, x, table)),
        Case("bias of each node", lambda g, y: filtered(g, y) + bias.to(y), expected=2 * squared_norm(spread)),
        Case("first two neighbours", _ranked(_first_two), expected=first_two_square(graph, x)),
        Case("recurrent over neighbours", _ranked(_recurrent), expected=ranked_square(graph, x, _recurrent)),
    ]


def repaired(seed: int) -> list[Case]:
    """The same functions with numbers that are made from what a renumbering carries along: degrees and weights."""
    a, b = _normal((len(TAPS),), seed, 3), _normal((len(TAPS),), seed, 4)
    bias = _normal((FEATURES,), seed, 5)

    def taps(graph: Graphs) -> Tensor:
        return a + b * graph.degrees[:, None].double()

    def weights(graph: Graphs) -> Tensor:
        own = graph.degrees.double()
        return torch.sin(own[:, None] + 2.0 * own[None, :])

    return [
        Case("taps from degrees", _node_varying(taps)),
        Case("weights from degrees at both ends", _edge_varying(weights)),
        Case("one bias for all nodes", lambda g, y: filtered(g, y) + bias.to(y)),
        Case("mean of all neighbours", _ranked(lambda count: torch.full((count,), 1.0 / max(count, 1)))),
    ]


def node_varying_square(graph: Graphs, x: Tensor, taps: Tensor) -> float:
    """E ||f(P^T S P, P^T x) - P^T f(S, x)||^2 of f = sum_k diag(h_k) S^k x.

    With u_ij = sum_k h_k(i) (S^k x)_j, the taps of place i on what is at node j, node j is given the row of a place
    that is uniform over all: E = sum_j (u_jj - mean_i u_ij)^2 + var_i u_ij.

    Args:
        graph: of the shift, normalised.
        x: features (n, F), float64.
        taps: (n, K + 1).
    """
    u = torch.einsum("ik,kjf->ijf", taps, _powers(graph, x, taps.shape[1]))
    own = torch.diagonal(u).T
    return squared_norm(own - u.mean(0)) + float(u.var(0, correction=0).sum())


def edge_varying_square(graph: Graphs, x: Tensor, table: Tensor) -> float:
    """The same of f_i = sum_j Phi_ij S_ij x_j, for a shift without loops.

    The pair (i, j) is given the entry of a random pair, and two pairs with one first node those of a random row: with
    A_ij = S_ij x_j and means of Phi over one place, two equal ones, and two distinct ones in a row,

        E = sum_i m_2 sum_j A_ij^2 + m_11 ((sum_j A_ij)^2 - sum_j A_ij^2) - 2 c_i m_1 sum_j A_ij + c_i^2,   c = f.

    Args:
        graph: of the shift, normalised.
        x: features (n, F), float64.
        table: Phi (n, n).
    """
    n, shift = len(table), normalised_adjacency(graph).dense()
    off = table * (1.0 - torch.eye(n, dtype=table.dtype))
    whole, square = off.sum(1), off.square().sum(1)
    once, twice = whole.sum() / (n * (n - 1)), square.sum() / (n * (n - 1))
    apart = (whole.square() - square).sum() / (n * (n - 1) * (n - 2))
    a = shift[:, :, None] * x[None]
    c, of_a, of_square = torch.einsum("ij,ijf->if", table, a), a.sum(1), a.square().sum(1)
    each = twice * of_square + apart * (of_a.square() - of_square) - 2.0 * c * once * of_a + c.square()
    return float(each.sum())


def ranked_square(graph: Graphs, x: Tensor, weights: Callable[[int], Tensor]) -> float:
    """The same of f_i = sum_r w_r x_(r) over the neighbours of i in the order of their numbers.

    A random numbering brings the d neighbours in a random order, so that with their mean m and their variance s^2
    (over d - 1), E = sum_i (f_i - m sum w)^2 + s^2 (sum w^2 - (sum w)^2 / d).

    Args:
        graph: whose entries say who is heard.
        x: features (n, F), float64.
        weights: the weights w_r of a node with d neighbours, (d,).
    """
    total, heard = 0.0, graph.dense() != 0
    for row, value in zip(heard, _ranked(weights)(graph, x), strict=True):
        near = x[row]
        if not len(near):
            continue
        w = weights(len(near)).double()
        total += squared_norm(value - w.sum() * near.mean(0))
        if len(near) > 1:
            total += float(near.var(0).sum() * (w.square().sum() - w.sum() ** 2 / len(near)))
    return total


def first_two_square(graph: Graphs, x: Tensor) -> float:
    """The same of the mean of the first two neighbours."""
    return ranked_square(graph, x, _first_two)


def _node_varying(taps: Callable[[Graphs], Tensor]) -> Function:
    def function(graph: Graphs, x: Tensor) -> Tensor:
        chosen = taps(graph).to(x)
        return torch.einsum("jk,kjf->jf", chosen, _powers(graph, x, chosen.shape[1]))

    return function


def _edge_varying(table: Callable[[Graphs], Tensor]) -> Function:
    def function(graph: Graphs, x: Tensor) -> Tensor:
        return (table(graph) * normalised_adjacency(graph).dense()).to(x) @ x

    return function


def _ranked(weights: Callable[[int], Tensor]) -> Function:
    def function(graph: Graphs, x: Tensor) -> Tensor:
        heard = graph.dense() != 0
        place, count = (heard.cumsum(1) - 1).clamp(min=0), heard.sum(1)
        table = torch.zeros(heard.shape, dtype=torch.float64)
        for d in count.unique().tolist():
            table[count == d, :d] = weights(d).double()
        return torch.where(heard, table.gather(1, place), 0.0).to(x) @ x

    return function


def _powers(graph: Graphs, x: Tensor, count: int) -> Tensor:
    """X, S X, S^2 X and so on, (count, n, F)."""
    shift, all_ = normalised_adjacency(graph), [x]
    for _ in range(count - 1):
        all_.append(shift.product(all_[-1]))
    return torch.stack(all_)


def _first_two(count: int) -> Tensor:
    """The mean of the first two neighbours, or of the one that there is."""
    return (torch.arange(count) < 2).double() / max(min(count, 2), 1)


def _recurrent(count: int) -> Tensor:
    """A state that is halved before each neighbour is added: the last is heard loudest."""
    return 0.5 ** torch.arange(count - 1, -1, -1).double()


def _normal(shape: tuple[int, ...], seed: int, draw: int) -> Tensor:
    return random.normal(shape, seed=seed, stream=random.Stream.LAW, item=1, draw=draw, dtype=torch.float64)
