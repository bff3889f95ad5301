"""Features: learned from the training split only, reproducible, and able to tell classes apart."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from equigen.data.dataset import DataSet
from equigen.metrics.features import classifier_features, features_for, random_features
from equigen.metrics.frechet import frechet_distance
from equigen.random import Stream, normal, permutation
from equigen.spaces.euclidean import Euclidean


def images(n: int, *shape: int, seed: int = 0) -> DataSet:
    return DataSet(normal(shape, seed=seed, stream=Stream.LAW, item=torch.arange(n)), Euclidean(*shape), "noise")


def test_digits_are_recognised(digit_features, digits):
    assert digit_features.name == "classifier-64"
    assert digit_features.accuracy is not None
    assert digit_features.accuracy >= 0.95
    found = digit_features(digits[1].x)
    assert found.shape == (450, 64)
    assert found.dtype == torch.float64


def test_shuffled_labels_are_not_learned(digits):
    train, held_out = digits
    wrong = replace(train, labels=train.labels.roll(1))
    accuracy = classifier_features(wrong, held_out, steps=50).accuracy
    assert accuracy is not None
    assert accuracy < 0.3


def test_the_classifier_is_a_pure_function_of_seed_and_training_split(digits):
    train, held_out = digits
    one = classifier_features(train, held_out, seed=3, steps=10)
    torch.manual_seed(99)  # the global generator has no say
    again = classifier_features(train, held_out.subset(range(50)), seed=3, steps=10)
    other = classifier_features(train, held_out, seed=4, steps=10)
    assert torch.equal(one(held_out.x), again(held_out.x))
    assert not torch.equal(one(held_out.x), other(held_out.x))
    less = classifier_features(train.subset(range(1000)), held_out, seed=3, steps=10)
    assert not torch.equal(one(held_out.x), less(held_out.x))


def test_training_works_inside_no_grad_and_leaves_the_generator_alone(digits):
    state = torch.get_rng_state()
    with torch.no_grad():
        features = classifier_features(*digits, steps=3)
    assert torch.equal(torch.get_rng_state(), state)
    assert not features.network.training
    assert not any(p.requires_grad for p in features.network.parameters())


def test_features_of_an_image_do_not_depend_on_its_company(digit_features, digits):
    x = digits[1].x
    assert torch.allclose(digit_features(x)[7:8], digit_features(x[7:8]), atol=1e-4)


def test_having_seen_the_training_items_does_not_shift_the_floor(digit_features, digits):
    train, held_out = (digit_features(part.x) for part in digits)

    def halves(x: torch.Tensor, draw: int) -> tuple[torch.Tensor, ...]:
        return x[permutation(len(x), seed=5, stream=Stream.LAW, item=draw)[:450]].split(225)

    seen, unseen, across = [], [], []
    for draw in range(12):
        (a, b), (c, d) = halves(train, draw), halves(held_out, draw)
        seen.append(frechet_distance(a, b))
        unseen.append(frechet_distance(c, d))
        across.append(frechet_distance(a, c))
    means = torch.tensor([seen, unseen, across]).mean(1)
    assert means.max() < 1.5 * means.min()


def test_classes_are_further_apart_in_features_than_halves_of_a_class(digit_features, digits):
    train, _ = digits
    ones, eights = (digit_features(train.x[train.labels == c]) for c in (1, 8))
    half = len(ones) // 2
    assert frechet_distance(ones, eights) > 5 * frechet_distance(ones[:half], ones[half:])


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 20, 28), (10, 9, 9), (2, 70, 40), (1, 3, 5)])
def test_random_features_take_any_image(shape):
    data = images(40, *shape)
    features = random_features(data)
    found = features(data.x)
    assert found.shape == (40, 64)
    assert features.accuracy is None
    assert "random" in features.name
    assert found.mean(0).abs().max() < 1e-4
    alive = features.scale != 1
    assert alive.sum() > 48
    assert (found.std(0, correction=0)[alive] - 1).abs().max() < 1e-3


@pytest.mark.parametrize(("side", "seen"), [(8, 8), (32, 32), (33, 17), (70, 24), (256, 32)])
def test_large_images_are_averaged_down(side, seen):
    data = images(3, 1, side, side)
    assert random_features(data).network.shrink(data.x).shape[2:] == (seen, seen)
    assert features_of_nothing(data) == (0, 64)


def features_of_nothing(data: DataSet) -> tuple[int, ...]:
    return tuple(random_features(data)(data.x[:0]).shape)


def test_random_features_see_noise(digits):
    train, held_out = digits
    features = random_features(train)
    floor = frechet_distance(features(train.x[:450]), features(held_out.x))
    noisy = held_out.x + 0.3 * images(450, 1, 8, 8).x
    assert frechet_distance(features(noisy), features(held_out.x)) > 3 * floor


def test_the_choice_between_the_two(digits):
    train, held_out = digits
    assert features_for(images(30, 1, 8, 8), images(9, 1, 8, 8)).name == "random-convolutions-64"
    one_class = train.subset((train.labels == 3).nonzero()[:, 0])
    assert features_for(one_class, held_out).name == "random-convolutions-64"


def test_constant_data_have_features():
    data = replace(images(20, 1, 8, 8), x=torch.full((20, 1, 8, 8), 0.5))
    assert random_features(data)(data.x).isfinite().all()


def test_data_without_labels_or_images_are_refused():
    data = images(20, 1, 8, 8)
    with pytest.raises(ValueError, match="no labels"):
        classifier_features(data, data)
    with pytest.raises(ValueError, match="images"):
        random_features(images(20, 7))
