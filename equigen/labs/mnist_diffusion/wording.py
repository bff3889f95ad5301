"""The paragraph that answers: each number with what it is a number of, for a reader who has read nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.mnist_diffusion.concluding import MODERATE, NOTICE
from equigen.labs.mnist_diffusion.measuring import Samples
from equigen.metrics.by_evaluations import SolverComparison

__all__ = ["answer", "not_told_apart", "of_solvers", "scatter"]


def answer(conclusions: Sequence[Conclusion], found: Samples) -> str:
    """The paragraph: first whether one can notice, then what the parts of the model were found to do."""
    return " ".join(
        [
            _first(conclusions, found),
            _seen(found),
            _grain(found),
            _of_time(conclusions),
            _of_the_division(conclusions),
            _of_the_distance(conclusions, found),
            of_solvers(found),
        ]
    )


def _first(conclusions: Sequence[Conclusion], found: Samples) -> str:
    seen = {name: _of(conclusions, f"sees {name} ") for name in found.tests}
    if seen["stored pixels"].holds or seen["features"].holds:
        return "Yes: even rounded to the grey levels of the data, samples can be told from real images."
    if seen["raw pixels"].holds:
        return "Only by their grain: as they come samples can be told from real images, once rounded that is not shown."
    if all(one.verdict == "no" for one in seen.values()):
        return f"No: no classifier told samples from real images by {NOTICE:.0%} more than it told real from real."
    return "Not resolved: with this number of samples it stays open whether they can be told from real images."


def _seen(found: Samples) -> str:
    """What the classifier is, and how often it is right."""
    by = {
        "raw pixels": "the pixels as they come",
        "stored pixels": "pixels clipped and rounded to the data's own levels",
        "features": "64 numbers for the form of the rounded image",
    }
    n = next(iter(found.tests.values())).n
    right = "; ".join(
        f"{test.accuracy.value:.0%} where it sees {by[name]} ({test.accuracy.floor:.0%} with other real images in "
        "place of the samples)"
        for name, test in found.tests.items()
    )
    return (
        f"From {n} samples and {n} real images kept out of the training, a classifier learns which is which; of those "
        f"that it has not seen it names rightly {right}. A guess is right on half."
    )


def _grain(found: Samples) -> str:
    raw, kept = (found.tests[name].accuracy.value for name in ("raw pixels", "stored pixels"))
    distance, outside = found.grain
    much = "Much" if raw - kept > 0.1 else "Little"
    return (
        f"{much} of what gives them away is grain, which rounding removes: their pixels lie {distance:.2f} levels "
        f"from the nearest level on average, and {outside:.0%} of them beyond black or white."
    )


def _of_time(conclusions: Sequence[Conclusion]) -> str:
    untold = _of(conclusions, "is not told the time")
    words = {
        "yes": "a network that is not told the time denoises worse",
        "no": "a network that is not told the time denoises no worse",
        "not resolved": "whether a network that is not told the time denoises worse is not resolved",
    }[untold.verdict]
    apart = {"yes": "worse than", "no": "no worse than", "not resolved": "not told apart from"}
    small, large = (apart[_of(conclusions, f"of scale {scale} ").verdict] for scale in (1, 300))
    return (
        "Samples are made by a network that takes noise away bit by bit. It is told the time, from which it can read "
        f"how much noise an image has, as sines and cosines at random frequencies: {words}, "
        f"{_loss('without the time', untold)}, where an answer that predicts no noise has an error of 1. Frequencies "
        f"with a standard deviation of 1 cycle over the whole time are {small} the usual ones with 30, and ones with "
        f"300 are {large} those with 30."
    )


def _of_the_division(conclusions: Sequence[Conclusion]) -> str:
    helps, harms = _of(conclusions, "without the division the loss is larger"), _of(conclusions, "worse than the mean")
    low, high = MODERATE
    first = {
        "yes": "helps",
        "no": "does not help",
        "not resolved": "is not shown to help",
    }[helps.verdict]
    second = {
        "yes": "with it the denoised image is worse than the mean of all images",
        "no": "with it the denoised image is better than the mean of all images",
        "not resolved": "it is not resolved whether with it the denoised image is worse than the mean of all images",
    }[harms.verdict]
    return (
        f"Dividing the network's output by $\\sigma$, the standard deviation of the noise, {first} where the noise is "
        f"{low:g} to {high:g} times as strong as the image, {_loss('without the division', helps)}; where the noise is "
        f"strongest, {second}."
    )


def _loss(without: str, one: Conclusion) -> str:
    """What the loss was found to change by."""
    way = "larger" if one.measured >= 0 else "smaller"
    return (
        f"the mean squared error of the noise it predicts being {way} by {abs(one.measured):.3f} {without} "
        f"(standard error {one.error:.1g})"
    )


def _of_the_distance(conclusions: Sequence[Conclusion], found: Samples) -> str:
    """What the Frechet distance says, reconciled with the classifier."""
    farther = _of(conclusions, "Frechet distance")
    blunt = any(_of(conclusions, f"sees {name} ").holds for name in found.tests) and not farther.holds
    by = "By this distance, which is blunter than the classifier," if blunt else "By this distance"
    said = {
        "yes": f"{by} samples lie farther from real images than other real images do{_left(found)}.",
        "no": f"{by} samples lie no farther from real images than other real images do.",
        "not resolved": f"{by} it is not resolved whether samples lie farther from real images than other real ones.",
    }[farther.verdict]
    return (
        "The Frechet distance compares mean and covariance of the features of two sets: from the kept-out images it is "
        f"{found.frechet.value:.2f} for samples and {found.frechet.floor:.2f} for other real images. {said}"
    )


def _left(found: Samples) -> str:
    """Whose fault the distance is, where more evaluations no longer change it."""
    least = [min(values.values()) for _, values in _by_budget(found.comparison)]
    settled = len(least) > 1 and abs(least[-1] - least[-2]) <= scatter(found)
    return ", and as more evaluations of the network no longer change this, it is its doing" if settled else ""


def of_solvers(found: Samples) -> str:
    """From which number of evaluations on the choice of the solver no longer shows in the Frechet distance."""
    deviation = scatter(found)
    alike, near = not_told_apart(found.comparison, 2 * deviation)
    begun = (
        f"From {alike} evaluations of the network for each sample on, solvers, the rules by which samples are made "
        "from noise, are not told apart"
        if alike is not None
        else "Solvers, the rules by which samples are made from noise, are told apart at every number of evaluations "
        "of the network that was tried"
    )
    budget = next((budget for budget, names in near.items() if names), None)
    early = (
        f" Within that margin at {budget} evaluations already: {', '.join(near[budget])}."
        if budget is not None and budget != alike
        else ""
    )
    return (
        f"{begun}: to be told apart, one must have a Frechet distance larger than the least of all by more than "
        f"{2 * deviation:.2f}, twice the standard deviation between sets from other noise.{early}"
    )


def scatter(found: Samples) -> float:
    """Standard deviation of the Frechet distance between sets from other noise."""
    return statistics.stdev(found.frechet.values)


def not_told_apart(comparison: SolverComparison, margin: float) -> tuple[int | None, dict[int, list[str]]]:
    """Which solvers come within a margin of the least Frechet distance of all, and from which budget on all do.

    Args:
        comparison: with Frechet distances. A point that took more evaluations than its budget, as an adaptive solver
            may, does not count.
        margin: what is within it is not told apart.

    Returns:
        The smallest budget from which on all do, None if there is none, and for each budget the names of those that do.

    Example:
        >>> from equigen.metrics.by_evaluations import SolverCurve
        >>> curves = [SolverCurve("slow", (5, 9), (), (7.0, 1.1)), SolverCurve("fast", (5, 9), (), (1.2, 1.0))]
        >>> not_told_apart(SolverComparison(8, 0, (5, 9), "heun", 36, 0.0, tuple(curves)), 0.3)
        (9, {5: ['fast'], 9: ['slow', 'fast']})
    """
    by_budget = _by_budget(comparison)
    least = min(value for _, found in by_budget for value in found.values())
    near = {budget: [name for name, value in found.items() if value <= least + margin] for budget, found in by_budget}
    alike = None
    for budget, found in reversed(by_budget):
        if len(near[budget]) < len(found):
            break
        alike = budget
    return alike, near


def _by_budget(comparison: SolverComparison) -> list[tuple[int, dict[str, float]]]:
    """The Frechet distance of each solver at each budget, budgets ascending."""
    found = {
        budget: {one.solver: one.frechet[k] for one in comparison.curves if one.evaluations[k] <= budget}
        for k, budget in enumerate(comparison.budgets)
    }
    return sorted(found.items(), key=lambda item: item[0])


def _of(conclusions: Sequence[Conclusion], words: str) -> Conclusion:
    return next(one for one in conclusions if words in one.claim)
