"""Pooling: the mean or the maximum of each channel over square windows, or its mean over the whole map."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep
from equigen.steerable.module import SteerableModule, check_channels
from equigen.steerable.resampling.window import require_window, window_grid_step

__all__ = ["AveragePool", "GlobalAveragePool", "MaxPool"]


class _WindowPool(SteerableModule):
    """Square windows over each channel."""

    def __init__(
        self, in_type: FieldType, kernel_size: int = 2, *, stride: int | None = None, padding: int = 0
    ) -> None:
        stride = kernel_size if stride is None else stride
        require_window(type(self).__name__, kernel_size, stride, padding)
        super().__init__(in_type, in_type)
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding

    def _window_step(self, height: int, width: int, limit: str) -> GridStep:
        return window_grid_step(height, width, self.kernel_size, self.stride, self.padding, limit)

    def extra_repr(self) -> str:
        """The type and the window."""
        return f"{self.in_type}, kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AveragePool(_WindowPool):
    """The mean over square windows, for fields of any kind, since a mean commutes with every matrix on the channels.

    y(p) = 1/k^2 sum over the window at p of x, with zeros in the padding.

    Args:
        in_type: the fields; the output has the same type.
        kernel_size: side of the window in pixels.
        stride: pixels from one window to the next; kernel_size if None.
        padding: zeros at both ends of each axis, at most half a window.

    Raises:
        ValueError: settings out of range.

    Error: quarter turns and flips to 1e-7 (float32) and 2e-16 (float64) where stride | H + 2 padding - kernel_size.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> pool = AveragePool(FieldType(Cyclic(4), "1x1"))
        >>> pool(torch.ones(1, 2, 8, 8)).shape
        torch.Size([1, 2, 4, 4])
        >>> pool.grid_step(8, 8).quarter_turns, pool.grid_step(9, 9).quarter_turns
        (True, False)
    """

    def forward(self, x: Tensor) -> Tensor:
        """Means over windows of `x` (B, C, H, W), giving (B, C, H', W')."""
        check_channels(x, self.in_type, "AveragePool")
        return functional.avg_pool2d(x, self.kernel_size, self.stride, self.padding)

    def grid_step(self, height: int, width: int) -> GridStep:
        """The windows' step: exact where nothing of the map is left over behind the last one."""
        limit = f"a box of {self.kernel_size} x {self.kernel_size} pixels is not round"
        return self._window_step(height, width, limit)

    def plain(self) -> nn.AvgPool2d:
        """The same windows as a layer of torch."""
        return nn.AvgPool2d(self.kernel_size, self.stride, self.padding)


class MaxPool(_WindowPool):
    """The maximum over square windows, for fields whose channels the group only permutes.

    y(p) = max over the window at p of x, channel by channel; padding counts as -infinity.

    Args:
        in_type: fields of permutation representations (trivial, regular, quotient); the output has the same type.
        kernel_size: side of the window in pixels.
        stride: pixels from one window to the next; kernel_size if None.
        padding: pixels at both ends of each axis, at most half a window.

    Raises:
        ValueError: settings out of range, or a field whose channels the group mixes.

    Error: quarter turns and flips exactly, where stride | H + 2 padding - kernel_size.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> MaxPool(FieldType(Cyclic(4), "1xregular"))(torch.arange(64.0).view(1, 4, 4, 4))[0, 0].tolist()
        [[5.0, 7.0], [13.0, 15.0]]
    """

    def __init__(
        self, in_type: FieldType, kernel_size: int = 2, *, stride: int | None = None, padding: int = 0
    ) -> None:
        super().__init__(in_type, kernel_size, stride=stride, padding=padding)
        for _, representation in in_type.terms:
            if not representation.is_permutation:
                raise ValueError(
                    f"in_type has fields of {representation}, whose channels {in_type.group.name} mixes, but MaxPool "
                    f"compares each channel alone: pool their mean, AveragePool(in_type, {kernel_size})."
                )

    def forward(self, x: Tensor) -> Tensor:
        """Maxima over windows of `x` (B, C, H, W), giving (B, C, H', W')."""
        check_channels(x, self.in_type, "MaxPool")
        return functional.max_pool2d(x, self.kernel_size, self.stride, self.padding)

    def grid_step(self, height: int, width: int) -> GridStep:
        """The windows' step: exact where nothing of the map is left over behind the last one."""
        limit = f"a maximum over {self.kernel_size} x {self.kernel_size} pixels is not band-limited"
        return self._window_step(height, width, limit)

    def plain(self) -> nn.MaxPool2d:
        """The same windows as a layer of torch."""
        return nn.MaxPool2d(self.kernel_size, self.stride, self.padding)


class GlobalAveragePool(SteerableModule):
    """The mean over the whole map: fields of one pixel, which no longer know where anything was.

    y = 1/(H W) sum over all pixels of x. Fields of trivial representations become invariants.

    Args:
        in_type: the fields; the output has the same type, on maps of 1 x 1.

    Error: quarter turns and flips to 1e-6 (float32) and 1e-15 (float64) of the mean's size on maps of every size.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> mean = GlobalAveragePool(FieldType(Cyclic(4), "1x0e"))
        >>> mean(torch.arange(6.0).view(1, 1, 2, 3)).tolist()
        [[[[2.5]]]]
    """

    def __init__(self, in_type: FieldType) -> None:
        super().__init__(in_type, in_type)

    def forward(self, x: Tensor) -> Tensor:
        """The mean of `x` (B, C, H, W) over its pixels, (B, C, 1, 1)."""
        check_channels(x, self.in_type, "GlobalAveragePool")
        return x.mean((-2, -1), keepdim=True)

    def grid_step(self, height: int, width: int) -> GridStep:
        """One pixel, exactly, from any map."""
        return GridStep(1, 1, limit="the corners of the map leave it as it turns")

    def plain(self) -> nn.AdaptiveAvgPool2d:
        """The same mean as a layer of torch."""
        return nn.AdaptiveAvgPool2d(1)
