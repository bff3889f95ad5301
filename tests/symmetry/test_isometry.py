"""Orthogonal actions keep distances; what stretches does not."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from equigen.groups.plane_groups import SO2, Cyclic
from equigen.symmetry.action import ExactAction, PointsAction
from equigen.symmetry.isometry import isometry_error
from tests.symmetry.all_actions import ALL_ACTIONS


@dataclass(frozen=True)
class Stretched(ExactAction):
    """The group acts in coordinates in which y is `factor` times as long: an action, but no isometry."""

    group: Cyclic
    factor: float

    def __call__(self, g, x):
        scale = torch.tensor([1.0, self.factor], dtype=x.dtype)
        return PointsAction(self.group)(g, x * scale) / scale


@pytest.mark.parametrize("acted", ALL_ACTIONS, ids=str)
def test_every_action_here_keeps_distances(acted):
    assert float(isometry_error(acted.action, acted.x).max()) <= acted.within


def test_a_planted_stretch_is_found_and_measured():
    x = torch.tensor([[[0.0, 0.0]], [[1.0, 0.0]]], dtype=torch.float64)
    found = isometry_error(Stretched(Cyclic(4), 2.0), x)
    assert torch.allclose(found, torch.tensor([0.0, 0.5, 0.0, 0.5], dtype=torch.float64), atol=1e-15)
    slight = isometry_error(Stretched(Cyclic(4), 1.0 + 1e-8), x)
    assert 0.9e-8 <= float(slight.max()) <= 1.1e-8


@pytest.mark.parametrize("x", [torch.zeros(1, 2), torch.zeros(2, 2)])
def test_distances_need_two_different_items(x):
    with pytest.raises(ValueError, match="two or more different"):
        isometry_error(PointsAction(SO2()), x)
