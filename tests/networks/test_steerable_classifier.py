"""Classifiers keep their logits under their group, at every size, before and after training; and nothing more."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from equigen import random
from equigen.data.loading import load
from equigen.groups.plane_groups import Cyclic
from equigen.networks.disk import Disk
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.networks.trunk import Fields, trunk
from equigen.steerable.exactness import plan
from equigen.steerable.resampling.blur import BlurPool
from equigen.symmetry.rotation import rotate
from equigen.symmetry.upsampling import upsampled

KINDS = [
    ("C4", {}),
    ("C8", {}),
    ("C16", {"activation": "norm"}),
    ("D4", {}),
    ("D4", {"activation": "gated"}),
    ("D8", {"activation": "fourier"}),
    ("SO2", {}),
    ("SO2", {"activation": "norm", "function": "silu"}),
    ("SO2", {"activation": "gated", "frequency": 2}),
    ("O2", {"frequency": 2, "samples": 8}),
    ("O2", {"activation": "norm"}),
    ("D16", {"restrict": "C16"}),
]
LIMITS = [(torch.float32, 1e-5), (torch.float64, 1e-11)]


def shaken(network, x):
    """The network with running moments of a batch and with biases that are not zero, in evaluation mode."""
    with random.fork(seed=3, stream=random.Stream.INITIALISATION), torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.1)
        network.train()
        for _ in range(3):
            network(x)
    return network.eval()


def images(n=4, size=29, channels=1, dtype=torch.float32):
    return random.normal((channels, size, size), seed=5, stream=random.Stream.LAW, item=torch.arange(n), dtype=dtype)


def relative(a, b):
    return float((a - b).norm() / a.norm())


@pytest.mark.parametrize(("dtype", "limit"), LIMITS, ids=["float32", "float64"])
@pytest.mark.parametrize(("symmetry", "settings"), KINDS, ids=[f"{k}-{n}" for k, (n, _) in enumerate(KINDS)])
def test_logits_do_not_change_under_the_quarter_turns_and_flips_of_the_group(symmetry, settings, dtype, limit):
    x = images(dtype=dtype)
    network = shaken(SteerableClassifier(symmetry, (1, 29, 29), 5, width=1, **settings).to(dtype), x)
    with torch.no_grad():
        logits = network(x)
        assert relative(logits, network(x.rot90(1, (-2, -1)))) <= limit
        if symmetry[0] in "DO" and "restrict" not in settings:
            assert relative(logits, network(x.flip(-2))) <= limit


def test_the_plain_network_and_groups_without_flips_do_not_pass():
    x = images(dtype=torch.float64)
    plain = shaken(SteerableClassifier("C1", (1, 29, 29), 5, width=4).double(), x)
    turning = shaken(SteerableClassifier("C4", (1, 29, 29), 5, width=1).double(), x)
    restricted = shaken(SteerableClassifier("D16", (1, 29, 29), 5, width=1, restrict="C16").double(), x)
    with torch.no_grad():
        assert relative(plain(x), plain(x.rot90(1, (-2, -1)))) > 1e-3
        for network in (turning, restricted):
            assert relative(network(x), network(x.flip(-2))) > 1e-3


@pytest.fixture(scope="module")
def trained():
    """A C4 network after thirty steps on digits of 29 pixels, in evaluation mode."""
    data = load("digits", limit=256)
    x = functional.interpolate(data.x[:], (29, 29), mode="bilinear")
    network = SteerableClassifier("C4", (1, 29, 29), 10, width=2)
    optimiser = torch.optim.Adam(network.parameters(), lr=5e-3)
    for step in range(30):
        rows = slice(step % 8 * 32, step % 8 * 32 + 32)
        loss = functional.cross_entropy(network(x[rows]), data.labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 1.5 < math.log(10)
    return network.eval()


@pytest.mark.parametrize(("dtype", "limit"), LIMITS, ids=["float32", "float64"])
def test_a_trained_network_is_invariant_at_every_exact_size_and_at_no_other(trained, dtype, limit):
    network = trained.to(dtype)
    found = {True: 0, False: 0}
    for size in range(16, 66):
        x = images(1, size, dtype=dtype)
        with torch.no_grad():
            turned = [network(x.rot90(k, (-2, -1))) for k in range(4)]
        error = max(float((turned[0] - other).abs().max()) for other in turned[1:])
        exact = plan(network.trunk, size).exact
        found[exact] += 1
        assert error <= limit if exact else error > 100 * limit, (size, error)
    assert min(found.values()) >= 10


def test_every_size_has_a_trunk_that_is_exact_there():
    fields = Fields(Cyclic(4), 3, "pointwise", "elu", None)
    for shape in (*((side, side) for side in range(4, 43)), (28, 29), (33, 20), (5, 9), (64, 48), (130, 70)):
        found = plan(trunk(fields, 1, shape, 1, restrict=None, disk=True), shape)
        last = found.layers[-1].step
        assert found.exact, shape
        assert 2 <= min(last.height, last.width) <= 10, (shape, last)


def test_a_window_of_the_wrong_parity_is_refused():
    fields = Fields(Cyclic(4), 3, "pointwise", "elu", None).type(1)
    with pytest.raises(ValueError, match="kernel_size=4"):
        BlurPool(fields, 5, size=28)


def test_the_trunk_at_29_pixels_is_the_published_one():
    network = SteerableClassifier("C8", (1, 29, 29), 10)
    found = plan(network.trunk, 29)
    maps = [one.step.height for one in found.layers if one.kind in ("SteerableConv2d", "BlurPool")]
    assert maps == [25, 25, 13, 13, 13, 7, 7, 5]
    fields = [layer.out_type.fields for layer in network.trunk if type(layer).__name__ == "SteerableConv2d"]
    assert fields == [8, 16, 32, 32, 64, 64]


def test_without_a_group_it_is_a_plain_network_of_as_many_weights():
    network = SteerableClassifier("C1", (3, 29, 29), 7, width=4)
    widths, kernels = [3, 4, 8, 16, 16, 32, 32], [7, 5, 5, 5, 5, 5]
    convolutions = sum(k * k * a * b for k, a, b in zip(kernels, widths[:-1], widths[1:], strict=True))
    norms = 2 * sum(widths[1:])
    head = 32 * 32 + 2 * 32 + 32 * 7 + 7
    assert sum(p.numel() for p in network.parameters()) == convolutions + norms + head
    network = shaken(network, images(channels=3))
    plain = nn.Sequential(network.trunk.plain(), network.invariants.plain(), nn.Flatten(), network.head)
    x = images(channels=3)
    with torch.no_grad():
        assert relative(network(x), plain(x)) < 1e-5


def test_a_network_of_rotations_is_nearly_invariant_between_quarter_turns_and_the_plain_one_is_not():
    data = load("digits", limit=16)
    x = functional.interpolate(functional.pad(data.x[:].double(), [2] * 4), (29, 29), mode="bicubic")
    angles = torch.arange(16.0, dtype=torch.float64) * math.pi / 8 + 0.1
    spread = {}
    for symmetry, width in (("SO2", 2), ("C1", 14)):
        network = shaken(SteerableClassifier(symmetry, (1, 29, 29), 10, width=width, disk=True).double(), x)
        with torch.no_grad():
            logits = torch.stack([network(rotate(x, float(a))) for a in angles])
        spread[symmetry] = float((logits - logits.mean(0)).norm() / (logits - logits.mean((0, 1))).norm())
    assert spread["SO2"] < 0.3 * spread["C1"]


def test_restriction_keeps_the_channels():
    whole = SteerableClassifier("D16", (1, 29, 29), 10, width=1)
    part = SteerableClassifier("D16", (1, 29, 29), 10, width=1, restrict="C16")
    assert part.trunk.out_type.size == whole.trunk.out_type.size
    assert part.trunk.out_type.group == Cyclic(16)


def test_the_initial_weights_are_those_of_the_seed_and_the_generator_is_left_alone():
    before = torch.get_rng_state()
    first, same, other = (SteerableClassifier("C4", (1, 8, 8), 2, width=1, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    weights = [torch.cat([p.flatten() for p in one.parameters()]) for one in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_the_disk_is_taken_where_the_group_has_more_than_the_grid():
    def sees_corners(symmetry, disk=None):
        return not any(
            isinstance(one, Disk) for one in SteerableClassifier(symmetry, (1, 29, 29), 2, width=1, disk=disk).trunk
        )

    assert sees_corners("C4")
    assert sees_corners("D4")
    assert not sees_corners("C8")
    assert not sees_corners("SO2")
    assert not sees_corners("C4", disk=True)
    assert sees_corners("SO2", disk=False)
    assert not any(isinstance(one, Disk) for one in SteerableClassifier("SO2", (1, 19, 19), 2, width=1).trunk)


def test_a_round_border_makes_a_network_more_stable_than_a_square_one():
    x = upsampled(functional.pad(load("digits", limit=16).x[:].double(), [2] * 4), 29)
    angles = torch.arange(6.0, dtype=torch.float64) * math.pi / 3 + 0.3
    moved = {}
    for disk in (True, False):
        network = shaken(SteerableClassifier("SO2", (1, 29, 29), 10, width=2, disk=disk).double(), x)
        with torch.no_grad():
            logits = torch.stack([network(rotate(x, float(a))) for a in angles])
        moved[disk] = float((logits - logits.mean(0)).norm() / (logits - logits.mean((0, 1))).norm())
    assert moved[True] < 0.6 * moved[False], moved


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (("C4", (1, 3, 29), 5), {}, "4 pixels"),
        (("C4", (29, 29), 5), {}, "channels, height, width"),
        (("C4", (1, 29, 29), 1), {}, "2 classes"),
        (("C4", (1, 29, 29), 5), {"width": 0}, "width 0"),
        (("C4", (1, 29, 29), 5), {"function": "tanh"}, "elu, relu, silu"),
        (("C4", (1, 29, 29), 5), {"restrict": "C8"}, "subgroup"),
        (("SO2", (1, 29, 29), 5), {"activation": "pointwise"}, "FourierActivation"),
        (("SO3", (1, 29, 29), 5), {}, "SO3"),
    ],
)
def test_what_cannot_be_built_is_answered_in_one_sentence(arguments, settings, words):
    with pytest.raises(ValueError, match=words) as caught:
        SteerableClassifier(*arguments, **settings)
    assert "\n" not in str(caught.value)
