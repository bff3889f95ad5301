"""The paragraph that says what the conclusions of the lab permutation come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.permutation.crowding import OVER
from equigen.labs.permutation.findings import Found

__all__ = ["answered_by"]

_Said = Callable[[str, str, str], str]


def answered_by(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph: a sentence for each conclusion, as its verdict is.

    Args:
        found: all numbers.
        conclusions: about them.
    """

    def said(words: str, yes: str, no: str) -> str:
        (one,) = (one for one in conclusions if words in one.claim)
        return one.told(yes, no)

    return " ".join(
        [*_obeying(found, said), *_breaking(found, said, conclusions), *_positions(said), *_company(found, said)]
    )


def _obeying(found: Found, said: _Said) -> list[str]:
    every = [one.commuting for one in found.realizations]
    forms, shifts = len({one.form for one in found.realizations}), len({one.shift for one in found.realizations})
    double, single = max(one.double for one in every), max(one.single for one in every)
    layers = ", ".join(one.name for one in found.layers if not one.exact)
    return [
        "If the shift is made from the graph alone, all coefficients are shared by all nodes, and the nonlinearity "
        "acts on every node by itself, then renumbering the nodes renumbers the result and does nothing else: this is "
        "proved below.",
        said(
            "rounding of float64",
            f"All {forms} forms of a filter on {shifts} shifts keep to it, within {double:.0e} in float64.",
            f"In float64 a form of a filter misses it by {double:.0e}, which is more than rounding.",
        ),
        said(
            "rounding of float32",
            f"In float32 they keep to it within {single:.0e}.",
            f"In float32 a form of a filter misses it by {single:.0e}.",
        ),
        said(
            "shrinks as the precision",
            "That much is rounding, for it shrinks with the precision.",
            "What is left does not shrink with the precision as rounding does.",
        ),
        said(
            "on every shift",
            "A network of two layers keeps to it on each shift.",
            "A network of two layers does not keep to it on each shift.",
        ),
        said(
            "every kind of layer",
            f"So do all {len(found.layers)} kinds of layers that are tried.",
            f"Among the layers, these do not: {layers}.",
        ),
        said("the readouts", "Sums, means and maxima over nodes do not change.", "A readout over nodes changes."),
    ]  # fmt: skip


def _breaking(found: Found, said: _Said, conclusions: Sequence[Conclusion]) -> list[str]:
    closed = [one for one in conclusions if one.claim.endswith("is that of the closed form")]
    agreeing, missing, open_ = (sum(one.verdict == word for one in closed) for word in ("yes", "no", "not resolved"))
    low, high = (pick(one.root_mean_square for one in found.broken) for pick in (min, max))
    return [
        said(
            "example of two nodes",
            "Taps that belong to places break it with two nodes already, by a margin of $\\sqrt{5}$.",
            "The example of two nodes does not have its margin.",
        ),
        said(
            "every table over the numbers",
            "So do taps for each node, weights for each edge, a bias for each node, and neighbours heard in the order "
            f"of their numbers: by {low:.2g} to {high:.2g} times the size of the result.",
            "Not every table over the numbers of the nodes breaks it clearly.",
        ),
        f"The mean error over all numberings has a closed form in {len(closed)} of these cases and the next; "
        f"{agreeing} of the measurements agree with theirs"
        + (f", {missing} disagree" if missing else "")
        + (f", {open_} not resolved." if open_ else "."),
        said(
            "once their tables",
            "Made of degrees, or shared, the same tables do no harm.",
            "Made of degrees, or shared, the tables still do harm.",
        ),
    ]


def _positions(said: _Said) -> list[str]:
    return [
        said(
            "first entry of an eigenvector, break",
            "Positions by the number of a node, or by an eigenvector with its first entry positive, break it.",
            "Positions by number, or by an eigenvector with its first entry positive, do not both break it clearly.",
        ),
        said(
            "squared eigenvectors",
            "Squared eigenvectors and returning walks as positions do not.",
            "Squared eigenvectors and returning walks as positions break it too.",
        ),
        said(
            "by the index break",
            "Taps by the index of an eigenvalue break it where two eigenvalues are equal.",
            "Taps by the index of an eigenvalue do not break it here, even where two eigenvalues are equal.",
        ),
        said("by the index commute", "Where all differ they do not.", "They break it where all differ, too."),
        said(
            "break the symmetry in one draw",
            "Neighbours drawn at random break it in each draw.",
            "Neighbours drawn at random do not break it clearly in a draw.",
        ),
        said(
            "falls as the root",
            "In law they keep it: the error of a mean over $R$ draws falls as $1 / \\sqrt{R}$.",
            "The error of a mean over $R$ draws does not fall as $1 / \\sqrt{R}$.",
        ),
    ]


def _company(found: Found, said: _Said) -> list[str]:
    share = max(found.padding, key=lambda one: one.added)
    return [
        said(
            "does not see padding",
            "A mean over nodes does not see padding.",
            "A mean over nodes sees padding.",
        ),
        said(
            "by the share of padding",
            f"One over all places is wrong by the share of padding, here up to {100 * share.plain:.0f} %.",
            "One over all places is not wrong by the share of padding alone.",
        ),
        said(
            "depends on those beside it",
            "Statistics over a batch pass every test of permutations, and yet make the result of a graph depend on its "
            "company.",
            "Statistics over a batch leave the result of a graph as it is alone.",
        ),
        said(
            f"over {OVER[0]} a graph has",
            "Statistics of each graph do not.",
            "Statistics of each graph change with its company, too.",
        ),
    ]  # fmt: skip
