"""What the numbers of the lab steerable-filters decide, and the paragraph that says it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from equigen.labs.lab import Conclusion
from equigen.labs.on_the_line import cautious_error
from equigen.labs.steerable_filters.aliasing import Errors
from equigen.labs.steerable_filters.measuring import SIZES, Found
from equigen.labs.steerable_filters.wording import listed, square
from equigen.symmetry.error import rounding

__all__ = ["concluded", "paragraph", "ratio"]

_ROUNDING = 1e-12
_HIGHEST_CUTOFF = 6
_ALIKE = 0.15  # largest relative difference of measured and predicted errors that counts as agreement


def concluded(found: Found) -> list[Conclusion]:
    """All conclusions: the constraint, steering, the grid, aliasing, copies."""
    return [*_constraint(found), *_steering(found), *_grid(found), *_aliasing(found), *_copies(found)]


def ratio(a: Errors, b: Errors) -> tuple[float, float]:
    """The ratio of two mean errors of different filters, and its error, of both as `Errors.doubt` has it."""
    value = a.mean / b.mean
    return value, value * math.hypot(a.doubt / a.mean, b.doubt / b.mean)


def paragraph(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph."""
    told = dict(zip(_CLAIMS, conclusions, strict=True))
    return " ".join([*_on_the_plane(found, told), *_on_pixels(found, told), *_between(found, told)])


_CLAIMS = (
    "span", "count", "obeys", "disk", "needed", "samples", "answers", "bilinear", "kept", "single", "complete",
    "missed", "share", "predicted", "floor", *(f"cutoff {k}" for k in SIZES), "another", "copies", "bicubic", "free",
)  # fmt: skip


def _constraint(found: Found) -> list[Conclusion]:
    apart = max(pair.apart for pair in found.pairs)
    differ = sum(not pair.closed == pair.solved == pair.counted for pair in found.pairs)
    violation = max(pair.violation for pair in found.pairs)
    return [
        Conclusion.within("the closed form spans all solutions of the constraint", apart, 0.0, 0.0, 1e-9),
        Conclusion.within(
            "closed form, null space and characters count alike: pairs where they differ", differ, 0.0, 0.0, 0.5
        ),
        Conclusion.within(
            "the closed form obeys the constraint at random elements", violation, 0.0, 0.0, _ROUNDING
        ),
    ]  # fmt: skip


def _steering(found: Found) -> list[Conclusion]:
    one, last = found.steered, found.steered.turned[-1]
    needed = 2 * one.highest + 1
    made = max(float(turned.error["steered"].max()) for turned in one.turned)
    blurred = float(last.error["bilinear"].square().mean().sqrt())
    return [
        Conclusion.within("on the disk a combination of basis filters is the turned filter", one.disk, 0.0, 0.0, 1e-12),
        Conclusion.within(f"copies at all angles are combinations of {needed} filters", one.needed, 0.0, needed, 0.5),
        Conclusion.within("on pixels the combination equals samples of the turned filter", made, 0.0, 0.0, 1e-12),
        Conclusion.within(
            f"{needed} convolutions give the responses at all angles", one.responses.apart, 0.0, 0.0, 1e-12
        ),
        Conclusion.above(
            f"bilinear interpolation of a {last.kernel_size} x {last.kernel_size} filter errs by more than a "
            "twentieth",
            blurred, 0.0, 0.05,
        ),
    ]  # fmt: skip


def _grid(found: Found) -> list[Conclusion]:
    sizes, held = found.grid.sizes, found.grid.held
    missed, doubt = _mean(1.0 - held.shares)
    return [
        Conclusion.within(
            "quarter turns and flips keep filters of every size, in float64",
            max(one.error for one in sizes), 0.0, 0.0, rounding(torch.float64),
        ),
        Conclusion.within(
            "quarter turns and flips keep filters of every size, in float32",
            max(one.single for one in sizes), 0.0, 0.0, rounding(torch.float32),
        ),
        Conclusion.within(
            r"there are $|G| k^2$ filters on the grid: sizes where not",
            sum(one.complete != one.expected for one in sizes), 0.0, 0.0, 0.5,
        ),
        Conclusion.above("rings miss more than a third of a random 5 x 5 filter of C4", missed, doubt, 1 / 3),
        Conclusion.within(
            "what rings hold of a random filter is the ratio of the dimensions",
            1.0 - missed, doubt, held.rings / held.complete, 0.05,
        ),
    ]  # fmt: skip


