"""What is claimed of a denoiser, from what was measured of it by noise level, element and layer."""

from __future__ import annotations

from dataclasses import replace

import torch

from equigen.symmetry.certificate import CertifiedLayer, Claim
from equigen.symmetry.error import rounding
from equigen.symmetry.theorem.certificate import CertifiedLevel, Premise
from equigen.symmetry.theorem.probes import ProbedElements

__all__ = ["denoiser_claims", "softened"]

_ORDER = ("exact", "at the floor", "not told apart", "broken")
_PASSES = "it passes through float32 inside"
_NAMED = 4  # layers that a claim names
_SLACK = 4.0  # rounding of moved data may be so much larger than that of the data themselves
_MOST_SINGLE, _LEAST_SINGLE = 1e-3, 1e-6
_ALONG = 100.0  # what a trajectory makes of the rounding of its steps


def denoiser_claims(
    rows: list[CertifiedLevel],
    elements: ProbedElements,
    layers: tuple[CertifiedLayer, ...],
    unsettled: float,
    suspects: list[str],
    rough: float,
) -> list[Claim]:
    """What is claimed of a denoiser, from what was measured of it.

    Args:
        rows: by noise level and element.
        elements: that were tested.
        layers: of its network.
        unsettled: how far it is from giving the same a second time.
        suspects: names of layers that may have broken what no measured layer breaks.
        rough: the size of its steps, where it passes through float32 inside; else 0.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.image_action import ImageAction
        >>> from equigen.symmetry.theorem.probes import probed_elements
        >>> rows = [CertifiedLevel("90 degrees", True, 0.5, 0.2, 0.0, 1e-12, "broken", 0.2, 1e-7)]
        >>> claims = denoiser_claims(rows, probed_elements(ImageAction(Cyclic(4))), (), 0.0, ["conv_2"], 0.0)
        >>> [(claim.verdict, claim.where) for claim in claims][1]
        ('broken', 'conv_2')
    """
    group, inside = elements.action.group.name, elements.exactly.group.name
    wrong = _listed_names([layer.name for layer in layers if layer.verdict == "broken"])
    same = "exact" if unsettled <= rounding(torch.float64) else "broken"
    claims = [Claim("it gives the same a second time", True, unsettled, rounding(torch.float64), same)]
    grid, between = ([row for row in rows if row.on_grid is kind] for kind in (True, False))
    if grid:
        where = group if group == inside else f"the motions of the grid in {group} ({inside})"
        by = wrong or _listed_names(suspects) or _suspected(layers)
        claims += [_double(grid, where, by, rough), _single(grid, where)]
    if measured := [layer for layer in layers if layer.error is not None]:
        statement, bound = "every layer commutes with the motions of the grid in its group", rounding(torch.float64)
        worst = max(layer.error for layer in measured if layer.error is not None)
        mute = worst <= _SLACK * rough
        verdict = "exact" if not wrong else "not told apart" if mute else "broken"
        told = (_SLACK * rough, verdict, _PASSES) if wrong and mute else (bound, verdict, wrong)
        claims.append(Claim(statement, True, worst, *told))
    if between:
        row = _worst(between)
        statement = f"D commutes with the other elements of {group} up to what pixels cost, float64"
        where = _place(row) if row.verdict == "broken" else ""
        claims.append(Claim(statement, True, row.error, row.bound, row.verdict, where))
    return claims


def softened(premise: Premise, rough: float) -> Premise:
    """A premise on what a denoiser that passes through float32 inside makes of trajectories, densities and batches.

    What is broken by no more than a hundred of its steps is not told apart.

    Args:
        premise: as it was found.
        rough: the size of the steps; 0: the premise stays as it is.

    Example:
        >>> claim = Claim("moved samples", promised=True, measured=1e-6, bound=1e-9, verdict="broken")
        >>> premise = Premise("solver", "it commutes", (claim,))
        >>> softened(premise, 1e-7).verdict, softened(premise, 1e-9).verdict
        ('not told apart', 'broken')
    """

    def read(claim: Claim) -> Claim:
        if claim.verdict != "broken" or not claim.measured <= _ALONG * rough:
            return claim
        return replace(claim, bound=_ALONG * rough, verdict="not told apart", where=_PASSES)

    return replace(premise, claims=tuple(map(read, premise.claims)))


def _worst(rows: list[CertifiedLevel]) -> CertifiedLevel:
    """The row of the worst verdict that goes furthest beyond its bound."""
    return max(rows, key=lambda row: (_ORDER.index(row.verdict), _beyond(row.error, row.bound)))


def _double(rows: list[CertifiedLevel], where: str, by: str, rough: float) -> Claim:
    row = _worst(rows)
    names = (by or _place(row)) if row.verdict == "broken" else ""
    if row.verdict == "not told apart" and rough:
        names = _PASSES
    return Claim(f"D commutes with {where}, float64", True, row.error, row.bound, row.verdict, names)


def _single(rows: list[CertifiedLevel], where: str) -> Claim:
    """The claim in float32, of which nothing can be told where rounding is larger than the cap."""

    def bound(row: CertifiedLevel) -> float:
        return max(_LEAST_SINGLE, _SLACK * (row.rounding or 0.0))

    row = max(rows, key=lambda row: _beyond(row.single or 0.0, bound(row)))
    error, own = row.single if row.single is not None else 0.0, bound(row)
    mute = any(bound(row) > _MOST_SINGLE for row in rows)
    verdict = "broken" if not error <= own else "not told apart" if mute else "exact"
    return Claim(f"D commutes with {where}, float32", True, error, min(own, _MOST_SINGLE), verdict, "")


def _beyond(error: float, bound: float) -> float:
    """How far an error goes beyond its bound; what is no number goes furthest."""
    return float("inf") if error != error else error / bound if bound else float(error > 0.0) * float("inf")


def _place(row: CertifiedLevel) -> str:
    return f"{row.element} at a relative noise of {row.noise:.2g}"


def _suspected(layers: tuple[CertifiedLayer, ...]) -> str:
    """Who may have broken what no measured layer breaks: what is planned to, else what is not known."""
    planned = [layer.name for layer in layers if layer.planned is False]
    doubtful = [layer.name for layer in layers if layer.reason]
    return _listed_names(planned or doubtful)


def _listed_names(names: list[str]) -> str:
    """The first names of a list, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
