"""The transposed form, or Horner's scheme: taps first, then the products, from the last tap to the first."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.realizations.flow import Drawing, FlowGraph, steps_shown
from equigen.graphs.realizations.operation_count import OperationCount, of_polynomial
from equigen.graphs.realizations.powers import power_taps
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.shift import Shift

__all__ = ["TransposedForm", "horner"]


@dataclass(frozen=True, eq=False)
class TransposedForm(Realization):
    """u_K = h_K x, u_k = S u_(k+1) + h_k x, y = u_0: K products, and one array less in use than the direct form.

    Args:
        filter: a polynomial.

    Raises:
        ValueError: a filter that is none.

    Error: that of the direct form.

    Source: A. Oppenheim, R. Schafer, Discrete-Time Signal Processing, 2010, section 6.4 (transposed forms).

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> from equigen.graphs.graph import Graph
        >>> path = Shift(Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True))
        >>> h = TransposedForm(Polynomial(torch.tensor([1.0, 10.0, 100.0])))
        >>> h.apply(path, torch.tensor([[1.0], [0.0], [0.0]])).flatten().tolist()
        [101.0, 10.0, 100.0]
        >>> h.formula
        'u_{2} = h_{2} x, \\\\quad u_k = S u_{k+1} + h_k x, \\\\quad y = u_0'
    """

    form = "transposed"

    def __post_init__(self) -> None:
        power_taps(self.filter, self.form)

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        order = len(power_taps(self.filter, self.form)) - 1
        last = f"u_{{{order}}} = h_{{{order}}} x"
        return rf"{last}, \quad u_k = S u_{{k+1}} + h_k x, \quad y = u_0"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`."""
        taps = power_taps(self.filter, self.form).tolist()
        drawing, column = Drawing(), 1
        point = drawing.put("point", "point", "", column, 0)
        gain = drawing.put("gain", "gain", f"h_{{{len(taps) - 1}}}", column, 1, taps[-1])
        drawing.line(drawing.put("x", "input", "x", 0, 0), point, gain)
        end, bend = gain, "down"
        for step in steps_shown(len(taps) - 1):
            if step is None:
                dots = drawing.put("dots", "dots", r"\cdots", column + 2, 0)
                more = drawing.put("more", "dots", r"\cdots", column + 2, 2)
                drawing.line(point, dots)
                drawing.line(end, more, bend=bend)
                column, point, end = column + 2, dots, more
                continue
            k = len(taps) - 1 - step
            box = drawing.shift(f"shift {k}", column + 1, 2)
            column += 2
            following = drawing.put(f"point {k}", "point", "", column, 0)
            gain = drawing.put(f"gain {k}", "gain", f"h_{{{k}}}", column, 1, taps[k])
            adder = drawing.put(f"sum {k}", "sum", "+", column, 2)
            drawing.line(point, following, gain, adder)
            drawing.line(end, box, bend=bend)
            drawing.line(box, adder)
            point, end, bend = following, adder, "across"
        drawing.line(end, drawing.put("y", "output", "y", column + 1, 2), bend=bend)
        return drawing.done()

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`."""
        return of_polynomial(shift, features, len(power_taps(self.filter, self.form)) - 1, dtype)

    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        return horner(power_taps(self.filter, self.form).to(x), shift, x)


def horner(taps: Tensor, shift: Shift, x: Tensor) -> Tensor:
    """sum_k h_k S^k x from the last tap to the first.

    Args:
        taps: (K + 1,), in the dtype of x.
        shift: S.
        x: features (*, n, F).

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> horner(torch.tensor([1.0, 2.0]), pair, torch.tensor([[1.0], [0.0]])).flatten().tolist()
        [1.0, 2.0]
    """
    *taps_before, last = taps.unbind()
    u = last * x
    for tap in reversed(taps_before):
        u = torch.addcmul(shift.product(u), tap, x)
    return u
