"""A random element at each call: the law of the samples is invariant, the path is not, and all of it is addressed."""

from __future__ import annotations

import math

import pytest
import torch

from equigen.diffusion import RK45, DiffusionModel, EulerMaruyama, GuidedDenoiser
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean
from equigen.symmetry.action import LinearAction, PermutationAction, PointsAction
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.random_element import RandomElement, random_elements
from equigen.symmetry.symmetrised import Symmetrised
from tests.oracles import kolmogorov_distance
from tests.symmetry.lopsided import Lopsided, noise

T = torch.tensor(0.7, dtype=torch.float64)
POINTS = PointsAction(Cyclic(4))


def model(denoiser):
    return DiffusionModel(Euclidean(1, 2), denoiser).double()


def how(n, **rest):
    return {"n": n, "seed": 3, "steps": 8, "solver": EulerMaruyama(), **rest}


def lopsidedness(x):
    """The largest of the means of x, y, x^2 - y^2, xy, in standard errors: 0 for a law that C4 leaves alone."""
    x, y = x.reshape(-1, 2).unbind(1)
    values = torch.stack((x, y, x**2 - y**2, x * y, x**3, y**3))
    return float((values.mean(1) / values.std(1)).abs().max()) * len(x) ** 0.5


def test_the_law_is_invariant_though_the_denoiser_is_not():
    n = 4000
    drawn = model(RandomElement(Lopsided(2), POINTS)).sample(**how(n))
    assert lopsidedness(drawn) < 4.5
    assert lopsidedness(model(Lopsided(2)).sample(**how(n))) > 20.0


def test_the_path_does_not_turn_with_its_noise_and_that_of_the_average_does():
    x, g = noise(6, 1, 2), Cyclic(4).elements()[1]
    apart = {}
    for name, D in (("random", RandomElement(Lopsided(2), POINTS)), ("average", Symmetrised(Lopsided(2), POINTS))):
        bound = D.at(0, torch.arange(6))
        apart[name] = (bound(POINTS(g, x), T) - POINTS(g, bound(x, T))).abs().max().item()
    assert apart["average"] < 1e-15
    assert apart["random"] > 0.1


def test_one_call_is_one_evaluation_in_the_pose_that_was_drawn():
    x, item, plain = noise(40, 1, 2), torch.arange(40), Lopsided(2)
    found = RandomElement(plain, POINTS).at(5, item)(x, T)
    drawn = random_elements(Cyclic(4), T, seed=5, item=item)
    poses = torch.stack([POINTS.back(g, plain(POINTS(g, x), T)) for g in Cyclic(4).elements()])
    match = [int((poses[:, k] - found[k]).abs().flatten(1).amax(1).argmin()) for k in range(40)]
    torch.testing.assert_close(found, poses[match, item], rtol=0, atol=1e-14)
    assert torch.equal(Cyclic(4).elements()[match], drawn)
    assert len(set(match)) == 4


