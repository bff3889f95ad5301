"""The second half of the page of the lab steerable-filters: what pixels leave."""

from __future__ import annotations

from equigen.labs.on_the_line import cautious_error
from equigen.labs.steerable_filters.aliasing import Maps
from equigen.labs.steerable_filters.curves import copies, cutoff_errors, frequency_errors
from equigen.labs.steerable_filters.figures import grid_counts, held_pixels, sampled_waves
from equigen.labs.steerable_filters.layers import Frequency
from equigen.labs.steerable_filters.measuring import SIZES, Found
from equigen.labs.steerable_filters.wording import told_error
from equigen.report.document import Chapter, Formula, Table
from equigen.report.picture import Picture

__all__ = ["pixel_chapters"]

_PLUS_MINUS = "± over random layers: twice as much is the 95 % interval of their mean by Student's law."


def pixel_chapters(found: Found, maps: Maps, angles: int) -> list[Chapter]:
    """The chapters on the grid, on aliasing, on the cut-off and on copies, and what is not shown.

    Args:
        found: by the lab.
        maps: that layers filtered.
        angles: at which.
    """
    return [_grid(found), _aliasing(found, maps, angles), _cutoff(found), _copies(found), _limits()]


def _grid(found: Found) -> Chapter:
    held = found.grid.held
    mean, doubt = 100 * float(held.shares.mean()), 100 * cautious_error(held.shares.tolist())
    return Chapter(
        "Quarter turns need no interpolation",
        [
            "A quarter turn moves pixels onto pixels, for odd and for even sides, and so does a flip. Under C4 and D4 "
            "the constraint can be solved on the grid itself: it says that certain entries of the filter are equal up "
            "to a sign. Each orbit of entries gives one filter. Between regular fields no element but the identity "
            "leaves an entry in place, so that of $|G|^2 k^2$ entries $|G| k^2$ are free,",
            Formula(r"\dim = \frac{1}{|G|}\,\sum_g \chi_{out}(g)\,\chi_{in}(g)\,\mathrm{fix}(g) = |G|\,k^2"),
            "with fix(g) the number of pixels that $g$ leaves in place, $k^2$ for the identity; regular characters "
            "vanish elsewhere. A layer is then a plain convolution whose filters are one another's rotated copies, as "
            "in group convolutions (Cohen and Welling, 2016).",
            grid_counts(
                found.grid,
                "Filters between regular fields by size: without symmetry, all of the grid, and rings with their "
                "default cut-offs.",
            ),
            _sizes(found),
            f"Rings are a part of that space. At 5 x 5 under C4 they hold {held.rings} of {held.complete} dimensions, "
            f"{mean:.1f} ± {doubt:.1f} % of the sum of squares of random filters, where the dimensions promise "
            f"{100 * held.rings / held.complete:.0f} %. With every frequency that their pixels can tell, $\\mu \\leq "
            f"\\pi r$, they hold {held.widest}: the corners stay empty.",
            held_pixels(
                found.grid,
                "Left: which part of a filter's freedom at each pixel rings have. The centre is free, the corners, "
                "beyond the last ring, are all but unused. Right: the entry of a random filter from the first channel "
                "to the first, its part in the rings, and what they miss.",
            ),
            "What they miss are the high angular frequencies and the corners. Where only quarter turns matter nothing "
            "speaks for doing without; where other angles matter, the next chapters do.",
        ],
    )


def _sizes(found: Found) -> Table:
    rows = [
        [
            one.group,
            f"{one.kernel_size} x {one.kernel_size}",
            str(one.complete),
            str(one.expected),
            str(one.rings),
            f"{one.error:.0e}",
            f"{one.single:.0e}",
        ]
        for one in found.grid.sizes
    ]
    return Table(
        ["group", "size", "on the grid", "expected", "rings", "error, float64", "float32"],
        rows,
        "Expected: $|G| k^2$. Error: of equivariance, relative, the largest over all elements, maps of 8 and 9 "
        "pixels of white noise, and both families of filters. What there is of it is rounding: rings sampled "
        "at pixels are exact under quarter turns too.",
    )


