"""Vectors of the noise level, of class labels and of measured values: what a network is told beside the image.

Vectors of the conditions are added to that of the noise before its last nonlinearity, so that a condition may mean
another thing at another noise level.

Source: P. Dhariwal, A. Nichol, Diffusion models beat GANs on image synthesis, NeurIPS 2021, section 3.1; a learned
vector for "not given": J. Ho, T. Salimans, Classifier-free diffusion guidance, 2021, section 3.2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

__all__ = ["LabelEmbedding", "NoiseEmbedding", "ValueEmbedding", "condition_vector"]

_INITIAL = 0.2  # standard deviation of a class's first vector: about that of the noise's


class NoiseEmbedding(nn.Module):
    """A vector for each noise coordinate: cosines and sines at geometric frequencies, then two dense layers.

    Args:
        width: length of the vector.
        frequencies: number of frequencies, from 1/2 to 32 cycles per unit of the coordinate.

    Example:
        >>> NoiseEmbedding(8)(torch.zeros(3)).shape
        torch.Size([3, 8])
    """

    frequencies: Tensor

    def __init__(self, width: int, frequencies: int = 16) -> None:
        super().__init__()
        cycles = 0.5 * 64.0 ** torch.linspace(0.0, 1.0, frequencies, dtype=torch.float64)
        self.register_buffer("frequencies", (math.tau * cycles).float(), persistent=False)
        self.dense = nn.Sequential(nn.Linear(2 * frequencies, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU())

    def forward(self, noise: Tensor, condition: Tensor | None = None) -> Tensor:
        """Vectors (B, width) for coordinates (B,) and, where there are conditions, the sum of their vectors."""
        angle = noise[:, None] * self.frequencies.to(noise)
        first, between, second, last = self.dense
        y = second(between(first(torch.cat((angle.cos(), angle.sin()), dim=1))))
        return last(y if condition is None else y + condition)


class LabelEmbedding(nn.Module):
    """A learned vector for each class, and one more for "not given".

    Args:
        classes: their number.
        width: length of a vector.

    Example:
        >>> embedding = LabelEmbedding(3, 8)
        >>> given, withheld = embedding(torch.tensor([2, -1]), 2)
        >>> bool((withheld == embedding(None, 2)).all()), bool((given == withheld).any())
        (True, False)
    """

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.classes = classes
        self.table = nn.Embedding(classes + 1, width)
        nn.init.normal_(self.table.weight, std=_INITIAL)

    def forward(self, label: Tensor | None, items: int) -> Tensor:
        """Vectors (items, width).

        Args:
            label: integers (items,), 0 to classes - 1, and -1 where it is not given; None if nowhere.
            items: their number.

        Raises:
            ValueError: another shape or type, or a label out of range (found where that costs nothing: on the CPU,
                outside of compiled code).
        """
        if label is None:
            return self.table.weight[-1].expand(items, -1)
        if tuple(label.shape) != (items,) or label.dtype.is_floating_point or label.dtype == torch.bool:
            raise ValueError(
                f"label is {label.dtype} of shape {tuple(label.shape)}, but {items} items need integers ({items},): "
                "torch.tensor([3, 0, -1]), -1 where a label is not given."
            )
        if label.device.type == "cpu" and not torch.compiler.is_compiling():
            _require_range(label, self.classes)
        return self.table(torch.where(label < 0, self.classes, label.long()))


class ValueEmbedding(nn.Module):
    """A learned vector for several measured values, each of which may be missing.

    Values are standardised; a dense network sees them, zero where missing, beside which of them are given.

    Args:
        values: their number.
        width: length of the vector.

    Example:
        >>> embedding = ValueEmbedding(2, 8)
        >>> embedding.fit(torch.tensor([[1.0, 10.0], [3.0, 30.0]]))
        >>> embedding.mean.tolist(), embedding.std.tolist()
        ([2.0, 20.0], [1.0, 10.0])
        >>> embedding(torch.tensor([[1.0, torch.nan]]), 1).isfinite().all().item()
        True
    """

    mean: Tensor
    std: Tensor

    def __init__(self, values: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(values))
        self.register_buffer("std", torch.ones(values))
        self.dense = nn.Sequential(nn.Linear(2 * values, width), nn.SiLU(), nn.Linear(width, width))

    @torch.no_grad()
    def fit(self, values: Tensor) -> None:
        """Take mean and standard deviation from the training set's values.

        Args:
            values: (N, k), NaN where one is missing. One that never varies is only shifted.

        Raises:
            ValueError: another shape, an infinite value, or one of the k that is never given.
        """
        if values.ndim != 2 or values.shape[1] != self.mean.shape[0]:
            raise ValueError(
                f"values has shape {tuple(values.shape)}, but this network takes {self.mean.shape[0]} an item, "
                f"(N, {self.mean.shape[0]}): build it with values={values.shape[1] if values.ndim == 2 else 1}."
            )
        values, given = values.double(), ~values.isnan()
        if bool(values.isinf().any()) or not bool(given.any(0).all()):
            raise ValueError(
                "values holds infinities, or a column without a number, but each column must be finite or missing "
                "(NaN), and given somewhere: drop such columns."
            )
        count = given.sum(0)
        mean = torch.where(given, values, 0.0).sum(0) / count
        variance = torch.where(given, values - mean, 0.0).square().sum(0) / count
        varies = torch.where(given, values, -torch.inf).amax(0) > torch.where(given, values, torch.inf).amin(0)
        self.mean.copy_(mean)
        self.std.copy_(torch.where(varies, variance.sqrt(), 1.0))

    def forward(self, value: Tensor | None, items: int) -> Tensor:
        """Vectors (items, width).

        Args:
            value: (items, k), NaN where one is not given; None if none is.
            items: their number.

        Raises:
            ValueError: another shape or type.
        """
        if value is None:
            value = torch.full_like(self.mean, torch.nan).expand(items, -1)
        needed = (items, self.mean.shape[0])
        if tuple(value.shape) != needed or not value.is_floating_point():
            raise ValueError(
                f"value is {value.dtype} of shape {tuple(value.shape)}, but {items} items need floats {needed}, NaN "
                f"where one is not given: value.float().reshape{needed}."
            )
        given = ~value.isnan()
        standard = torch.where(given, (value.to(self.mean.dtype) - self.mean) / self.std, 0.0)
        return self.dense(torch.cat((standard, given.to(standard.dtype)), dim=1))


def condition_vector(
    labels: LabelEmbedding | None,
    values: ValueEmbedding | None,
    items: int,
    label: Tensor | None,
    value: Tensor | None,
) -> Tensor | None:
    """The sum of the vectors of what a network is told, (items, width), or None for a network that is told nothing.

    Args:
        labels: of a network that takes classes.
        values: of a network that takes values.
        items: their number.
        label: as for `LabelEmbedding`.
        value: as for `ValueEmbedding`.

    Raises:
        ValueError: a condition that the network does not take.

    Example:
        >>> condition_vector(LabelEmbedding(3, 8), None, 2, torch.tensor([2, -1]), None).shape
        torch.Size([2, 8])
    """
    if label is not None and labels is None:
        raise ValueError("label is given, but this network has no classes: build it with classes=10, or give none.")
    if value is not None and values is None:
        raise ValueError("value is given, but this network takes no values: build it with values=1, or give none.")
    parts = []
    if labels is not None:
        parts.append(labels(label, items))
    if values is not None:
        parts.append(values(value, items))
    return sum(parts[1:], parts[0]) if parts else None


def _require_range(label: Tensor, classes: int) -> None:
    if bool(((label < -1) | (label >= classes)).any()):
        raise ValueError(
            f"label holds {int(label.min())} to {int(label.max())}, but this network knows the classes 0 to "
            f"{classes - 1}, and -1 where a label is not given: build it with classes={int(label.max()) + 1}, or "
            "number the classes from 0."
        )
