"""Layers of torch itself: what they do to a map of pixels, and on which fields."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import Tensor, nn

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.repairs import window_repairs

__all__ = ["plain_step"]

_Number = TypeVar("_Number", int, float)

_PADS = (nn.ZeroPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d, nn.CircularPad2d)
_POINTWISE = (
    nn.CELU, nn.ELU, nn.GELU, nn.Hardswish, nn.LeakyReLU, nn.Mish, nn.ReLU, nn.ReLU6, nn.SELU, nn.SiLU, nn.Sigmoid,
    nn.Softplus, nn.Softsign, nn.Tanh,
)  # fmt: skip
_UNLIKE = "it treats rows and columns differently"
_FREE = "its weights are free; take SteerableConv2d"
_ALONE = "it acts on each channel alone, and the fields that come are not known"


def plain_step(
    module: nn.Module, size: tuple[int, int], out: tuple[int, int], fields: FieldType | None
) -> tuple[GridStep, str]:
    """Judge a layer of torch on a map.

    Windows, padding and interpolation are judged by where they lie. Means and interpolation are exact on all fields,
    functions of each channel alone where the group only permutes channels; of others it is not known.

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
    if isinstance(module, nn.Identity | nn.AdaptiveAvgPool2d):
        return same, ""
    if isinstance(module, nn.Conv2d):
        return _window(module, size, out), _FREE
    if isinstance(module, nn.ConvTranspose2d):
        return _transposed(module, out), _FREE
    if isinstance(module, nn.AvgPool2d):
        return _window(module, size, out), ""
    if isinstance(module, nn.Upsample):
        return _interpolated(module, size, out), ""
    if isinstance(module, _PADS):
        return _padded(module.padding, out), ""
    if isinstance(module, (nn.MaxPool2d, nn.AdaptiveMaxPool2d, *_POINTWISE)):
        step = _window(module, size, out) if isinstance(module, nn.MaxPool2d) else same
        return _channelwise(step, module, fields)
    return same, f"{type(module).__name__} is no layer that the plan knows"


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
        repairs = window_repairs(*size, **settings)
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
    square = module.scale_factor is None or len(set(_pair(module.scale_factor))) == 1
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
