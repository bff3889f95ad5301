"""Faces of packages load lazily: a name is imported from its own module when it is first asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["lazy"]


def lazy(package: str, names: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Give a package's `__getattr__`, `__dir__` and `__all__` for names that live in its modules.

    Args:
        package: the package's `__name__`.
        names: public name -> module path relative to the package ("schedules.edm"); an empty path hands
            out the subpackage or module of that very name.

    Returns:
        The three objects, to be bound at the top of the package's `__init__.py`.

    Example:
        >>> import equigen
        >>> "diffusion" in dir(equigen)
        True
    """

    def getattr_(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        where = names[name]
        module = importlib.import_module(f"{package}.{where or name}")
        value = getattr(module, name) if where else module
        setattr(sys.modules[package], name, value)
        return value

    return getattr_, lambda: sorted(names), sorted(names)
