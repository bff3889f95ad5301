"""The first half of the page of the lab steerable-filters: on the plane, before there are pixels."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.steerable_filters.aliasing import Maps
from equigen.labs.steerable_filters.constraint import Pair
from equigen.labs.steerable_filters.curves import responses_and_rank, turning_errors
from equigen.labs.steerable_filters.figures import basis_by_pair, groups_beside, steered_strip
from equigen.labs.steerable_filters.measuring import GROUPS, Found
from equigen.labs.steerable_filters.pixel_chapters import pixel_chapters
from equigen.labs.steerable_filters.steering import Steered
from equigen.labs.steerable_filters.wording import listed, square
from equigen.report.document import Chapter, Formula, Table
from equigen.report.picture import Picture

__all__ = ["chapters"]

_NAMES = (
    "In the tables a representation has its frequency for a name. Those of one dimension have a letter "
    "besides: o, odd, where the first reflection changes the sign, and e, even, where it does not or where "
    "there is none. 0e is the trivial representation, that of scalars, and 0o the sign of reflections. C4 and "
    "D4 have further ones of frequency 2, 2e and 2o, whose sign a quarter turn changes."
)


def chapters(found: Found, maps: Maps, angles: int) -> list[Chapter]:
    """All chapters.

    Args:
        found: by the lab.
        maps: that layers filtered.
        angles: at which.
    """
    return [_question(), _solutions(found), _groups(found), _steering(found), *pixel_chapters(found, maps, angles)]


def _question() -> Chapter:
    return Chapter(
        "The constraint, and where it comes from",
        [
            "A field has at each point $p$ of the plane some numbers $f(p)$, which turn with the picture: a rotation "
            "$g$ moves the values to other points, and mixes them by a representation $\\rho$ of the group,",
            Formula(r"(g f)(p) = \rho(g)\,f(g^{-1} p)"),
            "Grey values are mixed by nothing, $\\rho = 1$. The two coordinates of an arrow are mixed by the rotation "
            "matrix $R(a)$, and arrows that turn $k$ times as fast by $R(k a)$: this is the representation of "
            "frequency $k$, and every representation of SO(2) consists of such. A convolution takes such fields to "
            "such fields,",
            Formula(r"y(p) = \int K(x)\,f(p + x)\,dx"),
            "with a matrix $K(x)$ at each point of the filter. When does it commute with rotations? Turn the field and "
            "substitute $x = g x^\\prime$:",
            Formula(
                r"\int K(x)\,\rho_{in}(g)\,f(g^{-1} p + g^{-1} x)\,dx = "
                r"\int K(g x^\prime)\,\rho_{in}(g)\,f(g^{-1} p + x^\prime)\,dx^\prime"
            ),
            "This must be $\\rho_{out}(g) \\int K(x) f(g^{-1} p + x) dx$ for every field, and so",
            Formula(r"K(g x) = \rho_{out}(g)\,K(x)\,\rho_{in}(g)^{-1} \qquad \mathrm{for\ all}\ g"),
            "The condition is linear in $K$: filters that obey it form a vector space, and a layer learns the "
            "coordinates in a basis of it. It is necessary too: convolutions with such filters are all linear maps "
            "between fields that commute with shifts and rotations (Cohen, Geiger and Weiler, 2019). This page "
            "finds the basis, turns filters with it, and measures what becomes of it on pixels.",
        ],
    )


def _solutions(found: Found) -> Chapter:
    pairs = [pair for pair in found.pairs if pair.group == "SO2"]
    return Chapter(
        "All solutions on a circle",
        [
            "The constraint ties the points of one circle about the centre to each other and says nothing of different "
            "radii. In polar angles, from frequency $m$ to frequency $n$, it reads "
            "$K(\\phi + a) = R(n a) K(\\phi) R(-m a)$, and with $\\phi = 0$",
            Formula(r"K(\phi) = R(n \phi)\,K(0)\,R(-m \phi)"),
            "Whatever matrix stands at angle 0, the others follow: four solutions where both fields are "
            "two-dimensional, two where one is a scalar, one between scalars. A matrix of 2 x 2 is the sum of a "
            "part that commutes with rotations, $R(\\gamma)$ times a number, and one that reverses them, "
            "$R(\\gamma)\\,\\mathrm{diag}(1, -1)$. The first makes the angles differ, the second makes them add:",
            Formula(
                r"K(\phi) = R(\mu \phi + \gamma)\,\mathrm{diag}(1, s), \qquad "
                r"\mu = n - s m,\quad s = \pm 1,\quad \gamma \in \{0, \pi / 2\}"
            ),
            "A filter between frequencies $m$ and $n$ thus has the angular frequencies $n - m$ and $n + m$, and no "
            "other; half of it is lost if the second is forgotten. If the input is a scalar, its first column is left, "
            "and if the output is one, its first row. Any profile in the radius may stand before it (Worrall and "
            "others, 2017; Weiler and Cesa, 2019).",
            basis_by_pair(
                "Kernels of SO(2) between fields of frequencies 0, 1 and 2, on one ring: positive values orange "
                "within solid lines, negative ones blue within dashed lines. A kernel between arrows is a matrix, "
                "whose entries are drawn in their places. From 0 to 1: arrows that point outwards, and arrows that run "
                "around. From 1 to 0: divergence and rotation of a field of arrows.",
            ),
            "Is this all? The constraint can be solved without an idea of the answer. With "
            "$K(\\phi) = \\sum_j C_j e_j(\\phi)$ in the functions $e = (1, \\cos \\phi, \\sin \\phi, \\cos 2 \\phi, "
            "\\ldots)$, which a rotation mixes by a matrix $M(g)$, it is a system of linear equations,",
            Formula(r"\sum_j C_j\,M(g)_{ji} = \rho_{out}(g)\,C_i\,\rho_{in}(g)^{-1}"),
            "for one rotation by an irrational part of a turn, whose powers fill the circle. Its null space, by "
            "singular values, is compared with the closed form. And characters count the solutions without finding "
            "them:",
            Formula(r"\dim = \int \chi_{out}(g)\,\chi_{in}(g)\,\chi_e(g)\,dg, \qquad \chi_e = \mathrm{trace}\,M"),
            _NAMES,
            _counts("SO2", pairs),
            _checked(found),
        ],
    )


def _counts(group: str, pairs: Sequence[Pair]) -> Table:
    """Numbers of kernels, a row for each target."""
    sources = list(dict.fromkeys(pair.source for pair in pairs))
    targets = list(dict.fromkeys(pair.target for pair in pairs))
    cells = {(pair.target, pair.source): _cell(pair) for pair in pairs}
    return Table(
        [f"to, from ({group})", *sources],
        [[target, *(cells[target, source] for source in sources)] for target in targets],
        "Kernels on a circle: by the closed form; where they differ also as the dimension of the null space and by "
        "characters. Rows: the field that goes out. Columns: the field that comes in.",
    )


def _cell(pair: Pair) -> str:
    if pair.closed == pair.solved == pair.counted:
        return str(pair.closed)
    return f"{pair.closed}, {pair.solved}, {pair.counted}"


def _checked(found: Found) -> Table:
    rows = []
    for name in GROUPS:
        pairs = [pair for pair in found.pairs if pair.group == name]
        rows.append(
            [
                name,
                str(len(pairs)),
                str(sum(pair.closed for pair in pairs)),
                f"{max(pair.apart for pair in pairs):.0e}",
                f"{min(pair.gap for pair in pairs):.2g}",
                f"{max(pair.violation for pair in pairs):.0e}",
            ]
        )
    return Table(
        ["group", "pairs", "kernels", "apart", "gap", "violation"],
        rows,
        "Apart: sine of the largest angle between the closed form's span and the null space, the worst pair. Gap: the "
        "smallest singular value that was not taken for zero. Violation: the largest entry of "
        "$K(gx) - \\rho_{out} K \\rho_{in}^{-1}$ at 8 random elements. Rounding alone gives about 1e-15.",
    )


def _groups(found: Found) -> Chapter:
    tables = [_counts(name, [pair for pair in found.pairs if pair.group == name]) for name in GROUPS[1:]]
    return Chapter(
        "More group, fewer filters",
        [
            "With reflections the constraint holds for one more element, and of each pair $\\gamma = 0, \\pi/2$ "
            "one half stays: between the same representations O(2) has half as many kernels as SO(2), but for "
            "scalars to scalars, where the one kernel stays, and none from the trivial to the sign representation. "
            "With only $N$ rotations the constraint holds at $N$ angles: to $\\mu$ any multiple of $N$ "
            "may be added,",
            Formula(r"\mu = n - s m + t N, \qquad t \in \{0, \pm 1, \pm 2, \ldots\}"),
            "without end, until a cut-off is set. This is how C4 differs from SO(2): not in the low frequencies, but "
            "in what higher ones it lets in.",
            groups_beside(
                GROUPS,
                "Kernels between the same representations under four groups; up to $|\\mu| = 4$, 3 and 2 in the three "
                "columns. C4 lets in more than SO(2); reflections take half away, except of what stays the same in "
                "all directions from a scalar to a scalar.",
            ),
            *tables,
            f"For C4 and D4 the tables count angular frequencies up to {2 * found.steered.highest}.",
        ],
    )


def _steering(found: Found) -> Chapter:
    one = found.steered
    needed = 2 * one.highest + 1
    return Chapter(
        "A filter at every angle",
        [
            "Take a field of functions on the circle up to frequency $F$, with coordinates in $1, \\cos \\phi, "
            "\\sin \\phi, \\cos 2 \\phi, \\ldots$, and a steerable filter $K$ from a scalar to it. The value of that "
            "function at angle $a$ is the product of the coordinates with $\\rho(a) v$, whose entries are $\\cos k a$ "
            "and $\\sin k a$. By the constraint",
            Formula(r"\psi_a(x) = (\rho(a)\,v) \cdot K(x), \qquad \psi_a(R(a)\,x) = \psi_0(x)"),
            f"The filter $\\psi_0$ turned by $a$ is a combination of $2F + 1 = {needed}$ filters, whose coefficients "
            "are known functions of $a$. Freeman and Adelson (1991) called such filters steerable and gave the number: "
            "as many filters as the angular Fourier series has terms. Here $\\psi_0$ is the nearest such filter to a "
            "detector of edges, $(1/2 + y/s) \\exp(-x^2/8s^2 - y^2/2s^2)$.",
            steered_strip(
                one.highest,
                "The filter at seven angles. From above: on the disk; its 7 x 7 pixels, by steering; the pixels of the "
                "first, turned by bilinear interpolation; the difference of these two, in the same colours. Signs "
                "stand in pixels above a fifth of the largest value.",
            ),
            f"On the disk steering is exact: at {one.points} points and 64 angles the largest error is "
            f"{one.disk:.0e} of the largest value. On pixels it gives the samples of the turned filter, which "
            "is another statement than that these pixels are the first ones turned: pixels cannot be turned by 45 "
            "degrees. Interpolation has to guess between them, and smooths.",
            _ways(one),
            _table_of_ways(one),
            _answers(one),
            "The right-hand curve is what a field of functions on the circle holds at that pixel. To rotate the image "
            "is to shift the curve, and that is what the representation does to its coordinates.",
        ],
    )


def _ways(one: Steered) -> Picture:
    lost = listed([f"{100 * (1 - turned.norm_left('bilinear')):.0f} %" for turned in one.turned])
    sides = listed([square(turned.kernel_size) for turned in one.turned])
    return turning_errors(
        one,
        "Above: error of the turned pixels against samples of the turned filter, relative to their norm. "
        "Below: their norm. What steering shows there is that of the samples themselves, which wanders where "
        f"pixels are too few; of that, bilinear interpolation loses up to {lost} at filters of {sides} pixels. "
        "Interpolation was given two more pixels on each side than the filter has.",
    )


def _table_of_ways(one: Steered) -> Table:
    rows = [
        [
            f"{turned.kernel_size} x {turned.kernel_size}",
            *(f"{float(turned.error[way].max()):.2g}" for way in ("steered", "bicubic", "bilinear", "nearest")),
            f"{turned.norm_left('bilinear'):.2f}",
        ]
        for turned in one.turned
    ]
    return Table(
        ["filter", "steered", "bicubic", "bilinear", "nearest", "norm left"],
        rows,
        "The largest error over angles from 0 to 90 degrees. Norm left: the norm after bilinear interpolation "
        "over that of the steered filter at the same angle, where it is smallest.",
    )


def _answers(one: Steered) -> Picture:
    return responses_and_rank(
        one,
        f"Left: singular values of copies of the filter at 64 angles, at {one.points} points. The band-limited "
        f"one has {one.needed} that are not rounding; the detector that it approximates has no such end. "
        "Right: the response at one pixel of a noise image against the angle of the filter, from one set of "
        f"convolutions (line), and by a convolution for each angle (squares). They differ by "
        f"{one.responses.apart:.0e} at most.",
    )
