"""The paragraph that says what the conclusions of the lab irreps come to."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from equigen.labs.irreps.findings import IrrepFindings
from equigen.labs.lab import Conclusion

__all__ = ["answered_by"]

_Said = Callable[[str, str, str], str]


def answered_by(found: Sequence[IrrepFindings], conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph: a sentence for each conclusion, as its verdict is.

    Args:
        found: on each group.
        conclusions: about it.
    """
    told = {one.claim: one for one in conclusions}

    def said(words: str, yes: str, no: str) -> str:
        chosen = [one for claim, one in told.items() if words in claim]
        return f" {chosen[0].told(yes, no)}" if chosen else ""

    return (
        _building(found, said)
        + _spoiling(said)
        + _spanning(said)
        + _maps(found, said)
        + _weights(found, said)
        + _products(said)
    ).strip()


def _building(found: Sequence[IrrepFindings], said: _Said) -> str:
    names = ", ".join(one.functions.group.name for one in found)
    error = max(one.agreement.error for one in found)
    return (
        said(
            "hold each irrep as often",
            "A regular representation holds each irrep as often as its dimension over that of its commutant.",
            "A regular representation does not hold each irrep as often as its dimension over that of its commutant.",
        )
        + said(
            "values turn as the irreps do",
            f"On {names} the matrices that move values, which know nothing of irreps, become blocks of irreps to "
            f"{error:.0e} in the basis of the irreps' columns.",
            f"The matrices that move values do not become the blocks of the irreps: they miss them by {error:.2g}.",
        )
        + said(
            "the complete list is the regular",
            "The complete list of these columns is the regular representation in another basis.",
            "The complete list of these columns is not the regular representation.",
        )
    )


def _spoiling(said: _Said) -> str:
    return (
        said(
            "as many functions are lost",
            "Without one irrep exactly the functions that it spans are lost.",
            "Leaving one irrep out does not lose the functions that it spans.",
        )
        + said(
            "error of the best reconstruction",
            "What that costs a given function is the energy of its spectrum there.",
            "What that costs a given function is not the energy of its spectrum there.",
        )
        + said(
            "held twice adds no function",
            "An irrep held once too often adds coefficients and no function, so that coefficients are no longer "
            "unique.",
            "An irrep held once too often adds functions.",
        )
        + said(
            "smallest singular value is 0",
            "With one function in the place of another the smallest singular value is 0.",
            "With one function in the place of another no singular value is 0.",
        )
        + said(
            "has the condition number",
            r"A function that nears another one, at the angle $a$, brings the condition number $\cot(a / 2)$.",
            r"A function that nears another one, at the angle $a$, does not bring the condition number $\cot(a / 2)$.",
        )
    )


def _spanning(said: _Said) -> str:
    return (
        said(
            "measured commutants",
            "The commutant of a two-dimensional irrep has dimension 2 for rotations, and 1 with reflections.",
            "The commutant of a two-dimensional irrep has not dimension 2 for rotations, and 1 with reflections.",
        )
        + said(
            "span the same functions",
            "The second column of an irrep of complex type adds no function.",
            "The second column of an irrep of complex type adds functions.",
        )
        + said(
            "span different functions",
            "With reflections both columns are needed.",
            "With reflections, too, one column is enough.",
        )
    )


def _maps(found: Sequence[IrrepFindings], said: _Said) -> str:
    spoiled = [item for one in found for item in one.lists[1:]]
    short = min((item.lost + item.missed for item in spoiled), default=0)
    return (
        said(
            "turn as they should",
            "A test of equivariance shows no fault of a list: the functions of every list turn as they should.",
            "The functions of some lists do not turn as they should.",
        )
        + said(
            "as many independent maps",
            "Nor does the number of maps from the regular representation that commute with the group: it is the "
            "number of coefficients for every list.",
            "The number of maps from the regular representation that commute with the group is not the number of "
            "coefficients.",
        )
        + said(
            "no spoiled list is",
            "Yet no spoiled list is the regular representation: the best such map leaves over at least "
            f"{short} dimension{'s' * (short != 1)} on each of {len(spoiled)} lists.",
            "A spoiled list is still the regular representation.",
        )
        + said(
            "reach the rank",
            "Its rank is what multiplicities allow.",
            "The rank of such maps is not what multiplicities allow.",
        )
    )


def _weights(found: Sequence[IrrepFindings], said: _Said) -> str:
    pulses = [(one, item) for one in found if one.complex_type for item in one.weighings if item.function == "pulse"]
    failure = ""
    if pulses:
        one, item = pulses[0]
        failure = (
            f"With the weight $d$, as it is often written, it fails where rotations stand alone: for a pulse on "
            f"{one.functions.label} it gives {item.by_dimension:.4g} in place of {item.mean_square:.4g}."
        )
    return said(
        "Parseval's identity holds",
        "In the theorem of Peter and Weyl over the real numbers each irrep weighs its dimension $d$ over that of "
        "its commutant.",
        "The weight $d$ over the dimension of the commutant does not give the mean square of a function.",
    ) + said("weight $d$ the identity fails", failure, "The weight $d$ serves as well.")


def _products(said: _Said) -> str:
    return (
        said(
            "a shift multiplies",
            "A shift multiplies the matrices of a spectrum by those of the irreps.",
            "A shift does not multiply the matrices of a spectrum by those of the irreps.",
        )
        + said(
            "a convolution is the product",
            "A convolution of functions is a product of matrices, irrep by irrep.",
            "A convolution of functions is not the product of their matrices.",
        )
        + said(
            "factors of a convolution can be swapped",
            "On commutative groups its factors can be swapped.",
            "Not even on commutative groups can the factors of a convolution be swapped.",
        )
        + said(
            "factors of a convolution cannot be swapped",
            "On the other groups the order of a convolution's factors matters.",
            "Where elements do not commute, the factors of a convolution can be swapped all the same.",
        )
    )
