"""What the numbers of the lab realizations decide."""

from __future__ import annotations

import math
from collections.abc import Sequence

from equigen.labs.extremes import largest, least
from equigen.labs.lab import Conclusion
from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.orders import slope
from equigen.labs.realizations.tasks import (
    LearnedNetwork,
    TaskFound,
    best,
    compared,
    foremost,
    leads,
    runner_up,
)
from equigen.labs.rotation_stability.concluding import SampledMean, estimate

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
    return Conclusion.within(claim, largest(values), 0.5 * nodes * _EPS, 0.0, _SAME)


def _forms(found: Found) -> list[Conclusion]:
    nodes = found.shown.graph.nodes
    products = [abs(one.counted - one.cost.products) for one in found.forms]
    return [
        _same("every form computes the filter's map in double precision", [one.error64 for one in found.forms], nodes),
        Conclusion.within(
            "every form takes the products with the shift that it states", largest(products), 0.0, 0.0, 0.5
        ),
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
            largest(abs(got / due - 1.0) for got, due in pairs),
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
    high = (blocks.powers[-1], blocks.chebyshev[-1])
    fine = [k for k, order in enumerate(ring.orders) if 2 * order < found.shown.ring.nodes]
    late = [k for k in fine if ring.orders[k] >= _FROM and not math.isinf(ring.powers[k])]
    grown, error = slope([ring.orders[k] for k in late], [ring.powers[k] for k in late])
    return [
        Conclusion.within(
            r"on the ring Chebyshev polynomials have the condition number $\sqrt{2}$",
            largest(abs(ring.chebyshev[k] / math.sqrt(2.0) - 1.0) for k in fine),
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
        Conclusion.above("that is mostly the scale of the columns", blocks.scale_of_powers[1], 1e-3, 0.5),
        Conclusion.above(
            "on communities neither powers nor Chebyshev polynomials are well conditioned",
            least([16.0, *(math.log10(one) for one in high)]),
            1e-3,
            1.0 + math.log10(math.sqrt(2.0)),
        ),
        _same(
            "polynomials that are orthonormal on the eigenvalues have the condition number 1",
            [one - 1.0 for one in blocks.orthonormal],
            found.shown.graph.nodes,
        ),
    ]


def _rounding(found: Found) -> list[Conclusion]:
    told = found.rounding
    late = [k for k, order in enumerate(told.orders) if order >= _FROM]
    orders = [told.orders[k] for k in late]
    bound, _ = slope(orders, [told.bound[k] for k in late])
    direct, error = slope(orders, [told.errors["direct"][k] for k in late])
    pairs = zip(told.orders, told.errors["chebyshev"], strict=True)
    share = largest(error / (_ROUNDING * (order + 1) ** 2) for order, error in pairs)
    return [
        Conclusion.within(
            r"the direct form's error in single precision grows as the sum of all $|h_k|$", direct, error, bound, _SLOPE
        ),
        Conclusion.within("that of the Chebyshev form stays below $(K + 1)^2$ roundings", share, 0.0, 0.0, 1.0),
        Conclusion.above(
            "at the highest order the direct form errs more than the Chebyshev form",
            math.log10(told.errors["direct"][-1] / told.errors["chebyshev"][-1]),
            0.1,
            0.0,
        ),
    ]


def _shifts(found: Found) -> list[Conclusion]:
    by, nodes = {one.name: one for one in found.shifts}, found.shown.graph.nodes
    nearest = least(left for one in (by["adjacency"], by["laplacian"]) for left in (one.left, one.left_of_all))
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
        Conclusion.above("on communities adjacency and Laplacian express them at no order", nearest, 1e-12, _CLEAR),
        _same("on a ring all shifts express the same filters", [one.left_on_ring for one in found.shifts], nodes),
    ]


def _nesting(found: Found) -> list[Conclusion]:
    told, nodes = found.nesting, found.shown.graph.nodes
    return [
        _same("attention with equal scores is the convolution with $D^{-1} A$", [told.mean_by_attention], nodes),
        Conclusion.above("it is not that with the normalised adjacency", told.convolution_by_scores, 1e-12, _CLEAR),
        _same("attention whose weight is what the edge bears is a convolution", [told.convolution_by_attention], nodes),
        _same("a convolution is linear", [told.convolution_superposed], nodes),
        Conclusion.above("attention is not linear", told.attention_superposed, 1e-12, _CLEAR),
        _same("message passing with weighted features is attention", [told.attention_by_messages], nodes),
        _same("from a neighbour whose features are 0 attention hears nothing", [told.attention_of_silent], 2),
        Conclusion.within("the message $|x_i - x_j|$ is then $|x_i|$", told.messages_of_silent, _EPS, 1.5, _SAME),
        _same("weights held on edges are attention at the signal they were taken at", [told.attention_by_edges], nodes),
        Conclusion.above("held weights are not attention at another signal", told.edges_elsewhere, 1e-12, _CLEAR),
    ]


def _task(task: TaskFound) -> list[Conclusion]:
    first, top = best(task), foremost(task)
    exact = [trial.equivariance for one in task.learned for trial in one.trials]
    made = [
        Conclusion.within(
            f"{task.place} trained networks commute with renumbering in double precision",
            largest(exact),
            0.5 * task.nodes * _EPS,
            0.0,
            _SAME,
        )
    ]
    if task.free:
        lowest = least(trial.equivariance for one in task.free for trial in one.trials)
        made.append(
            Conclusion.above(f"{task.place} free weights on edges do not commute with it", lowest, 1e-12, _CLEAR)
        )
    made.append(_ahead(task, "the network without the graph", task.blind))
    made += [_ahead(task, one.kind.title, one) for one in (runner_up(task), *task.free) if one]
    for one in task.references:
        if one.exact:
            gap = estimate(one.right - top.right)
            made.append(_points(leads(task, one.name, top.kind.title), gap))
    if first.anew is not None:
        claim = f"{task.place} features made anew after a renumbering cost {first.kind.title} accuracy (in points)"
        made.append(_points(claim, estimate(first.right - first.anew)))
    return made


def _ahead(task: TaskFound, title: str, other: LearnedNetwork) -> Conclusion:
    return _points(leads(task, best(task).kind.title, title), compared(best(task), other))


def _points(claim: str, gap: SampledMean) -> Conclusion:
    return Conclusion.above(claim, 100 * gap.value, 100 * gap.error, 0.0)
