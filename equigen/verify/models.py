"""Models: what a denoiser must obey to be a posterior mean, and what sampling, encoding and likelihood must keep to.

A learned denoiser obeys no identity exactly. Each is measured on held-out items in units in which 1 is gross, and
passes where it holds to a few percent. What concerns the computation alone is held to rounding or to its tolerance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.model import DiffusionModel
from equigen.spaces.batch import Batch
from equigen.verify.check import Check, Verification
from equigen.verify.identities import Held, identities, linear_denoiser, noise_times

__all__ = ["verify_model"]

_FEW = 8  # samples
_FEWER = 2  # items that go through the flow
_NATS = 1e-2  # tolerance of a log density for each degree of freedom
_ROUND_TRIP = 1e-2  # of the standard deviation of the data
_TOLERANCE = 1e-5  # of a step of the flow
_ALONE = 1e-3
# Standard errors that chance exceeds 1 time in 1000, by Student's t of 2 sets x 2 items x (2 probes - 1) = 4 degrees of
# freedom.
_SPREAD = 8.6
_MEANING = (
    "A score, a loss or an estimate that fails at some noise says that the model is not the mean of the data given "
    "what it sees there: most often it is not trained well at that noise yet. Any other failure is one of the "
    "computation: of sampling, encoding or likelihood."
)


def verify_model(
    model: DiffusionModel,
    held_out: Batch | Tensor,
    training: Tensor,
    *,
    name: str = "model",
    seed: int = 0,
    tell: Callable[[str], None] = lambda stage: None,
) -> Verification:
    """Check a model on items that it has not seen.

    Args:
        model: in any mode; it is evaluated.
        held_out: items in data units, 8 or more; a batch with their structure and conditions.
        training: items (N, *shape) in data units, whose mean and covariance make the linear reference.
        name: to call it by.
        seed: of the noise.
        tell: called with a few words before each stage.

    Raises:
        ValueError: too few items.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> law = Gaussian(torch.zeros(2), Isotropic(1.0))
        >>> model = DiffusionModel(Euclidean(2), law.denoiser(EDM()))
        >>> verify_model(model, law.sample(512, seed=0), law.sample(4000, seed=1)).passed
        True
    """
    batch = Batch.whole(held_out) if isinstance(held_out, Tensor) else held_out
    if len(batch.x) < _FEW or len(training) < 2:
        raise ValueError(
            f"there are {len(batch.x)} held-out and {len(training)} training items, but {_FEW} and 2 are needed: "
            "give more."
        )
    was, checks = model.training, []
    model.eval()
    try:
        with torch.no_grad():
            held = _held(model, batch, training)
            tell("identities")
            checks += identities(held, model.data_std, seed)
            tell("symmetry of the score")
            checks += _symmetry(held, model.data_std, seed)
            for stage, part in (("samples", _samples), ("encoding", _coding), ("likelihood", _likelihood)):
                tell(stage)
                try:
                    checks += part(model, _rows(batch, slice(0, _FEW)), seed)
                except ArithmeticError:
                    checks.append(Check(f"{stage}: share that arrives", 0.0, 1.0, 0.0, "the flow is smooth and finite"))
    finally:
        model.train(was)
    return Verification(name, checks, meaning=_MEANING)


def _held(model: DiffusionModel, batch: Batch, training: Tensor) -> Held:
    condition = for_denoiser(model.denoiser, batch.condition, batch.structure, batch.x)
    space, denoiser = model.bind(batch.structure, condition)
    linear = linear_denoiser(model.scale.to_model(training), model.denoiser.schedule)
    return Held(space.project(model.scale.to_model(batch.x)), denoiser, batch.position, linear.to(batch.x.device))


def _symmetry(held: Held, data_std: float, seed: int) -> Iterator[Check]:
    """|J - J^T| / |J + J^T| of the score's Jacobian, from products u J v: 0 for a gradient, not so for a network."""
    for level, time in noise_times(held.denoiser.schedule, data_std):
        t, space = time.to(held.x_0), held.denoiser.space
        address = {"seed": seed, "stream": random.Stream.PROBE, "item": held.item, "dtype": held.x_0.dtype}
        z, u, v = (space.noise(draw=k, device=held.x_0.device, **address) for k in range(3))
        with torch.enable_grad():
            x = (held.denoiser.schedule.alpha(t) * held.x_0 + held.denoiser.schedule.sigma(t) * z).requires_grad_()
            clean = held.denoiser(x, t)
            (back_u,) = torch.autograd.grad(clean, x, u, retain_graph=True)
            (back_v,) = torch.autograd.grad(clean, x, v)
        one, other = space.inner(back_u, v), space.inner(back_v, u)
        size = float((one - other).double().norm() / (one + other).double().norm())
        yield Check(f"asymmetry of the score's Jacobian, noise {level:g}", size, 0.0, None, "a gradient has none")


