"""All kinds of layers, gathered from the files beside this one."""

from __future__ import annotations

from tests.steerable.cases import activations, attention, convolutions, norms, resampling
from tests.steerable.cases.case import Case

__all__ = ["ALL_CASES"]

ALL_CASES: list[Case] = [
    *convolutions.CASES,
    *activations.CASES,
    *norms.CASES,
    *attention.CASES,
    *resampling.CASES,
]
"""Names are unique."""
