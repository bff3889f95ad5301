"""Layers of torch itself: what they do to a map of pixels, and on which fields."""

from __future__ import annotations

from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.held import numbers
from equigen.steerable.repairs import window_repairs

__all__ = ["keeps_fields", "plain_fields", "plain_step"]

_Number = TypeVar("_Number", int, float)

_PADS = (nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d)
_POINTWISE = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardshrink, nn.Hardsigmoid, nn.Hardswish, nn.Hardtanh, nn.LeakyReLU, nn.LogSigmoid,
    nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid, nn.Softplus, nn.Softshrink, nn.Softsign, nn.Tanh,
    nn.Tanhshrink, nn.Threshold,
)  # fmt: skip
_DROPOUTS = (nn.AlphaDropout, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.FeatureAlphaDropout)
_NORMS = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d, nn.LocalResponseNorm)
_MEANS = (nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.Upsample, nn.Identity, *_PADS, *_DROPOUTS)
_UNLIKE = "it treats rows and columns differently"
_FREE = "its weights are free; take SteerableConv2d"
_ALONE = "it acts on each channel alone, and the fields that come are not known"


def plain_step(
    module: nn.Module, size: tuple[int, int], out: tuple[int, int], fields: FieldType | None
) -> tuple[GridStep, str]:
    """Judge a layer of torch on a map.

    Windows, padding and interpolation are judged by where they lie. Means and interpolation are exact on all fields,
    functions of each channel alone where the group only permutes channels, weights at each pixel alone where it leaves
    the channels alone; of others it is not known. Dropout is judged in evaluation, where it does nothing.

    Args:
        module: a layer of torch.
        size: (rows, columns) of the map it is given.
        out: of the map it gives.
        fields: what the map holds, if known.

    Returns:
        (what it does to the grid, why its equivariance is not known: "" if it is).

    Example:
        >>> plain_step(nn.AvgPool2d(2), (9, 9), (4, 4), None)[0].flips
        False
        >>> plain_step(nn.Conv2d(1, 1, 3), (9, 9), (7, 7), None)[1]
        'its weights are free; take SteerableConv2d'
    """
    same = GridStep(*out)
    if isinstance(module, (nn.Identity, *_DROPOUTS)) or (isinstance(module, nn.Flatten) and size == (1, 1)):
        return same, ""
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return _adapted(module.output_size, size, out), ""
    if isinstance(module, nn.Conv2d):
        return _window(module, size, out), "" if _alone(module, fields) else _FREE
    if isinstance(module, nn.ConvTranspose2d):
        return _transposed(module, out), "" if _alone(module, fields) else _FREE
    if isinstance(module, nn.AvgPool2d):
        return _window(module, size, out), ""
    if isinstance(module, nn.Upsample):
        return _interpolated(module, size, out), ""
    if isinstance(module, _PADS):
        return _padded(module.padding, out), ""
    if isinstance(module, nn.MaxPool2d):
        return _channelwise(_window(module, size, out), module, fields)
    if isinstance(module, nn.AdaptiveMaxPool2d):
        return _channelwise(_adapted(module.output_size, size, out), module, fields)
    if isinstance(module, _POINTWISE):
        return _channelwise(same, module, fields)
    if isinstance(module, _NORMS):
        return _normed(module, same, fields)
    return same, f"{type(module).__name__} is no layer that the plan knows"


def keeps_fields(module: nn.Module) -> bool:
    """Whether a layer of torch gives the fields that it takes, if it commutes with the group.

    Example:
        >>> keeps_fields(nn.ReLU()), keeps_fields(nn.Conv2d(1, 1, 1))
        (True, False)
    """
    return isinstance(module, (*_MEANS, *_POINTWISE, *_NORMS, nn.MaxPool2d, nn.AdaptiveMaxPool2d, nn.Flatten))


def plain_fields(module: nn.Module, fields: FieldType | None, channels: int) -> FieldType | None:
    """What a layer of torch gives, if that is known.

    Args:
        module: a layer of torch.
        fields: what it is given, if known.
        channels: that it gives.
    """
    if fields is not None and isinstance(module, nn.Conv2d | nn.ConvTranspose2d) and _alone(module, fields):
        return numbers(fields.group, channels)
    return fields if keeps_fields(module) else None


def _alone(module: nn.Conv2d | nn.ConvTranspose2d, fields: FieldType | None) -> bool:
    """Whether it joins only channels that the group leaves alone, at each pixel by itself."""
    return set(module.kernel_size) == {1} and _invariant(fields)


def _invariant(fields: FieldType | None) -> bool:
    return fields is not None and all(representation.is_trivial for _, representation in fields.terms)


def _normed(module: nn.Module, step: GridStep, fields: FieldType | None) -> tuple[GridStep, str]:
    """A layer that scales each channel by a number of its own: exact on channels that the group leaves alone."""
    if fields is None or _invariant(fields):
        return step, "" if fields is not None else _ALONE
    name, own = type(module).__name__, isinstance(module, nn.BatchNorm2d) or getattr(module, "affine", False)
    if not own:
        return step, f"{name} takes channels together that the group joins otherwise"
    reason = f"{name} scales each channel by itself, but the group joins those of {fields}"
    fix = name.removesuffix("2d")
    return GridStep(step.height, step.width, False, False, False, reason=reason, repairs=(fix,)), ""


