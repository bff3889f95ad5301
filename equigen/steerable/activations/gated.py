"""The gated activation: each field is multiplied by a function of an invariant channel of its own."""

from __future__ import annotations

from torch import nn

from equigen.groups.representation import trivial
from equigen.steerable.activations.fields import fields_of
from equigen.steerable.activations.plain import PlainGate
from equigen.steerable.activations.scalar_function import (
    ScalarFunction,
    require_scalar_function,
    scalar_function_name,
)
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import require_field_type
from equigen.steerable.wrapped import Wrapped

__all__ = ["GatedActivation", "with_gates"]


def with_gates(out_type: FieldType) -> FieldType:
    """The input type of a gated activation that gives `out_type`: one trivial channel per field to gate, in front.

    Args:
        out_type: trivial channels, which need no gate, and fields.

    Returns:
        "{number of fields that are not trivial}x0e" followed by `out_type`.

    Raises:
        TypeError: `out_type` is no field type.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> with_gates(FieldType(SO2(), "2x0e + 3x1")).size
        11
    """
    require_field_type(out_type, "out_type", "with_gates")
    gates = _gates(out_type)
    if not gates:
        return out_type
    return FieldType(out_type.group, [(gates, trivial(out_type.group)), *out_type.terms])


class GatedActivation(Wrapped[PlainGate]):
    """y = v gate(s) for each field v, s its own trivial channel; act(s) for the trivial channels left over.

    With m fields that are not trivial, the first m channels of the input are the gates, in order of the fields; they do
    not come out again. `with_gates(out_type)` writes that input type down. Exact for every group and every angle.

    Args:
        in_type: m or more trivial irreps in front, m fields that are not trivial, and trivial channels anywhere.
        activation: function of one number, for the trivial channels that are no gates.
        gate: function of one number, for the gates.

    Raises:
        ValueError: too few trivial irreps in front, nothing to gate, or a function that mixes channels.

    Error: float32 1e-7, float64 3e-16 relative.

    Source: M. Weiler et al., 3D steerable CNNs, NeurIPS 2018 (gated nonlinearity).

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import SO2
        >>> layer = GatedActivation(FieldType(SO2(), "1x0e + 1x1"))
        >>> layer(torch.tensor([0.0, 3.0, 4.0]).view(1, 3, 1, 1)).flatten().tolist()
        [1.5, 2.0]
        >>> layer.out_type == FieldType(SO2(), "1x1")
        True
    """

    def __init__(
        self, in_type: FieldType, activation: ScalarFunction | None = None, gate: ScalarFunction | None = None
    ) -> None:
        activation = nn.SiLU() if activation is None else activation
        gate = nn.Sigmoid() if gate is None else gate
        require_field_type(in_type, "in_type", "GatedActivation")
        for function in (activation, gate):
            require_scalar_function(function, "GatedActivation")
        out_type, gates = _without_gates(in_type)
        super().__init__(in_type, out_type, PlainGate(gates, fields_of(out_type, first=gates), activation, gate))

    def extra_repr(self) -> str:
        """The types and the functions."""
        names = (scalar_function_name(function) for function in (self.body.activation, self.body.gate))
        return f"{super().extra_repr()}, {', '.join(names)}"


def _gates(type_: FieldType) -> int:
    return sum(count for count, representation in type_.terms if not representation.is_trivial)


def _without_gates(in_type: FieldType) -> tuple[FieldType, int]:
    """The output type and the number of gates."""
    gates = needed = _gates(in_type)
    if not gates:
        raise ValueError(
            f"{in_type} holds trivial channels alone, but a gate needs a field: Pointwise(in_type, nn.SiLU())."
        )
    terms = list(in_type.terms)
    while needed:
        count, representation = terms[0]
        if not (representation.is_trivial and representation.size == 1):
            raise ValueError(
                f"{in_type} has {gates - needed} trivial irreps in front, but its {gates} fields need a gate each: "
                f"GatedActivation(with_gates(out_type))."
            )
        used = min(count, needed)
        needed -= used
        terms = ([(count - used, representation)] if count > used else []) + terms[1:]
    return FieldType(in_type.group, terms), gates
