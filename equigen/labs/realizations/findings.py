"""Everything that the lab realizations measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equigen.labs.extremes import largest
from equigen.labs.realizations.forms import FormFound
from equigen.labs.realizations.nesting import Nesting
from equigen.labs.realizations.orders import Bases, Fits, Rounding
from equigen.labs.realizations.setting import Setting
from equigen.labs.realizations.shifting import ShiftFound
from equigen.labs.realizations.tasks import TaskFound

__all__ = ["Found"]


@dataclass(frozen=True, eq=False)
class Found:
    """All parts.

    Args:
        shown: graphs and filter.
        forms: the filter in every form.
        fits: errors of polynomials against the rational filter.
        bases: conditioning, on the graph of communities and on the ring.
        rounding: errors of single precision.
        shifts: the same layer with other shifts.
        nesting: of three kinds of layer.
        tasks: what networks learn.
    """

    shown: Setting
    forms: Sequence[FormFound]
    fits: Fits
    bases: tuple[Bases, Bases]
    rounding: Rounding
    shifts: Sequence[ShiftFound]
    nesting: Nesting
    tasks: Sequence[TaskFound]

    @property
    def worst_form(self) -> float:
        """The largest error of a form in double precision."""
        return largest(one.error64 for one in self.forms)
