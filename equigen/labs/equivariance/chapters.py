"""The page of the lab equivariance: the question, the theory, what was measured, and what it means."""

from __future__ import annotations

from torch import Tensor

from equigen.labs.equivariance.concluding import Found
from equigen.labs.equivariance.continuous_digits import FRAME, RADIUS, continuous_digits
from equigen.labs.equivariance.figures import (
    LABELS,
    curves,
    margins,
    parts,
    samples,
    turned_digits,
)
from equigen.labs.equivariance.measuring import Turning, standard_error
from equigen.labs.equivariance.pixel_chapters import one_pixel_more, sizes_and_strides
from equigen.labs.equivariance.roster import REFERENCE
from equigen.labs.equivariance.splitting import MARGIN, Split
from equigen.report.document import Chapter, Formula, Table

__all__ = ["chapters"]


def chapters(found: Found, steps: int, seed: int) -> list[Chapter]:
    """All chapters.

    Args:
        found: by the lab.
        steps: of training.
        seed: of the randomness.
    """
    return [
        _question(seed),
        _angles(found, steps),
        _quarters(found),
        _apart(found),
        _border(found),
        _activations(found),
        sizes_and_strides(found),
        one_pixel_more(found),
        _limits(seed),
    ]


def _question(seed: int) -> Chapter:
    return Chapter(
        "What is promised, and what can be kept",
        [
            "A network $f$ of the group SO(2) is built of layers that commute with every rotation of the plane, and "
            "ends in numbers that no rotation changes:",
            Formula(r"f(R_a x) = f(x) \qquad \mathrm{for\ every\ angle}\ a."),
            "That is a statement about functions on the plane. A picture is a grid of numbers. The grid has four "
            "rotations of its own, by multiples of 90 degrees, and under these the promise can be kept to the last "
            "digit. At all other angles it can only be kept approximately, and four things stand in the way: the "
            "picture has to be turned (interpolation), the filters are read at pixels (aliasing of the kernels), the "
            "activations are read at finitely many directions (aliasing of the activations), and the frame is a square "
            "(its border).",
            "To see the network's own error, the pictures must have none. A digit of 8 x 8 pixels is the sample of one "
            "trigonometric polynomial, which has a value everywhere in the plane. Cut to a disk by a factor of the "
            f"radius, which vanishes from {RADIUS} pixels on, it is a function $F$, and a turned picture is a list of "
            f"its values at turned points, {FRAME} x {FRAME} of them:",
            Formula(r"x_a(p) = F(R_a^{-1}\,p)."),
            turned_digits(
                continuous_digits(1, seed),
                "Left: exact pictures of one digit. Right: what turning its pixels instead gets wrong, in units of the "
                "largest ink, from -0.1 (orange) to 0.1 (violet).",
            ),
            "The error of a network is told in units of what it has to tell digits apart by: for digits $x_1 \\ldots "
            "x_B$,",
            Formula(
                r"e_i(a) = |f(x_{i,a}) - f(x_i)| / s, \qquad "
                r"s^2 = \frac{1}{B} \sum_i |f(x_i) - \frac{1}{B} \sum_j f(x_j)|^2."
            ),
            "It is 0 for an invariant network, 1 where turning a digit moves its logits as far as they lie from the "
            "average digit's, and about 1.4 where a turned digit has nothing to do with the upright one. An error "
            "relative to $|f|$ would be smaller by whatever constant the network adds to all its logits.",
        ],
    )


def _angles(found: Found, steps: int) -> Chapter:
    rows = [[*_row(one), *_row(found.of(one.name, True))[1:]] for one in found.turnings if not one.trained]
    off = f"{found.turnings[0].error.shape[1]} digits at {len(found.turnings[0].angles)} angles"
    return Chapter(
        "The error over all angles",
        [
            "The networks have six convolutions (the trunk of Cesa, Lang and Weiler 2022), about equally many "
            "channels, "
            f"and are measured as they start and after {steps} steps of training on digits in random poses. "
            "The number behind an activation is that of its samples; networks that differ in it alone share their "
            "weights.",
            curves(
                found.turnings,
                f"Mean error over {off}. Left: groups. Right: activations of SO(2). Above: as the networks start, "
                "their batch norms set to moments of the data. Below: trained. At multiples of 90 degrees the curves "
                "of all but the plain network leave the picture downwards. Crosses: what interpolation by three shears "
                f"would add to the network {REFERENCE}.",
            ),
            Table(
                ["network", "mean", "largest", "accuracy", "mean, trained", "largest", "accuracy"],
                rows,
                "Errors between quarter turns, ± a standard error over digits; the largest is that at the worst angle. "
                "Accuracy: the share of these digits, over all angles, that the network tells rightly (a tenth is "
                "chance).",
            ),
            "A network of $C_N$ promises nothing but the $N$ rotations of its group. The more of them, the smaller "
            "the gaps between; and even at those of its rotations that are no quarter turns, it keeps the promise no "
            "better than the grid allows.",
        ],
    )


def _row(one: Turning) -> list[str]:
    return [
        one.name,
        f"{one.mean:.3f} ± {standard_error(one.each):.3f}",
        f"{one.largest:.3f}",
        f"{100 * one.accuracy:.0f} %",
    ]


