"""A sentence for each conclusion of the lab permutation, as its verdict is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equigen.labs.extremes import largest, least
from equigen.labs.lab import Conclusion
from equigen.labs.permutation.commuting import Commuting
from equigen.labs.permutation.crowding import OVER
from equigen.labs.permutation.findings import Found

__all__ = ["CLOSED", "Sentence", "Told", "sentences"]

CLOSED = "is that of the closed form"
"""How the claims end that compare a measured error with a closed form."""


@dataclass(frozen=True)
class Sentence:
    """What is said of a conclusion.

    Args:
        chapter: at whose end it stands.
        words: of the claim, which no other one has.
        yes: if it holds.
        no: if it does not.
    """

    chapter: str
    words: str
    yes: str
    no: str


class Told:
    """The sentences that the verdicts choose.

    Args:
        found: all numbers.
        conclusions: about them.
    """

    def __init__(self, found: Found, conclusions: Sequence[Conclusion]) -> None:
        self.sentences = {one.words: one for one in sentences(found)}
        self.conclusions = conclusions

    def verdict(self, words: str) -> Conclusion:
        """The one conclusion with these words in its claim."""
        (one,) = (one for one in self.conclusions if words in one.claim)
        return one

    def one(self, words: str) -> str:
        """The sentence of one conclusion."""
        sentence = self.sentences[words]
        return self.verdict(words).told(sentence.yes, sentence.no)

    def all(self, yes: str, *words: str) -> str:
        """One sentence for several conclusions if all hold, else those of the ones that do not."""
        return " ".join(self.one(each) for each in words if not self.verdict(each).holds) or yes

    def closed(self) -> str:
        """How many of the closed forms agree with what is measured, and which do not."""
        each = [one for one in self.conclusions if one.claim.endswith(CLOSED)]
        names = {
            verdict: ", ".join(one.claim.split(":")[0] for one in each if one.verdict == verdict)
            for verdict in ("no", "not resolved")
        }
        agreeing = sum(one.holds for one in each)
        return (
            f"The mean error over all numberings has a closed form for {len(each)} of the functions on this page; "
            f"{agreeing} of the measurements agree with theirs within {100 * (each[0].tolerance or 0):.0f} %"
            + (f"; these disagree: {names['no']}" if names["no"] else "")
            + (f"; these are not resolved: {names['not resolved']}" if names["not resolved"] else "")
            + "."
        )

    def end(self, chapter: str) -> str:
        """The paragraph at the end of a chapter: all its sentences."""
        return " ".join(self.one(one.words) for one in self.sentences.values() if one.chapter == chapter)


def sentences(found: Found) -> list[Sentence]:
    """One for each conclusion but those on closed forms, which are counted together.

    Args:
        found: for the numbers in them.
    """
    return [*_forms(found), *_layers(found), *_tables(found), *_positions(), *_waves(), *_sampling(), *_company(found)]


def _forms(found: Found) -> list[Sentence]:
    every = [one.commuting for one in found.realizations]
    forms, shifts = len({one.form for one in found.realizations}), len({one.shift for one in found.realizations})
    double, single = largest(one.double for one in every), largest(one.single for one in every)
    return [
        Sentence(
            "forms", "rounding of float64",
            f"In float64 all {forms} forms of a filter commute with renumbering on each of the {shifts} shifts on "
            f"which it is defined, within {double:.0e}.",
            f"In float64 a form of a filter misses it by {double:.0e}, which is more than rounding.",
        ),
        Sentence(
            "forms", "rounding of float32",
            f"In float32 they commute within {single:.0e}.",
            f"In float32 a form of a filter misses it by {single:.0e}, which is more than rounding.",
        ),
        Sentence(
            "forms", "shrinks as the precision",
            "What is left is rounding, for it shrinks with the precision.",
            "What is left does not shrink with the precision as rounding does.",
        ),
    ]  # fmt: skip


def _layers(found: Found) -> list[Sentence]:
    return [
        Sentence(
            "layers", "on every shift",
            "A network of two layers commutes with renumbering on each shift.",
            f"A network of two layers does not commute with renumbering on {_names(found.networks)}.",
        ),
        Sentence(
            "layers", "every kind of layer",
            f"All {len(found.layers)} kinds of layers commute with renumbering; those with taps of each node or "
            "weights of each edge make them from invariants.",
            f"Among the layers, these do not commute: {_names(found.layers)}.",
        ),
        Sentence(
            "layers", "the readouts",
            "Sums, means and maxima over nodes do not change.",
            f"Among the readouts, these change: {_names(found.readouts)}.",
        ),
    ]  # fmt: skip


def _tables(found: Found) -> list[Sentence]:
    errors = [one.root_mean_square for one in found.broken]
    return [
        Sentence(
            "pair", "example of two nodes",
            "The measured margin is that of theory.",
            "The measured margin is not that of theory.",
        ),
        Sentence(
            "tables", "every table over the numbers",
            "Numbers that belong to places break the symmetry: free taps for each node, free weights for each edge, a "
            f"bias for each node, neighbours heard in the order of their numbers, by "
            f"{least(errors):.2g} to {largest(errors):.2g} times the size of the result.",
            "Not every table over the numbers of the nodes breaks the symmetry clearly.",
        ),
        Sentence(
            "tables", "once their tables",
            "Made of degrees, or shared, the same tables do no harm.",
            f"Made of degrees, or shared, the tables still do harm: {_names(found.repaired)}.",
        ),
    ]  # fmt: skip


def _positions() -> list[Sentence]:
    return [
        Sentence(
            "positions", "first entry of an eigenvector, break",
            "Positions by the number of a node, or by an eigenvector with its first entry positive, break the "
            "symmetry.",
            "Positions by number, or by an eigenvector with its first entry positive, do not both break it clearly.",
        ),
        Sentence(
            "positions", "squared eigenvectors, all eigenvalues distinct",
            "Squared eigenvectors, where all eigenvalues differ, and returning walks do not break it.",
            "Squared eigenvectors and returning walks as positions break it too, though all eigenvalues differ.",
        ),
        Sentence(
            "positions", "where another has its eigenvalue",
            "Where eigenvalues are equal, squared eigenvectors break it.",
            "A squared eigenvector as position does not break it here, even where eigenvalues are equal.",
        ),
        Sentence(
            "positions", "diagonal of the projector",
            "The diagonal of the projector on an eigenspace commutes there, too.",
            "The diagonal of the projector on an eigenspace breaks it as well.",
        ),
    ]  # fmt: skip


def _waves() -> list[Sentence]:
    return [
        Sentence(
            "waves", "taps by the eigenvalue",
            "Taps by the eigenvalue commute on both graphs.",
            "Taps by the eigenvalue do not commute.",
        ),
        Sentence(
            "waves", "by the index break",
            "Taps by the index of an eigenvalue break the symmetry where two eigenvalues are equal.",
            "Taps by the index of an eigenvalue do not break it here, even where two eigenvalues are equal.",
        ),
        Sentence(
            "waves", "by the index commute",
            "Where all eigenvalues differ they do not break it.",
            "Taps by the index break it where all eigenvalues differ, too.",
        ),
    ]  # fmt: skip


def _sampling() -> list[Sentence]:
    return [
        Sentence(
            "sampling", "in every draw that is tried",
            "Neighbours drawn at random break the symmetry in every draw that is tried.",
            "Neighbours drawn at random do not break it clearly in every draw.",
        ),
        Sentence(
            "sampling", "falls as the root",
            "In law they keep it: the error of a mean over $R$ draws falls as $1 / \\sqrt{R}$.",
            "The error of a mean over $R$ draws does not fall as $1 / \\sqrt{R}$.",
        ),
    ]  # fmt: skip


def _company(found: Found) -> list[Sentence]:
    share = max(found.padding, key=lambda one: one.added)
    return [
        Sentence(
            "company", "does not see padding",
            "A mean over nodes does not see padding.", "A mean over nodes sees padding.",
        ),
        Sentence(
            "company", "by the share of padding",
            f"A mean over all places is wrong by the share of padding, here up to {100 * share.plain:.0f} %.",
            "A mean over all places is not wrong by the share of padding alone.",
        ),
        Sentence(
            "company", "standardised features commute",
            "Statistics of any of the three kinds pass a test of permutations.",
            "Not all statistics pass a test of permutations.",
        ),
        Sentence(
            "company", "depends on those beside it",
            "Statistics over a batch make the result of a graph depend on its company.",
            "Statistics over a batch leave the result of a graph as it is alone.",
        ),
        Sentence(
            "company", "depends on the padding",
            "Statistics over all places make it depend on the padding, too.",
            "Statistics over all places leave the result as it is without padding.",
        ),
        Sentence(
            "company", f"over {OVER[0]} a graph has",
            "With statistics of each graph the result of a graph is the one it has alone.",
            "With statistics of each graph, too, the result of a graph changes with its company.",
        ),
    ]  # fmt: skip


def _names(found: Sequence[Commuting]) -> str:
    return ", ".join(one.name for one in found if not one.exact)
