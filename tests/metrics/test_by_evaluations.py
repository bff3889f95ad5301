"""Distance against evaluations: counted at the denoiser, on the same noise, with the order of each solver."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.data.dataset import DataSet
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.schedules.edm import EDM
from equigen.metrics.by_evaluations import compare_solvers
from equigen.metrics.evaluating import evaluate, stages
from equigen.metrics.evaluation import Evaluation
from equigen.metrics.given import Given
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.store import StoreError

SHAPE = (1, 4, 4)


class Counting(Denoiser):
    """Counts items by itself."""

    def __init__(self, inner: Denoiser):
        super().__init__()
        self.inner, self.schedule, self.items = inner, inner.schedule, 0

    def forward(self, x_t, t, **condition):
        self.items += len(x_t)
        return self.inner(x_t, t, **condition)


@pytest.fixture
def model() -> DiffusionModel:
    law = Gaussian(torch.zeros(SHAPE), Isotropic(0.25))
    return DiffusionModel(Euclidean(*SHAPE), Counting(law.denoiser(EDM())))


@pytest.mark.parametrize(
    ("name", "budget", "expected"), [("euler", 10, 10), ("dpm-solver-2m", 7, 7), ("heun", 10, 9), ("heun", 9, 9)]
)
def test_evaluations_are_those_that_happened(model, name, budget, expected):
    found = compare_solvers(model, [name], [budget], n=5)
    assert found.curves[0].evaluations == (expected,)
    reference, half = (1 + 2 * ((times * budget - 1) // 2) for times in (4, 2))  # Heun takes two a step
    assert found.reference_evaluations == reference
    assert model.denoiser.items == 5 * (reference + half + expected)


def test_hooks_are_gone_afterwards(model):
    compare_solvers(model, ["euler"], [5], n=2)
    assert not model.denoiser._forward_hooks


def test_batches_do_not_change_the_count(model):
    whole, parts = (compare_solvers(model, ["heun"], [9], n=7, batch_size=size) for size in (7, 2))
    assert whole.curves[0].evaluations == parts.curves[0].evaluations == (9,)
    assert whole.curves[0].distance == pytest.approx(parts.curves[0].distance, rel=1e-4)


def test_distances_fall_with_the_order_of_the_solver(model):
    found = compare_solvers(model.double(), ["euler", "heun"], [17, 33, 65], n=16)
    for curve, order in zip(found.curves, (1, 2), strict=True):
        steps = [math.log(curve.evaluations[0] - 1), math.log(curve.evaluations[2] - 1)]
        slope = math.log(curve.distance[2] / curve.distance[0]) / (steps[1] - steps[0])
        assert -order - 0.4 < slope < -order + 0.3
    assert found.reference_error < found.curves[1].distance[2]


def test_other_noise_is_caught(model, monkeypatch):
    """The control: with noise of its own, no solver comes near the reference."""
    honest, seeds = model.sample, iter(range(100))
    monkeypatch.setattr(model, "sample", lambda n, *, seed, **more: honest(n, seed=next(seeds), **more))
    assert min(compare_solvers(model, ["heun"], [33, 65], n=16).curves[0].distance) > 0.3


def test_stochastic_solvers_have_no_distance_but_a_frechet_distance(model):
    found = compare_solvers(model, ["euler-maruyama", "euler"], [5, 9], n=4, frechet=lambda x: float(x.square().mean()))
    stochastic, deterministic = found.curves
    assert stochastic.distance == ()
    assert len(stochastic.frechet) == len(deterministic.frechet) == len(deterministic.distance) == 2


def test_an_adaptive_solver_stands_where_it_was_counted(model):
    curve = compare_solvers(model, ["rk45"], [5, 10, 20], n=4).curves[0]
    assert len(curve.evaluations) == len(curve.distance) == 3
    assert curve.evaluations[0] < curve.evaluations[2]
    assert curve.distance[2] < curve.distance[0]


def test_inside_an_evaluation(model):
    x = 0.5 * normal(SHAPE, seed=3, stream=Stream.LAW, item=torch.arange(90))
    train, held_out = DataSet(x, Euclidean(*SHAPE), "noise").split(seed=0, fraction=0.4)
    told: list[str] = []
    options = {"n": 20, "seeds": 1, "draws": 2, "steps": 5, "budgets": (5, 9)}
    found = evaluate(model, train, held_out, solvers=["euler", "heun"], on_stage=told.append, **options)
    assert found.solvers is not None
    assert found.solvers.frechet_floor == found["Frechet distance"].floor
    assert [curve.solver for curve in found.solvers.curves] == ["euler", "heun"]
    assert len(told) == stages(1, ["euler", "heun"])
    assert Evaluation.from_dict(found.to_dict()) == found
    assert evaluate(model, train, held_out, **options).solvers is None


def test_unknown_solvers_and_empty_budgets_are_refused(model):
    with pytest.raises(StoreError, match="heun"):
        compare_solvers(model, ["heum"], [5], n=2)
    for budgets in ([], [2, 9]):
        with pytest.raises(ValueError, match="3 evaluations or more"):
            compare_solvers(model, ["heun"], budgets, n=2)


def test_an_adaptive_solver_never_asks_for_more_than_float32_resolves(model):
    found = compare_solvers(model, ["rk45"], [3, 4, 5, 6, 7, 8, 9], n=2)
    evaluations = found.curves[0].evaluations
    assert len(evaluations) == 7
    assert list(evaluations) == sorted(evaluations)


def test_the_distance_of_masked_images_is_that_of_their_valid_pixels():
    def found(space, law, structure=None):
        model = DiffusionModel(space, law.denoiser(EDM()))
        given = None if structure is None else Given(torch.arange(6), structure)
        return compare_solvers(model, ["euler"], [8], n=6, given=given).curves[0].distance[0]

    small = Gaussian(torch.zeros(1, 2, 8), Isotropic(0.25))
    large = Gaussian(torch.zeros(1, 8, 8), Isotropic(0.25))
    mask = torch.zeros(6, 1, 8, 8, dtype=torch.bool)
    mask[:, :, :2] = True
    alone, masked = found(Euclidean(1, 2, 8), small), found(Masked(1, 8, 8), large, mask)
    # Other noise of the same law, 96 numbers each; over all pixels the mean square would be a quarter, its root a half.
    assert 0.7 < masked / alone < 1.4
