"""A solver is one pure step from time t to an earlier time s, and what it must remember between steps.

The loop over the time grid is written once, here. No solver sees a mask, a condition or a seed: the denoiser is bound
beforehand, and noise is handed in. An adaptive solver makes its way from the first time to the last by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.spaces.space import BoundSpace

__all__ = ["AdaptiveSolver", "AddressedNoise", "Noise", "Solver", "State", "integrate"]

Noise = Callable[[int], Tensor]
"""noise(k): the k-th standard normal of a step, in the space and shape of x."""

_BLOCK = 1 << 22  # numbers that are drawn at once, about 34 MB while they are made


class State(NamedTuple):
    """Where a solver stands: the iterate, and what it remembers of the past.

    Example:
        >>> State(torch.zeros(2)).memory
        ()
    """

    x: Tensor
    memory: tuple[Tensor, ...] = ()


class Solver(ABC):
    """One step of a method that runs the diffusion backwards.

    Attributes:
        order: the power of the step size with which the error falls (weak order of a stochastic solver); None where
            the error does not vanish with the step.
        draws: how many standard normals one step takes.
        evaluations: how often one step calls the denoiser.

    Example:
        >>> from equigen.diffusion import EDM, Euler, Gaussian, Isotropic
        >>> D = Gaussian(torch.zeros(1), Isotropic(0.0)).denoiser(EDM())        # the data are the origin
        >>> t, s = torch.tensor(2.0), torch.tensor(1.0)
        >>> Euler().step(D, State(torch.ones(1, 1)), t, s, noise=None).x.item()    # paths are straight
        0.5
    """

    order: int | None
    draws: int = 0
    evaluations: int = 1

    def init(self, x: Tensor, steps: int) -> State:
        """The state before the first of so many steps."""
        return State(x)

    @abstractmethod
    def step(self, denoiser: Denoiser, state: State, t: Tensor, s: Tensor, noise: Noise) -> State:
        """One step from t to s < t.

        Args:
            denoiser: bound to its conditions and space.
            state: of the method at t.
            t: time () of the state.
            s: earlier time ().
            noise: gives the k-th standard normal of this step, k < draws.

        Returns:
            The state at s.
        """


class AdaptiveSolver(ABC):
    """A method that chooses its own steps, for each sample its own.

    Attributes:
        order: of one of its steps; the error as a whole follows the tolerance.

    Example:
        >>> from equigen.diffusion import EDM, RK45, Gaussian, Isotropic
        >>> D = Gaussian(torch.zeros(1), Isotropic(0.0)).denoiser(EDM())        # the data are the origin
        >>> round(RK45().run(D, torch.ones(1, 1), torch.tensor([2.0, 1.0]))[-1].item(), 4)
        0.5
    """

    order: int

    @abstractmethod
    def run(self, denoiser: Denoiser, x: Tensor, times: Tensor) -> Tensor:
        """All the way from times[0] to times[-1], and where the samples were at the times between.

        Args:
            denoiser: bound to its conditions and space.
            x: the iterate at times[0], (B, *shape).
            times: (n + 1,), monotone; those between the ends change no step.

        Returns:
            The iterates at all times, (n + 1, B, *shape).

        Raises:
            ArithmeticError: the steps collapse.
        """


@dataclass
class AddressedNoise:
    """The standard normals of the steps of one batch, made for blocks of steps in one call.

    Args:
        space: bound to the batch.
        seed: the key.
        item: numbers of the items (B,).
        steps: how many steps there will be.
        like: a tensor of the dtype and device wanted.
        stream: what the noise is for.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> noise = AddressedNoise(Euclidean(3).at(), seed=0, item=torch.arange(2), steps=10, like=torch.zeros(2, 3))
        >>> torch.equal(noise.at(4)(0), noise.at(4)(0)), torch.equal(noise.at(4)(0), noise.at(4)(1))
        (True, False)
    """

    space: BoundSpace
    seed: int
    item: Tensor
    steps: int
    like: Tensor
    stream: random.Stream = random.Stream.SOLVER

    def __post_init__(self) -> None:
        self._block = max(1, _BLOCK // max(self.like.numel(), 1))
        self._drawn: dict[int, tuple[int, Tensor]] = {}

    def at(self, step: int) -> Noise:
        """The noise of one step."""
        return lambda k: self._draw(step, k)

    def _draw(self, step: int, k: int) -> Tensor:
        first, block = self._drawn.get(k, (-1, None))
        if block is None or not first <= step < first + len(block):
            first = step - step % self._block
            steps = torch.arange(first, min(first + self._block, max(self.steps, step + 1)), device=self.item.device)
            block = self.space.noise(
                seed=self.seed,
                stream=self.stream,
                item=self.item,
                step=steps,
                draw=k,
                dtype=self.like.dtype,
                device=self.like.device,
            )
            self._drawn[k] = first, block
        return block[step - first]


def _no_noise(k: int) -> Tensor:
    raise ValueError(f"noise({k}) is asked for, but none was given: integrate(..., noise=AddressedNoise(...)).")


def integrate(
    solver: Solver | AdaptiveSolver,
    denoiser: Denoiser,
    x: Tensor,
    times: Tensor,
    noise: AddressedNoise | None = None,
    on_step: Callable[[int, Tensor], None] | None = None,
) -> Tensor:
    """Run a solver along a time grid.

    Args:
        solver: the method; an adaptive one goes from the first time to the last with steps of its own.
        denoiser: bound to its conditions and space.
        x: the iterate at times[0], (B, *shape).
        times: (n + 1,), descending.
        noise: for a stochastic solver.
        on_step: called with (k, x at times[k]) before step k; after the last one, for all k, by an adaptive solver.

    Returns:
        The iterate at times[-1], (B, *shape).

    Raises:
        ValueError: a stochastic solver without noise.
        ArithmeticError: the steps of an adaptive solver collapse.

    Example:
        >>> from equigen.diffusion import EDM, Euler, Gaussian, Isotropic, UniformGrid
        >>> law, schedule = Gaussian(torch.zeros(1), Isotropic(1.0)), EDM(t_min=0.01, t_max=3.0)
        >>> x = integrate(Euler(), law.denoiser(schedule), torch.ones(1, 1), UniformGrid()(schedule, 1000))
        >>> abs(x.item() - (1.0001 / 10) ** 0.5) < 1e-3            # the flow scales by sqrt((1 + s^2) / (1 + t^2))
        True
    """
    if isinstance(solver, AdaptiveSolver):
        return _integrate_adaptively(solver, denoiser, x, times, on_step)
    times = times.to(x)
    state = solver.init(x, len(times) - 1)
    for k in range(len(times) - 1):
        if on_step is not None:
            on_step(k, state.x)
        state = solver.step(denoiser, state, times[k], times[k + 1], _no_noise if noise is None else noise.at(k))
    return state.x


def _integrate_adaptively(
    solver: AdaptiveSolver,
    denoiser: Denoiser,
    x: Tensor,
    times: Tensor,
    on_step: Callable[[int, Tensor], None] | None,
) -> Tensor:
    if on_step is None:  # nobody looks at what lies between the ends
        return solver.run(denoiser, x, times[[0, -1]])[-1] if len(times) > 1 else x
    path = solver.run(denoiser, x, times)
    for k in range(len(times) - 1):
        on_step(k, path[k])
    return path[-1]
