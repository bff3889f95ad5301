"""The mixture in the plane that both labs are about, as settings of a lab."""

from __future__ import annotations

from typing import Any

import torch
from pydantic import Field, ValidationInfo, field_validator

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.labs.lab import Lab

__all__ = ["PlaneLab"]

_Pair = tuple[float, float]

_WEIGHTS = (0.4, 0.35, 0.25)
_MEANS = ((-2.5, -0.5), (1.2, -0.6), (0.4, 1.6))
_COVARIANCES = (((0.4, 0.0), (0.0, 0.4)), ((0.9, 0.6), (0.6, 0.6)), ((0.15, 0.0), (0.0, 0.15)))


class PlaneLab(Lab):
    """A lab about a mixture of normal laws in the plane: one round, one long and tilted, one narrow, say."""

    weights: tuple[float, ...] = Field(_WEIGHTS, min_length=1, max_length=20)
    """Weights of the components, summing to 1."""
    means: tuple[_Pair, ...] = Field(_MEANS, validate_default=True)
    """Means of the components, [x, y] each."""
    covariances: tuple[tuple[_Pair, _Pair], ...] = Field(_COVARIANCES, validate_default=True)
    """Covariance matrices of the components, [[a, b], [b, c]] each."""

    @field_validator("weights")
    @classmethod
    def _sum_to_one(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        for k, weight in enumerate(weights):
            if weight <= 0:
                raise ValueError(
                    f"should hold positive numbers: leave component {k + 1} out, whose weight is {weight:g}"
                )
        total = sum(weights)
        if abs(total - 1.0) > 1e-6:
            raise ValueError(f"should sum to 1, and sums to {total:g}: divide each weight by that")
        return weights

    @field_validator("means", "covariances")
    @classmethod
    def _one_each(cls, values: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        weights = info.data.get("weights", values)
        if len(values) != len(weights):
            raise ValueError(f"should hold one for each of the {len(weights)} weights, not {len(values)}")
        return values

    @field_validator("covariances")
    @classmethod
    def _definite(cls, covariances: tuple[tuple[_Pair, _Pair], ...]) -> tuple[tuple[_Pair, _Pair], ...]:
        for (a, b), (c, d) in covariances:
            if b != c or a <= 0 or a * d - b * c <= 1e-12 * a * d:
                raise ValueError(
                    f"should hold symmetric positive definite matrices, which [[{a:g}, {b:g}], [{c:g}, {d:g}]] "
                    "is not: add a small variance to its diagonal"
                )
        return covariances

    def law(self) -> GaussianMixture:
        """The mixture."""
        parts = (self.weights, self.means, self.covariances)
        return GaussianMixture(*(torch.tensor(part, dtype=torch.float64) for part in parts))
