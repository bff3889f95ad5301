"""The penalty against the filter's own constant, and what training on it does."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.filters.polynomial import Polynomial
from equigen.graphs.stability.penalty import integral_lipschitz_penalty
from equigen.graphs.stability.responses import SLACK, responses
from tests.graphs.all_graphs import noise

INTERVALS = [(0.0, 2.0), (-1.0, 1.0), (-3.0, 0.5)]


@pytest.mark.parametrize("order", [0, 1, 3, 9])
@pytest.mark.parametrize(("low", "high"), INTERVALS)
def test_points_see_nearly_the_largest(order, low, high):
    taps = noise(order + 1, seed=order)
    filter = Polynomial(taps)
    for of, constant in (
        ("response", filter.largest(low, high)),
        ("derivative", filter.lipschitz(low, high)),
        ("integral", filter.integral_lipschitz(low, high)),
    ):
        found = float(responses(taps, low, high, of).abs().max())
        assert constant / SLACK - 1e-12 <= found <= constant * (1 + 1e-9) + 1e-12
    assert float(integral_lipschitz_penalty(taps, low, high)) == float(
        responses(taps, low, high, "integral").abs().max()
    )


def test_four_points_for_each_degree_would_not_do():
    """The planted fault: with K + 1 points the slack is not 2 %."""
    taps = noise(10, seed=2)
    filter = Polynomial(taps)
    points = torch.cos((torch.arange(5) + 0.5) * torch.pi / 5).double()
    assert float(filter.response(points).abs().max()) < filter.largest(-1.0, 1.0) / SLACK


def test_a_layer_is_as_bad_as_the_worst_of_its_filters():
    taps = noise(4, 2, 3)
    each = [float(integral_lipschitz_penalty(taps[:, a, b], 0.0, 2.0)) for a in range(2) for b in range(3)]
    assert float(integral_lipschitz_penalty(taps, 0.0, 2.0)) == pytest.approx(max(each))


def test_descending_the_penalty_lowers_the_constant():
    taps = noise(4, 2, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda taps: integral_lipschitz_penalty(taps, 0.0, 2.0), (taps,))
    before = float(integral_lipschitz_penalty(taps, 0.0, 2.0).detach())
    optimiser = torch.optim.SGD([taps], lr=0.01)
    for _ in range(40):
        optimiser.zero_grad()
        integral_lipschitz_penalty(taps, 0.0, 2.0).backward()
        optimiser.step()
    assert float(integral_lipschitz_penalty(taps, 0.0, 2.0).detach()) < 0.5 * before
    assert taps.detach()[0].equal(noise(4, 2, 2)[0])  # a constant response is as stable as none


@pytest.mark.parametrize(
    ("taps", "low", "high"), [(torch.ones(()), 0.0, 1.0), (torch.ones(0), 0.0, 1.0), (torch.ones(2), 1.0, 0.0)]
)
def test_bad_input_gets_one_sentence(taps, low, high):
    with pytest.raises(ValueError, match="but "):
        integral_lipschitz_penalty(taps, low, high)
