"""Which axis of an array means what: recognised from the sizes, or refused with the flag that decides.

A reading of the axes is plausible if it has 1 to 10 channels and sides of 8 pixels or more, the images that the
networks of this library take. An array with one plausible reading is read so; with none or several it is refused.
"""

from __future__ import annotations

from typing import get_args

from equigen.data.encoding import Layout
from equigen.data.errors import DataError

__all__ = ["MAX_CHANNELS", "MIN_SIDE", "image_shape", "recognise"]

MAX_CHANNELS = 10
MIN_SIDE = 8
_FLAGS = 'layout="{}" (--layout {})'
_FIRST, _LAST = (3,), (3, 4)  # first and last sizes of an array that is rather one colour image than a set


def image_shape(shape: tuple[int, ...], layout: Layout) -> tuple[int, int, int]:
    """(C, H, W) of the images in an array of this shape and layout.

    Example:
        >>> image_shape((100, 32, 30, 3), "nhwc")
        (3, 32, 30)
    """
    size = dict(zip(layout, shape, strict=True))
    return size.get("c", 1), size["h"], size["w"]


def recognise(shape: tuple[int, ...], layout: Layout | None, where: str) -> Layout:
    """The layout of an array of images.

    Args:
        shape: of the array.
        layout: the user's word, or None to recognise it from the shape.
        where: what the array is called in errors.

    Raises:
        DataError: the shape has no or several plausible readings, or does not fit the layout given.

    Example:
        >>> recognise((100, 3, 32, 32), None, "a.npy")
        'nchw'
    """
    known = [name for name in get_args(Layout) if len(name) == len(shape)]
    if layout is not None:
        if layout not in get_args(Layout):
            raise DataError(f"layout is {layout!r}, but it must be one of {', '.join(get_args(Layout))}.")
        if layout not in known:
            raise DataError(
                f"{where} has shape {shape}, which has {len(shape)} axes, but layout {layout!r} needs {len(layout)}."
            )
        return layout
    if not known:
        fix = "reshape it first, images.reshape(len(images), height, width)"
        raise DataError(f"{where} has shape {shape}, but images need (N, H, W), (N, H, W, C) or (N, C, H, W): {fix}.")
    if len(shape) == 3:
        return _grey(shape, where)
    plausible = [name for name in known if _is_plausible(shape, name)]
    if len(plausible) == 1:
        return plausible[0]
    readings = " and ".join(f"{_FLAGS.format(name, name)} for {_reading(shape, name)}" for name in known)
    if plausible:
        raise DataError(f"{where} has shape {shape}, which can be read in two ways: pass {readings}.")
    raise DataError(
        f"{where} has shape {shape}, but no axis of it looks like 1 to {MAX_CHANNELS} channels beside sides of "
        f"{MIN_SIDE} or more: pass {readings}."
    )


def _grey(shape: tuple[int, ...], where: str) -> Layout:
    flag = f"pass {_FLAGS.format('nhw', 'nhw')} if these are {shape[0]} grey images of {shape[1]}x{shape[2]} pixels"
    if shape[0] in _FIRST or shape[2] in _LAST:
        raise DataError(f"{where} has shape {shape}, which may be one colour image rather than a set: {flag}.")
    if not _is_plausible(shape, "nhw"):
        raise DataError(f"{where} has shape {shape}, but images have sides of {MIN_SIDE} or more: {flag}.")
    return "nhw"


def _is_plausible(shape: tuple[int, ...], layout: Layout) -> bool:
    channels, height, width = image_shape(shape, layout)
    return 1 <= channels <= MAX_CHANNELS and min(height, width) >= MIN_SIDE


def _reading(shape: tuple[int, ...], layout: Layout) -> str:
    channels, height, width = image_shape(shape, layout)
    return f"{height}x{width} pixels with {channels} channel{'s' if channels != 1 else ''}"
