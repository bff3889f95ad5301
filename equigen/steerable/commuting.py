"""Functions between layers: which of them commute with the group on what they are given, and what then comes of it.

Known are the copies and views that leave the order of entries alone; sums of maps of one type; products with numbers
and with maps of invariants; functions of each channel alone where the group only permutes channels; joined and cut
channels; and means, sums, maxima over all pixels or all channels. Of everything else it is not known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from equigen.steerable.field_type import FieldType
from equigen.steerable.held import Fixed, Held, Lost, State, cut, joined, meets, numbers, permuted, still

__all__ = ["Operation", "outcome", "settled"]

_SAME = {"alias", "clone", "detach", "_to_copy", "lift_fresh", "lift_fresh_copy"}
_VIEWS = {"view", "_unsafe_view", "_reshape_alias", "unsqueeze", "squeeze", "expand"}
_EVEN = {
    "full", "ones", "zeros", "full_like", "ones_like", "zeros_like", "new_full", "new_ones", "new_zeros",
    "scalar_tensor",
}  # fmt: skip
_SUMS = {"add", "sub", "neg"}
_PRODUCTS = {"mul", "div"}
_EACH = {
    "abs", "addcdiv", "addcmul", "atan", "atan2", "celu", "clamp", "clamp_max", "clamp_min", "cos", "elu", "eq", "erf",
    "exp", "exp2", "expm1", "ge", "gelu", "gt", "hardsigmoid", "hardswish", "hardtanh", "le", "leaky_relu", "lerp",
    "log", "log1p", "log2", "log_sigmoid_forward", "lt", "maximum", "minimum", "mish", "ne", "pow", "reciprocal",
    "relu", "rsqrt", "rsub", "selu", "sigmoid", "sign", "silu", "sin", "sinh", "cosh", "softplus", "sqrt", "square",
    "tan", "tanh", "where",
}  # fmt: skip
_CALLED = {
    "_unsafe_view": "reshape", "constant_pad_nd": "pad", "convolution": "conv2d",
    "max_pool2d_with_indices": "max_pool2d", "view": "reshape",
}  # fmt: skip
_LINEAR = {"mean", "sum"}
_OVER = {"amax", "amin", "linalg_vector_norm", "logsumexp", "std", "var"} | _LINEAR
_SHARES = {"_softmax", "_log_softmax"}


@dataclass(frozen=True)
class Operation:
    """One function of torch as it was called.

    Args:
        name: of the function.
        given: its arguments by name.
        operands: the tensors among them, each with what is known of it.
    """

    name: str
    given: dict[str, Any]
    operands: tuple[tuple[Tensor, State], ...]

    @property
    def maps(self) -> list[tuple[Tensor, Held]]:
        """The operands that hold fields."""
        return [(x, state) for x, state in self.operands if isinstance(state, Held)]

    @property
    def fixed(self) -> list[tuple[Tensor, Fixed]]:
        """The operands that stand still."""
        return [(x, state) for x, state in self.operands if isinstance(state, Fixed)]

    @property
    def number(self) -> bool:
        """Whether a plain number is added, multiplied or otherwise joined."""
        return any(isinstance(self.given.get(name), (int, float)) for name in ("other", "exponent"))

    def doubt(self) -> Lost:
        """That it is not known whether the function commutes."""
        types = [state.fields for _, state in self.maps if state.fields is not None]
        size = self.maps[0][1].size if self.maps else (1, 1)
        called = "interpolate" if self.name.startswith("upsample_") else _CALLED.get(self.name, self.name)
        reason = f"{called} between layers is not known to commute with the group"
        if len(types) > 1 and types[0].size == types[1].size and not meets(*types[:2]):
            reason = f"{called} between layers joins {types[0]} with {types[1]}"
        return Lost(reason, size)


def settled(fields: FieldType | None, size: tuple[int, int], *, given: bool = False) -> State:
    """A map, or what stands still if it has one pixel and channels that the group leaves alone.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> settled(FieldType(Cyclic(4), "2x0e"), (1, 1))
        Fixed(even=True, invariant=True)
    """
    if fields is not None and size == (1, 1) and _numbers(fields):
        return Fixed(even=True, invariant=True)
    return Held(fields, size, given)


def outcome(operation: Operation, out: Tensor, first: int = 0) -> State:
    """What is known of a result.

    Args:
        operation: the function.
        out: what it gave, or one of the tensors that it gave.
        first: channels of the results before this one, where the function cuts a map into several.
    """
    name, states = operation.name, [state for _, state in operation.operands]
    if name in _EVEN:
        return Fixed(even=True)
    lost = [state for state in states if isinstance(state, Lost)]
    if lost:
        return lost[0]
    if not operation.maps:
        return _standing(operation)
    if name in _SAME and out.is_floating_point():
        return states[0]
    found = _moving(operation, out, first)
    if found is None:
        return operation.doubt()
    return settled(found.fields, found.size, given=found.given) if isinstance(found, Held) else found


def _moving(operation: Operation, out: Tensor, first: int) -> State | None:
    name, (x, held) = operation.name, operation.maps[0]
    if name in _VIEWS:
        return _viewed(x, held, out)
    if name == "cat":
        return _concatenated(operation, out)
    if name in ("slice", "split", "split_with_sizes"):
        return _cut(operation, x, held, out, first)
    if name in _SUMS | _PRODUCTS | _EACH | _SAME:
        return _each(operation, out)
    if name in _OVER and len(operation.operands) == 1:
        return _over(operation, x, held, out)
    axis = operation.given.get("dim")
    if name in _SHARES and isinstance(axis, int) and axis % x.ndim == 1 and permuted(held.fields):
        return held
    return None


def _standing(operation: Operation) -> Fixed:
    pixels = operation.name in _SUMS | _PRODUCTS | _EACH | _SAME | {"expand"}
    even = pixels and all(state.even or still(x, 2) for x, state in operation.fixed) and bool(operation.fixed)
    return Fixed(even, any(state.invariant for _, state in operation.fixed))


def _numbers(fields: FieldType | None) -> bool:
    return fields is not None and all(representation.is_trivial for _, representation in fields.terms)


def _width(x: Tensor) -> int:
    return 1 if x.stride(1) == 0 else x.shape[1]


def _viewed(x: Tensor, held: Held, out: Tensor) -> Held | None:
    pixels, (height, width) = tuple(out.shape[2:]), held.size
    if x.shape[1:2] != out.shape[1:2]:
        spread = x.shape[1] == 1 and out.ndim == x.ndim and out.stride(1) == 0 and x.shape[2:] == out.shape[2:]
        if not spread or held.fields is None or not _numbers(held.fields):
            return None
        return replace(held, fields=numbers(held.fields.group, out.shape[1]))
    if x.shape[0] != out.shape[0] and (x.shape[0] != 1 or x.ndim != out.ndim):
        return None
    if held.size == (1, 1) and x.ndim == out.ndim == 4 and still(out, 2):
        return replace(held, size=(out.shape[2], out.shape[3]))
    same = [held.size, (height * width,), *([()] if held.size == (1, 1) else [])]
    return held if pixels in same else None


def _concatenated(operation: Operation, out: Tensor) -> Held | None:
    axis, maps = operation.given.get("dim", 0) % out.ndim, operation.maps
    first = maps[0][1]
    if any(x.shape[2:] != out.shape[2:] for x, _ in operation.operands):
        return None
    if axis == 0:
        alike = all(_alike(first.fields, state.fields) for _, state in maps)
        return first if alike and not operation.fixed else None
    group = next((state.fields.group for _, state in maps if state.fields is not None), None)
    if axis != 1 or group is None or any(state.size != first.size for _, state in maps):
        return None
    parts: list[FieldType | None] = []
    for x, state in operation.operands:
        if isinstance(state, Held):
            parts.append(state.fields)
        else:
            stands = isinstance(state, Fixed) and (state.even or still(x, x.ndim - 2))
            parts.append(numbers(group, x.shape[1]) if stands else None)
    fields = joined(parts)
    return None if fields is None else Held(fields, first.size)


def _cut(operation: Operation, x: Tensor, held: Held, out: Tensor, first: int) -> Held | None:
    axis = operation.given.get("dim", 0) % x.ndim
    if axis == 0:
        return held
    if axis != 1 or operation.given.get("step", 1) != 1 or held.fields is None:
        return None
    if operation.name == "slice":
        first = operation.given.get("start") or 0
        first = first + x.shape[1] if first < 0 else min(first, x.shape[1])
    fields = cut(held.fields, first, first + out.shape[1])
    return None if fields is None else replace(held, fields=fields)


def _alike(a: FieldType | None, b: FieldType | None) -> bool:
    if a is None or b is None:
        return a is b
    return a.group == b.group and meets(a, b)


def _each(operation: Operation, out: Tensor) -> Held | None:
    """Entries joined one by one, after maps of one pixel, single channels and what stands still are spread."""
    maps, axes = operation.maps, max(0, out.ndim - 2)
    place = max(range(len(maps)), key=lambda i: (_width(maps[i][0]), not _numbers(maps[i][1].fields)))
    wide, others = maps[place], [pair for i, pair in enumerate(maps) if i != place]
    size = max(state.size for _, state in maps)
    for x, state in maps:
        spread = x.ndim == out.ndim and (x.shape[2:] == out.shape[2:] or state.size == (1, 1))
        if not spread or state.size not in (size, (1, 1)) or x.shape[1] not in (1, out.shape[1]):
            return None
    if any(not (still(x, axes) or state.even) for x, state in operation.fixed):
        return None
    fields, result = wide[1].fields, Held(wide[1].fields, size, wide[1].given)
    lone = [x.ndim <= axes or x.shape[-axes - 1] == 1 or x.stride(-axes - 1) == 0 for x, _ in operation.fixed]
    alike = all(_alike(fields, state.fields) for _, state in others)
    single = all(_width(x) == 1 and _numbers(state.fields) for x, state in others)
    if operation.name in _SUMS and alike and not operation.fixed and not operation.number:
        return result
    above = operation.name == "mul" or operation.operands[0][1] is wide[1]
    if operation.name in _PRODUCTS and above and single and all(lone):
        return result if operation.given.get("rounding_mode") is None else None
    if not permuted(fields) and not _numbers(fields):
        return None
    apart = all(_alike(fields, state.fields) or (_width(x) == 1 and _numbers(state.fields)) for x, state in others)
    return result if apart and (all(lone) or _numbers(fields)) else None


def _over(operation: Operation, x: Tensor, held: Held, out: Tensor) -> State | None:
    """One number from all pixels, all channels or both."""
    dims = operation.given.get("dim")
    dims = [dims] if isinstance(dims, int) else dims
    axes = {axis % x.ndim for axis in dims} if dims else set(range(x.ndim))
    pixels, fields = set(range(2, x.ndim)), held.fields
    plain, length = permuted(fields) or _numbers(fields), operation.name == "linalg_vector_norm"
    length = length and operation.given.get("ord", 2) == 2 and fields is not None
    if axes == pixels and pixels:
        return Held(fields, (1, 1), held.given) if plain or operation.name in _LINEAR else None
    if not (plain or length):
        return None
    if axes >= pixels | {1}:
        return Fixed(invariant=True)
    if axes == {1} and out.ndim == x.ndim and fields is not None:
        return Held(numbers(fields.group, 1), held.size)
    return None
