"""Anti-aliased downsampling: a binomial blur, then every stride-th pixel."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.conv import PaddingMode
from equigen.steerable.exact_size import require_exact
from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep, pair_of_pixels, window_step
from equigen.steerable.modes import outside_modes
from equigen.steerable.module import SteerableModule, check_channels
from equigen.steerable.resampling.window import require_window, window_grid_step
from equigen.steerable.tables import Tables

__all__ = ["BlurPool", "binomial"]


def binomial(kernel_size: int) -> Tensor:
    """The square filter of binomial coefficients with sum 1, (k, k) float64: 1 3 3 1 over 8 along each axis for k = 4.

    Along an axis it passes cos^(k - 1)(w/2) of a wave of frequency w radians per pixel.

    Example:
        >>> (binomial(3) * 16).int().tolist()
        [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    """
    line = torch.tensor([math.comb(kernel_size - 1, i) for i in range(kernel_size)], dtype=torch.float64)
    return line[:, None] * line / 4.0 ** (kernel_size - 1)


class BlurPool(SteerableModule):
    """A binomial blur of every channel, of which every stride-th pixel is kept, for fields of any kind.

    y(p) = sum_x b(x) f(stride p + x),  b(i, j) = C(k - 1, i) C(k - 1, j)/4^(k - 1),

    padded by (k - 1)/2 pixels, rounded down. With stride 2 even k is exact on even maps and odd k on odd ones.

    Args:
        in_type: the fields; the output has the same type.
        kernel_size: k, from 2 on; 4 is the filter 1 3 3 1.
        stride: pixels from one window to the next.
        padding_mode: what stands beyond the border: "reflect", "replicate", "circular" or "zeros".
        size: side, or (rows, columns), of the maps that will come; refused if quarter turns or flips of the group would
            not be exact on it.

    Raises:
        ValueError: settings out of range, or a size that breaks the symmetry.

    Error: quarter turns and flips to 1e-7 (float32) and 2e-16 (float64) where stride | H + 2 padding - k.
    Source: R. Zhang, Making Convolutional Networks Shift-Invariant Again, ICML 2019.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> blur = BlurPool(FieldType(Cyclic(4), "1x0e"))
        >>> blur(torch.ones(1, 1, 8, 8)).unique().tolist(), blur.grid_step(8, 8).quarter_turns
        ([1.0], True)
    """

    def __init__(
        self,
        in_type: FieldType,
        kernel_size: int = 4,
        *,
        stride: int = 2,
        padding_mode: PaddingMode = "reflect",
        size: int | tuple[int, int] | None = None,
    ) -> None:
        require_window("BlurPool", kernel_size, stride, 0)
        if kernel_size < 2:
            raise ValueError(f"kernel_size is {kernel_size}, but one pixel blurs nothing: pass kernel_size=4.")
        if padding_mode not in ("reflect", "replicate", "circular", "zeros"):
            raise ValueError(
                f"padding_mode is {padding_mode!r}, but BlurPool pads with one of reflect, replicate, circular, zeros: "
                'pass padding_mode="reflect".'
            )
        super().__init__(in_type, in_type)
        self.kernel_size, self.stride = kernel_size, stride
        self.padding_mode: PaddingMode = padding_mode
        self.padding = (kernel_size - 1) // 2
        with outside_modes():
            self.tables = Tables([binomial(kernel_size)])
        if size is not None:
            name = f"BlurPool with kernel_size={kernel_size}, stride={stride}"
            require_exact(self, *pair_of_pixels(size), name)

    def forward(self, x: Tensor) -> Tensor:
        """Blurred and thinned `x` (B, C, H, W), (B, C, H', W').

        Raises:
            TypeError: no tensor in floating point.
            ValueError: another number of channels, or a map too small to be padded.
        """
        check_channels(x, self.in_type, "BlurPool")
        self._require_room(x.shape[-2], x.shape[-1])
        weight = self.tables.table(0).to(x.dtype).expand(x.shape[1], 1, self.kernel_size, self.kernel_size)
        if self.padding_mode == "zeros":
            return functional.conv2d(x, weight, None, self.stride, self.padding, groups=x.shape[1])
        x = functional.pad(x, [self.padding] * 4, mode=self.padding_mode)
        return functional.conv2d(x, weight, None, self.stride, groups=x.shape[1])

    def grid_step(self, height: int, width: int) -> GridStep:
        """The windows' step: exact where nothing of the map is left over behind the last one.

        Raises:
            ValueError: a map too small to be padded.
        """
        self._require_room(height, width)
        passed = math.cos(math.pi / 2 / self.stride) ** (self.kernel_size - 1)
        limit = f"the blur passes {passed:.0%} of the shortest wave that the coarser map holds"
        if self.stride == 1:
            limit = "a binomial filter is only nearly round"
        step = window_grid_step(height, width, self.kernel_size, self.stride, self.padding, limit)
        if not step.reason:
            return step
        kernels = [k for k in (self.kernel_size + 1, self.kernel_size - 1) if k > 1 and self._fits(k, height, width)]
        maps = [repair for repair in step.repairs if repair.startswith("size")]
        return replace(step, repairs=(*(f"kernel_size={k}" for k in kernels), *maps))

    def _least(self, kernel: int) -> int:
        """Pixels along an axis that a kernel and its padding need."""
        padding = (kernel - 1) // 2
        return max({"reflect": padding + 1, "circular": padding}.get(self.padding_mode, 1), kernel - 2 * padding)

    def _require_room(self, height: int, width: int) -> None:
        least = self._least(self.kernel_size)
        if min(height, width) < least:
            fix = "kernel_size=3" if least == 2 else 'padding_mode="replicate"'
            raise ValueError(
                f"the map has {height} x {width} pixels, but BlurPool with kernel_size={self.kernel_size} and "
                f"padding_mode={self.padding_mode!r} takes {least} x {least} or more: pass {fix}."
            )

    def _fits(self, kernel: int, height: int, width: int) -> bool:
        if min(height, width) < self._least(kernel):
            return False
        sides = (height, width)
        return all(window_step(size, kernel, self.stride, (kernel - 1) // 2)[1] for size in sides)

    def plain(self) -> nn.Conv2d:
        """The same blur as a convolution of each channel by itself."""
        channels = self.in_type.size
        conv = nn.Conv2d(
            channels,
            channels,
            self.kernel_size,
            self.stride,
            self.padding,
            groups=channels,
            bias=False,
            padding_mode=self.padding_mode,
            device="meta",
        )
        weight = self.tables.table(0).expand(channels, 1, self.kernel_size, self.kernel_size).clone()
        conv.weight = nn.Parameter(weight, requires_grad=False)
        return conv

    def extra_repr(self) -> str:
        """The type and the window."""
        return (
            f"{self.in_type}, kernel_size={self.kernel_size}, stride={self.stride}, padding_mode={self.padding_mode!r}"
        )
