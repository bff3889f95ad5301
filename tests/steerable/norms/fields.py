"""Field types of every sort, fields of them, and the normalisation of fields one group after another by hand."""

from __future__ import annotations

import torch

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import Representation
from equigen.steerable.field_type import FieldType

__all__ = ["TYPES", "acted", "by_hand", "invariant_part", "noise", "sampled", "shaken", "turned_basis"]


def turned_basis() -> FieldType:
    """Two fields 0e + 0e + 1 and a scalar of C4, the fields in a basis in which nothing is a whole number."""
    matrix = torch.randn(4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    irreps = tuple(Cyclic(4).irrep(name) for name in ("0e", "0e", "1"))
    field = Representation(Cyclic(4), irreps, torch.linalg.qr(matrix).Q, "field")
    return FieldType(Cyclic(4), [(2, field), *FieldType(Cyclic(4), "2x0e").terms])


TYPES = {
    "scalars": FieldType(Cyclic(1), "4x0e"),
    "regular": FieldType(Cyclic(8), "2xregular"),
    "reflected": FieldType(Dihedral(4, axis=0.3), "2xquotient(C2)"),
    "vectors": FieldType(Dihedral(6), "2x1 + 2x0o + 2x3e"),
    "mixed": FieldType(Cyclic(4), "2x0e + 4x1 + 2xregular + 2x2e"),
    "band-limited": FieldType(SO2(), "2xregular(2) + 2x1 + 4x0e"),
    "compact": FieldType(O2(), "2x0e + 4x0o + 2x2"),
    "turned": turned_basis(),
}


def noise(in_type: FieldType, batch: int = 3, size: tuple[int, int] = (4, 5), seed: int = 0) -> torch.Tensor:
    """White noise, each channel with a mean and a scale of its own."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(batch, in_type.size, *size, generator=generator, dtype=torch.float64)
    scale, shift = torch.rand(2, in_type.size, 1, 1, generator=generator, dtype=torch.float64)
    return (0.5 + scale) * x + 3.0 * shift


def shaken(layer):
    """The layer in float64 with weights of no special value."""
    generator = torch.Generator().manual_seed(1)
    for value in layer.double().parameters():
        value.data += torch.rand(value.shape, generator=generator, dtype=torch.float64)
    return layer


def sampled(in_type: FieldType) -> torch.Tensor:
    """Some elements of the group, on the grid of pixels or not."""
    return in_type.group.sample(4, seed=5)


def acted(matrix: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    return torch.einsum("ij,bjhw->bihw", matrix, x)


def invariant_part(rep: Representation) -> torch.Tensor:
    """The projection on what the group leaves alone, as the mean of its matrices."""
    group = rep.group
    return rep.matrix(group.elements() if group.order else group.grid(16)).mean(0)


def by_hand(x, in_type, groups, eps, *, over_batch=False):
    """Fields of each group of each term, normalised alone: (normalised, second moment of each group)."""
    if not over_batch:
        return torch.cat([by_hand(one[None], in_type, groups, eps, over_batch=True)[0] for one in x]), None
    pieces, seconds = [], []
    for (channels, count, rep), n in zip(in_type.parts(), groups, strict=True):
        for fields in x[:, channels].unflatten(1, (count, rep.size)).chunk(n, 1):
            mean = invariant_part(rep) @ fields.mean((0, 1, 3, 4))
            centred = fields - mean[:, None, None]
            seconds.append(centred.square().sum(2).mean() / rep.size)
            pieces.append((centred / (seconds[-1] + eps).sqrt()).flatten(1, 2))
    return torch.cat(pieces, 1), torch.stack(seconds)
