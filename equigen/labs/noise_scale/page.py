"""The page of the lab noise-scale: what was asked, what was measured, and what it means."""

from __future__ import annotations

import math

from equigen.labs.noise_scale.figures import histograms, memory, saturation, shown_paths, variances
from equigen.labs.noise_scale.measuring import Forgetting, Found, Scale
from equigen.report.document import Chapter, Formula, Table

__all__ = ["chapters"]


def chapters(found: Found, paths: int, steps: int) -> list[Chapter]:
    """All chapters.

    Args:
        found: by the lab.
        paths: simulated.
        steps: of the simulation.
    """
    all_ = [_process(found, paths, steps), _variance(found, paths), _near(found)]
    if found.long:
        all_.append(_saturation(found))
    return [*all_, _memory(found), _limits()]


def _process(found: Found, paths: int, steps: int) -> Chapter:
    return Chapter(
        "The process",
        [
            "The simplest diffusion that a generative model can be built on has no drift: to whatever is there, it "
            "adds independent normal increments, whose strength changes geometrically over time,",
            Formula(r"dx = \lambda^t\,dw, \qquad \lambda > 0"),
            "At $\\lambda = 1$ this is Brownian motion. Above 1 the noise grows, so that little happens early and "
            "much late; below 1 it dies away.",
            f"Here it is simulated: {paths} paths for each $\\lambda$, by {steps} steps of the Euler-Maruyama method, "
            "$x_{k+1} = x_k + \\lambda^{t_k + h/2} \\sqrt{h} z_k$ with the strength in "
            "the middle of each step, which knows $\\lambda^t$ and no formula of a variance. "
            "Half of the story starts in a point, the other in a law with two bumps, $\\frac{1}{2} N(-1.5, 0.4^2) + "
            "\\frac{1}{2} N(1.5, 0.4^2)$. All $\\lambda$ see the same normals $z_k$: what differs is their scale "
            "alone.",
            shown_paths(
                found.scales,
                "Paths for each $\\lambda$; mind the vertical scales. Above, from a point, with two standard "
                "deviations by the formula (dashed). Below, from two bumps, coloured by the bump.",
            ),
            histograms(
                found.scales,
                "Histograms of the paths at three times, and the exact densities (lines), each scaled to its own "
                "height. The law of $x_t$ is that of the start blurred by a normal law. Whether its two bumps are "
                "still there at the end depends on $\\lambda$.",
            ),
        ],
    )


def _variance(found: Found, paths: int) -> Chapter:
    rows = [
        [
            scale.label,
            f"{float(scale.variance[k]):.4g} ± {float(scale.error[k]):.2g}",
            f"{float(scale.formula[k]):.4g}",
            f"{float(scale.method[k]):.4g}",
        ]
        for scale in found.scales
        for k in (-1,)
    ]
    worst = max(float(((one.variance - one.formula) / one.error).abs().max()) for one in found.scales)
    return Chapter(
        "How much noise there is",
        [
            "Independent increments add their variances, so that from a point",
            Formula(
                r"\mathrm{Var}\,x_t = \int_0^t \lambda^{2s}\,ds = "
                r"\dfrac{\lambda^{2t} - 1}{2\,\ln\lambda} = \sigma^2(t)"
            ),
            "and from any other start the variance of the start comes on top.",
            variances(
                found.scales,
                "Left: measured (marks) and by the formula (lines). Right: their ratio with two standard errors; the "
                "marks of different $\\lambda$ are moved apart a little. Successive marks of one $\\lambda$ share "
                "their paths, and all $\\lambda$ share their noise: their deviations go together.",
            ),
            Table(
                ["lambda", "measured at t = 1", "formula", "of the method"], rows,
                f"Variance from a point over {paths} paths, ± a standard error. The method's own variance is a sum, $h "
                "\\sum \\lambda^{2 t_k + h}$; its distance from the integral shrinks with the square of the step $h$.",
            ),
            f"The largest of all deviations, over all $\\lambda$ and times, is {worst:.1f} standard errors.",
        ],
    )  # fmt: skip


def _near(found: Found) -> Chapter:
    rows = [[f"1 + {one.base - 1:.0e}", f"{one.plain:.7f}", f"{one.by_expm1:.7f}"] for one in found.near]
    return Chapter(
        "At lambda = 1",
        [
            "The formula is 0 / 0 there. Its limit is $t$, as it must be for Brownian motion: with $a = 2 \\ln "
            "\\lambda$,",
            Formula(r"\dfrac{e^{a t} - 1}{a} = t + \dfrac{a t^2}{2} + \ldots \rightarrow t"),
            "Near the limit, and near $t = 0$ for every $\\lambda$, the difference $\\lambda^{2t} - 1$ cancels. A "
            "function that computes $e^x - 1$ without the cancellation, expm1, keeps all digits.",
            Table(
                ["lambda", "as the formula stands", "by expm1"], rows,
                "$\\sigma^2(1)$ in single precision. The right-hand column is what this library computes.",
            ),
        ],
    )  # fmt: skip


