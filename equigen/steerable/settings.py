"""Whole numbers that set a layer, and the sentence for those that are none."""

from __future__ import annotations

from typing import Any

__all__ = ["require_whole"]


def require_whole(layer: str, **settings: Any) -> None:
    """Refuse settings that are not whole numbers, from 0 on for padding and from 1 on for others.

    Args:
        layer: whose settings they are, for the message.
        settings: numbers by name; kernel_size and dilation before padding.

    Raises:
        TypeError: one is not a whole number.
        ValueError: one is too small.

    Example:
        >>> require_whole("SteerableConv2d", stride=0)
        Traceback (most recent call last):
        ValueError: stride is 0, but SteerableConv2d takes whole numbers from 1 on: pass stride=1.
        >>> require_whole("SteerableConv2d", kernel_size=5, dilation=1, padding="same")
        Traceback (most recent call last):
        TypeError: padding is 'same', but SteerableConv2d takes whole numbers from 0 on: pass padding=2.
    """
    for name, value in settings.items():
        least = 0 if "padding" in name else 1
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and value >= least:
            continue
        kind = ValueError if whole else TypeError
        fix = _meant(name, value, least, settings)
        raise kind(f"{name} is {value!r}, but {layer} takes whole numbers from {least} on: pass {name}={fix}.")


def _meant(name: str, value: Any, least: int, settings: dict[str, Any]) -> int:
    """The whole number nearest to what was given: the first of a pair, the padding that keeps a size."""
    if value == "same" and name == "padding":
        return settings["dilation"] * (settings["kernel_size"] - 1) // 2
    first: Any = value[0] if isinstance(value, (tuple, list)) and value else value
    usual = 3 if name == "kernel_size" else least
    try:
        number = usual if isinstance(first, bool) else int(first)
    except (TypeError, ValueError, OverflowError):
        return usual
    return number if number >= least else usual
