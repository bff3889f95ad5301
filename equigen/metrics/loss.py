"""The denoising loss by noise level on held-out items beside training items, and on groups of held-out items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from equigen.data.dataset import DataSet
from equigen.metrics.addresses import Use
from equigen.metrics.floor import drawn

__all__ = ["LossByNoise", "device_of", "loss_by_noise", "mean_loss"]


@dataclass(frozen=True)
class LossByNoise:
    """The denoising loss at each noise level on held-out and on training items, same number and same noise.

    Args:
        noise: relative noise sigma/alpha of each level.
        held_out: loss on held-out items; 1 is what predicting the mean scores.
        held_out_error: its standard error.
        train: loss on training items.
        train_error: its standard error.
        n: items on each side.
    """

    noise: tuple[float, ...]
    held_out: tuple[float, ...]
    held_out_error: tuple[float, ...]
    train: tuple[float, ...]
    train_error: tuple[float, ...]
    n: int


def device_of(model: object) -> torch.device | None:
    """Where a module's parameters lie; None for what has none.

    Example:
        >>> device_of(nn.Linear(1, 1)), device_of("no module")
        (device(type='cpu'), None)
    """
    return next((p.device for p in model.parameters()), None) if isinstance(model, nn.Module) else None


def loss_by_noise(model: object, train: DataSet, held_out: DataSet, n: int, *, seed: int) -> LossByNoise | None:
    """The loss by noise level on draw 0 of both splits, with their structures and conditions.

    Args:
        model: with `.loss_by_noise_level(batch, seed=)`.
        train: training split, n items or more.
        held_out: held-out split, n items or more.
        n: items on each side.
        seed: of the draws and of the noise.

    Returns:
        The record; None where the model cannot tell.
    """
    measure = _measure(model)
    if measure is None:
        return None
    seen = measure(train, drawn(len(train), n, use=Use.TRAIN_DRAW, seed=seed, index=0), seed)
    unseen = measure(held_out, drawn(len(held_out), n, use=Use.HELD_OUT_DRAW, seed=seed, index=0), seed)
    return LossByNoise(
        noise=tuple(unseen.noise.tolist()),
        held_out=tuple(unseen.loss.tolist()),
        held_out_error=tuple(unseen.standard_error.tolist()),
        train=tuple(seen.loss.tolist()),
        train_error=tuple(seen.standard_error.tolist()),
        n=n,
    )


def mean_loss(model: object, data: DataSet, rows: Tensor, *, seed: int) -> tuple[float, float] | None:
    """The mean of the loss over noise levels on some items, and its standard error.

    Args:
        model: with `.loss_by_noise_level(batch, seed=)`.
        data: the split.
        rows: places of the items.
        seed: of the noise.

    Returns:
        (loss, at most its standard error: that of levels whose errors fully agree); None where the model cannot tell,
        or of fewer than 2 items.
    """
    measure = _measure(model)
    if measure is None or len(rows) < 2:
        return None
    found = measure(data, rows, seed)
    return float(found.loss.mean()), float(found.standard_error.mean())


def _measure(model: object) -> Callable[[DataSet, Tensor, int], Any] | None:
    by_level = getattr(model, "loss_by_noise_level", None)
    if by_level is None:
        return None
    device = device_of(model)
    return lambda data, rows, seed: by_level(data.whole(rows).to(device or "cpu"), seed=seed)
