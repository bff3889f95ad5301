"""The page of the lab reversal: what was asked, what was measured, and what it means."""

from __future__ import annotations

from equigen.labs.on_the_line import standard_error
from equigen.labs.reversal.figures import distances, histograms, knobs, overshooting, split
from equigen.labs.reversal.findings import Found, order_of, resolved
from equigen.report.document import Chapter, Formula, Table

__all__ = ["chapters"]

_PROCESS, _FLOW = "Euler-Maruyama", "Heun"


def chapters(found: Found, items: int) -> list[Chapter]:
    """All chapters.

    Args:
        found: by the lab.
        items: samples in a set.
    """
    return [_ways_back(found), _distances(found, items), _parts(found), _around(found), _last_step(found), _limits()]


def _ways_back(found: Found) -> Chapter:
    few, *_, many = found.results[_PROCESS]
    half_few, *_, half_many = found.results[_FLOW]
    shown = [
        (f"{_PROCESS}, {few} steps", found.results[_PROCESS][few].first),
        (f"{_PROCESS}, {many} steps", found.results[_PROCESS][many].first),
        (f"{_FLOW}, {half_few} steps", found.results[_FLOW][half_few].first),
        (f"{_FLOW}, {half_many} steps", found.results[_FLOW][half_many].first),
    ]
    return Chapter(
        "Two ways back",
        [
            "A diffusion turns data into noise: $dx = g(t) dw$ with $g(t) = \\lambda^t$ adds independent increments "
            "until the data hardly matter. Two processes run the other way and pass, at every time, through the very "
            "same laws $p_t$. One is stochastic (Anderson 1982), the other a differential equation, the probability "
            "flow (Song et al. 2021):",
            Formula(
                r"dx = -g^2\,\nabla \ln p_t(x)\,dt + g\,d\bar{w}, \qquad "
                r"dx = -\frac{1}{2}\,g^2\,\nabla \ln p_t(x)\,dt"
            ),
            "Both need the score $\\nabla \\ln p_t$. Usually a network has learned it; here the data law is a mixture "
            "of normal laws, whose score is known exactly. So whatever goes wrong below is the fault of the reversal, "
            "and not of learning.",
            histograms(
                found.problem.data, shown,
                "One set of samples of each method (blue) and the density of the data (orange); what lies outside is "
                "counted at the edge. All sets start from the same noise.",
            ),
        ],
    )  # fmt: skip


def _distances(found: Found, items: int) -> Chapter:
    floor = found.adaptive
    return Chapter(
        "How far from the data",
        [
            "Two distances between the distribution function $F_n$ of $n$ samples and that of the data, $F$. The "
            "first, Wasserstein's, is how far mass must be carried on average, in units of $x$; the second, of "
            "Kolmogorov and Smirnov, is the largest error of any probability $P(x \\leq c)$:",
            Formula(r"W_1 = \int |F_n(x) - F(x)|\,dx, \qquad KS = \sup_x |F_n(x) - F(x)|"),
            "Even $n$ real draws are not at distance 0. What they give is the floor, and nothing below it can be seen "
            f"with {items} samples. Each distance is the mean over {len(floor.transport.values)} sets.",
            distances(
                found.results, found.computed, floor,
                "Marks: samples, with two standard errors; solvers share their starting noise, so that their chance "
                "deviations at the floor go together. Thin lines: the distance of the solver's law itself, by "
                "quadrature, without sampling noise. Grey: the floor, dotted its mean, and two standard deviations of "
                "a single set.",
            ),
            "Marks follow the lines down and then lie on the floor: below it, the lines go on, but samples no longer "
            "show it. The corrector of the predictor-corrector draws twice a step; no line is computed for it.",
            Table(
                ["method", "evaluations", "Wasserstein-1", "Kolmogorov-Smirnov"], _distance_rows(found),
                f"At the largest number of evaluations, {items} samples; ± is a standard error.",
            ),
        ],
    )  # fmt: skip


