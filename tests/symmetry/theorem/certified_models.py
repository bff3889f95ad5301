"""Certificates of models for tests: one solver, and without what has tests of its own."""

from __future__ import annotations

import pytest

from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.solver import Solver
from equigen.symmetry.theorem import certifying
from equigen.symmetry.theorem.certificate import ModelCertificate, Premise
from tests.symmetry.theorem.parts import Built

__all__ = ["certified", "without_consequences"]


def without_consequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the law of the samples, the likelihood and the risk, which take the time and follow from the rest."""
    monkeypatch.setattr(certifying, "_AVERAGED", 1)
    for name in ("law", "likelihood"):
        monkeypatch.setattr(certifying, f"{name}_premise", lambda *_, name=name, **__: Premise(name, "left out", ()))


def certified(model: Built, solver: Solver | None = None) -> ModelCertificate:
    """The certificate of a model under its action."""
    solvers = [EulerMaruyama() if solver is None else solver]
    how = {"solvers": solvers, "condition": model.condition or None}
    return certifying.certify_model(model.model, model.action, model.x, **how)
