"""The loss is the cross entropy, poses are addressed, and a stored model is the same model."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from equigen import random, store
from equigen.diffusion.scale import Scale
from equigen.networks.classification_model import ClassificationModel
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.spaces.batch import Batch
from equigen.symmetry.rotation import rotate


class Seen(nn.Module):
    """Keeps what it is given; gives the logits it was told."""

    def __init__(self, logits, shape=(1, 9, 9)):
        super().__init__()
        self.shape, self.told, self.x = shape, logits, torch.empty(0)

    def forward(self, x):
        self.x = x
        return self.told


def model_of(augmentation="none", logits=None, count=6, scale=None):
    network = Seen(torch.zeros(count, 3) if logits is None else logits)
    return ClassificationModel(network, scale or Scale.identity(), ["a", "b", "c"], augmentation), network


def batch_of(count=6, size=9):
    x = random.normal((1, size, size), seed=1, stream=random.Stream.LAW, item=torch.arange(count))
    return Batch.whole(x, label=torch.arange(count) % 3)


def test_the_loss_is_the_mean_cross_entropy():
    logits = random.normal((3,), seed=2, stream=random.Stream.LAW, item=torch.arange(6), dtype=torch.float64)
    model, _ = model_of(logits=logits)
    by_hand = [math.log(sum(math.exp(v) for v in row)) - row[k % 3] for k, row in enumerate(logits.tolist())]
    assert float(model.loss(batch_of(), 0, 0)) == pytest.approx(sum(by_hand) / 6, rel=1e-12)
    assert float(model_of()[0].loss(batch_of(), 0, 0)) == pytest.approx(math.log(3), rel=1e-6)


def test_the_network_sees_images_of_the_model_s_scale():
    model, network = model_of(scale=Scale(torch.tensor([1.0]), torch.tensor([4.0])))
    batch = batch_of()
    model.loss(batch, 0, 0)
    torch.testing.assert_close(network.x, (batch.x - 1.0) / 4.0)


def test_quarter_turns_are_turns_of_the_image_and_all_four_come():
    model, network = model_of("quarter-turns", torch.zeros(64, 3))
    batch = batch_of(64)
    model.loss(batch, 0, 0)
    turned = torch.stack([batch.x.rot90(k, (-2, -1)) for k in range(4)])
    same = (turned == network.x).flatten(2).all(2)
    assert same.sum(0).tolist() == [1] * 64
    assert (same.sum(1) >= 8).all()


def test_rotations_are_by_uniform_angles_about_the_centre_and_leave_the_border_s_value_outside():
    model, network = model_of("rotations", torch.zeros(128, 3))
    y, x = torch.meshgrid(*[torch.arange(33.0, dtype=torch.float64) - 16] * 2, indexing="ij")
    blob = torch.exp(-((x - 6) ** 2 + y**2) / 8).expand(128, 1, 33, 33)
    model.loss(Batch.whole(5.0 - blob, label=torch.zeros(128, dtype=torch.long)), 0, 0)
    weight = 5.0 - network.x[:, 0]
    mean_x, mean_y = (weight * x).sum((1, 2)) / weight.sum((1, 2)), -(weight * y).sum((1, 2)) / weight.sum((1, 2))
    torch.testing.assert_close(
        torch.hypot(mean_x, mean_y), torch.full((128,), 6.0, dtype=torch.float64), rtol=1e-3, atol=0
    )
    angles = torch.atan2(mean_y, mean_x).remainder(math.tau).sort().values / math.tau
    assert float((angles - (torch.arange(128) + 0.5) / 128).abs().max()) < 1.63 / 128**0.5  # Kolmogorov, 1 in 100


def test_poses_belong_to_places_in_the_global_batch_and_to_steps():
    model, network = model_of("rotations")
    batch = batch_of()

    def seen(part, step=0, seed=0):
        model.loss(part, seed, step)
        return network.x

    network.told = torch.zeros(3, 3)
    halves = [
        seen(
            Batch(
                batch.x[k : k + 3], batch.position[k : k + 3], 6, None, {"label": batch.condition["label"][k : k + 3]}
            )
        )
        for k in (0, 3)
    ]
    network.told = torch.zeros(6, 3)
    whole = seen(batch)
    torch.testing.assert_close(torch.cat(halves), whole, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(seen(batch, step=1), whole, atol=1e-2)
    assert not torch.allclose(seen(batch, seed=1), whole, atol=1e-2)
    before = torch.get_rng_state()
    seen(batch)
    assert torch.equal(torch.get_rng_state(), before)


def test_nothing_is_turned_in_evaluation():
    model, network = model_of("rotations")
    batch = batch_of()
    model.eval().loss(batch, 0, 0)
    assert torch.equal(network.x, batch.x)
    model.train().loss(batch, 0, 0)
    assert not torch.equal(network.x, batch.x)
    assert not torch.equal(network.x, rotate(batch.x, 0.0))


def test_a_stored_model_gives_the_same_logits(tmp_path):
    network = SteerableClassifier("D16", (2, 9, 9), 3, width=1, restrict="C16")
    model = ClassificationModel(network, Scale(torch.zeros(2), torch.ones(2)), ["a", "b", "c"], "quarter-turns")
    x = random.normal((2, 9, 9), seed=1, stream=random.Stream.LAW, item=torch.arange(4))
    model.train().logits(x)
    back = store.load(store.save(model, tmp_path / "model"))
    assert (back.classes, back.augmentation, back.shape) == (("a", "b", "c"), "quarter-turns", (2, 9, 9))
    with torch.no_grad():
        assert torch.equal(back.logits(x), model.eval().logits(x))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: ClassificationModel(Seen(None), Scale.identity(), ["a"]), "two or more"),
        (lambda: ClassificationModel(Seen(None), Scale.identity(), ["a", "b"], "flips"), "quarter-turns"),
        (lambda: ClassificationModel(Seen(None, (1, 8, 9)), Scale.identity(), ["a", "b"], "rotations"), "square"),
        (lambda: model_of()[0].loss(Batch.whole(torch.zeros(6, 1, 9, 9)), 0, 0), "labels"),
    ],
    ids=["one class", "augmentation", "not square", "no labels"],
)
def test_what_cannot_be_used_is_answered_in_one_sentence(build, words):
    with pytest.raises(ValueError, match=words) as caught:
        build()
    assert "\n" not in str(caught.value)
