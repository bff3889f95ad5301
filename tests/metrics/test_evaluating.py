"""A whole evaluation: planted faults of a model show in the metric that is there for them, and in no perfect model."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from equigen.data.dataset import DataSet
from equigen.metrics.evaluating import evaluate
from equigen.metrics.evaluating import stages as count_stages
from equigen.metrics.evaluation import Evaluation
from equigen.metrics.judging import judge
from equigen.random import Stream, normal, permutation
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean

N = 150


def pick(x: Tensor, n: int, seed: int) -> Tensor:
    return x[permutation(len(x), seed=seed, stream=Stream.LAW)[:n]]


@pytest.fixture(scope="module")
def halves(digits):
    """Digits in three parts: training, held-out, and a part that a perfect model draws from."""
    train, held_out = digits
    order = permutation(len(train), seed=1, stream=Stream.LAW)  # neighbours in the file have one writer
    return train.subset(order[:900]), held_out, train.x[order[900:]]


class Planted(nn.Module):
    """A model that draws from given items, and makes them worse in a given way."""

    def __init__(self, x: Tensor, worsen=lambda x, seed: x):
        super().__init__()
        self.x, self.worsen = x, worsen

    def sample(self, n: int, *, seed: int, steps: int) -> Tensor:
        assert not self.training
        return self.worsen(pick(self.x, n, seed), seed)


def noisy(x: Tensor, seed: int) -> Tensor:
    return x + 0.25 * normal(x.shape[1:], seed=seed, stream=Stream.LAW, item=torch.arange(len(x)))


@pytest.fixture(scope="module")
def score(halves, digit_features):
    train, held_out, _ = halves

    def run(model, **more):
        more = {"n": N, "features": digit_features, **more}
        return evaluate(model, train, held_out, **more)

    return run


@pytest.fixture(scope="module")
def perfect(score, halves):
    return score(Planted(halves[2]))


def test_fresh_real_items_score_the_floor(perfect):
    for metric in perfect.metrics:
        assert metric.ratio == pytest.approx(1, abs=0.25), metric.name
    assert not perfect.neighbours.suspicious
    assert abs(perfect.memorisation.value) < 2
    assert not perfect.memorisation.copying
    assert min(perfect.two_sample.p_values) > 0.005
    assert perfect.two_sample.accuracy.value < 0.57
    assert perfect.groups is None
    assert perfect.notes == ()
    assert [m.name for m in perfect.metrics] == [
        "Frechet distance",
        "density",
        "coverage",
        "sliced Wasserstein distance",
    ]
    assert {(m.n, len(m.values), len(m.floors)) for m in perfect.metrics} == {(N, 3, 10)}


def test_the_conditions_are_recorded(perfect):
    assert (perfect.data, perfect.shape, perfect.train, perfect.held_out) == ("digits", (1, 8, 8), 900, 450)
    assert (perfect.n, perfect.seed, perfect.seeds, perfect.steps) == (N, 0, 3, 20)
    assert perfect.value_range == (0.0, 1.0)
    assert len(perfect.nearest) == 10
    assert [pair.distance for pair in perfect.nearest] == sorted(perfect.pictures["distances"])[:10]


def test_two_items_are_enough(halves, digit_features):
    train, held_out, fresh = halves
    assert judge([fresh[:2]], train, held_out, draws=2, features=digit_features).n == 2


def test_noise_shows(perfect, score, halves):
    found = score(Planted(halves[2], noisy))
    assert found["sliced Wasserstein distance"].value > 2 * perfect["sliced Wasserstein distance"].value
    assert found["Frechet distance"].ratio > 1.5
    assert found.two_sample.accuracy.value > 0.65
    assert max(found.two_sample.p_values) == 0.001
    assert found.memorisation.far
    assert found["density"].value < 0.8 * perfect["density"].value


def test_mode_collapse_shows_in_coverage(perfect, score, halves):
    few = pick(halves[2], 10, seed=1).repeat(N, 1, 1, 1)
    found = score(Planted(few))
    assert found["coverage"].value < 0.5 * perfect["coverage"].value
    assert found["Frechet distance"].ratio > 2


def test_a_copy_of_the_training_set_shows_in_the_neighbours_alone(score, halves):
    found = score(Planted(halves[0].x))
    assert found["Frechet distance"].ratio < 1.3  # blind to it
    assert found.neighbours.suspicious
    assert found.neighbours.copies == 3 * N
    assert found.memorisation.copying
    assert found.memorisation.value < -10
    assert found.two_sample.accuracy.value < 0.58  # blind to it too
    assert found.nearest[0].distance == 0
    pair = found.nearest[0]
    assert torch.equal(torch.as_tensor(found.pictures["nearest_samples"][0]), halves[0].x[pair.train])


def test_the_record_is_plain_and_comes_back(perfect):
    text = json.dumps(perfect.to_dict(), allow_nan=False)
    back = Evaluation.from_dict(json.loads(text))
    assert back == perfect
    assert back.to_dict() == json.loads(text)
    assert "pictures" not in json.loads(text)


def test_a_record_of_an_older_version_is_read(perfect):
    kept = perfect.to_dict()
    for name in ("two_sample", "memorisation", "groups", "solvers"):
        del kept[name]
    found = Evaluation.from_dict(kept)
    assert (found.two_sample, found.memorisation, found.groups, found.solvers) == (None, None, None, None)
    assert found.metrics == perfect.metrics


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": 1}, "it lacks or should not have: colour"),
        ({"features": {"name": "a"}}, "features lacks or should not have: accuracy, dimension, seed"),
        ({"metrics": [1]}, "metrics lacks"),
        ({"neighbours": None}, "neighbours lacks"),
    ],
)
def test_a_foreign_record_is_refused(perfect, change, named):
    with pytest.raises(ValueError, match=named):
        Evaluation.from_dict({**perfect.to_dict(), **change})
    with pytest.raises(ValueError, match="evaluate the run again"):
        Evaluation.from_dict({})


def test_an_unknown_metric_is_named(perfect):
    with pytest.raises(KeyError, match="Frechet distance"):
        perfect["fid"]


def test_the_evaluation_is_a_pure_function_of_the_seed(halves, digit_features):
    train, held_out, fresh = halves
    state = torch.get_rng_state()
    one, again, other = (
        evaluate(Planted(fresh), train, held_out, n=60, seed=seed, draws=3, features=digit_features)
        for seed in (0, 0, 1)
    )
    assert one == again
    assert one != other
    assert torch.equal(torch.get_rng_state(), state)


def test_the_solver_is_recorded(halves, digit_features, perfect):
    class Heun:
        pass

    class Solved(Planted):
        def sample(self, n: int, *, seed: int, steps: int, solver: Heun) -> Tensor:
            assert isinstance(solver, Heun)
            return super().sample(n, seed=seed, steps=steps)

    train, held_out, fresh = halves
    found = evaluate(Solved(fresh), train, held_out, n=20, draws=2, steps=7, features=digit_features, solver=Heun())
    assert (found.solver, found.steps) == ("Heun", 7)
    assert perfect.solver is None


def test_loss_by_noise_is_measured_on_both_splits_and_the_mode_is_restored(halves, digit_features):
    train, held_out, fresh = halves

    class WithLoss(Planted):
        def loss_by_noise_level(self, batch: Batch, *, seed: int):
            mean = batch.x.double().mean() * torch.ones(4)
            return SimpleNamespace(noise=torch.arange(1.0, 5), loss=mean, standard_error=0.1 * mean)

    model = WithLoss(fresh).train()
    stages: list[str] = []
    found = evaluate(model, train, held_out, n=50, draws=2, features=digit_features, on_stage=stages.append)
    assert model.training
    assert found.loss is not None
    assert found.loss.n == 50
    assert len(found.loss.train) == len(found.loss.held_out) == 4
    assert found.loss.train != found.loss.held_out
    assert stages[0] == "sampling 1 of 3"
    assert len(stages) == count_stages(3)


def test_small_sets_reduce_n_and_say_so(halves, digit_features):
    train, held_out, fresh = halves
    found = evaluate(Planted(fresh), train, held_out.subset(range(5)), draws=2, seeds=2, features=digit_features)
    assert found.n == 5
    assert [m.name for m in found.metrics] == ["Frechet distance", "sliced Wasserstein distance"]
    assert len(found.notes) == 3
    json.dumps(found.to_dict(), allow_nan=False)


def test_unlabelled_colour_data():
    x = normal((3, 10, 12), seed=0, stream=Stream.LAW, item=torch.arange(200))
    data = DataSet(x, Euclidean(3, 10, 12), "noise")
    train, held_out = data.split(seed=0)
    fresh = normal((3, 10, 12), seed=1, stream=Stream.LAW, item=torch.arange(60))
    found = judge([fresh], train, held_out, n=50, draws=3)
    assert found.features.name == "random-convolutions-64"
    assert found.steps is None
    assert found.value_range == (float(train.x.min()), float(train.x.max()))
    assert found["sliced Wasserstein distance"].ratio == pytest.approx(1, abs=0.3)


def test_samples_that_are_not_finite_are_refused(score, halves):
    with pytest.raises(ValueError, match="sample 4 of set 0 is not finite"):
        score(Planted(halves[2], lambda x, seed: x.index_fill(0, torch.tensor([4]), float("nan"))))


def test_other_shapes_and_empty_sets_are_refused(halves):
    train, held_out, _ = halves
    with pytest.raises(ValueError, match="shape"):
        judge([torch.zeros(20, 1, 9, 9)], train, held_out)
    with pytest.raises(ValueError, match="at least 2"):
        judge([torch.zeros(1, 1, 8, 8)], train, held_out)
    with pytest.raises(ValueError, match="at least 2"):
        judge([], train, held_out)