def test_an_item_has_its_element_in_any_batch_and_another_at_any_time():
    drawn = model(RandomElement(Lopsided(2), POINTS))
    whole = drawn.sample(**how(12))
    torch.testing.assert_close(drawn.sample(**how(3, first=5)), whole[5:8], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(drawn.sample(**how(12, batch_size=5)), whole, rtol=1e-12, atol=1e-12)
    item, one = torch.arange(500), {"seed": 1, "item": torch.arange(500)}
    times = torch.linspace(0.1, 9.0, 500)
    same, other = (random_elements(Cyclic(4), t, **one) for t in (times[0], times[1]))
    assert torch.equal(random_elements(Cyclic(4), times[:1].expand(500), **one), same)
    assert 0.15 < float((same == other).all(1).double().mean()) < 0.35
    mixed = random_elements(Cyclic(4), torch.where(item % 2 == 0, times[0], times[1]), **one)
    assert torch.equal(mixed, torch.where((item % 2 == 0)[:, None], same, other))
    again = random_elements(Cyclic(4), times[0], seed=2, item=item)
    assert not torch.equal(again, same)


@pytest.mark.parametrize("group", [Cyclic(8), Dihedral(4), Symmetric(3)], ids=["c8", "d4", "s3"])
def test_elements_are_uniform(group):
    """Pearson's statistic is below its quantile of .9999 over items, and over times."""
    n, k = 4000, group.order
    bound = k - 1 + 3.8 * math.sqrt(2 * (k - 1)) + 6
    for t, item in (
        (torch.tensor(0.3), torch.arange(n)),
        (torch.linspace(0.01, 50.0, n, dtype=torch.float64), torch.zeros(n, dtype=torch.int64)),
        (torch.linspace(0.01, 50.0, n), torch.zeros(n, dtype=torch.int64)),
    ):
        drawn = random_elements(group, t, seed=0, item=item)
        counts = group.same(drawn[:, None], group.elements()).double().sum(0)
        assert float(counts.sum()) == n
        assert float(((counts - n / k) ** 2 / (n / k)).sum()) < bound


def test_of_infinite_and_large_groups_too():
    item = torch.arange(1500)
    g = random_elements(O2(), torch.tensor(0.3), seed=0, item=item)
    assert kolmogorov_distance(g[:, 0], lambda a: a / math.tau) < 1.95 / math.sqrt(1500)
    assert abs(float(g[:, 1].mean()) - 0.5) < 0.06
    places = random_elements(Symmetric(9), torch.tensor(0.3), seed=0, item=item[:150])
    assert bool(Symmetric(9).contains(places).all())
    assert abs(float(places[:, 0].double().mean()) - 4.0) < 0.9
    assert torch.equal(random_elements(O2(), torch.tensor(0.3), seed=0, item=item[7:9]), g[7:9])


@pytest.mark.parametrize(
    ("action", "shape"),
    [
        (ImageAction(Dihedral(4)), (1, 4, 4)),
        (LinearAction(regular(Cyclic(4))), (4,)),
        (PermutationAction(Symmetric(4)), (4, 2)),
    ],
    ids=["images", "vectors", "nodes"],
)
def test_training_averages_over_elements_and_is_cut_as_any_batch(action, shape):
    """The gradient flows, and a loss does not depend on how its batch is divided."""
    x = noise(8, *shape)
    learner = DiffusionModel(Euclidean(*shape), RandomElement(Lopsided(x[0].numel()), action)).double()
    whole = learner.loss(x, seed=0, step=1)
    batch = Batch.whole(x)
    halves = [learner.loss(batch.items(rows), seed=0, step=1) for rows in (slice(0, 4), slice(4, 8))]
    torch.testing.assert_close(sum(halves) / 2, whole, rtol=1e-12, atol=1e-14)
    whole.backward()
    assert float(learner.denoiser.denoiser.weight.grad.abs().max()) > 0.0


def test_losses_at_noise_levels_do_not_depend_on_the_batch_size():
    learner = model(RandomElement(Lopsided(2), POINTS))
    found = [learner.loss_by_noise_level(noise(9, 1, 2), seed=1, batch_size=size).loss for size in (9, 4)]
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-14)


def test_both_calls_of_a_guided_denoiser_share_their_element():
    x, item, label = noise(30, 1, 2), torch.arange(30), torch.ones(30, dtype=torch.int64)
    plain = Lopsided(2)
    guided = GuidedDenoiser(RandomElement(plain, POINTS), 2.0).at(0, item)(x, T, label=label)
    swapped = RandomElement(GuidedDenoiser(plain, 2.0), POINTS).at(0, item)(x, T, label=label)
    torch.testing.assert_close(guided, swapped, rtol=1e-12, atol=1e-13)


def test_a_flow_that_is_not_smooth_is_refused():
    rough = model(Symmetrised(RandomElement(Lopsided(2), POINTS), POINTS))
    for call in (lambda: rough.sample(4, seed=0, solver=RK45()), lambda: rough.log_prob(noise(2, 1, 2))):
        with pytest.raises(ValueError, match="smooth flow"):
            call()
    with pytest.raises(ValueError, match="draws for 3"):
        RandomElement(Lopsided(2), POINTS).at(0, torch.arange(3))(noise(4, 1, 2), T)
    with pytest.raises(ValueError, match="structure"):
        RandomElement(Lopsided(2), POINTS)(noise(1, 1, 2), T, structure=torch.ones(1))
