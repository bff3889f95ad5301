"""An activation on samples, a few at a time: what is sampled stays in the processor's cache and is never stored.

A field of 7 coordinates has some 20 samples. Kept for the derivative they would take three times the memory of the
fields, and the time to write and read them is most of the time of the layer. Here the samples of some fields are made,
used and forgotten, and made again for the derivative:

    y = P act(S x),   dx = S^T (act'(S x) * P^T dy).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from equigen.steerable.activations.fields import Fields, applied, joined
from equigen.steerable.activations.in_place import act_in_place, pull_back
from equigen.steerable.activations.scalar_function import ScalarFunction
from equigen.steerable.eager import ordinary

__all__ = ["SampledTerm", "act_by_formula", "act_on_samples"]

SampledTerm = tuple[Fields, Tensor | None, Tensor | None]
"""Fields, with the matrices that lead to their samples (n, size) and back (size, n); None where they are samples."""

_CACHE = 3 * 2**16
"""How many samples are at work at a time: 768 kibibytes in single precision, a part of a core's second cache."""


def act_on_samples(x: Tensor, terms: Sequence[SampledTerm], activation: ScalarFunction) -> Tensor:
    """y = P act(S x) for the fields of each term.

    Args:
        x: (B, C, H, W), ordinary tensors (see `equigen.steerable.eager`).
        terms: they cover the channels.
        activation: function of one number that may be repeated (see `equigen.steerable.activations.known`).

    Returns:
        (B, C, H, W), differentiable in x, twice too.

    Example:
        >>> fields = Fields(0, 1, 2)
        >>> mean = torch.full((2, 2), 0.5)
        >>> x = torch.tensor([1.0, 3.0]).view(1, 2, 1, 1)
        >>> act_on_samples(x, [(fields, torch.eye(2), mean)], torch.square).flatten().tolist()
        [5.0, 5.0]
    """
    if torch.is_grad_enabled() and x.requires_grad:
        return _ActOnSamples.apply(x, terms, activation)
    return _forward(x, terms, activation)


@dataclass(frozen=True)
class _Piece:
    """Some fields of some items, small enough to stay in the cache while they are worked on."""

    items: slice
    channels: slice
    fields: int


class _Pieces:
    """The pieces of one term of (B, C, pixels), and memory for their samples that all of them use in turn."""

    def __init__(self, x: Tensor, fields: Fields, samples: int) -> None:
        self.items, self.pixels, self.fields = len(x), x.shape[-1], fields
        self.at_once = max(1, _CACHE // (samples * self.pixels))
        self._memory: dict[str, Tensor] = {}
        self._like = x

    def __iter__(self) -> Iterator[_Piece]:
        count, size = self.fields.count, self.fields.size
        some, step = min(count, self.at_once), max(1, self.at_once // count)
        for item in range(0, self.items, step):
            for first in range(0, count, some):
                fields = min(some, count - first)
                start = self.fields.start + first * size
                items = slice(item, min(item + step, self.items))
                yield _Piece(items, slice(start, start + fields * size), fields * (items.stop - item))

    def memory(self, name: str, piece: _Piece, rows: int) -> Tensor:
        """(fields of the piece, rows, pixels), the same memory for every piece."""
        numbers = piece.fields * rows * self.pixels
        held = self._memory.get(name)
        if held is None or held.numel() < numbers:
            held = self._memory[name] = self._like.new_empty(numbers)
        return held[:numbers].view(piece.fields, rows, self.pixels)

    def taken(self, name: str, piece: _Piece, x: Tensor) -> Tensor:
        """The fields of a piece, one after the other."""
        part = x[piece.items, piece.channels]
        if part.is_contiguous():
            return part.view(piece.fields, -1, self.pixels)
        rows = self.memory(name, piece, self.fields.size)
        rows.view_as(part).copy_(part)
        return rows

    def times(self, matrix: Tensor, rows: Tensor, name: str, piece: _Piece) -> Tensor:
        """The product of a matrix and each field, in the memory of that name."""
        out = self.memory(name, piece, len(matrix))
        return torch.bmm(matrix.expand(len(rows), -1, -1), rows, out=out)

    def put(self, matrix: Tensor, rows: Tensor, piece: _Piece, out: Tensor) -> None:
        """Write the product of a matrix and each field to its place."""
        place = out[piece.items, piece.channels]
        if place.is_contiguous():
            torch.bmm(matrix.expand(len(rows), -1, -1), rows, out=place.view(piece.fields, -1, self.pixels))
        else:
            place.copy_(self.times(matrix, rows, "out", piece).view_as(place))


def _forward(x: Tensor, terms: Sequence[SampledTerm], activation: ScalarFunction) -> Tensor:
    x = x.detach().contiguous()
    out = torch.empty_like(x)
    flat, places = x.flatten(2), out.flatten(2)
    with torch.no_grad():
        for fields, values, back in terms:
            if values is None or back is None:
                fields.channels(out).copy_(applied(activation, fields.channels(x)))
                continue
            pieces = _Pieces(flat, fields, len(values))
            for piece in pieces:
                samples = pieces.times(values, pieces.taken("in", piece, flat), "samples", piece)
                pieces.put(back, act_in_place(activation, samples), piece, places)
    return out


def _backward(x: Tensor, slope: Tensor, terms: Sequence[SampledTerm], activation: ScalarFunction) -> Tensor:
    x, slope = x.detach().contiguous(), slope.detach().contiguous()
    out = torch.empty_like(x)
    flat, slopes, places = x.flatten(2), slope.flatten(2), out.flatten(2)
    with torch.no_grad():
        for fields, values, back in terms:
            if values is None or back is None:
                incoming = fields.channels(slope).clone()
                fields.channels(out).copy_(pull_back(activation, fields.channels(x), incoming))
                continue
            pieces = _Pieces(flat, fields, len(values))
            for piece in pieces:
                samples = pieces.times(values, pieces.taken("in", piece, flat), "samples", piece)
                incoming = pieces.times(back.mT, pieces.taken("in", piece, slopes), "slopes", piece)
                pieces.put(values.mT, pull_back(activation, samples, incoming), piece, places)
    return out


def act_by_formula(x: Tensor, terms: Sequence[SampledTerm], activation: ScalarFunction) -> Tensor:
    """The same as one product of matrices after the other, for whatever derives, compiles or watches operations."""
    batch, _, height, width = x.shape
    out = []
    for fields, values, back in terms:
        part = fields.channels(x)
        if values is None or back is None:
            out.append(applied(activation, part))
            continue
        field = part.reshape(batch * fields.count, fields.size, height * width)
        projected = torch.matmul(back, activation(torch.matmul(values, field)))
        out.append(projected.reshape(batch, fields.count * fields.size, height, width))
    return joined(out)


class _ActOnSamples(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, terms: Sequence[SampledTerm], activation: ScalarFunction) -> Tensor:
        ctx.save_for_backward(x)
        # The derivative is that of the function as it is now, whatever becomes of its settings.
        ctx.terms, ctx.activation = terms, copy.copy(activation)
        return _forward(x, terms, activation)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        again = torch.is_grad_enabled()
        with torch.autocast(x.device.type, enabled=False):
            if not again and ordinary(slopes[0]):
                return _backward(x, slopes[0], ctx.terms, ctx.activation), None, None
            with torch.enable_grad():
                out = act_by_formula(x, ctx.terms, ctx.activation)
                (slope,) = torch.autograd.grad(out, x, slopes[0], create_graph=again)
        return slope, None, None
