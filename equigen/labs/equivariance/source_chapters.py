"""The chapters of the lab equivariance on where the error comes from: border, filters, activations and blurs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor

from equigen.labs.equivariance.concluding import Found
from equigen.labs.equivariance.figures import LABELS, margins, parts, samples
from equigen.labs.equivariance.measuring import Repeated, mean_error, over_trainings
from equigen.labs.equivariance.roster import REFERENCE, ROUND
from equigen.labs.equivariance.splitting import MANY, MARGIN, Split
from equigen.report.document import Chapter, Formula, Table

__all__ = ["each_training", "estimated", "the_activations", "the_border", "where_from"]


def where_from(found: Found) -> Chapter:
    """Each source of the error by itself."""
    return Chapter(
        "Where it comes from",
        [
            "Each source can be removed without touching the weights, and so each can be measured by a paired "
            "experiment, in which it alone is gone, or in which it alone is left. The network is "
            f"{REFERENCE} of the first training.",
            f"The border: {MARGIN} empty pixels more on every side. The network is made of convolutions and a mean "
            "over all positions and takes any frame. What the border does is then the same at all angles, because "
            "next to nothing of the digit reaches it.",
            "The filters: a steerable filter is a continuous kernel read at pixels, and a convolution the sum that "
            "stands for an integral,",
            Formula(r"\int K(y)\,x(p + y)\,dy \ \approx\ h^2 \sum_j K(h j)\,x(p + h j), \qquad h = 1."),
            "The same kernels, with the same weights, can be read at twice as many points along each axis, $h = 1/2$, "
            "at all layers. Rings .4 to .6 pixels wide are then sampled well (the error falls as $e^{-2 \\pi^2 "
            "\\sigma^2 "
            "/ h^2}$, from 4 percent at $\\sigma = .4$ to $3 \\times 10^{-6}$).",
            "The activations: 64 samples instead of 16.",
            "The blurs: before every second pixel is dropped, maps are blurred by a window of binomial coefficients, "
            "1 4 6 4 1 along each axis, which is only nearly round. The Gaussian of the same variance is round, and "
            "smooth enough for pixels; it takes the window's place.",
            "Interpolation: pictures are exact here. What turning pixels adds is the distance between the network's "
            "results on turned pixels and on the exact picture.",
            parts(
                found.splits,
                "What each source makes by itself (blue), with the other three removed; what interpolation would add "
                "(orange).",
            ),
            Table(
                *_experiments(found.splits),
                f"Mean error of the invariant numbers before the head over {len(found.splits[0].whole)} digits and "
                f"as many angles less one, with the error of the mean over digits. If the parts were independent, "
                "their squares would add up to that of the whole: the last row.",
            ),
        ],
    )


def _experiments(splits: Sequence[Split]) -> tuple[list[str], list[list[str]]]:
    """The head of a table, and a row of each experiment."""
    head = ["experiment", *(("trained" if one.trained else "untrained") for one in splits)]
    rows = [["nothing is removed", *(_mean(one.whole) for one in splits)]]
    rows += [[f"removed: {LABELS[name]}", *(_mean(one.without[name]) for one in splits)] for name in LABELS]
    rows += [[f"left: {LABELS[name]}", *(_mean(one.alone[name]) for one in splits)] for name in LABELS]
    rows += [["all four are removed", *(_mean(one.nothing) for one in splits)]]
    rows += [["root of the sum of squares of what each leaves", *(f"{_together(one):.3g}" for one in splits)]]
    return head, rows


def _mean(values: Tensor) -> str:
    return f"{float(values.mean()):.3g} ± {mean_error(values):.1g}"


def _together(one: Split) -> float:
    return float(sum(float(values.mean()) ** 2 for values in one.alone.values()) ** 0.5)


def the_border(found: Found) -> Chapter:
    """What the border does, and what helps."""
    square, rounded = found.over(REFERENCE), found.over(ROUND)
    return Chapter(
        "The border, and the disk",
        [
            "A square has four rotations. Where features reach its border, zero padding cuts them off at another place "
            "for every angle, and the mean over the map sees how much is cut. A digit that lies well inside the frame "
            "is not safe: every convolution carries it further out, by some 35 pixels in all.",
            "A digit that is larger than the frame meets a second difficulty: turning it brings in what was outside. "
            "Cutting pictures to a disk makes sure that all poses show the same part; but it does not keep the network "
            "from seeing the border, which touches the disk.",
            margins(
                found.border,
                "Left: error against empty pixels around the frame. Right: digits drawn 1.6 times as large, as they "
                f"are, cut to the largest disk of the frame, and with {MARGIN} empty pixels around either.",
            ),
            "The remedy for a network that has to live in its frame is to cut every map to its largest disk, after "
            "each activation again, and not the picture alone. What lies beyond a round border is zero, as zero "
            "padding wants it, and a round border is turned into itself by every rotation. It costs the corners, and "
            "its rim is soft over two pixels of a coarse map.",
            Table(
                ["border of every map", "untrained", "trained", "each training"],
                [
                    ["square", *_over(square)],
                    ["round", *_over(rounded)],
                    ["difference", *_apart(square, rounded)],
                ],
                f"Mean error of the logits between quarter turns of {REFERENCE}, with the error of the mean over "
                f"{len(square.trained)} networks and {square.trained.shape[1]} digits.",
            ),
        ],
    )


def the_activations(found: Found) -> Chapter:
    """What activations do, by themselves."""
    counts = list(found.aliasing["elu"])
    names = {"relu": "ReLU", "elu": "ELU", "silu": "SiLU"}
    rows = [[name, *(f"{float(found.aliasing[key][n].mean()):.1e}" for n in counts)] for key, name in names.items()]
    least = next(one.nothing for one in found.splits if one.trained)
    alone = [[name, _mean(values)] for name, values in found.smooth.items()]
    alone.insert(3, [f"SO(2) ELU {MANY}", _mean(least)])
    return Chapter(
        "What activations do",
        [
            "A field of SO(2) holds the Fourier coefficients, up to frequency 3, of a function on the circle. A "
            "Fourier activation reads this function at $N$ directions, applies a function of one number, and projects "
            "back. What it makes of frequencies from $N - 3$ on is mistaken for frequencies up to 3 (aliasing), at "
            "another place for every angle. A smooth function makes exponentially little of high frequencies; ReLU, "
            "with its corner, makes a share that falls as a power.",
            "Norms and gates act on lengths and scalars, which no rotation changes, and alias nothing over directions. "
            "But a norm activation keeps the direction of a field, $v / |v|$, which has no limit at $v = 0$. With ELU, "
            "negative below its bias of .5, it makes a field of nearly no length .39 long: in the empty part of a map, "
            "where a field is next to nothing, the smallest error decides where it points, enlarged up to 390 times by "
            "each layer (the length is softened at $10^{-3}$). Exact in theory is not yet stable on pixels.",
            samples(
                found.aliasing,
                "The change of the network's error by sampling alone: the distance between its movements with $N$ and "
                "with 128 samples, in the same units, with the same trained weights.",
            ),
            Table(["function", *(f"{n} samples" for n in counts)], rows, "The numbers of the figure."),
            Table(
                ["trained network", "error"],
                alone,
                f"Mean error with border, pixels and blurs removed: what the activations leave, with the error of "
                f"the mean over {len(found.splits[0].whole)} digits. The floor of this experiment is what {MANY} "
                "samples of ELU leave, in which none of the four is left.",
            ),
        ],
    )


def estimated(values: Tensor) -> str:
    """The mean over trainings and digits with its error, if there are several trainings.

    Args:
        values: (S, B).
    """
    mean, error = over_trainings(values)
    return f"{mean:.3f} ± {error:.3f}" if math.isfinite(error) else f"{mean:.3f}"


def _over(one: Repeated) -> list[str]:
    return [estimated(one.untrained), estimated(one.trained), each_training(one.trained)]


def _apart(one: Repeated, other: Repeated) -> list[str]:
    return _over(Repeated("", one.untrained - other.untrained, one.trained - other.trained))


def each_training(values: Tensor) -> str:
    """The means of each training, (S, B), in a row."""
    return ", ".join(f"{float(value):.3f}" for value in values.mean(1))
