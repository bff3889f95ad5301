"""The chapter of the lab realizations on three kinds of layer, each a special case of the next."""

from __future__ import annotations

from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.wording import told
from equigen.report.document import Chapter, Formula, Table

__all__ = ["nesting_chapter"]


def nesting_chapter(found: Found) -> Chapter:
    """What contains what, with a counter-example for each converse."""
    rows = [
        ["a convolution, by attention with equal scores", "0", told(found.nesting.convolution_by_attention)],
        ["attention, by messages that are weighted features", "0", told(found.nesting.attention_by_messages)],
        ["attention, by weights held on edges, at the same signal", "0", told(found.nesting.attention_by_edges)],
        ["attention, by weights held on edges, at another signal", "more", told(found.nesting.edges_elsewhere)],
        ["superposition, of a convolution", "0", told(found.nesting.convolution_superposed)],
        ["superposition, of attention", "more", told(found.nesting.attention_superposed)],
        ["a node of a pair moved by 0.5: what it gets from attention", "0", told(found.nesting.attention_of_own)],
        ["a node of a pair moved by 0.5: what it gets from $|x_i - x_j|$", "0.5", told(found.nesting.messages_of_own)],
    ]
    return Chapter(
        "Three kinds of layer",
        [
            "A layer lets each node sum over its neighbours. What may the summand depend on?",
            Formula(r"\mathrm{convolutional:}\qquad y_i = \sum_j\,c_{ij}\,V x_j"),
            Formula(r"\mathrm{attentional:}\qquad y_i = \sum_j\,a(x_i, x_j)\,V x_j"),
            Formula(r"\mathrm{message\ passing:}\qquad y_i = \sum_j\,\psi(x_i, x_j)"),
            "The $c_{ij}$ come from the graph alone, $a$ is a number found from features, $\\psi$ a vector "
            "(Bronstein, Bruna, Cohen and Veličković, 2021, section 5.3). Each is a case of the next: take $a$ "
            "constant, then take $\\psi(x_i, x_j) = a(x_i, x_j)\\,V x_j$. No converse holds. A convolution is "
            "linear, and attention is not, for its weights move with the signal. And with a softmax over a single "
            "neighbour, $a = 1$ whatever the two features are, so that $y_i = V x_j$ does not depend on $x_i$, while "
            "$\\psi = |x_i - x_j|$ does.",
            "Beside these stands the edge-varying filter (Isufi, Gama and Ribeiro, 2021), with a free number on each "
            "edge in place of the shift's. It holds every convolution, and it is any attention layer at one signal: "
            "the numbers are copied from there. At another signal they are the wrong ones; and they belong to the "
            "edges of one graph in one order, so that it does not commute with a renumbering of nodes unless they are "
            "computed from what moves with the nodes.",
            Table(
                ["what is compared, or moved", "should be", "measured"],
                rows,
                "In double precision, on the graph with communities and on a pair of nodes joined by an edge: relative "
                "distances of the two sides; superposition: of $f(x) + f(z)$ from $f(x + z)$.",
                words=(0,),
            ),
        ],
    )  # fmt: skip
