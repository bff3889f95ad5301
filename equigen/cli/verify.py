"""`equigen verify schedule|solver|model NAME`: the table that a sceptic would ask for; exit code 1 if a check fails."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from equigen.cli.options import Debug, Json, assignments
from equigen.cli.outcome import Outcome, table
from equigen.cli.progress import Progress
from equigen.cli.runs import open_run
from equigen.store import StoreError, build, resolve
from equigen.table import SCHEDULES, SOLVERS
from equigen.training.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from equigen.verify.check import Verification

__all__ = ["verify"]

_KINDS = {"schedule": SCHEDULES, "solver": SOLVERS}
_HELD_OUT, _TRAINING = 128, 4000  # items that a model is verified on, and whose moments make the linear reference


def verify(
    kind: Literal["schedule", "solver", "model"],
    name: str,
    /,
    *,
    out: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Hold a schedule, a solver or a trained model against closed forms, and say what came out, check by check.

    The exit code is 1 if a check fails.

    Args:
        kind: What is verified.
        name: Of the schedule or solver, as in 'equigen verify solver heun'; of a model, its run folder.
        out: Folder for a page with figures, verify.html, and verify.json.
        set_: A parameter of the schedule or solver, as in --set churn=10; may be given more than once.
    """
    settings = assignments(set_ or [])
    if kind == "model" and settings:
        raise ConfigError("verify model takes no --set: a model is verified as it is.")
    with Progress(f"verify {kind} {name}", None, "stages") as progress:
        found = _verified(kind, name, settings, progress.count)
    page = None
    if out is not None:
        from equigen.verify.page import write

        page = write(found, out)
    return Outcome({**found.to_dict(), "page": page}, _lines(found, page), code=0 if found.passed else 1)


def _verified(kind: str, name: str, settings: dict[str, Any], tell: Callable[[str], None]) -> Verification:
    if kind == "model":
        return _model(Path(name), tell)
    try:
        _require_numbers(resolve(name, _KINDS[kind]), settings)
        made = build(name, _KINDS[kind], **settings)
    except StoreError as error:
        raise ConfigError(str(error).replace("known kind", f"known {kind}", 1)) from None
    called = name + "".join(f", {key}={value}" for key, value in settings.items())
    if kind == "schedule":
        from equigen.verify.schedules import verify_schedule

        return verify_schedule(made, called, tell)
    from equigen.verify.solvers import verify_solver

    return verify_solver(made, called, tell)


def _require_numbers(kind: type, settings: dict[str, Any]) -> None:
    """Refuse what is no number for a parameter that is one; what is no parameter at all is `build`'s to refuse."""
    for key, parameter in inspect.signature(kind).parameters.items():
        value, annotation = settings.get(key, 0.0), str(parameter.annotation)
        if "float" not in annotation or (value is None and "None" in annotation):
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise ConfigError(f"{key}={value!r} is no number, but {key} needs one: --set {key}=10.")


def _model(folder: Path, tell: Callable[[str], None]) -> Verification:
    """A run's model on its held-out items."""
    from equigen.training.build import load_data
    from equigen.verify.models import verify_model

    opened = open_run(folder, "cpu")
    _, training, held_out = load_data(opened.config.data, opened.config.seed)
    some, seen = (range(min(len(data), n)) for data, n in ((held_out, _HELD_OUT), (training, _TRAINING)))
    named = f"model of {folder} on {len(some)} held-out items"
    return verify_model(opened.model, held_out.whole(some), training.whole(seen).x, name=named, tell=tell)


def _lines(found: Verification, page: Path | None) -> list[str]:
    """The table and what it comes to."""
    from equigen.verify.page import HEADING, rows, summary

    end = [] if page is None else [f"{page}: open it in a browser."]
    return [*table(rows(found.checks), HEADING), "", summary(found), *end]
