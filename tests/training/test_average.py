"""The average against its closed form: a weighted mean whose weights halve every half-life."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from equigen.training.average import Average, keep


class Number(nn.Module):
    def __init__(self, value: float = 0.0) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.tensor(value, dtype=torch.float64))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))


def follow(values: list[float], half_life: float, start: float = 0.0) -> float:
    model = Number(start)
    average = Average(model, len(values), half_life)
    for step, value in enumerate(values, 1):
        model.value.data.fill_(value)
        average.update(step)
    return average.model.value.item()


def weighted(values: list[float], half_life: float, start: float) -> float:
    """The same as an explicit sum over all steps, from the definition h = f min(K, 2 k)."""
    steps, total, left = len(values), 0.0, 1.0
    for step in range(steps, 0, -1):
        decay = 0.5 ** (1.0 / (half_life * min(steps, 2 * step)))
        total += left * (1.0 - decay) * values[step - 1]
        left *= decay
    return total + left * start


@pytest.mark.parametrize("half_life", [0.01, 0.1, 0.5])
def test_it_is_the_weighted_mean(half_life):
    values = [float(k * k % 17) for k in range(1, 201)]
    assert follow(values, half_life, 3.0) == pytest.approx(weighted(values, half_life, 3.0), abs=1e-12)
    assert abs(follow(values, half_life, 3.0) - weighted(values, half_life / 2, 3.0)) > 1e-3  # a wrong half-life


@pytest.mark.parametrize("half_life", [0.05, 0.2, 0.5])
def test_a_jump_one_half_life_before_the_end_is_half_forgotten(half_life):
    jump = 1000 - round(half_life * 1000)
    assert follow([0.0] * jump + [1.0] * (1000 - jump), half_life) == pytest.approx(0.5, abs=1e-9)


def test_the_start_is_forgotten():
    assert abs(follow([0.0] * 1000, 0.1, start=1.0)) < 1e-6
    assert 0.5**10 > 1e-4  # what it would be without the shorter half-life of the first half


def test_no_half_life_is_no_average():
    assert keep(3, 10, 0.0) == 0.0
    assert follow([1.0, 2.0, 7.0], 0.0) == 7.0


def test_buffers_are_copied_and_the_copy_is_apart():
    model = Number()
    average = Average(model, 10, 0.3)
    model.count += 5
    average.update(1)
    assert average.model.count.item() == 5
    assert not average.model.training
    assert model.training
    assert model.value.requires_grad
    assert not average.model.value.requires_grad
