"""The solvers, and a denoiser on which they are tested alone: whatever a path then breaks is the solver's own."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.schedules.schedule import Schedule
from equigen.diffusion.solvers.ancestral import Ancestral
from equigen.diffusion.solvers.dpm_solver_2m import DPMSolver2M
from equigen.diffusion.solvers.euler import Euler
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.heun import Heun
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.rk45 import RK45
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver

__all__ = ["AnySolver", "Radial", "all_solvers", "require_solvers"]

AnySolver = Solver | AdaptiveSolver
"""A method of either kind."""


class Radial(Denoiser):
    """A denoiser that commutes with every isometry about the origin, and is not linear: D(x, t) = c(|x|, t) x.

    With v = alpha^2 + sigma^2 and r the mean square of x over v, c = (alpha / v) (1/2 + 1 / (1 + r)).

    Args:
        schedule: the kernel.

    Example:
        >>> import torch
        >>> from equigen.diffusion import EDM
        >>> x = torch.tensor([[3.0, 4.0]])
        >>> D = Radial(EDM())
        >>> torch.equal(D(x.flip(1), torch.tensor(1.0)), D(x, torch.tensor(1.0)).flip(1))
        True
    """

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """c(|x|, t) x."""
        alpha, sigma = self.schedule.alpha(t), self.schedule.sigma(t)
        width = alpha**2 + sigma**2
        size = x_t.square().flatten(1).mean(1) / width
        return per_item(alpha / width * (0.5 + 1.0 / (1.0 + size)), x_t) * x_t


def all_solvers() -> tuple[AnySolver, ...]:
    """Every solver of this library, as it is unless it is told otherwise.

    Example:
        >>> [type(solver).__name__ for solver in all_solvers()][:3]
        ['DPMSolver2M', 'Euler', 'Heun']
    """
    return (DPMSolver2M(), Euler(), Heun(), EulerMaruyama(), Ancestral(), PredictorCorrector(), RK45())


def require_solvers(solvers: Sequence[AnySolver] | None) -> tuple[AnySolver, ...]:
    """The solvers that are asked for, all of them where none is named.

    Raises:
        ValueError: an empty list.

    Example:
        >>> len(require_solvers(None)), len(require_solvers([Euler()]))
        (7, 1)
    """
    if solvers is None:
        return all_solvers()
    if not solvers:
        raise ValueError("solvers is empty, but trajectories are those of one solver or more: solvers=[Heun()].")
    return tuple(solvers)
