"""The page of the lab `denoising`."""

from __future__ import annotations

import math

from equigen.labs.plane import learning_figures as figures
from equigen.labs.plane.learning_concluding import NAMES, with_error
from equigen.labs.plane.learning_measuring import LearningMeasured, first_member, mean_and_error
from equigen.report.document import Block, Chapter, Formula, Table
from equigen.report.picture import drawn_picture

__all__ = ["learning_chapters"]

_LITTLE = 0.1  # of the loss: nobody would train on for it


def learning_chapters(it: LearningMeasured) -> list[Chapter]:
    """The evidence."""
    return [_regression(it), _floor(it), _training(it), _field(it), _objectives(it), _limits(it)]


def _regression(it: LearningMeasured) -> Chapter:
    aim = it.targets
    return Chapter(
        "What denoising regresses on",
        [
            "The score of the data is what a sampler needs and what nobody can compute: it takes the density. "
            "Denoising score matching goes around it. Add noise of known size to a clean point, $x = x_0 + \\sigma "
            "z$, and ask a network for $-z/\\sigma$, the score of the noise that was added. Nothing but samples is "
            "needed:",
            Formula(r"L(s_\theta) = \sigma^2\, E\, \left\| s_\theta(x, \sigma) - (-z/\sigma) \right\|^2"),
            "The network sees $x$ and not $z$. The best answer under a squared error is the mean of all targets "
            "that occur at $x$, and that mean is the score of the noisy law, the pull of all components in "
            "proportion to their responsibilities:",
            Formula(r"E[-z/\sigma \mid x] = \nabla \ln p_\sigma(x) = \sum_k r_k(x)\, (C_k + \sigma^2)^{-1} (m_k - x)"),
            *_seen(it),
            "So a network that is told the noise of single points, each of which came from one component, learns "
            "the score of all of them. How the targets scatter about their mean is not its fault: at this noise "
            f"level the score explains {100 * aim.explained:.1f} % of their variance. The rest is the floor.",
        ],
    )


def _seen(it: LearningMeasured) -> list[Block]:
    """The mean targets, if there are."""
    aim = it.targets
    gathered = f"To see it, noisy points at $\\sigma$ = {aim.noise:g} are gathered in square bins"
    if not len(aim.centre):
        return [f"{gathered}. Here there are too few points to fill a bin: raise `target_points`."]
    return [
        f"{gathered}, {len(aim.centre)} of them, and their targets are averaged.",
        drawn_picture(
            figures.targets(aim),
            "targets of denoising",
            "Left: mean targets of bins (blue) over the exact score (grey). Right: all targets in one bin, the "
            "one nearest to a saddle, by the component that their clean point belongs to. They point different "
            "ways, and their mean (cross) is what a network can learn.",
        ),
        _fits(it),
    ]


def _fits(it: LearningMeasured) -> Table:
    aim = it.targets
    rows = [
        [label, f"{fit.slope:.4f} ± {fit.error:.4f}", f"{fit.misfit:.3g}"]
        for label, fit in (
            ("pulls weighted with responsibilities (the score)", aim.fits["posterior"]),
            ("the most responsible component's pull alone", aim.fits["strongest"]),
            ("pulls weighted with the mixture's weights", aim.fits["prior"]),
        )
    ]
    return Table(
        ["field", "slope of mean targets on it", "misfit"],
        rows,
        "The slope is 1 and the misfit (mean square of the difference over its standard error) is 1 for the field "
        "that is the targets' expectation.",
    )


def _floor(it: LearningMeasured) -> Chapter:
    high = max(range(len(it.noise)), key=lambda k: it.floors[k].value)
    low = min(range(len(it.noise)), key=lambda k: it.floors[k].value)
    agree = max(
        abs(one.value - float(it.above["denoising"][k, 0])) / one.standard_error for k, one in enumerate(it.paired)
    )
    return Chapter(
        "Can the objective reach 0?",
        [
            "The part of the targets that $x$ does not explain stays in the loss, whatever the network. In units "
            "of the noise the least loss at a level is",
            Formula(
                r"L^*(\sigma) = d - \sigma^2\, E\,\|\nabla \ln p_\sigma\|^2 "
                r"= \sigma^{-2}\, E\, \mathrm{tr}\, \mathrm{Cov}[x_0 \mid x]"
            ),
            "It would be 0 only if the noisy point gave the clean one away. For data with a density that never "
            "happens at small noise, quite the contrary: there the data look flat, nothing can be told about the "
            f"noise, and the floor tends to the number of coordinates, here 2. It is {it.floors[high].value:.3f} at "
            f"$\\sigma$ = {it.noise[high]:.3g} and {it.floors[low].value:.3f} at $\\sigma$ = {it.noise[low]:.3g}.",
            drawn_picture(
                figures.floor(it),
                "floor of the loss",
                "Left: the least possible loss (edge of the grey area), the loss of the trained networks, and what "
                "it costs to guess no noise. Right: the difference of the first two, with errors over the networks.",
            ),
            *_beyond(it),
            "The difference is what there is to learn, because it is the squared error of the score itself:",
            Formula(r"L(s_\theta) - L^* = \sigma^2\, E\,\|s_\theta - \nabla \ln p_\sigma\|^2"),
            "Measured both ways for one network, as a difference of losses on the same pairs and as the error of "
            f"the field, the two differ by {agree:.1f} standard errors at most over {len(it.noise)} levels.",
        ],
    )


