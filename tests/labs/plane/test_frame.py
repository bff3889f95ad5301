"""Pictures of stretched boxes are not drawn as a line."""

from __future__ import annotations

import pytest
import torch

from equigen.labs.plane.frame import true_to_scale
from equigen.report.drawing import canvas


@pytest.mark.parametrize(("width", "aspect"), [(4.0, 1.0), (0.25, 1.0), (6.0, "auto"), (1e-6, "auto")])
def test_one_scale_unless_the_box_is_stretched(width, aspect):
    axes = canvas(3, 3).add_subplot()
    true_to_scale(axes, torch.zeros(2), torch.tensor([width, 1.0]))
    assert axes.get_aspect() == aspect
