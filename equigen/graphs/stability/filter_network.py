"""Layers of graph filters with a pointwise function between them: the networks of the theorems on stability."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from equigen.graphs.filters.polynomial import Polynomial
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.functional import convolve
from equigen.graphs.shift import Shift
from equigen.graphs.stability.responses import SLACK, responses
from equigen.random import Stream, uniform

__all__ = ["Constants", "FilterNetwork"]

_REACH = 20.0  # numbers at which slopes are looked for


@dataclass(frozen=True)
class Constants:
    """What bounds ask of a map, over an interval of eigenvalues; for signals of norm 1, and functions of slope 1.

    Args:
        lipschitz: max |h'| over all filters h.
        integral_lipschitz: max |l h'|.
        paths: by how much layers and features multiply the change of one filter; 1 for a filter alone.
        gain: how large a result can be: the product over the layers of max ||H(l)||.
        change: the sum over the layers of max ||H'(l)|| times the gains of all others.
        integral_change: the same with max ||l H'(l)||.

    Example:
        >>> Constants(2.0, 3.0, 1.0, 1.0, 2.0, 3.0).integral_lipschitz
        3.0
    """

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
        function: pointwise, differentiable by torch almost everywhere; the theorems ask for f(0) = 0 and slopes of at
            most 1.

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
        """The largest slope of f that is found; infinite where f(0) is not 0.

        A lower estimate of the true one: the largest of the derivatives at 0, at points that crowd there and at even
        and random ones from -20 to 20, and of the slopes between the even ones.
        """
        if float(self.function(torch.zeros(1, dtype=torch.float64)).abs()):
            return math.inf
        even = torch.linspace(-_REACH, _REACH, 4001, dtype=torch.float64)
        near = torch.logspace(-9.0, math.log10(_REACH), 500, dtype=torch.float64)
        random = _REACH * (2.0 * uniform((4000,), seed=0, stream=Stream.PROBE, dtype=torch.float64) - 1.0)
        points = torch.cat((even, near, -near, random, even.new_zeros(1)))
        derivatives = Spectral(self.function).derivative(points)
        between = self.function(even).detach().diff() / even.diff()
        return float(torch.cat((derivatives, between)).abs().nan_to_num(nan=math.inf, posinf=math.inf).max())

    def largest(self, low: float, high: float) -> float:
        """max |h| over all filters h and all eigenvalues from low to high; error as for `Filter.largest`."""
        return max(_largest(taps.detach().double(), low, high) for taps in self.taps)

    def constants(self, low: float, high: float) -> Constants:
        """What bounds ask, over the eigenvalues from low to high; no lower than it is, and up to 2 % higher."""
        taps = [each.detach().double() for each in self.taps]
        kinds = ("response", "derivative", "integral")
        alone = [[SLACK * float(responses(each, low, high, of).abs().max()) for of in kinds[1:]] for each in taps]
        whole = [[SLACK * _norm(responses(each, low, high, of)) for of in kinds] for each in taps]
        widths = [taps[0].shape[1], *(each.shape[2] for each in taps)]
        gains = [gain for gain, _, _ in whole]
        others = [math.prod(gains[:layer] + gains[layer + 1 :]) for layer in range(len(taps))]
        lipschitz, integral = (max(each) for each in zip(*alone, strict=True))
        return Constants(
            lipschitz,
            integral,
            len(taps) * math.prod(widths[1:-1]) * math.sqrt(widths[0] * widths[-1]),
            math.prod(gains),
            sum(each[1] * other for each, other in zip(whole, others, strict=True)),
            sum(each[2] * other for each, other in zip(whole, others, strict=True)),
        )


def _norm(matrices: Tensor) -> float:
    """The largest spectral norm among matrices."""
    return float(torch.linalg.matrix_norm(matrices, 2).max())


def _largest(taps: Tensor, low: float, high: float) -> float:
    """The exact maximum of one layer: of those filters that come near it on the points."""
    seen = responses(taps, low, high, "response").abs().amax(0)
    near = taps[:, seen * SLACK >= seen.max()].unique(dim=1)
    return max(Polynomial(each).largest(low, high) for each in near.T)
