"""Repairs: the settings nearest to inexact ones under which the windows of a layer lie the same from both ends.

Windows of k pixels, dilated by d, start at -p, s - p, 2 s - p, ... of an axis of n pixels. Counted from the other end
they start at the same places only if s | n + 2 p - d (k - 1) - 1; what is left over is what a flip shifts them by.
"""

from __future__ import annotations

from equigen.steerable.grid_step import window_step

__all__ = ["window_repairs"]


def window_repairs(
    height: int,
    width: int,
    *,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int = 1,
    pool: bool = False,
) -> tuple[str, ...]:
    """Write the nearest settings that are exact on a map, and the nearest map on which the given settings are.

    The stride stays, since it says how much coarser the map shall be. First come settings that keep the size of the
    output, and of these the ones that change least, |k' - k| + |p' - p|.

    Args:
        height: rows of the map that the layer is given.
        width: columns of that map.
        kernel: pixels of the window.
        stride: pixels from one window to the next.
        padding: pixels added at both ends.
        dilation: pixels from one tap of the window to the next.
        pool: whether the layer pools: then a window has two pixels or more and is padded by half of it at most, and
            the stride is written with a new kernel_size, since that is what it would follow.

    Returns:
        Up to two settings and one map, as code: "kernel_size=2, padding=0", "size=(29, 29)"; nothing if the given
        settings are exact.

    Example:
        >>> window_repairs(28, 28, kernel=3, stride=2, padding=1)
        ('kernel_size=4', 'kernel_size=2, padding=0', 'size=(29, 29)')
        >>> window_repairs(9, 9, kernel=2, stride=2, padding=0, pool=True)
        ('kernel_size=3, stride=2', 'kernel_size=3, padding=1, stride=2', 'size=(10, 10)')
        >>> window_repairs(28, 31, kernel=3, stride=2, padding=1)
        ('size=(29, 31)',)
    """
    now = _map(height, width, kernel, stride, padding, dilation)
    if now is None or now[1]:
        return ()
    found: list[tuple[bool, int, int, int]] = []
    for k in range(max(1 + pool, kernel - 2), kernel + 3):
        most = (dilation * (k - 1) + 1) // 2 if pool else k // 2 * dilation
        for p in range(max(0, padding - 2), min(padding + 2, most) + 1):
            step = _map(height, width, k, stride, p, dilation)
            if step is not None and step[1]:
                found.append((step[0] != now[0], abs(k - kernel) + abs(p - padding), k, p))
    tail = f", stride={stride}" if pool else ""
    settings = [_code(k, p, kernel, padding) + (tail if k != kernel else "") for _, _, k, p in sorted(found)[:2]]
    room = [_nearest(size, kernel, stride, padding, dilation) for size in (height, width)]
    return (*settings, f"size=({room[0]}, {room[1]})")


def _map(
    height: int, width: int, kernel: int, stride: int, padding: int, dilation: int
) -> tuple[tuple[int, int], bool] | None:
    """The size of the output and whether it is exact, None if no window fits."""
    if min(height, width) + 2 * padding <= dilation * (kernel - 1):
        return None
    rows, columns = (window_step(size, kernel, stride, padding, dilation) for size in (height, width))
    return (rows[0], columns[0]), rows[1] and columns[1]


def _code(k: int, p: int, kernel: int, padding: int) -> str:
    changed = (("kernel_size", k, kernel), ("padding", p, padding))
    return ", ".join(f"{name}={new}" for name, new, old in changed if new != old)


def _nearest(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """The number of pixels nearest to `size`, rather larger than smaller, that the windows fill evenly."""
    over = (size + 2 * padding - dilation * (kernel - 1) - 1) % stride
    smaller = size - over
    return smaller if over and 2 * over < stride and smaller > 0 else size + -over % stride
