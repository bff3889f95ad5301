"""What the lab symmetry says of its conclusions: a sentence for each, and the paragraph at the top."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.symmetry.findings import Found
from equigen.labs.symmetry.learning import KINDS

__all__ = ["Told", "answered_by"]

_SENTENCES = {
    "wrong linear score is wrong": (
        "The linear score that is mixed at random is far from the exact one.",
        "The linear score that is mixed at random is not far from the exact one.",
    ),
    "law of every step is invariant": (
        "Since it commutes, the law of every step is invariant to rounding.",
        "Though it commutes, the law of a step is not invariant.",
    ),
    "is nearly the exact one": (
        "The score fitted to items in random poses is nearly the exact one.",
        "The score fitted to items in random poses is not near the exact one.",
    ),
    "last step is not invariant": (
        "Yet under it the law is not invariant.", "Under it the law is invariant within the bound, too.",
    ),
    "falls as the root": (
        "What it breaks falls as one over the root of the number of items: it never ends.",
        "What it breaks does not fall as one over the root of the number of items.",
    ),
    "is that of the closed form": (
        "The asymmetry of the items' second moments is that of the closed form.",
        "The asymmetry of the items' second moments is not that of the closed form.",
    ),
    "averaged, is a worse score": (
        "A network with random weights, averaged over the group, is a score that is plainly wrong.",
        "The network with random weights is not plainly wrong here.",
    ),
    "its paths pass the test": (
        "The test finds nothing against the invariance of its paths.",
        "The test rejects the invariance of its paths.",
    ),
    "exact score pass it": (
        "Nor of those of the exact score.", "It rejects the paths of the exact score.",
    ),
    "augmented network has less than half": (
        "The network that learned from points in random poses is a good score.",
        "The network that learned from points in random poses is not a good score.",
    ),
    "fall on all sectors alike": (
        "With its noise drawn in all poses, a score that commutes puts equally many samples into all sectors.",
        "A score that commutes does not put equally many samples into all sectors.",
    ),
    "samples of the augmented network do not": (
        "The augmented network does not: its law is not invariant, however good its score.",
        "So does the augmented network, as far as this number of samples tells.",
    ),
    "every path turns with prior and noise": (
        "Where the score commutes, each path turns with its prior and noise, to rounding, with every solver.",
        "A path does not turn with its prior and noise, though the score commutes.",
    ),
    "only the prior is turned": (
        "With the prior turned alone, the noise leads the path elsewhere: the law is invariant, a path is not.",
        "With the prior turned alone, a path turns nonetheless.",
    ),
    "no path of the augmented network": (
        "The paths of the augmented network do not turn.", "Some paths of the augmented network turn.",
    ),
    "symmetric start stays symmetric": (
        "A symmetric start stays symmetric as long as the noise does.",
        "A symmetric start does not stay symmetric.",
    ),
    "noise breaks the symmetry of a start": (
        "Free noise breaks it.", "Free noise does not break it.",
    ),
    "augmented network breaks it without noise": (
        "The augmented network breaks it without any noise.", "The augmented network keeps it, too.",
    ),
    "know a direction each break": (
        "Noise, a prior, a shift and a step that know a direction each break the paths.",
        "Not everything that knows a direction breaks the paths clearly.",
    ),
    "fail the test of an invariant law": (
        "Under wider noise and a shift the samples fail the test.",
        "Under wider noise or a shift the samples do not fail the test at this number.",
    ),
    "commute with quarter turns": (
        "Clamped coordinates commute with quarter turns.", "Clamped coordinates break quarter turns.",
    ),
    "break eighths of a turn": (
        "They break the turns between: only permutations of axes and changes of sign commute with clamping.",
        "They do not clearly break the turns between.",
    ),
    "clamped lengths, and correctors": (
        "Clamped lengths, and correctors whatever their step, break nothing.",
        "A clamped length or a corrector breaks the paths.",
    ),
    "shared by the batch": (
        "A step shared by the batch is not seen by any test of symmetry, but makes items depend on each other.",
        "A step shared by the batch leaves items as they are alone.",
    ),
    "as if it were alone": (
        "All other samplers draw each item as if it were alone.",
        "Another sampler, too, makes items depend on each other.",
    ),
    "plus the distance to it": (
        "The loss is that of the average plus the distance to it, to rounding.",
        "The loss is not that of the average plus the distance to it.",
    ),
    "own for each pose": (
        "With noise of its own for each pose this holds in the mean only.",
        "It holds with noise of its own for each pose, too.",
    ),
    "some loss is recoverable": (
        "Every network that does not commute has a loss that its average would not have.",
        "Not every network that does not commute has a loss that is clearly recoverable.",
    ),
    f"the {KINDS[0]} network is farther": (
        "The plain network is farther from the exact score than the equivariant one.",
        "The plain network is not farther from the exact score than the equivariant one.",
    ),
    f"the {KINDS[1]} network is farther": (
        "So is the augmented one, after equally many steps.",
        "The augmented one is not, after equally many steps.",
    ),
    f"the {KINDS[2]} network is farther": (
        "It is farther even where it is given equal work.",
        "Given equal work, it is not farther: in distance from the score there is nothing to gain.",
    ),
    "alike after equal work": (
        "On the most images both are alike after equal work.",
        "On the most images they are not alike after equal work.",
    ),
    "equivariant networks commute": (
        "The equivariant networks commute to rounding.", "The equivariant networks do not commute.",
    ),
    "no augmented network does": (
        "None of the augmented networks does.", "Some of the augmented networks commute.",
    ),
}  # fmt: skip


class Told:
    """The sentences that the verdicts choose.

    Args:
        conclusions: of the lab.
    """

    def __init__(self, conclusions: Sequence[Conclusion]) -> None:
        self.conclusions = conclusions

    def one(self, words: str) -> str:
        """The sentence of the one conclusion with these words."""
        (found,) = (one for one in self.conclusions if words in one.claim)
        return found.told(*_SENTENCES[words])

    def some(self, *words: str) -> str:
        """The sentences of several."""
        return " ".join(self.one(each) for each in words)

    def all(self, yes: str, *words: str) -> str:
        """One sentence for several conclusions if all hold, else those of the ones that do not."""
        failed = [each for each in words if not self._holds(each)]
        return " ".join(self.one(each) for each in failed) or yes

    def _holds(self, words: str) -> bool:
        return next(one.holds for one in self.conclusions if words in one.claim)


def answered_by(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph.

    Args:
        found: all numbers.
        conclusions: about them.
    """
    told = Told(conclusions)
    return " ".join(
        [
            "If the prior is invariant, the noise of every step is invariant and independent of the past, the score "
            "commutes with the group, and steps are chosen from invariants, then the law of every iterate is "
            "invariant, whatever the step and however wrong the score: this is proved below.",
            *_laws(found, told),
            *_paths(told),
            told.some(*(f"the {kind} network is farther" for kind in KINDS[:3]), "alike after equal work"),
            told.all(
                "What the equivariant network has, and none of the augmented ones, is exactness.",
                "equivariant networks commute", "no augmented network does",
            ),
        ]
    )  # fmt: skip


