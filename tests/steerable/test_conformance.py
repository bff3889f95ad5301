"""What every steerable layer has to do: one suite over all kinds, and a planted fault for each question it asks."""

from __future__ import annotations

import copy
import io
import pickle
import warnings

import pytest
import torch
from torch import Tensor, nn

from equigen.steerable.module import SteerableModule
from tests.steerable.cases.all_cases import ALL_CASES
from tests.steerable.cases.case import Case
from tests.steerable.motions import commutator, motions, moved

EACH = pytest.mark.parametrize("case", ALL_CASES, ids=lambda case: case.name)
KINDS = {}
for _case in ALL_CASES:
    KINDS.setdefault(_case.kind, _case)
EACH_KIND = pytest.mark.parametrize("case", KINDS.values(), ids=KINDS.keys())


def built(case: Case, dtype: torch.dtype = torch.float64, training: bool = False, seed: int = 0) -> SteerableModule:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        layer = case.build().to(dtype)
        for value in layer.parameters():  # off the special values of a fresh layer: scales of one, shifts of zero
            value.data += 0.1 * torch.randn(value.shape, dtype=dtype)
        for name, value in layer.named_buffers():
            if "running" in name and value.is_floating_point():
                value.copy_(0.5 + torch.rand(value.shape, dtype=dtype)) if "var" in name or "square" in name else value
    return layer.train(training)


def noise(case: Case, layer: SteerableModule, batch: int = 2, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = (batch, layer.in_type.size, *case.size)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)


def asymmetry(layer: SteerableModule, x: Tensor) -> float:
    """The largest relative error of f(g x) = g f(x), L2 over the batch, of the motions of the grid."""
    return commutator(layer, x, motions(layer.out_type.group))


@EACH
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_it_is_equivariant(case, training):
    if training and not case.train:
        pytest.skip("drops at random")
    for dtype, within in ((torch.float64, 1e-13), (torch.float32, case.float32)):
        layer = built(case, dtype, training)
        assert asymmetry(layer, noise(case, layer, dtype=dtype)) <= within


class Marked(nn.Module):
    """A layer that adds a corner pixel: the smallest thing that has an up."""

    def __init__(self, layer: SteerableModule):
        super().__init__()
        self.layer, self.in_type, self.out_type = layer, layer.in_type, layer.out_type

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x).clone()
        out[..., 0, 0] += 0.01
        return out


@EACH
def test_a_planted_corner_is_found(case):
    layer = built(case)
    height, width = layer(noise(case, layer)).shape[-2:]
    if layer.out_type.group.on_grid().order == 1 or (height, width) == (1, 1):
        pytest.skip("nothing moves")
    assert asymmetry(Marked(layer), noise(case, layer)) > 1e-6


@EACH
def test_its_types_are_what_it_takes_and_gives(case):
    layer = built(case)
    x = noise(case, layer)
    step = layer.grid_step(*case.size)
    assert layer(x).shape == (2, layer.out_type.size, step.height, step.width)
    assert step.exact_under(layer.in_type.group)
    assert layer(x.float().double()).dtype == torch.float64
    with pytest.raises(ValueError, match=r"x has shape .*, but"):
        layer(torch.zeros(1, layer.in_type.size + 1, *case.size, dtype=torch.float64))


@EACH
def test_its_gradient_is_equivariant(case):
    """If f(g x) = g f(x) then the gradient of an invariant function of f is equivariant, matrices being orthogonal."""
    layer = built(case)

    def gradient(x: Tensor) -> Tensor:
        x = x.clone().requires_grad_()
        return torch.autograd.grad(layer(x).square().square().sum(), x)[0]

    x = noise(case, layer)
    here = gradient(x)
    for g in motions(layer.out_type.group):
        there = gradient(moved(layer.in_type, x, g))
        assert float((there - moved(layer.in_type, here, g)).norm() / here.norm()) <= 1e-12


@EACH
def test_its_gradient_is_that_of_differences(case):
    if not case.smooth:
        pytest.skip("has kinks")
    layer = built(case, training=case.train)
    x = noise(case, layer)
    names, values = zip(*layer.named_parameters(), strict=True) if list(layer.parameters()) else ((), ())
    inputs = [x, *values]
    directions = [
        torch.randn(v.shape, generator=torch.Generator().manual_seed(i), dtype=v.dtype) for i, v in enumerate(inputs)
    ]

    def along(s: float) -> Tensor:
        moved_values = [v.detach() + s * d for v, d in zip(inputs, directions, strict=True)]
        buffers = {name: value.clone() for name, value in layer.named_buffers()}  # running averages stay out of it
        given = dict(zip(names, moved_values[1:], strict=True)) | buffers
        return torch.func.functional_call(layer, given, (moved_values[0],)).sin().sum()

    x.requires_grad_()
    buffers = {name: value.clone() for name, value in layer.named_buffers()}
    out = torch.func.functional_call(layer, dict(zip(names, values, strict=True)) | buffers, (x,)).sin().sum()
    slopes = torch.autograd.grad(out, [x, *values])
    expected = sum(float((s * d).sum()) for s, d in zip(slopes, directions, strict=True))
    step = 1e-4
    with torch.no_grad():
        measured = float(8 * (along(step) - along(-step)) - (along(2 * step) - along(-2 * step))) / (12 * step)
    assert measured == pytest.approx(expected, rel=1e-7, abs=1e-7)


