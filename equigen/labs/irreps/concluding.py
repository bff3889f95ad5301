"""What the numbers of the lab irreps decide."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from equigen.labs.irreps.findings import IrrepFindings
from equigen.labs.lab import Conclusion

__all__ = ["concluded"]

_ROUNDING = 1e-12  # largest difference of numbers that should be equal
_EPS = 2.3e-16
_WHOLE = 0.5  # counts that differ by less are equal
_CLOSE = 1e-6  # largest relative difference of a condition number from its formula
_CLEAR = 0.01  # a relative difference above it is no rounding


def concluded(found: Sequence[IrrepFindings]) -> list[Conclusion]:
    """All conclusions, each of the worst case over the groups."""
    return [*_constructions(found), *_lists(found), *_columns(found), *_regular(found), *_theorems(found)]


def _constructions(found: Sequence[IrrepFindings]) -> list[Conclusion]:
    strays = (one.agreement.stray for one in found)
    return [
        _zero(
            "in the basis of the irreps' columns the values turn as the irreps do",
            (max(one.agreement.error, one.agreement.orthogonality) for one in found),
            found,
        ),
        _count("the values hold each irrep as often as its dimension over that of its commutant", strays),
    ]


def _lists(found: Sequence[IrrepFindings]) -> list[Conclusion]:
    gone = [(one.functions.size, lost) for one in found for lost in one.left_out]
    gaps = (abs(lost.error[name] - lost.energy[name]) for _, lost in gone for name in lost.error)
    twice = [abs(item.rank - one.functions.size) for one in found for item in one.lists if item.name.endswith(" twice")]
    copies = [copy for one in found for copy in one.copies]
    made = [
        _count(
            "without one irrep as many functions are lost as it spans",
            (abs(n - lost.rank - lost.held) for n, lost in gone),
        ),
        _zero("the error of the best reconstruction is the energy of the irrep left out", gaps, found),
        _count("an irrep held twice adds no function", twice),
    ]
    if copies:
        near = (abs(copy.condition / copy.expected - 1.0) for copy in copies if copy.angle > 0)
        made += [
            _zero(
                "with one function in the place of another the smallest singular value is 0",
                (copy.smallest for copy in copies if copy.angle == 0),
                found,
            ),
            Conclusion.within(
                r"a copy at the angle $a$ has the condition number $\cot(a / 2)$", max(near), 1e-8, 0.0, _CLOSE
            ),
        ]
    return made


def _columns(found: Sequence[IrrepFindings]) -> list[Conclusion]:
    spans = [span for one in found for span in one.columns]
    pairs = [span for span in spans if span.endomorphisms == 2]
    lone = [span for span in spans if span.endomorphisms == 1]
    made = []
    if spans:
        claim = "the measured commutants have dimension 2 for rotations, and 1 with reflections"
        made.append(_count(claim, (abs(span.commutant - span.endomorphisms) for span in spans)))
    if pairs:
        claim = "both columns of an irrep of complex type span the same functions"
        made.append(_count(claim, (abs(span.both - span.one) for span in pairs)))
    if lone:
        claim = "the two columns of an irrep of real type span different functions"
        made.append(_count(claim, (abs(span.both - 2 * span.one) for span in lone)))
    return made


def _regular(found: Sequence[IrrepFindings]) -> list[Conclusion]:
    lists = [item for one in found for item in one.lists]
    whole = [one.lists[0] for one in found]
    rest = [item for one in found for item in one.lists[1:]]
    return [
        _zero("the functions of every list turn as they should, spoiled or not", (one.turning for one in lists), found),
        _count("the complete list is the regular representation", (one.lost + one.missed for one in whole)),
        Conclusion.above(
            "no spoiled list is the regular representation", min(one.lost + one.missed for one in rest), 0.0, _WHOLE
        ),
        _count(
            "maps from the regular representation reach the rank that multiplicities allow, and no more",
            (abs(one.map_rank - one.expected_rank) for one in lists),
        ),
        _count(
            "there are as many independent maps as the list has coefficients",
            (max(abs(one.homomorphisms - one.size), abs(one.by_schur - one.size)) for one in lists),
        ),
    ]


def _theorems(found: Sequence[IrrepFindings]) -> list[Conclusion]:
    weights = [item for one in found for item in one.weighings]
    made = [
        _zero(
            "Parseval's identity holds with the weight $d$ over the dimension of the commutant",
            (abs(item.by_commutant / item.mean_square - 1.0) for item in weights),
            found,
        )
    ]
    doubled = [item.excess for one in found if one.complex_type for item in one.weighings]
    if doubled:
        claim = "with the weight $d$ the identity fails on groups with irreps of complex type"
        made.append(Conclusion.above(claim, min(doubled), _bound(found), _CLEAR))
    shifts = (max(one.products.left_shift, one.products.right_shift) for one in found)
    made += [
        _zero(r"a shift multiplies the matrices by $\psi(u)$", shifts, found),
        _zero("a convolution is the product of the matrices", (one.products.convolution for one in found), found),
    ]
    commuting = [one.products.commutator for one in found if one.commutes]
    others = [one.products.commutator for one in found if not one.commutes]
    if commuting:
        made.append(_zero("on commutative groups the factors of a convolution can be swapped", commuting, found))
    if others:
        claim = "on the other groups the factors of a convolution cannot be swapped"
        made.append(Conclusion.above(claim, min(others), _bound(found), _CLEAR))
    return made


def _bound(found: Sequence[IrrepFindings]) -> float:
    """A bound of the rounding, over two."""
    return 0.5 * _EPS * max(one.functions.size for one in found)


def _zero(claim: str, values: Iterable[float], found: Sequence[IrrepFindings]) -> Conclusion:
    return Conclusion.within(claim, max(values), _bound(found), 0.0, _ROUNDING)


def _count(claim: str, values: Iterable[float]) -> Conclusion:
    return Conclusion.within(claim, float(max(values)), 0.0, 0.0, _WHOLE)
