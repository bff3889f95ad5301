"""First and second moments of fields: the mean of what does not turn, the second moment pooled over each field.

A field x with d channels transforms by an orthogonal rho(g), and its trivial irreps span the columns of P (d, t), with
P^T P = d 1 (regular fields: one column of ones). Both

    c = P^T E[x] / d                      the mean of the trivial part, as t coefficients
    v = E |x - P c|^2 / d                 one second moment for the whole field

are invariant, so that (x - P c) / sqrt(v) transforms as x does. The expectation runs over positions, and over the
items of a batch or the fields of a group.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from equigen.steerable.precision import wide
from equigen.steerable.tables import Tables

__all__ = ["FieldMoments", "channel_moments"]


def channel_moments(x: Tensor, *, over_batch: bool) -> tuple[Tensor, Tensor]:
    """Mean and variance (of a population) of the channels over positions, and over the batch if asked.

    In two passes, the mean first, so that a large mean does not cancel.

    Args:
        x: (B, C, H, W).
        over_batch: whether items are pooled.

    Returns:
        mean and variance, (C,) or (B, C), at least float32.

    Error: relative 3e-7 (float32), 1e-15 (float64).

    Example:
        >>> mean, variance = channel_moments(torch.tensor([1.0, 5.0]).view(1, 1, 1, 2), over_batch=False)
        >>> mean.item(), round(variance.item(), 4)
        (3.0, 4.0)
    """
    y, axes = wide(x), (0, 2, 3) if over_batch else (2, 3)
    mean = y.mean(axes, keepdim=True)
    y = y - mean
    return mean.flatten() if over_batch else mean.flatten(1), (y * y).mean(axes)  # var_mean and square() take longer


class FieldMoments(Tables):
    """Invariant moments of fields from the mean and variance of their channels, and back to channels.

    Channels hold the fields of one term after another. Each term, m fields of d channels with t trivial irreps, is cut
    into equal groups of whole fields. Values per group stand term by term, `groups[0]` of them, then `groups[1]`; those
    per trivial irrep likewise, t for each group. A field stands for itself where the groups are `fields`.

    Args:
        fields: m of each term.
        patterns: P (d, t) of each term, in float64.

    Example:
        >>> moments = FieldMoments((1, 2), (torch.ones(1, 1), torch.zeros(2, 0)))          # 1x0e + 2x1
        >>> mean, variance = torch.tensor([5.0, 0.0, 0.0, 3.0, 0.0]), torch.ones(5)
        >>> [values.tolist() for values in moments(mean, variance, moments.fields)]
        [[5.0], [1.0, 1.0, 5.5]]
    """

    def __init__(self, fields: Sequence[int], patterns: Sequence[Tensor]) -> None:
        super().__init__([p for p in patterns if p.shape[1]])
        self.fields = tuple(fields)
        self.sizes = tuple(p.shape[0] for p in patterns)
        self.trivials = tuple(p.shape[1] for p in patterns)
        self.uniform = len(patterns) == 1 and self.trivials == (1,) and bool((patterns[0] == 1).all())

    def _patterns(self, term: int) -> Tensor:
        return self.table(sum(t > 0 for t in self.trivials[:term]))

    def forward(self, mean: Tensor, variance: Tensor, groups: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Pool moments of channels.

        Args:
            mean: (*, C).
            variance: about that mean (*, C).
            groups: number of groups of each term.

        Returns:
            c, per trivial irrep of each group, and v, per group.
        """
        centre = self.centres(mean, groups)
        rest = mean - self.shifts(centre, groups)
        return centre, self.means(variance + rest.square(), groups)

    def centres(self, values: Tensor, groups: Sequence[int]) -> Tensor:
        """The mean invariant part P^T x / d of the channels (*, C) of each group, (*, sum of groups t)."""
        found, first = [], 0
        for number, (fields, size, n) in enumerate(zip(self.fields, self.sizes, groups, strict=True)):
            last = first + fields * size
            if self.trivials[number]:
                each = values[..., first:last].unflatten(-1, (n, fields // n, size))
                # no matrix product: autocast would round it
                found.append((each[..., None] * self._patterns(number)).mean((-3, -2)).flatten(-2))
            first = last
        return torch.cat(found, -1) if found else values[..., :0]

    def means(self, values: Tensor, groups: Sequence[int]) -> Tensor:
        """The mean over the channels (*, C) of each group, (*, sum of groups)."""
        counts = [fields * size for fields, size in zip(self.fields, self.sizes, strict=True)]
        pieces = zip(values.split(counts, -1), groups, strict=True)
        return torch.cat([piece.unflatten(-1, (n, -1)).mean(-1) for piece, n in pieces], -1)

    def scales(self, values: Tensor, groups: Sequence[int]) -> Tensor:
        """The value of each group (*, sum of groups) at all its channels, (*, C)."""
        counts = [fields * size // n for fields, size, n in zip(self.fields, self.sizes, groups, strict=True)]
        pieces = zip(values.split(list(groups), -1), counts, strict=True)
        return torch.cat([piece[..., None].expand(*piece.shape, n).flatten(-2) for piece, n in pieces], -1)

    def shifts(self, values: Tensor, groups: Sequence[int]) -> Tensor:
        """The invariants P c of each group's coefficients (*, sum of groups t) at all its channels, (*, C)."""
        pieces, first = [], 0
        for number, (fields, size, n) in enumerate(zip(self.fields, self.sizes, groups, strict=True)):
            t = self.trivials[number]
            if t:
                c = values[..., first : first + n * t].unflatten(-1, (n, 1, 1, t))
                field = (c * self._patterns(number)).sum(-1)
                pieces.append(field.expand(*field.shape[:-2], fields // n, size).flatten(-3))
            else:
                pieces.append(values.new_zeros(*values.shape[:-1], fields * size))
            first += n * t
        return torch.cat(pieces, -1)
