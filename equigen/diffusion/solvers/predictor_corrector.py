"""Predictor and corrector: a step of Langevin dynamics at each time, then one of the reversed process."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.solver import Noise, Solver, State

__all__ = ["PredictorCorrector"]


@dataclass(frozen=True)
class PredictorCorrector(Solver):
    """At t a Langevin step, then the Euler-Maruyama step of the reversed process to s with the score evaluated anew:

        x' = x_t + epsilon score(x_t, t) + sqrt(2 epsilon) z_0,
        x_s = x' + (s - t) (f x' - g^2 score(x', t)) + g sqrt(t - s) z_1.

    The paper makes epsilon from norms that it measures, 2 (snr |z| / |score|)^2. Here they are the expected ones of
    pure noise, |z|^2 = ndof and |score|^2 = ndof / sigma^2, which needs no measurement:

        epsilon = 2 snr^2 sigma_t^2.

    Measured norms make the step heavy-tailed in low dimension, and their mean over the batch, as the public tutorial
    takes it ("batch-mean"), makes a sample depend on its neighbours. For the discrete variance-preserving process the
    paper multiplies by alpha_i = 1 - beta_i, the squared scale of one step, which is 1 in the limit of short steps: it
    is left out.

    On N(0, c) data with V = alpha^2 c + sigma^2 the corrector maps the variance v to (1 - epsilon / V)^2 v + 2 epsilon,
    whose fixed point is V / (1 - epsilon / (2 V)), too large by about snr^2 sigma^2 / V: more steps do not remove that.

    Args:
        snr: signal-to-noise ratio of the corrector, below 1.
        norm: "expected", or "batch-mean" to repeat the tutorial.

    Raises:
        ValueError: an snr outside [0, 1), or an unknown norm.

    Error: no order; a bias of the variance of about snr^2 relatively while the noise dominates, vanishing with it.

    Source: Y. Song et al., ICLR 2021, algorithms 4 and 5; the order of the two steps is that of its public tutorial.

    Example:
        >>> PredictorCorrector().order, PredictorCorrector().draws, PredictorCorrector().evaluations
        (None, 2, 2)
    """

    snr: float = 0.16
    norm: str = "expected"
    order = None
    draws = 2
    evaluations = 2

    def __post_init__(self) -> None:
        if not 0.0 <= self.snr < 1.0:
            raise ValueError(
                f"snr is {self.snr}, but the corrector is stable from 0 to below 1: PredictorCorrector(snr=0.16)."
            )
        if self.norm not in ("expected", "batch-mean"):
            raise ValueError(f"norm is {self.norm!r}, but must be 'expected' or 'batch-mean': norm='expected'.")

    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        """A corrector step at t and a predictor step to s."""
        score = denoiser.score(state.x, t)
        size = self._step_size(score, denoiser.schedule.sigma(t))
        x = state.x + size * score + torch.sqrt(2.0 * size) * noise(0)
        return EulerMaruyama().step(denoiser, State(x), t, s, lambda _: noise(1))

    def _step_size(self, score: Tensor, sigma: Tensor) -> Tensor:
        if self.norm == "expected":
            return 2.0 * (self.snr * sigma) ** 2
        return 2.0 * (self.snr * score[0].numel() ** 0.5 / score.flatten(1).norm(dim=1).mean()) ** 2
