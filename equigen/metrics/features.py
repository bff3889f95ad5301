"""Features in which samples are compared: a small classifier's where there are labels, random convolutions elsewhere.

Both are 64 numbers per image, so that a covariance can be estimated from a few hundred items.

**Classifier.** A small convolutional network is trained on the training split only, its weights and batches addressed
by the seed; the features are the means over the image of its last 64 channels, from which the class scores are linear.
Its accuracy on the held-out split is recorded beside every metric that uses it. It has seen the training items and not
the held-out ones; on the digits this does not shift the floor: Frechet distances between disjoint training draws,
between training and held-out draws, and between disjoint held-out draws agree within their spread.

**Random convolutions.** Without labels, the same body with random weights under a fixed seed, standardised on the
training split: crude, but the same for every run, and named so.

Images above 32 pixels are first averaged down to at most 32. Invalid pixels hold the mean of the valid training pixels.
Computed in float32, returned in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from equigen.data.dataset import DataSet
from equigen.data.statistics import Moments, moments
from equigen.metrics.addresses import Use
from equigen.metrics.items import Items
from equigen.random import Stream, fork, permutation

__all__ = ["DIMENSION", "Features", "classifier_features", "features_for", "random_features"]

DIMENSION = 64
_SIDE = 32
_BATCH = 64
_RATE = 6e-3
_SMOOTHING = 0.1  # without it the classes drift apart without end, and distances measure little but class counts
_RANDOM_SEED = 0
_STANDARD = 2048  # training items that set the scale of random features


class _Body(nn.Module):
    """Images to 64 numbers."""

    def __init__(self, shape: tuple[int, ...], mean: Tensor, std: Tensor) -> None:
        super().__init__()
        channels, height, width = shape
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)
        down = math.ceil(max(height, width) / _SIDE)
        self.shrink = nn.AvgPool2d(down, ceil_mode=True) if down > 1 else nn.Identity()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 32, 3, padding=1, stride=2 if max(height, width) > 16 else 1),
            nn.ReLU(),
            nn.Conv2d(32, DIMENSION, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.Conv2d(DIMENSION, DIMENSION, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Features (n, 64) of images (n, C, H, W)."""
        mean, std = self.get_buffer("mean"), self.get_buffer("std")
        return self.layers(self.shrink((x - mean) / std))


