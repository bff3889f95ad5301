"""The loss on items that are kept from training, and the accuracy of a classifier on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.spaces.batch import Batch

__all__ = ["MOST", "held_out_batch", "validate"]

_AT_ONCE = 128  # images that a classifier sees at once
MOST = 512  # items that a validation looks at: its standard error is then small beside the change between two of them


def held_out_batch(items: Batch | Tensor) -> Batch:
    """The first `MOST` items as a whole batch, with their structures and conditions, at the places 0, 1, 2, ...

    Args:
        items: a batch, or bare items (N, *shape); in data units.

    Example:
        >>> batch = held_out_batch(Batch.whole(torch.zeros(600, 2), label=torch.arange(600)))
        >>> len(batch), batch.size, batch.condition["label"][-1].item()
        (512, 512, 511)
    """
    batch = Batch.whole(items) if isinstance(items, Tensor) else items
    batch = batch.items(slice(MOST))
    return replace(batch, position=torch.arange(len(batch), device=batch.position.device), size=len(batch))


@torch.no_grad()
def validate(model: nn.Module, held_out: Batch | Tensor, seed: int) -> dict[str, Any]:
    """The loss on held-out items, by noise level if the model can tell, on the same noise each time.

    Args:
        model: with `.validation(batch)` of its own, with `.loss_by_noise_level(batch, seed=)`, with `.logits(x)`, or
            with `.loss(batch, seed, step)` alone.
        held_out: items in data units; the first `MOST` are used.
        seed: of the noise.

    Returns:
        `loss`, and where the model can tell `noise`, `level_loss` and `standard_error`, each a list over levels; of a
        classifier `loss`, the mean cross entropy in nats, and `accuracy`, the share of items whose largest logit is
        that of their label; of a model with a validation of its own what that returns, `loss` among it.

    Example:
        >>> class Half(nn.Module):
        ...     def loss(self, batch, seed, step):
        ...         return batch.x.mean() / 2
        >>> validate(Half(), torch.ones(3, 2), seed=0)
        {'loss': 0.5}
    """
    batch = held_out_batch(held_out)
    own: Callable[[Batch], dict[str, Any]] | None = getattr(model, "validation", None)
    if own is not None:
        return own(batch)
    logits: Callable[[Tensor], Tensor] | None = getattr(model, "logits", None)
    if logits is not None:
        return _classified(logits, batch.x, batch.condition["label"])
    by_level: Callable[..., Any] | None = getattr(model, "loss_by_noise_level", None)
    if by_level is None:
        loss: Callable[..., Tensor] = model.loss  # pyright: ignore[reportAssignmentType]
        return {"loss": float(loss(batch, seed, 0))}
    found = by_level(batch, seed=seed)
    return {
        "loss": float(found.loss.mean()),
        "noise": found.noise.tolist(),
        "level_loss": found.loss.tolist(),
        "standard_error": found.standard_error.tolist(),
    }


def _classified(logits: Callable[[Tensor], Tensor], x: Tensor, label: Tensor) -> dict[str, Any]:
    """Cross entropy and accuracy, in parts that fit into memory."""
    found = torch.cat([logits(part) for part in x.split(_AT_ONCE)]).double()
    right = (found.argmax(1) == label).double()
    return {"loss": float(functional.cross_entropy(found, label)), "accuracy": float(right.mean())}
