"""Norms of fields: against their formula by hand, against torch's own, under every element of every group."""

import copy

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import Cyclic
from equigen.steerable.field_type import FieldType
from equigen.steerable.norms.batch_norm import BatchNorm
from equigen.steerable.norms.field_norm import trivial_patterns
from equigen.steerable.norms.group_norm import GroupNorm
from equigen.steerable.norms.instance_norm import InstanceNorm
from equigen.steerable.norms.layer_norm import LayerNorm
from tests.steerable.norms.fields import TYPES, acted, by_hand, invariant_part, noise, sampled, shaken, turned_basis

EACH_TYPE = pytest.mark.parametrize("in_type", TYPES.values(), ids=TYPES.keys())
NORMS = {
    "batch": BatchNorm,
    "group": lambda in_type, **settings: GroupNorm(in_type, 2, **settings),
    "instance": InstanceNorm,
    "layer": LayerNorm,
}
EACH_NORM = pytest.mark.parametrize("norm", NORMS.values(), ids=NORMS.keys())


def close(found, expected, within=1e-12):
    torch.testing.assert_close(found, expected, rtol=within, atol=within)


# --- the formula


@EACH_TYPE
def test_patterns_span_what_the_group_leaves_alone(in_type):
    for _, rep in in_type.terms:
        patterns = trivial_patterns(rep)
        close(patterns @ patterns.mT / rep.size, invariant_part(rep))
        close(patterns.mT @ patterns, rep.size * torch.eye(patterns.shape[1], dtype=torch.float64))


@EACH_TYPE
def test_moments_are_those_by_hand(in_type):
    x, counts = noise(in_type), [count for count, _ in in_type.terms]
    plain = {"eps": 1e-3, "affine": False}
    batch = BatchNorm(in_type, **plain, momentum=1.0).double()
    expected, seconds = by_hand(x, in_type, counts, 1e-3, over_batch=True)
    close(batch(x), expected)
    free = [x[:, 0].numel() * rep.size for count, rep in in_type.terms for _ in range(count)]
    lost = [rep.invariants().shape[1] for count, rep in in_type.terms for _ in range(count)]
    free, lost = (torch.tensor(counted, dtype=torch.float64) for counted in (free, lost))
    close(batch.running_var, seconds * free / (free - lost))
    close(InstanceNorm(in_type, **plain).double()(x), by_hand(x, in_type, counts, 1e-3)[0])
    close(GroupNorm(in_type, 2, **plain).double()(x), by_hand(x, in_type, [2] * len(counts), 1e-3)[0])


@EACH_TYPE
def test_a_layer_norm_is_its_formula(in_type):
    x = noise(in_type)
    s = torch.cat([trivial_patterns(rep).sum(1).repeat(count) for count, rep in in_type.terms])
    y = x - torch.einsum("c,d,bdhw->bchw", s, s, x) / s.square().sum().clamp(min=1.0)
    close(LayerNorm(in_type, eps=1e-3, affine=False).double()(x), y / (y.square().mean(1, keepdim=True) + 1e-3).sqrt())


@torch.no_grad()
@EACH_NORM
@EACH_TYPE
def test_the_affine_map_scales_fields_and_adds_invariants(norm, in_type):
    layer, x = shaken(norm(in_type)), noise(in_type)
    bare = norm(in_type, affine=False).double()
    sizes = torch.tensor([rep.size for count, rep in in_type.terms for _ in range(count)])
    weight = layer.weight.repeat_interleave(sizes)
    shift = layer(x) - bare(x) * weight[:, None, None]
    close(shift, shift[:1, :, :1, :1].expand_as(shift))
    close(in_type.matrix(sampled(in_type)) @ shift[0, :, 0, 0], shift[0, :, 0, 0].expand(4, -1))
    lengths = [rep.size for count, rep in in_type.terms for _ in range(count * rep.invariants().shape[1])]
    assert (layer.bias is None) == (not lengths)
    for row, length in enumerate(lengths):  # one more of a bias is a root mean square of one over its field
        moved = copy.deepcopy(layer).eval()
        before = moved(x)
        moved.bias.data[row] += 1.0
        assert float((moved(x) - before)[0, :, 0, 0].square().sum()) == pytest.approx(length, rel=1e-9)


# --- torch's own


