"""A metric and its floor see the same conditions, and the floor is what repeating the training law would score."""

from __future__ import annotations

import math
import statistics

import pytest
import torch
from torch import Tensor

from equigen.metrics.addresses import Use
from equigen.metrics.floor import Metric, beside_floor, draw, mean_interval
from equigen.random import Stream, normal

GAP = Metric("gap", "lower")


def gaussian(n: int, seed: int) -> Tensor:
    return normal((n, 4), seed=seed, stream=Stream.LAW)


def gap(samples: Tensor, reference: Tensor) -> list[float]:
    return [float((samples.mean(0) - reference.mean(0)).norm())]


def measure(generated: list[Tensor], train: Tensor, held_out: Tensor, by=gap, metric=GAP, **more):
    return beside_floor(by, [metric], generated, train, held_out, **{"n": 50, "seed": 3, "space": "pixels", **more})[0]


def test_both_sides_see_the_same_reference_and_size():
    seen: list[tuple[Tensor, Tensor]] = []

    def spy(samples: Tensor, reference: Tensor) -> list[float]:
        seen.append((samples, reference))
        return [1.0]

    generated, train, held_out = [gaussian(70, s) for s in range(3)], gaussian(200, 10), gaussian(90, 11)
    measure(generated, train, held_out, spy, draws=5)
    assert len(seen) == 8
    assert {(len(a), len(b)) for a, b in seen} == {(50, 50)}
    for s in range(3):  # set s and real draw s meet the same held-out items
        assert torch.equal(seen[s][1], seen[3 + s][1])
        assert torch.equal(seen[s][0], generated[s][:50])
    assert not torch.equal(seen[3][0], seen[4][0])


def test_training_data_as_samples_score_the_floor():
    train, held_out = gaussian(2000, 20), gaussian(400, 21)
    generated = [draw(train, 50, use=Use.TRAIN_DRAW, seed=77, index=s) for s in range(10)]
    found = measure(generated, train, held_out)
    assert found.ratio == pytest.approx(1, abs=0.35)
    assert found.interval[0] < found.floor_interval[1]
    assert found.floor_interval[0] < found.interval[1]


def test_a_shifted_law_scores_above_the_floor():
    train, held_out = gaussian(2000, 22), gaussian(400, 23)
    found = measure([gaussian(50, s) + 0.5 for s in range(3)], train, held_out)
    assert found.ratio is not None
    assert found.ratio > 2
    assert found.interval[0] > found.floor_interval[1]


def test_draws_are_addressed_and_without_replacement():
    x = torch.arange(30)
    one, two = (draw(x, 20, use=Use.TRAIN_DRAW, seed=0, index=i) for i in range(2))
    assert len(set(one.tolist())) == 20
    assert not torch.equal(one, two)
    assert torch.equal(one, draw(x, 20, use=Use.TRAIN_DRAW, seed=0, index=0))
    assert not torch.equal(one, draw(x, 20, use=Use.HELD_OUT_DRAW, seed=0, index=0))


def test_the_interval_covers_the_mean_as_often_as_it_says():
    inside = 0
    for seed in range(1000):
        _, (low, high) = mean_interval(normal((3,), seed=seed, stream=Stream.LAW, dtype=torch.float64).tolist())
        inside += low < 0 < high
    assert 925 <= inside <= 975


@pytest.mark.parametrize("count", [*range(2, 36), 60, 200])
def test_the_factor_leaves_five_percent_outside(count):
    # An interval of +-1 standard error times the factor; Student's density is integrated by the trapezoid rule.
    values = [float(i) for i in range(count)]
    mean, (low, high) = mean_interval(values)
    factor = (high - low) / 2 / (statistics.stdev(values) / math.sqrt(count))
    assert (low + high) / 2 == pytest.approx(mean)
    freedom = count - 1
    t = torch.linspace(-factor, factor, 20001, dtype=torch.float64)
    constant = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    density = torch.exp(constant - (freedom + 1) / 2 * torch.log1p(t**2 / freedom))
    inside = float(torch.trapezoid(density, t))
    assert inside == pytest.approx(0.95, abs=1e-4 if freedom <= 30 else 1e-5)


def test_a_single_set_has_no_width():
    assert mean_interval([2.5]) == (2.5, (2.5, 2.5))


def test_intervals_are_cut_to_what_the_metric_can_be():
    generated, metric = [gaussian(50, s) for s in range(2)], Metric("share", "higher", most=1.0)
    wide = iter([0.1, 0.9, *[0.5] * 10])
    found = measure(generated, gaussian(60, 2), gaussian(60, 3), lambda a, b: [next(wide)], metric)
    assert (found.interval, found.floor_interval, found.value) == ((0.0, 1.0), (0.5, 0.5), 0.5)


def test_a_floor_of_zero_has_no_ratio():
    assert measure([gaussian(50, 1)], gaussian(60, 2), gaussian(60, 3), lambda a, b: [0.0]).ratio is None


def test_too_few_items_are_refused():
    with pytest.raises(ValueError, match="n = 20 or fewer"):
        measure([gaussian(50, 1)], gaussian(60, 2), gaussian(20, 3))
