"""Digits in poses: what the images are, what a training is, and that a classifier is judged angle by angle."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from equigen.data.loading import load
from equigen.labs.digits_in_poses import accuracy, interpolation_error, logits_at, posed_digits, poses, trained
from equigen.symmetry.rotation import disk_mask, rotate
from equigen.symmetry.upsampling import upsampled


@pytest.fixture(scope="module")
def data():
    return posed_digits(train=96, test=40)


def small(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(49, 10))


def test_training_images_are_turned_and_test_images_are_upright(data):
    upright = posed_digits(train=1, test=40)
    train, held_out = load("digits").split(seed=0)
    assert train.labels is not None
    assert held_out.labels is not None
    assert torch.equal(data.train_labels, train.labels[:96])
    assert torch.equal(data.test_labels, held_out.labels[:40])
    assert torch.equal(data.test, upright.test)
    # A digit of 8 x 8 stands in the middle 19.3 pixels; coarsened again it is the digit.
    coarse = nn.functional.interpolate(data.test[..., 5:24, 5:24], 8, mode="area")
    alike = nn.functional.cosine_similarity(coarse.flatten(1), held_out.x[:40].flatten(1))
    turned = nn.functional.interpolate(data.train[..., 5:24, 5:24], 8, mode="area")
    posed = nn.functional.cosine_similarity(turned.flatten(1), train.x[:96].flatten(1))
    assert float(alike.min()) > 0.97
    assert float(posed.mean()) < 0.8


def test_rotation_costs_as_little_as_is_said(data):
    window = disk_mask(29, 29, dtype=torch.float64)
    assert data.interpolation == pytest.approx(interpolation_error(data.test.double()), rel=1e-3)
    assert data.interpolation < 2.5e-3
    repeated = load("digits").x[:40].double().repeat_interleave(3, -1).repeat_interleave(3, -2)
    assert (
        interpolation_error(window * nn.functional.pad(repeated, (2, 3, 2, 3))) > 10 * data.interpolation
    )  # the fault: pixels repeated
    returned = torch.stack([(rotate(data.test.double(), a) * (1 - window)).norm() for a in (0.4, 2.0)])
    assert float(returned.max() / data.test.norm()) < 0.01  # nothing leaves the disk


@pytest.mark.parametrize("size", [27, 30, 36])
def test_other_sizes_hold_the_same_picture(size, data):
    other = posed_digits(size, train=1, test=40)
    assert other.test.shape == (40, 1, size, size)
    assert torch.allclose(other.test.mean((1, 2, 3)), data.test.mean((1, 2, 3)), rtol=0.02)


def angles_between(upright: torch.Tensor, turned: torch.Tensor) -> torch.Tensor:
    """By which angle each image was turned, to 2 degrees: where it is most alike."""
    candidates = poses(180)
    alike = torch.stack([(rotate(upright, float(angle)) * turned).sum((1, 2, 3)) for angle in candidates])
    return candidates[alike.argmax(0)]


def uniform_on_the_turn(angles: torch.Tensor) -> bool:
    """Whether angles are spread over the whole turn: none of the first four waves has a mean beyond chance."""
    means = torch.stack([torch.exp(1j * k * angles).mean().abs() for k in (1, 2, 3, 4)])
    return float(means.max()) < 2.6 / math.sqrt(len(angles))  # exceeded by chance once in 200


def test_training_poses_are_uniform_over_the_whole_turn(data):
    raw = load("digits").split(seed=0)[0].x[:96].double()
    upright = upsampled(nn.functional.pad(raw, (2, 2, 2, 2)), 29) * disk_mask(29, 29, dtype=torch.float64)
    found = angles_between(upright, data.train.double())
    back = rotate(data.train.double(), -found)
    assert float((back - upright).norm() / upright.norm()) < 0.06  # they are these images, turned
    assert uniform_on_the_turn(found)
    assert not uniform_on_the_turn(found / 2)  # the fault: half a turn
    assert not uniform_on_the_turn(found * 0)


def test_poses_are_the_image_s_own_whatever_the_limit(data):
    assert torch.equal(posed_digits(train=8, test=2).train, data.train[:8])
    assert not torch.equal(posed_digits(train=8, test=2, seed=1).train, data.train[:8])


def test_a_training_is_a_function_of_its_seed_and_leaves_the_generator_alone(data):
    state = torch.get_rng_state()

    def weight(seed: int) -> torch.Tensor:
        network = small()
        trained(network, data.train, data.train_labels, steps=5, batch_size=16, seed=seed, augmentation="rotations")
        return next(network.parameters())

    one, same, other = weight(3), weight(3), weight(4)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_the_first_step_is_adam_s(data):
    network, fresh, rate = small(), small(), 0.01
    (weight, _), (before, _) = network.parameters(), fresh.parameters()
    trained(network, data.train, data.train_labels, steps=1, batch_size=96, rate=rate)
    loss = nn.functional.cross_entropy(fresh(data.train), data.train_labels)
    (slope,) = torch.autograd.grad(loss, [before])
    large = slope.abs() > 1e-4
    share = 0.5 * (1 + math.cos(math.pi * (0.5 - 0.15) / 0.85))
    step = (weight - before).detach()[large]
    assert torch.allclose(step, -rate * share * slope.sign()[large], rtol=1e-2)


def test_the_rate_rises_and_falls_to_zero(data, monkeypatch):
    rates: list[float] = []
    original = torch.optim.Adam.step

    def spy(self: torch.optim.Adam) -> None:
        rates.append(self.param_groups[0]["lr"])
        original(self)

    monkeypatch.setattr(torch.optim.Adam, "step", spy)
    trained(small(), data.train[:8], data.train_labels[:8], steps=20, batch_size=8, rate=0.02)
    done = [(k + 0.5) / 20 for k in range(20)]
    rising = [0.02 * part / 0.15 for part in done[:3]]
    falling = [0.02 * math.cos(0.5 * math.pi * (part - 0.15) / 0.85) ** 2 for part in done[3:]]
    assert rates == pytest.approx(rising + falling)
    assert rates[0] < rates[1] < rates[2] < rates[3] == max(rates)
    assert rates[-1] < 0.01 * max(rates)


class Spy(nn.Module):
    """Keeps what it is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.network, self.seen = small(), []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x.detach())
        return self.network(x)


