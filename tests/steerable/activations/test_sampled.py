"""Samples made piece by piece, against the formula in one piece: values, first and second derivatives."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from equigen.steerable.activations import sampled
from equigen.steerable.activations.fields import Fields
from equigen.steerable.activations.in_place import act_in_place, pull_back
from equigen.steerable.activations.known import may_be_repeated
from equigen.steerable.activations.plain import PlainSampled
from equigen.steerable.activations.sampled import act_by_formula, act_on_samples

FUNCTIONS = [nn.SiLU(), nn.ELU(0.7), nn.ReLU(), nn.ReLU(inplace=True), nn.GELU(), torch.tanh, torch.square]
EACH = pytest.mark.parametrize("function", FUNCTIONS)


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def terms():
    """Scalars between functions of 3 and of 2 coordinates."""
    matrices = [noise(5, 3, seed=1), noise(3, 5, seed=2), noise(4, 2, seed=3), noise(2, 4, seed=4)]
    return [
        (Fields(0, 3, 3), *matrices[:2]),
        (Fields(9, 2, 1, invariant=True), None, None),
        (Fields(11, 2, 2), *matrices[2:]),
    ]


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.fixture(params=[1, 40, 300, 10**6])
def cache(request, monkeypatch):
    """Pieces of one field, of some fields, of some items, and everything at once."""
    monkeypatch.setattr(sampled, "_CACHE", request.param)


@EACH
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels last"])
def test_pieces_are_the_whole(function, layout, cache):
    x = noise(5, 15, 2, 3).contiguous(memory_format=layout)
    slope = noise(5, 15, 2, 3, seed=5)
    given = [x.clone().requires_grad_() for _ in range(2)]
    expected = act_by_formula(given[0] * 1.0, terms(), function)
    found = act_on_samples(given[1] * 1.0, terms(), function)
    close(found, expected)
    with torch.no_grad():
        close(act_on_samples(x.clone(), terms(), function), expected.detach())
    for y in (expected, found):
        y.backward(slope)
    close(given[1].grad, given[0].grad)


def test_a_slope_of_a_wrong_piece_is_seen(monkeypatch):
    """The planted fault: a derivative at samples of other fields."""
    x = noise(5, 15, 2, 3).requires_grad_()
    right = torch.autograd.grad(act_by_formula(x, terms(), nn.SiLU()).sum(), x)[0]
    monkeypatch.setattr(sampled, "pull_back", lambda function, values, slopes: pull_back(function, values * 0, slopes))
    wrong = torch.autograd.grad(act_on_samples(x, terms(), nn.SiLU()).sum(), x)[0]
    assert float((wrong - right).norm() / right.norm()) > 0.1


def test_it_can_be_derived_twice():
    x = noise(2, 15, 1, 2).requires_grad_()
    assert torch.autograd.gradgradcheck(lambda x: act_on_samples(x, terms(), nn.SiLU()), x)


def test_derivatives_of_many_slopes_at_once():
    x = noise(2, 15, 1, 2).requires_grad_()
    slopes = noise(3, 2, 15, 1, 2, seed=7)
    (found,) = torch.autograd.grad(act_on_samples(x, terms(), nn.SiLU()), x, slopes, is_grads_batched=True)
    (expected,) = torch.autograd.grad(act_by_formula(x, terms(), nn.SiLU()), x, slopes, is_grads_batched=True)
    close(found, expected)


@EACH
def test_what_is_done_in_place_is_the_function_and_its_derivative(function):
    values, slopes = noise(50), noise(50, seed=1)
    leaf = values.clone().requires_grad_()
    expected = function(leaf * 1.0)
    (derivative,) = torch.autograd.grad(expected, leaf, slopes)
    close(act_in_place(function, values.clone()), expected.detach())
    if function is not FUNCTIONS[3]:
        close(pull_back(function, values.clone(), slopes.clone()), derivative)


class Learned(nn.Module):
    def __init__(self):
        super().__init__()
        self.slope = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))

    def forward(self, x):
        return torch.tanh(self.slope * x)


def test_what_an_activation_learns_gets_its_gradient():
    """Hidden in a function too: only what holds no weights is made again."""
    learned = Learned()
    table = terms()[0]
    for function in (learned, lambda x: learned(x)):
        assert not may_be_repeated(function)
        learned.zero_grad()
        layer = PlainSampled([Fields(0, 3, 3)], [table[1:]], function).double()
        layer(noise(2, 9, 2, 2)).sum().backward()
        assert abs(float(learned.slope.grad)) > 1e-3


def test_hooks_see_all_samples():
    function, seen = nn.SiLU(), []
    layer = PlainSampled([Fields(0, 3, 3)], [terms()[0][1:]], function).double()
    function.register_forward_hook(lambda module, given, out: seen.append(out.numel()))
    layer(noise(2, 9, 2, 2))
    assert seen == [2 * 3 * 5 * 4]


def layer_of(function):
    return PlainSampled([Fields(0, 3, 3)], [terms()[0][1:]], function).double()


@pytest.mark.parametrize("nested", [False, True], ids=["alone", "in a sequence"])
@pytest.mark.parametrize(
    "register",
    [
        lambda act, call: act.register_full_backward_hook(lambda *given: call()),
        lambda act, call: act.register_full_backward_pre_hook(lambda *given: call()),
        lambda act, call: act.register_forward_pre_hook(lambda *given: call()),
        lambda act, call: nn.modules.module.register_module_full_backward_hook(
            lambda module, *given: call() if module is act else None
        ),
    ],
    ids=["backward", "before backward", "before forward", "global backward"],
)
def test_hooks_are_called_once_a_step(nested, register):
    function, calls = nn.SiLU(), []
    layer = layer_of(nn.Sequential(function) if nested else function)
    handle = register(function, lambda: calls.append(1))
    try:
        layer(noise(2, 9, 2, 2).requires_grad_()).sum().backward()
    finally:
        handle.remove()
    assert calls == [1]


class Stateful(nn.Module):
    """A function of a number that counts its calls and the elements it is given, and depends on the mode."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(2, dtype=torch.long))

    def forward(self, x):
        self.seen += torch.tensor([1, x.numel()])
        return torch.tanh(x) if self.training else torch.sin(x)


