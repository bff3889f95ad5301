"""The log density of a model, by the change of variables along its probability flow.

Along dx/dt = v = a x + b D the log density obeys d ln p / dt = -div v, the divergence being that within the space. In
the variables of `RK45`, z = x / w with w = sqrt(alpha^2 + sigma^2) and theta = atan(sigma / alpha), where
dz/dtheta = (z cos(theta) - D(w z, t)) / sin(theta), this reads

    ln p_t(x) = ln p_T(x_T) + ndof ln(w_T / w_t) + integral over theta of div,
    div = (ndof cos(theta) - w tr(P J P)) / sin(theta),       J = dD/dx,  P the projection onto the space.

The trace is exact, from one vector-Jacobian product for each coordinate, or the mean over probes e of e P J P e. With
addressed signs e (Rademacher probes) it is unbiased, with the variance

    2 (||S||_F^2 - sum_i S_ii^2)        of one probe, S the symmetric part of P J P.

A probe keeps its signs along the whole path, so each has a log density of its own, and their spread is the error of
their mean. The error of the solver is told by solving twice, with steps held to a tenth and to a hundredth of the
tolerance; the second is the value. Its error is stated as

    |difference of the two| + ndof (20 (tolerance of a step) + eps / (10 theta)),

the second term for differences that are small by chance (the true error on mixtures is rarely above 10 and never seen
above 45 tolerances of a step), the third for the rounding of the denoiser, which the rate divides by the angle theta at
time t. Where this is above the tolerance, steps are held to another tenth. All of it is done sample by sample.

Source: Y. Song et al., Score-based generative modeling through stochastic differential equations, ICLR 2021, section
4.3 and appendix D.2; M. Hutchinson, A stochastic estimator of the trace of the influence matrix, 1990; on the variance
of signs, H. Avron, S. Toledo, Randomized algorithms for estimating the trace, 2011, lemma 9.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import BoundDenoiser, per_item
from equigen.diffusion.flow import Parts, integrate_adaptively
from equigen.diffusion.log_prob import LogProb
from equigen.diffusion.scale import Scale
from equigen.spaces.space import BoundSpace

__all__ = ["log_likelihood", "log_volume", "normal_log_prob", "rademacher"]

_EXACT = 32  # numbers of an item, up to which the trace is exact unless probes are asked for
_PROBES = 2  # the fewest whose spread tells their error
_FINER = 0.1
_SOLUTIONS = 4
_BY_CHANCE = 20.0  # tolerances of a step


def rademacher(
    space: BoundSpace, probes: int, *, seed: int, item: Tensor, dtype: torch.dtype, device: torch.device | str | None
) -> Tensor:
    """Addressed signs projected onto a space: probe k of item i is a pure function of (seed, i, k).

    Args:
        space: bound to the structure of the batch.
        probes: their number K for each item.
        seed: the key.
        item: numbers of the items, int64 (B,).
        dtype: of the result.
        device: of the result.

    Returns:
        (K, B, *shape), of covariance P.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> e = rademacher(Euclidean(5).at(), 2, seed=0, item=torch.arange(3), dtype=torch.float32, device=None)
        >>> e.shape, e.abs().min().item(), e.abs().max().item()
        (torch.Size([2, 3, 5]), 1.0, 1.0)
    """
    address = {"seed": seed, "stream": random.Stream.PROBE, "item": item}
    signs = [random.integers(2, space.shape, draw=k, device=device, **address) for k in range(probes)]
    return space.project(2.0 * torch.stack(signs).to(dtype) - 1.0)


def normal_log_prob(space: BoundSpace, x: Tensor, std: float | Tensor) -> Tensor:
    """ln of the normal of a space with a standard deviation: -|x|^2 / (2 std^2) - ndof ln(2 pi std^2) / 2, (B,).

    Example:
        >>> from equigen.spaces import Centred
        >>> round(normal_log_prob(Centred(2, 1).at(), torch.zeros(1, 2, 1), 1.0).item(), 4)     # one degree of freedom
        -0.9189
    """
    x, variance = x.double(), torch.as_tensor(std, dtype=torch.float64, device=x.device) ** 2
    return -0.5 * (space.inner(x, x) / variance + space.ndof.to(x) * torch.log(2.0 * math.pi * variance))


def log_volume(scale: Scale, space: BoundSpace, like: Tensor) -> Tensor:
    """ln |det| of the map from model to data units within a space: ndof ln(factor), channel by channel, (B,) float64.

    Args:
        scale: the map.
        space: bound to the structure of the batch.
        like: (B, *shape).

    Example:
        >>> from equigen.spaces import Euclidean
        >>> scale = Scale(torch.zeros(1), torch.tensor([2.0]))
        >>> round(log_volume(scale, Euclidean(1, 3, 3).at(), torch.zeros(1, 1, 3, 3)).item() / 9, 4)
        0.6931
    """
    logs = torch.log(scale.factor)
    if logs.ndim == 0:
        return (space.ndof.to(logs) * logs).expand(len(like))
    spread = logs.reshape(-1, *[1] * (like.ndim - 2)).expand(like.shape)
    return space.project(spread).flatten(1).sum(1)


@torch.no_grad()
def log_likelihood(
    denoiser: BoundDenoiser,
    x: Tensor,
    *,
    prior: Callable[[Tensor], Tensor],
    t: float | None = None,
    item: Tensor | None = None,
    seed: int = 0,
    probes: int | Tensor | None = None,
    tolerance: float = 1e-3,
) -> LogProb:
    """ln p_t of items, in the units of the denoiser.

    Args:
        denoiser: bound to its conditions and space.
        x: items at time t, (B, *shape), in the space.
        prior: gives the log density at t_max, (B,), of items there.
        t: time of the density; None: t_min.
        item: numbers of the items, which address their probes; None: 0, 1, ...
        seed: of the probes.
        probes: for each item; 0: none, the trace is exact; None: 0 for items of up to 32 numbers, else 2. Or the
            probes themselves, (K, B, *shape) in the space: moved with the items they keep the estimate as it is.
        tolerance: largest error of the solver, in nats for each degree of freedom.

    Returns:
        The log densities with their errors.

    Raises:
        ValueError: a negative number of probes, probes that do not fit the items, or a tolerance that the type of x
            does not resolve.
        ArithmeticError: the steps of an item collapse.

    Error: that of the probes, that of the solver, and the rounding of the denoiser, which 1 / sigma_min magnifies.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> law, schedule = Gaussian(torch.zeros(2), Isotropic(0.25)), EDM()
        >>> D = BoundDenoiser(law.denoiser(schedule), Euclidean(2).at(), {})
        >>> x = torch.tensor([[0.3, -0.1]], dtype=torch.float64)
        >>> found = log_likelihood(D, x, prior=law.diffused(schedule, schedule.t_max).log_prob)
        >>> bool((found.value - law.diffused(schedule, schedule.t_min).log_prob(x)).abs().item() < 2e-3)
        True
    """
    _require_probes(probes, x)
    least = 1000.0 * torch.finfo(x.dtype).eps
    if not tolerance >= least:
        raise ValueError(
            f"tolerance is {tolerance:g} nats for each degree of freedom, but {x.dtype} resolves {least:.2g}: give "
            "tolerance=1e-3, or float64 items."
        )
    item = torch.arange(len(x)) if item is None else item
    flow = _Flow(denoiser, x, denoiser.schedule.t_min if t is None else t, prior)
    if isinstance(probes, Tensor):
        count, flow.probes = len(probes), probes.to(x)
    elif count := (0 if x[:1].numel() <= _EXACT else _PROBES) if probes is None else probes:
        flow.probes = rademacher(denoiser.space, count, seed=seed, item=item, dtype=x.dtype, device=x.device)
    rows, step = torch.arange(len(x), device=x.device), _FINER * tolerance
    each, evaluations = flow.solve(rows, step)
    error = torch.zeros_like(each[:, 0])
    for _ in range(_SOLUTIONS - 1):
        step *= _FINER
        if not len(rows) or step < 0.01 * least:
            break
        finer, more = flow.solve(rows, step)
        evaluations[rows] += more
        error[rows] = (finer - each[rows]).mean(1).abs() + flow.free[rows] * (_BY_CHANCE * step + flow.rounding)
        each[rows] = finer
        rows = rows[error[rows] > tolerance * flow.free[rows]]
    spread = each.std(1) / count**0.5 if count > 1 else torch.full_like(error, torch.nan if count else 0.0)
    return LogProb(each.mean(1), spread, error, evaluations)


def _require_probes(probes: int | Tensor | None, x: Tensor) -> None:
    if isinstance(probes, Tensor):
        if not len(probes) or probes.shape[1:] != x.shape:
            raise ValueError(
                f"probes has shape {tuple(probes.shape)}, but one probe or more are needed for items of shape "
                f"{tuple(x.shape)}: (K, {', '.join(map(str, x.shape))}), such as those of rademacher(space, K, ...)."
            )
    elif probes is not None and probes < 0:
        raise ValueError(f"probes is {probes}, but must be 0 (an exact trace) or more: probes=2.")


class _Flow:
    """The flow of one batch from a time to t_max, with the log densities of its probes."""

    def __init__(self, denoiser: BoundDenoiser, x: Tensor, t: float, prior: Callable[[Tensor], Tensor]) -> None:
        self.denoiser, self.x, self.prior = denoiser, x, prior
        schedule = denoiser.schedule
        times = torch.tensor([t, schedule.t_max], dtype=torch.float64, device=x.device)
        self.low, self.high = times.unbind()
        self.start, self.end = torch.atan(schedule.relative_noise(times)).unbind()
        self.rounding = 0.1 * torch.finfo(x.dtype).eps / float(self.start)  # a first stage has the weight 35/384
        self.width = torch.hypot(schedule.alpha(times), schedule.sigma(times))
        self.ndof = denoiser.space.ndof.to(times).expand(len(x))
        self.free = self.ndof.clamp_min(1.0)  # to divide by
        self.probes: Tensor | None = None

    def solve(self, chosen: Tensor, tolerance: float) -> tuple[Tensor, Tensor]:
        """The log densities of some items by each of their probes, float64 (b, K), and their evaluations (b,)."""

        def field(theta: Tensor, state: Parts, rows: Tensor) -> Parts:
            return self._rate(theta, state[0], chosen[rows])

        x, probes = self.x[chosen], 1 if self.probes is None else len(self.probes)
        state = (x / self.width[0].to(x), x.new_zeros(len(x), probes))
        ends = {"tolerance": tolerance, "ndof": self.ndof[chosen]}
        found = integrate_adaptively(field, state, self.start, self.end, **ends)
        z, integral = found.state
        whole = self.x.clone()
        whole[chosen] = self.width[1].to(z) * z
        end = self.prior(whole)[chosen].double() + self.ndof[chosen] * torch.log(self.width[1] / self.width[0])
        return end[:, None] + self.free[chosen, None] * integral.double(), found.evaluations

    def _rate(self, theta: Tensor, z: Tensor, rows: Tensor) -> Parts:
        """The rate of z, and that of each probe's log density for each degree of freedom."""
        schedule = self.denoiser.schedule
        t = schedule.time_at_noise(torch.tan(theta)).clamp(self.low, self.high).to(z)
        width = torch.hypot(schedule.alpha(t), schedule.sigma(t))
        cos, sin = torch.cos(theta).to(z), torch.sin(theta).to(z)
        with torch.enable_grad():
            x = (per_item(width, z) * z).requires_grad_()
            given = {name: value[rows] for name, value in self.denoiser.condition.items()}
            clean = self.denoiser.denoiser(x, t, **given)
            trace = self._trace(clean, x, rows)
        pull = per_item(cos, z) * z - self._project(clean.detach(), rows)
        ndof, free = self.ndof[rows].to(z), self.free[rows].to(z)
        gain = (ndof * cos)[:, None] - width[:, None] * trace
        return pull / per_item(sin, z), gain / (free * sin)[:, None]

    def _trace(self, clean: Tensor, x: Tensor, rows: Tensor) -> Tensor:
        """e P J P e for each probe, (b, K); the exact trace as the only column without probes."""

        def product(e: Tensor) -> Tensor:
            (back,) = torch.autograd.grad(clean, x, e, retain_graph=True)
            return (back * e).flatten(1).sum(1)

        if self.probes is not None:
            return torch.stack([product(e[rows]) for e in self.probes], 1)
        total = x.new_zeros(len(x))
        for k in range(x[0].numel()):
            e = torch.zeros_like(x).flatten(1)
            e[:, k] = 1.0
            total = total + product(self._project(e.reshape(x.shape), rows))
        return total[:, None]

    def _project(self, x: Tensor, rows: Tensor) -> Tensor:
        """Some items projected onto the space, which is bound to all."""
        if len(rows) == len(self.x):
            return self.denoiser.space.project(x)
        whole = x.new_zeros((len(self.x), *x.shape[1:]))
        whole[rows] = x
        return self.denoiser.space.project(whole)[rows]
