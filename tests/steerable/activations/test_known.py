"""Which activations are known: torch's own, as they are; none that is watched, changed, or works in place unseen."""

from __future__ import annotations

import functools

import pytest
import torch
from torch import nn
from torch.nn import functional

from equigen.steerable.activations.known import keeps_its_argument, may_be_repeated
from equigen.steerable.activations.sampled import act_by_formula, act_on_samples
from tests.steerable.activations.test_sampled import noise, terms

MODULES = [
    *(nn.SiLU(), nn.ReLU(), nn.ELU(0.3), nn.CELU(), nn.GELU("tanh"), nn.Hardshrink(), nn.Hardsigmoid(), nn.Hardswish()),
    *(nn.Hardtanh(), nn.Identity(), nn.LeakyReLU(), nn.LogSigmoid(), nn.Mish(), nn.ReLU6(), nn.SELU(), nn.Sigmoid()),
    *(nn.Softplus(), nn.Softshrink(), nn.Softsign(), nn.Tanh(), nn.Tanhshrink(), nn.Threshold(0.1, 0.0)),
]
FUNCTIONS = [torch.tanh, torch.sin, torch.square, torch.detach, functional.silu, functional.gelu, functional.softplus]


class Child(nn.SiLU):
    def forward(self, x):
        return 2 * super().forward(x)


def changed(module, **values):
    for name, value in values.items():
        setattr(module, name, value)
    return module


UNKNOWN = [
    *(nn.PReLU(), nn.RReLU(), Child(), nn.Sequential(nn.SiLU()), changed(nn.SiLU(), forward=torch.tanh)),
    *(torch.relu_, functional.elu_, lambda x: x.relu_(), functools.partial(functional.silu, inplace=True)),
]


@pytest.mark.parametrize("function", [*MODULES, *FUNCTIONS])
def test_the_known_are_the_same_piece_by_piece(function):
    assert may_be_repeated(function)
    assert keeps_its_argument(function)
    x = noise(2, 15, 2, 3)
    given = [x.clone().requires_grad_() for _ in range(2)]
    out = [run(each, terms(), function) for run, each in zip((act_by_formula, act_on_samples), given, strict=True)]
    torch.testing.assert_close(out[1], out[0], rtol=1e-12, atol=1e-12)
    assert torch.equal(given[1].detach(), x)
    if out[0].requires_grad:
        slopes = [torch.autograd.grad(y.square().sum(), each)[0] for y, each in zip(out, given, strict=True)]
        torch.testing.assert_close(slopes[1], slopes[0], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("function", UNKNOWN)
def test_the_unknown_are_neither(function):
    assert not may_be_repeated(function)
    assert not keeps_its_argument(function)


def test_what_works_in_place_and_says_so():
    assert may_be_repeated(nn.ELU(inplace=True))
    assert not may_be_repeated(nn.LeakyReLU(inplace=True))
    assert not any(keeps_its_argument(act(inplace=True)) for act in (nn.ELU, nn.LeakyReLU))