def regular_pair():
    return FieldType(Cyclic(4), "6xregular"), FieldType(Cyclic(4), "2xregular + 4xregular")


def test_batch_norm_of_regular_fields_has_the_group_as_a_third_axis():
    one, two = (shaken(BatchNorm(in_type)) for in_type in regular_pair())
    theirs = nn.BatchNorm3d(6).double()
    theirs.load_state_dict({**theirs.state_dict(), **one.state_dict()}, strict=False)
    for step in range(6):
        for layer in (one, two, theirs):
            layer.train(step < 3)
        x = noise(one.in_type, seed=step).requires_grad_()
        expected = theirs(x.unflatten(1, (6, 4))).flatten(1, 2)
        (slope,) = torch.autograd.grad(expected.sin().sum(), x)
        for layer in (one, two):  # fused, and term by term
            found = layer(x)
            close(found, expected)
            close(torch.autograd.grad(found.sin().sum(), x)[0], slope)
            close(layer.running_var, theirs.running_var)
            close(layer.running_mean, theirs.running_mean)


def test_group_instance_and_layer_norm_of_regular_fields_are_torchs():
    one, two = regular_pair()
    x = noise(one)
    close(GroupNorm(one, 3).double()(x), nn.GroupNorm(3, 24).double()(x))
    split = torch.cat((nn.GroupNorm(2, 8).double()(x[:, :8]), nn.GroupNorm(2, 16).double()(x[:, 8:])), 1)
    close(GroupNorm(two, 2).double()(x), split)
    expected = nn.LayerNorm(24).double()(x.movedim(1, -1)).movedim(-1, 1)
    for in_type in (one, two):
        close(InstanceNorm(in_type).double()(x), nn.GroupNorm(6, 24).double()(x))
        close(LayerNorm(in_type).double()(x), expected)
    assert isinstance(GroupNorm(one, 3).plain(), nn.GroupNorm)


# --- symmetry


def asymmetry(layer, in_type, x):
    with torch.no_grad():
        here = layer(x)
        return max(
            float((layer(acted(m, x)) - acted(m, here)).norm() / here.norm()) for m in in_type.matrix(sampled(in_type))
        )


@EACH_NORM
@EACH_TYPE
def test_it_commutes_with_every_element_on_the_channels(norm, in_type):
    """Also with those that do not map pixels onto pixels: moments are taken of fields."""
    layer = shaken(norm(in_type)).train()
    assert asymmetry(layer, in_type, noise(in_type)) <= 1e-13


@pytest.mark.parametrize("name", ["regular", "vectors", "mixed", "band-limited", "compact", "turned"])
def test_norms_of_channels_do_not(name):
    in_type = TYPES[name]
    size, x, ours = in_type.size, noise(in_type), BatchNorm(in_type).double()
    shift = torch.ones(size, 1, 1, dtype=torch.float64)  # invariant for permutations only
    faults = [shaken(nn.BatchNorm2d(size)), shaken(nn.GroupNorm(size, size))]
    faults += [] if in_type.matrix(sampled(in_type)).frac().abs().max() == 0 else [lambda x: ours(x) + shift]
    for fault in faults:
        assert asymmetry(fault, in_type, x) > 1e-2


# --- gradients and numbers


@EACH_NORM
@EACH_TYPE
def test_statistics_carry_gradient(norm, in_type):
    """y does not change with the scale of x, so its gradient is orthogonal to x; with constant moments it is not."""
    layer, x = norm(in_type, eps=1e-12, affine=False).double(), noise(in_type)
    x -= x.mean((2, 3), keepdim=True)  # of no mean: then a detached scale is the one fault there can be
    x.requires_grad_()
    y = layer(x)
    target = torch.linspace(-1.0, 2.0, y.numel(), dtype=torch.float64).view_as(y)
    (slope,) = torch.autograd.grad((y * target).sum(), x)
    constant = float((y * target).sum().detach())  # x . gradient if the scale were a constant
    assert abs(float((slope * x.detach()).sum())) <= 1e-8 * abs(constant)
    assert abs(constant) > 1e-3


@EACH_NORM
def test_gradients_are_those_of_differences_twice(norm):
    layer = shaken(norm(TYPES["mixed"])).train()
    x = noise(TYPES["mixed"], batch=2, size=(1, 2))
    x[:, :3] = 0.0  # a dead scalar and half a vector
    x.requires_grad_()
    assert torch.autograd.gradcheck(copy.deepcopy(layer), (x,), fast_mode=True)
    assert torch.autograd.gradgradcheck(copy.deepcopy(layer), (x,), fast_mode=True, atol=1e-4)


