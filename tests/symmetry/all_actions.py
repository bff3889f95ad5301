"""Every action with data that suits it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.groups.symmetric import Symmetric, permutation
from equigen.random import Stream, normal
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import Action, LinearAction, PermutationAction, PointsAction, TrivialAction
from equigen.symmetry.image_action import ImageAction
from tests.symmetry.waves import Waves

__all__ = ["ALL_ACTIONS", "Acted"]


@dataclass(frozen=True)
class Acted:
    """An action, data (5, ...) for it, and what it may err, relative to the data."""

    action: Action
    x: torch.Tensor
    within: float = 1e-14

    def __str__(self) -> str:
        return f"{type(self.action).__name__}-{self.action.group.name}-{'x'.join(map(str, self.x.shape[1:]))}"


def _noise(*shape: int) -> torch.Tensor:
    return normal((5, *shape), seed=1, stream=Stream.LAW, dtype=torch.float64)


def _pictures(channels: int) -> torch.Tensor:
    waves = [Waves.of_band(0.2, 2.75, seed).image(28, 28) for seed in range(5 * channels)]
    return torch.cat(waves).reshape(5, channels, 28, 28)


ALL_ACTIONS = [
    Acted(TrivialAction(SO2()), _noise(10)),
    Acted(LinearAction(regular(Dihedral(3))), _noise(6)),
    Acted(LinearAction(quotient(Cyclic(6), Cyclic(2))), _noise(2, 3)),
    Acted(LinearAction(irreducible(O2(), "2")), _noise(4, 2)),
    Acted(LinearAction(FieldType(Dihedral(4), "2x0o + 1x1 + 1xregular")), _noise(12)),
    Acted(LinearAction(permutation(4)), _noise(4)),
    Acted(PointsAction(O2()), _noise(7, 2)),
    Acted(PointsAction(Dihedral(5)), _noise(3, 2)),
    Acted(PermutationAction(Symmetric(4)), _noise(4, 3)),
    Acted(PermutationAction(Symmetric(4), axes=2), _noise(4, 4)),
    Acted(PermutationAction(Symmetric(3), axes=2), _noise(3, 3, 2)),
    Acted(ImageAction(Dihedral(4)), _noise(3, 6, 6)),
    Acted(ImageAction(Dihedral(2)), _noise(1, 5, 8)),
    Acted(ImageAction(Dihedral(1, axis=0.7853981633974483)), _noise(1, 5, 8)),
    Acted(ImageAction(Dihedral(4), FieldType(Dihedral(4), "1x2o + 1x1 + 1xregular")), _noise(11, 7, 7)),
    Acted(ImageAction(Cyclic(4), regular(Dihedral(4))), _noise(8, 4, 6)),
    Acted(ImageAction(Cyclic(8)), _pictures(1), 5e-5),
    Acted(ImageAction(O2(), irreducible(O2(), "1")), _pictures(2), 5e-5),
]