@EACH
def test_items_of_a_batch_do_not_meet(case):
    layer = built(case)
    x = noise(case, layer, batch=3)
    alone = torch.cat([layer(x[i : i + 1]) for i in range(3)])
    assert torch.allclose(layer(x), alone, rtol=1e-12, atol=1e-13)
    if case.coupled:
        layer.train()
        apart = torch.cat([layer(x[i : i + 1]) for i in range(3)])
        assert not torch.allclose(layer(x), apart, rtol=1e-6)  # the check can fail


@EACH
def test_it_runs_under_autocast(case):
    layer = built(case, torch.float32)
    x = noise(case, layer, dtype=torch.float32)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        rough = layer(x)
    assert rough.isfinite().all()
    with torch.no_grad():
        exact = layer(x)
    assert float((rough.float() - exact).norm() / exact.norm()) <= 3e-2


@EACH
def test_it_runs_in_inference_mode(case):
    layer = built(case)
    x = noise(case, layer)
    with torch.no_grad():
        expected = layer(x)
    with torch.inference_mode():
        assert torch.equal(layer(x), expected)
        assert torch.equal(layer(x.clone()), expected)


@EACH
def test_its_state_travels(case):
    """Keys do not depend on the mode, and a copy by any way gives the same numbers bit for bit."""
    layer = built(case)
    x = noise(case, layer)
    with torch.no_grad():
        expected = layer(x)
    keys = list(layer.state_dict())
    assert keys == list(layer.train().state_dict())
    layer.eval()
    stored = io.BytesIO()
    torch.save(layer.state_dict(), stored)
    stored.seek(0)
    loaded = built(case, seed=1)
    with torch.no_grad():
        loaded(x)  # fills whatever is cached
    loaded.load_state_dict(torch.load(stored))
    with torch.no_grad():
        for other in (loaded, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
            assert list(other.state_dict()) == keys
            assert torch.equal(other(x), expected)


@EACH
def test_it_can_be_laid_out_before_its_weights_are_there(case):
    """Built without memory, given memory, then loaded: what large models do."""
    layer = built(case, torch.float32)
    with torch.device("meta"):
        late = case.build()
    late = late.to_empty(device="cpu").eval()
    late.load_state_dict(layer.state_dict())
    x = noise(case, layer, dtype=torch.float32)
    with torch.no_grad():
        assert torch.equal(late(x), layer(x))


@EACH
def test_an_average_of_its_buffers_leaves_it_alone(case):
    """Whatever loops over the buffers of a copy, as averages of models do, touches no other layer."""
    layer = built(case)
    x = noise(case, layer)
    with torch.no_grad():
        expected = layer(x)
        for value in copy.deepcopy(layer).buffers():
            if value.is_floating_point():
                value.mul_(0.5)
        assert torch.equal(layer(x), expected)
        assert torch.equal(built(case)(x), expected)


@EACH
def test_its_numbers_follow_its_weights(case):
    """Whatever is kept of old weights is let go: an optimiser's step, an average's update, another dtype."""
    layer = built(case)
    if not list(layer.parameters()):
        pytest.skip("no weights")
    x = noise(case, layer)
    with torch.no_grad():
        before = layer(x)
        for value in layer.parameters():
            value.lerp_(torch.randn(value.shape, generator=torch.Generator().manual_seed(5), dtype=value.dtype), 0.5)
        after = layer(x)
        fresh = built(case)
        fresh.load_state_dict(layer.state_dict())
        assert torch.equal(after, fresh(x))
        assert not torch.allclose(before, after)
        single = layer.float()(x.float())
    assert single.dtype == torch.float32
    assert torch.allclose(single.double(), after, rtol=1e-4, atol=1e-4)


@EACH
def test_it_is_the_plain_module_it_hands_out(case):
    layer = built(case, torch.float32)
    x = noise(case, layer, dtype=torch.float32)
    plain = layer.plain().eval()
    assert not any(isinstance(module, SteerableModule) for module in plain.modules())
    assert b"FieldType" not in pickle.dumps(plain)
    with torch.no_grad():
        expected = layer(x)
        assert float((plain(x) - expected).norm() / expected.norm()) <= 1e-6


@EACH_KIND
def test_it_compiles_in_one_graph(case):
    torch._dynamo.reset()
    layer = built(case)
    x = noise(case, layer)
    with torch.no_grad():
        assert torch.allclose(torch.compile(layer, fullgraph=True, backend="aot_eager")(x), layer(x), atol=1e-12)
    trained = built(case, training=True)
    if case.train:
        twin = copy.deepcopy(trained)
        out = torch.compile(trained, fullgraph=True, backend="aot_eager")(x.requires_grad_())
        (compiled,) = torch.autograd.grad(out.square().sum(), x)
        (eager,) = torch.autograd.grad(twin(x).square().sum(), x)
        assert torch.allclose(compiled, eager, atol=1e-11)


@EACH_KIND
def test_it_is_exported(case):
    layer = built(case, torch.float32)
    x = noise(case, layer, dtype=torch.float32)
    program = torch.export.export(layer, (x,))
    with torch.no_grad():
        assert torch.allclose(program.module()(x), layer(x), atol=1e-6)


@EACH_KIND
def test_it_runs_in_another_runtime(case):
    import numpy as np
    import onnxruntime

    layer = built(case, torch.float32)
    x = noise(case, layer, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(layer, (x,), dynamo=True, verbose=False)
    assert program is not None
    stored = io.BytesIO()
    program.save(stored)
    session = onnxruntime.InferenceSession(stored.getvalue(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        expected = layer(x).numpy()
    assert np.linalg.norm(found - expected) <= 1e-5 * np.linalg.norm(expected)
