"""What the numbers of the lab symmetry decide."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from equigen.labs.extremes import largest, least
from equigen.labs.lab import Conclusion
from equigen.labs.symmetry.breaking import SEEN, Broken
from equigen.labs.symmetry.findings import AUGMENTED, EXACT, WRONG, Found
from equigen.labs.symmetry.learning import KINDS, Learned
from equigen.labs.symmetry.stepping import decay
from equigen.labs.symmetry.turning import Turned

__all__ = ["LEVEL", "concluded", "ratio"]

LEVEL = 0.01
"""Of the tests of laws."""
_EXACT = 1e-9  # a relative error below it is rounding, grown along a path
_CLEAR = 1e-2  # one above it is none
_WRONG, _GOOD = 0.5, 0.25  # relative errors of a score
_ALIKE = 1e-12
_NEAR = 0.1  # of logarithms


def concluded(found: Found) -> list[Conclusion]:
    """All conclusions, each of the worst case."""
    return [
        *_linear(found), *_laws(found), *_paths(found), *_starts(found), *_breaking(found), *_risk(found),
        *_networks(found),
    ]  # fmt: skip


def ratio(one: Learned, other: Learned) -> tuple[float, float]:
    """The mean of ln(loss above the least of one / that of the other) over paired trainings, and its standard error.

    Example:
        >>> plain, less = (Learned("plain", 50, 1, [value, value], [0.0, 0.0]) for value in (0.2, 0.1))
        >>> value, error = ratio(plain, less)
        >>> round(value, 4), error
        (0.6931, 0.0)
    """
    logs = [math.log(a / b) for a, b in zip(one.above, other.above, strict=True)]
    mean = sum(logs) / len(logs)
    if len(logs) < 2:
        return mean, math.nan
    spread = math.sqrt(sum((value - mean) ** 2 for value in logs) / (len(logs) - 1))
    return mean, spread / math.sqrt(len(logs))


def _linear(found: Found) -> list[Conclusion]:
    _, wrong, augmented = found.stepped
    slope, slope_error = decay(found.fitted)
    few = found.fitted[0]
    return [
        Conclusion.above("the wrong linear score is wrong by half the size of the exact one", wrong.wrong, 0.0, _WRONG),
        _small("under the wrong linear score, which commutes, the law of every step is invariant", [wrong.largest],
               _ALIKE),
        _small("the linear score fitted to random poses is nearly the exact one", [augmented.wrong], _GOOD),
        Conclusion.above("under it the law of the last step is not invariant", augmented.asymmetry[-1], 0.0, _CLEAR),
        Conclusion.within("what it breaks falls as the root of the number of items", slope, slope_error, -0.5, 0.05),
        Conclusion.within(
            f"the asymmetry of {few.items} items in random poses is that of the closed form",
            few.moments / few.expected, few.moments_error / few.expected, 1.0, 0.15,
        ),
    ]  # fmt: skip


def _laws(found: Found) -> list[Conclusion]:
    by = {one.name: one for one in found.tested}
    return [
        Conclusion.above(
            "the random network, averaged, is a worse score than the best linear one",
            by[WRONG].wrong, 0.0, found.linear,
        ),
        Conclusion.above("its paths pass the test of an invariant law", by[WRONG].p_value, 0.0, LEVEL),
        Conclusion.above("paths under the exact score pass it", by[EXACT].p_value, 0.0, LEVEL),
        _small(
            "the augmented network has less than half of the linear one's loss above the least", [by[AUGMENTED].wrong],
            0.5 * found.linear,
        ),
        _small(
            "samples of both scores that commute fall on all sectors alike, their noise being drawn in all poses",
            (abs(share) for name in (EXACT, WRONG) for share in by[name].shares), _ALIKE,
        ),
        _small("samples of the augmented network do not", [by[AUGMENTED].sector_p_value], LEVEL),
    ]  # fmt: skip


def _paths(found: Found) -> list[Conclusion]:
    sound = [one for one in found.turned if one.denoiser != AUGMENTED]
    noisy = [one for one in sound if one.noisy]
    return [
        _small("where the score commutes, every path turns with prior and noise", _largest(sound), _EXACT),
        Conclusion.above(
            "it does not turn where only the prior is turned", least(one.prior_only for one in noisy), 0.0, _CLEAR
        ),
        Conclusion.above(
            "no path of the augmented network turns with prior and noise",
            least(one.largest for one in found.turned if one.denoiser == AUGMENTED), 0.0, _CLEAR,
        ),
    ]  # fmt: skip


def _largest(found: Sequence[Turned]) -> list[float]:
    return [one.largest for one in found]


def _starts(found: Found) -> list[Conclusion]:
    sound = [one for one in found.kept if one.denoiser != AUGMENTED]
    return [
        _small(
            "a symmetric start stays symmetric without noise, or with noise that is symmetric itself",
            (one.largest for one in sound if one.noise != "free"), _EXACT,
        ),
        Conclusion.above(
            "noise breaks the symmetry of a start", least(one.off[-1] for one in sound if one.noise == "free"), 0.0,
            _CLEAR,
        ),
        Conclusion.above(
            "the augmented network breaks it without noise",
            least(one.largest for one in found.kept if one.denoiser == AUGMENTED and one.noise == "none"), 0.0, _CLEAR,
        ),
    ]  # fmt: skip


def _breaking(found: Found) -> list[Conclusion]:
    def of(*kinds: str) -> list[Broken]:
        return [one for one in found.broken if one.expected in kinds]

    (clamped,), (batch,) = of("eighths"), of("batch")
    return [
        Conclusion.above(
            "noise, a prior, a shift and a step that know a direction each break the paths",
            least(least((one.quarters, one.eighths)) for one in of("broken")), 0.0, _CLEAR,
        ),
        _small("samples under wider noise, and under a shift, fail the test of an invariant law",
               (one.p_value for one in found.broken if one.name in SEEN), LEVEL),
        _small("clamped coordinates commute with quarter turns", [clamped.quarters], _EXACT),
        Conclusion.above("clamped coordinates break eighths of a turn", clamped.eighths, 0.0, _CLEAR),
        _small(
            "clamped lengths, and correctors whatever their step, turn with prior and noise",
            (largest((one.quarters, one.eighths)) for one in of("sound", "batch")), _EXACT,
        ),
        Conclusion.above("a step shared by the batch makes items depend on each other", batch.company, 0.0, 1e-6),
        _small("all other samplers draw every item as if it were alone",
               (one.company for one in of("sound", "broken", "eighths")), _EXACT),
    ]  # fmt: skip


def _risk(found: Found) -> list[Conclusion]:
    free = [one for one in found.recovered if one.name != KINDS[3]]
    return [
        _small("the loss is that of the average over the group plus the distance to it",
               (one.mismatch for one in found.recovered), 1e-10),
        Conclusion.above("with noise of its own for each pose it is not", least(one.fresh for one in free), 0.0, 1e-6),
        Conclusion.above(
            "of every network that does not commute some loss is recoverable",
            least(max(one.recoverable) for one in free), 0.0, 1e-3,
        ),
    ]  # fmt: skip


def _networks(found: Found) -> list[Conclusion]:
    fewest = min(one.items for one in found.learned)
    plain, augmented, longer, equivariant = (_of(found.learned, kind, fewest) for kind in KINDS)
    most = max(one.items for one in found.learned)
    alike = ratio(_of(found.learned, KINDS[2], most), _of(found.learned, KINDS[3], most))
    made = [
        Conclusion.above(
            f"on {fewest} items the {other.kind} network is farther from the exact score than the equivariant one",
            *ratio(other, equivariant), 0.0,
        )
        for other in (plain, augmented, longer)
    ]  # fmt: skip
    tied = [one for one in found.learned if one.kind == KINDS[3]]
    free = [one for one in found.learned if one.kind.startswith("augmented")]
    return [
        *made,
        Conclusion.within(
            f"on {most} items the loss above the least of both is alike after equal work", *alike, 0.0, _NEAR
        ),
        _small("the equivariant networks commute", (largest(one.asymmetry) for one in tied), _EXACT),
        Conclusion.above("no augmented network does", least(least(one.asymmetry) for one in free), 0.0, _CLEAR),
    ]


def _of(found: Sequence[Learned], kind: str, items: int) -> Learned:
    (one,) = (one for one in found if (one.kind, one.items) == (kind, items))
    return one


def _small(claim: str, values: Iterable[float], bound: float) -> Conclusion:
    """The statement that no value is larger than a bound."""
    return Conclusion.within(claim, largest(values), 0.0, 0.0, bound)