@torch.no_grad()
@EACH_NORM
@pytest.mark.parametrize("name", ["regular", "mixed", "turned"])
def test_half_precision_has_statistics_in_single_precision(norm, name):
    in_type = TYPES[name]
    x = (noise(in_type, size=(16, 16)) + 20.0 * trivial_shift(in_type)).bfloat16()
    layer = norm(in_type)
    exact = copy.deepcopy(layer).double()(x.double())
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x)
    assert found.dtype == torch.bfloat16
    assert float((found.double() - exact).norm() / exact.norm()) < 3e-3  # the rounding of the result alone
    rough = x - x.mean((0, 2, 3), keepdim=True)  # the control: a mean in half precision
    fine = x.float() - x.float().mean((0, 2, 3), keepdim=True)
    assert float((rough.float() - fine).norm() / fine.norm()) > 3e-3


def trivial_shift(in_type):
    return torch.cat([trivial_patterns(rep).sum(1).repeat(n) for n, rep in in_type.terms])[:, None, None]


def test_a_cast_layer_has_no_rounding_of_the_cast():
    in_type = turned_basis()
    assert asymmetry(shaken(InstanceNorm(in_type)), in_type, noise(in_type)) <= 1e-14
    layer = InstanceNorm(in_type).float().bfloat16().double()
    assert asymmetry(layer, in_type, noise(in_type)) <= 1e-14
    layer.moments.table0 = layer.moments.table(0).float().double()  # the control
    assert asymmetry(layer, in_type, noise(in_type)) > 1e-10


def test_running_moments_are_unbiased():
    """White noise of variance 4 in batches of 2 numbers per channel: the mean of many is 4, not 4 (1 - t/(2 d))."""
    in_type = FieldType(Cyclic(4), "500x0e + 500x1 + 500xregular")
    layer = BatchNorm(in_type, momentum=1.0).double()
    layer(2.0 * torch.randn(2, in_type.size, 1, 1, generator=torch.Generator().manual_seed(0)).double())
    for found, lost in zip(layer.running_var.split(500), (1 / 2, 0, 1 / 8), strict=True):
        error = float(found.std()) / 500**0.5
        assert abs(float(found.mean()) - 4.0) < 3.0 * error
        assert lost == 0 or 4.0 * lost > 3.0 * error  # a biased one would have been seen


# --- refusals


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda t: GroupNorm(t, 3),
            r"groups is 3, but .* evenly into 1, 2 groups only: GroupNorm\(in_type, groups=2\)",
        ),
        (lambda t: GroupNorm(t, 0), "groups is 0"),
        (lambda t: InstanceNorm(t, eps=0.0), r"eps is 0.0, but .*: eps=1e-5"),
        (lambda t: BatchNorm(t, momentum=0.0), r"momentum is 0.0, but .*: momentum=0.1"),
    ],
)
def test_wrong_settings_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make(TYPES["mixed"])


@pytest.mark.parametrize(
    ("name", "legal"), [("scalars", False), ("mixed", False), ("regular", True), ("vectors", True)]
)
def test_a_batch_of_one_value_is_refused_where_it_has_no_moments(name, legal):
    layer, x = BatchNorm(TYPES[name]).double(), noise(TYPES[name], batch=1, size=(1, 1))
    if legal:
        assert layer(x).isfinite().all()
        return
    with pytest.raises(ValueError, match=r"x has shape .*, one value per channel, but .*\.eval\(\)"):
        layer(x)
    assert layer.eval()(x).isfinite().all()


@pytest.mark.parametrize("name", ["regular", "mixed"])
def test_an_empty_batch_stays_empty(name):
    x = noise(TYPES[name])[:0]
    assert BatchNorm(TYPES[name]).double().eval()(x).shape == x.shape
    assert InstanceNorm(TYPES[name]).double()(x).shape == x.shape


def test_groups_are_whole_numbers():
    with pytest.raises(ValueError, match=r"groups is 2\.0, but .*groups=2\)"):
        GroupNorm(TYPES["mixed"], 2.0)  # type: ignore[arg-type]
