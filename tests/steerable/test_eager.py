"""When layers take their own loops and derivatives, and when the formulas as they are written."""

from __future__ import annotations

import pytest
import torch
from torch.autograd import forward_ad
from torch.utils.flop_counter import FlopCounterMode

from equigen.steerable.eager import ordinary, untransformed


def test_whatever_looks_at_operations_is_noticed():
    assert untransformed()
    seen = []
    torch.func.grad(lambda x: seen.append(untransformed()) or x.sum())(torch.zeros(2))
    with FlopCounterMode(display=False):
        seen.append(untransformed())
    with forward_ad.dual_level():
        seen.append(untransformed())
    assert seen == [False, False, False]
    assert untransformed()


@pytest.mark.parametrize(
    "x",
    [torch.zeros(2, dtype=torch.float16), torch.zeros(0), torch.zeros(2, device="meta"), torch.zeros(2).to_sparse()],
    ids=["half", "empty", "meta", "sparse"],
)
def test_other_tensors_are_not_ordinary(x):
    assert not ordinary(x)


def test_autocast_is_not_ordinary():
    x = torch.zeros(2)
    assert ordinary(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert not ordinary(x)