def _quarters(found: Found) -> Chapter:
    rows = [
        [one.name, f"{one.quarter32:.1e}", f"{one.quarter64:.1e}", f"{one.quarter32 / max(one.quarter64, 1e-300):.0e}"]
        for one in found.turnings
        if one.trained
    ]
    return Chapter(
        "At quarter turns",
        [
            "A quarter turn only permutes pixels. Whether a layer commutes with it is a question of which numbers meet "
            "in which sum: if the same products are added, in another order, results differ by rounding and by nothing "
            "else. The rule for that is one of whole numbers: a layer with kernel $k$, stride $s$, padding $p$ and "
            "dilation $d$ keeps the quarter turns of a map of $H$ pixels if its windows fill the padded map evenly,",
            Formula(r"s \ |\ H + 2 p - d\,(k - 1) - 1,"),
            "and all layers of the networks here do. If an error is rounding, it must shrink with the precision, by "
            "about $5 \\times 10^8$ from float32 to float64. If it is not, it stays.",
            Table(
                ["trained network", "float32", "float64", "ratio"],
                rows,
                "The largest error over digits and the three quarter turns. A filter of SO(2) that is read at pixels "
                "is "
                "still exactly steerable under quarter turns, because the pixels it is read at are turned into "
                "each other.",
            ),
        ],
    )


def _apart(found: Found) -> Chapter:
    head = ["what is removed", *(("trained" if one.trained else "untrained") for one in found.splits)]
    rows = [["nothing", *(_mean(one.whole) for one in found.splits)]]
    rows += [[f"{LABELS[name]}, alone", *(_mean(one.without[name]) for one in found.splits)] for name in LABELS]
    rows += [[f"all but {LABELS[name]}", *(_mean(one.alone[name]) for one in found.splits)] for name in LABELS]
    rows += [["all three", *(_mean(one.nothing) for one in found.splits)]]
    rows += [["root of the sum of squares of the parts", *(f"{_together(one):.3g}" for one in found.splits)]]
    return Chapter(
        "Where it comes from",
        [
            "Each source can be removed without touching the weights, and so each can be measured by a paired "
            "experiment, in which it alone is gone, or in which it alone is left.",
            f"The border: {MARGIN} empty pixels more on every side. The network is made of convolutions and a mean "
            "over all positions and takes any frame. What the border does is then the same at all angles, because "
            "nothing of the digit reaches it.",
            "The filters: a steerable filter is a continuous kernel read at pixels, and a convolution the sum that "
            "stands for an integral,",
            Formula(r"\int K(y)\,x(p + y)\,dy \ \approx\ h^2 \sum_j K(h j)\,x(p + h j), \qquad h = 1."),
            "The same kernels, with the same weights, can be read at twice as many points along each axis, $h = 1/2$, "
            "at all layers. Rings .4 to .6 pixels wide are then sampled well (the error falls as $e^{-2 \\pi^2 "
            "\\sigma^2 "
            "/ h^2}$, from 4 percent at $\\sigma = .4$ to $10^{-6}$).",
            "The activations: 64 samples instead of 16.",
            "Interpolation: pictures are exact here. What turning pixels adds is the distance between the network's "
            "results on turned pixels and on the exact picture.",
            parts(
                found.splits,
                "What each source makes alone (blue), with the other two removed; what interpolation would add "
                "(orange).",
            ),
            Table(
                head,
                rows,
                f"Mean error of the invariant numbers before the head over {len(found.splits[0].whole)} digits and "
                f"as many angles less one, ± a standard error over digits. If the parts were independent, their "
                "squares "
                "would add up to that of the whole: the last row.",
            ),
        ],
    )


def _mean(values: Tensor) -> str:
    return f"{float(values.mean()):.3g} ± {standard_error(values):.1g}"


def _together(one: Split) -> float:
    return float(sum(float(values.mean()) ** 2 for values in one.alone.values()) ** 0.5)


def _border(found: Found) -> Chapter:
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
        ],
    )


def _activations(found: Found) -> Chapter:
    counts = list(found.aliasing["elu"])
    names = {"relu": "ReLU", "elu": "ELU", "silu": "SiLU"}
    rows = [[name, *(f"{float(found.aliasing[key][n].mean()):.1e}" for n in counts)] for key, name in names.items()]
    alone = [[name, _mean(values)] for name, values in found.smooth.items()]
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
                f"Mean error with border and pixels removed: what the activations leave, ± a standard error over "
                f"{len(found.splits[0].whole)} digits.",
            ),
        ],
    )


def _limits(seed: int) -> Chapter:
    return Chapter(
        "What this does not show",
        [
            "The networks are small and trained briefly: errors of a well-trained network of full width differ, and so "
            "may the order of networks that lie close together. Digits are smooth pictures; on sharp ones "
            "interpolation "
            "and the pixels under filters do more. The parts are those of one network with one seed "
            f"({seed}), and standard errors are over digits alone. Which network is the more stable classifier, in "
            "accuracy "
            "over angles and over several seeds, is the question of the lab rotation-stability.",
            "Sources: M. Weiler, G. Cesa, General E(2)-equivariant steerable CNNs, 2019 (kernels and their "
            "constraint); "
            "G. Cesa, L. Lang, M. Weiler, A program to build E(N)-equivariant steerable CNNs, 2022 (sampled "
            "activations, the trunk); D. Worrall and others, Harmonic networks, 2017 (norms); M. Unser, P. Thevenaz, "
            "L. Yaroslavsky, Convolution-based interpolation for fast, high-quality rotation of images, 1995 (shears).",
        ],
    )
