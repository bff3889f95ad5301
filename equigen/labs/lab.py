"""A lab asks one question, measures, and answers from its numbers.

A conclusion compares a measured number and its error with a reference. It is "yes" or "no" only where the error leaves
no doubt, and "not resolved" otherwise: two standard errors on either side.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError

from equigen.report.document import Chapter
from equigen.store import resolve
from equigen.table import LABS
from equigen.training.errors import ConfigError
from equigen.training.section import Section, complaint

__all__ = ["Answer", "Conclusion", "Lab", "Tell", "Verdict", "answer"]

Verdict = Literal["yes", "no", "not resolved"]
Tell = Callable[[str], None]
"""Called with a few words before each stage of the work."""

_ERRORS = 2.0  # standard errors on either side


@dataclass(frozen=True)
class Conclusion:
    """A statement that a measurement decides.

    Args:
        claim: the statement, true where the verdict is "yes".
        verdict: what the numbers say to it.
        measured: the number measured.
        error: its standard error, or a bound of its error over two.
        reference: what it is compared with.
        tolerance: how far from the reference the statement lets it be; None: the statement is that it lies above.

    Example:
        >>> Conclusion.within("the variance is 2", 2.05, 0.01, 2.0, tolerance=0.1).verdict
        'yes'
        >>> Conclusion.above("it is more than 1", 1.5, 0.4, 1.0).verdict
        'not resolved'
    """

    claim: str
    verdict: Verdict
    measured: float
    error: float
    reference: float
    tolerance: float | None = None

    @classmethod
    def within(cls, claim: str, measured: float, error: float, reference: float, tolerance: float) -> Conclusion:
        """The statement that a number is the reference, to a tolerance.

        Args:
            claim: the statement.
            measured: the number.
            error: its standard error, not negative.
            reference: what it should be.
            tolerance: largest distance from the reference that still counts as agreement, positive.

        Returns:
            "yes" if the distance and two errors stay within the tolerance, "no" if the distance less two errors
            exceeds it, else "not resolved"; "not resolved" where the number or its error is not finite.
        """
        distance, doubt = abs(measured - reference), _ERRORS * error
        return cls(claim, _verdict(tolerance - distance, doubt), measured, error, reference, tolerance)

    @classmethod
    def above(cls, claim: str, measured: float, error: float, threshold: float) -> Conclusion:
        """The statement that a number is larger than a threshold.

        Args:
            claim: the statement.
            measured: the number.
            error: its standard error, not negative.
            threshold: what it should exceed.

        Returns:
            "yes" or "no" if two errors leave no doubt, else "not resolved".
        """
        return cls(claim, _verdict(measured - threshold, _ERRORS * error), measured, error, threshold)

    @property
    def holds(self) -> bool:
        """Whether the verdict is "yes"."""
        return self.verdict == "yes"

    def told(self, yes: str, no: str) -> str:
        """One of two sentences, as the verdict is; or that the numbers do not decide.

        Args:
            yes: the sentence if the claim holds.
            no: the sentence if it does not.

        Example:
            >>> Conclusion.above("the score is large", 1.0, 0.1, 3.0).told("It is large.", "It is small.")
            'It is small.'
            >>> Conclusion.above("the score is large", 1.0, 2.0, 3.0).told("It is large.", "It is small.")
            'Whether the score is large is not resolved here (1 ± 2 against 3).'
            >>> Conclusion.above("the score is large", 1.0, math.nan, 3.0).told("It is large.", "It is small.")
            'Whether the score is large is not resolved here (1 with an unknown error against 3).'
        """
        if self.verdict == "not resolved":
            error = f"± {self.error:.1g}" if math.isfinite(self.error) else "with an unknown error"
            return (
                f"Whether {self.claim} is not resolved here ({self.measured:.3g} {error} against {self.reference:g})."
            )
        return yes if self.holds else no


def _verdict(margin: float, doubt: float) -> Verdict:
    if not (math.isfinite(margin) and math.isfinite(doubt)):
        return "not resolved"
    if margin >= doubt and margin > -doubt:
        return "yes"
    return "no" if margin < -doubt or margin <= 0.0 == doubt else "not resolved"


@dataclass(frozen=True)
class Answer:
    """What a lab found.

    Args:
        name: of the lab.
        question: that was asked.
        answer: one paragraph, made of the conclusions and their numbers; `$...$` is mathematics.
        conclusions: the statements that were decided.
        chapters: evidence: prose, formulas, figures and tables.
        numbers: everything measured, JSON-plain.
        settings: of the lab, JSON-plain.
    """

    name: str
    question: str
    answer: str
    conclusions: Sequence[Conclusion]
    chapters: Sequence[Chapter]
    numbers: Mapping[str, Any]
    settings: Mapping[str, Any]

    def __getitem__(self, words: str) -> Conclusion:
        """The one conclusion whose claim contains some words.

        Raises:
            KeyError: none, or several.
        """
        found = [one for one in self.conclusions if words in one.claim]
        if len(found) != 1:
            claims = "; ".join(one.claim for one in self.conclusions)
            raise KeyError(f"{words!r} is in {len(found)} claims, but must be in one: {claims}.")
        return found[0]


class Lab(Section, ABC):
    """A question, and the settings of its measurement.

    Example:
        >>> class Coin(Lab):
        ...     name = "coin"
        ...     question = "Is the coin fair?"
        ...     tosses: int = Field(100, ge=1)
        ...     def run(self, tell=lambda stage: None):
        ...         fair = Conclusion.within("heads are half", 0.5, 0.5 / self.tosses**0.5, 0.5, tolerance=0.05)
        ...         return self.answered(f"Fair: {fair.verdict}.", [fair], [], {"heads": 0.5})
        >>> Coin(tosses=10_000).run().answer, Coin(tosses=10).run().answer
        ('Fair: yes.', 'Fair: not resolved.')
    """

    name: ClassVar[str]
    question: ClassVar[str]

    seed: int = Field(0, ge=0, lt=2**63)
    """Key of the randomness."""

    def __init__(self, **settings: Any) -> None:
        """Settings by name.

        Raises:
            ConfigError: a setting that the lab does not have, or a value out of range, in one sentence.
        """
        try:
            super().__init__(**settings)
        except ValidationError as error:
            raise ConfigError(complaint(type(self), error, f"lab {self.name}")) from None

    @classmethod
    def parse(cls, values: Mapping[str, Any], where: str = "") -> Self:
        """The lab of some settings, as its constructor makes it."""
        return cls(**values)

    @abstractmethod
    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Measure and answer.

        Args:
            tell: called with a few words before each stage.
        """

    def answered(
        self,
        text: str,
        conclusions: Sequence[Conclusion],
        chapters: Sequence[Chapter],
        numbers: Mapping[str, Any],
    ) -> Answer:
        """The answer of this lab, with its question and its settings."""
        return Answer(
            self.name, self.question, text, conclusions, chapters, numbers, settings=self.model_dump(mode="json")
        )


def answer(name: str, tell: Tell = lambda stage: None, **settings: Any) -> Answer:
    """Run a lab by its name.

    Args:
        name: as `equigen lab list` has it.
        tell: called with a few words before each stage.
        **settings: of the lab.

    Raises:
        StoreError: no lab of that name, with the nearest one.
        ConfigError: a setting it does not have, or a value out of range.

    Example:
        >>> answer("reversl")
        Traceback (most recent call last):
        ...
        equigen.store.StoreError: 'reversl' is not a known kind: did you mean 'reversal'?
    """
    return resolve(name, LABS)(**settings).run(tell)
