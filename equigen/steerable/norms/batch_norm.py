"""Batch normalisation of fields: moments over batch and positions, running ones for evaluation."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.field_type import FieldType
from equigen.steerable.module import check_channels
from equigen.steerable.norms.field_norm import FieldNorm
from equigen.steerable.norms.normalised import normalised, scaled
from equigen.steerable.precision import wide

__all__ = ["BatchNorm"]


class BatchNorm(FieldNorm):
    """Fields of mean zero in their trivial part and of mean square one, over the batch and all positions.

        y = w (x - P c) / sqrt(v + eps) + P b,   c = P^T E[x] / d,   v = E |x - P c|^2 / d

    with d the channels of a field and P (d, t) its trivial irreps (see `field_moments`). Regular, quotient and trivial
    fields are thereby normalised as `torch.nn.BatchNorm3d` would with the group as a third axis. In training, gradients
    flow through c and v, and running moments move towards them by `momentum`, v with the factor n d / (n d - t) that
    removes its bias (n items times positions). In evaluation the running moments are used.

    Args:
        in_type: type of the fields, in and out.
        eps: added to v.
        momentum: weight of the newest batch in the running moments, in (0, 1].
        affine: whether there are w (one per field) and b (one per trivial irrep).

    Attributes:
        running_mean: c, (trivial irreps,).
        running_var: v, (fields,).

    Raises:
        ValueError: eps or momentum out of range; in training, a batch that leaves a field no degree of freedom.

    Error: relative 1e-6 (float32), 1e-15 (float64); half precision is normalised in float32.

    Source: S. Ioffe, C. Szegedy, Batch Normalization, 2015, algorithm 1.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> norm = BatchNorm(FieldType(Cyclic(4), "1x1"))
        >>> x = torch.tensor([3.0, 4.0]).reshape(1, 2, 1, 1)                  # a vector keeps its direction
        >>> [round(number, 3) for number in norm(x).flatten().tolist()]
        [0.849, 1.131]
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, in_type: FieldType, *, eps: float = 1e-5, momentum: float = 0.1, affine: bool = True) -> None:
        super().__init__(in_type, eps, affine)
        if not 0 < momentum <= 1:
            raise ValueError(f"momentum is {momentum}, but the weight of a batch lies in (0, 1]: momentum=0.1.")
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(self.trivials))
        self.register_buffer("running_var", torch.ones(sum(self.fields)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W), in the dtype of x."""
        check_channels(x, self.in_type, "BatchNorm")
        if self.training:
            self._require_freedom(x)
        if self.moments.uniform:
            running = (self.running_mean, self.running_var, self.weight, self.bias)
            y = x.reshape(x.shape[0], self.fields[0], self.moments.sizes[0] * x.shape[2], x.shape[3])
            return functional.batch_norm(y, *running, self.training, self.momentum, self.eps).reshape(x.shape)
        if not self.training:
            return scaled(x, *self._channel_map())
        settings = self.moments, self.fields, self.eps, *self.channel_affine()
        y, mean, variance = normalised(x, *settings, over_batch=True)
        self._follow(mean, variance, x.shape[0] * x.shape[2] * x.shape[3])
        return y

    def plain(self) -> nn.Module:
        """The `torch.nn.BatchNorm2d` that gives the same in evaluation."""
        norm = nn.BatchNorm2d(self.in_type.size, self.eps, self.momentum, self.weight is not None).to(self.running_var)
        weight, bias = self.channel_affine()
        with torch.no_grad():
            norm.get_buffer("running_mean").copy_(self.moments.shifts(self.running_mean, self.fields))
            norm.get_buffer("running_var").copy_(self.moments.scales(self.running_var, self.fields))
            for own, value in ((norm.weight, weight), (norm.bias, bias)):
                if value is not None:
                    own.copy_(value)
        return norm.train(self.training)

    def _require_freedom(self, x: Tensor) -> None:
        n = x.shape[0] * x.shape[2] * x.shape[3]
        for size, t in zip(self.moments.sizes, self.moments.trivials, strict=True):
            if n * size <= t:
                raise ValueError(
                    f"x has shape {tuple(x.shape)}, one value per channel, but moments of a batch need two or more: "
                    "pass more items or positions, or call .eval()."
                )

    def _follow(self, mean: Tensor, variance: Tensor, n: int) -> None:
        """Move the running moments towards those of a batch of n items times positions."""
        terms = zip(self.moments.sizes, self.moments.trivials, self.fields, strict=True)
        free = torch.cat([variance.new_full((count,), n * d / (n * d - t)) for d, t, count in terms])
        with torch.no_grad():
            self.running_mean.lerp_(mean.to(self.running_mean), self.momentum)
            self.running_var.lerp_((variance * free).to(self.running_var), self.momentum)

    def _channel_map(self) -> tuple[Tensor, Tensor]:
        """Scale and shift of the channels, (C,) each, for the running moments."""
        scale = self.moments.scales(torch.rsqrt(wide(self.running_var) + self.eps), self.fields)
        weight, bias = self.channel_affine()
        scale = scale if weight is None else scale * weight
        shift = -scale * self.moments.shifts(wide(self.running_mean), self.fields)
        return scale, shift if bias is None else shift + bias
