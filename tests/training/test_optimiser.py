"""The learning rate against its formula, and the state of the optimiser through tensors."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

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


def train(model: nn.Module, optimiser: torch.optim.Optimizer, steps: range) -> None:
    for step in steps:
        optimiser.zero_grad()
        (model(torch.full((1, 3), float(step))) - step).square().sum().backward()
        optimiser.step()


def test_the_state_comes_back_to_the_last_bit():
    models = [nn.Linear(3, 1, bias=False), nn.Linear(3, 1, bias=False), nn.Linear(3, 1, bias=False)]
    optimisers = [make_optimiser(nn.init.ones_(m.weight) is not None and m, TrainerConfig()) for m in models]
    train(models[0], optimisers[0], range(6))
    for model, optimiser in zip(models[1:], optimisers[1:], strict=True):
        train(model, optimiser, range(3))
        fresh = make_optimiser(model, TrainerConfig())
        if model is models[1]:  # the other one forgets
            load_state(fresh, {name: value.clone() for name, value in state_tensors(optimiser).items()})
        train(model, fresh, range(3, 6))
    assert torch.equal(models[0].weight, models[1].weight)
    assert not torch.equal(models[0].weight, models[2].weight)


def test_frozen_parameters_are_left_alone_and_one_must_be_free():
    model = nn.Linear(3, 1)
    model.bias.requires_grad_(False)
    (group,) = make_optimiser(model, TrainerConfig()).param_groups
    assert len(group["params"]) == 1
    model.weight.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter that takes a gradient"):
        make_optimiser(model, TrainerConfig())
