"""Turn the prior and the noise, and the path turns; turn only one of them, and it does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.dpm_solver_2m import DPMSolver2M
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.heun import Heun
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.solver import Solver
from equigen.labs.extremes import largest
from equigen.labs.symmetry.setting import Setting
from equigen.labs.symmetry.walking import Normals, normals, turning_errors, walk

__all__ = ["SOLVERS", "Turned", "turned"]

SOLVERS = (EulerMaruyama(), PredictorCorrector(), Heun(), DPMSolver2M())
"""Two with noise, two without."""


@dataclass(frozen=True)
class Turned:
    """How far paths are from turning with the normals.

    Args:
        denoiser: its name.
        solver: its name.
        noisy: whether the solver takes noise.
        errors: at each time, the largest over the group, relative: prior and noise turned.
        prior_only: at the end, the noise left as it was; as `errors` where there is none.
    """

    denoiser: str
    solver: str
    noisy: bool
    errors: Sequence[float]
    prior_only: float

    @property
    def largest(self) -> float:
        """The largest along the path."""
        return largest(self.errors)


@torch.no_grad()
def turned(setting: Setting, denoisers: Mapping[str, Denoiser], n: int, steps: int, seed: int) -> list[Turned]:
    """Measure every denoiser with every solver, float64.

    Args:
        setting: of the data.
        denoisers: by name.
        n: items.
        steps: of each sampler.
        seed: of the normals.
    """
    given = normals(setting, n, steps, seed)
    found = []
    for name, denoiser in denoisers.items():
        for solver in SOLVERS:

            def along(some: Normals, denoiser: Denoiser = denoiser, solver: Solver = solver) -> Tensor:
                return walk(denoiser, solver, some, setting.data_std)

            both = turning_errors(along, given, setting.action)
            alone = turning_errors(along, given, setting.action, noise=False) if solver.draws else both
            errors, end = both.amax(0).tolist(), float(alone[:, -1].max())
            found.append(Turned(name, type(solver).__name__, solver.draws > 0, errors, end))
    return found
