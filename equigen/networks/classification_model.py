"""A classifier with the scale of its data and the names of its classes: what is trained, stored and judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.diffusion.scale import Scale
from equigen.random import Stream, integers, uniform
from equigen.spaces.batch import Batch
from equigen.symmetry.rotation import rotate

__all__ = ["Augmentation", "ClassificationModel"]

Augmentation = Literal["none", "quarter-turns", "rotations"]


class ClassificationModel(nn.Module):
    """Class probabilities softmax(f((x - shift)/factor)) of images x in data units.

    Args:
        network: f, from images (B, C, H, W) of unit variance to logits (B, number of classes); has `.shape`.
        scale: between data and unit variance.
        classes: their names, in the order of the logits.
        augmentation: what happens to every image of a training step: nothing, a random quarter turn, or a random
            rotation by three shears, outside the image the median of its border. Drawn for (seed, step, place in the
            global batch); never in evaluation mode.

    Attributes:
        shape: (C, H, W) of an image.

    Raises:
        ValueError: fewer than two classes, an unknown augmentation, or one of images that are not square.

    Example:
        >>> from equigen.networks.steerable_classifier import SteerableClassifier
        >>> network = SteerableClassifier("C4", (1, 8, 8), classes=2, width=1)
        >>> model = ClassificationModel(network, Scale.identity(), ["round", "square"]).eval()
        >>> model.logits(torch.zeros(3, 1, 8, 8)).shape
        torch.Size([3, 2])
    """

    def __init__(
        self, network: nn.Module, scale: Scale, classes: Sequence[str], augmentation: Augmentation = "none"
    ) -> None:
        super().__init__()
        if len(classes) < 2:
            raise ValueError(f"classes is {list(classes)}, but a classifier needs two or more to tell apart.")
        if augmentation not in get_args(Augmentation):
            known = ", ".join(get_args(Augmentation))
            raise ValueError(f"augmentation is {augmentation!r}, but it is one of {known}: augmentation='rotations'.")
        self.network, self.scale, self.classes = network, scale, tuple(str(name) for name in classes)
        self.augmentation: Augmentation = augmentation
        shape: Sequence[int] = network.shape  # pyright: ignore[reportAssignmentType]
        self.shape = tuple(shape)
        if augmentation != "none" and self.shape[1] != self.shape[2]:
            raise ValueError(
                f"augmentation is {augmentation!r} and images have {self.shape[1]} x {self.shape[2]} pixels, but only "
                "square ones keep their frame when they are turned: crop them, or augmentation='none'."
            )

    def logits(self, x: Tensor) -> Tensor:
        """The logits (B, classes) of images (B, C, H, W) in data units."""
        return self.network(self.scale.to_model(x))

    forward = logits

    def loss(self, batch: Batch, seed: int, step: int) -> Tensor:
        """The mean cross entropy -log p(label | x), in nats.

        Args:
            batch: images in data units, with the condition `label`, class numbers int64 (B,).
            seed: key of the augmentation.
            step: training step, from 0.

        Raises:
            ValueError: a batch without labels.
        """
        if "label" not in batch.condition:
            raise ValueError(
                "the batch has no labels, but a classifier learns from them: Batch.whole(x, label=class_numbers)."
            )
        x = self._turned(batch, seed, step) if self.training else batch.x
        return functional.cross_entropy(self.logits(x), batch.condition["label"])

    @torch.no_grad()
    def _turned(self, batch: Batch, seed: int, step: int) -> Tensor:
        """The images of a training step, each in a random pose."""
        if self.augmentation == "none":
            return batch.x
        where = {"seed": seed, "stream": Stream.AUGMENTATION, "item": batch.position, "step": step}
        if self.augmentation == "quarter-turns":
            turns = integers(4, (), **where).to(batch.x.device)
            turned = torch.stack([batch.x.rot90(k, (-2, -1)) for k in range(4)])
            return turned[turns, torch.arange(len(batch.x), device=batch.x.device)]
        angle = math.tau * uniform((), dtype=torch.float64, **where).to(batch.x.device)
        outside = _border(batch.x)
        return rotate(batch.x - outside, angle) + outside


def _border(x: Tensor) -> Tensor:
    """The median of each image's border pixels, channel by channel, (B, C, 1, 1)."""
    rows, columns = x[..., [0, -1], :].flatten(-2), x[..., 1:-1, [0, -1]].flatten(-2)
    return torch.cat((rows, columns), dim=-1).median(dim=-1).values[..., None, None]
