"""The page of the lab permutation: the theorem, what obeys it, what breaks it, and what a test of it does not see."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.permutation import figures
from equigen.labs.permutation.commuting import Commuting
from equigen.labs.permutation.findings import Found
from equigen.labs.permutation.telling import Told
from equigen.labs.permutation.theorem_chapters import (
    layer_chapter,
    proof_chapter,
    question_chapter,
    realization_chapter,
)
from equigen.report.document import Block, Chapter, Formula, Table

__all__ = ["chapters"]


def chapters(
    found: Found, conclusions: Sequence[Conclusion], permutations: int, draws: int, seed: int
) -> list[Chapter]:
    """All chapters, each with what its numbers decide at its end.

    Args:
        found: by the lab.
        conclusions: about it.
        permutations: of what should commute.
        draws: permutations of what should not.
        seed: of the lab.
    """
    told = Told(found, conclusions)
    return [
        question_chapter(seed),
        proof_chapter(),
        realization_chapter(found, permutations, told.end("forms")),
        layer_chapter(found, permutations, told.end("layers")),
        _pair(found, told.end("pair")),
        _tables(found, draws, f"{told.end('tables')} {told.closed()}"),
        _positions(found, draws, told),
        _sampling(found, draws, told.end("sampling")),
        _company(found, told.end("company")),
        _limits(),
    ]


def _pair(found: Found, end: str) -> Chapter:
    pair = found.pair
    result, renumbered, moved = (
        "({})".format(", ".join(f"{value:g}" for value in one)) for one in (pair.result, pair.renumbered, pair.moved)
    )
    return Chapter(
        "The smallest example",
        [
            "Two nodes that hear each other, $S_{12} = S_{21} = 1$ and $S_{11} = S_{22} = 0$, and a filter of order 0 "
            "whose tap belongs to the place: $H = \\mathrm{diag}(1, 0)$, the first is kept and the second dropped. On "
            f"$x = (1, 2)$ it gives $H x = {result}$. Exchange the nodes: $P^T S P = S$, for the graph looks the same "
            f"from both, and $P^T x = (2, 1)$. Now it gives ${renumbered}$, where the nodes' own results in their new "
            f"order would be ${moved}$:",
            Formula(
                r"\| H P^T x - P^T H x \| \, / \, \| H x \| = \| (2, 0) - (0, 1) \| = \sqrt{5} = 2.236"
            ),
            f"Measured: {pair.error:.4g}. {end} The network has learned something about the first line of a file, "
            "and not about a node.",
        ],
    )  # fmt: skip


def _tables(found: Found, draws: int, end: str) -> Chapter:
    return Chapter(
        "Tables over the numbers",
        [
            "Each of the following lays a table of numbers over the nodes in their order: taps of each node, "
            "$\\sum_k \\mathrm{diag}(h_k)\\,S^k x$; a weight of each place of the matrix, $(\\Phi \\circ S)\\,x$; a "
            "bias of $n \\times F$ numbers in the place of $1\\,b^T$; only the first two neighbours in the list; and a "
            "state that is halved before each neighbour is added, the simplest recurrent network. Nothing is wrong "
            "with any of them as long as there is one graph in one numbering.",
            "How wrong they are on average over all $n!$ numberings can be computed. A node is given the row of a "
            "random place; with $u_{ij} = \\sum_k h_k(i)\\,(S^k x)_j$, the taps of place $i$ on what is at node $j$,",
            Formula(
                r"\mathrm{E}\,\| f(P^T S P, P^T x) - P^T f(S, x) \|^2 = \sum_j \left(u_{jj} - \bar{u}_j\right)^2 + "
                r"\mathrm{var}_i\,u_{ij}, \qquad \bar{u}_j = \frac{1}{n} \sum_i\,u_{ij}"
            ),
            "For a bias $B$ this is $2 \\sum_{if} (B_{if} - \\bar{B}_f)^2$, twice what of $B$ is not shared. For a sum "
            "$\\sum_r w_r x_{(r)}$ over $d$ neighbours in the order of their numbers, with their mean $m$ and variance "
            "$s^2$, node $i$ adds $(f_i - m \\sum w)^2 + s^2\\,(\\sum w^2 - (\\sum w)^2 / d)$. For weights of each "
            "edge the mean takes the averages of $\\Phi$ over one place, of its square, and over two places in a row.",
            figures.margins(
                [*found.broken, *found.repaired],
                "tables over the numbers",
                f"The root mean square of the relative error: of the first five over {draws} random numberings "
                "(circles) and over all of them in closed form (diamonds). Below, the same functions with tables made "
                "from the degrees of the nodes, or shared by all. Dashed: what counts as rounding.",
            ),
            Table(
                ["function", "measured", "closed form", "float32, largest"],
                _rows([*found.broken, *found.repaired]),
                "Root mean square of the relative error in float64, ± a standard error, and the largest error in "
                "float32. In the second half the numbers hang on the nodes themselves.",
            ),
            end,
        ],
    )


def _positions(found: Found, draws: int, told: Told) -> Chapter:
    return Chapter(
        "Positions and waves",
        [
            "A network that commutes cannot tell apart two nodes that look alike from everywhere; features that say "
            "where a node stands would help. They must be made from the graph by a rule that commutes. The number of "
            "the node is none. An eigenvector of $S$ is one only up to its sign, and a rule such as “the first entry "
            "is positive” asks which node is first. Its square does not know the sign, nor does the chance that a "
            "random walk from a node is back after $k$ steps, $((D^{-1} W)^k)_{ii}$. Where several eigenvectors have "
            "one eigenvalue, which of them a program returns hangs on the numbering, and with it the square of one. "
            "All of them together do not, for the projector on their space is a function of the matrix:",
            Formula(r"p_i = (U_{\lambda} U_{\lambda}^T)_{ii} = \sum_{k \,:\, \lambda_k = \lambda}\,u_{k,i}^2"),
            "Each is added to the signal before the same filter, on the graph from above; those with equal "
            "eigenvalues on a wheel, a ring about a node that is joined to all of it.",
            figures.margins(
                [*found.positions, *found.equals],
                "positions",
                f"As above, the first two over {draws} numberings. The closed form for eigenvectors is a mean over the "
                "$n$ nodes that can come first; that for numbers the trace of $G C G^T$, with $G$ the filter "
                "and $C$ the mean of $(P p - p)(P p - p)^T$ over permutations.",
            ),
            Table(
                ["function", "measured", "closed form", "float32, largest"], _rows([*found.positions, *found.equals]),
                "Root mean square of the relative error in float64, ± a standard error, and the largest in float32.",
            ),
            told.end("positions"),
            *_waves(found, told.end("waves")),
        ],
    )  # fmt: skip


def _waves(found: Found, end: str) -> list[Block]:
    """Taps by the eigenvalue and by its index."""
    rows = [
        [f"{one.graph}: {kind}", f"{one.gap:.1e}", f"{each.double:.1e}", f"{each.single:.1e}"]
        for one in found.waves
        for kind, each in (("by eigenvalue", one.eigenvalue), ("by index", one.index))
    ]
    return [
        "The same question decides the spectral form $U\\,\\mathrm{diag}(h)\\,U^T x$. With $h_i = h(\\lambda_i)$ "
        "it is a function of the matrix and commutes. With a free number $h_i$ for each place in the list of "
        "ascending eigenvalues it commutes as long as all of them differ, since the rank of an eigenvalue is "
        "a fact about the graph: the sign of $u_i$ cancels in $u_i u_i^T$. Where two are equal, as on a ring, "
        "which vectors of their plane come first is an accident of the numbering.",
        Table(
            ["graph and taps", "least gap", "float64", "float32"], rows,
            "Least distance of two eigenvalues, and the largest relative error under renumbering. By the index, "
            "rounding grows with one over the gap; a network that relies on it is one small change of the graph "
            "away from failing, and no filter of order below $n - 1$ equals it, in general.",
        ),
        end,
    ]  # fmt: skip


def _sampling(found: Found, draws: int, end: str) -> Chapter:
    rows = [
        [
            str(one.draws),
            f"{one.mean_square**0.5:.3f}",
            f"{0.5 * one.mean_square_error / max(one.mean_square, 1e-300) ** 0.5:.3f}",
            f"{one.expected**0.5:.3f}",
        ]
        for one in found.averaged
    ]
    return Chapter(
        "Neighbours drawn at random",
        [
            "Large graphs are trained with a few random neighbours of each node in the place of all. The result of one "
            "draw does not commute, for the draw belongs to the place. Its law does: all sets of neighbours are "
            "equally likely in every numbering. So the error is that of two independent draws. The mean of $k$ out of "
            "$d$ numbers of variance $s^2$ has the variance $s^2 (1/k - 1/d)$, hence with $R$ draws averaged",
            Formula(r"\mathrm{E}\,\| f(P^T S P, P^T x) - P^T f(S, x) \|^2 = \frac{2}{R} \sum_i\,s_i^2 \left("
                    r"\frac{1}{k} - \frac{1}{d_i}\right)"),
            figures.sets_of_neighbours(
                found,
                f"Mean of two neighbours against that of all: {max(draws // 4, 2)} permutations, each with noise of "
                "its own, and two standard errors; the line is the closed form. Dashed, the closed form for the first "
                "two in the list, which no averaging mends.",
            ),
            Table(
                ["draws", "measured", "± error", "closed form"], rows,
                "Root mean square of the error under renumbering, relative to the mean over all neighbours.",
            ),
            end,
        ],
    )  # fmt: skip


def _company(found: Found, end: str) -> Chapter:
    padding = [
        [str(one.added), f"{one.masked:.1e}", f"{one.plain:.4f}", f"{one.expected:.4f}"] for one in found.padding
    ]
    rows = [[one.over, f"{one.renumbered:.1e}", f"{one.beside:.2g}", f"{one.padded:.2g}"] for one in found.company]
    return Chapter(
        "Padding and company",
        [
            "Graphs of different sizes are worked on together, either as one matrix of blocks or as matrices of one "
            "size with places that hold no node. A mean over all places instead of over the nodes divides by too much: "
            "with $m$ places added to $n$ nodes it is wrong by $m / (n + m)$, and a network that ends in it tells "
            "graphs by their batch. Normalising features by mean and deviation is harmless over the nodes of each "
            "graph. Over a batch it makes each graph's result depend on the others; over places, on the padding.",
            figures.together(
                found,
                "Left: the mean of filtered features over nodes and over places. Right: filtered features, less their "
                "mean, over their deviation, in three ways: renumbered, beside two other graphs instead of alone, and "
                "with ten places added to each. Errors of 0 are drawn at the left edge.",
            ),
            Table(
                ["places added", "over nodes", "over places", "m / (n + m)"], padding,
                "Relative change of the mean.",
                words=(),
            ),
            Table(
                ["statistics over", "renumbered", "beside others", "padded"], rows,
                "Relative change of the result. The first column is what a test of permutations sees. Such a test "
                "moves the nodes of each graph and leaves its company; that the result of a graph is its own has to be "
                "tested by itself, batched against alone.",
            ),
            end,
        ],
    )  # fmt: skip


def _limits() -> Chapter:
    return Chapter(
        "What this does not show",
        [
            "Random permutations of one graph are a test and no proof: the proof is above, and it is about the "
            "formulas, not the program. A program that fails at few numberings only could pass.",
            "Nor is commuting all one wants. A network that commutes gives equal results to nodes that the graph "
            "cannot tell apart, and to graphs that its layers cannot, and must do so; breaking the symmetry on "
            "purpose, by random features, say, buys that back at the price of a result that holds in law only. What a "
            "filter does when the graph itself changes, by an edge more or a weight less, is a question of "
            "stability and not of numbering.",
        ],
    )


def _theory(one: Commuting) -> str:
    """The closed form; what commutes has the error 0 by theory, and one that does not may have none."""
    if one.expected is not None:
        return f"{one.expected:.3f}"
    return "0" if one.exact else "none given"


def _rows(found: Sequence[Commuting]) -> list[list[str]]:
    return [
        [
            one.name,
            f"{one.root_mean_square:.1e}" if one.exact else f"{one.root_mean_square:.3f} ± {one.error:.3f}",
            _theory(one),
            f"{one.single:.1e}" if one.exact else f"{one.single:.2f}",
        ]
        for one in found
    ]
