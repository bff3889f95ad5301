"""Schedules: that alpha, sigma, their rates, f, g, the flow and the inverse are of one process, and of the paper's.

Each quantity is held against another way to it: rates against automatic differentiation, the kernel against quadrature
of f and g, the flow against f - g^2 score / 2, float32 against float64; and all of it against what the theory says of a
mixture on the line.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from equigen.diffusion.oracle.identities import entropy_gap, fokker_planck_residual, martingale_gap
from equigen.diffusion.schedules.schedule import Schedule
from equigen.verify.check import Check, Verification
from equigen.verify.grounds import line_law
from equigen.verify.published import published

__all__ = ["verify_schedule"]

_TIMES = 41
_EXACT = 1e-9  # relative, float64
_SINGLE = 4e-6  # relative, float32
_SAMPLES = 200_000
_NOISE = (0.1, 0.5, 2.0)  # relative noise at which laws are compared, where a schedule has them all
_SHARES = (0.2, 0.5, 0.8)  # of a schedule's own range of the logarithm of relative noise, where it has not
_UNDEFINED = "Nothing more is measured of a schedule whose noise is not a number that grows with time."


def verify_schedule(
    schedule: Schedule, name: str = "", tell: Callable[[str], None] = lambda stage: None
) -> Verification:
    """Check a schedule, one of the library or your own, against quadrature, autograd and a law that is known exactly.

    Args:
        schedule: made of torch functions that automatic differentiation can follow.
        name: to call it by; its class unless given.
        tell: called with a few words before each stage.

    Raises:
        TypeError: what is no schedule.

    Example:
        >>> from equigen.diffusion import EDM
        >>> class Slow(EDM):                                    # the rate of another schedule
        ...     def sigma_rate(self, t):
        ...         return 0.9 * torch.ones_like(t)
        >>> [check.name for check in verify_schedule(Slow()).failures][0]
        "sigma' against the derivative of sigma"
    """
    if not isinstance(schedule, Schedule):
        raise TypeError(f"schedule is a {type(schedule).__name__}, but a Schedule is needed: EDM().")
    tell("values")
    checks = list(_values(schedule))
    stages = {
        "curves": _curves,
        "process": _process,
        "inverse": _inverse,
        "float32": _single,
        "paper": _paper,
        "theory": _theory,
    }
    called = f"schedule {name or type(schedule).__name__}"
    if any(check.verdict == "fail" for check in checks):
        return Verification(called, checks, meaning=_UNDEFINED)
    for stage, part in stages.items():
        tell(stage)
        checks += part(schedule)
    return Verification(called, checks)


def _times(schedule: Schedule, n: int = _TIMES) -> Tensor:
    """Times from t_min to t_max, evenly in their logarithm, float64."""
    u = torch.linspace(0.0, 1.0, n, dtype=torch.float64)
    t = schedule.t_min * (schedule.t_max / schedule.t_min) ** u
    t[0], t[-1] = schedule.t_min, schedule.t_max
    return t


def _relative(found: Tensor, expected: Tensor, scale: Tensor | float = 0.0) -> float:
    """The largest difference relative to what is expected, or to a scale where that is larger."""
    size = torch.maximum(expected.abs().double(), torch.as_tensor(scale, dtype=torch.float64))
    return float(((found.double() - expected.double()).abs() / size.clamp_min(1e-300)).max())


def _values(schedule: Schedule) -> Iterator[Check]:
    t = _times(schedule, 1001)
    sound = [value.isfinite() & (value > 0) for value in (schedule.alpha(t), schedule.sigma(t))]
    broken = _count(~(sound[0] & sound[1]))
    yield Check("times at which alpha or sigma is not positive and finite", broken, 0, 0.0, "definition")
    falls = schedule.log_snr(t).diff() < 0
    yield Check("times at which log SNR does not fall", _count(~falls), 0, 0.0, "definition")


def _curves(schedule: Schedule) -> Iterator[Check]:
    t = _times(schedule)
    for name, value, rate in (
        ("alpha", schedule.alpha, schedule.alpha_rate),
        ("sigma", schedule.sigma, schedule.sigma_rate),
    ):
        gap = _relative(rate(t), _derivative(value, t), 1e-3 * value(t).abs())
        yield Check(f"{name}' against the derivative of {name}", gap, 0.0, _EXACT, "automatic differentiation")
    f, g, (a, b) = schedule.drift(t), schedule.diffusion(t), schedule.flow(t)
    pull = 0.5 * (g / schedule.sigma(t)) ** 2
    source = "v = f x - g^2 score / 2"
    yield Check("flow's a against f + g^2 / (2 sigma^2)", _relative(a, f + pull, f.abs() + pull), 0.0, 1e-8, source)
    yield Check("flow's b against -alpha g^2 / (2 sigma^2)", _relative(b, -schedule.alpha(t) * pull), 0.0, 1e-8, source)


def _process(schedule: Schedule) -> Iterator[Check]:
    """The kernel against its process: ln alpha by the integral of f, (sigma / alpha)^2 by that of (g / alpha)^2."""
    first = torch.tensor(schedule.t_min, dtype=torch.float64)
    start, log_start = schedule.relative_noise(first) ** 2, torch.log(schedule.alpha(first))
    drifts, noises = [], []
    for t in _times(schedule, 9)[1:]:
        drift = log_start + _integral(schedule.drift, schedule.t_min, float(t))
        noise = start + _integral(lambda s: (schedule.diffusion(s) / schedule.alpha(s)) ** 2, schedule.t_min, float(t))
        drifts.append(abs(float(drift - torch.log(schedule.alpha(t)))))
        noises.append(_relative(schedule.relative_noise(t) ** 2, noise))
    yield Check("alpha against quadrature of f", max(drifts), 0.0, _EXACT, "d ln alpha = f dt")
    yield Check("sigma against quadrature of g", max(noises), 0.0, 1e-8, "d (sigma / alpha)^2 = (g / alpha)^2 dt")


def _inverse(schedule: Schedule) -> Iterator[Check]:
    t = _times(schedule)
    noise, log_snr = schedule.relative_noise(t), schedule.log_snr(t)
    gap = _relative(schedule.relative_noise(schedule.time_at_noise(noise)), noise)
    yield Check("relative noise at the time of a relative noise", gap, 0.0, _EXACT, "the inverse inverts")
    gap = _relative(schedule.log_snr(schedule.time_at_log_snr(log_snr)), log_snr, 1.0)
    yield Check("log SNR at the time of a log SNR", gap, 0.0, _EXACT, "the inverse inverts")


def _single(schedule: Schedule) -> Iterator[Check]:
    single = _times(schedule).float()
    inside = single.double().clamp(schedule.t_min, schedule.t_max)
    gaps, broken = [], 0
    for quantity in (
        schedule.alpha,
        schedule.sigma,
        schedule.sigma_rate,
        schedule.diffusion,
        schedule.relative_noise,
    ):
        found = quantity(inside.float())
        broken += _count(~found.isfinite()) + int(found.dtype != torch.float32)
        gaps.append(_relative(found, quantity(inside.float().double())))
    yield Check("float32 against float64", max(gaps), 0.0, _SINGLE, "a few units in the last place")
    yield Check("values in float32 that are not finite, or no float32", broken, 0, 0.0, "stable down to t_min")


def _paper(schedule: Schedule) -> Iterator[Check]:
    """A known process against its paper, from time 0 on."""
    known = published(schedule)
    if known is None:
        return
    f, g, source = known
    t = _times(schedule)
    yield Check("f against the paper's", _relative(schedule.drift(t), f(t), 1e-12), 0.0, _EXACT, source)
    yield Check("g against the paper's", _relative(schedule.diffusion(t), g(t)), 0.0, 1e-8, source)
    for name, time in (("t_min", schedule.t_min), ("t_max", schedule.t_max)):
        end = torch.tensor(time, dtype=torch.float64)
        noise = _integral(lambda s: (g(s) / schedule.alpha(s)) ** 2, 0.0, time).sqrt()
        gap = _relative(schedule.relative_noise(end), noise)
        yield Check(f"noise at {name} against the paper's process from 0", gap, 0.0, 1e-8, source)


def _theory(schedule: Schedule) -> Iterator[Check]:
    """What the laws of x_t must obey, on a mixture on the line."""
    law, residuals = line_law(), []
    low, middle, high = _noise_times(schedule)
    for t in (low, middle, high):
        x = law.diffused(schedule, t).sample(64, seed=0, dtype=torch.float64)
        residuals.append(float(fokker_planck_residual(law, schedule, x, t).abs().max()))
    yield Check("Fokker-Planck residual, relative", max(residuals), 0.0, 1e-7, "dp/dt = -(f x p)' + g^2 p'' / 2")
    gap = entropy_gap(law, schedule, high, low)
    yield Check("entropy gained less its integral, nats", gap.value, 0.0, 1e-7, "dh/dt = f + g^2 J / 2")
    gap = martingale_gap(law.denoiser(schedule), law, schedule, low, high, n=_SAMPLES, seed=0)
    name, source = "E[D(x_r, r) D(x_t, t)] / E D(x_t, t)^2 - 1", "E[D(x_r, r) | x_t] = D(x_t, t)"
    yield Check(name, gap.value, 0.0, 0.03, source, gap.standard_error)


def _noise_times(schedule: Schedule) -> list[float]:
    """Three times away from the ends, with less noise before more."""
    times = _times(schedule, 1001)[100:-10]
    noise = torch.log(schedule.relative_noise(times))
    least, most = float(noise.min()), float(noise.max())
    levels = [math.log(level) for level in _NOISE]
    if levels[0] < least or levels[-1] > most:
        levels = [least + share * (most - least) for share in _SHARES]
    return [float(times[(noise - level).abs().argmin()]) for level in levels]


def _integral(f: Callable[[Tensor], Tensor], low: float, high: float) -> Tensor:
    """The integral by Gauss and Legendre, on pieces that shrink toward both ends."""
    near = (high - low) * 1e-9 ** torch.linspace(1.0, 0.0, 100, dtype=torch.float64)
    ends = torch.tensor([low, high], dtype=torch.float64)
    edges = torch.cat((ends, low + near, high - near)).clamp(low, high).unique()
    nodes, weights = (torch.from_numpy(values) for values in np.polynomial.legendre.leggauss(8))
    half, middle = 0.5 * edges.diff(), 0.5 * (edges[1:] + edges[:-1])
    return (f(middle[:, None] + half[:, None] * nodes) @ weights) @ half


def _derivative(f: Callable[[Tensor], Tensor], t: Tensor) -> Tensor:
    """The derivative of an elementwise function, by automatic differentiation."""
    t = t.detach().requires_grad_()
    value = f(t)
    return torch.autograd.grad(value.sum(), t)[0] if value.requires_grad else torch.zeros_like(t)


def _count(mask: Tensor) -> int:
    return int(mask.sum())
