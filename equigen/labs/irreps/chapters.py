"""The page of the lab irreps: two constructions, and what each fault of a list does."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.irreps import figures
from equigen.labs.irreps.findings import IrrepFindings, representatives
from equigen.labs.irreps.functions import GroupFunctions
from equigen.labs.irreps.spoiling_chapters import spoiling_chapters
from equigen.labs.irreps.theorem_chapters import theorem_chapters
from equigen.report.document import Chapter, Formula, Table

__all__ = ["chapters"]


def chapters(found: Sequence[IrrepFindings]) -> list[Chapter]:
    """All chapters.

    Args:
        found: on each group.
    """
    shown = representatives(found)
    return [
        _functions([one.functions for one in shown]),
        _two_ways(found, shown),
        *spoiling_chapters(found, shown),
        *theorem_chapters(found, shown),
        _limits(),
    ]


def _functions(shown: Sequence[GroupFunctions]) -> Chapter:
    return Chapter(
        "Functions on a group, and how they move",
        [
            "A channel of a group convolution holds, at each place of an image, a function on the group: one number "
            "for each rotation, or for each rotation and each reflection. When the image turns by $u$, that function "
            "moves along,",
            Formula(r"(S(u)\,f)(h) = f(u^{-1} h)"),
            "On a finite group this permutes the values. $S$ is the regular representation; it was made without a "
            "word about irreps. On SO(2) and O(2) no list of values is complete, but functions whose frequencies go up "
            "to $K$ are fixed by their values at $2K + 1$ angles $a_j$ (on O(2), on each of two circles), and move by "
            "trigonometric interpolation:",
            Formula(
                r"f(a) = \dfrac{1}{2K+1}\,\sum_j\,D_K(a - a_j)\,f(a_j), \qquad "
                r"D_K(x) = 1 + 2 \cos x + \ldots + 2 \cos Kx"
            ),
            figures.moves(
                shown,
                "A function and two of its images. Each circle stands at the angle of a rotation; those of the inner "
                "polygon are the reflections, at the angle of the rotation that comes after the first reflection. The "
                "numbers are the values: red above 0, blue below. A reflection swaps the two polygons.",
            ),
        ],
    )


def _two_ways(found: Sequence[IrrepFindings], shown: Sequence[IrrepFindings]) -> Chapter:
    return Chapter(
        "The same from irreps",
        [
            "An irreducible representation, an irrep, is a set of matrices $\\psi(g)$, here of size $d = 1$ or 2, "
            "that multiply as the elements do and leave no proper subspace alone. Over the real numbers they are 1, "
            "signs, and rotations by $k$ times the angle, $k$ being the frequency; a reflection comes as diag(1, -1). "
            "An irrep has its frequency for a name: 1, 2, 3. Those of one dimension have a letter besides: o, odd, "
            "where the first reflection changes the sign, and e, even, where it does not or where there is none. 0e is "
            "1 throughout, 0o the sign of reflections. Where a finite group has an even number of rotations, the "
            "highest frequency has one dimension too: 4e on C8 and 2e and 2o on D4, whose sign the first rotation "
            "changes. "
            "For a unit vector $v$, the $d$ functions",
            Formula(r"\varphi_i(h) = \sqrt{d / n}\,\left(\psi(h)\,v\right)_i"),
            "turn among themselves as $\\psi$ does, since $\\psi(u^{-1}h) v = \\psi(u)^T \\psi(h) v$:",
            Formula(r"S(u)\,\varphi_i = \sum_j\,\psi_{ji}(u)\,\varphi_j"),
            "Functions of different irreps are orthogonal, and so are those of orthogonal vectors $v$, unless a matrix "
            "that commutes with $\\psi$ takes one to the other. With $\\mathrm{End}\\,\\psi$ the space of the "
            "matrices that commute with all $\\psi(g)$, its commutant, an irrep therefore brings $d / \\dim "
            "\\mathrm{End}$ sets of $d$ functions (Peter and Weyl, 1927; Serre, 1977, for finite groups). The "
            "dimension of the commutant is 2 for rotations of the plane, which commute with each other, and 1 for all "
            "others here. The functions of all irreps, as columns, are an orthogonal matrix $Q$ with",
            Formula(r"Q^T S(u)\,Q = \psi_1(u) \oplus \psi_2(u) \oplus \ldots"),
            figures.blocks(
                [one.functions for one in shown],
                "Left: the matrix of one rotation on values. Middle: the change of basis. Right: what it makes of the "
                "left one: a block for each column of an irrep, all else is rounding. Red above 0; blue with a minus "
                "below.",
            ),
            Table(
                ["group", "n", "irreps found in S", "|QᵀQ - 1|", "|QᵀSQ - blocks|", "in float32"],
                _agreements(found),
                "Largest entries over all elements, over 64 random ones for SO(2) and O(2). The irreps of the third "
                "column were found by averages of the matrices $S(u)$, which were made without them.",
                words=(0, 2),
            ),
        ],
    )


def _agreements(found: Sequence[IrrepFindings]) -> list[list[str]]:
    return [
        [
            one.functions.label,
            str(one.functions.size),
            ", ".join(_times(name, count) for name, count in one.agreement.found.items()),
            f"{one.agreement.orthogonality:.0e}",
            f"{one.agreement.error:.0e}",
            f"{one.agreement.error_float32:.0e}",
        ]
        for one in found
    ]


def _times(name: str, count: int) -> str:
    return {1: name, 2: f"{name} (twice)"}.get(count, f"{name} ({count} times)")


def _limits() -> Chapter:
    return Chapter(
        "What this does not show",
        [
            "All this is linear algebra on one function; nothing was learned, and nothing stood on a grid of pixels. "
            "How much a network loses by a missing frequency is a question of its data: a band limit on SO(2) leaves "
            "out all irreps above it on purpose. That a spoiled list still passes a test of equivariance says that "
            "such tests are not enough, not that they are useless: they find wrong matrices, and this lab's own first "
            "chapters are such a test. Groups here have irreps of real and of complex type; the third, quaternionic, "
            "occurs on no group of the plane."
        ],
    )  # fmt: skip
