"""The paragraph that says what the conclusions of the lab permutation come to."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.permutation.crowding import OVER
from equigen.labs.permutation.findings import Found
from equigen.labs.permutation.telling import Told

__all__ = ["answered_by"]


def answered_by(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph: the theorem, and a sentence for each group of conclusions that all hold.

    Of a group in which one does not hold, that one is told instead.

    Args:
        found: all numbers.
        conclusions: about them.
    """
    told = Told(found, conclusions)
    return " ".join([*_obeying(found, told), *_breaking(told), *_company(found, told)])


def _obeying(found: Found, told: Told) -> list[str]:
    forms, shifts = len({one.form for one in found.realizations}), len({one.shift for one in found.realizations})
    return [
        "If the shift is made from the graph alone, all coefficients are shared by all nodes, and the nonlinearity "
        "acts on every node by itself, then renumbering the nodes renumbers the result and does nothing else: this is "
        "proved below.",
        told.all(
            f"Up to rounding this is so for all {forms} forms of a filter on {shifts} shifts, networks on each of "
            f"them, {len(found.layers)} kinds of layers (where they have taps of each node or weights of each edge, "
            "made from invariants), and sums, means and maxima over nodes.",
            "rounding of float64", "rounding of float32", "shrinks as the precision", "on every shift",
            "every kind of layer", "the readouts",
        ),
    ]  # fmt: skip


def _breaking(told: Told) -> list[str]:
    return [
        told.all(
            told.sentences["every table over the numbers"].yes, "every table over the numbers", "example of two nodes"
        ),
        told.closed(),
        told.one("once their tables"),
        told.one("first entry of an eigenvector, break"),
        told.all(
            "Squared eigenvectors do not where all eigenvalues differ, but where eigenvalues are equal they break it; "
            "the diagonal of the projector on an eigenspace, and returning walks, do no harm.",
            "squared eigenvectors, all eigenvalues distinct",
            "where another has its eigenvalue",
            "diagonal of the projector",
        ),
        told.all(
            "Taps by the index of an eigenvalue, too, break it where two eigenvalues are equal, and only there; taps "
            "by the eigenvalue do not.",
            "by the index break", "by the index commute", "taps by the eigenvalue",
        ),
        told.all(
            "Neighbours drawn at random break it in every draw that is tried and keep it in law: the error of a mean "
            "over $R$ draws falls as $1 / \\sqrt{R}$.",
            "in every draw that is tried", "falls as the root",
        ),
    ]  # fmt: skip


def _company(found: Found, told: Told) -> list[str]:
    share = max(found.padding, key=lambda one: one.added)
    return [
        told.all(
            "A mean over nodes does not see padding, but one over all places is wrong by its share, here up to "
            f"{100 * share.plain:.0f} %.",
            "does not see padding", "by the share of padding",
        ),
        told.all(
            "A test of permutations does not see everything: statistics over a batch pass it, and yet make the result "
            "of a graph depend on its company, and those over all places on the padding; statistics of each graph do "
            "not.",
            "standardised features commute", "depends on those beside it", "depends on the padding",
            f"over {OVER[0]} a graph has",
        ),
    ]  # fmt: skip
