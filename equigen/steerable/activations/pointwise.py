"""The pointwise activation: one function for all channels, where the group only permutes them."""

from __future__ import annotations

from torch import nn

from equigen.steerable.activations.plain import PlainPointwise
from equigen.steerable.activations.remedies import remedies
from equigen.steerable.activations.scalar_function import (
    ScalarFunction,
    require_scalar_function,
    scalar_function_name,
)
from equigen.steerable.field_type import FieldType
from equigen.steerable.wrapped import Wrapped

__all__ = ["Pointwise"]


class Pointwise(Wrapped[nn.Module]):
    """y = act(x), channel by channel, for fields whose channels the group permutes or leaves alone.

    A permutation P commutes with every function of one number: act(P x) = P act(x). No other orthogonal matrix commutes
    with all of them, so fields of other representations are refused.

    Args:
        in_type: sum of permutation representations (regular, quotient) and trivial irreps; also the output type.
        activation: function of one number, such as `nn.SiLU()` or `torch.tanh`. A module becomes a part of the layer.

    Raises:
        TypeError: `activation` is no function of tensors, or is a class.
        ValueError: a representation of `in_type` does more than permute, or `activation` mixes channels.

    Error: none beyond the rounding of `activation`, which may depend on a number's place in memory by one unit.

    Source: T. Cohen, M. Welling, Group equivariant convolutional networks, ICML 2016.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> layer = Pointwise(FieldType(Cyclic(4), "1xregular"), nn.ReLU())
        >>> layer(torch.tensor([1.0, -2.0, 3.0, -4.0]).view(1, 4, 1, 1)).flatten().tolist()
        [1.0, 0.0, 3.0, 0.0]
    """

    def __init__(self, in_type: FieldType, activation: ScalarFunction) -> None:
        require_scalar_function(activation, "Pointwise")
        body = activation if isinstance(activation, nn.Module) else PlainPointwise(activation)
        super().__init__(in_type, in_type, body)
        for _, representation in in_type.terms:
            if not (representation.is_permutation or representation.is_trivial):
                values = representation.origin is not None
                fix = "FourierActivation(in_type, activation)" if values else remedies(representation)
                raise ValueError(
                    f"{representation} of {in_type.group.name} does more than permute its channels, which a pointwise "
                    f"activation does not commute with: {fix}."
                )
        self._name = scalar_function_name(activation)

    def extra_repr(self) -> str:
        """The types and the function."""
        return f"{super().extra_repr()}, {self._name}"
