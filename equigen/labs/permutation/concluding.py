"""What the numbers of the lab permutation decide."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch

from equigen.labs.extremes import largest, least
from equigen.labs.lab import Conclusion
from equigen.labs.permutation.commuting import Commuting, of_rounding
from equigen.labs.permutation.crowding import OVER
from equigen.labs.permutation.findings import Found
from equigen.labs.permutation.sampling import decay
from equigen.symmetry.error import rounding

__all__ = ["DIGITS", "concluded"]

DIGITS = math.log10(torch.finfo(torch.float32).eps / torch.finfo(torch.float64).eps)
"""Decimal digits by which float64 is finer than float32: 8.73."""
_NEAR = 0.03  # largest relative distance of a root mean square from its closed form
_CLEAR = 1e-2  # a relative error above it is no rounding
_STILL = 1e-6  # rounding, magnified by eigenvalues that lie close
_EXACT = 1e-12


def concluded(found: Found) -> list[Conclusion]:
    """All conclusions, each of the worst case."""
    return [*_theorem(found), *_tables(found), *_positions(found), *_sampling(found), *_company(found)]


def _theorem(found: Found) -> list[Conclusion]:
    every = [one.commuting for one in found.realizations]
    told = torch.tensor([one.precision for one in every if one.precision is not None], dtype=torch.float64)
    mean = float(told.mean())
    error = float(told.std()) / math.sqrt(len(told)) if len(told) > 1 else math.nan
    return [
        _small(
            "every realization of a filter commutes with renumbering to the rounding of float64",
            (one.double for one in every),
            rounding(torch.float64),
        ),
        _small(
            "every realization of a filter commutes with renumbering to the rounding of float32",
            (one.single for one in every),
            rounding(torch.float32),
        ),
        Conclusion.within(
            "the error that is left of realizations shrinks as the precision does, by so many digits",
            mean, error, DIGITS, tolerance=1.0,
        ),
        _rounding("a network with shared coefficients commutes with renumbering on every shift", found.networks),
        _rounding("every kind of layer commutes with renumbering", found.layers),
        _rounding("the readouts sum, mean and maximum do not change under renumbering", found.readouts),
    ]  # fmt: skip


def _tables(found: Found) -> list[Conclusion]:
    margin = Conclusion.within(
        "the margin of the example of two nodes is the square root of 5", found.pair.error, 0.0, math.sqrt(5.0), _EXACT
    )
    weakest = _weakest(found.broken)
    return [
        margin,
        Conclusion.above(
            "every table over the numbers of the nodes breaks the symmetry",
            weakest.root_mean_square,
            weakest.error,
            _CLEAR,
        ),
        *(_closed(one) for one in found.broken),
        _rounding("the same functions commute once their tables are made of degrees, or shared", found.repaired),
    ]


def _positions(found: Found) -> list[Conclusion]:
    numbered, sound = found.positions[:2], found.positions[2:]
    plain, paired = found.waves
    weakest = _weakest(numbered)
    one, projected = found.equals
    return [
        Conclusion.above(
            "positions by number, and by the sign of the first entry of an eigenvector, break the symmetry",
            weakest.root_mean_square, weakest.error, _CLEAR,
        ),
        *(_closed(each) for each in numbered),
        _small(
            "squared eigenvectors, all eigenvalues distinct, and returning walks as positions commute",
            (each.double for each in sound),
            _STILL,
        ),
        Conclusion.above(
            "a squared eigenvector as position breaks the symmetry where another has its eigenvalue",
            one.root_mean_square, one.error, _CLEAR,
        ),
        _small("the diagonal of the projector on an eigenspace as position commutes there", [projected.double], _STILL),
        _small(
            "taps by the eigenvalue commute, with equal eigenvalues and without",
            (plain.eigenvalue.double, paired.eigenvalue.double),
            rounding(torch.float64),
        ),
        _small("taps by the index commute where all eigenvalues differ", [plain.index.double], _STILL),
        Conclusion.above(
            "taps by the index break the symmetry where eigenvalues are equal",
            paired.index.root_mean_square, paired.index.error, _CLEAR,
        ),
    ]  # fmt: skip


def _sampling(found: Found) -> list[Conclusion]:
    one = found.averaged[0]
    ratio = math.sqrt(one.mean_square / one.expected) if one.expected > 0 else math.nan
    error = 0.5 * ratio * one.mean_square_error / one.mean_square if one.mean_square > 0 else math.nan
    slope, slope_error = decay(found.averaged)
    return [
        Conclusion.above(
            "two random neighbours break the symmetry in every draw that is tried", one.least, 0.0, _CLEAR
        ),
        Conclusion.within(
            "two random neighbours, drawn once: the error is that of the closed form", ratio, error, 1.0, _NEAR
        ),
        Conclusion.within(
            "the error of means over random sets of neighbours falls as the root of their number",
            slope, slope_error, -0.5, _NEAR,
        ),
    ]  # fmt: skip


def _company(found: Found) -> list[Conclusion]:
    own, others = found.company[0], found.company[1:]
    return [
        _small("a mean over nodes does not see padding", (one.masked for one in found.padding), _EXACT),
        _small(
            "a mean over places is wrong by the share of padding",
            (abs(one.plain - one.expected) for one in found.padding),
            _EXACT,
        ),
        _small(
            "standardised features commute with renumbering, whatever the statistics are taken over",
            (one.renumbered for one in found.company),
            rounding(torch.float64),
        ),
        _small(f"with statistics over {OVER[0]} a graph has the result it has alone", [own.beside, own.padded], _EXACT),
        Conclusion.above(
            "with statistics over a batch the result of a graph depends on those beside it",
            least(one.beside for one in others), 0.0, _CLEAR,
        ),
        Conclusion.above(
            "with padding in the statistics the result depends on the padding", others[-1].padded, 0.0, _CLEAR
        ),
    ]  # fmt: skip


def _closed(one: Commuting) -> Conclusion:
    expected = math.nan if one.expected is None else one.expected
    return Conclusion.within(
        f"{one.name}: the error over random renumberings is that of the closed form",
        one.root_mean_square / expected,
        one.error / expected,
        1.0,
        _NEAR,
    )


def _rounding(claim: str, each: Sequence[Commuting]) -> Conclusion:
    """In units of what counts as rounding, float64 and float32."""
    size = largest(of_rounding(one) for one in each)
    return Conclusion.within(f"{claim} (1 is what counts as rounding)", size, 0.0, 0.0, 1.0)


def _small(claim: str, values: Iterable[float], bound: float) -> Conclusion:
    return Conclusion.within(claim, largest(values), 0.0, 0.0, bound)


def _weakest(each: Sequence[Commuting]) -> Commuting:
    """The one of the smallest error, or one whose error is not a number."""
    return min(each, key=lambda one: -math.inf if math.isnan(one.mean_square) else one.mean_square)
