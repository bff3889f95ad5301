"""Pixel shuffles move numbers and lose none, and the group acts on blocks as their type says."""

from __future__ import annotations

from itertools import permutations
from math import pi

import pytest
import torch
from torch.nn import functional

from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.block import block_order, block_type
from equigen.steerable.resampling.plain_resampling import ChannelOrder
from equigen.steerable.resampling.shuffle import PixelShuffle, PixelUnshuffle
from tests.steerable.motions import asymmetry, moved, noise

GROUPS = [
    Cyclic(1),
    Cyclic(2),
    Cyclic(4),
    *(Dihedral(1, axis=axis) for axis in (0.0, pi / 4, pi / 2, 3 * pi / 4)),
    Dihedral(2),
    Dihedral(2, axis=pi / 4),
    Dihedral(4),
]
EACH_GROUP = pytest.mark.parametrize("group", GROUPS, ids=str)


@EACH_GROUP
@pytest.mark.parametrize("factor", [2, 3])
def test_blocks_follow_the_motions_of_the_grid(group, factor):
    fields = FieldType(group, "2x0e" + (" + 1x1" if group.order > 2 and group.rotations > 2 else ""))
    fields += FieldType(group, [(1, regular(group))])
    layer = PixelUnshuffle(fields, factor)
    assert layer.out_type.size == factor**2 * fields.size
    if group.order > 1:
        assert asymmetry(layer, (2 * factor, 3 * factor)) <= 1e-15
        assert asymmetry(PixelShuffle(layer.out_type, fields, factor), (2, 3)) <= 1e-15


def test_of_all_orders_of_channels_only_counterclockwise_ones_are_regular():
    layer, exact = PixelUnshuffle(FieldType(Cyclic(4), "1x0e")), []
    for order in permutations(range(4)):
        layer.body[1] = ChannelOrder(torch.tensor(order))
        error = asymmetry(layer, (4, 6))
        assert error == 0.0 or error > 1e-1
        exact += [order] if error == 0.0 else []
    assert exact == sorted(exact) == [(0, 2, 3, 1), (1, 0, 2, 3), (2, 3, 1, 0), (3, 1, 0, 2)]


@EACH_GROUP
def test_the_inverse_gives_every_number_back(group):
    fields = FieldType(group, [(2, regular(group)), (1, quotient(group, group))])
    for factor in (2, 3):
        there = PixelUnshuffle(fields, factor)
        back = PixelShuffle(there.out_type, fields, factor)
        x = noise(fields.size, (2 * factor, 3 * factor))
        assert torch.equal(back(there(x)), x)
        assert torch.equal(there(x).sort(dim=1)[0], functional.pixel_unshuffle(x, factor).sort(dim=1)[0])


def test_corners_are_the_functions_that_theory_names():
    image = {group.name: FieldType(group, "1x0e") for group in GROUPS}
    types = {name: str(block_type(fields)) for name, fields in image.items()}
    assert types["C4"] == "1xregular"
    assert types["D4"] == "1xquotient(D1@45)"
    assert types["D2"] == "1xregular"
    assert types["C2"] == "1xregular + 1xregular"
    assert types["D2@45"] == "1xquotient(D1@45) + 1xquotient(D1@135)"
    assert block_type(image["C4"]).terms[0][1] == regular(Cyclic(4))
    corners = block_type(image["D4"]).terms[0][1]
    assert sorted(irrep.name for irrep in corners.irreps) == ["0e", "1", "2o"]
    assert block_order(image["C4"]).tolist() == [1, 0, 2, 3]


def test_a_quarter_turn_of_torchs_raster_order_is_the_one_on_record():
    """By a quarter turn raster channels arrive as 1, 3, 0, 2: the block's new corner i held the old corner order[i]."""
    x = noise(1, (2, 2))[:1]
    turned = functional.pixel_unshuffle(torch.rot90(x, 1, (-2, -1)), 2).flatten()
    assert torch.equal(turned, functional.pixel_unshuffle(x, 2).flatten()[[1, 3, 0, 2]])


def test_a_field_in_a_block_is_turned_as_it_moves():
    fields = FieldType(Cyclic(4), "1x1")
    layer, x = PixelUnshuffle(fields), noise(2, (2, 2))
    g = Cyclic(4).elements()[1]
    before, after = layer(x).view(2, 4, 2), layer(moved(fields, x, g)).view(2, 4, 2)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    assert torch.allclose(after, before.roll(1, dims=1) @ turn.T, atol=1e-15)


@pytest.mark.parametrize("group", [Cyclic(8), Dihedral(3), SO2(), O2()], ids=str)
def test_groups_that_do_not_map_pixels_onto_pixels_are_refused(group):
    allowed = group.on_grid()
    with pytest.raises(
        ValueError, match=rf"{allowed.name} only: put Restriction\(in_type, plane_group\('{allowed.name}'\)"
    ):
        PixelUnshuffle(FieldType(group, "1x0e"))


def test_bad_input_gets_a_sentence_with_the_fix():
    image = FieldType(Cyclic(4), "1x0e")
    with pytest.raises(ValueError, match="pass factor=2"):
        PixelUnshuffle(image, 1)
    with pytest.raises(ValueError, match=r"the map has 5 x 6 pixels, .*: resize it to 6 x 6"):
        PixelUnshuffle(image)(torch.zeros(1, 1, 5, 6))
    with pytest.raises(ValueError, match="resize it to 6 x 6"):
        PixelUnshuffle(image).grid_step(5, 6)
    with pytest.raises(ValueError, match=r"are 1xregular: pass in_type=block_type\(out_type, 2\)"):
        PixelShuffle(FieldType(Cyclic(4), "4x0e"), image)
