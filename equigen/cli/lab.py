"""`equigen lab NAME`: one question, answered by a measurement; `equigen lab list`: the questions."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from equigen.cli.options import Debug, Json, assignments
from equigen.cli.outcome import Outcome, table
from equigen.cli.progress import Progress, duration
from equigen.store import StoreError, resolve
from equigen.table import LABS
from equigen.training.errors import ConfigError

__all__ = ["lab"]

_NAMES = f"'list' for the questions and their settings, or one of {', '.join(LABS)}."
_GREEK = {"alpha": "α", "sigma": "σ", "lambda": "λ", "theta": "θ", "Sigma": "Σ", "cdot": "·", "times": "×"}


def lab(
    name: Annotated[str, Parameter(help=_NAMES)],
    /,
    *,
    out: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Answer one question by a measurement: a paragraph, and a page with figures, tables and numbers.

    Args:
        name: 'list' for the questions and their settings, or the name of a lab.
        out: Folder for NAME.html, NAME.json and the figures, which may hold those of other labs; labs unless given.
        set_: A setting of the lab, as in --set bases=[0.5,25]; may be given more than once.
    """
    if name == "list":
        if out is not None or set_:
            raise ConfigError(
                f"lab list takes neither --out nor --set: name a lab, as in 'equigen lab {next(iter(LABS))}'."
            )
        return _listed()
    try:
        kind = resolve(name, LABS)
    except StoreError as error:
        raise ConfigError(str(error).replace("kind", "lab", 1)) from None
    asked = kind(**assignments(set_ or ()))

    from equigen.labs.writing import record, require_writable, write

    folder = Path("labs") if out is None else out
    require_writable(folder)
    start = time.monotonic()
    with Progress(name, None, "stages") as progress:
        found = asked.run(progress.count)
    page = write(found, folder)
    seconds = time.monotonic() - start
    return Outcome(
        {"page": page, "seconds": seconds, **record(found)},
        [
            _said(found.question),
            "",
            _said(found.answer),
            "",
            *table([[f"{one.verdict}:", _said(one.claim)] for one in found.conclusions]),
            "",
            f"{page}: open it in a browser ({duration(seconds)}).",
        ],
    )


def _listed() -> Outcome:
    """The labs, their questions and their settings."""
    found = []
    for name in LABS:
        kind = resolve(name, LABS)
        keys = {
            key: {"default": field.get_default(call_default_factory=True), "meaning": field.description or ""}
            for key, field in kind.model_fields.items()
        }
        found.append({"lab": name, "question": kind.question, "settings": keys})
    lines: list[str] = []
    for one in found:
        rows = [[f"  {key}={_text(of['default'])}", of["meaning"]] for key, of in one["settings"].items()]
        lines += [f"{one['lab']}: {one['question']}", *table(rows), ""]
    return Outcome({"labs": found}, [*lines, "equigen lab NAME --out DIR --set KEY=VALUE answers one of them."])


def _text(value: object) -> str:
    return "[" + ",".join(map(str, value)) + "]" if isinstance(value, list | tuple) else str(value)


def _said(text: str) -> str:
    """A text with formulas as a terminal can show it: Greek letters for their names."""
    bare = text.replace("$", "")
    return re.sub(r"\\([A-Za-z]+)", lambda found: _GREEK.get(found[1], found[1]), bare)
