"""Integration of ordinary differential equations with steps that each sample chooses for itself.

The pair of Dormand and Prince: a step of order 5, its error from the step of order 4 that shares its stages, 6
evaluations a step since the last stage is the first of the next. A step is taken if the root mean square of its error
over the degrees of freedom of a sample is at most

    tolerance (1 + root mean square of the state),

and the next one is made as long as that allows. Only norms of the space enter, so an isometry of the space that the
field commutes with changes no step; and a sample neither sees its neighbours nor waits for them: one that has arrived
is not evaluated any more.

Source: J. Dormand, P. Prince, A family of embedded Runge-Kutta formulae, 1980, table 2; the dense output and the first
step after E. Hairer, S. Norsett, G. Wanner, Solving ordinary differential equations I, 1993, sections II.6 and II.4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

__all__ = ["Field", "Parts", "Trajectories", "integrate_adaptively"]

Parts = tuple[Tensor, ...]
"""A state or its rate: tensors (b, ...) that are integrated together, such as x (b, *shape) and a log density (b,)."""

Field = Callable[[Tensor, Parts, Tensor], Parts]
"""field(t, state, rows): the rate of the samples `rows` (b,) of the batch at their times t (b,)."""

_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
_STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
    (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
)
_ERROR = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
_DENSE = (  # coefficients of theta, ..., theta^4 for each stage; they add up to the step at theta = 1
    (1.0, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432),
    (0.0, 0.0, 0.0, 0.0),
    (0.0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799),
    (0.0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
    (0.0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632),
    (0.0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
    (0.0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
)
_SAFETY, _SHRINK, _GROW = 0.9, 0.2, 10.0
_SHORTEST = 1e-10  # of the whole way
_ROUNDS = 10_000


class Trajectories(NamedTuple):
    """Where an integration ended, and what it cost.

    Args:
        state: at the end, the parts as they were given.
        path: the first part at the times asked for, (K, B, *shape), or None.
        evaluations: how often the field was evaluated for each sample, int64 (B,).
        rejected: how many of each sample's steps were tried in vain, int64 (B,).

    Example:
        >>> Trajectories((torch.zeros(1),), None, torch.tensor([8]), torch.tensor([0])).evaluations.tolist()
        [8]
    """

    state: Parts
    path: Tensor | None
    evaluations: Tensor
    rejected: Tensor


def integrate_adaptively(
    field: Field,
    state: Parts,
    start: float | Tensor,
    end: float | Tensor,
    *,
    tolerance: float,
    ndof: Tensor | None = None,
    path: Tensor | None = None,
) -> Trajectories:
    """Follow a field from one time to another, in either direction, each sample with its own steps.

    Args:
        field: gives the rate of some samples, each at its own time.
        state: of all samples at the start; the parts have the same length B and one floating type.
        start: time, one number or one a sample (B,).
        end: time, in the same way; before or after the start.
        tolerance: of one step, relative to 1 + the root mean square of the state.
        ndof: degrees of freedom of the first part, () or (B,); its number of elements unless given.
        path: times (K,) in the order in which they are passed; the first part is reported there.

    Returns:
        The state at the end, the path, and the counts.

    Raises:
        ValueError: a tolerance that the type of the state does not resolve.
        ArithmeticError: the steps of a sample collapse, or it needs more than 10000.

    Error: proportional to the tolerance; that of the path is one of order 4 in the step.

    Example:
        >>> turn = lambda t, state, rows: (torch.stack((-state[0][:, 1], state[0][:, 0]), 1),)     # a rotation
        >>> start = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
        >>> found = integrate_adaptively(turn, (start,), 0.0, 2 * torch.pi, tolerance=1e-8)
        >>> bool((found.state[0] - start).abs().max() < 1e-6), found.evaluations.item() < 400
        (True, True)
    """
    x = state[0]
    resolved = 10.0 * torch.finfo(x.dtype).eps
    if not tolerance >= resolved:
        raise ValueError(
            f"tolerance is {tolerance:g}, but {x.dtype} resolves {resolved:.2g}: give tolerance=1e-5, or float64 items."
        )
    times = [torch.as_tensor(time, dtype=torch.float64, device=x.device).expand(len(x)) for time in (start, end)]
    free = torch.tensor(float(x[:1].numel())) if ndof is None else ndof
    run = _Run(field, tolerance, state, times[0], times[1], free.to(x).clamp_min(1.0).expand(len(x)), path)
    while len(run.rows):
        run.advance()
    return Trajectories(run.arrived, run.path, run.evaluations, run.rejected)


class _Run:
    """An integration under way: the samples that have not arrived, each with its time, state, rate and step."""

    def __init__(
        self, field: Field, tolerance: float, state: Parts, start: Tensor, end: Tensor, ndof: Tensor, at: Tensor | None
    ) -> None:
        self.field, self.tolerance = field, tolerance
        self.arrived = tuple(part.clone() for part in state)
        self.evaluations = torch.zeros(len(start), dtype=torch.int64, device=start.device)
        self.rejected = torch.zeros_like(self.evaluations)
        self.at = torch.empty(0, device=start.device) if at is None else at.to(start)
        self.path = None if at is None else state[0].expand(len(at), *state[0].shape).clone()
        self.rows = (start != end).nonzero().flatten()
        self.time, self.end, self.span = start[self.rows], end[self.rows], (end - start)[self.rows]
        self.state, self.ndof = tuple(part[self.rows] for part in state), ndof[self.rows]
        self.rounds, self.again = 0, torch.zeros_like(self.rows, dtype=torch.bool)
        if len(self.rows):
            self.rate = self._evaluate(self.time, self.state)
            self.step = self._first_step()

    def _evaluate(self, time: Tensor, state: Parts) -> Parts:
        self.evaluations[self.rows] += 1
        return self.field(time, state, self.rows)

    def _first_step(self) -> Tensor:
        """Signed lengths (b,): a hundredth of the state's own time, corrected by the change of the rate over it."""
        size, slope = self._size(self.state, self.state), self._size(self.rate, self.state)
        way = self.span.abs()
        trial = torch.where((size > 1e-5) & (slope > 1e-5), 0.01 * size / slope, 1e-6 * way).clamp(max=way)
        moved = _add(self.state, self.span.sign() * trial, (1.0,), (self.rate,))
        rate = self._evaluate(self.time + self.span.sign() * trial, moved)
        bend = self._size(tuple(new - old for new, old in zip(rate, self.rate, strict=True)), self.state) / trial
        steep = torch.maximum(slope, bend)
        step = torch.where(steep > 1e-15, (0.01 / steep) ** 0.2, (1e-3 * trial).clamp_min(1e-6 * way))
        return self.span.sign() * torch.minimum(torch.minimum(100.0 * trial, step), way)

    def _size(self, parts: Parts, *beside: Parts) -> Tensor:
        """The largest over the parts of their root mean squares, in units of what the tolerance allows, (b,)."""
        sizes = []
        for k, part in enumerate(parts):
            scale = torch.stack([self._mean_square(k, state[k]).sqrt() for state in beside]).amax(0)
            sizes.append(self._mean_square(k, part).sqrt() / (self.tolerance * (1.0 + scale)))
        return torch.stack(sizes).amax(0).double()

    def _mean_square(self, k: int, part: Tensor) -> Tensor:
        flat = part.reshape(len(part), -1)
        return flat.square().sum(1) / (self.ndof if k == 0 else float(flat.shape[1]))

    def advance(self) -> None:
        """Try one step of every sample that is on its way; those that arrive leave."""
        self._require_progress()
        left = self.end - self.time
        last = self.step.abs() >= left.abs()
        h = torch.where(last, left, self.step)
        rates = [self.rate]
        new = self.state
        for node, weights in zip(_NODES[1:], _STAGES[1:], strict=True):
            new = _add(self.state, h, weights, rates)
            rates.append(self._evaluate(self.time + node * h, new))
        error = _add(tuple(torch.zeros_like(part) for part in new), h, _ERROR, rates)
        ratio = self._size(error, self.state, new)
        taken = ratio <= 1.0  # not so where it is NaN
        self._report(h, taken, rates)
        factor = torch.where(taken | ratio.isfinite(), _SAFETY * ratio**-0.2, _SHRINK).clamp(_SHRINK, _GROW)
        self.step = h * torch.where(taken & ~self.again, factor, factor.clamp(max=1.0))
        self.again, self.rejected[self.rows] = ~taken, self.rejected[self.rows] + ~taken
        self.time = torch.where(taken, torch.where(last, self.end, self.time + h), self.time)
        self.state = _where(taken, new, self.state)
        self.rate = _where(taken, rates[-1], self.rate)
        if bool((taken & last).any()):
            self._leave(taken & last)

    def _report(self, h: Tensor, taken: Tensor, rates: list[Parts]) -> None:
        """Write the path where the steps pass the times asked for."""
        for k, time in enumerate(self.at):
            theta = (time - self.time) / h
            passed = (taken & (theta > 0.0) & (theta <= 1.0)).nonzero().flatten()
            if self.path is not None and len(passed):
                powers = theta[passed, None] ** torch.arange(1, 5, device=h.device)
                weights = powers @ torch.tensor(_DENSE, dtype=h.dtype, device=h.device).T
                some = [(rate[0][passed],) for rate in rates]
                x = _add((self.state[0][passed],), h[passed], tuple(weights.unbind(1)), some)[0]
                self.path[k, self.rows[passed]] = x

    def _leave(self, done: Tensor) -> None:
        rows, stay = self.rows[done], ~done
        for whole, part in zip(self.arrived, self.state, strict=True):
            whole[rows] = part[done]
        self.rows, self.time, self.end, self.span = (v[stay] for v in (self.rows, self.time, self.end, self.span))
        self.step, self.again, self.ndof = self.step[stay], self.again[stay], self.ndof[stay]
        self.state, self.rate = tuple(p[stay] for p in self.state), tuple(p[stay] for p in self.rate)

    def _require_progress(self) -> None:
        self.rounds += 1
        short = ~(self.step.abs() >= _SHORTEST * self.span.abs())
        if bool(short.any()) or self.rounds > _ROUNDS:
            k = int(short.nonzero()[0]) if bool(short.any()) else 0
            raise ArithmeticError(
                f"the step of sample {int(self.rows[k])} is {float(self.step[k]):.3g} at {float(self.time[k]):.6g} "
                f"after {self.rounds - 1} tries, but it needs to arrive at {float(self.end[k]):.6g}: the field is "
                "not smooth or not finite there; look for NaN in it, or raise the tolerance."
            )


def _add(state: Parts, h: Tensor, weights: Sequence[float | Tensor], rates: Sequence[Parts]) -> Parts:
    """state + h (sum of weights times rates), part by part; h and weights are numbers of the samples."""
    sums = []
    for k, part in enumerate(state):
        for weight, rate in zip(weights, rates, strict=True):
            if isinstance(weight, Tensor) or weight != 0.0:
                factor = (h * weight).to(part).reshape(-1, *[1] * (part.ndim - 1))
                part = torch.addcmul(part, factor, rate[k])
        sums.append(part)
    return tuple(sums)


def _where(mask: Tensor, yes: Parts, no: Parts) -> Parts:
    return tuple(torch.where(mask.reshape(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(yes, no, strict=True))
