"""What the plain modules hold: inputs stay as they are."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from equigen.steerable.activations.fields import Fields, joined
from equigen.steerable.activations.plain import PlainGate, PlainNorm, PlainSampled

FIELDS = [Fields(0, 2, 1, invariant=True), Fields(2, 1, 2)]


EACH = pytest.mark.parametrize(
    "make",
    [
        lambda act: PlainSampled(FIELDS, [(), (torch.eye(2).double(), torch.eye(2).double())], act),
        lambda act: PlainNorm(FIELDS, act, 0.5, 1e-3),
        lambda act: PlainGate(1, [Fields(1, 1, 1, invariant=True), Fields(2, 1, 2)], act, act),
    ],
    ids=["sampled", "norm", "gate"],
)
IN_PLACE = [nn.ReLU(inplace=True), lambda v: v.relu_(), torch.relu_, lambda v: functional.relu(v, inplace=True)]


@EACH
@pytest.mark.parametrize("in_place", IN_PLACE, ids=["module", "method", "function", "argument"])
def test_functions_that_work_in_place_give_the_same(make, in_place):
    x = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    given = x.clone().requires_grad_()
    slopes = []
    for act in (nn.ReLU(), in_place):
        moved = given * 1.0
        out = make(act)(moved)
        slopes.append(torch.autograd.grad(out.square().sum(), given)[0])
        assert torch.equal(moved.detach(), x)
        with torch.no_grad():
            assert torch.equal(make(act)(moved), out)
        assert torch.equal(moved.detach(), x)
    assert torch.equal(*slopes)


def test_an_empty_batch_stays_empty():
    layer = PlainSampled([Fields(0, 2, 2)], [(torch.eye(2).double(), torch.eye(2).double())], nn.SiLU())
    assert layer(torch.zeros(0, 4, 3, 3)).shape == (0, 4, 3, 3)
    assert PlainNorm(FIELDS, nn.SiLU(), 0.0, 1e-3)(torch.zeros(0, 4, 3, 3)).shape == (0, 4, 3, 3)


def test_a_single_part_is_not_copied():
    x = torch.zeros(1, 2, 3, 3)
    assert joined([x]) is x
