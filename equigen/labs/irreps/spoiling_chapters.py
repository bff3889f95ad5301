"""The chapters of the lab irreps on lists that are spoiled: an irrep missing, repeated, or with all its columns."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.irreps import figures
from equigen.labs.irreps.findings import IrrepFindings, representatives
from equigen.report.document import Chapter, Formula, Table

__all__ = ["spoiling_chapters"]

_ROUNDING = 1e-12  # shares below it are written as 0


def spoiling_chapters(found: Sequence[IrrepFindings], shown: Sequence[IrrepFindings]) -> list[Chapter]:
    """One irrep missing, one too often, both columns of one, and what the regular representation becomes.

    Args:
        found: on each group.
        shown: those that stand for the others in pictures and long tables.
    """
    return [_missing(found, shown), _repeated(found, shown), _columns(found), _regular(shown)]


def _missing(found: Sequence[IrrepFindings], shown: Sequence[IrrepFindings]) -> Chapter:
    worst = max(
        abs(lost.error[name] - lost.energy[name]) for one in found for lost in one.left_out for name in lost.error
    )
    return Chapter(
        "One irrep missing",
        [
            "Leave out the columns of one irrep $\\psi$. The table of functions loses rank, and functions with a part "
            "in $\\psi$ are no longer reached: the nearest one that is misses, by Pythagoras, exactly that part. Its "
            "size follows from the Fourier transform, $F(\\psi) = \\mathrm{E}\\, f(g)\\,\\psi(g)$ with $\\mathrm{E}$ "
            "the mean over the group:",
            Formula(
                r"\dfrac{\min_c\, \mathrm{E}\,|f - \sum\,c_i \varphi_i|^2}{\mathrm{E}\,|f|^2} = "
                r"\dfrac{d}{\dim \mathrm{End}}\;\dfrac{|F(\psi)|^2}{\mathrm{E}\,|f|^2}"
            ),
            figures.reconstructions(
                shown,
                "A window, 1 on the rotations of less than half a turn (bars), and the nearest function without one "
                "irrep (dots). Elements are numbered as the group lists them, rotations first. Above each panel: the "
                "share of the mean square that is lost. 0e holds the mean; where nothing is lost the window has no "
                "part in the irrep.",
            ),
            Table(
                ["list", "lost", "rank", "pulse: error", "energy", "window: error", "energy"],
                _losses(shown),
                "Lost: functions that the irrep spans. Error: of the best reconstruction by least squares. Energy: "
                "the right-hand side above, from the Fourier transform. A pulse, 1 at the identity, has in each irrep "
                "the share $d^2 / (n \\dim \\mathrm{End})$.",
                
            ),
            f"Over all {len(found)} groups, all their irreps, and three functions, the third being random, the two "
            f"sides differ by {worst:.0e} at most.",
        ],
    )  # fmt: skip


def _losses(shown: Sequence[IrrepFindings]) -> list[list[str]]:
    return [
        [
            f"{one.functions.label} without {lost.irrep}",
            str(lost.held),
            f"{lost.rank} of {one.functions.size}",
            *(_share(part[name]) for name in ("pulse", "window") for part in (lost.error, lost.energy)),
        ]
        for one in shown
        for lost in one.left_out
    ]


def _repeated(found: Sequence[IrrepFindings], shown: Sequence[IrrepFindings]) -> Chapter:
    return Chapter(
        "One irrep too often",
        [
            "Hold the columns of an irrep twice. They are equal, so that the rank of the table stays, the number of "
            "its columns grows, and as many singular values are 0, or, to rounding, below $10^{-15}$. Nothing new is "
            "reached; but a function no longer has one vector of coefficients: what is added to one copy can be taken "
            "from the other.",
            figures.singular_values(
                shown,
                "Singular values of the table of functions, the largest first, for the complete list and for spoiled "
                "ones. All are 1 for the complete list. A copy gives $\\sqrt{2}$ and 0. In a list with one irrep in "
                "place of another the table is square and looks complete; the functions of the one that was replaced "
                "are not there.",
            ),
            "In practice copies are seldom exact. Replace one function $\\varphi_2$ of the complete list by $\\cos "
            "a\\,\\varphi_1 + \\sin a\\,\\varphi_2$, which nears another one, $\\varphi_1$, as $a$ falls. Two "
            "singular values become $\\sqrt{1 \\pm \\cos a}$, the others stay 1, and",
            Formula(r"\mathrm{cond} = \sqrt{\dfrac{1 + \cos a}{1 - \cos a}} = \cot\dfrac{a}{2}"),
            "which is the factor by which errors of a function can grow in its coefficients.",
            figures.condition(
                found,
                "Condition number of the table against the angle between the two functions: measured (marks) and the "
                "formula (line). It is the same on all groups.",
            ),
            Table(
                ["angle", "rank", "smallest singular value", "condition number", "cot(a / 2)"],
                _copies(shown[0]),
                f"On {shown[0].functions.label}. At angle 0 the copy is exact and the smallest singular value is "
                "rounding.",
            ),
        ],
    )  # fmt: skip


def _copies(found: IrrepFindings) -> list[list[str]]:
    return [
        [
            f"{copy.angle:g}",
            f"{copy.rank} of {found.functions.size}",
            f"{copy.smallest:.2g}",
            f"{copy.condition:.6g}" if copy.angle else "no bound",
            f"{copy.expected:.6g}" if copy.angle else "infinite",
        ]
        for copy in found.copies
    ]


def _columns(found: Sequence[IrrepFindings]) -> Chapter:
    rows = [
        [f"{one.functions.label}: {span.irrep}", str(span.commutant), str(span.one), str(span.both)]
        for one in found
        for span in one.columns
    ]
    drawn = [one.functions for one in representatives([one for one in found if one.columns])]
    evidence = [
        figures.both_columns(
            drawn,
            "The four functions of the first two-dimensional irrep, $\\psi_{11}, \\psi_{21}$ of its first column and "
            "$\\psi_{12}, \\psi_{22}$ of its second. With rotations alone $\\psi_{22} = \\psi_{11}$ and $\\psi_{12} = "
            "-\\psi_{21}$. With reflections the inner polygons tell them apart.",
        ),
        Table(
            ["irrep", "dimension of the commutant", "rank of one column", "rank of both"],
            rows,
            "The commutant was measured: the dimension of the solutions $M$ of $\\psi(g) M = M \\psi(g)$ at all "
            "elements. Rank: of the functions. Both columns are needed where the rank grows.",
        ),
    ] if drawn else ["None of these groups has a two-dimensional irrep."]  # fmt: skip
    return Chapter(
        "Both columns of an irrep",
        [
            "The matrix of an irrep with $d = 2$ has two columns, and $\\psi(h) e_2$ turns as $\\psi(h) e_1$ does. "
            "Should a list hold both? With $J$ the quarter turn,",
            Formula(r"\psi(h)\,e_2 = \psi(h)\,J\,e_1 = J\,\psi(h)\,e_1 \qquad \mathrm{if}\ J\,\psi(h) = \psi(h)\,J"),
            "so that where $J$ commutes with all matrices, the functions of the second column are those of the first "
            "in another order and with another sign. Rotations commute with $J$: such an irrep is of complex type, "
            "since $1$ and $J$ multiply as $1$ and $i$ do. A reflection turns $J$ into $-J$: with it only multiples "
            "of the identity commute, the irrep is of real type, and the second column is new.",
            *evidence,
        ],
    )


def _regular(shown: Sequence[IrrepFindings]) -> Chapter:
    return Chapter(
        "What becomes of the regular representation",
        [
            "Every list is a representation $\\sigma = \\psi_1 \\oplus \\psi_2 \\oplus \\ldots$ of its own, and the "
            "table $A$ of its functions turns coefficients into functions with $S(u) A = A\\,\\sigma(u)$. That "
            "equation is what a test of equivariance tests, and it holds for every list. Nor does it help to count "
            "the linear maps $T$ with $T S(u) = \\sigma(u) T$. With characters $\\chi$, the traces of the matrices, "
            "there are",
            Formula(r"\dim \mathrm{Hom}(S, \sigma) = \mathrm{E}\,\chi_S(g)\,\chi_\sigma(g) = \dim \sigma"),
            "of them for any $\\sigma$, since $\\chi_S$ is $n$ at the identity and 0 elsewhere. On SO(2) it is $D_K$, "
            "and on O(2) $2 D_K$ at rotations and 0 at reflections, which do the same for frequencies up to $K$. What "
            "tells is their rank. By Schur's lemma a map that commutes joins equal irreps only, so that with "
            "multiplicities $m$ in the one and $m'$ in the other",
            Formula(r"\mathrm{rank}\,T \leq \sum_\psi\,\min(m_\psi, m'_\psi)\,d_\psi"),
            "The two are isomorphic if, and only if, all multiplicities agree; then "
            "$\\dim \\mathrm{End}(\\sigma) = \\sum\\,m'^2\\,\\dim \\mathrm{End}\\,\\psi = n$.",
            Table(
                ["list", "size", "turning", "maps", "own maps", "rank (bound)", "lost + missed"],
                _lists(shown),
                "Turning: largest entry of $S(u) A - A\\,\\sigma(u)$. Maps: $\\dim \\mathrm{Hom}(S, \\sigma)$ by "
                "characters. Own maps: $\\dim \\mathrm{End}(\\sigma)$ by characters. Rank: of a random matrix after "
                "its mean over the group, $\\mathrm{E}\\,\\sigma(g) X S(g)^T$, and the bound by multiplicities. Lost: "
                "dimensions of functions that every map sends to 0; missed: dimensions of coefficients that none "
                "reaches.",
                
            ),
            "A network whose fields are such a list is equivariant all the same; its fields are only not what they are "
            "called. A nonlinearity that acts on the values of a function then acts on functions with holes in their "
            "spectrum, or on coefficients of which some can do nothing.",
        ],
    )  # fmt: skip


def _lists(shown: Sequence[IrrepFindings]) -> list[list[str]]:
    return [
        [
            f"{one.functions.label}: {item.name}",
            str(item.size),
            f"{item.turning:.0e}" if item.turning else "0",
            f"{item.homomorphisms:.4g}",
            f"{item.endomorphisms:.4g}",
            f"{item.map_rank} ({item.expected_rank})",
            f"{item.lost} + {item.missed}",
        ]
        for one in shown
        for item in one.lists
    ]


def _share(value: float) -> str:
    return f"{100 * value:.3g} %" if value > _ROUNDING else "0"
