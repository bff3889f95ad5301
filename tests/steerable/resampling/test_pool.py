"""Pools, means over cells and blurs: their numbers by hand, their symmetry by size, and what they refuse."""

from __future__ import annotations

import io
import math
import warnings

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import O2, Cyclic, Dihedral
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.blur import BlurPool, binomial
from equigen.steerable.resampling.downsample import Downsample
from equigen.steerable.resampling.pool import AveragePool, GlobalAveragePool, MaxPool
from equigen.steerable.resampling.upsample import Upsample
from tests.steerable.motions import asymmetry, noise

MIXED = FieldType(Dihedral(4), "1x0o + 1x1 + 1xregular")
NUMBER = FieldType(Cyclic(4), "1x0e")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_layers_that_promise_every_size_keep_it(dtype):
    layers = (Downsample(MIXED), Downsample(MIXED, 3), Upsample(MIXED), Upsample(MIXED, 3, mode="nearest"))
    for layer in (*layers, GlobalAveragePool(MIXED)):
        for size in (*range(1, 10), 16, 33, (5, 8)):
            whole = (size, size) if isinstance(size, int) else size
            assert layer.grid_step(*whole).quarter_turns
            assert asymmetry(layer.to(dtype), whole, dtype=dtype) <= (1e-6 if dtype == torch.float32 else 1e-13)


def test_a_planted_floor_of_the_size_is_found():
    """Half a map rounded down by dropping the last row, as the usual pool does on odd maps, keeps no symmetry."""

    class Floored(Downsample):
        def forward(self, x):
            return nn.functional.avg_pool2d(x, self.factor)

    assert asymmetry(Floored(MIXED), (8, 8)) <= 1e-13
    assert asymmetry(Floored(MIXED), (9, 9)) > 1e-1


def test_cells_share_an_odd_map_evenly():
    half = Downsample(NUMBER)
    assert half(torch.arange(7.0).expand(1, 1, 7, 7))[0, 0, 0].tolist() == [0.5, 2.0, 4.0, 5.5]
    x = noise(1, (8, 6))
    assert torch.allclose(half(x), AveragePool(NUMBER)(x), atol=1e-15)


def test_the_blur_is_binomial_and_keeps_constants():
    assert (binomial(4)[0] * 64).tolist() == [1.0, 3.0, 3.0, 1.0]
    for k, mode in ((2, "reflect"), (3, "replicate"), (4, "circular"), (5, "reflect")):
        assert binomial(k).sum().item() == 1.0
        blur = BlurPool(NUMBER, k, stride=1, padding_mode=mode)
        assert torch.allclose(blur(torch.ones(1, 1, 6, 6)), torch.ones(()), atol=1e-6)


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_the_blur_passes_of_a_wave_what_it_says(k):
    """cos^(k - 1)(w/2) of frequency w, at the shortest wave of the coarser map: 4 pixels of the finer one."""
    wave = torch.cos(2 * math.pi * torch.arange(16, dtype=torch.float64) / 4 + 0.3).expand(1, 1, 16, 16)
    blurred = BlurPool(NUMBER, k, stride=1, padding_mode="circular").double()(wave)[..., :12, :12]
    passed = float(blurred.norm() / math.sqrt(blurred.numel()) / (wave.norm() / 16))
    assert passed == pytest.approx(math.cos(math.pi / 4) ** (k - 1), abs=1e-12)
    assert f"{passed:.0%}" in BlurPool(NUMBER, k).grid_step(16, 16).limit


def test_the_blur_repairs_by_the_parity_of_its_kernel():
    assert BlurPool(NUMBER, 4).grid_step(9, 9).repairs == ("kernel_size=5", "kernel_size=3", "size=(10, 10)")
    assert BlurPool(NUMBER, 3).grid_step(8, 8).repairs[:2] == ("kernel_size=4", "kernel_size=2")
    assert BlurPool(NUMBER, 3).grid_step(8, 9).repairs == ("size=(9, 9)",)


def test_the_maximum_is_refused_where_the_group_mixes_channels():
    for fields in (MIXED, FieldType(O2(), "1x0o"), FieldType(Cyclic(8), "1x1")):
        with pytest.raises(ValueError, match=r"mixes, but MaxPool .*: pool their mean, AveragePool\(in_type, 2\)"):
            MaxPool(fields)
    assert MaxPool(FieldType(Dihedral(4), "1x0e + 1xregular + 1xquotient(D1)")).grid_step(8, 8).flips

    class Unchecked(MaxPool):
        def __init__(self, fields):
            nn.Module.__init__(self)
            self.in_type = self.out_type = fields
            self.kernel_size, self.stride, self.padding = 2, 2, 0
            self.body = nn.MaxPool2d(2)

    assert asymmetry(Unchecked(FieldType(Cyclic(4), "1x1")), (8, 8)) > 1e-1  # what the refusal is for


