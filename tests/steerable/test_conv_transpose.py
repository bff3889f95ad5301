"""Transposed convolution: the sum that it is said to be, exact at every size unless output_padding shifts it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.steerable.conv_transpose import SteerableConvTranspose2d
from equigen.steerable.field_type import FieldType

D4 = Dihedral(4)
FIELDS = FieldType(D4, "1xregular")
VECTORS = FieldType(D4, "1x1 + 1x0o")


def noise(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def errors(layer: SteerableConvTranspose2d, height: int, width: int) -> dict[tuple[int, int], float]:
    """Relative errors by (quarter turns, flip)."""
    x, found = noise(2, layer.in_type.size, height, width), {}

    def acted(values: Tensor, field: FieldType, g: Tensor, turns: int, flip: int) -> Tensor:
        values = torch.einsum("ij,bjhw->bihw", field.matrix(g), values)
        return torch.rot90(values.flip(-2) if flip else values, turns, (-2, -1))

    with torch.no_grad():
        for place, g in enumerate(D4.elements()):
            flip, turns = divmod(place, 4)
            here = acted(layer(x), layer.out_type, g, turns, flip)
            there = layer(acted(x, layer.in_type, g, turns, flip))
            found[turns, flip] = float((here - there).norm() / here.norm())
    return found


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4])
@pytest.mark.parametrize(("stride", "output_padding"), [(1, 0), (2, 0), (2, 1), (3, 0), (3, 2)])
@pytest.mark.parametrize(("padding", "dilation"), [(0, 1), (1, 1), (1, 2), (0, 3)])
def test_turns_are_exact_where_it_says_so_and_broken_elsewhere(kernel_size, stride, output_padding, padding, dilation):
    layer = SteerableConvTranspose2d(
        FIELDS,
        VECTORS if kernel_size > 1 else FIELDS,
        kernel_size,
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        dilation=dilation,
        bias=False,
    ).double()
    for height, width in ((5, 5), (6, 4)):
        said = layer.grid_step(height, width)
        assert layer(noise(1, 8, height, width)).shape[-2:] == (said.height, said.width)
        found = errors(layer, height, width)
        assert said.quarter_turns is (output_padding == 0)
        if said.quarter_turns:
            assert max(found.values()) <= 1e-13
        else:  # of all motions of the grid, only the flip across the diagonal from top left is left
            assert min(found[g] for g in ((1, 0), (2, 0), (3, 0), (0, 1), (2, 1))) >= 1e-3


def test_what_is_offered_gives_the_same_size_exactly():
    broken = SteerableConvTranspose2d(FIELDS, FIELDS, 3, stride=2, padding=1, output_padding=1)
    said = broken.grid_step(8, 8)
    assert said.repairs == ("output_padding=0", "kernel_size=4 with output_padding=0")
    whole = SteerableConvTranspose2d(FIELDS, FIELDS, 4, stride=2, padding=1, size=8).grid_step(8, 8)
    assert (whole.height, whole.width, whole.quarter_turns) == (said.height, said.width, True)
    with pytest.raises(ValueError, match="output_padding=1 adds pixels on one side alone: take output_padding=0"):
        SteerableConvTranspose2d(FIELDS, FIELDS, 3, stride=2, padding=1, output_padding=1, size=8)


def test_it_lays_the_filter_down_at_every_pixel():
    layer = SteerableConvTranspose2d(FIELDS, VECTORS, 3, stride=2, padding=1, bias=False).double()
    x, expected = noise(1, 8, 4, 4), torch.zeros(1, 3, 9, 9, dtype=torch.float64)
    for row in range(4):
        for column in range(4):
            laid = torch.einsum("oihw,i->ohw", layer.filter().detach(), x[0, :, row, column])
            expected[0, :, 2 * row : 2 * row + 3, 2 * column : 2 * column + 3] += laid
    assert torch.allclose(layer(x), expected[..., 1:-1, 1:-1], atol=1e-13)


def test_it_is_the_plain_module_it_hands_out():
    layer = SteerableConvTranspose2d(FIELDS, FIELDS, 3, stride=2, padding=1, output_padding=1, dilation=2).double()
    nn.init.normal_(layer.bias)  # type: ignore[arg-type]
    plain, x = layer.plain(), noise(2, 8, 5, 6)
    assert type(plain) is nn.ConvTranspose2d
    assert torch.allclose(plain(x), layer(x), atol=1e-13)


@pytest.mark.parametrize(("stride", "kernel_size"), [(1, 3), (2, 4), (3, 6)])
def test_fresh_weights_keep_unit_variance(stride, kernel_size):
    """Each output pixel meets 1/stride^2 of the filter's entries, and weights are larger for it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        many = FieldType(Cyclic(4), "16xregular")
        layer = SteerableConvTranspose2d(many, many, kernel_size, stride=stride).double()
    out = layer(noise(4, 64, 12, 12)).detach()[..., 6:-6, 6:-6]
    assert float(out.square().mean()) == pytest.approx(1, abs=0.1)
    if stride > 1:
        same = functional.conv2d(noise(1, 64, 12, 12), layer.filter().detach())
        assert float(same.square().mean()) == pytest.approx(
            stride**2, rel=0.1
        )  # as a convolution it would be too large


def test_padding_that_leaves_nothing_is_refused():
    with pytest.raises(ValueError, match=r"padding=5 cuts all pixels off a map of 8 x 8, .* padding=4\."):
        SteerableConvTranspose2d(FIELDS, FIELDS, 3, padding=5, size=8)
