"""Sentences that conclusions of the lab realizations choose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equigen.labs.lab import Conclusion

__all__ = ["Sentences"]


@dataclass(frozen=True)
class Sentences:
    """What can be said of some conclusions.

    Args:
        conclusions: each with a claim of its own.

    Example:
        >>> told = Sentences([Conclusion.above("the sum is positive", 1.0, 0.1, 0.0)])
        >>> told.said("sum is positive", "It is.", "It is not."), told.said("product", "It is.", "It is not.")
        ('It is.', '')
    """

    conclusions: Sequence[Conclusion]

    def said(self, words: str, yes: str, no: str, before: str = "") -> str:
        """One of two sentences, or that it is not resolved; nothing where it was not asked.

        Args:
            words: in the claim, and in no other.
            yes: the sentence if the claim holds.
            no: the sentence if it does not.
            before: what comes before the sentence if it is not resolved.
        """
        chosen = [one for one in self.conclusions if words in one.claim]
        if not chosen:
            return ""
        told = chosen[0].told(yes, no)
        return f"{before} {told}" if before and chosen[0].verdict == "not resolved" else told