def _aliasing(found: Found) -> list[Conclusion]:
    usual = found.cutoff(5, None).errors
    claims = [
        Conclusion.within(
            "errors between quarter turns are those of the integral, for the kind of layer that is farthest from it",
            _farthest(found.ratios()), 0.0, 1.0, _ALIKE,
        ),
        Conclusion.above(
            "a 5 x 5 layer with the default cut-off lies above twice the floor of interpolation",
            *_mean(usual.measured / usual.floor), 2.0,
        ),
    ]  # fmt: skip
    for k in SIZES:
        grown = ratio(found.cutoff(k, _HIGHEST_CUTOFF).errors, found.cutoff(k, None).errors)
        claims.append(
            Conclusion.above(f"{k} x {k}: with all frequencies up to 6 the error is more than doubled", *grown, 2.0)
        )
    own = found.frequency(3, 3).shares.get(3, 0.0)
    return [*claims, Conclusion.above("3 x 3 pixels make of frequency 3 another for the larger part", 1 - own, 0, 0.5)]


def _copies(found: Found) -> list[Conclusion]:
    steered, bilinear, bicubic, free = (
        found.copies(*key).errors
        for key in (("smooth", "steered"), ("smooth", "bilinear"), ("smooth", "bicubic"), ("free", "bilinear"))
    )
    return [
        Conclusion.above(
            "eight bilinear copies of a smooth filter err more than twice as much as steered ones",
            *_mean(bilinear.measured / steered.measured), 2.0,
        ),
        Conclusion.within(
            "eight bicubic copies of a smooth filter err as much as steered ones, to a fifth",
            *_mean(bicubic.measured / steered.measured), 1.0, 0.2,
        ),
        Conclusion.above(
            "eight bilinear copies of a filter of free pixels err by more than a tenth", free.mean, free.doubt, 0.1
        ),
    ]  # fmt: skip


def _farthest(ratios: Sequence[float]) -> float:
    """The one whose logarithm is the largest. The kinds of layers share their maps: they are no sample of many."""
    return max(ratios, key=lambda one: abs(math.log(one)) if one > 0 else math.inf)


def _mean(values: Tensor) -> tuple[float, float]:
    return float(values.mean()), cautious_error(values.tolist())


def _on_the_plane(found: Found, told: Mapping[str, Conclusion]) -> list[str]:
    one, needed = found.steered, 2 * found.steered.highest + 1
    solved = (
        f"The constraint $K(gx) = \\rho_{{out}}(g) K(x) \\rho_{{in}}(g)^{{-1}}$ fixes how a filter depends on the "
        f"angle and leaves the radius free; for all {len(found.pairs)} pairs of representations looked at, a numerical "
        "null space, the count by characters and the closed form agree."
        if all(told[name].holds for name in ("span", "count", "obeys"))
        else "Closed form, null space and characters do not agree on the solutions of the constraint: something is "
        "wrong with one of them."
    )
    turning = (
        f"A filter of angular frequencies up to {one.highest} is turned exactly to any angle by recombining {needed} "
        "filters."
        if all(told[name].holds for name in ("disk", "needed", "samples", "answers"))
        else f"Recombining {needed} filters does not turn a filter of angular frequencies up to {one.highest} exactly."
    )
    last = one.turned[-1]
    side, blurred = last.kernel_size, float(last.error["bilinear"].max())
    interpolated = told["bilinear"].told(
        f"Turning its {side} x {side} pixels by bilinear interpolation errs by up to {blurred:.2g} of its norm.",
        f"Turning its {side} x {side} pixels by bilinear interpolation errs by {blurred:.2g} of its norm at most.",
    )
    return [solved, turning, interpolated]


