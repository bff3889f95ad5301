"""What every layer checks, and that layers are built under any mode."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import SO2, Cyclic, Dihedral
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.grid_step import pair_of_pixels
from equigen.steerable.invariant import Invariant
from equigen.steerable.module import check_channels, require_field_type
from equigen.steerable.restrict import Restriction
from equigen.steerable.settings import require_whole

C4 = Cyclic(4)


@pytest.mark.parametrize(
    ("size", "fix"),
    [
        (28.0, "28"),
        ("28", "28"),
        ((1, 28, 32), r"\(28, 32\)"),
        (0, "28"),
        (-3, "28"),
        (True, "1"),
        (float("nan"), "28"),
        (float("inf"), "28"),
        (None, "28"),
        ((), r"\(28, 28\)"),
        ((8,), r"\(8, 8\)"),
        ((8, 0), r"\(8, 8\)"),
        ((8.0, float("inf")), r"\(8, 8\)"),
    ],
)
def test_a_size_that_is_none_is_refused_with_the_one_that_was_meant(size, fix):
    with pytest.raises(ValueError, match=rf": pass size={fix}\.$"):
        pair_of_pixels(size)


def test_sizes_are_pairs():
    assert pair_of_pixels(5) == (5, 5)
    assert pair_of_pixels(torch.zeros(3, 4).shape) == (3, 4)
    assert pair_of_pixels([3, 4]) == (3, 4)


@pytest.mark.parametrize(
    ("given", "fix"), [("4x1", "4x1"), (8, "8x0e"), (None, "8xregular"), (nn.ReLU(), "8xregular"), (True, "8xregular")]
)
def test_what_is_no_type_is_refused_before_it_is_read(given, fix):
    with pytest.raises(TypeError, match=rf'^in_type is .*, but Invariant .*: pass FieldType\(group, "{fix}"\)\.$'):
        Invariant(given, "max")
    with pytest.raises(TypeError, match=r"^other is"):
        require_field_type(given, "other", "Layer")


@pytest.mark.parametrize(
    ("x", "fix"),
    [
        (torch.zeros(1, 4, 2, 2).numpy(), r"numpy array, .*: pass torch.from_numpy\(x\)"),
        ([[1.0]], r"list, .*: pass torch.as_tensor\(x\)"),
        (torch.zeros(1, 4, 2, 2, dtype=torch.uint8), r"uint8, .*: pass x.float\(\)"),
        (torch.zeros(1, 4, 2, 2, dtype=torch.bool), r"bool, .*: pass x.float\(\)"),
        (torch.zeros(1, 4, 2, 2, dtype=torch.complex64), r"complex64, .*: pass x.real"),
    ],
)
def test_what_is_no_tensor_of_numbers_is_refused(x, fix):
    with pytest.raises(TypeError, match=fix + r"\.$"):
        check_channels(x, FieldType(C4, "1xregular"), "Layer")


def test_halves_and_doubles_are_taken():
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        check_channels(torch.zeros(1, 4, 2, 2, dtype=dtype), FieldType(C4, "1xregular"), "Layer")


def test_whole_numbers_pass():
    require_whole("Layer", kernel_size=1, padding=0, output_padding=0)
    for value in (0.5, None, [], (None,), float("nan"), float("inf"), True):
        with pytest.raises(TypeError, match=r": pass kernel_size=3\.$"):
            require_whole("Layer", kernel_size=value)


@pytest.mark.parametrize("group", [Cyclic(12), Dihedral(12)], ids=str)
def test_layers_are_built_on_a_device_without_memory(group):
    """Of groups that no other test names, so that nothing is known of them yet."""
    with torch.device("meta"):
        fields = FieldType(group, "1x0e + 2xregular + 1xquotient(C3)")
        layer = SteerableConv2d(fields, fields, 3, padding=1, size=28)
        inner = Restriction(fields, Cyclic(6))
        pooled = Invariant(fields, "mean")
        again = Restriction(FieldType(SO2(), "1xregular(5)"), group if group == Cyclic(12) else Cyclic(20))
    assert layer.weight.is_meta
    assert (inner.out_type.size, pooled.out_type.size) == (fields.size, fields.fields)
    assert again.out_type.size == 11
    layer.to_empty(device="cpu").reset_parameters()
    x = torch.randn(1, fields.size, 5, 5)
    assert bool(layer(x).isfinite().all())
    assert bool(fields.matrix(group.elements()).isfinite().all())
