"""Packages that only some kinds of file need: brought in when such a file is met, and named when they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from equigen.data.errors import DataError

__all__ = ["require_package"]


def require_package(name: str, path: object) -> ModuleType:
    """Import a package of the extra `equigen[data]`.

    Args:
        name: of the package.
        path: the file that needs it, for the error.

    Raises:
        DataError: it is not installed; the sentence holds the command that does it.

    Example:
        >>> require_package("json", "a.json").dumps([1])
        '[1]'
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise DataError(
            f"{path} needs the package {name}, which is not installed: pip install 'equigen[data]'."
        ) from error
