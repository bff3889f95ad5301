"""The section of a page that says what a model keeps of its symmetry: what it promised, its certificate in short."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from equigen.report.certificate_page import figures
from equigen.report.certificate_tables import premise_table
from equigen.report.contents import Contents

__all__ = ["symmetry"]


def symmetry(contents: Contents) -> dict[str, Any] | None:
    """What the section shows; None for a run without a symmetry and without a certificate.

    Args:
        contents: of a run that generates.
    """
    found, said = contents.certificate, _promised(contents.config)
    if found is None and not said and "certificate" not in contents.absent:
        return None
    sentences = [said] if said else []
    if found is None:
        return {"sentences": sentences, "table": None, "figure": None}
    drawn = figures(found)
    sentences.append(found.sentence())
    return {
        "sentences": sentences,
        "table": premise_table(found.premises),
        "figure": drawn[0] if drawn else None,
    }


def _promised(config: Mapping[str, Any]) -> str:
    """What was said before the training of what is exact on pixels, as a sentence; "" if nothing was."""
    about = config.get("equigen")
    promised = about.get("symmetry") if isinstance(about, Mapping) else None
    said = promised.get("sentence") if isinstance(promised, Mapping) else None
    return f"{said[:1].upper()}{said[1:]}" if isinstance(said, str) else ""
