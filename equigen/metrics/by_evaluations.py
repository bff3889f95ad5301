"""How far samples are from where the exact flow takes the same noise, against the evaluations of the network.

All solvers start from the same noise (same seed), so what differs is the solver alone:

- a deterministic solver approximates one map from noise to data. Its distance, in the root mean square over items and
  valid pixels, is taken to a reference: Heun's method with four times the evaluations of the largest budget. How far
  the reference itself moves when its evaluations are halved is stated beside: smaller distances mean nothing;
- a stochastic solver has no such map, only a law. So for all solvers the Frechet distance to held-out items is taken,
  at the n of its real-vs-real floor.

Evaluations are counted where they happen, at the denoiser, for each sample: the denoising step at the end counts, both
calls of guidance count, and an adaptive solver has what it used.

Source: T. Karras, M. Aittala, T. Aila, S. Laine, Elucidating the design space of diffusion-based generative models,
2022, figure 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from equigen.metrics.given import Given
from equigen.metrics.loss import device_of
from equigen.store import build
from equigen.table import SOLVERS

__all__ = ["BUDGETS", "SolverComparison", "SolverCurve", "compare_solvers"]

BUDGETS = (5, 10, 20, 50)
_REFERENCE = "heun"
_TIGHTER = 4
_FINEST = 1e-5  # tolerance, that float32 resolves


@dataclass(frozen=True)
class SolverCurve:
    """One solver at several budgets.

    Args:
        solver: its name.
        evaluations: of the network for each sample, as counted.
        distance: root mean square distance to the reference, in data units; empty for a stochastic solver.
        frechet: Frechet distance to held-out items; empty where it was not asked for.
    """

    solver: str
    evaluations: tuple[float, ...]
    distance: tuple[float, ...]
    frechet: tuple[float, ...]


@dataclass(frozen=True)
class SolverComparison:
    """Distance against evaluations for several solvers on the same noise.

    Args:
        n: samples of each point.
        seed: of the noise.
        budgets: evaluations for each sample that solvers with steps were allowed.
        reference: the solver that deterministic ones are compared with.
        reference_evaluations: of the reference.
        reference_error: how far the reference moves when its evaluations are halved, in data units.
        curves: one for each solver.
        frechet_floor: real-vs-real floor of the Frechet distance at this n; None where it was not measured.
        frechet_floor_interval: its 95 % interval.
    """

    n: int
    seed: int
    budgets: tuple[int, ...]
    reference: str
    reference_evaluations: float
    reference_error: float
    curves: tuple[SolverCurve, ...]
    frechet_floor: float | None = None
    frechet_floor_interval: tuple[float, float] | None = None


def compare_solvers(
    model: Any,
    solvers: Sequence[str],
    budgets: Sequence[int] = BUDGETS,
    *,
    n: int = 64,
    seed: int = 0,
    given: Given | None = None,
    frechet: Callable[[Tensor], float] | None = None,
    on_stage: Callable[[str], None] | None = None,
    **sampling: Any,
) -> SolverComparison:
    """Sample the same noise with several solvers at several budgets of evaluations.

    A budget is kept from above: a solver with two evaluations a step takes half the steps; guidance, which evaluates
    twice, is counted and not kept. An adaptive solver has no
    steps: it is run with the tolerances 0.1, 0.01, ..., one for each budget, and stands where it was counted.

    Args:
        model: with `.sample(n, seed=, steps=, solver=, on_step=)` and a module `.denoiser` whose calls are counted.
        solvers: names of the store's table.
        budgets: evaluations for each sample, at least 3 each.
        n: samples of each point.
        seed: of the noise.
        given: structures and conditions of the n samples.
        frechet: the Frechet distance of samples to real items; None leaves it out.
        on_stage: called with a few words before each solver.
        sampling: more arguments for `model.sample`.

    Returns:
        The comparison.

    Raises:
        StoreError: an unknown solver.
        ValueError: no budget, or one below 3.

    Example:
        >>> import torch
        >>> from equigen.diffusion import EDM, DiffusionModel, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> law = Gaussian(torch.zeros(2), Isotropic(1.0))
        >>> model = DiffusionModel(Euclidean(2), law.denoiser(EDM()))
        >>> found = compare_solvers(model, ["euler", "heun"], [9, 33], n=8)
        >>> [curve.evaluations for curve in found.curves]
        [(9.0, 33.0), (9.0, 33.0)]
        >>> euler, heun = (curve.distance for curve in found.curves)
        >>> heun[1] < euler[1] and heun[1] < heun[0] / 4
        True
    """
    if not budgets or min(budgets) < 3:
        raise ValueError(f"budgets are {tuple(budgets)}, but each needs 3 evaluations or more: budgets={BUDGETS}.")
    sampling.pop("solver", None)
    more = {**sampling, **(given.arguments(device_of(model)) if given is not None else {})}
    valid = None if given is None else given.structure

    def run(solver: Any, steps: int) -> tuple[Tensor, float]:
        begun: list[int] = []  # samples whose calls are seen here: all of them, or one process's share

        def begin(k: int, x_t: Tensor) -> None:
            begun.append(len(x_t) if k == 0 else 0)

        with _counted(model.denoiser) as seen:
            x = model.sample(n, seed=seed, steps=steps, solver=solver, on_step=begin, **more)
        return x.detach().double().cpu(), sum(seen) / sum(begun)

    tell = on_stage or (lambda stage: None)
    tell("reference of the solvers")
    best = build(_REFERENCE, SOLVERS)
    reference, spent = run(best, _steps(best, _TIGHTER * max(budgets)))
    coarser, _ = run(best, _steps(best, _TIGHTER * max(budgets) // 2))
    curves = []
    for name in solvers:
        tell(f"solver {name}")
        points = [(getattr(solver, "draws", 0), *run(solver, steps)) for solver, steps in _ladder(name, budgets)]
        deterministic = all(draws == 0 for draws, _, _ in points)
        curves.append(
            SolverCurve(
                solver=name,
                evaluations=tuple(count for _, _, count in points),
                distance=tuple(_distance(x, reference, valid) for _, x, _ in points) if deterministic else (),
                frechet=tuple(frechet(x.float()) for _, x, _ in points) if frechet else (),
            )
        )
    error = _distance(coarser, reference, valid)
    return SolverComparison(n, seed, tuple(budgets), _REFERENCE, spent, error, tuple(curves))


def _ladder(name: str, budgets: Sequence[int]) -> list[tuple[Any, int]]:
    """For each budget the solver and its number of steps."""
    solver = build(name, SOLVERS)
    if hasattr(solver, "tolerance"):
        return [(build(name, SOLVERS, tolerance=max(10.0 ** -(k + 1), _FINEST)), 2) for k in range(len(budgets))]
    return [(solver, _steps(solver, budget)) for budget in budgets]


def _steps(solver: Any, budget: int) -> int:
    """The most steps within a budget of evaluations; the last step, which denoises, takes one."""
    return 1 + max(1, (budget - 1) // solver.evaluations)


def _distance(x: Tensor, reference: Tensor, valid: Tensor | None) -> float:
    square = (x - reference).square()
    return float(square.mean().sqrt() if valid is None else square[valid.expand(square.shape)].mean().sqrt())


@contextmanager
def _counted(denoiser: nn.Module) -> Iterator[list[int]]:
    """The number of items of each call of a denoiser inside the block."""
    seen: list[int] = []
    hook = denoiser.register_forward_hook(lambda _, arguments, __: seen.append(len(arguments[0])))
    try:
        yield seen
    finally:
        hook.remove()
