"""What the lab `denoising` decides, and its answer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from equigen.labs.lab import Conclusion
from equigen.labs.plane.learning_measuring import BANDS, LearningMeasured, mean_and_error
from equigen.labs.plane.setting import told

__all__ = ["NAMES", "decide", "learning_answer", "with_error"]

NAMES = {
    "denoising": "denoising",
    "explicit": "explicit",
    "implicit": "implicit, exact divergence",
    "probed": "implicit, one random probe",
}
"""Words for the objectives."""

_LEAVES = {
    "explicit": "In multiples of this gap, explicit score matching, which is told the true score, leaves",
    "implicit": "Implicit score matching with the exact divergence leaves",
    "probed": "With a random probe instead it leaves",
}


def decide(it: LearningMeasured) -> dict[str, Conclusion]:
    """The statements that the numbers decide, under short names."""
    within, above = Conclusion.within, Conclusion.above
    fit = it.targets.fits["posterior"]
    wrong = it.targets.fits["prior"]
    gap = it.at_end("denoising")
    fallen = torch.log10(it.curves["denoising"].values[0] / gap)
    sparse = torch.log10(it.bands[-1] / it.bands[0])
    found = {
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
        "floor": above(
            "the objective cannot reach 0: its floor is over 1 % of what guessing no noise costs",
            it.floor.value / 2,
            it.floor.standard_error / 2,
            0.01,
        ),
        "above": above("the trained networks' loss is above that floor", *mean_and_error(gap), 0.0),
        "learned": above("training brings the loss nearer its floor (powers of ten)", *mean_and_error(fallen), 0.0),
        "sparse": above(
            "the learned score errs more where data are rare than in the dense half (powers of ten)",
            *mean_and_error(sparse),
            0.0,
        ),
    }
    return {**found, **_contests(it)}


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
    fit = it.targets.fits["posterior"]
    start, end = mean_and_error(it.curves["denoising"].values[0]), mean_and_error(it.at_end("denoising"))
    share = 100 * it.floor.value / 2
    sentences = [
        told(
            said["floor"],
            f"No. Its floor, averaged over the training times, is {it.floor.value:.3f}, {share:.0f} % of the 2 that "
            "guessing no noise costs: the noisy point does not give the clean one away, and no network changes "
            "that.",
            f"Nearly: its floor is {it.floor.value:.2g}, {share:.2g} % of the 2 that guessing no noise costs, "
            "because at these noise levels the noisy point gives the clean one away.",
        ),
        told(
            said["pull"],
            "Denoising is a regression onto $-z/\\sigma$, and the mean of these targets near a point is the "
            f"responsibility-weighted pull of all modes (slope {fit.slope:.3f} ± {fit.error:.3f}), though no target "
            "is.",
            "The mean of the targets $-z/\\sigma$ near a point is NOT the responsibility-weighted pull here (slope "
            f"{fit.slope:.3f} ± {fit.error:.3f}): one of the formulas is wrong.",
        ),
        told(
            said["learned"],
            f"What training removes is the gap above the floor, from {start[0]:.3f} to {with_error(end)}, while the "
            f"loss itself went from {it.loss[0]:.2f} to {it.loss[-1]:.2f}.",
            f"Training did not narrow the gap above the floor: {start[0]:.3f} at first, {with_error(end)} at last.",
        ),
    ]
    sentences += [_beside(it, said, name) for name in ("explicit", "implicit", "probed")]
    sentences.append(
        told(
            said["sparse"],
            f"The learned score errs {10 ** said['sparse'].measured:.0f} times more (squared) where under "
            f"{BANDS[-2]:.1%} of the data lie than in their dense half.",
            "The learned score errs no more where data are rare than in the dense half.",
        )
    )
    return " ".join(sentences)


def _beside(it: LearningMeasured, said: Mapping[str, Conclusion], name: str) -> str:
    parts = []
    for budget, values in (("steps", it.at_end), ("time", it.at_equal_time)):
        ratio = mean_and_error(values(name))[0] / mean_and_error(values("denoising"))[0]
        doubt = ", which is not resolved from 1" if said[f"{name} {budget}"].verdict == "not resolved" else ""
        parts.append(f"{ratio:.2g} after equal {budget}{doubt}")
    return f"{_LEAVES[name]} {' and '.join(parts)}."


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
