"""Certificates made up by hand: exact, at the floor, broken."""

from __future__ import annotations

from equigen.symmetry.certificate import CertifiedLayer, Claim
from equigen.symmetry.theorem.certificate import (
    CertifiedLevel,
    CertifiedPath,
    ModelCertificate,
    Premise,
    RecoverableLevel,
)

__all__ = ["SOLVERS", "certificate"]

SOLVERS = ("Euler", "Heun", "EulerMaruyama", "Churn", "DPMSolver2M", "Ancestral", "RK45")
_STATEMENTS = {
    "action": "the group acts by linear isometries that map the space onto itself",
    "prior": "the law at the largest time is invariant",
    "noise": "the solver's noise is invariant",
    "scale": "the scale of the data commutes with the action",
    "denoiser": "the denoiser commutes with the action at every noise level",
    "solver": "the solver commutes with the action",
    "law": "the law of the samples is invariant",
    "likelihood": "the likelihood is invariant",
    "batch": "an item does not depend on the others of its batch",
}
_NOISE = (0.02, 0.05, 0.14, 0.39, 1.06, 2.9, 7.7, 20.0)


def certificate(kind: str) -> ModelCertificate:
    """A certificate of C4 that is "exact" or "broken" (by the denoiser), or of SO2 that is "at the floor"."""
    smooth = kind == "at the floor"
    premises = []
    for name, statement in _STATEMENTS.items():
        broken = kind == "broken" and name in ("denoiser", "solver")
        verdict = "broken" if broken else "at the floor" if smooth and name in ("denoiser", "solver") else "exact"
        measured = 0.21 if broken else 0.013 if verdict == "at the floor" else 3e-15
        bound = 0.02 if verdict == "at the floor" else 1e-9
        where = "conv_in, <down>.0" if broken and name == "denoiser" else ""
        claims = [Claim(f"{statement}, float64", True, measured, bound, verdict, where)]
        if name == "denoiser":
            claims.append(Claim("the same in float32", False, 3e-7, 1e-5, "exact"))
        premises.append(Premise(name, statement, tuple(claims)))
    grid = ["90 degrees", "180 degrees", "270 degrees"]
    between = ["18.54 degrees", "48.54 degrees", "78.54 degrees"] if smooth else []
    levels = [_level(element, place, noise, kind) for element in grid for place, noise in enumerate(_NOISE)]
    for element in between:
        for place, noise in enumerate(_NOISE):
            levels.append(
                CertifiedLevel(element, False, noise, 0.013 - 0.001 * place, 0.002, 0.05, "at the floor", None, None)
            )
    layers = (
        CertifiedLayer("conv_in", "SteerableConv2d", (8, 8), "C4", True, "", 1e-16, "exact"),
        CertifiedLayer("<down>.0", "AveragePool", (9, 9), "C4", False, "one row is left over", 0.2, "broken"),
    )
    return ModelCertificate(
        group="SO2" if smooth else "C4",
        on_grid="C4",
        shape=(1, 8, 8),
        items=8,
        premises=tuple(premises),
        levels=tuple(levels),
        layers=layers[: 1 + (kind == "broken")],
        paths=tuple(_path(solver, element, kind) for solver in SOLVERS for element in (*grid, *between)),
        risk=tuple(_risk(noise, kind) for noise in _NOISE),
    )


def _level(element: str, place: int, noise: float, kind: str) -> CertifiedLevel:
    if kind == "broken":
        return CertifiedLevel(element, True, noise, 0.21 / (1 + place), 0.0, 1e-9, "broken", 0.21 / (1 + place), 2e-7)
    error = 0.0 if place == 7 else 1e-15 * (1 + place)
    return CertifiedLevel(element, True, noise, error, 0.0, 1e-9, "exact", 3e-7, 2e-7)


def _path(solver: str, element: str, kind: str) -> CertifiedPath:
    times = tuple(80.0 * 0.6**k for k in range(20))
    on_grid = element in ("90 degrees", "180 degrees", "270 degrees")
    end, bound, verdict = (0.18, 1e-9, "broken") if kind == "broken" else (4e-15, 1e-9, "exact")
    if not on_grid:
        end, bound, verdict = 0.015, 0.03, "at the floor"
    elif solver == "RK45":
        bound = 1e-4
    return CertifiedPath(solver, element, times, tuple(end * k / 19 for k in range(20)), end, bound, verdict)


def _risk(noise: float, kind: str) -> RecoverableLevel:
    loss = 0.9 / (1 + noise) + 0.05
    recoverable = 0.1 * loss if kind == "broken" else 1e-31
    return RecoverableLevel(noise, loss, loss - recoverable, recoverable, 1e-16)