def _distance_rows(found: Found) -> list[list[str]]:
    last = {name: list(of.values())[-1] for name, of in found.results.items()}
    rows = []
    for name, one in [*last.items(), ("RK45, tolerance 1e-5", found.adaptive)]:
        rows.append(
            [
                name,
                f"{one.evaluations:.0f}",
                f"{one.transport.value:.4f} ± {standard_error(one.transport.values):.4f}",
                f"{one.gap.value:.4f} ± {standard_error(one.gap.values):.4f}",
            ]
        )
    rows.append(
        [
            "real draws (the floor)",
            "",
            _floor(found.adaptive.transport.floor, found.adaptive.transport.floors),
            _floor(found.adaptive.gap.floor, found.adaptive.gap.floors),
        ]
    )
    return rows


def _short(value: float) -> str:
    return resolved(value).replace("less than", "<")


def _floor(value: float, values: tuple[float, ...]) -> str:
    return f"{value:.4f} ± {standard_error(values):.4f}"


def _parts(found: Found) -> Chapter:
    chosen = {f"{name} ({kind})": found.computed[name] for name, kind in ((_PROCESS, "process"), (_FLOW, "flow"))}
    rows = []
    for name, of in found.computed.items():
        one = list(of.values())[-1]
        numbers = (one.stopping[0], one.prior[0], one.discretisation[0], one.total[0])
        rows.append(
            [
                name,
                f"{list(of)[-1]}",
                *map(_short, numbers),
                f"{order_of(of)[0]:.2f}",
            ]
        )
    return Chapter(
        "Four parts of the error",
        [
            "Between the data and the samples stand four approximations, and each leads from one law to the next: the "
            "data; $x$ at the last time $t_{min}$ (stopping); the exact reversal of the prior instead of $p_T$ (prior "
            "mismatch); what the solver makes of the prior (discretisation); and $n$ samples of that (sampling "
            "noise). Distances obey the triangle inequality: the whole is at most the sum of the parts, and may be "
            "less, as parts can cancel.",
            "The first three involve no chance. On the line they are computed: a method without noise carries the "
            "quantiles of the prior along; a step with noise turns the density $p_t$ into $\\int p_t(x) N(y; m(x), "
            "w^2) dx$, with $m$ and $w$ read off the solver's own step; the exactly reversed process leads from $T$ "
            "to $t_{min}$ in one such step, by Bayes' rule; and RK45 at tolerance 1e-9 stands for the exact flow.",
            split(
                chosen, found.adaptive.transport.floor,
                "Wasserstein-1 distance of each part. Only discretisation depends on the steps; where its curve falls "
                "below the dotted line, more steps make no difference that samples of this number show.",
            ),
            Table(
                ["method", "steps", "stopping", "prior", "discretisation", "data to solver", "order"], rows,
                "Wasserstein-1 distances by quadrature, resolved to about 1e-6. Order: the power of the number of "
                "steps with which discretisation falls, from the last two numbers of steps.",
            ),
        ],
    )  # fmt: skip


