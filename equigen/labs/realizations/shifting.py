"""The same taps with another shift: another filter, unless the eigenvectors and the family of polynomials agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.functional import convolve
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import shift_of
from equigen.labs.realizations.forms import relative
from equigen.labs.realizations.setting import Setting
from equigen.random import Stream, normal

__all__ = ["SHOWN", "ShiftFound", "expressed", "expressed_at_last", "shifts_found"]

SHOWN = ("adjacency", "laplacian", "normalised-adjacency", "normalised-laplacian")
"""Shifts that are compared."""


@dataclass(frozen=True, eq=False)
class ShiftFound:
    """The same layer with one shift.

    Args:
        name: of the shift.
        eigenvalues: of it, ascending, float64 (n,).
        gain: the filter's largest value on them.
        norm: of the layer as it is computed: the largest singular value of its map.
        grown: root mean square of a layer's results over that of its input.
        error32: of the layer in single precision against double.
        left: least relative distance of polynomials in this shift from the polynomial in the normalised adjacency, on
            the graph of communities.
        left_of_all: likewise of polynomials of any order.
        left_on_ring: of polynomials of the same order on the ring.
    """

    name: str
    eigenvalues: Tensor
    gain: float
    norm: float
    grown: float
    error32: float
    left: float
    left_of_all: float
    left_on_ring: float


def shifts_found(shown: Setting) -> list[ShiftFound]:
    """The layer with the taps of the walk filter, in all shifts."""
    walks = shown.walks(shown.order)
    mixing = normal((shown.x.shape[1], 8), seed=0, stream=Stream.LAW, item=2, dtype=torch.float64) / 8**0.5
    taps = walks.taps[:, None, None] * mixing
    identity = torch.eye(shown.graph.nodes, dtype=torch.float64)
    found = []
    for name in SHOWN:
        shift = shift_of(shown.graph, name)
        values = torch.linalg.eigvalsh(shift.dense().double())
        columns = convolve(shift, identity[..., None], walks.taps[:, None, None])[..., 0].T
        y = convolve(shift, shown.x, taps)
        found.append(
            ShiftFound(
                name,
                values,
                float(walks.response(values).abs().max()),
                float(torch.linalg.matrix_norm(columns, 2)),
                float(y.norm() / shown.x.norm()),
                relative(convolve(shift, shown.x.float(), taps.float()), y),
                expressed(shown.graph, name, shown.order, walks.taps),
                expressed_at_last(shown.graph, name, walks.taps),
                expressed(shown.ring, name, shown.order, walks.taps),
            )
        )
    return found


def expressed(graph: Graph, name: str, order: int, taps: Tensor) -> float:
    """How near polynomials in one shift come to a polynomial in the normalised adjacency.

    Args:
        graph: symmetric.
        name: of the shift.
        order: of both polynomials.
        taps: of the second, float64 (order + 1,).

    Returns:
        min over g of ||h(S) - g(S')||_F / ||h(S)||_F, 0 where the same matrix is expressed.
    """
    goal = _polynomial(shift_of(graph, "normalised-adjacency").dense().double(), taps).flatten()
    matrix = shift_of(graph, name).dense().double()
    matrix = matrix / torch.linalg.matrix_norm(matrix, 2)
    basis: list[Tensor] = []
    power = torch.eye(len(matrix), dtype=torch.float64).flatten()
    for _ in range(order + 1):
        for _ in range(2):  # once more, for rounding
            for one in basis:
                power = power - (one @ power) * one
        size = float(power.norm())
        if size > 1e-10:
            basis.append(power / size)
            power = (matrix @ basis[-1].reshape(matrix.shape)).flatten()
    left = goal
    for one in basis:
        left = left - (one @ left) * one
    return float(left.norm() / goal.norm())


def expressed_at_last(graph: Graph, name: str, taps: Tensor) -> float:
    """How near polynomials of any order in one shift come to a polynomial in the normalised adjacency.

    A polynomial in S' has one value on each eigenspace, with the projection P; the nearest has tr(P h(S)) / tr(P).

    Args:
        graph: symmetric.
        name: of the shift.
        taps: of the polynomial in the normalised adjacency, float64.

    Returns:
        min over all polynomials g of ||h(S) - g(S')||_F / ||h(S)||_F.
    """
    goal = _polynomial(shift_of(graph, "normalised-adjacency").dense().double(), taps)
    values, vectors = torch.linalg.eigh(shift_of(graph, name).dense().double())
    apart = values.diff() > 1e-9 * values.abs().max()
    space = torch.cat((apart.new_zeros(1), apart)).cumsum(0)  # equal eigenvalues are one space
    held = torch.nn.functional.one_hot(space).double()
    own = (vectors * (goal @ vectors)).sum(0)
    nearest = vectors @ ((held @ ((held.T @ own) / held.sum(0)))[:, None] * vectors.T)
    return float((goal - nearest).norm() / goal.norm())


def _polynomial(matrix: Tensor, taps: Sequence[float] | Tensor) -> Tensor:
    made = torch.zeros_like(matrix)
    for tap in reversed(list(taps)):
        made = matrix @ made + tap * torch.eye(len(matrix), dtype=matrix.dtype)
    return made
