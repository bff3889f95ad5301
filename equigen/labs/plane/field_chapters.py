"""The page of the lab `mixture-score`."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from equigen.labs.lab import Conclusion
from equigen.labs.plane import field_figures as figures
from equigen.labs.plane.critical_points import critical_points
from equigen.labs.plane.direction import contested, share
from equigen.labs.plane.field_measuring import FieldMeasured
from equigen.labs.plane.smoothing import smoothed
from equigen.report.document import Block, Chapter, Formula, Table
from equigen.report.picture import drawn_picture

__all__ = ["field_chapters"]

_RARELY = 0.8  # of the points led by one component: the rest are rare


def field_chapters(it: FieldMeasured, said: Mapping[str, Conclusion]) -> list[Chapter]:
    """The evidence."""
    return [_what(it, said), _direction(it, said), _length(it, said), _parts(it, said), _noise(it, said)]


def _what(it: FieldMeasured, said: Mapping[str, Conclusion]) -> Chapter:
    found = it.found
    blocks: list[Block] = [
        "A diffusion model draws samples by following one vector field: the score, the gradient of the logarithm "
        "of the density. It says in which direction the density rises fastest, and how steeply in relative terms. "
        "For a mixture of normal laws it is known exactly, so that what is often said of it can be checked.",
        Formula(
            r"p(x) = \sum_k w_k N(x;\, m_k, C_k), \qquad s(x) = \nabla \ln p(x) = \sum_k r_k(x)\, C_k^{-1}(m_k - x)"
        ),
        "The weights $r_k(x)$ of this sum are the posterior responsibilities: the probability that a point found "
        "at $x$ came from component $k$. They change from place to place, and so the components take turns:",
        Formula(r"r_k(x) = \dfrac{w_k N(x;\, m_k, C_k)}{\sum_j w_j N(x;\, m_j, C_j)}"),
        f"The mixture here has {len(it.law.weights)} components. Where its density is level the score vanishes. "
        f"Newton's method on the density alone finds {_count(len(found.modes), 'mode')}, "
        f"{_count(len(found.saddles), 'saddle')} and {_count(len(found.minima), 'minimum', 'minima')}. In the plane "
        f"modes less saddles plus minima is 1 if none was missed; here it is {found.index}.",
        drawn_picture(
            figures.field(it.law, found),
            "field of the score",
            "The direction of the score (arrows, all of one length) over the density (shades: even steps of its "
            "logarithm, of a factor e at most), with the points at which the score vanishes. Arrows turn sharply where "
            "one component hands over to another.",
        ),
    ]
    return Chapter("What a score is", blocks)


def _direction(it: FieldMeasured, said: Mapping[str, Conclusion]) -> Chapter:
    return Chapter(
        "Direction",
        [
            "It is often said that the score points to the nearest mode. That is true deep inside one round "
            "component. Elsewhere two things go wrong with it. Between components the one that is near need not be "
            "the one that is responsible: a wide or heavy component reaches further than a narrow or light one. "
            "And inside a component that is longer than wide the pull $C_k^{-1}(m_k - x)$ is strongest across its "
            "short axis: it leads to the ridge first, and only then along it.",
            drawn_picture(
                figures.angles(it.law, it.found.modes, it.x, it.even, it.drawn, it.limit),
                "angles of the score",
                "Left: the angle between the score and the way to the nearest mode (circles), at evenly spread "
                "points. Right: the share of points whose angle is smaller than a value; the upright line stands at "
                f"{it.limit:g}°.",
            ),
            _shares(it),
            "What is exact is the pull of all components at once. If they share one isotropic covariance $v$, the "
            "sum is $(\\bar{m}(x) - x) / v$ with the responsibility-weighted mean $\\bar{m} = \\Sigma_k r_k "
            "m_k$, and the score points exactly there: the largest angle measured is "
            f"{said['plain'].measured:.1e}°. With other covariances each pull is turned by its own $C_k^{{-1}}$ "
            "before it is added, and no single point need lie in the direction of the sum: "
            f"{_percent(it.bent(it.drawn))} of the points are more than {it.limit:g}° off.",
        ],
    )


def _shares(it: FieldMeasured) -> Table:
    rows = [
        [
            label,
            *(
                _percent(found)
                for found in (it.toward(where), share(where.to_mode > 90.0), share(where.led_astray), it.bent(where))
            ),
        ]
        for label, where in (
            ("drawn", it.drawn),
            ("even", it.even),
            ("round", it.plain),
        )
    ]
    return Table(
        [
            "points",
            f"nearest, {it.limit:g}°",
            "away from it",
            "led elsewhere",
            f"{it.limit:g}° off mean",
        ],
        rows,
        "Shares of points, with standard errors. Drawn from the law; spread evenly over the picture; drawn "
        "from the law with one isotropic covariance for all. Nearest: the score points to the nearest mode "
        "within that angle. Away from it: at more than 90° from the way to the nearest mode. Led "
        "elsewhere: to another mode, by following the score uphill to its end. The mean: of the "
        "components' means, weighted with the responsibilities.",
    )


def _length(it: FieldMeasured, said: Mapping[str, Conclusion]) -> Chapter:
    return Chapter(
        "Length",
        [
            "It is also often said that the score is strongest at the modes. It is a slope, and at the top of a "
            f"hill the ground is level: at the critical points found above its largest length is {it.level:.1e}, "
            f"and its root mean square over the law is {it.typical:.3g}. It is longest where the density is "
            "relatively steepest, on the flanks and in the far tails. Over the points drawn from the law its rank "
            f"correlation with the density is {it.rank[0]:.2f} ± {it.rank[1]:.2f}.",
            drawn_picture(
                figures.lengths(it.along, it.rays),
                "length of the score",
                "Above: length of the score and density on a path of straight pieces over two modes. Below left: "
                "length on rays from the mean of the law, in three bearings. Below right: its slope far away, by "
                "bearing, beside that of the component with the largest variance along the ray.",
            ),
            "Far out on a ray $u$ the component with the largest variance along it takes all the responsibility, "
            "because its density falls slowest. What is left is one normal law, whose score is linear:",
            Formula(
                r"s(x) \to C_k^{-1}(m_k - x), \qquad "
                r"\dfrac{d\,|s|}{d\,|x|} \to |C_k^{-1} u|, \quad k = \mathrm{argmin}_j\; u^T C_j^{-1} u"
            ),
            f"On {len(it.rays.bearing)} rays the measured slope deviates from this by {said['linear'].measured:.1e} "
            f"at most. Along the largest variance, {float(it.law.components.values.max()):.4g}, it is "
            f"{float(it.rays.slope[0]):.5g}: their product is {said['widest'].measured:.6f}. On the way there the "
            "length need not grow: where a narrow component hands over to a wider one it falls.",
        ],
    )


def _parts(it: FieldMeasured, said: Mapping[str, Conclusion]) -> Chapter:
    led = share(it.sums.leading > 0.95)
    return Chapter(
        "Each component's own score against the whole",
        [
            "Each component alone has the score $s_k = C_k^{-1}(m_k - x)$, a field that knows nothing of the "
            "others. The score of the whole is their mean under the posterior probabilities. The gradient of the "
            f"log density, differentiated without that formula, agrees with the sum to {said['sum'].measured:.1e}. "
            "Weighting with the mixture's weights $w_k$ instead looks similar on paper and is something else: it "
            f"is right to a tenth at {_percent((said['prior'].measured, said['prior'].error))} of the points, and "
            f"its median error is {float(it.sums.prior.median()):.3g} times the score itself.",
            drawn_picture(
                figures.pulls(it.law, it.found, contested(it.law, it.x, 9)),
                "pulls of the components",
                "At points between components (dots): the pulls $r_k s_k$ laid end to end (colours), and the score "
                "(dashed), which leads from the beginning to the end. At each point the longest pull is drawn as "
                "long as at the others.",
            ),
            f"At {_percent(led)} of the points drawn from the law one component holds more than 95 % of the "
            "responsibility, and the score is nearly its own. "
            + (
                "The handovers are rarely visited; but samples pass them on their way from noise, and there it is "
                "decided which mode they end in."
                if led[0] > _RARELY
                else "At the others several components share the pull."
            ),
        ],
    )


def _noise(it: FieldMeasured, said: Mapping[str, Conclusion]) -> Chapter:
    changes = it.noisy.changes
    levels = [it.noisy.noise[0]] + [(a.noise * b.noise) ** 0.5 for a, b in pairwise(changes)]
    levels = sorted({*levels, it.noisy.noise[len(it.noisy.noise) // 2], it.noisy.noise[-1]})[:4]
    shown = [(f"noise {level:.3g}", smoothed(it.law, level)) for level in levels]
    told_changes = "; ".join(f"from {one.before} to {one.after} at noise {one.noise:.4g}" for one in changes)
    return Chapter(
        "What noise does to the landscape",
        [
            "Adding noise of standard deviation $\\sigma$ adds $\\sigma^2$ to every covariance. Components widen "
            "until they overlap; a mode and a saddle meet and vanish; at last one mode is left, and the score is "
            "nearly that of one normal law. A sampler walks this backwards: it starts where the field is simple "
            "and meets the modes one after another.",
            drawn_picture(
                figures.modes_by_noise(it.noisy),
                "number of modes by noise",
                "The number of modes of the noisy law. Dots: levels that were searched; numbers: the noise at "
                "which it changes.",
            ),
            drawn_picture(
                figures.landscapes([(title, law, critical_points(law)) for title, law in shown]),
                "landscapes at four levels of noise",
                "The law at some levels of noise: density (shades: even steps of its logarithm, of a factor e at "
                "most), direction of the score, and where it vanishes.",
            ),
            (f"The number of modes changes {told_changes}. " if changes else "The number of modes does not change. ")
            + said["fall"].told(
                "It never rises with the noise here; in two dimensions or more that is no law, and mixtures are "
                "known for which noise makes a mode.",
                "It also rises with the noise here, as in two dimensions or more it may.",
            ),
            "Limits: all this is exact for a mixture of normal laws, whose score is known. A learned score agrees "
            "with it where there were data to learn from; how well is the subject of the lab on denoising.",
        ],
    )


def _percent(found: tuple[float, float]) -> str:
    return f"{100 * found[0]:.1f} ± {100 * found[1]:.1f} %"


def _count(n: int, one: str, many: str = "") -> str:
    return f"{n} {one if n == 1 else many or one + 's'}"