def _laws(found: Found, told: Told) -> list[str]:
    _, wrong, augmented = found.stepped
    return [
        told.all(
            f"It is seen: a random linear score that commutes keeps the law of each step to {wrong.largest:.0e}, "
            "and paths under a random network, averaged over the group, pass a test of their law.",
            "wrong linear score is wrong", "law of every step is invariant", "averaged, is a worse score",
            "its paths pass the test", "exact score pass it", "fall on all sectors alike",
        ),
        told.all(
            "Augmentation gives no such guarantee: a linear score fitted to items in random poses, wrong by "
            f"{100 * augmented.wrong:.1g} % only, leaves the last law asymmetric by "
            f"{100 * augmented.asymmetry[-1]:.1g} %, which falls as one over the root of their number, and the "
            "samples of an augmented network come in some poses more often than in others.",
            "is nearly the exact one", "last step is not invariant", "falls as the root", "is that of the closed form",
            "augmented network has less than half", "samples of the augmented network do not",
        ),
    ]  # fmt: skip


def _paths(told: Told) -> list[str]:
    return [
        told.all(
            "Turn prior and noise, and the path turns; a symmetric start stays symmetric until noise breaks it.",
            "every path turns with prior and noise", "only the prior is turned", "no path of the augmented network",
            "symmetric start stays symmetric", "noise breaks the symmetry of a start",
            "augmented network breaks it without noise",
        ),
        told.all(
            "What breaks it is what knows a direction: noise, prior, shift, step, and the clamping of coordinates "
            "under turns that are no quarters. A step shared by a batch does not; it ties the items to each other, "
            "which no test of symmetry sees.",
            "know a direction each break", "fail the test of an invariant law", "commute with quarter turns",
            "break eighths of a turn", "clamped lengths, and correctors", "shared by the batch", "as if it were alone",
        ),
        told.all(
            "The loss of any network splits, to rounding, into that of its average over the group and one that is "
            "recoverable for certain.",
            "plus the distance to it", "own for each pose", "some loss is recoverable",
        ),
    ]  # fmt: skip
