"""The parallel form: branches side by side, whose results are added."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from equigen.graphs.filters.rational import Rational
from equigen.graphs.realizations.direct import register
from equigen.graphs.realizations.flow import Drawing, FlowGraph
from equigen.graphs.realizations.operation_count import OperationCount, of_product, of_steps, places
from equigen.graphs.realizations.partial_fractions import partial_fractions
from equigen.graphs.realizations.powers import power_taps
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.solving import of_solution, solution
from equigen.graphs.realizations.transposed import horner
from equigen.graphs.shift import Shift

__all__ = ["ParallelForm"]

_Branch = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, eq=False)
class ParallelForm(Realization):
    """The polyphase branches of a polynomial, or the simple fractions of a rational filter.

    For a polynomial y = E(S^2) x + O(S^2) S x, with E of the even taps and O of the odd ones: 2 K - 1 products where
    the direct form has K, in two chains that know nothing of each other. For a rational filter y = sum_i H_i(S) x, with
    each H_i of order one or two, solved as in the form "rational-solve".

    Args:
        filter: a polynomial or a rational filter.

    Raises:
        ValueError: another filter, or a rational one with poles too close together.

    Error: that of the direct form; of a rational filter that of its fractions (`partial_fractions`) and of the solver.

    Source: A. Oppenheim, R. Schafer, Discrete-Time Signal Processing, 2010, sections 4.7.3 (polyphase) and 6.3.4.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> from equigen.graphs.graph import Graph
        >>> path = Shift(Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True))
        >>> h = ParallelForm(Polynomial([1.0, 10.0, 100.0]))
        >>> h.apply(path, torch.tensor([[1.0], [0.0], [0.0]])).flatten().tolist()
        [101.0, 10.0, 100.0]
        >>> h.cost(path, features=1).products
        3
    """

    form = "parallel"

    def __post_init__(self) -> None:
        if not isinstance(self.filter, Rational):
            power_taps(self.filter, self.form)
        elif not self._fractions(self.filter)[1]:
            raise ValueError("the denominator is a number, but a fraction needs a pole: realize the numerator.")

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        if not isinstance(self.filter, Rational):
            return r"y = \sum_j h_{2j} (S^2)^j x + \sum_j h_{2j+1} (S^2)^j S x"
        taps, branches = self._fractions(self.filter)
        first = r"\sum_k a_k S^k x + " if len(taps) else ""
        return rf"y = {first}\sum_{{i=1}}^{{{len(branches)}}} H_i(S) x"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`."""
        drawing = Drawing()
        start = drawing.put("x", "input", "x", 0, 0)
        if isinstance(self.filter, Rational):
            end = drawing.added(self._drawn_fractions(drawing, self.filter), 3)
            drawing.line(end, drawing.put("y", "output", "y", 4, 0))
            return drawing.done()
        taps = power_taps(self.filter, self.form).tolist()
        even, odd = taps[::2], taps[1::2]
        fork = drawing.put("fork", "point", "", 1, 0)
        drawing.line(start, fork)
        end = register(drawing, fork, even, step=2)
        column = drawing.nodes[-1].column + 1
        if odd:
            box = drawing.shift("delay", 1, 4)
            drawing.line(fork, box)
            other = register(drawing, box, odd, row=4, step=2, offset=1)
            adder = drawing.put("sum", "sum", "+", column, 2)
            drawing.line(end, adder)
            drawing.line(other, adder)
            end, column = adder, column + 1
        drawing.line(end, drawing.put("y", "output", "y", column, 2))
        return drawing.done()

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`."""
        block = math.prod(places(shift.graph)) * features
        gain = of_steps(block, 1, dtype, multiplications=1)
        step = of_steps(block, 2, dtype, multiplications=1, additions=1)
        product, join = of_product(shift, features, dtype), of_steps(block, 2, dtype, additions=1)
        if isinstance(self.filter, Rational):
            taps, branches = self._fractions(self.filter)
            first = gain + (product + step).times(len(taps) - 1) if len(taps) else OperationCount()
            each = [of_solution(*branch, shift, features, dtype) for branch in branches]
            return sum(each, first) + join.times(len(branches) - (not len(taps)))
        taps = power_taps(self.filter, self.form)
        if len(taps) == 1:
            return gain
        steps = (len(taps) + 1) // 2 - 1 + len(taps) // 2 - 1
        return product + gain.times(2) + (product.times(2) + step).times(steps) + join

    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        if isinstance(self.filter, Rational):
            taps, branches = self._fractions(self.filter)
            parts = [horner(torch.from_numpy(taps).to(x), shift, x)] if len(taps) else []
            parts += [solution(*branch, shift, x) for branch in branches]
            return sum(parts[1:], parts[0])
        taps = power_taps(self.filter, self.form).to(x)
        even = _twice(taps[::2], shift, x)
        return even if len(taps) == 1 else even + _twice(taps[1::2], shift, shift.product(x))

    @staticmethod
    def _fractions(filter: Rational) -> tuple[np.ndarray, list[_Branch]]:
        found = partial_fractions(filter)
        return found.taps, found.sections()

    def _drawn_fractions(self, drawing: Drawing, filter: Rational) -> list[str]:
        """One box for each fraction, and one for the polynomial."""
        taps, branches = self._fractions(filter)
        boxes = [(r"A(S)", taps, np.ones(1))] if len(taps) else []
        boxes += [(f"H_{{{i + 1}}}(S)", *branch) for i, branch in enumerate(branches)]
        ends, before = [], "x"
        for row, (label, numerator, denominator) in enumerate(boxes):
            point = drawing.put(f"fork {row}", "point", "", 1, row)
            value = tuple(numerator.tolist()), tuple(denominator.tolist())
            ends.append(drawing.put(f"branch {row}", "box", label, 2, row, value))
            drawing.line(before, point, ends[-1])
            before = point
        return ends


def _twice(taps: Tensor, shift: Shift, x: Tensor) -> Tensor:
    """sum_j taps_j S^(2 j) x."""
    *before, last = taps.unbind()
    u = last * x
    for tap in reversed(before):
        u = torch.addcmul(shift.product(shift.product(u)), tap, x)
    return u
