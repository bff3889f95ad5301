"""Layers in a row: the layers one after another, each exact under its own group, and refusals that say the fix."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.steerable.activations.pointwise import Pointwise
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.pool import AveragePool
from equigen.steerable.restrict import Restriction
from equigen.steerable.sequential import SteerableSequential

C4, D4 = Cyclic(4), Dihedral(4)
IMAGE, FIELDS = FieldType(C4, "1x0e"), FieldType(C4, "2xregular")


def two() -> SteerableSequential:
    return SteerableSequential(SteerableConv2d(IMAGE, FIELDS, 3), SteerableConv2d(FIELDS, IMAGE, 3, padding=1))


def test_it_runs_its_layers_one_after_another():
    sequence, x = two(), torch.randn(2, 1, 6, 6)
    first, second = sequence
    assert torch.equal(sequence(x), second(first(x)))
    assert not torch.equal(sequence(x), 2 * x)
    assert torch.allclose(sequence.plain()(x), sequence(x), atol=1e-6)


def test_its_layers_are_reached_by_number():
    sequence = two()
    assert len(sequence) == 2
    assert [sequence[0], sequence[1]] == list(sequence)
    assert sequence[-1] is sequence[1]
    assert sequence[0].out_type == FIELDS
    with pytest.raises(IndexError):
        sequence[2]


def restricted(stride: int) -> SteerableSequential:
    """Under D1 alone, whose flip turns the rows over: a stride that breaks columns is exact."""
    mirrored = Dihedral(1)
    fields = FieldType(D4, "1xregular")
    inside = fields.restrict(mirrored)
    return SteerableSequential(Restriction(fields, mirrored), SteerableConv2d(inside, inside, 3, stride=stride))


def test_a_sequence_inside_is_exact_if_its_layers_are_under_their_own_groups():
    first = SteerableConv2d(FieldType(D4, "1x0e"), FieldType(D4, "1xregular"), 3, padding=1)
    network = SteerableSequential(first, restricted(2), size=(7, 8))  # 8 columns break D4, and no flip of the rows
    assert (network.grid_step(7, 8).height, network.grid_step(7, 8).width) == (3, 3)
    flat = SteerableSequential(first, *restricted(2), size=(7, 8))
    assert len(flat) == 3
    with pytest.raises(ValueError, match=r"^layer 1\.1 \(SteerableConv2d\) on a map of 8 x 7 is not exact under D1, "):
        SteerableSequential(first, restricted(2), size=(8, 7))
    deep = SteerableConv2d(FIELDS, FIELDS, 3, stride=2)
    with pytest.raises(ValueError, match=r"^layer 1 \(SteerableConv2d\) on a map of 14 x 14 is not exact under C4"):
        SteerableSequential(SteerableConv2d(IMAGE, FIELDS, 3), deep, size=16)


@pytest.mark.parametrize(
    ("attempt", "kind", "message"),
    [
        (lambda: SteerableSequential(), ValueError, r"no layers .* SteerableSequential\(layer\)"),
        (lambda: SteerableSequential([two()[0]]), TypeError, r"a list of layers, .* SteerableSequential\(\*layers\)"),  # type: ignore[arg-type]
        (
            lambda: SteerableSequential(two()[0], nn.ReLU()),  # type: ignore[arg-type]
            TypeError,
            r"layer 1 is a ReLU, .*: pass Pointwise\(fields, nn.ReLU\(\)\)",
        ),
        (lambda: SteerableSequential(nn.BatchNorm2d(8)), TypeError, r"a BatchNorm2d, .*: pass BatchNorm\(fields\)"),  # type: ignore[arg-type]
        (lambda: SteerableSequential(nn.Identity()), TypeError, "a SteerableModule around it"),  # type: ignore[arg-type]
        (
            lambda: SteerableSequential(two(), Pointwise(FIELDS, nn.ReLU())),
            ValueError,
            r"layer 0 .* gives 1x0e of C4, but .* takes 2xregular of C4: .*in_type=layers\[0\].out_type",
        ),
        (lambda: SteerableSequential(two(), size=28.0), ValueError, "size is 28.0, .* size=28"),  # type: ignore[arg-type]
        (
            lambda: SteerableSequential(AveragePool(IMAGE, 2), SteerableConv2d(IMAGE, IMAGE, 9), size=8),
            ValueError,
            r"^layer 1 \(SteerableConv2d\) is given a map of 4 x 4: a window of 9 .* pass kernel_size=4, or padding=3",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_the_fix(attempt, kind, message):
    with pytest.raises(kind, match=message) as refused:
        attempt()
    assert len(re.findall(r"\.(\s|$)", str(refused.value))) == 1  # one sentence
