"""The rational form by iteration: branches of order one, each a feedback that settles."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from equigen.graphs.realizations.flow import Drawing, FlowGraph
from equigen.graphs.realizations.norms import norm_bounds, on_nodes
from equigen.graphs.realizations.operation_count import OperationCount, of_polynomial, of_product, of_steps, places
from equigen.graphs.realizations.partial_fractions import PartialFractions, partial_fractions
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.solved import require_rational
from equigen.graphs.realizations.transposed import horner
from equigen.graphs.shift import Shift

__all__ = ["IteratedForm"]


@dataclass(frozen=True, eq=False)
class IteratedForm(Realization):
    """z_i <- psi_i S z_i + phi_i x from z_i = phi_i x on, for each pole 1 / psi_i; y = sum_i z_i (and a polynomial).

    After T steps what is missing is at most (|psi| norm(S))^(T + 1) / (1 - |psi| norm(S)) of each branch; T is such
    that this is the rounding of the dtype, for each graph by its own norm: a graph that has settled stays as it is
    while others go on. Conjugate poles are one branch of complex numbers, in two columns for each feature.

    Args:
        filter: a rational filter with simple poles.

    Raises:
        ValueError: another filter, poles at zero or too close together; when it is applied, a graph with
            |psi| norm(S) not below 1.

    Error: rounding times sum_i |phi_i| / (1 - |psi_i| norm(S))^2: what every step rounds off goes round as well.

    Source: E. Isufi, A. Loukas, A. Simonetto, G. Leus, Autoregressive moving average graph filtering, 2017, equations
    8 and 12.

    Example:
        >>> from equigen.graphs.filters.rational import Rational
        >>> from equigen.graphs.graph import Graph
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> h = IteratedForm(Rational([1.0], [2.0, 1.0]))
        >>> h.apply(pair, torch.tensor([[3.0], [0.0]])).round(decimals=5).flatten().tolist()
        [2.0, -1.0]
        >>> h.steps(pair)                                               # 2^-24 of the dtype is 24 factors of 1/2
        [23]
    """

    form = "rational-iteration"

    fractions: PartialFractions = field(init=False, repr=False)
    """The branches: poles 1 / psi_i, and residues."""

    def __post_init__(self) -> None:
        found = partial_fractions(require_rational(self.filter, self.form))
        object.__setattr__(self, "fractions", found)
        if not len(found.poles) or bool((found.poles == 0).any()):
            raise ValueError(
                "the denominator is a number, or vanishes at 0, but an iteration needs poles elsewhere: "
                "realize the numerator, or take 'rational-solve'."
            )

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        first = r"\sum_k a_k S^k x + " if len(self.fractions.taps) else ""
        return rf"z_i \leftarrow \psi_i S z_i + \phi_i x, \quad y = {first}\sum_i z_i"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`: conjugate poles are two branches here."""
        found, drawing = self.fractions, Drawing()
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
        """How many times each branch goes round at most, until what is missing is the rounding of the dtype.

        Args:
            shift: S.
            dtype: of the features.

        Raises:
            ValueError: |psi| norm(S) is not below 1 for a branch and a graph.
        """
        return [int(numbers.max()) if len(numbers) else 0 for numbers in self._steps(shift, dtype)]

    def _steps(self, shift: Shift, dtype: torch.dtype) -> list[Tensor]:
        """The number of steps of each branch, for each graph: (B,) each."""
        norms, rounding = norm_bounds(shift), torch.finfo(dtype).eps
        numbers = []
        for pole in self.fractions.poles:
            ratios = norms / abs(pole)
            if bool((~(ratios < 1)).any()):
                worst = int(ratios.argmax())
                where = f" on graph {worst} of {len(ratios)}" if len(ratios) > 1 else ""
                raise ValueError(
                    f"the pole {complex(pole):.4g} has |psi| norm(S) = {float(ratios[worst]):.4g}{where}, but less "
                    "than 1 is needed: take 'rational-solve', or a shift of norm below its modulus."
                )
            needed = (rounding * (1 - ratios)).log() / ratios.log() - 1
            numbers.append(torch.where(ratios > 0, needed.ceil().clamp_min(0), 0.0))
        return numbers

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`."""
        found, total = self.fractions, OperationCount()
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
        found = self.fractions
        parts = [horner(torch.from_numpy(found.taps).to(x), shift, x)] if len(found.taps) else []
        each = zip(found.poles, found.residues, self._steps(shift, x.dtype), strict=True)
        for pole, residue, numbers in each:
            psi, phi = complex(1 / pole), complex(-residue / pole)
            parts.append(_settled(shift, x, psi, phi, numbers))
        return sum(parts[1:], parts[0])


def _settled(shift: Shift, x: Tensor, psi: complex, phi: complex, numbers: Tensor) -> Tensor:
    """z after each graph's number of steps of z <- psi S z + phi x; twice the real part of a complex one."""
    features, real = x.shape[-1], x.new_tensor(psi.real)
    if psi.imag == 0:
        z = entry = phi.real * x
    else:
        z = entry = torch.cat((2 * phi.real * x, 2 * phi.imag * x), -1)
    turned = x.new_tensor([-psi.imag, psi.imag]).repeat_interleave(features)
    last = int(numbers.max()) if len(numbers) else 0
    alike = len(numbers) == 0 or bool((numbers == last).all())
    until = None if alike else on_nodes(shift.graph, numbers)
    for k in range(last):
        moved = shift.product(z)
        following = torch.addcmul(entry, real, moved)
        if psi.imag:  # i times the number: the two halves change places
            following = torch.addcmul(following, turned, moved.roll(features, -1))
        z = following if until is None else torch.where(k < until, following, z)
    return z[..., :features]


def _widened(count: OperationCount) -> OperationCount:
    """A product of twice the columns, as two."""
    return OperationCount(2, count.multiplications, count.additions, count.bytes)
