"""The page of the lab equivariance: the question, the theory, what was measured, and what it means."""

from __future__ import annotations

from equigen.labs.equivariance.concluding import Found
from equigen.labs.equivariance.continuous_digits import FRAME, RADIUS, continuous_digits
from equigen.labs.equivariance.figures import curves, turned_digits
from equigen.labs.equivariance.measuring import Repeated, Turning, mean_error
from equigen.labs.equivariance.pixel_chapters import one_pixel_more, sizes_and_strides
from equigen.labs.equivariance.roster import REFERENCE, ROUND
from equigen.labs.equivariance.source_chapters import (
    each_training,
    estimated,
    the_activations,
    the_border,
    where_from,
)
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
        where_from(found),
        the_border(found),
        the_activations(found),
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
            "digit. At all other angles it can only be kept approximately, and five things stand in the way: the "
            "picture has to be turned (interpolation), the filters are read at pixels (aliasing of the kernels), the "
            "activations are read at finitely many directions (aliasing of the activations), the frame is a square "
            "(its border), and so are the windows that blur a map before it is made coarser.",
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
    off = f"{found.turnings[0].error.shape[1]} digits at {len(found.turnings[0].angles)} angles"
    head = ["error between quarter turns", "largest", "three shears", "bilinear", "accuracy"]
    tables = [
        Table(
            [f"network, {'trained' if trained else 'untrained'}", *head],
            [_row(one) for one in found.turnings if one.trained == trained],
            "Means, with the error of the mean over digits; the largest is the mean over digits at the worst angle. "
            "Three shears, bilinear: by how much it changes the logits that the picture is turned by interpolating its "
            "pixels. Accuracy: the share of these digits, over all angles, that the network tells rightly (a tenth is "
            "chance).",
        )
        for trained in (False, True)
    ]
    return Chapter(
        "The error over all angles",
        [
            "The networks have six convolutions (the trunk as the course's text lists it, after the example network of "
            "Weiler and Cesa 2019) and about equally many channels. They are measured as they start and after "
            f"{steps} steps of training on digits in random poses. The number behind an activation is that of its "
            f"samples; networks that differ in it alone share their weights. The maps of {ROUND} are cut to a disk, "
            "all others see the square frame.",
            curves(
                found.turnings,
                f"Mean error over {off}. Left: groups. Right: activations of SO(2). Above: as the networks start, "
                "their batch norms set to moments of the data. Below: trained. At multiples of 90 degrees the curves "
                f"of all but the plain network leave the picture downwards. The broad grey line is {REFERENCE} in all "
                "four pictures. Crosses: what interpolation by three shears would add to it.",
            ),
            *tables,
            "A network of $C_N$ promises nothing but the $N$ rotations of its group, and those of them that are no "
            "quarter turns a grid keeps only nearly. Larger $N$ leaves smaller gaps to the next rotation of the group, "
            f"which need not show beside that: the trained errors above are {_errors(found)}.",
            *_trainings(found),
        ],
    )


def _errors(found: Found) -> str:
    return ", ".join(f"{found.of(name, True).mean:.3f} ($C_{{{name[1:]}}}$)" for name in ("C4", "C8", "C16"))


def _trainings(found: Found) -> list[str | Table]:
    count = len(found.repeated[0].trained)
    return [
        "Trained again from other weights, the same network moves by another amount, and one training cannot put "
        "networks in order. These were built and trained several times, and what is said of their order rests on all "
        "of it: twice the error bounds what other weights and other digits would change.",
        Table(
            ["network", "untrained", "trained", "each training", f"apart from {REFERENCE}"],
            [_repeated(one, found.over(REFERENCE)) for one in found.repeated],
            f"Mean error between quarter turns over {count} networks and {found.repeated[0].trained.shape[1]} digits, "
            "with the error of the mean. Apart: the same digits and seeds, trained.",
        ),
    ]


def _repeated(one: Repeated, reference: Repeated) -> list[str]:
    apart = "" if one.name == reference.name else estimated(one.trained - reference.trained)
    return [one.name, estimated(one.untrained), estimated(one.trained), each_training(one.trained), apart]


def _row(one: Turning) -> list[str]:
    return [
        one.name,
        f"{one.mean:.3f} ± {mean_error(one.each):.3f}",
        f"{one.largest:.3f}",
        f"{float(one.floor.mean()):.4f}",
        f"{float(one.linear.mean()):.3f}",
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


def _limits(seed: int) -> Chapter:
    return Chapter(
        "What this does not show",
        [
            "The networks are small and trained briefly: errors of a well-trained network of full width differ, and so "
            "may the order of networks that lie close together. Digits are smooth pictures; on sharp ones "
            "interpolation and the pixels under filters do more. The curves, the parts and the numbers of samples are "
            f"those of one training (seed {seed}), and their errors are over digits alone. Which network is the more "
            "stable classifier, in accuracy over angles and over several seeds, is the question of the lab "
            "rotation-stability.",
            "Sources: M. Weiler, G. Cesa, General E(2)-equivariant steerable CNNs, 2019 (kernels and their "
            "constraint, the example network); G. Cesa, L. Lang, M. Weiler, A program to build E(N)-equivariant "
            "steerable CNNs, 2022 (sampled activations); D. Worrall and others, Harmonic networks, 2017 (norms); "
            "M. Unser, P. Thevenaz, L. Yaroslavsky, Convolution-based interpolation for fast, high-quality rotation of "
            "images, 1995 (shears).",
        ],
    )
