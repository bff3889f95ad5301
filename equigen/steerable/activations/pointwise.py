"""The pointwise activation: one function for all channels, where the group only permutes them."""

from __future__ import annotations

import copy

from torch import Tensor, nn

from equigen.steerable.activations.plain import PlainPointwise
from equigen.steerable.activations.scalar_function import (
    ScalarFunction,
    require_scalar_function,
    scalar_function_name,
)
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule, check_channels

__all__ = ["Pointwise"]


class Pointwise(SteerableModule):
    """y = act(x), channel by channel, for fields whose channels the group permutes or leaves alone.

    A permutation P commutes with every function of one number: act(P x) = P act(x). No other orthogonal matrix commutes
    with all of them, so fields of other representations are refused.

    Args:
        in_type: sum of permutation representations (regular, quotient) and trivial irreps; also the output type.
        activation: function of one number, such as `nn.SiLU()` or `torch.tanh`. A module becomes a part of the layer.

    Raises:
        ValueError: a representation of `in_type` does more than permute, or `activation` mixes channels.

    Error: none beyond the rounding of `activation`, which may depend on a number's place in memory by one unit.

    Source: T. Cohen, M. Welling, Group equivariant convolutional networks, ICML 2016, section 6.2.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> layer = Pointwise(FieldType(Cyclic(4), "1xregular"), nn.ReLU())
        >>> layer(torch.tensor([1.0, -2.0, 3.0, -4.0]).view(1, 4, 1, 1)).flatten().tolist()
        [1.0, 0.0, 3.0, 0.0]
    """

    def __init__(self, in_type: FieldType, activation: ScalarFunction) -> None:
        super().__init__(in_type, in_type)
        require_scalar_function(activation, "Pointwise")
        for _, _, representation in in_type.parts():
            if not (representation.is_permutation or representation.is_trivial):
                fix = "FourierActivation" if representation.origin is not None else "NormActivation"
                raise ValueError(
                    f"{representation} of {in_type.group.name} does more than permute its channels, which a pointwise "
                    f"activation does not commute with: {fix}(in_type, activation)."
                )
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """act(x).

        Args:
            x: (B, in_type.size, H, W).

        Returns:
            The same shape.

        Raises:
            ValueError: another number of channels.
        """
        check_channels(x, self.in_type, "Pointwise")
        return self.activation(x)

    def plain(self) -> nn.Module:
        """A copy of the activation itself, wrapped if it is no module."""
        if isinstance(self.activation, nn.Module):
            return copy.deepcopy(self.activation)
        return PlainPointwise(self.activation)

    def extra_repr(self) -> str:
        """The types and the function."""
        return f"{super().extra_repr()}, {scalar_function_name(self.activation)}"