def _on_pixels(found: Found, told: Mapping[str, Conclusion]) -> list[str]:
    held = found.grid.held
    kept = (
        "On pixels, quarter turns and flips keep filters of every size to rounding, without any interpolation."
        if told["kept"].holds and told["single"].holds
        else "On pixels, quarter turns or flips do not keep filters to rounding."
    )
    rings = (
        f"Rings hold {held.rings} of the {held.complete} such filters that 5 x 5 pixels have between regular fields of "
        "C4:"
    )
    missed = told["missed"].told(
        f"{rings} for quarter turns alone the band limit is not needed and costs much of what could be learned.",
        f"{rings} little is lost by the band limit.",
    )
    return [kept, missed]


def _between(found: Found, told: Mapping[str, Conclusion]) -> list[str]:
    usual = found.cutoff(5, None).errors
    error, floor = f"{usual.mean:.2g}", f"{float(usual.floor.mean()):.1g}"
    size = told["floor"].told(
        f"Between quarter turns sampled filters err: a 5 x 5 layer with the default cut-off by {error}, where "
        f"interpolating the maps alone costs {floor}.",
        f"Between quarter turns a 5 x 5 layer with the default cut-off errs by {error}, no more than twice what "
        f"interpolating the maps alone costs, {floor}.",
    )
    ratios = found.ratios()
    origin = told["predicted"].told(
        f"The aliasing of sampled filters, computed without a map, predicts these errors: the {len(ratios)} kinds of "
        f"layers have {min(ratios):.2f} to {max(ratios):.2f} times as much.",
        "The aliasing of sampled filters does not predict these errors.",
    )
    return [size, origin, *_of_cutoffs(told), *_of_copies(found, told)]


def _of_cutoffs(told: Mapping[str, Conclusion]) -> list[str]:
    """Every size by its verdict."""
    by = {
        verdict: [square(k) for k in SIZES if told[f"cutoff {k}"].verdict == verdict]
        for verdict in ("yes", "no", "not resolved")
    }
    everything = f"etting in all frequencies up to {_HIGHEST_CUTOFF}"
    made = []
    if by["yes"]:
        made.append(f"L{everything} more than doubles them for filters of {listed(by['yes'])} pixels.")
    if by["no"]:
        made.append(f"L{everything} does not double them for filters of {listed(by['no'])} pixels.")
    if by["not resolved"]:
        sizes = listed(by["not resolved"])
        made.append(f"Whether l{everything} doubles them for filters of {sizes} pixels is not resolved here.")
    return made


def _of_copies(found: Found, told: Mapping[str, Conclusion]) -> list[str]:
    means = {way: found.copies("smooth", way).errors.mean for way in ("steered", "bilinear", "bicubic")}
    free = found.copies("free", "bilinear").errors
    return [
        told["free"].told(
            "Eight copies of one filter, turned by bilinear interpolation, are no layer of C8: 5 x 5 free pixels err "
            f"by {free.mean:.2g} at 45 degrees.",
            "Eight copies of 5 x 5 free pixels, turned by bilinear interpolation, err by a tenth at most at 45 "
            "degrees.",
        ),
        told["copies"].told(
            f"A smooth filter errs by {means['bilinear']:.2g} so, where steering has {means['steered']:.2g}.",
            f"A smooth filter errs by {means['bilinear']:.2g} so, not twice what steering has, {means['steered']:.2g}.",
        ),
        told["bicubic"].told(
            f"Bicubic interpolation of a smooth filter does as well as steering, {means['bicubic']:.2g}: then pixels "
            "are the limit, not the way of turning.",
            f"Bicubic interpolation of a smooth filter has {means['bicubic']:.2g}, which is not as steering.",
        ),
    ]
