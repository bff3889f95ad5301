"""A network of the user's own, named as PACKAGE.MODULE:NAME: imported, built where it is a class, and handed on.

Importing a module runs it: only code that you would run anyway should be named. What it prints goes to standard error,
so that standard output is the command's own.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equigen.training.errors import ConfigError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["fault", "foreign", "foreign_code", "is_foreign"]

_WORD = r"[^\W\d]\w*"
_NAME = re.compile(rf"({_WORD}(?:\.{_WORD})*):({_WORD}(?:\.{_WORD})*)")


def is_foreign(name: str) -> bool:
    """Whether a word names something in a module rather than a folder.

    Example:
        >>> is_foreign("nets.small:Net"), is_foreign("runs/digits"), is_foreign("nets.small")
        (True, False, False)
    """
    return _NAME.fullmatch(name) is not None and not Path(name).exists()


@contextmanager
def foreign_code() -> Iterator[None]:
    """Inside the block the current folder can be imported from, and what is printed goes to standard error."""
    folder, before = str(Path.cwd()), list(sys.path)
    sys.path.insert(0, folder)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path[:] = before


def foreign(name: str) -> nn.Module:
    """The network of that name: an `nn.Module`, or what a class or a function without arguments makes.

    Weights that are drawn when it is built are the same each time; torch's global generator is left as it was.

    Args:
        name: "package.module:Name", found from the current folder or among what is installed.

    Raises:
        ConfigError: nothing of that name is found.
        ValueError: it cannot be imported or built, or is no network.
    """
    from torch import nn

    from equigen import random

    found = _NAME.fullmatch(name)
    if found is None:
        raise ConfigError(f"{name!r} names no network: write PACKAGE.MODULE:NAME, as in nets.small:Net.")
    address = {"seed": 0, "stream": random.Stream.INITIALISATION}
    with random.fork(**address):
        module = _tried(f"{found[1]} cannot be imported", _imported, found[1])
    thing = _attribute(module, *found.groups())
    if not isinstance(thing, nn.Module) and callable(thing):
        _require_no_arguments(thing, name)
        with random.fork(**address, item=1):  # the same whether the module was imported before or not
            thing = _tried(f"{name} cannot be built", thing)
    if not isinstance(thing, nn.Module):
        raise ValueError(
            f"{name} is of type {type(thing).__name__}, but a network is needed: name an nn.Module, or a class or a "
            "function without arguments that makes one."
        )
    return thing


def _tried(what: str, call: Callable[..., Any], *given: Any) -> Any:
    """What the user's code gives; one sentence if it fails, with the line of theirs that did."""
    try:
        return call(*given)
    except ConfigError:
        raise
    except (Exception, SystemExit) as error:
        raise ValueError(f"{what}: {fault(error)}.") from error


def fault(error: BaseException) -> str:
    """What the user's code raised, in one line without a full stop."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or name
        if missing != name and not name.startswith(f"{missing}."):
            raise  # what it needs is not there
        raise ConfigError(
            f"there is no module {missing!r} in {Path.cwd()} or among what is installed: run the command in the folder "
            "that holds it."
        ) from None


def _attribute(module: Any, path: str, name: str) -> Any:
    """What the module calls by a dotted name."""
    thing = module
    for word in name.split("."):
        if not hasattr(thing, word):
            near = difflib.get_close_matches(word, [one for one in dir(thing) if not one.startswith("_")], 1, 0.5)
            meant = f": did you mean {near[0]}?" if near else ": name something that it defines."
            raise ConfigError(f"{path} has no {name!r}{meant}")
        thing = getattr(thing, word)
    return thing


def _require_no_arguments(thing: Callable[..., Any], name: str) -> None:
    """Refuse a class or function that cannot be called without arguments."""
    try:
        parameters = inspect.signature(thing).parameters.values()
    except (TypeError, ValueError):
        return  # built into the language: calling it will tell
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    needed = [one.name for one in parameters if one.default is one.empty and one.kind not in variable]
    if needed:
        raise ValueError(
            f"{name} needs arguments ({', '.join(needed)}), but is called without any: name a function that builds the "
            "network, or the network itself."
        )
