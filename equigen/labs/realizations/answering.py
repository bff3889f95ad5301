"""The paragraph that says what the conclusions of the lab realizations come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.tasks import TaskFound, best

__all__ = ["answered_by"]

_Said = Callable[[str, str, str], str]


def answered_by(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph: a sentence for each conclusion, as its verdict is.

    Args:
        found: by the lab.
        conclusions: about it.
    """

    def said(words: str, yes: str, no: str) -> str:
        chosen = [one for one in conclusions if words in one.claim]
        return f" {chosen[0].told(yes, no)}" if chosen else ""

    parts = [_forms(found, said), _order(said), _rounding(found, said), _shifts(said), _kinds(said)]
    return "".join([*parts, *(_task(task, said) for task in found.tasks)]).strip()


def _forms(found: Found, said: _Said) -> str:
    worst = max(one.error64 for one in found.forms)
    return said(
        "every form computes",
        f"A form is a way to compute a filter and changes nothing but cost and rounding: {len(found.forms)} forms give "
        f"the same map to {worst:.0e} in double precision.",
        f"The forms do not give the same map: one misses it by {worst:.2g}.",
    ) + said(
        "takes the products",
        "Each takes the products with the shift that it states.",
        "Some take other numbers of products with the shift than they state.",
    )


def _order(said: _Said) -> str:
    return (
        said(
            "cut after $K$",
            "The error of the Chebyshev series is the closed form of its rest.",
            "The error of the Chebyshev series is not the closed form of its rest.",
        )
        + said(
            "an order of Chebyshev",
            "As many products buy more digits in Chebyshev polynomials than in a sum over walks, by the factor of "
            "theory.",
            "Chebyshev polynomials do not gain what theory says over a sum over walks.",
        )
        + said(
            r"condition number $\sqrt{2}$",
            "Where the eigenvalues fill the interval, Chebyshev polynomials are as good as orthogonal.",
            "Chebyshev polynomials are badly conditioned even where the eigenvalues fill the interval.",
        )
        + said(
            r"grows by $1 + \sqrt{2}$",
            r"The condition number of powers grows there by $1 + \sqrt{2}$ with each order.",
            r"The condition number of powers does not grow there by $1 + \sqrt{2}$ with each order.",
        )
        + said(
            "worse conditioned than",
            "On a graph with communities powers of the bare adjacency are worse still.",
            "On a graph with communities powers of the bare adjacency are no worse.",
        )
        + said(
            "too, are badly conditioned",
            "There the eigenvalues leave most of the interval empty, and no basis of polynomials tells high orders "
            "apart.",
            "There Chebyshev polynomials stay well conditioned.",
        )
    )


def _rounding(found: Found, said: _Said) -> str:
    errors, last = found.rounding.errors, found.rounding.orders[-1]
    return (
        said(
            "direct form's error in single precision",
            r"In single precision the direct form of the filter $T_K$ errs as the sum of all $|h_k|$, which grows "
            r"exponentially.",
            r"In single precision the direct form of the filter $T_K$ does not err as the sum of all $|h_k|$.",
        )
        + said(
            "stays below $K^2$ roundings",
            "The Chebyshev form's stays below $K^2$ roundings.",
            "The Chebyshev form's is more than $K^2$ roundings.",
        )
        + said(
            "at the highest order",
            f"At order {last} they are {errors['direct'][-1]:.0e} and {errors['chebyshev'][-1]:.0e}.",
            f"At order {last} the direct form is no worse, {errors['direct'][-1]:.0e} against "
            f"{errors['chebyshev'][-1]:.0e}.",
        )
    )


def _shifts(said: _Said) -> str:
    return (
        said(
            "layer's norm is the largest",
            "With another shift the same taps are another filter, whose gain is the largest value on that shift's "
            "eigenvalues.",
            "With another shift the gain of the same taps is not the largest value on its eigenvalues.",
        )
        + said(
            "normalised Laplacian expresses",
            "The normalised Laplacian expresses the same filters as the normalised adjacency.",
            "The normalised Laplacian does not express the filters of the normalised adjacency.",
        )
        + said(
            "adjacency and Laplacian do not",
            "Adjacency and Laplacian express other ones.",
            "Adjacency and Laplacian express the same ones.",
        )
        + said(
            "on a ring all shifts",
            "On a ring, where all degrees agree, it makes no difference.",
            "Even on a ring it makes a difference.",
        )
    )


def _kinds(said: _Said) -> str:
    return (
        said(
            "with equal scores",
            "A convolution is attention with equal scores.",
            "A convolution is not attention with equal scores.",
        )
        + said("attention is not linear", "The converse fails, for attention is not linear.", "Attention is linear.")
        + said(
            "with weighted features",
            "Attention is message passing with weighted features.",
            "Attention is not message passing with weighted features.",
        )
        + said(
            "from one neighbour",
            "From a single neighbour attention hears the same whatever the node itself is.",
            "From a single neighbour attention hears what depends on the node itself.",
        )
        + said(
            "the message $|x_i",
            "A message can tell, so that message passing is more.",
            "The message between two nodes does not move with the node itself.",
        )
        + said(
            "weights held on edges",
            "Free weights on edges copy attention at one signal only.",
            "Free weights on edges do not copy attention at one signal, or copy it at others, too.",
        )
    )


def _task(task: TaskFound, said: _Said) -> str:
    first, place = best(task), task.place
    blind, top = 100 * task.blind.accuracy.value, first.accuracy
    others = sorted((one for one in task.learned if one is not first), key=lambda one: -one.accuracy.value)
    text = f" {place[0].upper()}{place[1:]} {first.kind.title} is right most often, {top} %."
    text += said(
        f"{place} {first.kind.title} is more accurate than the network without",
        f"Without the graph it is {blind:.1f} %.",
        f"Without the graph it is no less, {blind:.1f} %.",
    )
    for one in task.references:
        if one.exact:
            text += said(
                f"{place} {one.name}",
                f"No network reaches {one.name}, {100 * one.value:.1f} %.",
                f"It is as good as {one.name}, {100 * one.value:.1f} %.",
            )
    if others:
        second = others[0].kind.title
        text += said(
            f"{place} {first.kind.title} is more accurate than {second}",
            f"It is ahead of {second}, the next.",
            f"It is not ahead of {second}, the next.",
        )
    text += said(
        f"{place} trained networks commute",
        "All networks without free weights commute with renumbering.",
        "Not all networks without free weights commute with renumbering.",
    )
    return text + said(
        f"{place} free weights",
        "Those with free weights on edges do not.",
        "Those with free weights on edges commute with it, too.",
    )
