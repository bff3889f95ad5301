"""What the lab `denoising` decides, and its answer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from equigen.labs.lab import Conclusion
from equigen.labs.plane.learning_measuring import BANDS, LearningMeasured, mean_and_error

__all__ = ["NAMES", "decide", "learning_answer", "with_error"]

NAMES = {
    "denoising": "denoising",
    "explicit": "explicit",
    "implicit": "implicit, exact divergence",
    "probed": "implicit, one random probe",
}
"""Words for the objectives."""

_SUBJECTS = {
    "explicit": "Explicit score matching, which is given the true score for nothing,",
    "implicit": "Implicit score matching with the exact divergence",
    "probed": "Implicit score matching with one random probe instead",
}


def decide(it: LearningMeasured) -> dict[str, Conclusion]:
    """The statements that the numbers decide, under short names."""
    above = Conclusion.above
    gap = it.at_end("denoising")
    fallen = torch.log10(it.curves["denoising"].values[0] / gap)
    sparse = torch.log10(it.bands[-1] / it.bands[0])
    found = {
        "floor": above(
            "the objective cannot reach 0: its floor is over 1 % of what guessing no noise costs",
            it.floor.value / 2,
            it.floor.standard_error / 2,
            0.01,
        ),
        "above": above(
            "the trained networks' loss is above that of the exact denoiser on the same points, the floor",
            *mean_and_error(it.excess),
            0.0,
        ),
        "learned": above("training brings the loss nearer its floor (powers of ten)", *mean_and_error(fallen), 0.0),
        "sparse": above(
            "the learned score errs more where data are rare than in the dense half (powers of ten)",
            *mean_and_error(sparse),
            0.0,
        ),
    }
    return {**_targets(it), **found, **_contests(it)}


def _targets(it: LearningMeasured) -> dict[str, Conclusion]:
    within = Conclusion.within
    fit = it.targets.fits["posterior"]
    wrong = it.targets.fits["prior"]
    return {
        "pull": within(
            "near a point the mean of the targets is the responsibility-weighted pull (slope)",
            fit.slope,
            fit.error,
            1.0,
            0.03,
        ),
        "misfit": within(
            "the mean targets scatter about that pull by their own standard errors (mean square)",
            fit.misfit,
            fit.misfit_error,
            1.0,
            0.25,
        ),
        "wrong": within(
            "pulls weighted with the mixture's weights would do as well (slope)", wrong.slope, wrong.error, 1.0, 0.03
        ),
    }


def _contests(it: LearningMeasured) -> dict[str, Conclusion]:
    found = {}
    for name in ("explicit", "implicit", "probed"):
        for budget, values in (("steps", it.at_end), ("time", it.at_equal_time)):
            ratio = torch.log10(values(name) / values("denoising"))
            found[f"{name} {budget}"] = Conclusion.above(
                f"at equal {budget} denoising comes nearer the exact field than {NAMES[name]} (powers of ten)",
                *mean_and_error(ratio),
                0.0,
            )
    return found


def learning_answer(it: LearningMeasured, said: Mapping[str, Conclusion]) -> str:
    """The paragraph, as the numbers have it."""
    start, end = mean_and_error(it.curves["denoising"].values[0]), mean_and_error(it.at_end("denoising"))
    share = 100 * it.floor.value / 2
    return " ".join(
        [
            said["floor"].told(
                "No: whatever the network, the loss stays above a floor. Averaged over the noise levels of training it "
                f"is {it.floor.value:.3f}, {share:.0f} % of the 2 that guessing no noise costs, because the noisy "
                "point does not give the clean one away.",
                f"Nearly: the least that the loss can be is {it.floor.value:.2g}, {share:.2g} % of the 2 that guessing "
                "no noise costs, because at these noise levels the noisy point gives the clean one away.",
            ),
            _regression(it, said),
            said["learned"].told(
                "What training narrows is the gap between loss and floor, which is the squared error of the learned "
                f"score: from {start[0]:.3f} to {with_error(end)}, while the loss itself went from {it.loss[0]:.2f} to "
                f"{it.loss[-1]:.2f}.",
                "Training did not narrow the gap between loss and floor, which is the squared error of the learned "
                f"score: {start[0]:.3f} at first, {with_error(end)} at last.",
            ),
            *(_beside(said, name) for name in _SUBJECTS),
            said["sparse"].told(
                f"The squared error of the learned score is {10 ** said['sparse'].measured:.0f} times larger where the "
                f"density is lower than at all but {BANDS[-2]:.1%} of the data than in their dense half.",
                "The learned score errs no more where data are rare than in their dense half.",
            ),
        ]
    )


def _regression(it: LearningMeasured, said: Mapping[str, Conclusion]) -> str:
    fit = it.targets.fits["posterior"]
    if not len(it.targets.centre):
        return "What the mean target near a point is was not measured: there are too few points to fill a bin."
    slope = f"slope of the one on the other {fit.slope:.3f} ± {fit.error:.3f}"
    return said["pull"].told(
        "A network that denoises is fitted to the targets $-z/\\sigma$, where $\\sigma z$ is the noise that was added. "
        "Single targets point anywhere, but their mean near a point is the score of the noisy data, the direction in "
        "which their density rises fastest: the pull of all components, each weighted with the probability that the "
        "point came from it "
        f"({slope}).",
        "The mean of the targets $-z/\\sigma$ near a point is NOT the pull of all components, each weighted with the "
        f"probability that the point came from it ({slope}): one of the formulas is wrong.",
    )


def _beside(said: Mapping[str, Conclusion], name: str) -> str:
    """How far from the floor another objective ends, in gaps of denoising."""
    parts, open_at = [], []
    for budget, words in (("steps", "equal steps"), ("time", "equal time on this machine")):
        one = said[f"{name} {budget}"]
        if one.verdict == "not resolved":
            open_at.append(words)
        else:
            way, floor = "farther from" if one.holds else "nearer to", "it" if parts else "the floor than denoising"
            parts.append(f"{10 ** abs(one.measured):.2g} times {way} {floor} after {words}")
    said_of = [f"ends {' and '.join(parts)}"] if parts else []
    if open_at:
        said_of.append(f"cannot be told from denoising after {' and after '.join(open_at)}")
    return f"{_SUBJECTS[name]} {' and '.join(said_of)}."


def with_error(found: tuple[float, float]) -> str:
    """A number to the second digit of its standard error.

    Example:
        >>> with_error((0.12345, 0.0021))
        '0.1235 ± 0.0021'
    """
    value, error = found
    if not math.isfinite(error):
        return f"{value:.3g} (one network, no error)"
    digits = max(0, min(6, 1 - math.floor(math.log10(error)))) if error > 0 else 4
    return f"{value:.{digits}f} ± {error:.{digits}f}"
