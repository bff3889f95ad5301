"""Filters that are any function of the eigenvalue; they act by the eigenvectors of the shift.

The function sees eigenvalues and never their number in a list, so that the filter does not depend on the order of the
nodes, nor on how a basis of equal eigenvalues is chosen.

Source: J. Bruna, W. Zaremba, A. Szlam, Y. LeCun, Spectral networks and locally connected networks on graphs, 2014,
section 5 (filters there are free numbers for each place in the spectrum, which do depend on such choices).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.turning import refined_maxima

__all__ = ["Spectral"]


@dataclass(frozen=True, eq=False)
class Spectral(Filter):
    """h(lambda) = function(lambda), elementwise.

    Args:
        function: gives a tensor of the shape of the eigenvalues, which come in float64; made of operations that can be
            differentiated by torch, where a derivative is asked for.

    Example:
        >>> heat = Spectral(lambda eigenvalue: torch.exp(-2.0 * eigenvalue))
        >>> heat.response(torch.zeros(2)).tolist(), heat.lipschitz(0.0, 2.0)
        ([1.0, 1.0], 2.0)
        >>> round(heat.integral_lipschitz(0.0, 2.0), 6)                                 # 2 l exp(-2 l) at l = 1/2
        0.367879
    """

    function: Callable[[Tensor], Tensor]

    def differentiated(self) -> Spectral:
        """The derivative, by differentiating the function."""
        return Spectral(lambda x: _derivative(self._response, x))

    def times_eigenvalue(self) -> Spectral:
        """lambda function(lambda)."""
        return Spectral(lambda x: x * self._response(x))

    def turning_points(self, low: float, high: float) -> Tensor:
        """Refined samples: see `Filter.turning_points` and `refined_maxima`."""
        return refined_maxima(self.response, low, high)

    def of(self, inner: Filter) -> Spectral:
        """function(g(lambda)) for any filter g."""
        return Spectral(lambda x: self._response(inner.response(x)))

    def _response(self, x: Tensor) -> Tensor:
        value = self.function(x)
        if not isinstance(value, Tensor) or value.shape != x.shape:
            given = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
            raise ValueError(
                f"function gives {given} for eigenvalues of shape {tuple(x.shape)}, but a response is elementwise: "
                "return one number for each, torch.ones_like(eigenvalue) for the constant 1."
            )
        return value

    def _adopted(self, other: Filter) -> Spectral:
        return other if isinstance(other, Spectral) else Spectral(other.response)

    def _multiplied(self, other: Spectral) -> Spectral:
        return Spectral(lambda x: self._response(x) * other._response(x))

    def _added(self, other: Spectral) -> Spectral:
        return Spectral(lambda x: self._response(x) + other._response(x))


def _derivative(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """The derivative of an elementwise function, itself differentiable where x is."""
    again = x.requires_grad and torch.is_grad_enabled()
    with torch.enable_grad():
        at = x if x.requires_grad else x.detach().requires_grad_()
        value = function(at)
        if not value.requires_grad:
            return torch.zeros_like(x)
        (slope,) = torch.autograd.grad(value.sum(), at, create_graph=again, materialize_grads=True)
    return slope
