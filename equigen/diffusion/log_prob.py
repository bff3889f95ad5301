"""The record of log densities: their values, and the error in the parts that have different causes."""

from __future__ import annotations

import math
from typing import NamedTuple

from torch import Tensor

__all__ = ["LogProb", "MeanLogProb"]


class MeanLogProb(NamedTuple):
    """The mean log density over items, with its error in parts.

    Args:
        value: nats, mean over the items.
        standard_error: of that mean, from items and probes together.
        item_error: the part that other items would change.
        probe_error: the part that other probes would change; NaN with one probe, whose part lies in `item_error`.
        solver_error: mean of the items' solver errors: a shift of all, which more items do not lessen.

    Example:
        >>> MeanLogProb(-1.0, 0.05, 0.04, 0.03, 1e-6).probe_error
        0.03
    """

    value: float
    standard_error: float
    item_error: float
    probe_error: float
    solver_error: float


class LogProb(NamedTuple):
    """Log densities with their errors.

    Args:
        value: nats, float64 (B,).
        probe_error: standard error over the probes, (B,); 0 where the trace is exact, NaN with a single probe.
        solver_error: how far the solution moved when its steps became finer, and what that may have missed, (B,).
        evaluations: of the denoiser for each item, int64 (B,), all solutions together.

    Example:
        >>> import torch
        >>> value, exact = torch.tensor([1.0, 2.0, 3.0, 4.0]).double(), torch.zeros(4).double()
        >>> found = LogProb(value, exact, exact, torch.full((4,), 90)).mean()
        >>> found.value, round(found.standard_error, 4)
        (2.5, 0.6455)
    """

    value: Tensor
    probe_error: Tensor
    solver_error: Tensor
    evaluations: Tensor

    def mean(self) -> MeanLogProb:
        """The mean over the items.

        The spread of the items' values holds the noise of their probes already. What the probes alone contribute is
        known from their spread within the items; what is left is the items' own.
        """
        n = len(self.value)
        total = float(self.value.var()) / n if n > 1 else math.nan
        probes = float(self.probe_error.square().mean()) / n
        own = total if math.isnan(probes) else max(0.0, total - probes) if total == total else total
        parts = (total**0.5, own**0.5, probes**0.5, float(self.solver_error.mean()))
        return MeanLogProb(float(self.value.mean()), *parts)