@pytest.mark.parametrize("pool", [AveragePool, MaxPool])
def test_settings_out_of_range_are_refused(pool):
    with pytest.raises(ValueError, match=rf"kernel_size is 0, but {pool.__name__} takes .*: pass kernel_size=2"):
        pool(NUMBER, 0)
    with pytest.raises(ValueError, match=r"stride is 1\.5"):
        pool(NUMBER, 2, stride=1.5)
    with pytest.raises(ValueError, match=r"padding is 2, .*: pass padding=1"):
        pool(NUMBER, 3, padding=2)
    with pytest.raises(ValueError, match="does not fit into 1 pixels"):
        pool(NUMBER, 2).grid_step(1, 8)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Downsample(NUMBER, 1), "pass factor=2"),
        (lambda: Upsample(NUMBER, 1.5), "pass factor=2"),
        (lambda: Upsample(NUMBER, mode="cubic"), 'pass mode="bilinear"'),
        (lambda: BlurPool(NUMBER, 1), "pass kernel_size=4"),
        (lambda: BlurPool(NUMBER, padding_mode="same"), 'pass padding_mode="reflect"'),
    ],
)
def test_bad_settings_of_the_others_are_refused(build, words):
    with pytest.raises(ValueError, match=words):
        build()


@pytest.mark.parametrize(
    ("build", "good", "bad", "words"),
    [
        (lambda size: AveragePool(NUMBER, 2, size=size), 28, 29, "AveragePool with kernel_size=2, .* take .*size="),
        (lambda size: MaxPool(NUMBER, 3, stride=2, padding=1, size=size), (29, 31), (28, 31), r"take size=\(29, 31\)"),
        (lambda size: BlurPool(NUMBER, 4, size=size), 28, 29, "BlurPool with kernel_size=4, .* take kernel_size=5"),
    ],
)
def test_a_size_that_breaks_the_symmetry_is_refused(build, good, bad, words):
    build(good)
    with pytest.raises(ValueError, match=rf"on a map of .* is not exact under C4, since .*{words}|{words}"):
        build(bad)
    with pytest.raises(ValueError, match="size is 'big'"):
        build("big")


def test_maps_too_small_are_refused_before_they_are_run():
    for layer, size, words in (
        (BlurPool(NUMBER, 5), (2, 2), r'takes 3 x 3 or more: pass padding_mode="replicate"'),
        (BlurPool(NUMBER, 4, padding_mode="zeros"), (1, 6), r"takes 2 x 2 or more: pass kernel_size=3"),
        (BlurPool(NUMBER, 7, padding_mode="circular"), (2, 6), r'takes 3 x 3 or more: pass padding_mode="replicate"'),
        (AveragePool(NUMBER, 4), (3, 8), "a window of 4 does not fit into 3 pixels"),
        (GlobalAveragePool(NUMBER), (0, 3), "0 x 3 pixels, but GlobalAveragePool"),
    ):
        with pytest.raises(ValueError, match=words):
            layer.grid_step(*size)
        with pytest.raises(ValueError, match=words):
            layer(torch.zeros(1, 1, *size))
    assert BlurPool(NUMBER, 5, padding_mode="replicate")(torch.ones(1, 1, 2, 2)).shape == (1, 1, 1, 1)
    assert BlurPool(NUMBER, 5)(torch.ones(1, 1, 3, 3)).shape == (1, 1, 2, 2)


def test_of_equal_pixels_the_first_gets_the_gradient_of_a_maximum():
    x = torch.ones(1, 1, 4, 4, requires_grad=True)
    (slope,) = torch.autograd.grad(MaxPool(NUMBER)(x).sum(), x)
    assert not torch.equal(slope, slope.flip(-1))
    assert slope[0, 0, 0].tolist() == [1.0, 0.0, 1.0, 0.0]


@pytest.mark.parametrize("factor", [2, 3])
def test_cells_are_the_same_in_another_runtime_at_every_size(factor):
    """Exported once with sizes left open: the number of cells, and which pixels they share, are computed there."""
    import onnxruntime

    layer = Downsample(NUMBER, factor)
    dynamic = {2: torch.export.Dim("h", min=2), 3: torch.export.Dim("w", min=2)}
    x = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(layer, (x,), dynamo=True, dynamic_shapes=(dynamic,), verbose=False)
    assert program is not None
    stored = io.BytesIO()
    program.save(stored)
    session = onnxruntime.InferenceSession(stored.getvalue(), providers=["CPUExecutionProvider"])
    for size in ((8, 8), (9, 9), (5, 16), (13, 7)):
        x = torch.randn(1, 1, *size, generator=torch.Generator().manual_seed(1))
        (found,) = session.run(None, {session.get_inputs()[0].name: x.numpy()})
        assert torch.allclose(torch.from_numpy(found), layer(x), atol=1e-6)
