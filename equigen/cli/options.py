"""Options that come from the typed configuration, and how a command line is read: it overrides the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, make_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from cyclopts import Group, Parameter, Token
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from equigen.training.config import DataConfig, TrainConfig, read_yaml
from equigen.training.errors import ConfigError

__all__ = [
    "Count",
    "Debug",
    "Device",
    "Flags",
    "Json",
    "Place",
    "Seed",
    "assignments",
    "configuration",
    "data_config",
    "flags",
    "legal",
]

_SHORT = {"augment": "classifier.augmentation", "orbit_target": "model.orbit_target"}
_OUTPUT = Group("Output", sort_key=1000)
_EXPONENT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)[eE][+-]?\d+")

Json = Annotated[bool, Parameter(name="--json", group=_OUTPUT, help="Print one JSON object instead of text.")]
"""Read by `main`: standard output is one JSON object, also when the command fails."""

Debug = Annotated[bool, Parameter(name="--debug", group=_OUTPUT, help="Show the traceback of an error.")]
"""Read by `main`."""


def legal(kind: Any) -> Callable[[object, Sequence[Token]], Any]:
    """A reader of one flag's text that takes what pydantic takes for the type, and rounds nothing.

    Args:
        kind: a type, annotated with its range.
    """
    adapter = TypeAdapter(kind)

    def read(_: object, tokens: Sequence[Token]) -> Any:
        text = tokens[0].value
        try:
            return adapter.validate_python(text)
        except ValidationError as error:
            need = error.errors(include_url=False)[0]["msg"].removeprefix("Input ").removeprefix("Value error, ")
            raise ValueError(f"{text!r} {need.partition(', unable')[0]}") from None

    return read


Count = Annotated[int, Parameter(converter=legal(Annotated[int, Field(ge=1)]))]
"""A whole number, 1 or more."""

Place = Annotated[int, Parameter(converter=legal(Annotated[int, Field(ge=0)]))]
"""A whole number, 0 or more."""

Seed = Annotated[int, Parameter(converter=legal(Annotated[int, Field(ge=0, lt=2**63)]))]
"""The key of randomness."""

Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], Parameter(show_choices=True)]
"""As `TrainerConfig.device`."""


@dataclass(kw_only=True)
class Flags:
    """Flags by the names of their fields; None stands for a flag that was not given."""

    def given(self) -> dict[str, Any]:
        """The flags that stood on the command line."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


def flags(name: str, module: str, **sections: tuple[type[BaseModel], Sequence[str] | Mapping[str, str]]) -> Any:
    """A class of flags with the names, types, ranges, defaults and words of configuration fields.

    Args:
        name: of the class.
        module: where it will be found.
        **sections: heading in the help -> (configuration, its fields; or names of flags -> its fields).
    """
    found: list[tuple[str, Any, Any]] = []
    for place, (heading, (section, names)) in enumerate(sections.items()):
        group = Group(heading.capitalize(), sort_key=place + 1)
        for key in names:
            info = section.model_fields[names[key] if isinstance(names, Mapping) else key]
            default = "" if info.is_required() or info.default is None else str(info.default)
            look = Parameter(
                help=info.description,
                group=group,
                converter=legal(Annotated[(info.annotation, *info.metadata)] if info.metadata else info.annotation),
                show_default=(lambda _, text=default: text) if default else False,
            )
            found.append((key, Annotated[info.annotation | None, look], field(default=None)))  # pyright: ignore
    made = make_dataclass(name, found, bases=(Flags,), kw_only=True)
    made.__module__ = module
    return made