def _saturation(found: Found) -> Chapter:
    lines = []
    for scale, left in zip(found.long, found.long_left, strict=True):
        limit = -0.5 / math.log(scale.base)
        lines.append(
            f"For $\\lambda = {scale.label}$ the limit is {limit:.4f}. At $t = {float(scale.times[-1]):.3g}$ the "
            f"paths have {float(scale.variance[-1]):.4f} ± {float(scale.error[-1]):.4f}; at $t = 1$ the formula gives "
            f"{100 * (1 - scale.base**2):.0f} % of the limit, so that a simulation up to 1 would not show it. The "
            f"signal-to-noise ratio stays above {left.snr * float(scale.formula[-1]) / limit:.2f}."
        )
    return Chapter(
        "Noise that dies away",
        [
            "Below 1 the integral converges:",
            Formula(r"\lim_{t \rightarrow \infty} \sigma^2(t) = \dfrac{1}{2\,\ln(1 / \lambda)}"),
            "No time is long enough to add more noise than that.",
            saturation(
                found.long,
                "Variance over a time after which a thousandth of the limit is missing: measured with two standard "
                "errors, by the formula (line), and the limit (dotted).",
            ),
            *lines,
        ],
    )


def _memory(found: Found) -> Chapter:
    rows = [_row(scale, left) for scale, left in zip(found.scales, found.left, strict=True)]
    rows += [_row(scale, left) for scale, left in zip(found.long, found.long_left, strict=True)]
    return Chapter(
        "What is left of the data",
        [
            "A model runs the process backwards from a prior, here the normal law with the variance of $x_t$. That is "
            "right only if the end has forgotten the data. Three ways to ask: the signal-to-noise ratio "
            "$\\mathrm{Var}(x_0) / \\sigma^2(t)$, which the squared correlation $\\rho^2$ of $x_0$ and $x_t$ measures "
            "as $\\rho^2 / (1 - \\rho^2)$; whether $x_t$ still lies on the side of its bump; and how far the law of "
            "$x_t$ is from the prior, by the divergence $KL(p_t || \\mathrm{prior})$ and by the Kolmogorov-Smirnov "
            "distance.",
            memory(
                found.scales,
                "Left: signal-to-noise ratio, measured by the correlation (marks) and by the formula (lines). Right: "
                "divergence of the two-bump law at $t$ from the prior of the same variance, by quadrature.",
            ),
            Table(
                ["lambda", "t", "ratio", "own side", "expected", "divergence", "KS exact", "KS measured", "its floor"],
                rows,
                "Own side: share of paths that end on the side where they began (half, if all is forgotten). "
                "Divergence in nats. KS measured: mean over 10 sets of a tenth of the paths; its floor: that of as "
                "many draws of the prior itself.",
            ),
            "A mismatch of the prior is an error that no sampler can undo: a perfect reversal that starts in the "
            "wrong law ends in a wrong law. Small $\\lambda$ with an end at $t = 1$ needs either a longer time, which "
            "helps at $\\lambda \\geq 1$ only, or another prior. Large $\\lambda$ makes the end forget, at the price "
            "of a wide range of scales that a network has to learn and a solver has to cross.",
        ],
    )


def _row(scale: Scale, left: Forgetting) -> list[str]:
    return [
        scale.label,
        f"{float(scale.times[-1]):.3g}",
        f"{left.snr:.3g}",
        f"{left.same_side:.3f} ± {left.same_side_error:.3f}",
        f"{left.same_side_expected:.3f}",
        f"{left.mismatch:.1e}",
        f"{left.gap:.1e}",
        f"{left.measured.value:.4f}",
        f"{left.measured.floor:.4f}",
    ]


def _limits() -> Chapter:
    return Chapter(
        "What this does not show",
        [
            "Everything here is on a line and the data have variance near 2. The scale that matters is that of the "
            "noise in units of the data's own width, in the direction in which the data are widest: for images, many "
            "times the deviation of a pixel. And a prior that fits is not yet a good model: what happens on the way "
            "back is the subject of the lab reversal."
        ],
    )
