"""The page of the lab realizations: one filter in all forms, what its order costs, and other shifts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from equigen.graphs.realizations.realizing import realize
from equigen.labs.lab import Conclusion
from equigen.labs.realizations import figures
from equigen.labs.realizations.endings import endings
from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.forms import FormFound
from equigen.labs.realizations.kind_chapters import nesting_chapter
from equigen.labs.realizations.learned_chapters import learned_chapters, limits_chapter
from equigen.labs.realizations.orders import SINGULAR
from equigen.labs.realizations.setting import BETWEEN, COMMUNITIES, INSIDE, Setting
from equigen.labs.realizations.shifting import ShiftFound
from equigen.labs.realizations.wording import told
from equigen.report.document import Block, Chapter, Formula, Table
from equigen.report.drawing import png
from equigen.report.flow_graph import figure as flow_figure
from equigen.report.picture import drawn_picture

__all__ = ["chapters"]

_DRAWN = 3  # order of the flow graphs


def chapters(found: Found, conclusions: Sequence[Conclusion]) -> list[Chapter]:
    """All chapters, each with what was concluded on its matter, if the answer leaves it out.

    Args:
        found: by the lab.
        conclusions: about it.
    """
    last = endings(found, conclusions)
    made = [
        _filter(found),
        _forms(found),
        _flows(found.shown, found),
        _conditioning(found),
        _rounding(found),
        _shifts(found),
        nesting_chapter(found),
        *learned_chapters(found),
        limits_chapter(found),
    ]
    return [replace(one, blocks=[*one.blocks, last[one.heading]]) if one.heading in last else one for one in made]


def _filter(found: Found) -> Chapter:
    shown = found.shown
    return Chapter(
        "One filter",
        [
            "A shift $S$ is a matrix with the pattern of a graph: its adjacency $A$, its Laplacian, or one of these "
            "divided by degrees. A graph filter is a function of it. If $S$ is symmetric, with eigenvectors $u_i$ and "
            "eigenvalues $\\lambda_i$, the filter multiplies what a signal has of each eigenvector by a number, the "
            "response:",
            Formula(r"h(S)\,x = \sum_i\,h(\lambda_i)\,\langle u_i, x \rangle\,u_i"),
            "The filter on this page belongs to random walks that end with the probability $1 - \\psi$ after each "
            f"step, here with $\\psi = {shown.psi:g}$:",
            Formula(r"r(\lambda) = \dfrac{1 - \psi}{1 - \psi\,\lambda} = (1 - \psi) \sum_k\,\psi^k\,\lambda^k"),
            "With $S = D^{-1} A$ it averages a signal over such walks. That shift is not symmetric, and here the shift "
            "is the normalised adjacency, $D^{-1/2} A\\,D^{-1/2}$, with the same eigenvalues, in $[-1, 1]$:",
            Formula(r"r(D^{-1/2} A\,D^{-1/2}) = D^{1/2}\,r(D^{-1} A)\,D^{-1/2}"),
            "That is the average over walks of the signal divided by the root of each degree, times that root again. "
            "Two polynomials stand for it: the "
            "series over walks, cut after $K$ steps, which errs by $\\psi^{K+1}$ at $\\lambda = 1$; and its expansion "
            "in Chebyshev polynomials, $T_k(\\cos \\theta) = \\cos k\\theta$, whose coefficients fall by "
            f"$\\rho = 1/\\psi + \\sqrt{{1/\\psi^2 - 1}} = {shown.rho:.4g}$ each and whose error is the sum of those "
            "left out. No polynomial of order $K$ has a smaller largest error than "
            "$(1/\\psi - 1)\\,\\rho^{-K}/(1/\\psi^2 - 1)$ (Chebyshev, 1859).",
            figures.responses(
                shown,
                found.fits,
                f"Left: the filter and polynomials of order 4; the strokes below are the eigenvalues of a graph of "
                f"{shown.graph.nodes} nodes in {COMMUNITIES} communities (an edge inside one with probability "
                f"{INSIDE:g}, between two {BETWEEN:g}). Right: largest errors on 4001 points of $[-1, 1]$ (marks) and "
                "their closed forms (lines).",
            ),
            "Both cost the same: $K$ products of the shift with the signal. To have an error of 0.001 the walks need "
            f"{_needed(shown.psi, 1.0)} of them and the Chebyshev series "
            f"{_needed(1.0 / shown.rho, shown.cut(0) * shown.rho)}.",
        ],
    )  # fmt: skip


def _needed(factor: float, start: float) -> int:
    """The least K with start factor^(K + 1) <= 0.001."""
    return max(0, math.ceil(math.log(1e-3 / start) / math.log(factor)) - 1)


def _forms(found: Found) -> Chapter:
    shown = found.shown
    due = shown.cut(shown.order) / found.forms[-1].gain
    return Chapter(
        "Its forms",
        [
            f"The polynomial, of order {shown.order}, can be computed in six forms, the rational filter in two more:",
            Table(
                ["form", "products", "multiplications", "additions", "kB", "double", "single", "from r", "µs"],
                [_row(one) for one in found.forms],
                f"On the graph above with {shown.graph.entries // 2} edges and a normal signal of {shown.x.shape[1]} "
                "features. Products with the shift; operations and kB read and written as each form states them, for "
                "numbers of 4 bytes. Double, single: relative distance from the eigendecomposition of the same "
                "filter, which the spectral form is itself. From r: distance of the result from that of the rational "
                f"filter, which the order decides, not the form; for this signal at most {due:.1e}. µs: median time in "
                "single precision, which on so small a graph is that of calling, not of computing.",
            ),
            "All of them are the same function of $S$. What tells them apart is cost, rounding, and what they need: "
            "the spectral form a decomposition of $n^3$ operations, the Chebyshev form an interval that holds the "
            "eigenvalues of this very graph, the iteration a shift smaller than $1/\\psi$. Its formula below has a "
            "$\\psi_i$ for each pole $1 / \\psi_i$; this filter has one pole, and $\\psi_1$ is the $\\psi$ of the "
            "walks.",
        ],
    )  # fmt: skip


def _row(one: FormFound) -> list[str]:
    cost = one.cost
    return [
        one.form,
        str(cost.products),
        f"{cost.multiplications:,}",
        f"{cost.additions:,}",
        f"{cost.bytes / 1e3:,.0f}",
        told(one.error64),
        told(one.error32),
        told(one.from_rational),
        f"{1e6 * one.seconds:,.0f}",
    ]


_WORDS = {
    "direct": "Direct: a chain of shifts, tapped after each.",
    "transposed": "Transposed (Horner): the arrows turned round; every tap has its own way through the shifts that "
    "are left.",
    "cascade": "Cascade: real factors one after another, of order two where roots are conjugate.",
    "parallel": "Parallel: even and odd powers, each a filter in $S^2$.",
    "chebyshev": "Chebyshev (Clenshaw): the recursion $T_{k+1} = 2 \\tilde{S}\\,T_k - T_{k-1}$ backwards, "
    "with $\\tilde{S}$ the shift moved to $[-1, 1]$.",
    "spectral": "Spectral: into the basis of eigenvectors, times the response, and back.",
    "rational-solve": "Rational, solved: the loop is an equation, and a matrix is factorised.",
    "rational-iteration": "Rational, iterated: the same loop, run until it settles.",
}


def _flows(shown: Setting, found: Found) -> Chapter:
    blocks: list[Block] = [
        f"Each form as a formula and as a flow graph, here of order {_DRAWN}: a box $S$ lets every node sum over its "
        "neighbours, a triangle multiplies, a circle adds."
    ]
    for one in found.forms:
        given = shown.rational if one.filter == "rational" else shown.powers(_DRAWN)
        made = realize(shown.chebyshev(_DRAWN) if one.form == "chebyshev" else given, one.form)
        picture = drawn_picture(png(flow_figure(made.flow())), f"flow graph, {one.form}", _WORDS[one.form])
        blocks += [Formula(made.formula), picture]
    return Chapter("Their formulas and flow graphs", blocks)


def _conditioning(found: Found) -> Chapter:
    orders = [order for order in (5, 10, 15, 20, 25, 30) if order <= found.bases[0].orders[-1]]
    rows = []
    for one in found.bases:
        for order in orders:
            k = one.orders.index(order)
            numbers = (one.adjacency[k], one.scaled[k], one.powers[k], one.chebyshev[k], one.orthonormal[k])
            rows.append([one.graph, str(order), *(_condition(value) for value in numbers)])
    return Chapter(
        "High orders: which taps?",
        [
            "Taps that are learned or fitted from responses are coordinates in a basis: $h(\\lambda_i) = \\sum_k\\,h_k "
            "\\lambda_i^k$. How far an error of the responses can carry the taps is the condition number of the "
            "matrix $\\lambda_i^k$, or $T_k(\\lambda_i)$. On a ring of $n$ nodes the eigenvalues are $\\cos 2 \\pi j "
            "/ n$, the columns $\\cos 2 \\pi j k / n$ are orthogonal for $k < n / 2$, and the first is longer than "
            "the others by $\\sqrt{2}$, which is the condition number. Powers grow by $1 + \\sqrt{2}$ an order "
            "(Gautschi, 1979).",
            figures.conditions(
                found.bases,
                f"Condition numbers by order. Beyond {SINGULAR:.0e} (dashed) double precision cannot tell the "
                "matrix from a singular one, and a curve ends.",
            ),
            Table(
                ["graph", "order", "powers: A", "A / largest", "normalised A", "Chebyshev", "orthonormal"],
                rows,
                "Condition numbers of powers of $A$, of $A$ over its largest absolute eigenvalue and of the normalised "
                "$A$, of Chebyshev polynomials of the latter, and of polynomials orthonormal on its eigenvalues; "
                '"singular" beyond 1e16.',
                words=(0,),
            ),
            "On the graph with communities one eigenvalue is 1, a few are near it, and all others crowd around 0: "
            "the interval is mostly empty, and there polynomials can differ as they like. Chebyshev polynomials are "
            "no cure for that; they compute a given filter well, but their taps of high order are not determined by "
            "this graph. The control is a basis made for the graph: polynomials that are orthonormal on its own "
            "eigenvalues, by the recursion of Stieltjes (1884) and Lanczos (1950), here with the orthogonalisation "
            "repeated against rounding. What responses leave open between eigenvalues is open in that basis, too.",
        ],
    )  # fmt: skip


def _condition(value: float) -> str:
    return "singular" if math.isinf(value) else f"{value:.1e}"


def _rounding(found: Found) -> Chapter:
    shown, last = found.shown, found.rounding.orders[-1]
    own = (1.0 + math.sqrt(2.0)) / shown.rho
    return Chapter(
        "High orders: which rounding?",
        [
            "A given filter is computed well if no form goes through numbers much larger than its result. Of all "
            "polynomials that stay within 1 on $[-1, 1]$, $T_K$ has the largest taps of the powers $K$, $K - 2$ and so "
            "on (V. Markov, 1892). They change signs, and with $i^2 = -1$ their absolute values add up to",
            Formula(r"\sum_k\,|h_k| = |T_K(i)| = \frac{1}{2}\,|(1 + \sqrt{2})^K + (1 - \sqrt{2})^K|"),
            "That times the rounding of one number is what the direct and the transposed form may lose. The "
            "Chebyshev form rounds its input and $K$ sums, and each rounding reaches the result by a Chebyshev "
            "polynomial of the second kind, which stays within $K + 1$: $(K + 1)^2$ roundings of a number.",
            figures.rounding(
                found.rounding,
                "The filter $T_K$ in single precision: the worst error over all eigenvectors of the ring, against its "
                "largest value, 1. Dashed: rounding of one number times the sum of the taps' absolute values. Dotted: "
                "$(K + 1)^2$ roundings.",
            ),
            f"In double precision the direct form errs by {found.rounding.double[-1]:.0e} at order {last}. The walks' "
            f"filter is kinder: its coefficients fall by {shown.rho:.3g} an order, so that its taps grow as "
            f"${own:.3f}^K$ only. Taps that are learned promise neither.",
        ],
    )  # fmt: skip


def _shifts(found: Found) -> Chapter:
    return Chapter(
        "Another shift",
        [
            "A layer keeps its taps when the shift is changed, not its filter. Here are the taps of the walks, "
            "$h_k = (1 - \\psi)\\,\\psi^k$, with four shifts of the same graph:",
            figures.shifts(
                found.shown,
                found.shifts,
                "The response at the eigenvalues of each shift; the scale is logarithmic for the first two. Below 1 "
                "for the normalised adjacency; with the bare adjacency or Laplacian it grows as the largest eigenvalue "
                "to the power of the order.",
            ),
            Table(
                ["shift", "eigenvalues", "gain", "norm", "output / input", "single", "left over", "of all", "ring"],
                [_shift_row(one) for one in found.shifts],
                "Gain: the largest $|h(\\lambda)|$; norm: relative distance of the computed layer's largest "
                "singular value from it. Output / input: of norms, for a layer of 8 to 8 features with the same "
                "random weights. Single: its error in single precision. Left over: the distance, relative to it, of "
                "$h(\\mathrm{normalised}\\ A)$ from the nearest polynomial of the same order in the shift of the "
                "row; of all: from the nearest polynomial of any order; ring: as left over, on the ring.",
            ),
            "The normalised Laplacian is $I$ minus the normalised adjacency, so that a polynomial in one is a "
            "polynomial of the same order in the other, with other taps. On this graph adjacency and Laplacian have "
            "other eigenvectors, and the walks' polynomial in the normalised adjacency is a polynomial of no order in "
            "them. Degrees that differ make that likely, not certain: the adjacency of a star is a multiple of its "
            "normalised one.",
        ],
    )  # fmt: skip


def _shift_row(one: ShiftFound) -> list[str]:
    return [
        one.name,
        f"{_low(one):.2f} to {float(one.eigenvalues[-1]):.2f}",
        f"{one.gain:.3g}",
        told(abs(one.norm / one.gain - 1.0)),
        f"{one.grown:.3g}",
        f"{one.error32:.0e}",
        told(one.left),
        told(one.left_of_all),
        told(one.left_on_ring),
    ]


def _low(one: ShiftFound) -> float:
    """The smallest eigenvalue, without the sign of a rounded zero."""
    return round(float(one.eigenvalues[0]), 2) + 0.0
