"""The Chebyshev form, by Clenshaw's recursion backwards."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.filters.polynomial import Chebyshev
from equigen.graphs.graph import Graph
from equigen.graphs.realizations.flow import Drawing, FlowGraph, steps_shown
from equigen.graphs.realizations.operation_count import OperationCount, of_product, of_steps, places
from equigen.graphs.realizations.powers import power_taps
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import interval, recentred

__all__ = ["ClenshawForm", "chebyshev_taps"]


@dataclass(frozen=True, eq=False)
class ClenshawForm(Realization):
    """b_k = 2 R b_(k+1) - b_(k+2) + c_k x, y = R b_1 - b_2 + c_0 x, with R = (2 S - (high + low) I) / (high - low).

    With the spectrum of a symmetric shift in [low, high] that of R is in [-1, 1], and |b_k| is at most
    sum_j (j - k + 1) |c_j| |x|. Of another shift the norm of R may be above 1 all the same, and the steps grow with its
    powers. The interval is that of the filter; for a polynomial in powers it is one that holds the eigenvalues, each
    graph's own.

    Args:
        filter: a polynomial, best one in Chebyshev polynomials: that of a polynomial in powers has the errors of its
            taps.

    Raises:
        ValueError: a filter that is none.

    Error: at most about rounding times sum_k k^3 |c_k| norm(x), for a symmetric shift whose spectrum is in the
        interval; of T_K it is measured to be K^2 roundings at the ends of the interval, and fewer inside.

    Source: C. W. Clenshaw, A note on the summation of Chebyshev series, 1955; D. K. Hammond, P. Vandergheynst,
    R. Gribonval, Wavelets on graphs via spectral graph theory, 2011, section 6.

    Example:
        >>> from equigen.graphs.realizations.realizing import realize
        >>> path = Shift(Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True))
        >>> h = ClenshawForm(Chebyshev(torch.tensor([0.0, 0.0, 1.0]), -2.0, 2.0))               # 2 (S / 2)^2 - I
        >>> h.apply(path, torch.tensor([[1.0], [0.0], [0.0]])).flatten().tolist()
        [-0.5, 0.0, 0.5]
    """

    form = "chebyshev"

    def __post_init__(self) -> None:
        if not isinstance(self.filter, Chebyshev):
            power_taps(self.filter, self.form)

    @property
    def order(self) -> int:
        """The number of products K."""
        taps = self.filter.taps if isinstance(self.filter, Chebyshev) else power_taps(self.filter, self.form)
        return len(taps) - 1

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        recursion = r"b_k = 2 \tilde{S} b_{k+1} - b_{k+2} + c_k x"
        last = rf"k = {self.order}, \ldots, 1" if self.order > 1 else "k = 1"
        return rf"{recursion} \; ({last}), \quad y = \tilde{{S}} b_1 - b_2 + c_0 x"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`."""
        drawing, order, column = Drawing(), self.order, 1.0
        point = drawing.put("point", "point", "", column, 0)
        gain = drawing.put(f"gain {order}", "gain", f"c_{{{order}}}", column, 1, self._tap(order))
        drawing.line(drawing.put("x", "input", "x", 0, 0), point, gain)
        end, bend, before = gain, "down", ""
        for step in steps_shown(order):
            if step is None:
                column += 2
                dots = [drawing.put(f"dots {row}", "dots", r"\cdots", column, row) for row in (0, 2, 3)]
                drawing.line(point, dots[0])
                drawing.line(end, dots[1])
                point, end, before = dots
                continue
            k = order - step
            result = drawing.put(f"b {k + 1}", "point", "", column + 1, 2)
            box = drawing.put(f"shift {k}", "box", r"2\tilde{S}" if k else r"\tilde{S}", column + 2, 2, self._box(k))
            drawing.line(end, result, bend=bend)
            column += 3
            following = drawing.put(f"point {k}", "point", "", column, 0)
            gain = drawing.put(f"gain {k}", "gain", f"c_{{{k}}}", column, 1, self._tap(k))
            adder = drawing.put(f"sum {k}", "sum", "+", column, 2)
            drawing.line(point, following, gain, adder)
            drawing.line(result, box, adder)
            if before:
                back = drawing.put(f"back {k}", "gain", "-1", column - 1.2, 3 + k % 2, -1.0)
                drawing.line(before, back, bend="down")
                drawing.line(back, adder)
            point, end, bend, before = following, adder, "across", result
        drawing.line(end, drawing.put("y", "output", "y", column + 1, 2), bend=bend)
        return drawing.done()

    def _tap(self, k: int) -> float | None:
        """c_k, where it is a number that no graph changes."""
        return float(self.filter.taps[k]) if isinstance(self.filter, Chebyshev) else None

    def _box(self, k: int) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
        """The recentred shift that b_(k+1) meets, as taps; None where the interval is that of the graph."""
        if not isinstance(self.filter, Chebyshev):
            return None
        low, high, factor = self.filter.low, self.filter.high, 2.0 if k else 1.0
        return (-factor * (high + low) / (high - low), 2 * factor / (high - low)), (1.0,)

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`."""
        block, order = math.prod(places(shift.graph)) * features, self.order
        moved = shift.scaled(1.0)  # has sides where the recentred one has
        product = of_product(moved, features, dtype)
        step = product + of_steps(block, 2, dtype, multiplications=1, additions=1)
        back = of_steps(block, 2, dtype, additions=1).times(max(0, order - 1))
        return of_steps(block, 1, dtype, multiplications=1) + step.times(order) + back

    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        if isinstance(self.filter, Chebyshev):
            gains = self.filter.taps.to(x).unbind()
            bounds = torch.tensor([self.filter.low, self.filter.high], dtype=torch.float64)
        else:
            bounds = interval(shift)
            point = bounds[:, 1:] == bounds[:, :1]  # of a directed graph, say, whose eigenvalues are all 0
            bounds = bounds + torch.where(point, 1.0, 0.0) * bounds.new_tensor([-1.0, 1.0])
            graph, taps = shift.graph, chebyshev_taps(power_taps(self.filter, self.form), bounds)
            of_node = taps[graph.graph_of_node] if isinstance(graph, Graph) else taps[:, None]
            gains = [gain[..., None] for gain in of_node.to(x).unbind(-1)]
        single = recentred(shift, bounds)
        double = single.scaled(2.0)
        later, b = None, gains[-1] * x
        for k in range(len(gains) - 2, -1, -1):
            following = torch.addcmul((double if k else single).product(b), gains[k].expand_as(x), x)
            later, b = b, following if later is None else following - later
        return b


def chebyshev_taps(taps: Tensor, bounds: Tensor) -> Tensor:
    """The taps in Chebyshev polynomials of intervals of a polynomial with taps in powers.

    By its values at Chebyshev's nodes, and the discrete cosine transform of them.

    Args:
        taps: (K + 1,), float64.
        bounds: (B, 2), intervals.

    Returns:
        (B, K + 1), of T_k((2 s - (high + low)) / (high - low)).

    Error: rounding times sum_k |h_k| |s|^k, with s the end of the interval farther from 0.

    Example:
        >>> square, bounds = torch.tensor([0.0, 0.0, 1.0]).double(), torch.tensor([[-2.0, 2.0]]).double()
        >>> chebyshev_taps(square, bounds).round(decimals=9).abs().tolist()                     # s^2 = 2 + 2 T_2(s / 2)
        [[2.0, 0.0, 2.0]]
    """
    number = len(taps)
    k = torch.arange(number, dtype=torch.float64, device=taps.device)
    angles = math.pi * (k + 0.5) / number
    low, high = bounds.to(taps).unsqueeze(-1).unbind(-2)
    nodes = (high + low) / 2 + (high - low) / 2 * angles.cos()
    values = torch.zeros_like(nodes)
    for tap in reversed(taps.unbind()):
        values = values * nodes + tap
    transform = torch.cos(k[:, None] * angles) * (2.0 / number)
    transform = torch.where(k[:, None] == 0, transform / 2, transform)
    return values @ transform.mT
