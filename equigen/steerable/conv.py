"""Steerable convolution: a filter that commutes with rotations and reflections, slid over a map of fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.exact_size import require_exact
from equigen.steerable.grid_step import GridStep, pair_of_pixels, window_step
from equigen.steerable.module import check_channels
from equigen.steerable.repairs import window_repairs
from equigen.steerable.settings import require_whole
from equigen.steerable.steerable_filter import SteerableFilter, sampling_limit

if TYPE_CHECKING:
    from equigen.steerable.field_type import FieldType
    from equigen.steerable.kernels.basis import KernelBasis

__all__ = ["PaddingMode", "SteerableConv2d"]

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
_MODES = ("zeros", "reflect", "replicate", "circular")


class SteerableConv2d(SteerableFilter):
    """A convolution that turns with its input: conv(g f) = g conv(f) for the motions of the grid in its group.

    y(p) = b + sum_x K(x) f(stride p + dilation x),   K(g x) = rho_out(g) K(x) rho_in(g)^-1,

    with the sum over pixels of the filter (a cross-correlation, as torch's), and b in the directions that the group
    leaves alone. Quarter turns and flips are exact if the windows fill the padded map evenly: stride divides
    H + 2 padding - dilation (kernel_size - 1) - 1, and the same for W; pass `size` to have that checked. Other angles
    are limited by the sampling of the filter on the pixel grid.

    A filter of few angular frequencies does not reach all of a field with many: under SO2, a kernel_size of 3 or 5
    leads from "1x0e" to the frequencies 0 to 2 of "8xregular(3)", and frequency 3 stays zero. `unreached()` and
    `print` name such parts; kernel_size=7 or basis=RingBasis(cutoff=3) reaches all.

    Args:
        in_type: fields that come in.
        out_type: fields that go out, under the same group.
        kernel_size: side of the filter in pixels; 1 gives maps of the fields at each pixel alone.
        stride: pixels between windows.
        padding: pixels added on every side.
        dilation: pixels between entries of the filter.
        padding_mode: what the added pixels hold: "zeros", "reflect", "replicate" or "circular".
        bias: whether constants are added to invariant directions.
        basis: which filters; the default of the group if None.
        size: side, or (height, width), of the maps that will come; refused if quarter turns or flips of the group
            would not be exact on it.

    Raises:
        TypeError: what is no field type, whole number or kernel basis in their places.
        ValueError: settings out of range, types under different groups, a field that no filter
            leads to, or a size that breaks the symmetry.

    Error: commuting with motions of the grid holds to 5e-7 (float32) and 1e-15 (float64), relative.
    Source: M. Weiler, G. Cesa, General E(2)-Equivariant Steerable CNNs, 2019, section 2.3.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.field_type import FieldType
        >>> image, fields = FieldType(Cyclic(4), "1x0e"), FieldType(Cyclic(4), "2xregular")
        >>> conv = SteerableConv2d(image, fields, 3, padding=1)
        >>> x = torch.randn(1, 1, 8, 8)
        >>> turned = conv(x).rot90(1, (-2, -1)).unflatten(1, (2, 4)).roll(1, 2).flatten(1, 2)
        >>> bool(torch.allclose(conv(x.rot90(1, (-2, -1))), turned, atol=1e-5))
        True
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        padding_mode: PaddingMode = "zeros",
        bias: bool = True,
        basis: KernelBasis | None = None,
        size: int | tuple[int, int] | None = None,
    ) -> None:
        name = type(self).__name__
        require_whole(name, kernel_size=kernel_size, stride=stride, dilation=dilation, padding=padding)
        if padding_mode not in _MODES:
            raise ValueError(
                f"padding_mode is {padding_mode!r}, but {name} pads with one of {', '.join(_MODES)}: "
                f'pass padding_mode="zeros".'
            )
        sides = None if size is None else pair_of_pixels(size)
        super().__init__(in_type, out_type, kernel_size, bias=bias, basis=basis)
        self.stride, self.padding, self.dilation = stride, padding, dilation
        self.padding_mode: PaddingMode = padding_mode
        self._pad = [padding] * 4 if padding and padding_mode != "zeros" else None
        needed = {"reflect": padding + 1, "circular": padding}.get(padding_mode, 1)
        self._least = max(needed, dilation * (kernel_size - 1) + 1 - 2 * padding)
        if sides is not None:
            require_exact(self, *sides, name)

    def forward(self, x: Tensor) -> Tensor:
        """Filter the fields `x` (B, C_in, H, W), giving (B, C_out, H', W')."""
        check_channels(x, self.in_type, type(self).__name__)
        if not torch.compiler.is_compiling() and min(x.shape[-2:]) < self._least:
            self.grid_step(*x.shape[-2:])  # raises, with the fix
        weight, bias = self.filter_and_bias()
        if self._pad is not None:
            x = functional.pad(x, self._pad, mode=self.padding_mode)
            return functional.conv2d(x, weight, bias, self.stride, 0, self.dilation)
        return functional.conv2d(x, weight, bias, self.stride, self.padding, self.dilation)

    def grid_step(self, height: int, width: int) -> GridStep:
        """What the layer does to a grid: its size afterwards, and along which axes flips stay exact."""
        if self._pad is not None and self.padding_mode in ("reflect", "circular"):
            most = min(height, width) - (self.padding_mode == "reflect")
            if self.padding > most:
                raise ValueError(
                    f"padding={self.padding} with padding_mode={self.padding_mode!r} needs more pixels than a map of "
                    f"{height} x {width} has: pass padding={most}."
                )
        settings = self.kernel_size, self.stride, self.padding, self.dilation
        steps = (window_step(side, *settings, layer=type(self).__name__) for side in (height, width))
        (out_height, rows), (out_width, columns) = steps
        limit = sampling_limit(self.kernel_size, self.stride, self.padding)
        if rows and columns:
            return GridStep(out_height, out_width, limit=limit)
        reason = f"stride {self.stride} does not divide {{size}} + 2 padding - dilation (kernel_size - 1) - 1"
        return GridStep(
            out_height,
            out_width,
            rows,
            columns,
            limit=limit,
            reason=reason.format(size=height if not rows else width),
            repairs=window_repairs(
                height, width, kernel=self.kernel_size, stride=self.stride, padding=self.padding, dilation=self.dilation
            ),
        )

    def plain(self) -> nn.Conv2d:
        """The `nn.Conv2d` that this layer equals while its weights stand still, with copies of its filter and bias."""
        weight, bias = self.filter().detach(), self.bias_channels()
        conv = nn.Conv2d(
            self.in_type.size,
            self.out_type.size,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            bias=bias is not None,
            padding_mode=self.padding_mode,
            device="meta",
            dtype=weight.dtype,
        )
        conv.weight = nn.Parameter(weight)
        if bias is not None:
            conv.bias = nn.Parameter(bias.detach())
        return conv.train(self.training)
