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

__all__ = ["CLEAR", "LEVEL", "NAMES", "concluded", "ratio"]

LEVEL = 0.01
"""Of the tests of laws."""
CLEAR = 1e-2
"""A relative error above it is none of rounding."""
NAMES = ("the plain network", "the augmented network, after as many steps,", "the augmented network, after equal work,")
"""What is compared with the equivariant network, in words."""
_EXACT = 1e-9  # a relative error below it is rounding, grown along a path
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
        Conclusion.above(
            "the random linear score is wrong by half the size of the exact one", wrong.wrong, 0.0, _WRONG
        ),
        _small("under the random linear score, which commutes, the law of every step is invariant", [wrong.largest],
               _ALIKE),
        _small("the linear score fitted to items in random poses is nearly the exact one", [augmented.wrong], _GOOD),
        Conclusion.above(
            "under the linear score fitted to items in random poses the law of the last step is not invariant",
            augmented.asymmetry[-1], 0.0, CLEAR,
        ),
        Conclusion.within(
            "the asymmetry of the law under fitted linear scores falls as one over the root of the number of items",
            slope, slope_error, -0.5, 0.05,
        ),
        Conclusion.within(
            f"the asymmetry of the second moments of {few.items} items in random poses is that of the closed form",
            few.moments / few.expected, few.moments_error / few.expected, 1.0, 0.15,
        ),
    ]  # fmt: skip


def _laws(found: Found) -> list[Conclusion]:
    by = {one.name: one for one in found.tested}
    return [
        Conclusion.above(
            "the random network, averaged over the group, is a worse score than the best linear one",
            by[WRONG].wrong, 0.0, found.linear,
        ),
        Conclusion.above(
            "paths under the random network, averaged over the group, pass the test of an invariant law",
            by[WRONG].p_value, 0.0, LEVEL,
        ),
        Conclusion.above(
            "paths under the exact score pass the test of an invariant law", by[EXACT].p_value, 0.0, LEVEL
        ),
        _small(
            "the augmented network in the plane has less than half of the best linear score's loss above the least",
            [by[AUGMENTED].wrong], 0.5 * found.linear,
        ),
        _small(
            "samples of scores that commute, with noise drawn in all poses, fall on all sectors alike",
            (abs(share) for name in (EXACT, WRONG) for share in by[name].shares), _ALIKE,
        ),
        _small(
            "samples of the augmented network, with noise drawn in all poses, fall on some sectors more often",
            [by[AUGMENTED].sector_p_value], LEVEL,
        ),
    ]  # fmt: skip


def _paths(found: Found) -> list[Conclusion]:
    sound = [one for one in found.turned if one.denoiser != AUGMENTED]
    noisy = [one for one in sound if one.noisy]
    return [
        _small("where the score commutes, every path turns with prior and noise", _largest(sound), _EXACT),
        Conclusion.above(
            "where the score commutes, paths do not turn with the prior alone, the noise left as drawn",
            least(one.prior_only for one in noisy), 0.0, CLEAR,
        ),
        Conclusion.above(
            "paths of the augmented network do not turn with prior and noise, whatever the solver",
            least(one.largest for one in found.turned if one.denoiser == AUGMENTED), 0.0, CLEAR,
        ),
    ]  # fmt: skip


def _largest(found: Sequence[Turned]) -> list[float]:
    return [one.largest for one in found]


def _starts(found: Found) -> list[Conclusion]:
    sound = [one for one in found.kept if one.denoiser != AUGMENTED]
    return [
        _small(
            "under a score that commutes a symmetric start stays symmetric without noise, or with symmetric noise",
            (one.largest for one in sound if one.noise != "free"), _EXACT,
        ),
        Conclusion.above(
            "free noise breaks the symmetry of a start", least(one.off[-1] for one in sound if one.noise == "free"),
            0.0, CLEAR,
        ),
        Conclusion.above(
            "the augmented network breaks the symmetry of a start without noise",
            least(one.largest for one in found.kept if one.denoiser == AUGMENTED and one.noise == "none"), 0.0, CLEAR,
        ),
    ]  # fmt: skip


def _breaking(found: Found) -> list[Conclusion]:
    def of(*kinds: str) -> list[Broken]:
        return [one for one in found.broken if one.expected in kinds]

    (clamped,), (batch,) = of("eighths"), of("batch")
    return [
        Conclusion.above(
            "noise, a prior, a shift and a step that know a direction each break the paths",
            least(least((one.quarters, one.eighths)) for one in of("broken")), 0.0, CLEAR,
        ),
        _small("samples under wider noise, and under a shift, fail the test of an invariant law",
               (one.p_value for one in found.broken if one.name in SEEN), LEVEL),
        _small("clamped coordinates commute with quarter turns", [clamped.quarters], _EXACT),
        Conclusion.above("clamped coordinates break eighths of a turn", clamped.eighths, 0.0, CLEAR),
        _small(
            "with clamped lengths, and with correctors whatever their step, paths turn with prior and noise",
            (largest((one.quarters, one.eighths)) for one in of("sound", "batch")), _EXACT,
        ),
        Conclusion.above("a step shared by the batch makes items depend on each other", batch.company, 0.0, 1e-6),
        _small("samplers without a step shared by the batch draw every item as if alone",
               (one.company for one in of("sound", "broken", "eighths")), _EXACT),
    ]  # fmt: skip


def _risk(found: Found) -> list[Conclusion]:
    free = [one for one in found.recovered if one.name != KINDS[3]]
    return [
        _small(
            "the loss of a network is that of its average over the group plus the distance between network and average",
            (one.mismatch for one in found.recovered), 1e-10,
        ),
        Conclusion.above(
            "with separate noise for each pose the loss does not split exactly", least(one.fresh for one in free), 0.0,
            1e-6,
        ),
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
            f"on {fewest} images {name} is farther from the exact score than the equivariant one",
            *ratio(other, equivariant), 0.0,
        )
        for name, other in zip(NAMES, (plain, augmented, longer), strict=True)
    ]  # fmt: skip
    tied = [one for one in found.learned if one.kind == KINDS[3]]
    free = [one for one in found.learned if one.kind.startswith("augmented")]
    return [
        *made,
        Conclusion.within(
            f"on {most} images the augmented network, after equal work, has the equivariant one's loss above the least",
            *alike, 0.0, _NEAR,
        ),
        _small("the equivariant networks commute", (largest(one.asymmetry) for one in tied), _EXACT),
        Conclusion.above("no augmented network commutes", least(least(one.asymmetry) for one in free), 0.0, CLEAR),
    ]  # fmt: skip


def _of(found: Sequence[Learned], kind: str, items: int) -> Learned:
    (one,) = (one for one in found if (one.kind, one.items) == (kind, items))
    return one


def _small(claim: str, values: Iterable[float], bound: float) -> Conclusion:
    """The statement that no value is larger than a bound."""
    return Conclusion.within(claim, largest(values), 0.0, 0.0, bound)
