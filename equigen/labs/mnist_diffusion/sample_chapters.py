"""The page on the samples: of all solvers on the same noise, and whether one can notice where they come from."""

from __future__ import annotations

import math
from collections.abc import Sequence

from equigen.data.dataset import DataSet
from equigen.labs.lab import Conclusion
from equigen.labs.mnist_diffusion import figures
from equigen.labs.mnist_diffusion.concluding import smallest_visible
from equigen.labs.mnist_diffusion.measuring import STRENGTHS, Samples
from equigen.labs.mnist_diffusion.wording import of_solvers, scatter
from equigen.report.document import Chapter, Table
from equigen.report.picture import drawn_picture
from equigen.report.solver_figure import distance_against_evaluations

__all__ = ["of_samples", "of_trial"]


def of_samples(found: Samples, steps: int) -> Chapter:
    """All solvers on the same noise, and distance against evaluations."""
    comparison, same = found.comparison, found.same
    rows = [
        [
            curve.solver,
            *(f"{_short(value)} ({count:.0f})" for count, value in zip(curve.evaluations, curve.frechet, strict=True)),
        ]
        for curve in comparison.curves
    ]
    budgets = [f"budget {budget}" for budget in comparison.budgets]
    return Chapter(
        "Samples of all solvers on the same noise",
        [
            f"A larger network is trained for {steps} steps on the same process, with Karras's preconditioning, "
            "weights and training times. Every solver starts from the same noise. Deterministic ones approximate one "
            "map, and with ever more evaluations end in the same images; those with noise share a law and no image.",
            drawn_picture(
                figures.same_noise(found, (0.0, 1.0)),
                "samples of all solvers on the same noise",
                f"Each row is a solver with {same.budget} evaluations (rk45: as many as its tolerance takes), each "
                "column the same noise; the last row are real images.",
            ),
            drawn_picture(
                distance_against_evaluations(comparison),
                "distance against evaluations of the network",
                f"Above: root mean square distance to where the exact flow takes the noise ({comparison.reference} "
                f"with {comparison.reference_evaluations:.0f} evaluations). Below: Frechet distance of "
                f"{comparison.n} samples to as many held-out images, beside that of real images. Both axes are "
                "logarithmic; values far above the rest are cut off.",
            ),
            Table(
                ["solver", *budgets],
                rows,
                f"Frechet distance (evaluations spent). Real against real at n = {comparison.n}: "
                f"{found.frechet.floor:.2f}, 95 % interval {found.frechet.floor_interval[0]:.2f} to "
                f"{found.frechet.floor_interval[1]:.2f}; sets from other noise differ by a standard "
                f"deviation of {scatter(found):.2f}.",
            ),
            f"{of_solvers(found)} Within it the order of the solvers means nothing.",
        ],
    )


def of_trial(found: Samples, conclusions: Sequence[Conclusion], data: DataSet, asked: int) -> Chapter:
    """Whether one can notice that they came from noise, and the limits; so many images were asked for on each side."""
    test = found.tests["stored pixels"]
    levels = f"{data.encoding.scale:g} steps" if data.encoding.has_white else "no fixed levels"
    told = "" if found.accuracy is None else f" (trained on digits, right on {found.accuracy:.1%} of held-out ones)"
    return Chapter(
        "Can one notice that they came from noise?",
        [
            f"{test.n} samples and {test.n} held-out images are pooled; a kernel classifier learns on four fifths of "
            "them which are samples and is asked about the last fifth. Chance is a half. The same test between "
            f"training images and held-out images is its floor: what it reports on real images alone."
            f"{_fewer(test.n, asked)}",
            "It is asked in three ways: by the pixels as the sampler gives them; by the pixels of stored images, "
            f"clipped and rounded to the data's own levels from black to white ({levels}); and by 64 features of "
            f"stored images, from a small network{told}. The first sees grain, the last sees form. That raw samples "
            "lie between the levels at all would give them away at once, so it is not what is asked: pixels lie "
            f"{found.grain[0]:.2f} levels from the nearest stored value on average.",
            drawn_picture(
                figures.noticed(found),
                "accuracy of the classifier beside its floor",
                "Left: each set of samples (circles) and each real draw (bars). Right: the same classifier, by "
                "stored pixels, on real training images to which noise was added; each circle is a set.",
            ),
            _accuracies(found, conclusions),
            _what_can_be_seen(found),
            "Limits: a better classifier may see what this one does not, so a small accuracy proves nothing about "
            "sharper eyes; a longer training or a larger network moves every number here; the held-out images are one "
            "split; the networks that are compared are small and trained shortly, so that this runs in minutes.",
        ],
    )


def _fewer(n: int, asked: int) -> str:
    return f" The setting n asks for {asked} images, but a part of the data has only {n}." if n < asked else ""


def _accuracies(found: Samples, conclusions: Sequence[Conclusion]) -> Table:
    rows = [
        [
            name,
            f"{test.accuracy.value:.1%}",
            f"{test.accuracy.interval[0]:.1%} to {test.accuracy.interval[1]:.1%}",
            f"{test.accuracy.floor:.1%}",
            f"{max(test.p_values):.3f}",
            next(one.verdict for one in conclusions if f"sees {name} " in one.claim),
        ]
        for name, test in found.tests.items()
    ]
    return Table(
        ["what it sees", "samples", "95 % interval", "real", "largest p", "noticed"],
        rows,
        "Accuracy on sets of samples and on real draws; p is the probability that chance does as well, the largest "
        "over the sets.",
        words=(0, 5),
    )


def _what_can_be_seen(found: Samples) -> str:
    """A paragraph on the classifier's own sight: real images with noise against real images."""
    like = smallest_visible(STRENGTHS, found.visible, found.tests["stored pixels"].accuracy.value)
    means = ", ".join(
        f"{sum(one) / len(one):.0%} at {strength:g}" for strength, one in zip(STRENGTHS, found.visible, strict=True)
    )
    equal = (
        f"On the samples the classifier does as well as on real images with noise of {like:.2f} standard deviations: "
        "seen by pixels, they are as far from real images as those."
        if math.isfinite(like)
        else "What it reaches on the samples lies outside of what these strengths give."
    )
    return (
        "The scale on the right says what the classifier can see: it tells real images with noise from real images in "
        f"{means} standard deviations. {equal}"
    )


def _short(value: float) -> str:
    return f"{value:.2f}" if value < 100 else f"{value:.0f}"