def test_fresh_poses_are_uniform_over_the_whole_turn(data):
    eye = data.test[3:4]
    spy = Spy()
    trained(spy, eye, data.test_labels[3:4], steps=96, batch_size=1, augmentation="rotations")
    shown = torch.cat(spy.seen)
    found = angles_between(eye.expand_as(shown), shown)
    assert uniform_on_the_turn(found)
    assert not uniform_on_the_turn(found / 2)  # the fault: half a turn


def test_augmentation_shows_other_poses(data):
    seen: list[torch.Tensor] = []
    for augmentation in ("none", "rotations"):
        spy = Spy()
        trained(spy, data.train[:8], data.train_labels[:8], steps=2, batch_size=8, augmentation=augmentation)
        seen += spy.seen
    plain, turned = seen[:2], seen[2:]
    order = plain[0].flatten(1).norm(dim=1).argsort(), plain[1].flatten(1).norm(dim=1).argsort()
    assert torch.equal(plain[0][order[0]], plain[1][order[1]])
    assert not torch.allclose(plain[0], turned[0], atol=0.1)
    assert torch.allclose(plain[0].flatten(1).norm(dim=1), turned[0].flatten(1).norm(dim=1), rtol=0.01)
    assert not torch.allclose(turned[0][order[0]], turned[1][order[1]], atol=0.1)


def test_a_loss_that_is_no_number_is_said(data):
    images = data.train[:4] * torch.inf
    with pytest.raises(ValueError, match="the loss is nan at step 0"):
        trained(small(), images, data.train_labels[:4], steps=2, batch_size=4)


def test_logits_and_accuracies_are_of_the_turned_images(data):
    network = small()
    angles = poses(8)
    found = logits_at(network, data.test, angles, batch_size=7)
    with torch.no_grad():
        expected = network(rotate(data.test, float(angles[3])))
    assert torch.allclose(found[3], expected, atol=1e-6)
    assert not torch.allclose(found[2], expected, atol=1e-3)
    right = accuracy(found, data.test_labels)
    assert right[3] == float((expected.argmax(1) == data.test_labels).double().mean())
