"""What a run will cost: counted by hand for layers whose needs are known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from equigen.spaces.batch import Batch
from equigen.training.config import TrainerConfig
from equigen.training.cost import Cost, estimate
from equigen.training.engine import Engine

CONFIG = TrainerConfig(steps=50, batch_size=16, device="cpu")


class Layers(nn.Module):
    """One layer of d to d, then the square; autograd keeps the layer's input and its output."""

    def __init__(self, d: int = 8, frozen: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(d, d, bias=False).requires_grad_(not frozen)
        self.other = nn.Parameter(torch.ones(1))
        self.calls: list[int] = []

    def loss(self, batch: Batch, seed: int, step: int) -> torch.Tensor:
        self.calls.append(step)
        return (self.layer(batch.x * self.other)).square().mean()


def cost(model: nn.Module, n: int = 16, d: int = 8) -> Cost:
    return estimate(model, Batch.whole(torch.ones(n, d)), CONFIG, Engine(CONFIG))


def test_parameters_and_memory_are_counted():
    found = cost(Layers())
    assert found.parameters == 65
    kept = 3 * 16 * 8 * 4  # x, x times other, the layer's output; the weight is counted among the parameters
    assert found.memory_bytes == pytest.approx(5 * 65 * 4 + kept, abs=4 * 8)


def test_memory_grows_with_the_batch_and_frozen_parameters_cost_nothing():
    small, large = cost(Layers(), 16), cost(Layers(), 160)
    assert large.memory_bytes - small.memory_bytes == 9 * 3 * 16 * 8 * 4
    assert cost(Layers(frozen=True)).parameters == 1


def test_the_time_is_that_of_all_steps():
    found = cost(Layers())
    assert found.seconds == pytest.approx(CONFIG.steps * found.step_seconds)
    assert 0 < found.step_seconds < 10


def test_the_model_and_the_global_generator_are_left_as_they_were():
    model = Layers()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    cost(model)
    assert torch.equal(torch.rand(3), expected)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.calls == []
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.3, "less than a second"),
        (50.0, "50 s"),
        (600.0, "10 min"),
        (7200.0, "2 h"),
        (5000.0, "83 min"),
        (4.5e5, "125 h"),
    ],
)
def test_time_and_memory_read_as_a_person_says_them(seconds, words):
    assert words in Cost(seconds, 0.1, 10, 2**21).sentence(10)
    assert "2 MiB" in Cost(seconds, 0.1, 10, 2**21).sentence(10)
    assert "1.5 GiB" in Cost(seconds, 0.1, 10, 3 * 2**29).sentence(10)
