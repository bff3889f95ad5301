"""The cascade: factors of order one and two, one after another."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from equigen.graphs.realizations.flow import Drawing, FlowGraph
from equigen.graphs.realizations.operation_count import OperationCount, of_polynomial
from equigen.graphs.realizations.powers import factors
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.transposed import horner
from equigen.graphs.shift import Shift

__all__ = ["CascadeForm"]

_SHOWN = 4  # factors that are drawn before dots stand for the others


@dataclass(frozen=True, eq=False)
class CascadeForm(Realization):
    """y = prod_i (b_i0 I + b_i1 S + b_i2 S^2) x, by real factors of the polynomial: K products for order K.

    The real roots are factors of order one, the conjugate pairs of order two. They stand in Leja's order and share the
    leading tap evenly, so that what runs between them neither grows nor shrinks without need.

    Args:
        filter: a polynomial; of one in Chebyshev polynomials the roots are found without its taps in powers.

    Raises:
        ValueError: a filter that is none.

    Error: of the factors, rounding times K sum_k |h_k| |lambda|^k (see `real_factors`), of Chebyshev's taps rounding
        times K max |c_k|; and rounding times the product of the factors' sizes on the spectrum.

    Source: A. Oppenheim, R. Schafer, Discrete-Time Signal Processing, 2010, section 6.5.2; L. Reichel, Newton
    interpolation at Leja points, 1990 (the order).

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> from equigen.graphs.graph import Graph
        >>> h = CascadeForm(Polynomial(torch.tensor([-6.0, 1.0, 1.0])))                             # (s + 3)(s - 2)
        >>> [stage.round(6).tolist() for stage in h.stages]
        [[3.0, 1.0], [-2.0, 1.0]]
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> h.apply(pair, torch.tensor([[1.0], [0.0]])).round(decimals=5).flatten().tolist()
        [-5.0, 1.0]
    """

    form = "cascade"

    stages: tuple[np.ndarray, ...] = field(init=False, repr=False)
    """The taps of the factors, (2,) or (3,) each, in the order in which they are applied."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(factors(self.filter, self.form)))

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        number = len(self.stages)
        if max(map(len, self.stages)) < 3:
            return rf"y = \prod_{{i=1}}^{{{number}}} (b_{{i0}} I + b_{{i1}} S) \, x"
        return rf"y = \prod_{{i=1}}^{{{number}}} (b_{{i0}} I + b_{{i1}} S + b_{{i2}} S^2) \, x"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`."""
        drawing, column = Drawing(), 1
        end = drawing.put("x", "input", "x", 0, 0)
        shown = list(range(len(self.stages)))
        left_out = len(shown) > _SHOWN
        for i in (*shown[: _SHOWN - 2], None, shown[-1]) if left_out else shown:
            if i is None:
                dots = drawing.put("dots", "dots", r"\cdots", column, 0)
                drawing.line(end, dots)
                column, end = column + 1, dots
                continue
            end = _section(drawing, end, i, self.stages[i].tolist(), column)
            column += 3
        drawing.line(end, drawing.put("y", "output", "y", column, 0))
        return drawing.done()

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`."""
        each = [of_polynomial(shift, features, len(stage) - 1, dtype) for stage in self.stages]
        return sum(each, OperationCount())

    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        for stage in self.stages:
            x = horner(torch.from_numpy(stage).to(x), shift, x)
        return x


def _section(drawing: Drawing, start: str, i: int, taps: list[float], column: int) -> str:
    """One factor: S below S on the left, gains to the right of them, adders on the right; its result is above."""
    name = f"{i + 1}," if i > 8 else f"{i + 1}"
    here, above = drawing.put(f"{i} point 0", "point", "", column, 0), ""
    drawing.line(start, here)
    for k, tap in enumerate(taps):
        if k:
            box = drawing.shift(f"{i} shift {k}", column, k)
            drawing.line(here, box)
            here = box
        gain = drawing.put(f"{i} gain {k}", "gain", f"b_{{{name}{k}}}", column + 1, k, tap)
        # the last adder would have one thing to add: a point
        last = k == len(taps) - 1
        adder = drawing.put(f"{i} sum {k}", "point" if last else "sum", "" if last else "+", column + 2, k)
        drawing.line(here, gain, adder)
        if above:
            drawing.line(adder, above)
        above = adder
    return f"{i} sum 0"
