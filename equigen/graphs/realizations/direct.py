"""The direct form, or shift register: powers of S one after another, each with its tap."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.realizations.flow import Drawing, FlowGraph, steps_shown
from equigen.graphs.realizations.operation_count import OperationCount, of_polynomial
from equigen.graphs.realizations.powers import power_taps
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.shift import Shift

__all__ = ["DirectForm", "register"]


@dataclass(frozen=True, eq=False)
class DirectForm(Realization):
    """z_0 = x, z_k = S z_(k-1), y = sum_k h_k z_k: K products for order K.

    Args:
        filter: a polynomial.

    Raises:
        ValueError: a filter that is none.

    Error: rounding times sum_k |h_k| norm(S)^k norm(x), which is what the taps in powers are worth.

    Source: A. Oppenheim, R. Schafer, Discrete-Time Signal Processing, 2010, section 6.5.1.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> from equigen.graphs.graph import Graph
        >>> path = Shift(Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True))
        >>> h = DirectForm(Polynomial(torch.tensor([1.0, 10.0, 100.0])))
        >>> h.apply(path, torch.tensor([[1.0], [0.0], [0.0]])).flatten().tolist()
        [101.0, 10.0, 100.0]
        >>> h.cost(path, features=1).products
        2
    """

    form = "direct"

    def __post_init__(self) -> None:
        power_taps(self.filter, self.form)

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        order = len(power_taps(self.filter, self.form)) - 1
        return rf"y = \sum_{{k=0}}^{{{order}}} h_k z_k, \quad z_0 = x, \quad z_k = S z_{{k-1}}"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`."""
        drawing = Drawing()
        start = drawing.put("x", "input", "x", 0, 0)
        end = register(drawing, start, power_taps(self.filter, self.form).tolist())
        drawing.line(end, drawing.put("y", "output", "y", drawing.nodes[-1].column + 1, 2))
        return drawing.done()

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`."""
        return of_polynomial(shift, features, len(power_taps(self.filter, self.form)) - 1, dtype)

    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        first, *taps = power_taps(self.filter, self.form).to(x).unbind()
        z, y = x, first * x
        for tap in taps:
            z = shift.product(z)
            y = torch.addcmul(y, tap, z)
        return y


def register(drawing: Drawing, start: str, taps: list[float], row: int = 0, step: int = 1, offset: int = 0) -> str:
    """Draw a shift register with taps: its chain in a row, gains below it, and adders below these.

    Args:
        drawing: to draw in.
        start: node that it hears, to the left.
        taps: of the powers of the box.
        row: of the chain.
        step: the power of S in a box.
        offset: the k-th gain is that of the tap h_(step k + offset).

    Returns:
        The node of its result, in the third row.

    Example:
        >>> drawing = Drawing()
        >>> register(drawing, drawing.put("x", "input", "x", 0, 0), [1.0, 2.0]), len(drawing.nodes)
        ('sum 0 1', 7)
    """
    column = next(node.column for node in drawing.nodes if node.name == start) + 1
    point = drawing.put(f"point {row} 0", "point", "", column, row)
    gain = drawing.put(f"gain {row} 0", "gain", f"h_{{{offset}}}", column, row + 1, taps[0])
    drawing.line(start, point, gain)
    end, bend = gain, "down"
    for k in steps_shown(len(taps) - 1):
        if k is None:
            column += 2
            dots = drawing.put(f"dots {row}", "dots", r"\cdots", column, row)
            more = drawing.put(f"more {row}", "dots", r"\cdots", column, row + 2)
            drawing.line(point, dots)
            drawing.line(end, more, bend=bend)
            point, end = dots, more
            continue
        box = drawing.shift(f"shift {row} {k}", column + 1, row, step)
        column += 2
        following = drawing.put(f"point {row} {k}", "point", "", column, row)
        gain = drawing.put(f"gain {row} {k}", "gain", f"h_{{{step * k + offset}}}", column, row + 1, taps[k])
        adder = drawing.put(f"sum {row} {k}", "sum", "+", column, row + 2)
        drawing.line(point, box, following, gain, adder)
        drawing.line(end, adder, bend=bend)
        point, end, bend = following, adder, "across"
    if end != gain:
        return end
    corner = drawing.put(f"corner {row}", "point", "", column, row + 2)
    drawing.line(gain, corner)
    return corner
