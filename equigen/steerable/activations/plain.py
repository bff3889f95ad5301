"""The activations as plain torch modules, which know slices, counts and tables, and no group."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from equigen.steerable.activations.fields import Fields, applied, joined
from equigen.steerable.activations.known import may_be_repeated
from equigen.steerable.activations.sampled import SampledTerm, act_by_formula, act_on_samples
from equigen.steerable.activations.scalar_function import ScalarFunction
from equigen.steerable.eager import ordinary
from equigen.steerable.precision import wide
from equigen.steerable.tables import Tables

__all__ = ["PlainGate", "PlainInvariant", "PlainNorm", "PlainPointwise", "PlainSampled"]


class PlainPointwise(nn.Module):
    """A function of tensors as a module.

    Example:
        >>> PlainPointwise(torch.tanh)(torch.zeros(2)).tolist()
        [0.0, 0.0]
    """

    def __init__(self, function: ScalarFunction) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        """The function of x, any shape."""
        return self.function(x)


class PlainSampled(Tables):
    """y = P act(S x) on each field: channels to samples, a function of each, samples to channels.

    Args:
        fields: in order of channels; they cover all channels.
        matrices: for each, sampling (n, size) and projection (m, n), float64; empty where the samples are the channels.
        activation: function of one number.

    Example:
        >>> mean = torch.full((2, 2), 0.5, dtype=torch.float64)
        >>> mean_of_squares = PlainSampled([Fields(0, 1, 2)], [(torch.eye(2).double(), mean)], torch.square)
        >>> mean_of_squares(torch.tensor([1.0, 3.0]).view(1, 2, 1, 1)).flatten().tolist()
        [5.0, 5.0]
    """

    def __init__(
        self, fields: Sequence[Fields], matrices: Sequence[tuple[Tensor, ...]], activation: ScalarFunction
    ) -> None:
        super().__init__([table for pair in matrices for table in pair])
        counts = [len(pair) for pair in matrices]
        self.fields = tuple(fields)
        self.first = tuple(sum(counts[:i]) if count else None for i, count in enumerate(counts))
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Fields (B, C, H, W) to fields of the same places."""
        terms = self._terms()
        if ordinary(x) and may_be_repeated(self.activation):
            return act_on_samples(x, terms, self.activation)
        return act_by_formula(x, terms, self.activation)

    def _terms(self) -> list[SampledTerm]:
        places = zip(self.fields, self.first, strict=True)
        return [
            (fields, None, None) if first is None else (fields, self.table(first), self.table(first + 1))
            for fields, first in places
        ]


class PlainNorm(nn.Module):
    """y = v act(n - b)/n on each field, n = sqrt(|v|^2 + softening^2); act itself on invariant channels.

    Args:
        fields: in order of channels; they cover all channels.
        activation: function of one number.
        bias: first value of every b.
        softening: length below which n no longer follows |v|.

    Example:
        >>> layer = PlainNorm([Fields(0, 1, 2)], nn.ReLU(), bias=1.0, softening=0.0)
        >>> [round(number, 3) for number in layer(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).flatten().tolist()]
        [2.4, 3.2]
    """

    def __init__(self, fields: Sequence[Fields], activation: ScalarFunction, bias: float, softening: float) -> None:
        super().__init__()
        self.fields = tuple(fields)
        self.activation = activation
        self.squared = softening**2
        self.bias = nn.Parameter(torch.full((sum(part.count for part in fields if not part.invariant),), bias))

    def forward(self, x: Tensor) -> Tensor:
        """Fields (B, C, H, W) to fields of the same shape."""
        out, first = [], 0
        for fields in self.fields:
            if fields.invariant:
                out.append(applied(self.activation, fields.channels(x)))
                continue
            field = fields.of(x)
            norm = (wide(field).square().sum(dim=2, keepdim=True) + self.squared).sqrt()
            bias = self.bias[first : first + fields.count].view(-1, 1, 1, 1)
            scale = self.activation((norm - bias).to(self.bias.dtype)) / norm
            out.append((field * scale.to(field.dtype)).flatten(1, 2))
            first += fields.count
        return joined(out)


class PlainGate(nn.Module):
    """y = v gate(s) on each field v, with its own leading channel s; act itself on invariant channels.

    Args:
        gates: number of leading channels that are gates, one per field.
        fields: what follows them, in order of channels.
        activation: function of one number, for the invariant channels.
        gate: function of one number, for the gates.

    Example:
        >>> layer = PlainGate(1, [Fields(1, 1, 2)], nn.SiLU(), nn.Sigmoid())
        >>> layer(torch.tensor([0.0, 3.0, 4.0]).view(1, 3, 1, 1)).flatten().tolist()
        [1.5, 2.0]
    """

    def __init__(self, gates: int, fields: Sequence[Fields], activation: ScalarFunction, gate: ScalarFunction) -> None:
        super().__init__()
        self.gates = gates
        self.fields = tuple(fields)
        self.activation = activation
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        """Gates and fields (B, gates + C, H, W) to fields (B, C, H, W)."""
        gates = applied(self.gate, x[:, : self.gates]).unsqueeze(2)
        out, first = [], 0
        for fields in self.fields:
            if fields.invariant:
                out.append(applied(self.activation, fields.channels(x)))
                continue
            gate = gates[:, first : first + fields.count]
            out.append((fields.of(x) * gate.to(x.dtype)).flatten(1, 2))
            first += fields.count
        return joined(out)


class PlainInvariant(Tables):
    """One number per field: its largest channel, a weighted sum of its channels, or its length.

    Args:
        fields: in order of channels; they cover all channels. Invariant ones pass unchanged.
        kind: "max", "mean" (the weighted sum) or "norm".
        means: for each, the weights (1, size), float64; None where there is no sum.

    Example:
        >>> PlainInvariant([Fields(0, 1, 2)], "norm", [None])(torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)).item()
        5.0
    """

    def __init__(self, fields: Sequence[Fields], kind: str, means: Sequence[Tensor | None]) -> None:
        super().__init__([mean for mean in means if mean is not None])
        self.fields = tuple(fields)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        """Fields (B, C, H, W) to (B, number of invariants, H, W)."""
        out, means = [], 0
        for fields in self.fields:
            if fields.invariant:
                out.append(fields.channels(x))
            elif self.kind == "max":
                out.append(fields.of(x).amax(dim=2))
            elif self.kind == "norm":
                out.append(torch.linalg.vector_norm(fields.of(x), dim=2))
            else:
                weights = self.table(means).view(1, 1, -1, 1, 1)
                out.append((fields.of(x) * weights).sum(dim=2))
                means += 1
        return joined(out)
