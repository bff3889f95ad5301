"""A function of one number is told from everything that mixes, counts or draws."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from equigen.steerable.activations.scalar_function import require_scalar_function, scalar_function_name


@pytest.mark.parametrize(
    "function", [nn.SiLU(), nn.PReLU(), nn.ReLU(inplace=True), nn.Hardtanh(), torch.tanh, torch.square, lambda x: x + 1]
)
def test_functions_of_one_number_are_taken(function):
    require_scalar_function(function, "Pointwise")


@pytest.mark.parametrize(
    "function",
    [
        nn.Softmax(dim=1),
        nn.Softmax2d(),
        nn.Dropout(0.5),
        nn.RReLU(),
        nn.GLU(dim=1),
        nn.PReLU(4),
        nn.LayerNorm(2),
        lambda x: x - x.mean(),
        lambda x: x.sort(dim=1).values,
        lambda x: x * torch.arange(4.0).view(4, 1, 1),
        lambda x: x.flatten(1),
    ],
)
def test_all_else_is_refused(function):
    with pytest.raises(ValueError, match=r"but .*nn\.(SiLU|PReLU)\(\)"):
        require_scalar_function(function, "Pointwise")


def test_what_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match=r"activation is 'relu', but .*: Pointwise\(\.\.\., nn\.SiLU\(\)\)"):
        require_scalar_function("relu", "Pointwise")  # type: ignore[arg-type]


def test_the_random_state_is_left_alone():
    before = torch.get_rng_state()
    with pytest.raises(ValueError, match="no function of one number"):
        require_scalar_function(nn.Dropout(0.5), "Pointwise")
    assert torch.equal(before, torch.get_rng_state())


def test_weights_of_another_dtype_are_tried_in_it():
    require_scalar_function(nn.PReLU().double(), "Pointwise")


def test_names_are_what_people_write():
    assert scalar_function_name(nn.SiLU()) == "SiLU()"
    assert scalar_function_name(torch.relu) == "relu"


def test_weights_without_numbers_are_not_tried():
    require_scalar_function(nn.PReLU(device="meta"), "Pointwise")


def test_a_class_is_told_to_be_made():
    with pytest.raises(TypeError, match=r"activation is the class ReLU, but .*: pass nn\.ReLU\(\)"):
        require_scalar_function(nn.ReLU, "Pointwise")  # type: ignore[arg-type]
