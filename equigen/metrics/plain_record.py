"""Records, frozen dataclasses in dataclasses, as the plain values that JSON has, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

__all__ = ["plain_to_record", "record_to_plain"]


def record_to_plain(value: Any) -> Any:
    """Records become dictionaries, sequences lists; numbers and strings stay; a field `pictures` is left out.

    Example:
        >>> from equigen.metrics.evaluation import NearestPair
        >>> record_to_plain((NearestPair(3, 5, 0.25),))
        [{'sample': 3, 'train': 5, 'distance': 0.25, 'pose': None}]
    """
    if isinstance(value, tuple | list):
        return [record_to_plain(part) for part in value]
    if is_dataclass(value):
        return {one.name: record_to_plain(getattr(value, one.name)) for one in fields(value) if one.name != "pictures"}
    return value


def plain_to_record(kind: type, values: Any, where: str) -> Any:
    """The record that `record_to_plain` described; what has a default may be missing.

    Args:
        kind: its class.
        values: plain.
        where: what the values are, for the message.

    Raises:
        ValueError: keys that are missing or unknown.

    Example:
        >>> from equigen.metrics.evaluation import NearestPair
        >>> plain_to_record(NearestPair, {"sample": 3, "train": 5, "distance": 0.25}, "it").train
        5
    """
    own = [one for one in fields(kind) if one.name != "pictures"]
    names = {one.name for one in own}
    needed = {one.name for one in own if one.default is MISSING and one.default_factory is MISSING}
    found = set(values) if isinstance(values, Mapping) else set()
    if wrong := sorted((needed - found) | (found - names)):
        raise ValueError(
            f"this is no evaluation of this version ({where} lacks or should not have: {', '.join(wrong)}): evaluate "
            "the run again."
        )
    hints = get_type_hints(kind)
    return kind(**{name: _value(hints[name], part, name) for name, part in values.items()})


def _value(hint: Any, value: Any, where: str) -> Any:
    """One field by its type: records are built from mappings, tuples from lists."""
    inner = [one for one in get_args(hint) if one is not type(None)]
    if type(None) in get_args(hint):
        return None if value is None else _value(inner[0], value, where)
    if is_dataclass(hint):
        return plain_to_record(hint, value, where)  # pyright: ignore[reportArgumentType]
    if get_origin(hint) is tuple and isinstance(value, list):
        return tuple(_value(inner[0], part, where) for part in value)
    return value
