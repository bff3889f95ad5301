"""What the conformance suite is given of a layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from equigen.steerable.module import SteerableModule

__all__ = ["Case"]


@dataclass(frozen=True)
class Case:
    """One kind of layer, or a variant worth a test of its own.

    Args:
        name: unique; "kind/variant" or "kind": the slow checks (compiling, exporting) run on the first of each kind.
        build: makes the layer, small and in evaluation or training mode as torch makes it.
        size: rows and columns of a map on which the layer is exact.
        float32: relative error (L2 of the batch) allowed under the motions of the grid in float32.
        train: whether the layer in training mode is equivariant too (not where it drops at random).
        coupled: whether items of a batch depend on one another in training mode (batch statistics).
        smooth: whether gradients may be held against differences (not at the kinks of max and ReLU).
    """

    name: str
    build: Callable[[], SteerableModule]
    size: tuple[int, int] = (12, 12)
    float32: float = 1e-6
    train: bool = True
    coupled: bool = False
    smooth: bool = True

    @property
    def kind(self) -> str:
        """The kind of layer, the name up to a slash."""
        return self.name.split("/")[0]
