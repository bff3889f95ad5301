"""The paragraph that says what the conclusions of the lab realizations come to."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.sentences import Sentences
from equigen.labs.realizations.tasks import TaskFound, best, foremost, leads, runner_up

__all__ = ["answered_by"]


def answered_by(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph: what a form and an order change, and who learns best. Each sentence is a conclusion's.

    Args:
        found: by the lab.
        conclusions: about it.
    """
    told = Sentences(conclusions)
    parts = [*_filters(found, told), *(part for task in found.tasks for part in _task(task, told))]
    return " ".join(part for part in parts if part)


def _filters(found: Found, told: Sentences) -> list[str]:
    worst, errors, last = found.worst_form, found.rounding.errors, found.rounding.orders[-1]
    direct, chebyshev = f"{errors['direct'][-1]:.0e}", f"{errors['chebyshev'][-1]:.0e}"
    return [
        told.said(
            "every form computes",
            f"A form is a way to compute a filter and changes nothing but cost and rounding: {len(found.forms)} forms "
            f"give the same map to {worst:.0e} in double precision.",
            f"The forms do not give the same map: one misses it by {worst:.2g}.",
        ),
        told.said(
            "at the highest order",
            f"In single precision the filter $T_K$ of order {last} errs by {direct} in the direct form and by "
            f"{chebyshev} in the Chebyshev form.",
            f"In single precision the direct form of $T_K$ is no worse at order {last} than the Chebyshev form, "
            f"{direct} against {chebyshev}.",
        ),
        told.said(
            "an order of Chebyshev",
            "As many products buy more digits in Chebyshev polynomials than in a sum over walks, by the factor of "
            "theory.",
            "Chebyshev polynomials do not gain what theory says over a sum over walks.",
        ),
        told.said(
            "neither powers nor Chebyshev",
            "Neither powers nor Chebyshev polynomials tell high orders apart on a graph with communities, for its "
            "eigenvalues leave most of the interval empty.",
            "Powers or Chebyshev polynomials stay well conditioned even on a graph with communities.",
        ),
        told.said(
            "adjacency and Laplacian express",
            "Another shift is another filter: no polynomial in adjacency or Laplacian of that graph, of whatever "
            "order, is this one in the normalised adjacency.",
            "Another shift is not always another filter: a polynomial in adjacency or Laplacian of that graph is this "
            "one in the normalised adjacency.",
        ),
    ]


def _task(task: TaskFound, told: Sentences) -> list[str]:
    first, second = best(task), runner_up(task)
    ranked = (
        f"Of the networks that commute with renumbering {first.kind.title} is right most often {task.place}, "
        f"{first.accuracy} %"
    )
    blind = f"{100 * task.blind.accuracy.value:.1f} %"
    parts = [
        told.said(
            leads(task, first.kind.title, "the network without the graph"),
            f"{ranked}, against {blind} without the graph.",
            f"{ranked}, which is no more than the {blind} without the graph.",
            f"{ranked}.",
        )
    ]
    if second:
        parts.append(
            told.said(
                leads(task, first.kind.title, second.kind.title),
                f"It is ahead of {second.kind.title}, the next.",
                f"It is not ahead of {second.kind.title}, the next.",
            )
        )
    return parts + _beside(task, told)


def _beside(task: TaskFound, told: Sentences) -> list[str]:
    """How those that are not ranked, and what no network can exceed, compare with them."""
    first, top, parts = best(task), foremost(task), []
    for one in task.free:
        share = f"{100 * one.accuracy.value:.1f} %"
        parts.append(
            told.said(
                leads(task, first.kind.title, one.kind.title),
                f"The network with free weights on edges, which is not ranked, is right less often, {share}.",
                f"The network with free weights on edges, which is not ranked, is right more often, {share}.",
            )
        )
    for one in task.references:
        if one.exact:
            share = f"{100 * one.value:.1f} %"
            parts.append(
                told.said(
                    leads(task, one.name, top.kind.title),
                    f"No network reaches {one.name}, {share}.",
                    f"{top.kind.title} is as good as {one.name}, {share}.",
                )
            )
    return parts