def _samples(model: DiffusionModel, batch: Batch, seed: int) -> Iterator[Check]:
    given = {"structure": batch.structure, "condition": dict(batch.condition)}
    whole = model.sample(len(batch), seed=seed, steps=8, **given)
    alone = []
    for k in range(len(batch)):
        one = _rows(batch, slice(k, k + 1))
        what = {"structure": one.structure, "condition": dict(one.condition)}
        alone.append(model.sample(1, seed=seed, first=k, steps=8, **what))
    gap = float((torch.cat(alone) - whole).abs().max() / whole.abs().max())
    yield Check("change when a sample is drawn alone", gap, 0.0, _ALONE, "samples are independent")
    broken = int((~whole.isfinite()).sum())
    yield Check("numbers in samples that are not finite", broken, 0, 0.0, "no NaN to t_min")


def _coding(model: DiffusionModel, batch: Batch, seed: int) -> Iterator[Check]:
    batch = _rows(batch, slice(0, _FEWER))
    z = model.encode(batch, tolerance=_TOLERANCE)
    latent = Batch(z, batch.position, batch.size, batch.structure, batch.condition)
    gap = (model.scale.to_model(model.decode(latent, tolerance=_TOLERANCE)) - model.scale.to_model(batch.x)).double()
    size = float(gap.square().mean().sqrt()) / (model.data_std or 1.0)
    yield Check("decode(encode(x)) - x, in standard deviations", size, 0.0, _ROUND_TRIP, "the flow is reversible")


def _likelihood(model: DiffusionModel, batch: Batch, seed: int) -> Iterator[Check]:
    """Log densities do not depend on the batch, nor on the probes by more than their error says."""
    batch = _rows(batch, slice(0, _FEWER))
    found, other = (model.log_prob(batch, seed=one, tolerance=_NATS) for one in (seed, seed + 1))
    alone = model.log_prob(_rows(batch, slice(0, 1)), seed=seed, tolerance=_NATS)
    ndof = float(model.space.at(batch.structure).ndof.double().mean().clamp_min(1.0))
    gap = float((alone.value[0] - found.value[0]).abs() / ndof)
    yield Check("ln p alone - ln p in the batch, nats / ndof", gap, 0.0, 0.5 * _NATS, "no shared steps")
    spread = torch.hypot(found.probe_error, other.probe_error) + found.solver_error + other.solver_error
    mean = float((found.value - other.value).mean() / (spread.square().mean() / len(batch)).sqrt().clamp_min(1e-12))
    yield Check("ln p with other probes, in standard errors", mean, 0.0, _SPREAD, "the stated error")


def _rows(batch: Batch, rows: slice) -> Batch:
    """Some items with what belongs to them."""
    structure = None if batch.structure is None else batch.structure[rows]
    condition = {name: value[rows] for name, value in batch.condition.items()}
    return Batch(batch.x[rows], batch.position[rows], batch.size, structure, condition)
