"""What breaks the symmetry of a sampler whose score is exact, and what looks as if it did.

Three measurements of each: the path, with prior and noise moved, by quarter turns and by eighths of a turn; the law of
the samples, by a test; and whether an item comes out as it does alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.solver import Solver
from equigen.labs.symmetry.setting import Setting
from equigen.labs.symmetry.walking import Normals, normals, turning_errors, walk
from equigen.symmetry.invariance import invariance_test

__all__ = ["SEEN", "Broken", "Case", "broken", "cases"]

SEEN = ("noise wider along one axis", "a shift to one side")
"""Changes that show in the law of some hundred samples."""
_PLAIN = EulerMaruyama()
_REACH = 1.0  # to which points are clamped, in units of the data
_SHIFT = 0.3
_WIDER = 1.6
_FEW = 16  # items whose paths are turned
_ALONE = 2  # of them, that are also drawn alone


@dataclass(frozen=True)
class Case:
    """A change of the sampler.

    Args:
        name: of what is changed.
        expected: "sound", "eighths" where it breaks turns that are no quarters only, "broken", or "batch" where items
            depend on each other.
        change: of the denoiser.
        solver: with fixed steps.
        prior: what is done to the normals of the start.
        noise: what is done to those of the steps.
    """

    name: str
    expected: str
    change: Callable[[Tensor, Tensor], Tensor] = lambda d, x: d
    solver: Solver = _PLAIN
    prior: Callable[[Tensor], Tensor] = lambda z: z
    noise: Callable[[Tensor], Tensor] = lambda z: z


@dataclass(frozen=True)
class Broken:
    """What was measured of a case.

    Args:
        name: of the case.
        expected: as the theorem has it.
        quarters: largest relative error of the path under quarter turns, float64.
        eighths: under odd eighths of a turn.
        p_value: of the samples' law being invariant.
        company: largest relative change of an item when it is drawn alone.
    """

    name: str
    expected: str
    quarters: float
    eighths: float
    p_value: float
    company: float


class _Changed(Denoiser):
    """A denoiser whose result is changed by a function of it and of x_t."""

    def __init__(self, denoiser: Denoiser, change: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.denoiser, self.schedule, self.change = denoiser, denoiser.schedule, change

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        return self.change(self.denoiser(x_t, t, **condition), x_t)


def cases() -> list[Case]:
    """Eight changes and none."""
    wide = torch.tensor([_WIDER, 1.0 / _WIDER], dtype=torch.float64)
    return [
        Case("nothing changed", "sound"),
        Case("noise wider along one axis", "broken", noise=lambda z: z * wide),
        Case("prior wider along one axis", "broken", prior=lambda z: z * wide),
        Case("a step as long as one coordinate is small", "broken", change=_by_place),
        Case("a shift to one side", "broken", change=lambda d, x: d + _SHIFT * d.new_tensor([1.0, 0.0])),
        Case("each coordinate clamped", "eighths", change=lambda d, x: d.clamp(-_REACH, _REACH)),
        Case("the length clamped", "sound", change=_by_length),
        Case("a corrector's step from the norms of the batch", "batch", solver=PredictorCorrector(norm="batch-mean")),
        Case("a corrector's step from expected norms", "sound", solver=PredictorCorrector()),
    ]


@torch.no_grad()
def broken(setting: Setting, n: int, steps: int, draws: int, seed: int) -> list[Broken]:
    """Measure all cases under eight rotations of the plane, with the exact score.

    Args:
        setting: points of the plane under C8.
        n: samples, for the test of their law.
        steps: of the sampler.
        draws: of the test.
        seed: of the normals.
    """
    exact, given = setting.exact(), normals(setting, n, steps, seed)
    return [_measured(case, setting, _Changed(exact, case.change), given, draws, seed) for case in cases()]


def _measured(case: Case, setting: Setting, denoiser: Denoiser, given: Normals, draws: int, seed: int) -> Broken:
    def along(some: Normals) -> Tensor:
        return walk(denoiser, case.solver, some, setting.data_std, case.prior, case.noise)

    few, action = _only(given, slice(0, _FEW)), setting.action
    errors = turning_errors(along, few, action).amax(1)
    path = along(few)
    alone = torch.cat([along(_only(few, slice(k, k + 1)))[-1] for k in range(_ALONE)])
    last = path[-1][:_ALONE]
    company = float(((alone - last).norm(dim=1) / last.norm(dim=1)).max())
    test = invariance_test(along(given)[-1], action, draws=draws, seed=seed)
    quarters, eighths = (
        float(errors[1::2].max()),
        float(errors[::2].max()),
    )  # of turns by 2, 4, 6 and 1, 3, 5, 7 eighths
    return Broken(case.name, case.expected, quarters, eighths, test.p_value, company)


def _only(given: Normals, items: slice) -> Normals:
    return Normals(given.start[items], given.steps[:, :, items])


def _by_length(d: Tensor, x: Tensor) -> Tensor:
    length = d.norm(dim=1, keepdim=True)
    return d * (_REACH / length.clamp(min=1e-300)).clamp(max=1.0)


def _by_place(d: Tensor, x: Tensor) -> Tensor:
    """A step that is longer where one coordinate is small: chosen from what the group changes."""
    return x + (d - x) * (0.6 + 0.4 / (1.0 + x[:, 1:].square()))
