"""Digits in every pose: images that rotate almost without error, networks trained on them, logits over angles.

An image of 8 x 8 pixels has too few for a rotation to be trusted. Read on 29 x 29 by its trigonometric interpolant
(`symmetry.upsampled`) and cut to the disk, it has next to nothing above .41 of the frequency that this grid can hold,
and three shears rotate it with a relative error of about .2 % (`PosedDigits.interpolation`). What a network does to it
after that is the network's doing. MNIST, 28 x 28 and sharp, gains no such room on 29 x 29: its error is some 7 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from equigen.data.dataset import DataSet
from equigen.data.loading import load
from equigen.data.order import batch_indices
from equigen.random import Stream, uniform
from equigen.symmetry.rotation import disk_mask, rotate, rotate_back
from equigen.symmetry.upsampling import upsampled

__all__ = ["PosedDigits", "accuracy", "interpolation_error", "logits_at", "posed_digits", "poses", "trained"]

_Network = TypeVar("_Network", bound=nn.Module)

_FRAME = {"digits": 2, "mnist": 0}  # pixels of zeros around an image; MNIST brings four of its own
_WARM = 0.15  # of the steps, in which the rate rises
_PROBES = 64  # images on which the rotation's own error is measured


@dataclass(frozen=True, eq=False)
class PosedDigits:
    """Digits on the disk: training images each in a pose of its own, test images upright.

    Args:
        train: float32 (N, 1, size, size), each rotated about the middle by an angle that was drawn for it once.
        train_labels: int64 (N,).
        test: float32 (M, 1, size, size), as they were written; `logits_at` turns them.
        test_labels: int64 (M,).
        interpolation: relative error of rotating the test images by 45 degrees and back, the worst angle.

    Example:
        >>> found = posed_digits(train=8, test=4)
        >>> found.train.shape, found.test.shape, found.interpolation < 0.005
        (torch.Size([8, 1, 29, 29]), torch.Size([4, 1, 29, 29]), True)
    """

    train: Tensor
    train_labels: Tensor
    test: Tensor
    test_labels: Tensor
    interpolation: float


def posed_digits(
    size: int = 29,
    *,
    data: Literal["digits", "mnist"] = "digits",
    train: int | None = None,
    test: int | None = None,
    seed: int = 0,
) -> PosedDigits:
    """The bundled digits, or those of MNIST, on a finer grid: training images in random poses, test images upright.

    Args:
        size: pixels on a side; 12 or more for digits, 28 or more for MNIST.
        data: which set.
        train: how many of the training images, the first ones; None for all (1347 digits, 60,000 of MNIST).
        test: how many of the held-out images; None for all (450 digits, 10,000 of MNIST).
        seed: of the split of the digits and of the poses.

    Raises:
        DataError: MNIST is not on this machine and cannot be downloaded.
        ValueError: a size below that of the images.
    """
    training, held_out = load(data).split(seed=seed)
    training, held_out = (part.subset(slice(0, n)) for part, n in ((training, train), (held_out, test)))
    x, upright = (_on_the_disk(part, _FRAME[data], size) for part in (training, held_out))
    angles = math.tau * uniform((), seed=seed, stream=Stream.POSE, item=torch.arange(len(x)), dtype=torch.float64)
    posed = torch.cat([rotate(*part) for part in zip(x.split(500), angles.split(500), strict=True)])
    error = interpolation_error(upright[:_PROBES])
    return PosedDigits(posed.float(), _labels(training), upright.float(), _labels(held_out), error)


def poses(count: int) -> Tensor:
    """Angles evenly over the whole turn, from 0: (count,), float64, radians.

    Example:
        >>> poses(4).div(math.pi).tolist()
        [0.0, 0.5, 1.0, 1.5]
    """
    return math.tau * torch.arange(count, dtype=torch.float64) / count


def interpolation_error(x: Tensor) -> float:
    """Relative error on the disk of rotating images by 45 degrees, the worst angle, and back.

    Args:
        x: square images (B, C, n, n), zero outside the disk.
    """
    window = disk_mask(*x.shape[-2:], dtype=x.dtype, device=x.device)
    angle = math.pi / 4
    return float((window * (rotate_back(rotate(x, angle), angle) - x)).norm() / x.norm())


def trained(
    network: _Network,
    images: Tensor,
    labels: Tensor,
    *,
    steps: int,
    seed: int = 0,
    augmentation: Literal["none", "rotations"] = "none",
    batch_size: int = 64,
    rate: float = 5e-3,
    tell: Callable[[int, float], None] = lambda step, loss: None,
) -> _Network:
    """Train a classifier by cross entropy with Adam; the rate rises, then falls to zero along a cosine.

    Args:
        network: gives logits (B, classes) for images (B, C, H, W); it is trained in place.
        images: (N, C, H, W), on the network's device.
        labels: int64 (N,).
        steps: of Adam, 1 or more.
        seed: of the order of the images and of their rotations.
        augmentation: "rotations" turns each image by a fresh angle each time it is seen.
        batch_size: images of a step.
        rate: the largest learning rate.
        tell: called after each step with its number and its loss.

    Returns:
        The network, in evaluation mode.

    Raises:
        ValueError: a loss that is not finite.

    Example:
        >>> data = posed_digits(train=64, test=8)
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(29 * 29, 10))
        >>> losses = []
        >>> _ = trained(network, data.train, data.train_labels, steps=30, tell=lambda step, loss: losses.append(loss))
        >>> losses[-1] < 0.5 * losses[0]
        True
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=rate, betas=(0.9, 0.99))
    network.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * _share((step + 0.5) / steps)
        index, _ = batch_indices(len(images), batch_size, seed=seed, step=step)
        x, y = images[index.to(images.device)], labels[index.to(labels.device)]
        if augmentation == "rotations":
            x = rotate(x, _fresh_angles(index, seed, step).to(x.device))
        loss = nn.functional.cross_entropy(network(x), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        tell(step, loss.item())
        if not math.isfinite(loss.item()):
            raise ValueError(f"the loss is {loss.item()} at step {step}, but training needs a finite one: lower rate.")
    return network.eval()


@torch.no_grad()
def logits_at(network: nn.Module, images: Tensor, angles: Tensor, batch_size: int = 256) -> Tensor:
    """Logits of the same images at several angles.

    Args:
        network: in evaluation mode.
        images: (B, C, n, n), square, zero outside the disk.
        angles: (A,), radians, counterclockwise.
        batch_size: images that go through the network at once.

    Returns:
        (A, B, classes), of the network's dtype.

    Example:
        >>> data = posed_digits(train=1, test=3)
        >>> mean = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())     # a network that no angle can move
        >>> found = logits_at(mean, data.test, poses(16))
        >>> found.shape, bool((found - found[0]).abs().max() < 1e-3)
        (torch.Size([16, 3, 1]), True)
    """
    network.eval()
    rows = [[network(rotate(part, float(angle))) for part in images.split(batch_size)] for angle in angles]
    return torch.stack([torch.cat(row) for row in rows])


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of images told rightly at each angle.

    Args:
        logits: (A, B, classes).
        labels: int64 (B,).

    Returns:
        (A,), float64, in [0, 1].

    Example:
        >>> accuracy(torch.tensor([[[0.0, 1.0], [2.0, 0.0]]]), torch.tensor([1, 1])).tolist()
        [0.5]
    """
    return (logits.argmax(-1) == labels).double().mean(1)


def _on_the_disk(part: DataSet, frame: int, size: int) -> Tensor:
    """Images on the finer grid, cut to the disk, float64."""
    x = upsampled(nn.functional.pad(part.x[:].double(), (frame,) * 4), size)
    return x * disk_mask(size, size, dtype=x.dtype)


def _labels(part: DataSet) -> Tensor:
    assert part.labels is not None
    return part.labels


def _share(done: float) -> float:
    """Of the largest rate, when a share of the steps is done."""
    if done < _WARM:
        return done / _WARM
    return 0.5 * (1.0 + math.cos(math.pi * (done - _WARM) / (1.0 - _WARM)))


def _fresh_angles(index: Tensor, seed: int, step: int) -> Tensor:
    return math.tau * uniform((), seed=seed, stream=Stream.POSE, item=index, step=step, draw=2, dtype=torch.float64)