def _aliasing(found: Found, maps: Maps, angles: int) -> Chapter:
    ratios = found.ratios()
    return Chapter(
        "What few pixels do to a wave",
        [
            "On a circle of radius $r$ pixels about $2 \\pi r$ pixels stand, and a wave of angular frequency $\\mu$ "
            "needs two for each length: $\\mu \\leq \\pi r$ at the most. But the pixels are on no circle. A square "
            "grid looks the same after quarter turns only, and a sampled wave of frequency $\\mu$ contains also",
            Formula(r"\mu + 4 t, \qquad t \in \{\pm 1, \pm 2, \ldots\}"),
            "These are its aliases. They do the same as $\\mu$ under quarter turns, which is why sampled filters are "
            "exact there, and something else at other angles.",
            sampled_waves(
                "Waves $\\cos \\mu \\phi$ on the outermost ring: drawn finely, and on 3 x 3, 5 x 5 and 7 x 7 "
                "pixels. On 3 x 3 pixels frequency 3 looks like frequency 1 with its corners reversed, frequency 4 "
                "alternates from pixel to pixel, and 5 is 3 again.",
            ),
            "How much of this matters can be computed. If maps hold all directions alike, up to a band, then the "
            "equivariance error of a convolution at the element $g$ is",
            Formula(
                r"\mathrm{error}(g)^2 = \frac{\int ||\rho_{out}(g)\,\hat K(g^{-1} w)\,\rho_{in}(g)^{-1} - \hat K(w)||^2"
                r"\,S(w)\,dw}{\int ||\hat K(w)||^2\,S(w)\,dw}"
            ),
            "with $\\hat K$ the transfer function of the sampled filter and $S$ the spectrum of the maps. This is an "
            f"integral over a disk, done by quadrature. It is compared with measurement: {maps.count} maps of "
            f"{maps.size} x {maps.size} pixels, noise up to {maps.band:g} of Nyquist's frequency under a Gaussian "
            f"window, turned by {angles} angles between quarter turns by shears in Fourier space; of the error the "
            "root mean square is taken. What shears cost is measured on the same maps by turning them there and back: "
            "the floor.",
            _by_frequency(found),
            _shares(found),
            f"Over all {len(ratios)} kinds of layers of this page, the measured error is "
            f"{min(ratios):.2f} to {max(ratios):.2f} times the integral. All of them filter the same {maps.count} "
            "maps, and so these numbers have no standard error.",
        ],
    )


def _by_frequency(found: Found) -> Picture:
    return frequency_errors(
        found.frequencies,
        "Filters of one angular frequency from a scalar to a field of the same frequency: measured (marks; "
        "strokes are single layers), by the integral (lines), and the floor of interpolation (grey). Dotted: "
        "$\\sqrt{2}$, the error of a layer that has nothing to do with its symmetry.",
    )


def _shares(found: Found) -> Table:
    return Table(
        ["filters", "frequency", "share of its own", "largest alias", "its share", "error", "integral"],
        [_row(row) for row in found.frequencies],
        "Shares of the power that the sampled filters pass, by angular frequency. Where the largest alias "
        "exceeds the frequency itself, the layer computes another frequency than its name says. Filters of "
        f"frequency 0 are real and have both signs alike. {_PLUS_MINUS}",
        words=(0,),
    )


def _row(row: Frequency) -> list[str]:
    mu, share = _largest_alias(row)
    return [
        f"{row.kernel_size} x {row.kernel_size}",
        str(row.mu),
        f"{100 * row.shares.get(row.mu, 0.0):.4g} %",
        mu,
        f"{100 * share:.2g} %",
        told_error(row.errors),
        f"{float(row.errors.predicted.mean()):.2g}",
    ]


def _largest_alias(row: Frequency) -> tuple[str, float]:
    """By name, with its share; of filters from a scalar to a scalar, which are real, both signs together."""
    aliases = [(mu, share) for mu, share in row.shares.items() if mu != row.mu]
    if not aliases:
        return "none", 0.0
    mu, share = aliases[0]
    return (str(mu), share) if row.mu else (f"±{abs(mu)}", share + row.shares.get(-mu, 0.0))


