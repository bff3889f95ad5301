"""The certificate that a training of a model with a symmetry ends with: measured, written and said in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equigen.cli.progress import Progress

if TYPE_CHECKING:
    from equigen.symmetry.theorem.certificate import ModelCertificate

__all__ = ["OwnCertificate", "certified_after"]


@dataclass(frozen=True)
class OwnCertificate:
    """What a training says of its model's symmetry.

    Args:
        line: for a person.
        values: for a program.
    """

    line: str
    values: dict[str, Any]


def certified_after(folder: Path, *, trained: bool) -> OwnCertificate | None:
    """Certify the model of a finished run, as `equigen certify` does; None where it has no symmetry.

    The training is done whatever comes out, so nothing that a certificate finds or lacks is an error here.

    Args:
        folder: of the run.
        trained: whether the model is a new one; if not, a certificate that is there already is read.
    """
    from equigen.training.folder import recorded

    symmetry = recorded(folder).model.symmetry
    if symmetry is None:
        return None
    found = None if trained else _there(folder, symmetry)
    try:
        return _told(folder, _measured(folder) if found is None else found)
    except (ValueError, ArithmeticError, OSError) as error:
        why = " ".join(str(error).split()).rstrip(".")
        return OwnCertificate(f"Not certified: {why}.", {"certificate": None, "uncertified": why})


def _told(folder: Path, found: ModelCertificate) -> OwnCertificate:
    line = f"Certificate: {found.verdict}. {found.sentence()} {folder / 'certificate.html'} shows it."
    return OwnCertificate(line, {"certificate": {"verdict": found.verdict, "holds": found.holds}})


def _measured(folder: Path) -> ModelCertificate:
    from equigen.cli.certified import certified_run, write_certificate
    from equigen.symmetry.theorem.certificate import ModelCertificate

    with Progress(f"certify {folder}", None, "stages") as told:
        told.count("premises, layers and elements")
        found = certified_run(folder)
    assert isinstance(found, ModelCertificate)
    write_certificate(found, folder, str(folder))
    return found


def _there(folder: Path, symmetry: str) -> ModelCertificate | None:
    """The certificate under the run's own group that an earlier command wrote; None if none can be read."""
    from equigen.symmetry.theorem.certificate import ModelCertificate

    try:
        found = ModelCertificate.from_dict(json.loads((folder / "certificate.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return found if found.group == symmetry else None
