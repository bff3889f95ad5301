"""Objectives that differ by a constant, networks that learn apart, and targets whose mean is the score."""

from __future__ import annotations

import pytest
import torch

from equigen import random
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.schedules.edm import EDM
from equigen.labs.denoising import Denoising
from equigen.labs.plane.network import Ensemble
from equigen.labs.plane.objectives import OBJECTIVES, Example, implicit, noised
from equigen.labs.plane.targets import binned
from equigen.labs.plane.training import train

LAW = Denoising().law()
SCHEDULE = EDM(0.3, 3.0)


def example(n):
    where = {"seed": 0, "stream": random.Stream.METRIC, "item": torch.arange(n)}
    x_0 = LAW.sample(n, seed=0, dtype=torch.float64)
    z = random.normal((2,), **where, dtype=torch.float64)
    t = 0.3 + random.uniform((), draw=1, **where, dtype=torch.float64)
    probe = random.integers(2, (2,), draw=2, **where).double() * 2 - 1
    return Example(x_0, z, t, probe, LAW.denoiser(SCHEDULE)(noised(SCHEDULE, x_0, z, t), t))


def other_laws():
    """Two laws whose denoisers play the part of two networks."""
    one = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([2.0]))
    two = GaussianMixture(torch.tensor([0.5, 0.5]), torch.tensor([[-1.0, 0.0], [1.0, 0.0]]), torch.tensor([1.0, 1.0]))
    return one.denoiser(SCHEDULE), two.denoiser(SCHEDULE)


def difference(objective, given):
    first, second = other_laws()
    values = (objective(first, given) - objective(second, given)).detach()
    return float(values.mean()), float(values.std()) / len(values) ** 0.5


@pytest.mark.parametrize("name", ["denoising", "implicit", "probed"])
def test_objectives_rank_two_fields_as_the_explicit_one_does(name):
    given = example(20_000)
    (value, error), (expected, spread) = difference(OBJECTIVES[name], given), difference(OBJECTIVES["explicit"], given)
    assert abs(expected) > 10 * spread
    assert abs(value - expected) < 4 * (error + spread)


def test_a_divergence_of_half_its_size_is_noticed():
    given = example(20_000)

    def wrong(denoiser, given):
        sigma = SCHEDULE.sigma(given.t)
        score = denoiser.score(noised(SCHEDULE, *given[:3]), given.t)
        return (implicit(denoiser, given) + sigma**4 * score.square().sum(1)) / 2

    (value, error), (expected, spread) = difference(wrong, given), difference(OBJECTIVES["explicit"], given)
    assert abs(value - expected) > 4 * (error + spread)


def test_members_do_not_see_one_another():
    network = Ensemble(3, 8, seed=0)
    x, noise = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)), torch.zeros(6)
    out = network(x, noise)
    changed = torch.cat([x[:4], x[4:] + 1])
    assert torch.equal(network(changed, noise)[:4], out[:4])
    assert not torch.allclose(network(changed, noise)[4:], out[4:])
    assert torch.equal(Ensemble(5, 8, seed=0).weights[1][:3], network.weights[1])
    with pytest.raises(ValueError, match="3 members need the same number"):
        network(x[:4], noise[:4])


def test_the_mean_target_is_the_posterior_weighted_pull_and_no_other():
    fits = binned(LAW, 0.5, n=40_000, side=0.3, seed=1).fits
    assert abs(fits["posterior"].slope - 1) < 4 * fits["posterior"].error
    assert abs(fits["posterior"].misfit - 1) < 5 * fits["posterior"].misfit_error
    assert abs(fits["prior"].slope - 1) > 10 * fits["prior"].error
    assert fits["strongest"].misfit > 1 + 5 * fits["strongest"].misfit_error


def test_the_explained_share_is_the_floor_from_the_other_side():
    law = GaussianMixture(torch.ones(1), torch.zeros(1, 2), torch.tensor([1.0]))
    assert binned(law, 1.0, n=40_000, side=0.4, seed=0).explained == pytest.approx(0.5, abs=0.01)


def test_objectives_start_alike_and_see_the_same_points():
    task = Denoising(steps=3, members=2, width=4, batch=4).task()
    seen = {}
    train(
        task, ("denoising", "explicit"), lambda name, net: seen.setdefault(name, net(torch.ones(4, 2), torch.ones(4)))
    )
    assert set(seen) == {"denoising", "explicit"}
    assert torch.equal(task.examples(2).z, task.examples(2).z)
    assert not torch.equal(task.examples(2).z, task.examples(3).z)
    assert not torch.equal(task.examples(0).x_0, task.examples(0, stream=random.Stream.VALIDATION).x_0)
