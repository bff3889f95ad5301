"""The chapters of the lab irreps on the Fourier transform: the weight, shifts, and convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.irreps import figures
from equigen.labs.irreps.findings import IrrepFindings, representatives
from equigen.report.document import Block, Chapter, Formula, Table

__all__ = ["theorem_chapters"]


def theorem_chapters(found: Sequence[IrrepFindings], shown: Sequence[IrrepFindings]) -> list[Chapter]:
    """The weight in Parseval's identity, shifts, and convolutions.

    Args:
        found: on each group.
        shown: those that stand for the others in pictures.
    """
    return [_weight(found), _shift(found), _convolution(found, shown)]


def _weight(found: Sequence[IrrepFindings]) -> Chapter:
    counts = [
        f"{one.functions.label}: {sum(irrep.size**2 for irrep in one.functions.irreps)} against {one.functions.size}"
        for one in found
    ]
    return Chapter(
        "The weight of an irrep",
        [
            "The transform $F(\\psi) = \\mathrm{E}\\,f(g)\\,\\psi(g)$ loses nothing. Over the complex numbers the "
            "theorem of Peter and Weyl brings $f$ back with the weight $d$ for each irrep, and so it is often written "
            "over the real numbers too. There it has to be",
            Formula(
                r"f(g) = \sum_\psi\,\dfrac{d}{\dim \mathrm{End}}\;\mathrm{tr}\left(\psi(g)^T F(\psi)\right), \qquad "
                r"\mathrm{E}\,f^2 = \sum_\psi\,\dfrac{d}{\dim \mathrm{End}}\;|F(\psi)|^2"
            ),
            "since the matrix of an irrep of complex type holds the same two numbers twice: $F = a + b J$ has $|F|^2 "
            "= 2 (a^2 + b^2)$. Counting says it at once: the functions of a group are as many as $\\sum\\,d^2 / \\dim "
            "\\mathrm{End}$, not $\\sum\\,d^2$. The second sum against the number of functions: "
            + "; ".join(counts) + ".",
            figures.weights(
                found,
                "The sum over the spectrum of a random function against its mean square. The line is what Parseval's "
                "identity asks for. With reflections all irreps are of real type and both weights are the same.",
            ),
            Table(
                ["function", "mean square", "weight d / dim End", "weight d", "inverse off"],
                _weights(found),
                "Last column: root mean square error of the inverse transform with the weight $d$, against the "
                "function's own root mean square.",
            ),
        ],
    )  # fmt: skip


def _weights(found: Sequence[IrrepFindings]) -> list[list[str]]:
    return [
        [
            f"{one.functions.label}, {item.function}",
            f"{item.mean_square:.4f}",
            f"{item.by_commutant:.4f}",
            f"{item.by_dimension:.4f}",
            f"{item.wrong_inverse:.2f}" if item.wrong_inverse > 1e-9 else "0",
        ]
        for one in found
        for item in one.weighings
    ]


def _shift(found: Sequence[IrrepFindings]) -> Chapter:
    drawn = [one.functions for one in representatives([one for one in found if one.columns])]
    picture: list[Block] = []
    if drawn:
        picture = [
            figures.shift(
                drawn[0],
                "Above: a function and its shift by the first rotation. Below: the first column of $F(\\psi)$ for "
                "each two-dimensional irrep before (solid) and after (dashed): turned by $k$ times the angle, its "
                "length kept.",
            )
        ]  # fmt: skip
    rows = [[one.functions.label, f"{one.products.left_shift:.0e}", f"{one.products.right_shift:.0e}"] for one in found]
    return Chapter(
        "Shifts",
        [
            "A function moved from the left has its matrices multiplied from the left, and one moved from the right "
            "from the right:",
            Formula(
                r"f(u^{-1} g) \;\rightarrow\; \psi(u)\,F(\psi), \qquad f(g\,u) \;\rightarrow\; F(\psi)\,\psi(u)^T"
            ),
            "All $\\psi(u)$ are orthogonal, so that $|F(\\psi)|$ stays: how much energy a frequency holds does not "
            "depend on the pose. This is what a norm nonlinearity sees.",
            *picture,
            Table(
                ["group", "from the left", "from the right"],
                rows,
                "Largest difference of the two sides, against the root mean square of the function, over all elements, "
                "or over 64 random ones of SO(2) and O(2).",
            ),
        ],
    )  # fmt: skip


def _convolution(found: Sequence[IrrepFindings], shown: Sequence[IrrepFindings]) -> Chapter:
    rows = [
        [
            one.functions.label,
            f"{one.products.convolution:.0e}",
            _told(one.products.other_order),
            _told(one.products.commutator),
        ]
        for one in found
    ]
    pictures = [
        figures.convolution(
            one.functions,
            f"On {one.functions.label}. "
            "Above: a window $f$, a function $h$, and the mean that is their convolution. Below: "
            "their matrices, a block for each irrep with its name, and the products of the blocks. Each panel has its "
            "own depth of colour; the numbers are the values.",
        )
        for one in shown
    ]  # fmt: skip
    return Chapter(
        "Convolutions",
        [
            "The convolution of two functions on a group is a mean of shifts, and the shift theorem, averaged, makes "
            "it a product of matrices:",
            Formula(
                r"(f * h)(g) = \mathrm{E}_u\,f(u)\,h(u^{-1} g) \;\rightarrow\; "
                r"\mathrm{E}_u\,f(u)\,\psi(u)\,H(\psi) = F(\psi)\,H(\psi)"
            ),
            "A convolution joins no two irreps: each block goes its own way. This is Schur's lemma once more, since a "
            "convolution from the left commutes with shifts from the right. On a commutative group the order does not "
            "matter; with reflections beside three or more rotations it does.",
            *pictures,
            Table(
                ["group", "f * h against F H", "against H F", "f * h against h * f"],
                rows,
                "Differences against the root mean square of $f * h$, with $f$ a window and $h$ random: the largest "
                "entry of the matrices, and for the last column the root mean square of the functions.",
            ),
        ],
    )  # fmt: skip


def _told(gap: float) -> str:
    return f"{gap:.0e}" if gap < 1e-9 else f"{gap:.3f}"