def _beyond(it: LearningMeasured) -> list[str]:
    """A sentence if the networks are worse than no network at the smallest noise."""
    floor, (gap, error) = it.floors[0], mean_and_error(it.above["denoising"][0])
    loss, doubt = floor.value + gap, math.hypot(floor.standard_error, error)
    if loss <= 2.0 or math.isnan(doubt):
        return []
    resolved = "" if loss - 2 * doubt > 2 else ", though not by more than two of its errors"
    return [
        f"At noise {it.noise[0]:.3g} the networks' loss, {loss:.3f} ± {doubt:.3f}, lies above the 2 of guessing no "
        f"noise{resolved}: hardly anything can be known of the noise there, and what the networks get wrong, "
        f"{gap:.3f}, costs more than knowing it would save."
    ]


def _training(it: LearningMeasured) -> Chapter:
    start, end = mean_and_error(it.curves["denoising"].values[0]), mean_and_error(it.at_end("denoising"))
    middle = len(it.loss) // 2
    still = float(it.curves["denoising"].values[middle].mean())
    finished = abs(it.loss[middle] - it.loss[-1]) < _LITTLE * it.loss[-1] and still > 2 * end[0]
    looks = ": a curve that looks finished long before it is" if finished else ""
    return Chapter(
        "What a training curve shows, and what it hides",
        [
            f"{it.task.members} networks with {it.task.width} units in each of three layers were trained for "
            f"{it.task.steps} steps of {it.task.batch} fresh points each. The loss went from {it.loss[0]:.3f} to "
            f"{it.loss[-1]:.3f}, {1 - it.loss[-1] / it.loss[0]:.0%} less{looks}. Its floor "
            f"is {it.floor.value:.3f} ± {it.floor.standard_error:.3f}. What lies above the floor went "
            f"from {with_error(start)} to {with_error(end)}, {1 - end[0] / start[0]:.0%} less.",
            drawn_picture(
                figures.training(it),
                "loss and loss above the floor",
                "The same training: the loss with its floor (left), and the loss above the floor on a logarithmic "
                "scale (right), with errors over the networks.",
            ),
        ],
    )


def _field(it: LearningMeasured) -> Chapter:
    network = first_member(it.curves["denoising"].network)
    low, high = it.noise[0], it.noise[-1]
    shown = tuple(low * (high / low) ** part for part in (0.2, 0.4, 0.6, 0.8))
    return Chapter(
        "The learned field against the exact one",
        [
            "The objective weighs errors by the density: it hardly notices what happens where no data are. A "
            "sampler that begins in the noise passes such places, but at large noise levels, where the noisy law "
            "covers them.",
            drawn_picture(
                figures.fields(it, network, shown),
                "learned and exact field",
                "Directions of the exact score (thick, grey) and of the learned one (thin, black) at four levels of "
                "noise, over the size of the error in units of the noise. Lines: where the density is $e^{-2}$ and "
                "$e^{-6}$ of its peak.",
            ),
            drawn_picture(
                figures.where_it_errs(it),
                "error by density",
                "Squared error of the learned noise at evenly spread points, by how rare data are there, at noise "
                f"{it.band_noise:g}, with errors over the networks. From left to right data become rare.",
            ),
        ],
    )


def _objectives(it: LearningMeasured) -> Chapter:
    return Chapter(
        "Explicit, implicit, denoising",
        [
            "There are other ways to the same field. Explicit score matching compares with the true score, which "
            "only a known law has: it is the yardstick. Implicit score matching needs no target at all; "
            "integration by parts turns the unknown term into the divergence of the network's own score, which "
            "takes a derivative for each coordinate, or one for a random probe $v$ at the price of more noise:",
            Formula(
                r"E\,\|s_\theta - s\|^2 "
                r"= E\left[\|s_\theta\|^2 + 2\, \mathrm{div}\, s_\theta\right] + \mathrm{const}, \qquad "
                r"\mathrm{div}\, s \approx v^T (\partial s / \partial x)\, v"
            ),
            "All four have the same minimum. They differ in how noisy their gradients are and in what a step "
            "costs. Here they start from the same weights and see the same points, with the same weight of noise "
            "levels.",
            drawn_picture(
                figures.objectives(it),
                "four objectives",
                "Loss above the floor against steps, against seconds of computing (dotted: where the cheapest has "
                "made all its steps), and by noise level at the end; errors over the networks.",
            ),
            _costs(it),
        ],
    )


def _costs(it: LearningMeasured) -> Table:
    cheapest = min(it.cost(name) for name in it.curves)
    rows = [
        [
            NAMES[name],
            f"{it.cost(name) / cheapest:.1f}",
            with_error(mean_and_error(it.at_end(name))),
            f"{min(it.task.steps, it.budget / it.cost(name)):.0f}",
            with_error(mean_and_error(it.at_equal_time(name))),
        ]
        for name in it.curves
    ]
    return Table(
        ["objective", "cost of a step", "gap, equal steps", "steps in equal time", "gap, equal time"],
        rows,
        "Cost: median time of a step, without drawing points or computing the true score, as a multiple of the "
        f"cheapest. Gap: loss above the floor, averaged over the training times, after {it.task.steps} steps and "
        "after the time that the cheapest needs for them, with errors over the networks, not of the times. Times "
        "depend on the machine; gaps at equal steps do not.",
    )


def _limits(it: LearningMeasured) -> Chapter:
    return Chapter(
        "Limits",
        [
            "Two coordinates are kind to the implicit objective: its exact divergence takes two derivatives here "
            "and as many as there are coordinates elsewhere. The learning rate is one for all objectives and was "
            "not tuned for each. Data are drawn afresh at every step, so no network can memorise; with a finite "
            "set the best denoiser is that of the set itself, and a loss far below the floor of the law would mean "
            "memorisation. Errors over the networks are half of what a 95 % Student interval reaches to either side: "
            "standard errors, widened because the networks are few.",
        ],
    )
