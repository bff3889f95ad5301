"""The loss on items that are kept from training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from equigen.spaces.batch import Batch

__all__ = ["MOST", "validate"]

MOST = 512  # items that a validation looks at: its standard error is then small beside the change between two of them


@torch.no_grad()
def validate(model: nn.Module, held_out: Tensor, seed: int) -> dict[str, Any]:
    """The loss on held-out items, by noise level if the model can tell, on the same noise each time.

    Args:
        model: with `.loss_by_noise_level(x, seed=)`, or with `.loss(batch, seed, step)` alone.
        held_out: items (N, *shape) in data units; the first `MOST` are used.
        seed: of the noise.

    Returns:
        `loss`, and where the model can tell `noise`, `level_loss` and `standard_error`, each a list over levels.

    Example:
        >>> class Half(nn.Module):
        ...     def loss(self, batch, seed, step):
        ...         return batch.x.mean() / 2
        >>> validate(Half(), torch.ones(3, 2), seed=0)
        {'loss': 0.5}
    """
    x = held_out[:MOST]
    by_level: Callable[..., Any] | None = getattr(model, "loss_by_noise_level", None)
    if by_level is None:
        loss: Callable[..., Tensor] = model.loss  # pyright: ignore[reportAssignmentType]
        return {"loss": float(loss(Batch.whole(x), seed, 0))}
    found = by_level(x, seed=seed)
    return {
        "loss": float(found.loss.mean()),
        "noise": found.noise.tolist(),
        "level_loss": found.loss.tolist(),
        "standard_error": found.standard_error.tolist(),
    }
