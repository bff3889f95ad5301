"""A verification as files: verify.html, the page with its figures; verify.json, the numbers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from equigen import __version__
from equigen.report.document import Chapter, Document, Table, render_document
from equigen.report.drawing import GREY, STYLES, TEXT, canvas, dress, plain_log_ticks, png
from equigen.report.picture import Picture, drawn_picture
from equigen.report.plain import plain
from equigen.training.files import one_sentence, write_whole
from equigen.verify.check import Check, Trend, Verification

__all__ = ["HEADING", "document", "rows", "summary", "write"]

HEADING = ("check", "measured", "expected", "tolerance", "verdict", "against")
"""Of the table of checks."""

_WORDS = (0, 4, 5)  # columns of the table that hold text
_NAMED = 3  # failures that the summary calls by name
_CHECK = (
    "A check measures one number whose value is known in another way, from the source in the column "
    '"against". It passes if what was measured lies no further from what is expected than the tolerance.'
)


def write(found: Verification, out: Path) -> Path:
    """Write the page and the numbers into a folder.

    Args:
        found: what was verified.
        out: the folder; made if it is not there.

    Returns:
        The path of the page.

    Raises:
        RunFolderError: it cannot be written.
    """
    with one_sentence(out):
        out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(plain({"equigen": __version__, **found.to_dict()}), indent=1, allow_nan=False)
    write_whole(out / "verify.json", text.encode())
    page = out / "verify.html"
    write_whole(page, render_document(document(found)).encode())
    return page


def document(found: Verification) -> Document:
    """The page: what it comes to, the table, and a figure for each family of errors."""
    table = Table(
        HEADING,
        rows(found.checks),
        'A number with an error is an estimate: "pass" and "fail" stand where two standard errors leave no doubt, "not '
        'resolved" where they do. Of what is "told" nothing is claimed.',
        words=_WORDS,
    )
    chapters = [Chapter("Every check", [_CHECK, table])]
    groups = list(dict.fromkeys(trend.group for trend in found.trends))
    if groups:
        chapters.append(
            Chapter("How errors fall", [_picture([t for t in found.trends if t.group == name]) for name in groups])
        )
    return Document(f"Verification: {found.subject}", [("equigen", __version__)], [summary(found)], chapters)


def summary(found: Verification) -> str:
    """What the checks come to, in a sentence; and what a failure means, if one fails and that is known.

    Example:
        >>> summary(Verification("a coin", [Check("share of heads", 0.5, 0.5, 0.1, "symmetry")]))
        'a coin: 1 check passes, none fails.'
    """
    counts = {verdict: sum(c.verdict == verdict for c in found.checks) for verdict in ("pass", "fail", "not resolved")}
    words = f"{counts['pass']} check{'s pass' if counts['pass'] != 1 else ' passes'}, {counts['fail'] or 'none'} "
    words += "fail" if counts["fail"] > 1 else "fails"
    names = [check.name for check in found.failures]
    if names:
        words += f" ({'; '.join(names[:_NAMED])}{f'; and {len(names) - _NAMED} more' if len(names) > _NAMED else ''})"
    if counts["not resolved"]:
        words += f", {counts['not resolved']} cannot be resolved with this many samples"
    return f"{found.subject}: {words}." + (f" {found.meaning}" if names and found.meaning else "")


def rows(checks: Sequence[Check]) -> list[list[str]]:
    """The checks as rows of a table.

    Example:
        >>> rows([Check("order", 1.97, 2, 0.2, "the quantile map")])
        [['order', '1.97', '2', '0.2', 'pass', 'the quantile map']]
    """
    found = []
    for check in checks:
        spread = f" ± {check.error:.1g}" if check.error else ""
        most = "at most " if check.at_most else ""
        claim = ("-", "-") if check.tolerance is None else (f"{most}{check.expected:.4g}", f"{check.tolerance:.2g}")
        found.append([check.name, f"{check.measured:.4g}{spread}", *claim, check.verdict, check.source])
    return found


def _picture(trends: Sequence[Trend]) -> Picture:
    """Errors on logarithmic axes, each with the power that was measured, and the claimed one as a dashed line."""
    figure = canvas(6.4, 3.6)
    axes = figure.subplots()
    for place, trend in enumerate(trends):
        colour, marker = STYLES[place % len(STYLES)]
        line = "-" if place < len(STYLES) else ":"
        label = f"{trend.name}: {trend.slope:.2f}"
        axes.plot(trend.x, trend.error, line, color=colour, marker=marker, markersize=4, linewidth=1.2, label=label)
    axes.set_xscale("log")
    axes.set_yscale("log")
    first = trends[0]
    if first.power is not None:
        x = np.array([min(first.x), max(first.x)], dtype=float)
        low = min(min(trend.error) for trend in trends)
        start = low / (x**first.power).min() * 0.4
        axes.plot(x, start * x**first.power, "--", color=GREY, linewidth=1.2, label=f"claimed: {first.power:g}")
    dress(axes, first.what, first.quantity)
    if first.what == "steps":
        axes.set_xticks(list(first.x), [f"{value:g}" for value in first.x])
        axes.xaxis.minorticks_off()
    else:
        plain_log_ticks(axes)
    plain_log_ticks(axes, "y")
    axes.legend(
        fontsize=TEXT - 1,
        frameon=False,
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        title="measured power",
        title_fontsize=TEXT - 1,
    )
    drawn = png(figure)
    words = f"{first.group[:1].upper()}{first.group[1:]}"
    caption = f"{words}: each curve with its power of the {first.what}."
    return drawn_picture(drawn, f"{first.group} against {first.what}", caption)
