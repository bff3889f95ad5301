"""The learning rate against its formula, and the state of the optimiser through tensors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from equigen.random import Stream, normal
from equigen.training.config import TrainerConfig
from equigen.training.optimiser import learning_rate, load_state, make_optimiser, state_tensors


def test_the_learning_rate_rises_along_a_line_and_falls_along_a_cosine():
    config = TrainerConfig(steps=1000, learning_rate=0.5, warmup=0.1)
    rates = [learning_rate(step, config) for step in range(1, 1001)]
    assert rates[:100] == pytest.approx([0.5 * step / 100 for step in range(1, 101)])
    assert rates[100:] == pytest.approx([0.25 * (1 + math.cos(math.pi * k / 900)) for k in range(900)])
    assert sum(rates) / 1000 == pytest.approx(0.5 * (0.1 / 2 + 0.9 / 2), rel=3e-3)  # a triangle and half a period
    assert 0 < rates[-1] < 2e-6


def test_constant_stays_and_no_warmup_begins_at_the_peak():
    config = TrainerConfig(steps=10, learning_rate=0.5, warmup=0.0, decay="constant")
    assert {learning_rate(step, config) for step in range(1, 11)} == {0.5}
    assert learning_rate(1, TrainerConfig(steps=1, learning_rate=0.5)) == 0.5


def network() -> nn.Module:
    """Two layers, one of them with its channels innermost in memory, as convolutions like it."""
    layers = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.Flatten(), nn.Linear(8, 1))
    for number, parameter in enumerate(layers.parameters()):
        parameter.data = normal(parameter.shape, seed=0, stream=Stream.LAW, item=number)
    return layers.to(memory_format=torch.channels_last)


def train(model: nn.Module, optimiser: torch.optim.Optimizer, steps: range) -> None:
    x = normal((3, 2, 2), seed=1, stream=Stream.LAW, item=torch.arange(4))
    for step in steps:
        optimiser.zero_grad()
        (model(x + step) - step).square().sum().backward()
        optimiser.step()


def broken(half: dict[str, torch.Tensor], fault: str) -> dict[str, torch.Tensor]:
    """What is put back: as it was, or with a fault."""
    if fault == "forgets all":
        return {}
    if fault == "forgets the step":
        return {name: value if not name.endswith("/step") else torch.zeros(()) for name, value in half.items()}
    if fault == "turns a moment":
        return half | {"0/exp_avg": half["0/exp_avg"].flip(0)}
    return half


@pytest.mark.parametrize("fault", ["", "forgets all", "forgets the step", "turns a moment"])
def test_the_state_comes_back_to_the_last_bit(fault):
    whole, resumed = network(), network()
    first, second = make_optimiser(whole, TrainerConfig()), make_optimiser(resumed, TrainerConfig())
    train(whole, first, range(6))
    train(resumed, second, range(3))
    kept = {name: value.clone(memory_format=torch.contiguous_format) for name, value in state_tensors(second).items()}
    third = make_optimiser(resumed, TrainerConfig())
    load_state(third, broken(kept, fault))
    train(resumed, third, range(3, 6))
    pairs = zip(whole.parameters(), resumed.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs) is (fault == "")


def test_frozen_parameters_are_left_alone_and_one_must_be_free():
    model = nn.Linear(3, 1)
    model.bias.requires_grad_(False)
    (group,) = make_optimiser(model, TrainerConfig()).param_groups
    assert len(group["params"]) == 1
    model.weight.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter that takes a gradient"):
        make_optimiser(model, TrainerConfig())
