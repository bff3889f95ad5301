"""`equigen report RUN`: one page that shows a run."""

from __future__ import annotations

from pathlib import Path

from equigen.cli.options import Debug, Json
from equigen.cli.outcome import Outcome

__all__ = ["report"]


def report(run: Path, /, *, figures: Path | None = None, json: Json = False, debug: Debug = False) -> Outcome:
    """Write a run's report.html: one file that opens offline.

    Args:
        run: The run folder; what it does not hold is left out with a word.
        figures: Folder to write the page's pictures to as well, as PNG files.
    """
    from equigen.report.page import write

    page = write(run, figures)
    return Outcome({"run": run, "report": page, "figures": figures}, [f"{page}: open it in a browser."])
