"""What the numbers of the lab noise-scale decide, and the paragraph that says it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from equigen.labs.lab import Conclusion
from equigen.labs.noise_scale.measuring import Forgetting, Found, Scale
from equigen.labs.on_the_line import cautious_error

__all__ = ["concluded", "distance_error", "paragraph"]

_WITHIN = 0.05  # largest relative difference of a variance that counts as agreement
_HALF = 0.5  # of the floor, by which a distance may exceed it and still count as the prior's own
_SHARP = 0.05  # largest floor of a Kolmogorov-Smirnov distance with which "cannot be told" means something

_STAYS = {
    "yes": "the noise never drowns the data, and the end can be told from the prior",
    "no": "still, the end cannot be told from the prior",
    "not resolved": "whether the end can be told from the prior is not resolved",
}


def concluded(found: Found) -> list[Conclusion]:
    """All conclusions: the variances, what saturates, what is forgotten, and the limit at lambda = 1."""
    made = []
    for scale in found.scales:
        formula = "1" if scale.base == 1.0 else r"$(\lambda^2 - 1) / (2 \ln \lambda)$"
        claim = f"{_name(scale)}: the variance at $t = 1$ is {formula}"
        made.append(_of_variance(claim, scale, float(scale.formula[-1])))
    for scale, left in zip(found.long, found.long_left, strict=True):
        claim = rf"{_name(scale)}: the variance saturates at $1 / (2 \ln(1 / \lambda))$"
        made.append(_of_variance(claim, scale, -0.5 / math.log(scale.base)))
        claim = f"{_name(scale)}: however long one waits, the end can be told from the prior"
        made.append(Conclusion.above(claim, *_excess(left), 1.0 + _HALF))
    made += [_forgets(*pair) for pair in zip(found.scales, found.left, strict=True)]
    nearest = min(found.near, key=lambda one: one.base)
    claim = r"as $\lambda$ tends to 1 the variance at $t = 1$ tends to 1"
    return [*made, Conclusion.within(claim, nearest.by_expm1, 1e-7, 1.0, 1e-5)]


def distance_error(left: Forgetting) -> float:
    """The error of the difference of the measured distance and its floor."""
    return math.hypot(cautious_error(left.measured.values), cautious_error(left.measured.floors))


def paragraph(found: Found, conclusions: Sequence[Conclusion], paths: int, steps: int) -> str:
    """The answer in a paragraph.

    Args:
        found: all that was measured.
        conclusions: about it.
        paths: simulated.
        steps: of the simulation.
    """
    count = len(found.scales)
    ends = found.scales if count < 2 else [found.scales[0], found.scales[-1]]
    ratios = [found.left[0].snr] if count < 2 else [found.left[0].snr, found.left[-1].snr]
    variance = " and ".join(f"{float(one.variance[-1]):.3g} for {_name(one)}" for one in ends)
    forgot = [
        one.label for one, made in zip(found.scales, conclusions[-1 - count : -1], strict=True) if made.verdict == "yes"
    ]
    whole = rf"$\lambda = {', '.join(forgot)}$" if forgot else r"no $\lambda$ of these"
    prior = (
        f"With sets of {paths // 10} paths, the end at $t = 1$ lies as near to it as draws of the prior itself, to "
        f"half their own distance, for {whole}."
    )
    if count < 2:
        verdict = {"yes": "lies", "no": "does not lie"}.get(conclusions[-2].verdict)
        prior = f"With sets of {paths // 10} paths, " + (
            f"the end at $t = 1$ {verdict} as near to it as draws of the prior itself, to half their own distance."
            if verdict
            else "whether the end at $t = 1$ can be told from it is not resolved."
        )
    return (
        "Lambda sets how the noise is spread over time and how much of it there is in the end. At $t = 1$ the noise "
        f"has a measured variance of {variance}. {_agreement(found, conclusions[:count], paths, steps)} Data with two "
        "bumps, narrow normal laws at -1.5 and 1.5, are left there with a signal-to-noise ratio, which is their "
        f"variance divided by that of the noise, of {' and '.join(f'{one:.2g}' for one in ratios)}. "
        "A model begins its way back in a prior, the normal law with the variance of the end. "
        f"{prior}{_saturating(found, conclusions)}"
    )


def _name(scale: Scale) -> str:
    return rf"$\lambda = {scale.label}$"


def _of_variance(claim: str, scale: Scale, reference: float) -> Conclusion:
    """A statement on the last variance, in doubt by its standard error and by what the steps put it off."""
    value, error = float(scale.variance[-1]) / reference, float(scale.error[-1]) / reference
    off = scale.coarseness * float(scale.formula[-1]) / reference
    return Conclusion.within(claim, value, math.hypot(error, 0.5 * off), 1.0, _WITHIN)


def _excess(left: Forgetting) -> tuple[float, float]:
    """The measured distance in units of its floor, with its error."""
    measured = left.measured
    excess = measured.value / measured.floor
    error = math.hypot(cautious_error(measured.values), excess * cautious_error(measured.floors)) / measured.floor
    return excess, error


def _forgets(scale: Scale, left: Forgetting) -> Conclusion:
    """Whether the end is the prior: not to be said of a test too blunt to tell, nor against the exact law."""
    claim = f"{_name(scale)}: at $t = 1$ the end cannot be told from the prior, to half the floor"
    made = Conclusion.within(claim, *_excess(left), 1.0, _HALF)
    blunt = left.measured.floor > _SHARP or left.gap > _HALF * left.measured.floor
    return replace(made, verdict="not resolved") if made.holds and blunt else made


def _agreement(found: Found, agree: Sequence[Conclusion], paths: int, steps: int) -> str:
    sure, wrong = ([one for one in agree if one.verdict == verdict] for verdict in ("yes", "no"))
    unsure = [one for one, made in zip(found.scales, agree, strict=True) if made.verdict == "not resolved"]
    coarse = [one.label for one in unsure if one.coarseness > 0.5 * _WITHIN]
    brownian = all(one.base == 1.0 for one in found.scales)
    formula = "$t$" if brownian else r"$(\lambda^2 - 1) / (2 \ln \lambda)$"
    to = f"the formula {formula} to {100 * _WITHIN:g} %"
    said = []
    if len(agree) > 1 and sure:
        said.append(f"It agrees with {to} for {len(sure)} of {len(agree)} values of lambda.")
    elif sure:
        said.append(f"It agrees with {to}.")
    if wrong:
        said.append(f"It disagrees with {to}" + (f" for {len(wrong)} of {len(agree)}." if len(agree) > 1 else "."))
    if coarse:
        said.append(
            f"Whether it agrees with {to} is not resolved for $\\lambda = {', '.join(coarse)}$, where {steps} steps "
            "are too coarse."
        )
    if len(coarse) < len(unsure):
        rest = "" if len(agree) == 1 else f" for {len(unsure) - len(coarse)} of {len(agree)} values of lambda"
        said.append(f"Whether it agrees with {to} is not resolved at {paths} paths{rest}.")
    return " ".join(said)


def _saturating(found: Found, conclusions: Sequence[Conclusion]) -> str:
    said, told = "", {one.claim: one for one in conclusions}
    for scale, left in zip(found.long, found.long_left, strict=True):
        stays = told[f"{_name(scale)}: however long one waits, the end can be told from the prior"]
        said += (
            f" For {_name(scale)} the variance has a limit, {-0.5 / math.log(scale.base):.3g}, however long the noise "
            f"lasts; it reaches {float(scale.variance[-1]):.3g} at $t = {float(scale.times[-1]):.3g}$, and "
            f"{100 * left.same_side:.0f} % of the paths from the two bumps then lie on the side where they began: "
            f"{_STAYS[stays.verdict]}."
        )
    return said