def configuration(source: str | None, file: Path | None, sets: Sequence[str], given: Mapping[str, Any]) -> TrainConfig:
    """The configuration that a command line asks for; it overrides the file.

    Args:
        source: the data, or None if the file names them.
        file: YAML, as a run's own config.yaml.
        sets: 'key=value' with dotted keys and values as in YAML.
        given: flags by field name.

    Raises:
        ConfigError: a key that does not exist (with the nearest one that does), a value that is not legal, or two
            values for one key.

    Example:
        >>> config = configuration("digits", None, ["model.channels=[8, 16]"], {"steps": 100, "layout": "nhw"})
        >>> config.steps, config.model.channels, config.data.layout
        (100, (8, 16), 'nhw')
    """
    values: dict[str, Any] = {}
    if file is not None:
        # What a run recorded about its circumstances is no setting.
        values = {key: value for key, value in read_yaml(file).items() if key != "equigen"}
        if isinstance(values.get("data"), str):
            values["data"] = {"source": values["data"]}
        TrainConfig.parse({"data": source or "", **values}, str(file))  # what is wrong from here on is not the file's
    for key, value in _asked(source, sets, given, values.get("task")).items():
        _put(values, key, value)
    if "data" not in values:
        raise ConfigError("train needs data: name a set or a path, as in 'equigen train digits'.")
    return TrainConfig.parse(values, "the command line")


def _asked(source: str | None, sets: Sequence[str], given: Mapping[str, Any], task: object) -> dict[str, Any]:
    """Dotted key -> value, of all that stands on the command line; `task` is that of the file."""
    asked = [] if source is None else [("data.source", source, "DATA")]
    asked += [(*_key_and_value(text), f"--set {text}") for text in sets]
    task = given.get("task", {key: value for key, value, _ in asked}.get("task", task))
    short = {**_SHORT, "symmetry": f"{'classifier' if task == 'classify' else 'model'}.symmetry"}
    for name, value in given.items():
        key = f"data.{name}" if name in DataConfig.model_fields else short.get(name, name)
        asked.append((key, value, f"--{name.replace('_', '-')} {value}"))
    values: dict[str, Any] = {}
    words: dict[str, str] = {}
    for key, value, said in asked:
        if key in values and values[key] != value:
            raise ConfigError(f"{words[key]} and {said} both set {key}: drop one of them.")
        values[key], words[key] = value, said
    return values


def data_config(source: str, given: Mapping[str, Any]) -> DataConfig:
    """How to read data, from flags alone.

    Raises:
        ConfigError: a value that is not legal.
    """
    return DataConfig.parse({"source": source, **given}, "the command line")


def assignments(texts: Sequence[str]) -> dict[str, Any]:
    """The keys and values of all --set of a command line.

    Args:
        texts: 'key=value', values as in YAML.

    Raises:
        ConfigError: a text that is none, or two values for one key.

    Example:
        >>> assignments(["bases=[1, 2]", "seed=3"])
        {'bases': [1, 2], 'seed': 3}
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, value = _key_and_value(text)
        if key in values and values[key] != value:
            raise ConfigError(f"--set gives {key} twice, as {values[key]!r} and as {value!r}: drop one of them.")
        values[key] = value
    return values


def _key_and_value(text: str) -> tuple[str, Any]:
    """The key and the value of the text of one --set, the value read as YAML.

    Raises:
        ConfigError: no key, no equals sign, or a value that is no YAML.

    Example:
        >>> _key_and_value("model.channels=[8, 16]")
        ('model.channels', [8, 16])
        >>> _key_and_value("rate=1e-3")
        ('rate', 0.001)
    """
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set got {text!r}, but needs key=value, as in --set model.channels=[32,64].")
    try:
        read = yaml.safe_load(value)
        # YAML 1.1 takes 1e9 for a word, since it has no point.
        return key.replace("-", "_"), float(read) if isinstance(read, str) and _EXPONENT.fullmatch(read) else read
    except yaml.YAMLError:
        raise ConfigError(
            f"--set {key} got {value!r}, which is no YAML value: quote it, as in '{key}=\"text\"'."
        ) from None


def _put(values: dict[str, Any], key: str, value: object) -> None:
    """Set a dotted key, making sections on the way."""
    *above, last = key.split(".")
    for name in above:
        section = values.setdefault(name, {})
        if not isinstance(section, dict):
            raise ConfigError(f"{key} cannot be set, because {name} is no section: see the keys of the configuration.")
        values = section
    values[last] = value