def _adapted(target: Any, size: tuple[int, int], out: tuple[int, int]) -> GridStep:
    """Cells that share the map evenly: alike along both axes if the target is square."""
    sides = target if isinstance(target, tuple | list) else (target, target)
    own = [side is None for side in sides]
    square = all(own) or (out[0] == out[1] and (not any(own) or size[0] == size[1]))
    repairs = () if square else (f"output_size={out[0]}",)
    return GridStep(*out, square=square, reason="" if square else _UNLIKE, repairs=repairs)


def _channelwise(step: GridStep, module: nn.Module, fields: FieldType | None) -> tuple[GridStep, str]:
    """A function of each channel alone: exact where channels are only permuted, broken elsewhere."""
    if fields is None:
        return step, _ALONE
    mixed = [str(representation) for _, representation in fields.terms if not representation.is_permutation]
    if not mixed:
        return step, ""
    reason = f"{type(module).__name__} acts on each channel alone, but the group mixes those of {mixed[0]}"
    fix = "AveragePool" if "Pool" in type(module).__name__ else "NormActivation"
    return GridStep(step.height, step.width, False, False, False, reason=reason, repairs=(fix,)), ""


def _pair(value: _Number | tuple[_Number, ...]) -> tuple[_Number, _Number]:
    return (value[0], value[-1]) if isinstance(value, tuple) else (value, value)


def _window(module: nn.Conv2d | nn.AvgPool2d | nn.MaxPool2d, size: tuple[int, int], out: tuple[int, int]) -> GridStep:
    kernel, stride = _pair(module.kernel_size), _pair(module.stride)
    dilation = _pair(getattr(module, "dilation", 1))
    if isinstance(module.padding, str):
        ends = [d * (k - 1) if module.padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
        over = [end % 2 for end in ends]  # the odd pixel of "same" goes to one end alone
        pads = (ends[0] // 2, ends[1] // 2)
    else:
        pads = _pair(module.padding)
        over = [
            (n + 2 * p - d * (k - 1) - 1) % s
            for n, k, s, p, d in zip(size, kernel, stride, pads, dilation, strict=True)
        ]
    square = all(len(set(pair)) == 1 for pair in (kernel, stride, dilation, pads))
    if not any(over):
        return GridStep(*out, square=square, reason="" if square else _UNLIKE)
    reason = f"{max(over)} of {size[0] if over[0] else size[1]} pixels are left over at one end"
    repairs: tuple[str, ...] = ()
    if square and not isinstance(module.padding, str):
        settings = {"kernel": kernel[0], "stride": stride[0], "padding": pads[0], "dilation": dilation[0]}
        repairs = window_repairs(*size, **settings, pool=not isinstance(module, nn.Conv2d))
    elif isinstance(module.padding, str):
        repairs = (f"kernel_size={kernel[0] + 1}",)
    return GridStep(*out, not over[0], not over[1], square, reason=reason, repairs=repairs)


def _transposed(module: nn.ConvTranspose2d, out: tuple[int, int]) -> GridStep:
    extra = _pair(module.output_padding)
    settings = (module.kernel_size, module.stride, module.padding, module.dilation, module.output_padding)
    square = all(len(set(_pair(setting))) == 1 for setting in settings if not isinstance(setting, str))
    if any(extra):
        reason = f"output_padding {max(extra)} adds pixels at one end alone"
        return GridStep(*out, not extra[0], not extra[1], square, reason=reason, repairs=("output_padding=0",))
    return GridStep(*out, square=square, reason="" if square else _UNLIKE)


def _interpolated(module: nn.Upsample, size: tuple[int, int], out: tuple[int, int]) -> GridStep:
    """By the pixels that it takes: on a ramp of squares along each axis, the same ones from both ends or not."""

    def symmetric(axis: int) -> bool:
        shape = [1, 1, 1, 1]
        shape[axis] = size[axis - 2]
        ramp = torch.linspace(0.1, 1, size[axis - 2], dtype=torch.float64).square()
        x = ramp.view(shape).expand(1, 1, *size)
        gap: Tensor = module(x) - module(x.flip(axis)).flip(axis)
        return bool(gap.abs().max() < 1e-12)

    rows, columns = symmetric(2), symmetric(3)
    setting: Any = module.scale_factor if module.size is None else module.size
    square = len(set(_pair(setting))) == 1
    if rows and columns:
        return GridStep(*out, square=square, reason="" if square else _UNLIKE)
    reason = f"{module.mode} interpolation to {out[0]} x {out[1]} pixels takes other pixels from the other end"
    repairs = (f"scale_factor={max(2, round(out[0] / size[0]))}", f'size={out}, mode="bilinear"')
    return GridStep(*out, rows, columns, square, reason=reason, repairs=repairs)


def _padded(padding: int | tuple[int, ...], out: tuple[int, int]) -> GridStep:
    left, right, top, bottom = (padding,) * 4 if isinstance(padding, int) else padding
    rows, columns, square = top == bottom, left == right, left == top and right == bottom
    if rows and columns and square:
        return GridStep(*out)
    reason = "it pads the ends of the axes differently"
    return GridStep(*out, rows, columns, square, reason=reason, repairs=(f"padding={max(left, right, top, bottom)}",))
