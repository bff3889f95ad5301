"""Windows that slide over a map: what they do to its grid of pixels, whatever is computed inside them."""

from __future__ import annotations

from equigen.steerable.grid_step import GridStep, window_step
from equigen.steerable.repairs import window_repairs

__all__ = ["require_window", "window_grid_step"]


def require_window(layer: str, kernel_size: int, stride: int, padding: int) -> None:
    """Refuse a window that is no square of whole pixels, or that is padded by more than half of its side.

    Raises:
        ValueError: a setting out of range; the message names `layer`.

    Example:
        >>> require_window("MaxPool", 3, 2, 2)
        Traceback (most recent call last):
        ValueError: padding is 2, but MaxPool pads a window of 3 by 0 to 1 pixels: pass padding=1.
    """
    for name, value in (("kernel_size", kernel_size), ("stride", stride)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}, but {layer} takes a positive whole number: pass {name}=2.")
    most = kernel_size // 2
    if isinstance(padding, bool) or not isinstance(padding, int) or not 0 <= padding <= most:
        raise ValueError(
            f"padding is {padding!r}, but {layer} pads a window of {kernel_size} by 0 to {most} pixels: "
            f"pass padding={most}."
        )


def window_grid_step(height: int, width: int, kernel: int, stride: int, padding: int, limit: str) -> GridStep:
    """What square windows do to a map: exact along an axis if nothing of it is left over behind the last window.

    Args:
        height: rows of the map.
        width: columns of the map.
        kernel: pixels of the window.
        stride: pixels from one window to the next.
        padding: pixels added at both ends.
        limit: what limits other angles.

    Raises:
        ValueError: no window fits into the map.

    Example:
        >>> window_grid_step(8, 9, 2, 2, 0, "").columns
        False
    """
    sides = tuple(window_step(size, kernel, stride, padding) for size in (height, width))
    (out_height, rows), (out_width, columns) = sides
    if rows and columns:
        return GridStep(out_height, out_width, limit=limit)
    size, word = (height, "rows") if not rows else (width, "columns")
    over = (size + 2 * padding - kernel) % stride
    reason = f"windows of {kernel} with stride {stride} and padding {padding} leave over {over} of {size} {word}"
    repairs = window_repairs(height, width, kernel=kernel, stride=stride, padding=padding, pool=True)
    return GridStep(out_height, out_width, rows, columns, limit=limit, reason=reason, repairs=repairs)