@dataclass(frozen=True)
class Features:
    """A map from images to 64 numbers, with its name and what is known of it.

    Args:
        name: what the features are; printed beside every metric that uses them.
        accuracy: of the classifier on the held-out split, in [0, 1]; None for random features.
        network: images (n, C, H, W) to (n, 64).
        centre: (64,), subtracted.
        scale: (64,), divided by.
        head: features to scores of the classes; None for random features.
        classes: int64, the class number of each score.

    Example:
        >>> zeros, ones = torch.zeros(4), torch.ones(4)
        >>> Features("pixels of 2x2 images", None, nn.Flatten(), zeros, ones)(torch.ones(3, 1, 2, 2)).shape
        torch.Size([3, 4])
    """

    name: str
    accuracy: float | None
    network: nn.Module
    centre: Tensor
    scale: Tensor
    head: nn.Module | None = None
    classes: Tensor | None = None

    @property
    def dimension(self) -> int:
        """How many numbers an image becomes."""
        return len(self.centre)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Features (n, d) in float64 of images (n, C, H, W)."""
        if not len(x):
            return torch.empty(0, self.dimension, dtype=torch.float64)
        found = torch.cat([self.network(part.float()) for part in x.split(512)])
        return (found.double() - self.centre) / self.scale

    @torch.no_grad()
    def classify(self, x: Tensor) -> Tensor:
        """The class numbers (n,) that the classifier gives to images (n, C, H, W).

        Raises:
            ValueError: the features are no classifier's.
        """
        if self.head is None or self.classes is None:
            raise ValueError(f"{self.name} know no classes: use classifier_features(train, held_out).")
        return self.classes[self.head(self(x).float()).argmax(1)]


def classifier_features(train: DataSet, held_out: DataSet, *, seed: int = 0, steps: int = 500) -> Features:
    """Features of a classifier that is trained here, on the training split only; seconds on two cores.

    Args:
        train: labelled images; mean, spread and weights come from them alone.
        held_out: labelled images, used for the recorded accuracy only.
        seed: of the weights and the batches; the result is a pure function of it and of `train`, bit for bit on one
            machine with one number of threads.
        steps: of training, 64 images each.

    Returns:
        Features named "classifier-64", with the accuracy.

    Raises:
        ValueError: data without labels, or that are no images.
    """
    if train.labels is None or held_out.labels is None:
        raise ValueError(f"{train.name} has no labels, but a classifier needs them: use random_features(train).")
    known = (train.labels >= 0).nonzero()[:, 0]
    classes, labels = train.labels[known].unique(return_inverse=True)
    order = _batches(len(known), steps, seed)
    found = moments(train.x, train.structure)
    images = Items(train, torch.tensor(found.mean))
    with torch.enable_grad(), fork(seed=seed, stream=Stream.METRIC, step=int(Use.CLASSIFIER)):
        body = _body(train, found)
        head = nn.Linear(DIMENSION, len(classes))
        parameters = [*body.parameters(), *head.parameters()]
        optimiser = torch.optim.AdamW(parameters, lr=_RATE, weight_decay=1e-2)
        for step, batch in enumerate(order):
            for group in optimiser.param_groups:
                group["lr"] = _RATE * _ramp(step / steps)
            scores = head(body(images[known[batch]].float()))
            loss = nn.functional.cross_entropy(scores, labels[batch], label_smoothing=_SMOOTHING)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    features = replace(_features("classifier-64", body), head=head.eval().requires_grad_(False), classes=classes)
    guess = torch.cat([features.classify(part) for part in Items(held_out, images.fill).parts()])
    told = held_out.labels >= 0
    return replace(features, accuracy=float((guess == held_out.labels)[told].double().mean()))


def random_features(train: DataSet) -> Features:
    """Features of random convolutions under a fixed seed, standardised on the training split.

    Args:
        train: images; gives the mean and spread of values and of features.

    Returns:
        Features named "random-convolutions-64".

    Raises:
        ValueError: data that are no images.
    """
    found = moments(train.x, train.structure)
    with fork(seed=_RANDOM_SEED, stream=Stream.METRIC, step=int(Use.RANDOM_FEATURES)):
        body = _body(train, found)
    raw = _features("random-convolutions-64", body)
    some = permutation(len(train), seed=_RANDOM_SEED, stream=Stream.METRIC, step=int(Use.STANDARD))[:_STANDARD]
    values = raw(Items(train, torch.tensor(found.mean))[some])
    std = values.std(0, correction=0)
    # A channel that moves by rounding alone stays as small as it is.
    return replace(raw, centre=values.mean(0), scale=torch.where(std > 1e-4 * std.max(), std, 1.0))


def features_for(train: DataSet, held_out: DataSet, *, seed: int = 0) -> Features:
    """The features in which this data set is judged: a classifier's where both splits have labels of several classes.

    Args:
        train: training split.
        held_out: held-out split.
        seed: of the classifier; random features have a fixed one.

    Returns:
        `classifier_features` or `random_features`.
    """
    labelled = _classes(train.labels) > 1 and _classes(held_out.labels) > 0
    return classifier_features(train, held_out, seed=seed) if labelled else random_features(train)


def _classes(labels: Tensor | None) -> int:
    return 0 if labels is None else len(labels[labels >= 0].unique())


def _body(train: DataSet, found: Moments) -> _Body:
    shape = tuple(train.x.shape[1:])
    if len(shape) != 3:
        raise ValueError(f"data have items of shape {shape}, but features need images (C, H, W): reshape.")
    mean, std = (torch.tensor(value).reshape(-1, 1, 1) for value in (found.mean, found.std))
    return _Body(shape, mean, torch.where(std > 0, std, 1.0))


def _features(name: str, body: _Body) -> Features:
    body.eval().requires_grad_(False)
    zeros, ones = torch.zeros(DIMENSION, dtype=torch.float64), torch.ones(DIMENSION, dtype=torch.float64)
    return Features(name, None, body, zeros, ones)


def _batches(n: int, steps: int, seed: int) -> Tensor:
    """Indices (steps, batch): permutation after permutation of the items, cut into batches."""
    size = min(n, _BATCH)
    epochs = -(-steps * size // n)
    address = {"seed": seed, "stream": Stream.METRIC, "step": int(Use.CLASSIFIER_ORDER)}
    order = torch.cat([permutation(n, item=epoch, **address) for epoch in range(epochs)])
    return order[: steps * size].reshape(steps, size)


def _ramp(done: float) -> float:
    """Learning rate over its peak: up over the first fifth, down along a cosine."""
    return done / 0.2 if done < 0.2 else 0.5 * (1 + math.cos(math.pi * (done - 0.2) / 0.8))
