"""Tables of certificates: claims, premises, layers, and what the denoiser and the solvers do to each element."""

from __future__ import annotations

import math
from collections.abc import Sequence

from equigen.report.document import Table
from equigen.symmetry.certificate import CertifiedLayer, Claim
from equigen.symmetry.theorem.certificate import CertifiedLevel, CertifiedPath, Premise

__all__ = ["claim_table", "layer_table", "level_table", "number", "path_table", "premise_table"]

_PLANNED = {True: "exact", False: "broken", None: "not known"}
_ORDER = ("exact", "at the floor", "told", "not measured", "not told apart", "broken")


def number(value: float | None) -> str:
    """A number in two digits; "-" for none, as for one that is not finite.

    Example:
        >>> number(0.12345), number(None), number(float("nan"))
        ('0.12', '-', '-')
    """
    return "-" if value is None or not math.isfinite(value) else f"{value:.2g}"


def claim_table(claims: Sequence[Claim], premises: Sequence[str] = ()) -> Table:
    """Every claim with what was measured; the layers that break it where one is broken.

    Args:
        claims: one or more.
        premises: the name of each claim's premise, beside it; empty: none.
    """
    where = any(one.where for one in claims)
    rows = [
        [one.statement, "yes" if one.promised else "no", number(one.measured), number(one.bound), one.verdict]
        + [one.where or "-"] * where
        for one in claims
    ]
    heading = ["claim", "promised", "measured", "holds up to", "verdict", *["where"] * where]
    words = [0, 1, 4, 5][: 3 + where]
    if premises:
        rows = [[row[0], name, *row[1:]] for name, row in zip(premises, rows, strict=True)]
        heading, words = [heading[0], "premise", *heading[1:]], [0, *(place + 1 for place in words)]
    return Table(heading, rows, words=words)


def premise_table(premises: Sequence[Premise]) -> Table:
    """What each premise says, and the worst verdict on its promised claims."""
    rows = []
    for one in premises:
        wrong = [claim.where for claim in one.claims if claim.promised and not claim.holds and claim.where]
        rows.append([one.name, one.statement, one.verdict, ", ".join(dict.fromkeys(wrong)) or "-"])
    named = any(row[3] != "-" for row in rows)
    heading = ["premise", "what it says", "verdict", "where it breaks"]
    return Table(heading if named else heading[:3], rows if named else [row[:3] for row in rows], words=(0, 1, 2, 3))


def layer_table(layers: Sequence[CertifiedLayer]) -> Table:
    """Every layer by itself; columns that say nothing are left out.

    Args:
        layers: one or more.
    """
    between = any(one.between is not None for one in layers)
    planned = any(one.planned is not None for one in layers) and not all(one.planned for one in layers)
    groups = list(dict.fromkeys(one.group for one in layers))
    many = len(groups) > 1
    heading = ["layer", "kind", "pixels", *(["group"] * many), *(["planned"] * planned), "on the grid", "verdict"]
    rows, reasons = [], list(dict.fromkeys(one.reason for one in layers if one.reason))
    for one in layers:
        mark = f" ({reasons.index(one.reason) + 1})" if one.reason else ""
        why = [_PLANNED[one.planned]] if planned else []
        size = f"{one.size[0]} x {one.size[1]}"
        rows.append([one.name, one.kind, size, *([one.group] * many), *why, number(one.error), one.verdict + mark])
        rows[-1] += [number(one.between), number(one.floor)] if between else []
    own = "its own group" if many else groups[0]
    caption = f"The error of every layer by itself, on what it is given in the network, under {own} and in float64."
    if all(one.error is None for one in layers):
        caption = "Layers that are not measured by themselves, since their fields are not known."
    if planned:
        caption += " Planned: whether its settings make it exact on the grid."
    elif all(one.planned for one in layers):
        caption += " All are planned to be exact."
    if between:
        heading += ["between", "floor"]
        caption += " Between: its error at other angles, beside the floor of what interpolation costs there."
    caption += "".join(f" ({place}) {reason}." for place, reason in enumerate(reasons, 1))
    return Table(heading, rows, caption, words=[*range(3 + many + planned), 4 + many + planned])


def level_table(levels: Sequence[CertifiedLevel]) -> Table:
    """For each element its worst noise level, by verdict and then by error.

    Args:
        levels: of motions of the grid, or of elements between them.
    """
    single, between = any(level.single is not None for level in levels), not all(level.on_grid for level in levels)
    rows = []
    for element in dict.fromkeys(level.element for level in levels):
        there = [level for level in levels if level.element == element]
        worst = max(there, key=lambda level: (_ORDER.index(level.verdict), level.error or 0.0))
        row = [element, number(worst.error), *([number(worst.floor)] * between), number(worst.bound)]
        if single:
            rough = max((level for level in there), key=lambda level: level.single or 0.0)
            row += [number(rough.single), number(rough.rounding)]
        rows.append([*row, number(worst.noise), worst.verdict])
    heading = ["element", "largest error", *(["interpolation"] * between), "holds up to"]
    heading += [*(["float32", "its rounding"] * single), "at noise", "verdict"]
    caption = (
        "Each element at the noise level where it does worst. Errors are relative to the size of the denoised items, "
        "in float64 but where it says so." + between * " Interpolation: what moving the same images alone costs."
    )
    return Table(heading, rows, caption, words=(0, len(heading) - 1))


def path_table(paths: Sequence[CertifiedPath]) -> Table:
    """For each solver the largest errors over the elements, those that are promised and those that are told apart."""
    rows = []
    kinds = [(path.solver, path.verdict == "told") for path in paths]
    for solver, told in dict.fromkeys(sorted(kinds, key=lambda kind: kind[1])):
        there = [path for path, kind in zip(paths, kinds, strict=True) if kind == (solver, told)]
        worst = max(there, key=lambda path: (_ORDER.index(path.verdict), path.final or 0.0))
        along = max((error for error in worst.errors if error is not None), default=None)
        rows.append([solver, number(along), number(worst.final), number(worst.bound), worst.element, worst.verdict])
    heading = ["solver", "along the path", "samples", "holds up to", "worst element", "verdict"]
    caption = "Told, and not promised: between the grid the errors of the denoiser add up along the path."
    return Table(heading, rows, caption if any(told for _, told in kinds) else "", words=(0, 4, 5))
