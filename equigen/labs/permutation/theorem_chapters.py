"""The chapters of the lab permutation on the theorem, its proof, and what obeys it."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.extremes import largest
from equigen.labs.permutation import figures
from equigen.labs.permutation.commuting import Commuting
from equigen.labs.permutation.concluding import DIGITS
from equigen.labs.permutation.findings import Found
from equigen.report.document import Block, Chapter, Formula, Table

__all__ = ["layer_chapter", "proof_chapter", "question_chapter", "realization_chapter"]

_FROM_INVARIANTS = {"node-varying": "taps from invariants", "edge-varying": "weights from invariants"}


def question_chapter(seed: int) -> Chapter:
    """What a renumbering is, and what it is to commute with it."""
    return Chapter(
        "Numbers that mean nothing",
        [
            "A computer holds a graph of $n$ nodes as a matrix $W$ with $W_{ij}$ the weight with which node $i$ hears "
            "node $j$, and $F$ features of each node as the rows of a matrix $X$. Both need an order of the nodes, and "
            "the graph has none: any other is as good. With the matrix $P$ of a permutation, a single 1 in each row "
            "and each column and so $P P^T = P^T P = I$, the same graph with other numbers is",
            Formula(r"\hat{W} = P^T W P, \qquad \hat{X} = P^T X"),
            "A function $f$ that gives features of the nodes should give the same features to the same nodes, "
            "whatever their numbers; one that gives features $r$ of the whole graph should not change at all:",
            Formula(r"f(P^T W P,\,P^T X) = P^T f(W, X), \qquad r(P^T W P,\,P^T X) = r(W, X)"),
            "The first is called permutation equivariance, here also: $f$ commutes with renumbering. The second is "
            "invariance. Elsewhere, in the code and in the lab realizations, a renumbering is written $P W P^T$ "
            "and $P X$; with $P$ also $P^T$ runs through all permutations, so that both are the same set "
            "of renumberings.",
            figures.square(
                seed,
                "Above, a graph of nine nodes, a signal on it, and two functions of it; below, the same graph with "
                "other numbers. Inside each node its number, below it the value. Where a function commutes, the two "
                "pictures differ by the numbers alone. With taps that belong to the numbers the values change.",
            ),
        ],
    )


def proof_chapter() -> Chapter:
    """The theorem and its proof."""
    return Chapter(
        "The theorem, and why it holds",
        [
            "Theorem. Let a network be made of layers",
            Formula(
                r"X_0 = X, \qquad X_l = \sigma_l\left(\sum_{k=0}^{K}\,S^k X_{l-1} H_{l,k} + 1\,b_l^T\right), "
                r"\qquad l = 1, \ldots, L"
            ),
            "where $1$ is the column of $n$ ones. If (a) the shift is made from the graph alone, so that "
            "$S(P^T W P) = P^T S(W) P$; (b) the taps $H_{l,k}$ and the biases $b_l$ do not depend on the numbering; "
            "and (c) $\\sigma_l$ is applied to every node by itself, to all in the same way; then $X_L$ commutes with "
            "every renumbering, and readouts such as $\\rho(1^T X_L)$ do not change.",
            "Proof. One: powers of the shift. The renumbered graph has the shift $\\hat{S} = S(P^T W P) = P^T S P$, "
            "by premise (a). Between two factors stands $P P^T = I$, so that, factor by factor,",
            Formula(r"\hat{S}^k = P^T S P\,P^T S P \cdots P^T S P = P^T S^k P"),
            "Two: the filter. The taps are the same for both numberings by premise (b), and stand on the other side of "
            "$X$, where they mix features and never nodes:",
            Formula(
                r"\sum_k\,\hat{S}^k \hat{X} H_k = \sum_k\,P^T S^k P\,P^T X H_k = P^T \sum_k\,S^k X H_k"
            ),
            "Three: the bias. Every row of $P^T$ holds a single 1, hence $P^T 1 = 1$ and $1\\,b^T = P^T 1\\,b^T$. "
            "Four: the nonlinearity, by premise (c). What is done to each row alone, and to all rows alike, may "
            "be done before or after the rows change places: $\\sigma(P^T Z) = P^T \\sigma(Z)$. Five: together,",
            Formula(
                r"\hat{X}_l = \sigma_l\left(P^T \sum_k\,S^k X_{l-1} H_{l,k} + P^T 1\,b_l^T\right) = P^T X_l "
                r"\quad \mathrm{if} \quad \hat{X}_{l-1} = P^T X_{l-1}"
            ),
            "and $\\hat{X}_0 = P^T X_0$ begins the induction over the layers. Six: $1^T P^T = 1^T$ carries it over to "
            "sums, and a mean or a maximum over the rows does not see their order either. This was to be shown.",
            *_beyond(),
        ],
    )  # fmt: skip


def _beyond() -> list[Block]:
    """Which shifts and layers the proof covers, and what it leaves open."""
    return [
        "Premise (a) holds for all the usual shifts. The degrees are $d = W 1$, so that $\\hat{d} = P^T W P\\,1 = "
        "P^T d$, and with them $\\mathrm{diag}(\\varphi(\\hat{d})) = P^T \\mathrm{diag}(\\varphi(d))\\,P$ for any "
        "function $\\varphi$ of one number; sums and products of matrices that change in this way change in this "
        "way, again by $P P^T = I$.",
        "Layers that are no filters fall under the same thought. Attention and message passing compute",
        Formula(r"y_i = \gamma\left(x_i, \; \bigoplus_{j \in N(i)}\,\varphi(x_i, x_j, W_{ij})\right)"),
        "A renumbering brings to each node the same messages in another order; so they commute if $\\oplus$ does "
        "not depend on the order of what it joins: a sum, a mean, a maximum, not a recurrent network. Attention is one "
        "such sum divided by another.",
        "The condition is sufficient. It is not necessary: a tap of its own for each node does no harm if it is "
        "itself computed from the graph by a rule that commutes, from the degree, say. Where taps are free numbers, "
        "nothing weaker will do at order 0: if $P^T \\mathrm{diag}(h)\\,P = \\mathrm{diag}(h)$ for the $P$ that "
        "exchanges two nodes, then their entries of $h$ are equal. This is shown at order 0 only. At higher orders it "
        "is not so on every graph: at a node that hears nobody such a tap may do nothing.",
    ]


def realization_chapter(found: Found, permutations: int, end: str) -> Chapter:
    """Every form of a filter, measured."""
    names = dict.fromkeys((one.form, one.filter) for one in found.realizations)
    rows = []
    for form, kind in names:
        here = [one.commuting for one in found.realizations if (one.form, one.filter) == (form, kind)]
        worst = [largest(values) for values in zip(*((one.double, one.single, one.floor) for one in here), strict=True)]
        rows.append([f"{form}, {kind}", str(len(here)), *(f"{value:.1e}" for value in worst)])
    return Chapter(
        "Every form of a filter",
        [
            "The theorem is about real numbers; a computer adds rounded ones, and the sum over the neighbours "
            "of a node depends in its last digit on the order in which they come. So a program that obeys the theorem "
            "commutes up to rounding, and the error shrinks with the precision: from float32 to float64 by about "
            f"{DIGITS:.2f} decimal digits. What breaks the symmetry breaks it in both alike.",
            "Measured is, over random permutations $P$,",
            Formula(r"\mathrm{error}(P) = \dfrac{\| f(P^T S P,\,P^T X) - P^T f(S, X) \|}{\| f(S, X) \|}"),
            f"on {len(found.x)} nodes at random places in a square, joined to the nearest, with weights that fall with "
            f"the distance, and {found.x.shape[1]} normal features: a polynomial of order 4 and a rational filter with "
            "one pole, the coefficients scaled to the largest eigenvalue of the shift, in every form that they have.",
            figures.forms(
                found.realizations,
                f"The largest error over {permutations} permutations; a mark for each shift. Grey: how far the float32 "
                "result is from that in float64 without any renumbering, the floor. Dashed: what counts as rounding. "
                "Errors of 0 are drawn at the left edge.",
            ),
            Table(
                ["form", "shifts", "float64", "float32", "floor of float32"], rows,
                "The worst over the shifts. The spectral form is not defined on the two shifts of a random walk, whose "
                "matrix is not symmetric.",
            ),
            end,
        ],
    )  # fmt: skip


def layer_chapter(found: Found, permutations: int, end: str) -> Chapter:
    """Networks on every shift, layers of every kind, and readouts, measured."""
    return Chapter(
        "Networks, layers, readouts",
        [
            "A network as in the theorem, two layers with 8 features, taps and biases drawn at random, on every shift; "
            "one layer of every kind, as it is initialised; and the readouts of the network. The layers that give each "
            "node its own taps, or each edge its own weight, are those that make them from invariants of the nodes.",
            Table(
                ["function", "float64", "float32", "floor of float32"],
                [
                    *_rows("network on", found.networks),
                    *_rows("layer", found.layers),
                    *_rows("readout", found.readouts),
                ],
                f"The largest relative error over {permutations} permutations. The floor: how far the float32 result "
                "is from that in float64, nothing renumbered.",
            ),
            end,
        ],
    )


def _rows(kind: str, found: Sequence[Commuting]) -> list[list[str]]:
    return [[f"{kind}: {_name(one)}", f"{one.double:.1e}", f"{one.single:.1e}", f"{one.floor:.1e}"] for one in found]


def _name(one: Commuting) -> str:
    return f"{one.name}, {_FROM_INVARIANTS[one.name]}" if one.name in _FROM_INVARIANTS else one.name
