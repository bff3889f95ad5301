"""The scale of channels that a group mixes commutes with the group, and has unit variance all the same."""

from __future__ import annotations

import pytest
import torch

from equigen.diffusion.likelihood import log_volume
from equigen.diffusion.scale import Scale
from equigen.groups.plane_groups import plane_group
from equigen.random import Stream, normal
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.steerable.field_type import FieldType
from equigen.symmetry.elements import elements_of
from equigen.symmetry.image_action import ImageAction

FIELDS = [("C4", "1x0e + 1x1"), ("D4", "1x0e + 1x0o + 1x1"), ("SO2", "2x0e + 2x1 + 1x2"), ("C4", "2xregular")]


def data(channels: int) -> torch.Tensor:
    """40 images whose channels have means and spreads of their own, float64."""
    x = normal((channels, 3, 3), seed=3, stream=Stream.LAW, item=torch.arange(40), dtype=torch.float64)
    spread = torch.arange(1.0, channels + 1, dtype=torch.float64).reshape(-1, 1, 1)
    return 5.0 + spread * x


def off(scale: Scale, fields: FieldType, x: torch.Tensor) -> float:
    """How far the map to data units is from commuting with the quarter turns and flips, relative to the data."""
    inside = fields.group.on_grid()
    action = ImageAction(inside, fields)
    errors = [scale.to_data(action(g, x)) - action(g, scale.to_data(x)) for g in elements_of(inside)]
    return max(float(error.abs().max()) for error in errors) / float(x.abs().max())


@pytest.mark.parametrize(("name", "terms"), FIELDS)
def test_it_commutes_with_the_group(name, terms):
    fields = FieldType(plane_group(name), terms)
    x = data(fields.size)
    assert off(Scale.fit(x, Euclidean(fields.size, 3, 3), fields=fields), fields, x) < 1e-14


@pytest.mark.parametrize(("name", "terms"), FIELDS)
def test_a_scale_of_each_channel_does_not(name, terms):
    """The control: without the fields every channel has a shift and a factor of its own."""
    fields = FieldType(plane_group(name), terms)
    x = data(fields.size)
    assert off(Scale.fit(x, Euclidean(fields.size, 3, 3)), fields, x) > 0.1


def test_a_shift_of_vectors_alone_breaks_it():
    """The control of the shift: one factor for all, and the mean of every channel."""
    fields = FieldType(plane_group("C4"), "1x0e + 1x1")
    x = data(3)
    assert off(Scale(x.mean((0, 2, 3)), torch.full((3,), 2.0)), fields, x) > 0.1


@pytest.mark.parametrize(("name", "terms"), FIELDS)
def test_every_field_has_unit_mean_square_and_invariants_have_mean_zero(name, terms):
    fields = FieldType(plane_group(name), terms)
    scaled = Scale.fit(data(fields.size), Euclidean(fields.size, 3, 3), fields=fields).to_model(data(fields.size))
    square = scaled.square().mean((0, 2, 3))
    for channels, count, representation in fields.parts():
        each = square[channels].reshape(count, representation.size).mean(1)
        assert torch.allclose(each, torch.ones_like(each), atol=1e-12)
    assert (fields.invariants().mT @ scaled.mean((0, 2, 3))).abs().max() < 1e-12


def test_scalars_are_scaled_as_without_a_group():
    x, space = data(3), Euclidean(3, 3, 3)
    with_group, without = Scale.fit(x, space, fields=FieldType(plane_group("D4"), "3x0e")), Scale.fit(x, space)
    assert torch.allclose(with_group.shift, without.shift, atol=1e-13)
    assert torch.allclose(with_group.factor, without.factor, atol=1e-13)


def test_invalid_pixels_count_for_nothing():
    fields, x = FieldType(plane_group("C4"), "1x0e + 1x1"), data(3)
    mask = torch.ones(40, 1, 3, 3, dtype=torch.bool)
    mask[:, :, 0, 0] = False
    spoiled = torch.where(mask, x, torch.nan)
    found = Scale.fit(spoiled, Masked(3, 3, 3), mask, fields)
    kept = x.flatten(2)[:, :, 1:].unsqueeze(-1)
    expected = Scale.fit(kept, Euclidean(3, 8, 1), fields=fields)
    assert torch.allclose(found.shift, expected.shift, atol=1e-12)
    assert torch.allclose(found.factor, expected.factor, atol=1e-12)


def test_the_volume_counts_every_channel():
    fields = FieldType(plane_group("C4"), "1x0e + 1x1")
    scale = Scale.fit(data(3), Euclidean(3, 3, 3), fields=fields)
    found = log_volume(scale, Euclidean(3, 3, 3).at(), torch.zeros(1, 3, 3, 3, dtype=torch.float64))
    assert float(found) == pytest.approx(9 * float(scale.factor.log().sum()))


@pytest.mark.parametrize(
    ("x", "space", "said"),
    [
        (torch.zeros(4, 2, 3, 3), Euclidean(2, 3, 3), "3 channels, but the data have 2"),
        (torch.zeros(4, 5, 3), Centred(5, 3), "no channels to mix"),
    ],
)
def test_fields_that_do_not_fit_are_refused(x, space, said):
    with pytest.raises(ValueError, match=said):
        Scale.fit(x, space, fields=FieldType(plane_group("C4"), "1x0e + 1x1"))
