"""What a run is for: which keys of its configuration a task uses, and its own defaults. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel

__all__ = ["DEFAULTS", "UNUSED", "Task", "require_used", "with_defaults"]

Task = Literal["generate", "classify"]
"""A model that draws new images, or one that tells their classes."""

DEFAULTS: dict[str, dict[str, Any]] = {
    "generate": {},
    "classify": {
        "steps": 600,
        "batch_size": 64,
        "learning_rate": 5e-3,
        "data": {"condition": "label"},
    },
}
"""Task -> values that differ from the defaults of the fields."""

UNUSED: dict[str, tuple[str, ...]] = {
    "generate": ("classifier",),
    "classify": ("model", "sampling", "sample_every", "recipe"),
}
"""Task -> keys that it does not use, which a run does not record."""


def with_defaults(values: Mapping[str, Any]) -> tuple[dict[str, Any], set[str], set[str]]:
    """Values of a configuration with the defaults of their task beneath them.

    Args:
        values: as given, the data a name or a section.

    Returns:
        The values; and which keys of the configuration and of its section `data` were filled in: these were not asked
        for, so that a resume does not take them for a change.

    Example:
        >>> with_defaults({"task": "classify", "steps": 5, "data": "digits"})[0]["data"]
        {'condition': 'label', 'source': 'digits'}
        >>> with_defaults({"steps": 5})
        ({'steps': 5}, set(), set())
    """
    task = values.get("task")
    below = dict(DEFAULTS.get(task, {})) if isinstance(task, str) else {}
    section, data = below.pop("data", {}), values.get("data")
    data = {"source": data} if isinstance(data, str) else data
    data = data.model_dump(exclude_unset=True) if isinstance(data, BaseModel) else data
    filled = {**below, **values}
    if not section or not isinstance(data, Mapping):
        return filled, below.keys() - values.keys(), set()
    filled["data"] = {**section, **data}
    return filled, below.keys() - values.keys(), section.keys() - data.keys()


def require_used(task: str, key: str) -> None:
    """Refuse a key that was set, but that the task does not use.

    Raises:
        ValueError: with the task that uses it.

    Example:
        >>> require_used("classify", "sampling")
        Traceback (most recent call last):
        ValueError: is for task=generate, and the task is classify: leave it out
    """
    if key in UNUSED[task]:
        if task == "classify":
            raise ValueError("is for task=generate, and the task is classify: leave it out")
        raise ValueError("is for task=classify for now, and the task is generate: add task=classify (--task classify)")
