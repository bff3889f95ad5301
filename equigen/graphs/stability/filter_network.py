"""Layers of graph filters with a pointwise function between them: the networks of the theorems on stability."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from equigen.graphs.functional import convolve
from equigen.graphs.shift import Shift
from equigen.graphs.stability.responses import SLACK, responses

__all__ = ["Constants", "FilterNetwork"]


@dataclass(frozen=True)
class Constants:
    """What bounds ask of a map, over an interval of eigenvalues; all of it for signals of norm 1.

    Args:
        largest: max |h| over all filters h.
        lipschitz: max |h'|.
        integral_lipschitz: max |l h'|.
        paths: by how much layers and features multiply the change of one filter; 1 for a filter alone.
        gain: how large a result can be: the product over the layers of max ||H(l)||.
        change: the sum over the layers of max ||H'(l)|| times the gains of all others.
        integral_change: the same with max ||l H'(l)||.

    Example:
        >>> Constants(1.0, 2.0, 3.0, 1.0, 1.0, 2.0, 3.0).integral_lipschitz
        3.0
    """

    largest: float
    lipschitz: float
    integral_lipschitz: float
    paths: float
    gain: float
    change: float
    integral_change: float


@dataclass(frozen=True, eq=False)
class FilterNetwork:
    """x_l = f(sum_k S^k x_(l-1) H_lk), without biases: what the theorems on stability are about.

    Args:
        taps: for each layer (K + 1, F_in, F_out), of powers of the shift.
        function: pointwise, with f(0) = 0 and slopes of at most 1.

    Raises:
        ValueError: no layer, or layers that do not fit.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> from equigen.graphs.shifts import adjacency
        >>> network = FilterNetwork((torch.tensor([[[0.0]], [[1.0]]]),))                # relu(S x)
        >>> shift = adjacency(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> network(shift, torch.tensor([[3.0], [-5.0]])).tolist()
        [[0.0], [3.0]]
    """

    taps: tuple[Tensor, ...]
    function: Callable[[Tensor], Tensor] = torch.relu

    def __post_init__(self) -> None:
        shapes = [tuple(each.shape) for each in self.taps]
        blocks = all(len(shape) == 3 and min(shape) > 0 for shape in shapes)
        if not shapes or not blocks or any(a[2] != b[1] for a, b in pairwise(shapes)):
            raise ValueError(
                f"taps have shapes {shapes}, but each layer has (K + 1, F_in, F_out), with the F_out of the one before."
            )

    def __call__(self, shift: Shift, x: Tensor) -> Tensor:
        """The result (*, n, F_out) for features (*, n, F_in)."""
        for taps in self.taps:
            x = self.function(convolve(shift, x, taps.to(x)))
        return x

    @property
    def slope(self) -> float:
        """The largest slope of f between 4001 points from -20 to 20; infinite where f(0) is not 0."""
        points = torch.linspace(-20.0, 20.0, 4001, dtype=torch.float64)
        values = self.function(points)
        start = float(self.function(points.new_zeros(1)).abs())
        return math.inf if start else float((values.diff() / points.diff()).abs().max())

    def constants(self, low: float, high: float) -> Constants:
        """What bounds ask, over the eigenvalues from low to high; no lower than it is, and up to 2 % higher."""
        taps = [each.detach().double() for each in self.taps]
        kinds = ("response", "derivative", "integral")
        alone = [[SLACK * float(responses(each, low, high, of).abs().max()) for of in kinds] for each in taps]
        whole = [[_norm(responses(each, low, high, of)) for of in kinds] for each in taps]
        widths = [taps[0].shape[1], *(each.shape[2] for each in taps)]
        gains = [gain for gain, _, _ in whole]
        others = [math.prod(gains[:layer] + gains[layer + 1 :]) for layer in range(len(taps))]
        largest, lipschitz, integral = (max(each) for each in zip(*alone, strict=True))
        return Constants(
            largest,
            lipschitz,
            integral,
            len(taps) * math.prod(widths[1:-1]) * math.sqrt(widths[0] * widths[-1]),
            math.prod(gains),
            sum(each[1] * other for each, other in zip(whole, others, strict=True)),
            sum(each[2] * other for each, other in zip(whole, others, strict=True)),
        )


def _norm(matrices: Tensor) -> float:
    """The largest spectral norm on the interval."""
    return SLACK * float(torch.linalg.matrix_norm(matrices, 2).max())
