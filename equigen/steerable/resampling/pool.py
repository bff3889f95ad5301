"""Pooling: the mean or the maximum of each channel over square windows, or its mean over the whole map."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from equigen.steerable.exact_size import require_exact
from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import GridStep, pair_of_pixels
from equigen.steerable.module import check_channels
from equigen.steerable.resampling.window import require_window, window_grid_step
from equigen.steerable.wrapped import Wrapped

__all__ = ["AveragePool", "GlobalAveragePool", "MaxPool"]


class _WindowPool(Wrapped[nn.Module]):
    """Square windows over each channel."""

    _torch: type[nn.Module]

    def __init__(
        self,
        in_type: FieldType,
        kernel_size: int = 2,
        *,
        stride: int | None = None,
        padding: int = 0,
        size: int | tuple[int, int] | None = None,
    ) -> None:
        stride, name = kernel_size if stride is None else stride, type(self).__name__
        require_window(name, kernel_size, stride, padding)
        super().__init__(in_type, in_type, self._torch(kernel_size, stride, padding))
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self._require_fields()
        if size is not None:
            settings = f"kernel_size={kernel_size}, stride={stride}, padding={padding}"
            require_exact(self, *pair_of_pixels(size), f"{name} with {settings}")

    def _require_fields(self) -> None:
        """Refuse fields that windows over each channel do not commute with."""

    def forward(self, x: Tensor) -> Tensor:
        """What the windows of `x` (B, C, H, W) give, (B, C, H', W').

        Raises:
            TypeError: no tensor in floating point.
            ValueError: another number of channels, or a map that no window fits into.
        """
        check_channels(x, self.in_type, type(self).__name__)
        if min(x.shape[-2:]) + 2 * self.padding < self.kernel_size:
            self.grid_step(x.shape[-2], x.shape[-1])  # which says so
        return self.body(x)

    @property
    @abstractmethod
    def _limit(self) -> str:
        """What limits other angles."""

    def grid_step(self, height: int, width: int) -> GridStep:
        """The windows' step: exact where nothing of the map is left over behind the last one."""
        return window_grid_step(height, width, self.kernel_size, self.stride, self.padding, self._limit)

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
        size: side, or (rows, columns), of the maps that will come; refused if quarter turns or flips of the group would
            not be exact on it.

    Raises:
        ValueError: settings out of range, or a size that breaks the symmetry.

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

    _torch = nn.AvgPool2d

    @property
    def _limit(self) -> str:
        return f"a box of {self.kernel_size} x {self.kernel_size} pixels is not round"


class MaxPool(_WindowPool):
    """The maximum over square windows, for fields whose channels the group only permutes.

    y(p) = max over the window at p of x, channel by channel; padding counts as -infinity. Where several pixels of a
    window are largest, as on flat maps, the gradient goes to the first of them, so it turns with the map only where the
    largest one is alone.

    Args:
        in_type: fields of permutation representations (trivial, regular, quotient); the output has the same type.
        kernel_size: side of the window in pixels.
        stride: pixels from one window to the next; kernel_size if None.
        padding: pixels at both ends of each axis, at most half a window.
        size: side, or (rows, columns), of the maps that will come; refused if quarter turns or flips of the group would
            not be exact on it.

    Raises:
        ValueError: settings out of range, a field whose channels the group mixes, or a size that breaks the symmetry.

    Error: quarter turns and flips exactly, where stride | H + 2 padding - kernel_size.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> MaxPool(FieldType(Cyclic(4), "1xregular"))(torch.arange(64.0).view(1, 4, 4, 4))[0, 0].tolist()
        [[5.0, 7.0], [13.0, 15.0]]
    """

    _torch = nn.MaxPool2d

    def _require_fields(self) -> None:
        for _, representation in self.in_type.terms:
            if not representation.is_permutation:
                raise ValueError(
                    f"in_type has fields of {representation}, whose channels {self.in_type.group.name} mixes, but "
                    f"MaxPool compares each channel alone: pool their mean, AveragePool(in_type, {self.kernel_size})."
                )

    @property
    def _limit(self) -> str:
        return f"a maximum over {self.kernel_size} x {self.kernel_size} pixels is not band-limited"


class GlobalAveragePool(Wrapped[nn.Module]):
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
        super().__init__(in_type, in_type, nn.AdaptiveAvgPool2d(1))

    def forward(self, x: Tensor) -> Tensor:
        """The mean of `x` (B, C, H, W) over its pixels, (B, C, 1, 1).

        Raises:
            TypeError: no tensor in floating point.
            ValueError: another number of channels, or a map without pixels.
        """
        check_channels(x, self.in_type, "GlobalAveragePool")
        if min(x.shape[-2:]) == 0:
            self.grid_step(x.shape[-2], x.shape[-1])  # which says so
        return self.body(x)

    def grid_step(self, height: int, width: int) -> GridStep:
        """One pixel, exactly, from any map that has some.

        Raises:
            ValueError: a map without pixels.
        """
        if min(height, width) < 1:
            raise ValueError(
                f"the map has {height} x {width} pixels, but GlobalAveragePool takes the mean of one or more: leave "
                "out maps without pixels."
            )
        return GridStep(1, 1, limit="the corners of the map leave it as it turns")
