"""The chapter of the lab realizations on three kinds of layer, each a special case of the next."""

from __future__ import annotations

from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.nesting import Nesting
from equigen.labs.realizations.wording import told
from equigen.report.document import Chapter, Formula, Table

__all__ = ["nesting_chapter"]


def nesting_chapter(found: Found) -> Chapter:
    """What contains what, with a counter-example for each converse."""
    return Chapter(
        "Three kinds of layer",
        [
            "A layer lets each node sum over its neighbours. What may the summand depend on?",
            Formula(r"\mathrm{convolutional:}\qquad y_i = \sum_j\,c_{ij}\,V x_j"),
            Formula(r"\mathrm{attentional:}\qquad y_i = \sum_j\,a(x_i, x_j, c_{ij})\,V x_j"),
            Formula(r"\mathrm{message\ passing:}\qquad y_i = \sum_j\,m(x_i, x_j, c_{ij})"),
            "The $c_{ij}$ come from the graph alone, $a$ is a number found from features and from what the edge "
            "bears, $m$ a vector (after Bronstein, Bruna, Cohen and Veličković, 2021, section 5.3). Each is a case of "
            "the next: take $a = c_{ij}$, then take $m = a(x_i, x_j, c_{ij})\\,V x_j$. An $a$ that is a softmax of "
            "scores of features does not see the edge: with equal scores it is 1 over the degree, which is the "
            "convolution with $D^{-1} A$ and no other. No converse holds. A convolution is linear, and attention need "
            "not be, for its weights move with the signal. And let a node without a loop have one neighbour, whose "
            "features are 0: it gets $a\\,V x_j = 0$ from attention, whatever number $a$ is, but $|x_i|$ from the "
            "message $|x_i - x_j|$.",
            "Beside these stands the edge-varying filter (Isufi, Gama and Ribeiro, 2021), with a free number on each "
            "edge in place of the shift's. It holds every convolution, and it is any attention layer at one signal: "
            "the numbers are copied from there. At another signal they are the wrong ones but by accident (scores that "
            "are products of features agree at $-x$, too); and they belong to the edges of one graph in one order, "
            "so that it does not commute with a renumbering of nodes unless they are "
            "computed from what moves with the nodes.",
            Table(
                ["what is compared, or moved", "should be", "measured"],
                _rows(found.nesting),
                "In double precision, on the graph with communities and on a pair of nodes joined by an edge: relative "
                "distances of the two sides; superposition: of $f(x) + f(z)$ from $f(x + z)$. The last two "
                "are values: the largest with a softmax and 8 sets of free weights, and the message.",
                words=(0,),
            ),
        ],
    )  # fmt: skip


def _rows(nesting: Nesting) -> list[list[str]]:
    return [
        ["the convolution with $D^{-1} A$, by attention with equal scores", "0", told(nesting.mean_by_attention)],
        ["that with the normalised adjacency, by the same", "more", told(nesting.convolution_by_scores)],
        ["that one, by attention with the edge's weight", "0", told(nesting.convolution_by_attention)],
        ["attention, by messages that are weighted features", "0", told(nesting.attention_by_messages)],
        ["attention, by weights held on edges, at the same signal", "0", told(nesting.attention_by_edges)],
        ["attention, by weights held on edges, at another signal", "more", told(nesting.edges_elsewhere)],
        ["superposition, of a convolution", "0", told(nesting.convolution_superposed)],
        ["superposition, of attention", "more", told(nesting.attention_superposed)],
        ["from $x_j = 0$ to $x_i = 1.5$: what attention gives", "0", told(nesting.attention_of_silent)],
        ["from $x_j = 0$ to $x_i = 1.5$: what $|x_i - x_j|$ gives", "1.5", told(nesting.messages_of_silent)],
    ]
