"""A lab's answer as files: NAME.html, the page; NAME.json, the numbers; NAME/, the figures."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from equigen import __version__
from equigen.labs.lab import Answer, Conclusion
from equigen.report.document import Chapter, Command, Document, Table, render_document
from equigen.report.plain import plain
from equigen.training.files import one_sentence, write_whole

__all__ = ["document", "record", "require_writable", "write"]


def require_writable(out: Path) -> None:
    """Make a folder, so that one that cannot be written is known before the work.

    Raises:
        RunFolderError: it cannot be made, or nothing can be written there.
    """
    with one_sentence(out):
        out.mkdir(parents=True, exist_ok=True)
    probe = out / ".probe"
    write_whole(probe, b"")
    probe.unlink()


def write(answer: Answer, out: Path | str) -> Path:
    """Write a lab's page, numbers and figures into a folder, which may hold those of other labs.

    Args:
        answer: of the lab.
        out: the folder; made if it is not there.

    Returns:
        The path of the page.

    Raises:
        RunFolderError: it cannot be written.
    """
    out, shown = Path(out), document(answer)
    page = out / f"{answer.name}.html"
    with one_sentence(out):
        (out / answer.name).mkdir(parents=True, exist_ok=True)
    for picture in shown.pictures:
        write_whole(out / answer.name / f"{picture.name}.png", picture.png())
    text = json.dumps(record(answer), indent=1, allow_nan=False, ensure_ascii=False)
    write_whole(out / f"{answer.name}.json", text.encode())
    write_whole(page, render_document(shown).encode())
    return page


def record(answer: Answer) -> dict[str, Any]:
    """Everything of an answer but its chapters, as JSON has it."""
    return plain(
        {
            "equigen": __version__,
            "lab": answer.name,
            "question": answer.question,
            "answer": answer.answer,
            "conclusions": [asdict(one) for one in answer.conclusions],
            "numbers": answer.numbers,
            "settings": answer.settings,
        }
    )


def document(answer: Answer) -> Document:
    """The page of an answer: the paragraph, the evidence, the statements that were decided, and how to repeat it."""
    command = " ".join(["equigen lab", answer.name, "--out pages/", *_sets(answer.settings)])
    decided = Table(
        ["statement", "verdict", "measured", "error", "compared with"],
        [_row(one) for one in answer.conclusions],
        "The error is a standard error, half an interval of 95 % from few samples, or half a bound of rounding; 0 "
        'where a number is exact or compared as it stands. "Yes" and "no" stand where two errors leave no doubt, "not '
        'resolved" where they leave one at this number of samples.',
        words=(0, 1),
    )
    last = Chapter(
        "What was decided, and how to repeat it",
        [
            decided,
            f"The numbers lie in {answer.name}.json beside this page. The same settings give the same numbers, but for "
            "what is measured in seconds:",
            Command(command),
        ],
    )
    facts = [("lab", answer.name), ("equigen", __version__), ("seed", str(answer.settings.get("seed", 0)))]
    return Document(answer.question, facts, [answer.answer], [*answer.chapters, last])


def _sets(settings: Mapping[str, Any]) -> list[str]:
    return [
        shlex.join(["--set", f"{key}={json.dumps(value) if not isinstance(value, str) else value}"])
        for key, value in settings.items()
    ]


def _row(one: Conclusion) -> list[str]:
    beside = f"{one.reference:.4g}"
    beside = f"more than {beside}" if one.tolerance is None else f"{beside} within {one.tolerance:.2g}"
    error = f"{one.error:.1g}" if math.isfinite(one.error) else "unknown"
    return [one.claim, one.verdict, f"{one.measured:.4g}", error, beside]
