"""What is no tensor of real numbers is refused by every layer, and constants are nobody's to change."""

from __future__ import annotations

import copy

import pytest
import torch

from tests.steerable.cases.all_cases import ALL_CASES

KINDS = {}
for _case in ALL_CASES:
    KINDS.setdefault(_case.kind, _case)
EACH_KIND = pytest.mark.parametrize("case", KINDS.values(), ids=KINDS.keys())


@EACH_KIND
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.complex64], ids=str)
def test_whole_and_complex_numbers_are_refused(case, dtype):
    layer = case.build()
    with pytest.raises(TypeError, match=r"x is (uint8|int64|complex64), but .* takes real numbers in floating point"):
        layer(torch.zeros(2, layer.in_type.size, *case.size, dtype=dtype))


@EACH_KIND
def test_it_may_be_built_without_memory_and_filled_later(case):
    layer = case.build().eval()
    with torch.device("meta"):
        late = case.build()
    moved = copy.deepcopy(layer).to("meta")
    x = torch.randn(2, layer.in_type.size, *case.size, generator=torch.Generator().manual_seed(0))
    for other in (late, moved):
        junk = [torch.full((n,), 1e30) for n in (4, 9, 16, 25, 64, 144)]  # memory that is not zero by chance
        del junk
        other.to_empty(device="cpu")
        other.load_state_dict(layer.state_dict())
        with torch.no_grad():
            assert torch.equal(other.eval()(x), layer(x))


@EACH_KIND
def test_averaging_a_copy_leaves_the_layer_and_new_ones_alone(case):
    layer = case.build().eval()
    x = torch.randn(2, layer.in_type.size, *case.size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = layer(x)
        average = copy.deepcopy(layer)
        for _ in range(1000):
            for mean, value in zip(average.buffers(), layer.buffers(), strict=True):
                if mean.is_floating_point():
                    mean.mul_(0.99).add_(value, alpha=0.01)
        for mean in average.buffers():
            mean.mul_(2)
        assert torch.equal(layer(x), before)
        new = case.build().eval()
        new.load_state_dict(layer.state_dict())
        assert torch.equal(new(x), before)
