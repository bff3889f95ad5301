"""What the numbers of the lab realizations decide."""

from __future__ import annotations

import math
from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.orders import slope
from equigen.labs.realizations.tasks import LearnedNetwork, TaskFound, best, compared
from equigen.labs.rotation_stability.concluding import estimate

__all__ = ["concluded"]

_SAME = 1e-10  # largest relative difference of maps that should be equal, in double precision
_EPS = 2.3e-16
_CLEAR = 0.01  # a relative difference above it is no rounding
_SLOPE = 0.03  # decades an order by which slopes may differ
_FLAT = 1e-12  # errors of a fit below it are rounding
_ROUNDING = 2.0**-24  # of one number in single precision
_FROM = 8  # order from which slopes are read


def concluded(found: Found) -> list[Conclusion]:
    """All conclusions: forms, order, shifts, kinds of layer, and what was learned."""
    return [
        *_forms(found),
        *_fits(found),
        *_conditions(found),
        *_rounding(found),
        *_shifts(found),
        *_nesting(found),
        *(one for task in found.tasks for one in _task(task)),
    ]


def _same(claim: str, values: Sequence[float], nodes: int) -> Conclusion:
    return Conclusion.within(claim, max(values), 0.5 * nodes * _EPS, 0.0, _SAME)


def _forms(found: Found) -> list[Conclusion]:
    nodes = found.shown.graph.nodes
    products = [abs(one.counted - one.cost.products) for one in found.forms]
    return [
        _same("every form computes the filter's map in double precision", [one.error64 for one in found.forms], nodes),
        Conclusion.within("every form takes the products with the shift that it states", max(products), 0.0, 0.0, 0.5),
    ]


def _fits(found: Found) -> list[Conclusion]:
    fits, shown = found.fits, found.shown
    pairs = [(got, due) for got, due in zip(fits.chebyshev, fits.cut, strict=True) if due > _FLAT]
    seen = [k for k, due in enumerate(fits.cut) if due > _FLAT]
    rates = [
        slope([fits.orders[k] for k in seen], [values[k] for k in seen]) for values in (fits.chebyshev, fits.walks)
    ]
    ratio = rates[0][0] / rates[1][0]
    error = ratio * math.hypot(rates[0][1] / rates[0][0], rates[1][1] / rates[1][0])
    return [
        Conclusion.within(
            r"cut after $K$ the Chebyshev series errs by the sum of $2 c_0 \rho^{-k}$ over $k > K$",
            max(abs(got / due - 1.0) for got, due in pairs),
            1e-4,
            0.0,
            0.01,
        ),
        Conclusion.within(
            r"an order of Chebyshev polynomials gains $\ln \rho / \ln(1/\psi)$ times what one of powers does",
            ratio,
            error,
            -math.log(shown.rho) / math.log(shown.psi),
            0.05,
        ),
    ]


def _conditions(found: Found) -> list[Conclusion]:
    blocks, ring = found.bases
    at = min(_FROM, len(blocks.orders)) - 1
    fine = [k for k, order in enumerate(ring.orders) if 2 * order < found.shown.ring.nodes]
    late = [k for k in fine if ring.orders[k] >= _FROM and math.isfinite(ring.powers[k])]
    grown, error = slope([ring.orders[k] for k in late], [ring.powers[k] for k in late])
    return [
        Conclusion.within(
            r"on the ring Chebyshev polynomials have the condition number $\sqrt{2}$",
            max(abs(ring.chebyshev[k] / math.sqrt(2.0) - 1.0) for k in fine),
            1e-8,
            0.0,
            1e-6,
        ),
        Conclusion.within(
            r"on the ring that of powers grows by $1 + \sqrt{2}$ an order",
            grown,
            error,
            math.log10(1.0 + math.sqrt(2.0)),
            _SLOPE,
        ),
        Conclusion.above(
            "on communities powers of the adjacency are worse conditioned than those of the normalised one",
            math.log10(blocks.adjacency[at] / blocks.powers[at]),
            1e-3,
            0.0,
        ),
        Conclusion.above(
            "on communities Chebyshev polynomials, too, are badly conditioned",
            min(math.log10(blocks.chebyshev[-1]), 16.0),
            1e-3,
            1.0 + math.log10(math.sqrt(2.0)),
        ),
    ]


