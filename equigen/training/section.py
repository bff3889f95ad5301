"""A section of a configuration: what it refuses, it refuses in one sentence that names the nearest legal key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from equigen.training.errors import ConfigError

__all__ = ["Section", "complaint", "refused"]


class Section(BaseModel):
    """Keys with types, ranges and meanings: frozen, and closed to keys that do not exist.

    Example:
        >>> from pydantic import Field
        >>> class Oven(Section):
        ...     heat: int = Field(180, ge=0)
        >>> Oven.parse({"heat": -1}, "the recipe")
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: the recipe has heat=-1, but it should be greater than or equal to 0.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str = "the configuration") -> Self:
        """Read plain values, as from YAML or a command line.

        Args:
            values: keys and values, nested for sections.
            where: what the values came from, for the message.

        Raises:
            ConfigError: an unknown key (with the nearest legal one) or a value out of range, in one sentence.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ConfigError(complaint(cls, error, where)) from None


def complaint(cls: type[BaseModel], error: ValidationError, where: str) -> str:
    """The first complaint of pydantic, in one sentence.

    Args:
        cls: the configuration that was read.
        error: of pydantic.
        where: what the values came from.
    """
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).removeprefix(".")
    if first["type"] == "extra_forbidden":
        legal = list(_keys(cls))
        near = difflib.get_close_matches(key, legal, 1, 0.6)
        near = near or [name for name in legal if name.rpartition(".")[2] == path[-1]][:1]
        hint = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(legal)}."
        return f"{where} has no key {key!r}: {hint}"
    if first["type"] == "missing":
        return f"{where} lacks the key {key!r}: add it."
    message = _plain(first["msg"])
    need = message.removeprefix("Input ").removeprefix("Value error, ")
    subject = "" if need == message else "it "
    text = f"{where} has {key}={first['input']!r}, but {subject}{need[:1].lower()}{need[1:]}"
    return text if text.endswith("?") else f"{text}."


def refused(cls: type[BaseModel], key: tuple[str, ...], value: object, need: str) -> ValidationError:
    """What a validator raises to refuse one key of a section by its own name.

    Args:
        cls: the configuration that is read.
        key: the way to the key from the field that is validated.
        value: that it has.
        need: what it should be, as "should be ...".

    Example:
        >>> print(refused(Section, ("heat",), -1, "should be above 0").errors()[0]["msg"])
        Value error, should be above 0
    """
    kind = PydanticCustomError("value_error", "Value error, {need}", {"need": need})
    wrong = InitErrorDetails(type=kind, loc=key, input=value)
    return ValidationError.from_exception_data(cls.__name__, [wrong])


def _plain(message: str) -> str:
    """A complaint of pydantic without Python's words."""
    message = re.sub(r"^Tuple should have (.*) after validation, not \d+$", r"Input should have \1", message)
    return message.replace("should be a valid tuple", "should be a list, as in [1, 2]")


def _keys(cls: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """All legal keys of a configuration, those of its sections dotted."""
    for name, field in cls.model_fields.items():
        kind = field.annotation
        yield f"{prefix}{name}"
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind, f"{prefix}{name}.")