def test_an_activation_with_a_state_is_called_once():
    layer = layer_of(Stateful())
    layer(noise(2, 9, 2, 2).requires_grad_()).sum().backward()
    assert layer.activation.seen.tolist() == [1, 2 * 3 * 5 * 4]


@pytest.mark.parametrize("kind", ["mode", "setting"])
def test_the_derivative_is_that_of_the_function_as_it_was(kind):
    function = Stateful() if kind == "mode" else nn.ELU(0.7)
    layer, x = layer_of(function), noise(2, 9, 2, 2)

    def gradient(change):
        given = x.clone().requires_grad_()
        y = layer(given)
        if change:
            layer.eval()
            function.alpha = 3.0
        y.sum().backward()
        return given.grad

    expected, found = gradient(False), gradient(True)
    assert torch.equal(found, expected)
    assert not torch.allclose(gradient(False), expected, atol=1e-3)  # the change does make a difference


def test_a_derivative_under_autocast_is_not_rounded():
    layer, x = layer_of(nn.SiLU()).float(), noise(2, 9, 2, 2).float()
    found = []
    for low in (False, True):
        given = x.clone().requires_grad_()
        y = layer(given).square().sum()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=low):
            y.backward()
        found.append(given.grad)
    torch.testing.assert_close(found[1], found[0], rtol=1e-5, atol=1e-6)


def test_samples_are_not_kept():
    """What autograd holds on to is the input alone; the formula holds on to more."""
    x = noise(2, 9, 4, 4).requires_grad_()

    def held(run):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda y: sizes.append(y.numel()) or y, lambda y: y):
            run(x, [terms()[0]], nn.SiLU())
        return sum(sizes)

    assert held(act_on_samples) == x.numel()
    assert held(act_by_formula) > 1.5 * x.numel()