def _rounding(found: Found) -> list[Conclusion]:
    told = found.rounding
    late = [k for k, order in enumerate(told.orders) if order >= _FROM]
    orders = [told.orders[k] for k in late]
    bound, _ = slope(orders, [told.bound[k] for k in late])
    direct, error = slope(orders, [told.errors["direct"][k] for k in late])
    room = [_ROUNDING * told.orders[k] ** 2 / told.errors["chebyshev"][k] for k in late]
    return [
        Conclusion.within(
            r"the direct form's error in single precision grows as the sum of all $|h_k|$", direct, error, bound, _SLOPE
        ),
        Conclusion.above("that of the Chebyshev form stays below $K^2$ roundings", min(room), 0.0, 1.0),
        Conclusion.above(
            "at the highest order the direct form errs more than the Chebyshev form",
            math.log10(told.errors["direct"][-1] / told.errors["chebyshev"][-1]),
            0.1,
            0.0,
        ),
    ]


def _shifts(found: Found) -> list[Conclusion]:
    by, nodes = {one.name: one for one in found.shifts}, found.shown.graph.nodes
    others = [by["adjacency"], by["laplacian"]]
    return [
        _same(
            r"the layer's norm is the largest $|h(\lambda)|$ whatever the shift",
            [abs(one.norm / one.gain - 1.0) for one in found.shifts],
            nodes,
        ),
        _same(
            "the normalised Laplacian expresses the filters of the normalised adjacency",
            [by["normalised-laplacian"].left],
            nodes,
        ),
        Conclusion.above(
            "adjacency and Laplacian do not where degrees differ", min(one.left for one in others), 1e-12, _CLEAR
        ),
        _same("on a ring all shifts express the same filters", [one.left_on_ring for one in found.shifts], nodes),
    ]


def _nesting(found: Found) -> list[Conclusion]:
    told, nodes = found.nesting, found.shown.graph.nodes
    return [
        _same("attention with equal scores is a convolution", [told.convolution_by_attention], nodes),
        Conclusion.above("attention is not linear, as a convolution is", told.attention_superposed, 1e-12, _CLEAR),
        _same("message passing with weighted features is attention", [told.attention_by_messages], nodes),
        _same(
            "from one neighbour attention hears the same whatever the node's own feature", [told.attention_of_own], 2
        ),
        Conclusion.within(
            "the message $|x_i - x_j|$ moves as far as the node's own feature", told.messages_of_own, _EPS, 0.5, _SAME
        ),
        Conclusion.above(
            "weights held on edges are attention at the features they were taken at, and nowhere else",
            told.edges_elsewhere if told.attention_by_edges < _SAME else 0.0,
            1e-12,
            _CLEAR,
        ),
    ]


def _task(task: TaskFound) -> list[Conclusion]:
    first = best(task)
    exact = [trial.equivariance for one in task.learned for trial in one.trials]
    free = [one for one in task.networks if not one.kind.equivariant]
    made = [
        Conclusion.within(
            f"{task.place} trained networks commute with renumbering in double precision",
            max(exact),
            0.5 * task.nodes * _EPS,
            0.0,
            _SAME,
        )
    ]
    if free:
        lowest = min(trial.equivariance for one in free for trial in one.trials)
        made.append(
            Conclusion.above(f"{task.place} free weights on edges do not commute with it", lowest, 1e-12, _CLEAR)
        )
    made.append(
        _above(f"{task.place} {first.kind.title} is more accurate than the network without the graph", task, task.blind)
    )
    for one in task.references:
        if one.exact:
            gap = estimate(one.right - first.right)
            claim = f"{task.place} {one.name} is more accurate than {first.kind.title}"
            made.append(Conclusion.above(claim, gap.value, gap.error, 0.0))
    others = sorted((one for one in task.learned if one is not first), key=lambda one: -one.accuracy.value)
    if others:
        made.append(
            _above(f"{task.place} {first.kind.title} is more accurate than {others[0].kind.title}", task, others[0])
        )
    return made


def _above(claim: str, task: TaskFound, other: LearnedNetwork) -> Conclusion:
    gap = compared(best(task), other)
    return Conclusion.above(claim, gap.value, gap.error, 0.0)
