"""`equigen report RUN`: one page that shows a run."""

from __future__ import annotations

from pathlib import Path

from equigen.cli.options import Debug, Json
from equigen.cli.outcome import Outcome

__all__ = ["report"]


def report(run: Path, /, *, json: Json = False, debug: Debug = False) -> Outcome:
    """Write a run's report.html: one file that opens offline.

    Args:
        run: The run folder; what it does not hold is left out with a word.
    """
    from equigen.report.page import write

    page = write(run)
    return Outcome({"run": run, "report": page}, [f"{page}: open it in a browser."])