def _around(found: Found) -> Chapter:
    prior, stopping = found.around.prior, found.around.stopping
    early = prior[0]
    late = stopping[-1]
    cure = "helps with these data" if late.denoised < 0.5 * late.noisy else "is no cure"
    return Chapter(
        "What the other parts depend on",
        [
            knobs(
                found.around,
                "Left: the distance at $t_{min}$ that a wrong start leaves, against the time $T$ where the process "
                "ends. Middle: the distance to the data of $x$ at $t_{min}$, and of its denoised value $E[x_0 | "
                "x_{t_{min}}]$. Right: the distance of $n$ real draws (two standard errors) and its expectation "
                "$\\sqrt{2 / (\\pi n)} \\int \\sqrt{F (1 - F)}$.",
            ),
            "The prior is the normal law with the variance of $x_T$, not $p_T$ itself. If the process ends too early, "
            f"at $T = {early.t_max:g}$, the flow is left with {early.flow:.2g} and the stochastic process with "
            f"{early.process:.2g}; at $T = {prior[-1].t_max:g}$ it is {prior[-1].flow:.1g} and "
            f"{prior[-1].process:.1g}. The flow is a bijection and forgets nothing: it carries the mistake to the end. "
            "The stochastic process mixes: its transition from $T$ to 0 hardly depends on where it starts.",
            "Stopping at $t_{min}$ leaves noise of variance $\\sigma^2(t_{min})$. To denoise at the end "
            f"{cure}: at $t_{{min}} = {late.t_min:g}$ the distance is {late.noisy:.2g} noisy and "
            f"{late.denoised:.2g} denoised. "
            "Where the noisy $x$ is too wide, its posterior mean is too narrow: a component of variance $c$ keeps "
            "$c^2 / (c + \\sigma^2)$. An earlier $t_{min}$ helps.",
        ],
    )


def _last_step(found: Found) -> Chapter:
    rows = [
        [f"{one.points}", f"{one.overshot:.3g}", f"{one.predicted:.3g}", f"{one.noisy:.3g}", f"{one.denoised:.3g}"]
        for one in found.overshoots
    ]
    error, right = found.overshoots[0].error, found.overshoots[0].right
    vanishing = 1.0 + (1.0 - 1e-3) * 25.0 ** (2e-3) / right  # where g^2 h = c + sigma^2 at t_min
    return Chapter(
        "A last step that goes too far",
        [
            "A well-known tutorial samples with $N$ even grid points from 1 to $t_{min} = 0.001$, steps of $h = (1 - "
            "t_{min}) / (N - 1)$, and takes $N$ of them, the last without noise. But $N$ points have $N - 1$ "
            "intervals: the last step starts at $t_{min}$ and ends at $t_{min} - h$, before time 0. On data $N(0, c)$ "
            "with $c = 0.01$ the variance $v$ of the samples follows exactly",
            Formula(r"v \leftarrow \left(1 - \dfrac{g^2 h}{c + \sigma^2}\right)^2 v + g^2 h"),
            "and the last step multiplies by the first factor alone. That factor is 0 where $g^2 h = c + \\sigma^2$, "
            f"which for these data is at $N = {vanishing:.0f}$: there the samples collapse to a point. This experiment "
            "keeps the tutorial's $\\lambda = 25$ and its times, whatever the settings of this lab.",
            overshooting(
                found.overshoots, found.recursion, 0.01,
                "Variance of samples of $N(0, 0.01)$ data. Orange line: the recursion, at every $N$. As steps shrink, "
                f"those left noisy at $t_{{min}}$ tend to $c + \\sigma^2 = {right:.3g}$ and those denoised to "
                f"$c^2 / (c + \\sigma^2) = {1e-4 / right:.2g}$.",
            ),
            Table(
                ["N", "overshooting", "by the recursion", "noisy at t_min", "denoised"], rows,
                f"Variances; data: 0.01. The standard error of each measured one is {100 * error:.1g} % of it.",
            ),
            "With many grid points the harm is small, with images of wide variance smaller still, and so it has gone "
            "unnoticed. In this library every grid ends at exactly $t_{min}$; the overshooting end is kept, by the "
            "name overstep, to repeat the tutorial.",
        ],
    )  # fmt: skip


def _limits() -> Chapter:
    return Chapter(
        "What this does not show",
        [
            "The data lie on a line and the score is exact. A learned score adds an error of its own, which no number "
            "of steps removes and which is largest where data are rare; in many dimensions these distances need far "
            "more samples than there ever are. The grid is that of Karras et al. (rho = 7) for all solvers: another "
            "grid changes the constants, not the orders. And that samples cannot be told from the data at this number "
            "does not mean that more of them could not: the computed lines say how many it would take."
        ],
    )