def _cutoff(found: Found) -> Chapter:
    rows = []
    for k in SIZES:
        for cutoff in (None, 0, 2, 3, 6):
            row = found.cutoff(k, cutoff)
            name = "default" if cutoff is None else str(cutoff)
            cells = [
                told_error(row.errors),
                f"{float(row.errors.predicted.mean()):.2g}",
                f"{row.errors.floor.mean():.0e}",
            ]
            rows.append([f"{k} x {k}", name, str(row.filters), *cells])
    return Chapter(
        "Why there is a cut-off",
        [
            "A layer between functions on the circle up to frequency 3 has kernels of all angular frequencies up to 6. "
            "Its error is a mean over them, in which those count most that few pixels hold worst. A cut-off leaves "
            "them out, ring by ring; the default lets 2 through on the outermost ring, and further in $2r$, less one "
            "where $r$ is even (Weiler and Cesa, 2019).",
            cutoff_errors(
                found.cutoffs,
                "One layer between fields of functions up to frequency 3, random weights, against the cut-off: "
                "measured (marks; strokes are single layers), by the integral (lines), the floor (grey). Rings at "
                "which a frequency does not fit, $\\mu > \\pi r$, go without it under every cut-off.",
            ),
            Table(
                ["filters", "cut-off", "number", "error", "integral", "floor"],
                rows,
                _PLUS_MINUS,
            ),
            "The cut-off has a price. Frequency 3 of the field can be reached from a scalar only by $\\mu = 3$: with "
            "the default it stays empty at 3 x 3 and 5 x 5 and is filled at 7 x 7, whose ring at $r = 2$ holds it. A "
            "first layer therefore has 7 x 7 pixels as a rule, or a cut-off that is set higher at the price of the "
            "error above. And no cut-off brings the error down to the floor: even $\\mu = 0$, a disk of few pixels, is "
            "not round.",
        ],
    )


def _copies(found: Found) -> Chapter:
    rows = [
        [row.base, row.way, told_error(row.errors), f"{float(row.errors.predicted.mean()):.2g}"] for row in found.copied
    ]
    return Chapter(
        "A learned filter, turned eight times",
        [
            "A simple way to a layer of C8 seems to be: learn one filter, turn its pixels by multiples of 45 degrees "
            "by interpolation, and convolve with all eight. At quarter turns this is exact. At 45 degrees the second "
            "filter would have to be the first one turned, exactly, for every filter that may be learned.",
            copies(
                found.copied,
                "5 x 5 filters from a scalar to functions on C8, at the odd multiples of 45 degrees: measured with its "
                "95 % interval over filters, and by the integral (strokes). Smooth: the first filter is a random sum "
                "of rings. Free: its pixels are independent. Steered: the other seven by the closed form. Not at all: "
                "eight unrelated filters.",
            ),
            Table(
                ["first filter", "turned by", "error", "integral"], rows,
                _PLUS_MINUS, words=(0, 1),
            ),
            "For free pixels every way fails: nothing is known of the filter between its pixels, and the corners of "
            "the square leave it. A smooth filter can be interpolated. Whether a better interpolation comes near "
            "steering depends on the pixels: both have to sample the same turned filter, and their aliasing is the "
            "same. What the basis gives is that the filter is smooth from the start and stays so while it learns.",
        ],
    )  # fmt: skip


def _limits() -> Chapter:
    return Chapter(
        "What this does not show",
        [
            "These are single convolutions with random weights on noise. Trained weights can lean on the frequencies "
            "that alias or avoid them, smooth images forgive more than noise of the same band, and activations, "
            "strides and borders add errors of their own: the lab equivariance takes a network apart. That an error "
            "between quarter turns exists does not say that it hurts a task: the lab rotation-stability measures that. "
            "And the profile of the rings is a choice; other profiles (Gauss-Laguerre or Bessel functions, learned "
            "ones) share the angular part, and with it the aliases, but not their sizes."
        ],
    )
