"""Transposed steerable convolution: every input pixel lays down a steerable filter, so that maps grow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.exact_size import require_exact
from equigen.steerable.grid_step import GridStep, pair_of_pixels
from equigen.steerable.module import check_channels
from equigen.steerable.settings import require_whole
from equigen.steerable.steerable_filter import SteerableFilter, sampling_limit

if TYPE_CHECKING:
    from equigen.steerable.field_type import FieldType
    from equigen.steerable.kernels.basis import KernelBasis

__all__ = ["SteerableConvTranspose2d"]


class SteerableConvTranspose2d(SteerableFilter):
    """A transposed convolution that turns with its input: each pixel adds its filtered fields around its new place.

    y(p) = b + sum over q, x with stride q + dilation x = p of K(x) f(q),   K(g x) = rho_out(g) K(x) rho_in(g)^-1.

    It commutes with quarter turns and flips at every size: the frame grows evenly on both sides, to
    (H - 1) stride - 2 padding + dilation (kernel_size - 1) + 1 + output_padding pixels. A pixel of output_padding is
    added on one side alone and breaks that. To double a map, take kernel_size=4, stride=2, padding=1.

    Args:
        in_type: fields that come in.
        out_type: fields that go out, under the same group.
        kernel_size: side of the filter in pixels.
        stride: pixels of the output between neighbouring pixels of the input.
        padding: pixels cut off on every side.
        output_padding: pixels added at the bottom and on the right, less than stride or dilation.
        dilation: pixels between entries of the filter.
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
        >>> fields = FieldType(Cyclic(4), "1xregular")
        >>> double = SteerableConvTranspose2d(fields, fields, 4, stride=2, padding=1, size=8)
        >>> double(torch.zeros(1, 4, 8, 8)).shape
        torch.Size([1, 4, 16, 16])
    """

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        output_padding: int = 0,
        dilation: int = 1,
        bias: bool = True,
        basis: KernelBasis | None = None,
        size: int | tuple[int, int] | None = None,
    ) -> None:
        name = type(self).__name__
        require_whole(name, kernel_size=kernel_size, stride=stride, dilation=dilation, padding=padding)
        require_whole(name, output_padding=output_padding)
        if output_padding >= max(stride, dilation):
            raise ValueError(
                f"output_padding is {output_padding}, but it must be less than the stride ({stride}) or the dilation "
                f"({dilation}): pass output_padding=0."
            )
        sides = None if size is None else pair_of_pixels(size)
        super().__init__(in_type, out_type, kernel_size, bias=bias, basis=basis, met=1 / stride**2)
        self.stride, self.padding, self.output_padding, self.dilation = stride, padding, output_padding, dilation
        self._added = dilation * (kernel_size - 1) + 1 - 2 * padding + output_padding
        self._least = max(1, 1 - (self._added - 1) // stride)
        if sides is not None:
            require_exact(self, *sides, name)

    def forward(self, x: Tensor) -> Tensor:
        """Filter the fields `x` (B, C_in, H, W), giving (B, C_out, H', W')."""
        check_channels(x, self.in_type, type(self).__name__)
        if not torch.compiler.is_compiling() and min(x.shape[-2:]) < self._least:
            self.grid_step(*x.shape[-2:])  # raises, with the fix
        weight, bias = self.filter_and_bias()
        settings = self.stride, self.padding, self.output_padding, 1, self.dilation
        return functional.conv_transpose2d(x, weight.transpose(0, 1), bias, *settings)

    def grid_step(self, height: int, width: int) -> GridStep:
        """What the layer does to a grid: its size afterwards, and along which axes flips stay exact."""
        out_height, out_width = ((side - 1) * self.stride + self._added for side in (height, width))
        if min(out_height, out_width) < 1:
            raise ValueError(
                f"padding={self.padding} cuts all pixels off a map of {height} x {width}, but one has to stay: pass "
                f"padding={max(0, self.padding + (min(out_height, out_width) - 1) // 2)}."
            )
        limit = sampling_limit(self.kernel_size, self.stride, self.padding)
        if self.output_padding == 0:
            return GridStep(out_height, out_width, limit=limit)
        return GridStep(
            out_height,
            out_width,
            rows=False,
            columns=False,
            limit=limit,
            reason=f"output_padding={self.output_padding} adds pixels on one side alone",
            repairs=("output_padding=0", *self._wider()),
        )

    def _wider(self) -> tuple[str, ...]:
        """The kernel size that gives the same output without output_padding, where there is one."""
        kernel_size, left = divmod(self.output_padding, self.dilation)
        return () if left else (f"kernel_size={self.kernel_size + kernel_size} with output_padding=0",)

    def plain(self) -> nn.ConvTranspose2d:
        """The `nn.ConvTranspose2d` that this layer equals while its weights stand still, with copies of its tensors."""
        weight, bias = self.filter().detach().transpose(0, 1).contiguous(), self.bias_channels()
        conv = nn.ConvTranspose2d(
            self.in_type.size,
            self.out_type.size,
            self.kernel_size,
            self.stride,
            self.padding,
            self.output_padding,
            bias=bias is not None,
            dilation=self.dilation,
            device="meta",
            dtype=weight.dtype,
        )
        conv.weight = nn.Parameter(weight)
        if bias is not None:
            conv.bias = nn.Parameter(bias.detach())
        return conv.train(self.training)
