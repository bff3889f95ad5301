"""The rational form by solving: a linear system for each feature."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.rational import Rational
from equigen.graphs.realizations.flow import Drawing, FlowGraph
from equigen.graphs.realizations.operation_count import OperationCount
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.solving import of_solution, solution
from equigen.graphs.shift import Shift

__all__ = ["SolvedForm", "require_rational"]

_SHOWN = 4  # delays that are drawn; of a longer chain only two boxes


@dataclass(frozen=True, eq=False)
class SolvedForm(Realization):
    """y with q(S) y = p(S) x, by Gauss up to 512 nodes (and of padded graphs), by minimal residuals above; in float64.

    Args:
        filter: a rational filter h = p / q, with q free of roots on the spectrum.

    Raises:
        ValueError: another filter; when it is applied, a denominator that vanishes on the spectrum.

    Error: 8 roundings of the dtype of x, plus 64 roundings of float64 times the condition number of q(S); the residual
        is checked (see `solution`).

    Source: E. Isufi, A. Loukas, A. Simonetto, G. Leus, Autoregressive moving average graph filtering, 2017.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> SolvedForm(Rational([1.0], [2.0, 1.0])).apply(pair, torch.tensor([[3.0], [0.0]])).flatten().tolist()
        [2.0, -1.0]
    """

    form = "rational-solve"

    def __post_init__(self) -> None:
        require_rational(self.filter, self.form)

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        return r"\left( \sum_k q_k S^k \right) y = \sum_k p_k S^k x"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`.

        The direct form II: one chain of delays, the denominator's taps on the left of it, the numerator's on the right.
        """
        p, q = (taps.tolist() for taps in self._taps())
        drawing, length = Drawing(), max(len(p), len(q))
        start = drawing.put("x", "input", "x", 0, 0)
        if q[0] == 0 or length - 1 > _SHOWN:
            first = drawing.put("p", "box", "p(S)", 1, 0, (tuple(p), (1.0,)))
            second = drawing.put("q", "box", "q(S)^{-1}", 2, 0, ((1.0,), tuple(q)))
            drawing.line(start, first, second, drawing.put("y", "output", "y", 3, 0))
            return drawing.done()
        chain = drawing.put("point 0", "point", "", 4, 0)
        entry = drawing.put("in 0", "sum" if len(q) > 1 else "point", "+" if len(q) > 1 else "", 2, 0)
        scale = drawing.put("scale", "gain", "1/q_0", 3, 0, 1 / q[0])
        gain = drawing.put("p 0", "gain", "p_0", 5, 0, p[0])
        result = drawing.put("out 0", "sum" if len(p) > 1 else "point", "+" if len(p) > 1 else "", 6, 0)
        drawing.line(start, entry, scale, chain, gain, result, drawing.put("y", "output", "y", 7, 0))
        for k in range(1, length):
            box = drawing.shift(f"shift {k}", 4, 2 * k - 1)
            point = drawing.put(f"point {k}", "point", "", 4, 2 * k)
            drawing.line(chain, box, point)
            chain = point
            for taps, letter, sign, columns, side in ((q, "q", -1.0, (3, 2), "in"), (p, "p", 1.0, (5, 6), "out")):
                if k < len(taps):
                    label = f"{'-' if sign < 0 else ''}{letter}_{k}"
                    gain = drawing.put(f"{letter} {k}", "gain", label, columns[0], 2 * k, sign * taps[k])
                    last = k == len(taps) - 1
                    kind, mark = ("point", "") if last else ("sum", "+")
                    adder = drawing.put(f"{side} {k}", kind, mark, columns[1], 2 * k)
                    drawing.line(point, gain, adder, f"{side} {k - 1}")
        return drawing.done()

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`: of a factorisation what its algorithm makes, of a search what it makes at most."""
        return of_solution(*self._taps(), shift, features, dtype)

    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        return solution(*self._taps(), shift, x)

    def _taps(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of numerator and denominator, without zeros at the end."""
        filter = require_rational(self.filter, self.form)
        p, q = (np.trim_zeros(taps.detach().cpu().numpy(), "b") for taps in (filter.numerator, filter.denominator))
        return p if len(p) else np.zeros(1), q


def require_rational(filter: Filter, form: str) -> Rational:
    """A filter that has a denominator.

    Raises:
        ValueError: another one.

    Example:
        >>> require_rational(Rational([1.0], [2.0, 1.0]), "rational-solve").denominator.tolist()
        [2.0, 1.0]
    """
    if not isinstance(filter, Rational):
        raise ValueError(
            f"{type(filter).__name__} has no denominator, but the form {form!r} is of a Rational: "
            "take another form, or fit(filter.response, 'rational', ...) first."
        )
    return filter
