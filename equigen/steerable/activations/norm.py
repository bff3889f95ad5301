"""The norm activation: a field keeps its direction and a function of its length becomes its length."""

from __future__ import annotations

from equigen.steerable.activations.fields import fields_of
from equigen.steerable.activations.plain import PlainNorm
from equigen.steerable.activations.scalar_function import (
    ScalarFunction,
    require_scalar_function,
    scalar_function_name,
)
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import require_field_type
from equigen.steerable.wrapped import Wrapped

__all__ = ["NormActivation"]

_SOFTENING = 1e-3


class NormActivation(Wrapped[PlainNorm]):
    """y = v act(n - b)/n for each field v, n = sqrt(|v|^2 + 1e-6): exact for every group and every angle.

    Representations are orthogonal, so |v| is invariant and y turns as v does. The 1e-6 makes y smooth at v = 0 and
    changes n by 5e-7 where |v| = 1; the gradient there is act(-b) 10^3 at most, and act'(0) where b = 0 and act(0) = 0.
    Channels of trivial representations are invariant themselves and become act(x), without b.

    Args:
        in_type: any field type; also the output type.
        activation: function of one number. With `nn.ReLU()` and b = 0 a field stays as it is: give it a positive bias.
        bias: first value of b, a weight per field that is not trivial. Fields of d unit-variance channels have |v|
            near sqrt(d).

    Raises:
        ValueError: `activation` mixes channels.

    Error: float32 1e-7, float64 3e-16 relative. In half precision lengths are taken in float32.

    Source: D. Worrall et al., Harmonic networks: deep translation and rotation equivariance, CVPR 2017, for complex
        fields and the ReLU, with +b where -b stands here.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from equigen.groups.plane_groups import SO2
        >>> layer = NormActivation(FieldType(SO2(), "1x1"), nn.ReLU(), bias=1.0)
        >>> [round(number, 3) for number in layer(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).flatten().tolist()]
        [2.4, 3.2]
    """

    def __init__(self, in_type: FieldType, activation: ScalarFunction, bias: float = 0.0) -> None:
        require_field_type(in_type, "in_type", "NormActivation")
        require_scalar_function(activation, "NormActivation")
        super().__init__(in_type, in_type, PlainNorm(fields_of(in_type), activation, float(bias), _SOFTENING))

    def extra_repr(self) -> str:
        """The types and the function."""
        return f"{super().extra_repr()}, {scalar_function_name(self.body.activation)}"
