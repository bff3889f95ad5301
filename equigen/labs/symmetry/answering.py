"""What the lab symmetry says of its conclusions: the sentences that verdicts choose, and the paragraph at the top."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.symmetry.concluding import NAMES
from equigen.labs.symmetry.findings import Found
from equigen.labs.symmetry.sentences import SENTENCES

__all__ = ["LOSSES", "Told", "answered_by"]

LOSSES = (*(f"{name} is farther" for name in NAMES), "has the equivariant one's loss above the least")
"""Conclusions on how far networks are from the exact score."""


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
        return found.told(*SENTENCES[words])

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
            _work(found),
            told.some(*LOSSES),
            told.all(
                "What equivariant networks have, and no augmented one, is exactness.",
                "equivariant networks commute", "no augmented network commutes",
            ),
        ]
    )  # fmt: skip


def _work(found: Found) -> str:
    less, more = min(one.work for one in found.learned), max(one.work for one in found.learned)
    return (
        f"Networks on images are compared after {less:,} images given to the perceptron, and after {more:,} where work "
        "is equal; after longer trainings the order may differ."
    )


def _laws(found: Found, told: Told) -> list[str]:
    _, wrong, augmented = found.stepped
    return [
        told.all(
            "A wrong score shows the theorem at work: a random linear score that commutes leaves the law of each step "
            f"invariant to {wrong.largest:.0e}, and paths under a random network, averaged over the group, pass a "
            "test of an invariant law.",
            "random linear score is wrong", "law of every step is invariant", "worse score than the best linear one",
            "paths under the random network", "paths under the exact score", "fall on all sectors alike",
        ),
        told.all(
            "Augmentation does not guarantee an invariant law: a linear score fitted to items in random poses, wrong "
            f"by {100 * augmented.wrong:.1g} % only, leaves the last law asymmetric by "
            f"{100 * augmented.asymmetry[-1]:.1g} %, a share that falls as one over the root of the number of items, "
            "and the samples of an augmented network come in some poses more often than in others.",
            "is nearly the exact one", "law of the last step is not invariant", "falls as one over the root",
            "is that of the closed form", "augmented network in the plane has less than half",
            "samples of the augmented network",
        ),
    ]  # fmt: skip


def _paths(told: Told) -> list[str]:
    return [
        told.all(
            "Turn prior and noise, and the path turns, if the score commutes; a symmetric start stays symmetric until "
            "noise breaks the symmetry.",
            "every path turns with prior and noise", "do not turn with the prior alone",
            "paths of the augmented network", "symmetric start stays symmetric",
            "free noise breaks the symmetry of a start", "augmented network breaks the symmetry of a start",
        ),
        told.all(
            "Whatever knows a direction breaks the turning of paths: noise, prior, shift, step, and the clamping of "
            "coordinates under turns that are no quarters. A step shared by a batch breaks no symmetry but ties the "
            "items to each other, which no test of symmetry sees.",
            "know a direction each break", "fail the test of an invariant law", "commute with quarter turns",
            "break eighths of a turn", "with clamped lengths, and with correctors", "step shared by the batch makes",
            "without a step shared by the batch",
        ),
        told.all(
            "The loss of any network splits, to rounding, into that of its average over the group and one that is "
            "recoverable for certain.",
            "plus the distance between network and average", "with separate noise for each pose",
            "some loss is recoverable",
        ),
    ]  # fmt: skip
