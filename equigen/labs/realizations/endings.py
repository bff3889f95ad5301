"""What the conclusions come to that belong to one chapter of the lab realizations: its last paragraph."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.sentences import Sentences
from equigen.labs.realizations.tasks import TaskFound, best

__all__ = ["endings"]


def endings(found: Found, conclusions: Sequence[Conclusion]) -> dict[str, str]:
    """Heading of a chapter -> its last paragraph: the sentences that the answer leaves out.

    Args:
        found: by the lab.
        conclusions: about it.
    """
    told = Sentences(conclusions)
    parts = {
        "One filter": [
            told.said(
                "cut after $K$",
                "Measured, the error of the Chebyshev series is the closed form of its rest.",
                "Measured, the error of the Chebyshev series is not the closed form of its rest.",
            )
        ],
        "Its forms": [
            told.said(
                "takes the products",
                "Each form takes the products with the shift that it states.",
                "Some forms take other numbers of products with the shift than they state.",
            )
        ],
        "High orders: which taps?": _bases(found, told),
        "High orders: which rounding?": _rounding(told),
        "Another shift": _shifts(told),
        "Three kinds of layer": [*_convolutions(told), *_messages(told)],
        "One table": [part for task in found.tasks for part in _task(task, told)],
    }
    joined = {heading: " ".join(part for part in said if part) for heading, said in parts.items()}
    return {heading: text for heading, text in joined.items() if text}


def _bases(found: Found, told: Sentences) -> list[str]:
    order, share = found.bases[0].scale_of_powers
    return [
        told.said(
            r"condition number $\sqrt{2}$",
            "On the ring, where the eigenvalues fill the interval, Chebyshev polynomials are as good as orthogonal.",
            "On the ring Chebyshev polynomials are badly conditioned, though the eigenvalues fill the interval.",
        ),
        told.said(
            r"grows by $1 + \sqrt{2}$",
            r"The condition number of powers grows there by $1 + \sqrt{2}$ with each order.",
            r"The condition number of powers does not grow there by $1 + \sqrt{2}$ with each order.",
        ),
        told.said(
            "worse conditioned than",
            "On communities powers of the bare adjacency are worse conditioned than those of the normalised one.",
            "On communities powers of the bare adjacency are no worse conditioned than those of the normalised one.",
        ),
        told.said(
            "mostly the scale",
            f"That is mostly the scale of the columns: of the digits between the two at order {order} a share of "
            f"{share:.2f} goes if $A$ is divided by its largest eigenvalue.",
            f"That is not mostly the scale of the columns: of the digits between the two at order {order} a share of "
            f"{share:.2f} goes if $A$ is divided by its largest eigenvalue.",
        ),
        told.said(
            "polynomials that are orthonormal",
            "Polynomials that are orthonormal on the graph's own eigenvalues have the condition number 1 at all "
            "orders, by construction; they are another basis on every graph.",
            "Polynomials that are orthonormal on the graph's own eigenvalues do not have the condition number 1.",
        ),
    ]


def _rounding(told: Sentences) -> list[str]:
    return [
        told.said(
            "direct form's error in single precision",
            r"In single precision the direct form of $T_K$ errs as the sum of all $|h_k|$, which grows exponentially.",
            r"In single precision the direct form of $T_K$ does not err as the sum of all $|h_k|$.",
        ),
        told.said(
            "stays below $(K + 1)^2$ roundings",
            "The Chebyshev form's error stays below $(K + 1)^2$ roundings at all orders.",
            "The Chebyshev form's error is more than $(K + 1)^2$ roundings at some order.",
        ),
    ]


def _shifts(told: Sentences) -> list[str]:
    return [
        told.said(
            "layer's norm is the largest",
            "With each shift the layer's norm is the largest $|h(\\lambda)|$ on that shift's eigenvalues.",
            "The layer's norm is not the largest $|h(\\lambda)|$ on its shift's eigenvalues.",
        ),
        told.said(
            "normalised Laplacian expresses",
            "The normalised Laplacian expresses the same filters as the normalised adjacency.",
            "The normalised Laplacian does not express the filters of the normalised adjacency.",
        ),
        told.said(
            "on a ring all shifts",
            "On a ring, where all degrees agree, the shift makes no difference to what can be expressed.",
            "Even on a ring the shift makes a difference to what can be expressed.",
        ),
    ]


def _convolutions(told: Sentences) -> list[str]:
    return [
        told.said(
            "is the convolution with $D^{-1} A$",
            "Attention with equal scores is the convolution with $D^{-1} A$.",
            "Attention with equal scores is not even the convolution with $D^{-1} A$.",
        ),
        told.said(
            "is not that with the normalised",
            "It is not the one with the normalised adjacency.",
            "It is the one with the normalised adjacency, too.",
        ),
        told.said(
            "whose weight is what the edge bears",
            "With the weight that the edge bears attention is that one.",
            "Even with the weight that the edge bears attention is not that one.",
        ),
        told.said("a convolution is linear", "A convolution is linear.", "A convolution is not linear."),
        told.said("attention is not linear", "Attention is not, so that it is more.", "Attention is linear, too."),
    ]


def _messages(told: Sentences) -> list[str]:
    return [
        told.said(
            "with weighted features",
            "Message passing with weighted features is attention.",
            "Message passing with weighted features is not attention.",
        ),
        told.said(
            "attention hears nothing",
            "From a single neighbour whose features are 0 attention hears nothing.",
            "From a single neighbour whose features are 0 attention hears something.",
        ),
        told.said(
            "is then $|x_i|$",
            "The message $|x_i - x_j|$ is $|x_i|$, so that message passing is more.",
            "The message $|x_i - x_j|$ is not $|x_i|$ there.",
        ),
        told.said(
            "weights held on edges",
            "Free weights on edges copy attention at the signal that they are taken from.",
            "Free weights on edges do not copy attention even at the signal that they are taken from.",
        ),
        told.said(
            "held weights are not attention",
            "At another signal they do not.",
            "At another signal they are attention, too.",
        ),
    ]


def _task(task: TaskFound, told: Sentences) -> list[str]:
    place, first = f"{task.place[0].upper()}{task.place[1:]}", best(task)
    parts = [
        told.said(
            f"{task.place} trained networks commute",
            f"{place} all networks without free weights commute with renumbering.",
            f"{place} not all networks without free weights commute with renumbering.",
        ),
        told.said(
            f"{task.place} free weights",
            f"{place} the one with free weights on edges does not.",
            f"{place} the one with free weights on edges commutes, too.",
        ),
    ]
    if first.anew is None:
        return parts
    then = f"{100 * float(first.anew.mean()):.1f} %"
    of_numbers = "Its features are the nodes' numbers, and commuting holds if they are carried along."
    parts.append(
        told.said(
            f"{task.place} features made anew",
            f"{of_numbers} Made anew after a renumbering they cost {first.kind.title} accuracy: {then} is left of "
            f"{100 * first.accuracy.value:.1f} %.",
            f"{of_numbers} Made anew after a renumbering they cost {first.kind.title} nothing, {then} being left.",
            of_numbers,
        )
    )
    return parts
