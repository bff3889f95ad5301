"""The page on the process and the networks: motive, definition, measurement, figure, what it shows, limits."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from equigen.data.dataset import DataSet
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.labs.lab import Conclusion
from equigen.labs.mnist_diffusion import figures
from equigen.labs.mnist_diffusion.ablation import ByNoise, paired_gap
from equigen.labs.mnist_diffusion.concluding import at_levels
from equigen.labs.mnist_diffusion.measuring import DIVIDED, KARRAS, PLAIN
from equigen.labs.mnist_diffusion.process import Process
from equigen.report.document import Chapter, Formula, Table
from equigen.report.picture import drawn_picture

__all__ = ["of_process", "of_the_division", "of_time"]


def of_process(found: Process, base: float, data: DataSet) -> Chapter:
    """Images become noise: the process, its variance and its diffusion coefficient."""
    largest = float(found.variance[-1])
    return Chapter(
        "From images to noise",
        [
            f"The images ({data.name}, {data.space.shape[1]} by {data.space.shape[2]} pixels) are shifted and scaled "
            "to mean 0 and variance 1. Then nothing but noise is added, in small steps whose strength grows:",
            Formula(rf"dx = \lambda^t\, dw, \qquad g(t) = \lambda^t, \qquad \lambda = {base:g}"),
            "Independent steps add their variances, so at time $t$ an image has moved by a Gaussian of variance",
            Formula(r"\sigma^2(t) = \int_0^t \lambda^{2s}\, ds = \frac{\lambda^{2t} - 1}{2\, \ln \lambda}"),
            "and a pixel of it, over all images, has the variance $1 + \\sigma^2(t)$. Here both are measured on "
            f"{len(found.t) * 10} small steps from real images, which know $g$ but not the formula.",
            drawn_picture(
                figures.variances(found, base),
                "diffusion coefficient and variances over time",
                "Left: the diffusion coefficient. Right: the variance of the displacement and of the pixels, as "
                "simulated (marks) and by the closed form (lines).",
            ),
            drawn_picture(
                figures.images_on_the_way(found),
                "images on their way to noise",
                "Six images on their way, each column divided by its standard deviation. What can be recognised goes "
                "where the noise reaches the size of the image.",
            ),
            f"At the end $\\sigma^2$ is {largest:.3g} times the variance of the data: sampling starts from a normal "
            "with the variance of data and noise together.",
        ],
    )


def of_time(
    found: Mapping[str, ByNoise], conclusions: Sequence[Conclusion], dimension: int, seeds: int, steps: int
) -> Chapter:
    """How time enters the network."""
    guess = 1 / math.sqrt(2 * dimension)
    gap = paired_gap(found["off"], found[DIVIDED]).value
    worst = float(found["off"].noise[int(gap.argmax())])
    decided = "; ".join(
        f"{one.claim.removesuffix(', over all noise levels')}: {one.verdict} "
        f"({one.measured:+.4f}, error {one.error:.1g})"
        for one in conclusions
    )
    return Chapter(
        "How time enters the network",
        [
            "One network serves all noise levels, so it is told the time, in the tutorial as cosines and sines at "
            "fixed random frequencies $w$ drawn from $N(0, s^2)$, with the scale $s$ = 30:",
            Formula(r"\cos(2 \pi w t),\; \sin(2 \pi w t), \qquad E\cos(2\pi w (t - t')) = e^{-2 \pi^2 s^2 (t - t')^2}"),
            "So the scale is a resolution: two times nearer than about $1/(2 \\pi s)$ look alike, farther ones look "
            "unrelated. A small scale makes the first hundredths of the unit of time, in which the noise grows "
            "manifold, look alike, unless the layers behind it draw their small differences out; a large one makes "
            "every time a stranger to its neighbours, so that what is learned at one "
            "is not used at the next.",
            f"Four networks are alike but for this: {seeds} trainings each, of {steps} steps, on the same batches with "
            "the same noise; frequencies at scale 0 tell nothing. The loss is the squared error of the predicted noise "
            "on held-out images, a pixel, where 1 is what predicting none gives.",
            drawn_picture(
                figures.time_features(found),
                "time features and what their scale costs",
                "Left: how alike the features of two times are. Right: how much larger the loss is than with scale 30, "
                "on the same images and the same noise; bars are two standard errors over trainings and images.",
            ),
            _loss_by_scale(found),
            f"Over all levels: {decided}.",
            f"That a network without the time works at all has a reason: an image of {dimension} pixels in which noise "
            f"dominates shows its own noise level to about $1/\\sqrt{{2 d}}$ = {guess:.0%}; where the image dominates "
            f"it does not. Here the time is worth the most at noise {worst:.2g}, where the loss without it is larger "
            f"by {float(gap.max()):.3f}. The differences hold for networks and trainings of this size.",
        ],
    )


def _loss_by_scale(found: Mapping[str, ByNoise]) -> Table:
    names = {"off": "off", "scale 1": "1", "scale 300": "300"}
    gaps = {name: paired_gap(found[name], found[DIVIDED]) for name in names}
    rows = [
        [
            f"{noise:.2g}",
            f"{float(found[DIVIDED].mean[k]):.3f}",
            *(f"{float(gap.value[k]):+.3f} ({float(gap.error[k]):.1g})" for gap in gaps.values()),
        ]
        for k, noise in enumerate(found[DIVIDED].noise.tolist())
    ]
    return Table(
        ["noise", "loss, scale 30", *(f"{name}, above it" for name in names.values())],
        rows,
        "Loss with scale 30 by noise level, and how much larger it is with another (standard error).",
    )


def of_the_division(found: Mapping[str, ByNoise], base: float) -> Chapter:
    """What the final division by sigma(t) helps and harms."""
    return Chapter(
        "What the final division by sigma helps and harms",
        [
            "The score of an image with noise is about $-z/\\sigma$: it grows without bound as the noise falls. The "
            "tutorial therefore divides the network's output by $\\sigma(t)$, so that the network itself is asked for "
            "something of size 1 at all times, the negated noise:",
            Formula(r"s(x, t) = \frac{F(x, t)}{\sigma(t)} \qquad \mathrm{instead\ of} \qquad s(x, t) = F(x, t)"),
            "What the division does to the target it does to the errors too. With an error $e$ of the network,",
            Formula(r"\mathrm{error\ of\ the\ score} = \frac{e}{\sigma}, \qquad \mathrm{of\ the\ image} = \sigma\, e"),
            "so it is amplified in the score as the noise falls, and in the denoised image as the noise grows. Three "
            "networks: without the division, with it, and Karras's preconditioning, whose input is scaled as well and "
            "which adds to the image that it is given a part of the network's output, $\\sigma/\\sqrt{1+\\sigma^2}$, "
            "bounded at both ends.",
            drawn_picture(
                figures.division(found),
                "loss with and without the division",
                "Left: held-out loss by noise level, with the losses of two answers that need no network; bars are two "
                "standard errors. Right: root mean square difference of the scores of trainings that differ by their "
                "seed: the part of the error that is chance.",
            ),
            _loss_by_form(found),
            *_at_the_ends(found, GeometricNoise(base, t_min=1e-5)),
        ],
    )


def _loss_by_form(found: Mapping[str, ByNoise]) -> Table:
    divided, levels = found[DIVIDED], at_levels(found[PLAIN], found[DIVIDED])
    rows = [
        [
            f"{noise:.2g}",
            f"{divided.size[k] / noise:.3g}",
            *(f"{float(found[name].mean[k]):.3f}" for name in (PLAIN, DIVIDED, KARRAS)),
            levels[k],
        ]
        for k, noise in enumerate(divided.noise.tolist())
    ]
    return Table(
        ["noise", "size of the score", "no division", "divided", "Karras", "the division"],
        rows,
        "Loss by noise level; size of the score is that of the divided network, which one without the division would "
        "have to put out itself. The verdict asks for three standard errors, as several levels are looked at.",
        words=(0, 5),
    )


def _at_the_ends(found: Mapping[str, ByNoise], schedule: GeometricNoise) -> list[str]:
    """Paragraphs on the smallest and the largest noise."""
    divided = found[DIVIDED]
    least, second = divided.noise[:2].tolist()
    seldom = float(schedule.time_at_noise(divided.noise[1]))
    return [
        f"At the smallest noise ({least:.2g}) the noise alone has a score of size {1 / least:.0f}: an undivided "
        f"network puts out {float(found[PLAIN].size[0] / least):.2g}, the divided one comes to "
        f"{float(divided.size[0] / least):.3g}. Their losses are {float(found[PLAIN].mean[0]):.3f} and "
        f"{float(divided.mean[0]):.3f}, where leaving the image as it is has "
        f"{float(divided.leaving[0].mean()):.3f}: above it a network takes away noise "
        "that is not there. The image shows little of it, its error being "
        f"{least * float(divided.mean[0]) ** 0.5:.2g} standard deviations; the score does, and a sampler with "
        "noise uses it down to its last step.",
        "All three are trained at times drawn uniformly, as in the tutorial: a share of "
        f"{seldom:.1g} of them has less noise than {second:.2g}, so the first levels are seldom seen, and what "
        "stands there is what each network makes of what it learned elsewhere.",
        f"At the largest noise ({float(divided.noise[-1]):.2g}) the divided network's image errs by a mean square "
        f"of {float(divided.mean[-1] * divided.noise[-1] ** 2):.2f}, Karras's by "
        f"{float(found[KARRAS].mean[-1] * divided.noise[-1] ** 2):.2f}, in units of the data's variance: the mean "
        f"image errs by {float(divided.mean_image[-1].mean() * divided.noise[-1] ** 2):.2f}.",
    ]
