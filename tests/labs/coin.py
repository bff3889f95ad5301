"""A small lab whose numbers are set: what every lab shares is tested on it."""

from __future__ import annotations

from pydantic import Field

from equigen.labs.lab import Answer, Conclusion, Lab, Tell
from equigen.report.document import Chapter, Formula, Table


class Coin(Lab):
    """Heads and tails."""

    name = "coin"
    question = "Is the coin fair?"

    tosses: int = Field(10_000, ge=1, description="How often it is tossed.")
    heads: float = Field(0.5, ge=0, le=1, description="Share of heads.")

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Decide by two standard errors."""
        tell("tossing")
        error = 0.5 / self.tosses**0.5
        fair = Conclusion.within("heads are half of all", self.heads, error, 0.5, tolerance=0.05)
        chapters = [
            Chapter(
                "The share $p$",
                [
                    "It is < 1 & more than $0$.",
                    Formula(r"\frac{1}{2} \leq p"),
                    Table(["$n$", "heads"], [["10", "5"]], "Counted at $p = 1/2$."),
                ],
            )
        ]
        return self.answered(f"The coin is fair: {fair.verdict}.", [fair], chapters, {"heads": self.heads})
