"""Heads of attention: features in parts of one width, and together again."""

from __future__ import annotations

from torch import Tensor

__all__ = ["head_width", "heads_apart", "heads_together"]


def head_width(out_features: int, heads: int, *, averaged: bool) -> int:
    """How many features each head gives.

    Args:
        out_features: of all heads together.
        heads: how many.
        averaged: whether they are averaged, so that each gives as many.

    Raises:
        ValueError: no head, or features that heads side by side do not share evenly.

    Example:
        >>> head_width(8, 4, averaged=False), head_width(7, 4, averaged=True)
        (2, 7)
    """
    if heads < 1 or not (averaged or out_features % heads == 0):
        raise ValueError(
            f"heads is {heads} and out_features {out_features}, but heads side by side share the features evenly: "
            "another number of heads, or averaged=True."
        )
    return out_features if averaged else out_features // heads


def heads_apart(x: Tensor, heads: int) -> Tensor:
    """(*, H F) as (*, H, F).

    Example:
        >>> import torch
        >>> heads_apart(torch.arange(4), 2).tolist()
        [[0, 1], [2, 3]]
    """
    return x.unflatten(-1, (heads, -1))


def heads_together(y: Tensor, *, averaged: bool) -> Tensor:
    """(*, H, F) as (*, H F), or the mean of the heads (*, F).

    Example:
        >>> import torch
        >>> heads_together(torch.tensor([[0.0, 1.0], [2.0, 3.0]]), averaged=True).tolist()
        [1.0, 2.0]
    """
    return y.mean(-2) if averaged else y.flatten(-2)
