"""The rational form by iteration: branches of order one, each a feedback that settles."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.realizations.flow import Drawing, FlowGraph
from equigen.graphs.realizations.operation_count import OperationCount, of_polynomial, of_product, of_steps, places
from equigen.graphs.realizations.partial_fractions import PartialFractions, partial_fractions
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.solved import require_rational
from equigen.graphs.realizations.transposed import horner
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import interval

__all__ = ["IteratedForm", "norm_bound"]


@dataclass(frozen=True, eq=False)
class IteratedForm(Realization):
    """z_i <- psi_i S z_i + phi_i x from z_i = phi_i x on, for each pole 1 / psi_i; y = sum_i z_i (and a polynomial).

    After T steps what is missing is at most (|psi| norm(S))^(T + 1) / (1 - |psi| norm(S)) of each branch; T is such
    that this is the rounding of the dtype. Conjugate poles are one branch of complex numbers, in two columns for each
    feature.

    Args:
        filter: a rational filter with simple poles.

    Raises:
        ValueError: another filter, poles at zero or too close together; when it is applied, a shift with
            |psi| norm(S) not below 1.

    Error: rounding times sum_i |phi_i| / (1 - |psi_i| norm(S)).

    Source: E. Isufi, A. Loukas, A. Simonetto, G. Leus, Autoregressive moving average graph filtering, 2017, equations
    8 and 12.

    Example:
        >>> from equigen.graphs.filters.rational import Rational
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> h = IteratedForm(Rational([1.0], [2.0, 1.0]))
        >>> h.apply(pair, torch.tensor([[3.0], [0.0]])).round(decimals=5).flatten().tolist()
        [2.0, -1.0]
        >>> h.steps(pair)                                               # 2^-24 of the dtype is 24 factors of 1/2
        [23]
    """

    form = "rational-iteration"

    def __post_init__(self) -> None:
        found = self._fractions()
        if not len(found.poles) or bool((found.poles == 0).any()):
            raise ValueError(
                "the denominator is a number, or vanishes at 0, but an iteration needs poles elsewhere: "
                "realize the numerator, or take 'rational-solve'."
            )

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        first = r"\sum_k a_k S^k x + " if len(self._fractions().taps) else ""
        return rf"z_i \leftarrow \psi_i S z_i + \phi_i x, \quad y = {first}\sum_i z_i"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`: conjugate poles are two branches here."""
        found, drawing = self._fractions(), Drawing()
        pairs = [(1 / pole, -residue / pole) for pole, residue in zip(found.poles, found.residues, strict=True)]
        pairs = [
            each
            for psi, phi in pairs
            for each in ([(psi, phi)] if not psi.imag else [(psi, phi), (psi.conjugate(), phi.conjugate())])
        ]
        before, ends = drawing.put("x", "input", "x", 0, 0), []
        row = 0
        if len(found.taps):
            fork = drawing.put("fork", "point", "", 1, 0)
            ends.append(drawing.put("polynomial", "box", "A(S)", 4, 0, (tuple(found.taps.tolist()), (1.0,))))
            drawing.line(before, fork, ends[-1])
            before, row = fork, 1
        for i, (psi, phi) in enumerate(pairs, 1):
            fork = drawing.put(f"fork {i}", "point", "", 1, row)
            gain = drawing.put(f"phi {i}", "gain", rf"\phi_{{{i}}}", 2, row, complex(phi))
            adder = drawing.put(f"sum {i}", "sum", "+", 3, row)
            end = drawing.put(f"z {i}", "point", "", 5, row)
            box = drawing.shift(f"shift {i}", 5, row + 1)
            back = drawing.put(f"psi {i}", "gain", rf"\psi_{{{i}}}", 4, row + 1, complex(psi))
            drawing.line(before, fork, gain, adder, end, box, back)
            drawing.line(back, adder)
            ends.append(end)
            before, row = fork, row + 2
        drawing.line(drawing.added(ends, 6), drawing.put("y", "output", "y", 7, 0))
        return drawing.done()

    def steps(self, shift: Shift, dtype: torch.dtype = torch.float32) -> list[int]:
        """How many times each branch goes round, until what is missing is the rounding of the dtype.

        Args:
            shift: S.
            dtype: of the features.

        Raises:
            ValueError: |psi| norm(S) is not below 1 for a branch.
        """
        norm, rounding, numbers = norm_bound(shift), torch.finfo(dtype).eps, []
        for pole in self._fractions().poles:
            ratio = norm / abs(pole)
            if not ratio < 1:
                raise ValueError(
                    f"the pole {complex(pole):.4g} has |psi| norm(S) = {ratio:.4g}, but less than 1 is needed: "
                    "take 'rational-solve', or a shift of norm below its modulus."
                )
            needed = math.log(rounding * (1 - ratio)) / math.log(ratio) - 1 if ratio > 0 else 0.0
            numbers.append(max(0, math.ceil(needed)))
        return numbers

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`."""
        found, total = self._fractions(), OperationCount()
        block = math.prod(places(shift.graph)) * features
        gain, join = of_steps(block, 1, dtype, multiplications=1), of_steps(block, 2, dtype, additions=1)
        step = of_steps(block, 2, dtype, multiplications=1, additions=1)
        for pole, number in zip(found.poles, self.steps(shift, dtype), strict=True):
            if pole.imag == 0:
                total += gain + (of_product(shift, features, dtype) + step).times(number)
                continue
            wide = _widened(of_product(shift, 2 * features, dtype))
            total += gain.times(2) + (wide + step.times(4)).times(number)
        if len(found.taps):
            total += of_polynomial(shift, features, len(found.taps) - 1, dtype)
        return total + join.times(len(found.poles) - (not len(found.taps)))

    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        found = self._fractions()
        parts = [horner(torch.from_numpy(found.taps).to(x), shift, x)] if len(found.taps) else []
        each = zip(found.poles, found.residues, self.steps(shift, x.dtype), strict=True)
        for pole, residue, number in each:
            psi, phi = complex(1 / pole), complex(-residue / pole)
            parts.append(_settled(shift, x, psi, phi, number))
        return sum(parts[1:], parts[0])

    def _fractions(self) -> PartialFractions:
        return partial_fractions(require_rational(self.filter, self.form))


def _settled(shift: Shift, x: Tensor, psi: complex, phi: complex, number: int) -> Tensor:
    """z after some steps of z <- psi S z + phi x; twice the real part of a complex one."""
    real, imaginary = x.new_tensor(psi.real), x.new_tensor(psi.imag)
    if psi.imag == 0:
        z = entry = phi.real * x
        for _ in range(number):
            z = torch.addcmul(entry, real, shift.product(z))
        return z
    z = entry = torch.cat((2 * phi.real * x, 2 * phi.imag * x), -1)
    for _ in range(number):
        moved = shift.product(z)
        one, two = moved.chunk(2, -1)
        z = torch.addcmul(torch.addcmul(entry, real, moved), imaginary, torch.cat((-two, one), -1))
    return z.chunk(2, -1)[0]


def _widened(count: OperationCount) -> OperationCount:
    """A product of twice the columns, as two."""
    return OperationCount(2, count.multiplications, count.additions, count.bytes)


def norm_bound(shift: Shift) -> float:
    """A bound of the factor by which S makes features longer, over all its graphs.

    Of a symmetric shift the largest modulus in an interval that holds its eigenvalues; of another one the least of its
    largest sum over a row and its largest sum over a column, of moduli: the norm of the one or the other kind.

    Example:
        >>> norm_bound(Shift(Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)))
        2.0
    """
    graph = shift.graph
    if 0 in places(graph):
        return 0.0
    if shift.symmetric:
        return float(interval(shift).detach().abs().max())
    if isinstance(graph, Graph):
        sized = graph if graph.weights is None else graph.with_weights(graph.weights.detach().abs())
    else:
        sized = PaddedGraphs(graph.dense().detach().abs(), graph.real)
    sides = [None if side is None else side.detach().abs() for side in (shift.left, shift.right, shift.diagonal)]
    sizes = Shift(sized, *sides)
    ones = torch.ones(*places(graph), 1, dtype=torch.float64, device=graph.degrees.device)
    sums = [sizes.product(ones, transposed=transposed) for transposed in (False, True)]
    return float(torch.stack([each.max() for each in sums]).min())
