"""The steerable U-Net turns with the image: at every size, for every kind of channels, before and after training."""

import copy
import itertools

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from equigen import random, store
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import SO2, Cyclic, Dihedral, plane_group
from equigen.networks.steerable_filters import filters_of
from equigen.networks.steerable_unet import SteerableUNet
from equigen.networks.unet import UNet
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.exactness import plan
from equigen.steerable.field_type import FieldType
from equigen.symmetry.error import equivariance_error
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.probes import in_band
from tests.networks.shaken import images, noise_levels, shaken
from tests.networks.steerable import error, moved, own_error, steerable

KINDS = [
    ("C1", (1, 8, 9), {}),
    ("C2", (1, 8, 13), {}),
    ("C3", (1, 9, 9), {}),
    ("C4", (1, 8, 8), {"channels": (8, 16, 16)}),
    ("C4", (3, 11, 11), {"fields": "1x0e + 1x1", "attention": True}),
    ("D1", (2, 9, 8), {}),
    ("D2", (3, 12, 10), {"patch": 2}),
    ("D4", (3, 9, 9), {"attention": True}),
    ("D4", (3, 12, 12), {"fields": "1x0e + 1x1", "patch": 2}),
    ("D4", (2, 12, 12), {"fields": "1x1", "patch": 3}),
    ("C8", (1, 9, 9), {"blocks": 2}),
    ("SO2", (3, 8, 8), {"fields": "1x0e + 1x1"}),
    ("C16", (1, 9, 9), {"frequency": 1}),
    ("D3", (1, 8, 8), {}),
    ("O2", (3, 9, 9), {"fields": "1x0e + 1x1", "attention": True, "channels": (20, 20)}),
]


@pytest.mark.parametrize(("symmetry", "shape", "options"), KINDS, ids=[f"{k}-{n}" for k, (n, *_) in enumerate(KINDS)])
def test_it_turns_with_the_image_under_the_motions_of_the_grid(symmetry, shape, options):
    network = steerable(symmetry, shape, **options)
    assert own_error(network) <= 1e-12
    assert own_error(network.float()) <= 1e-5


def test_nothing_but_the_named_group_is_kept():
    quarter = ImageAction(Cyclic(4))
    assert error(steerable("C1", (1, 8, 8)), quarter) > 1e-2
    assert error(steerable("C2", (1, 8, 8)), quarter) > 1e-2
    assert error(steerable("C4", (1, 8, 8)), ImageAction(Dihedral(4))) > 1e-2
    plain = shaken((1, 8, 8), channels=(8, 16)).double()
    assert error(plain, quarter) > 1e-2
    vectors = steerable("C4", (2, 8, 8), fields="1x1")
    assert error(vectors, quarter) > 1e-2  # as two numbers they do not turn


@pytest.mark.parametrize("side", [8, 22, 36, 9, 19])
def test_quarter_turns_are_exact_at_even_and_odd_sizes(side):
    network = steerable("C4", (1, side, side), channels=(4, 4, 4))
    assert network.exact
    assert own_error(network) <= 1e-12


@pytest.mark.parametrize("symmetry", ["D4", "SO2"])
def test_every_side_is_halved_and_doubled_exactly(symmetry):
    group = plane_group(symmetry)
    fields = FieldType(group, [(1, regular(group, 1 if group.order is None else None))])
    for side in (*range(2, 129), 255, 256):
        filters = filters_of(group, (side, side))
        down, up = filters.coarser(fields, (side, side)), filters.finer(fields, (side, side))
        there = down.grid_step(side, side)
        back = up.grid_step(there.height, there.width)
        assert (there.quarter_turns, back.quarter_turns) == (True, True), side
        assert (there.height, back.height) == (-(-side // 2), side)


def test_frames_that_are_not_square_are_halved_and_doubled_exactly():
    fields = FieldType(Dihedral(2), "1xregular")
    for size in itertools.product((8, 9, 10), (11, 12, 14)):
        filters = filters_of(Dihedral(2), size)
        down, up = filters.coarser(fields, size), filters.finer(fields, size)
        there = down.grid_step(*size)
        back = up.grid_step(there.height, there.width)
        assert (there.flips, back.flips) == (True, True), size
        assert (back.height, back.width) == size


def test_a_window_that_does_not_fit_is_seen():
    network = steerable("C4", (1, 8, 8), channels=(8, 8))
    down, fields = network.down[1], network.down[1].in_type
    assert down.kernel_size == 4
    network.down[1] = SteerableConv2d(fields, fields, 3, stride=2, padding=1).double()
    assert own_error(network) > 1e-3
    broken = plan(network, 8, channels=1, arguments=(torch.zeros(2, dtype=torch.float64),)).broken
    assert [layer.name for layer in broken] == ["down.1"]


def test_a_bias_along_what_turns_is_seen():
    """The noise level may shift a field along its trivial irreps only: the planted shift has another direction."""

    class Tilted(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x, embedding):
            tilt = torch.zeros(x.shape[1], 1, 1, dtype=x.dtype)
            tilt[0] = 0.1
            return self.layer(x, embedding) + tilt * embedding[:, :1, None, None]

    network = steerable("C4", (1, 8, 8))
    assert own_error(network) <= 1e-12
    network.middle.modulation = Tilted(network.middle.modulation)
    assert own_error(network) > 1e-4


def test_training_keeps_the_symmetry_and_every_weight_takes_part():
    options = {"fields": "1x0e + 1x1", "classes": 3, "values": 2, "attention": True}
    network = steerable("D4", (3, 9, 9), channels=(16, 16), **options).train()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    x, value = images(4, 3, 9, 9, dtype=torch.float64), images(4, 2, dtype=torch.float64)
    given = {"label": torch.tensor([0, 1, 2, -1]), "value": value}
    for _ in range(3):
        optimiser.zero_grad()
        (network(x, noise_levels(4, torch.float64), **given) - x.square()).square().mean().backward()
        # The bias of keys moves all scores of a query alike, and a softmax does not see it.
        unseen = [name for name, p in network.named_parameters() if p.grad is None or not float(p.grad.abs().max()) > 0]
        assert unseen == []
        optimiser.step()
    assert own_error(network.eval(), x=x, **given) <= 1e-11


def test_it_starts_as_zero_so_that_training_starts_at_the_linear_denoiser():
    network = SteerableUNet("C4", (2, 8, 8), channels=(8, 8), attention=True)
    assert bool((network(images(2, 2, 8, 8), torch.zeros(2)) == 0).all())


def test_the_initial_weights_are_addressed_and_options_leave_them_as_they_are():
    before = torch.get_rng_state()
    first, second, third = (SteerableUNet("C4", (1, 8, 8), (8, 8), seed=s).state_dict() for s in (3, 3, 4))
    rich = SteerableUNet("C4", (1, 8, 8), (8, 8), seed=3, classes=3, values=2, attention=True).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(first[name], second[name]) and torch.equal(first[name], rich[name]) for name in first)
    assert not torch.equal(first["inward.weight"], third["inward.weight"])


@torch.no_grad()
def test_the_noise_level_and_conditions_matter_and_images_are_independent():
    network, x = steerable("C4", (1, 8, 8), classes=3, values=1), images(4, 1, 8, 8, dtype=torch.float64)
    noise = torch.tensor([-1.0, -0.3, 0.4, 1.1], dtype=torch.float64)
    whole = network(x, noise)
    torch.testing.assert_close(network(x[2:3], noise[2:3]), whole[2:3], rtol=0, atol=1e-12)
    assert float((network(x, noise + 0.1) - whole).abs().max()) > 1e-3
    label, value = torch.tensor([0, 1, 2, -1]), torch.tensor([[0.5], [1.0], [2.0], [torch.nan]], dtype=torch.float64)
    for given in ({"label": label}, {"value": value}):
        apart = (network(x, noise, **given) - whole).abs().amax((1, 2, 3))
        assert float(apart[:3].min()) > 1e-4
        assert float(apart[3]) < 1e-12  # what is not given is what is withheld


def test_values_are_fitted():
    network = SteerableUNet("C4", (1, 8, 8), (8, 8), values=1)
    network.fit_values(torch.tensor([[1.0], [3.0]]))
    assert network.value_embedding.mean.tolist() == [2.0]
    with pytest.raises(ValueError, match="values=1"):
        SteerableUNet("C4", (1, 8, 8), (8, 8)).fit_values(torch.zeros(2, 1))


def test_it_is_stored_and_read_back(tmp_path):
    network = steerable("O2", (3, 9, 9), (20, 20), torch.float32, fields="1x0e+1x1", frequency=2, classes=2)
    store.save(network, tmp_path / "model")
    again = store.load(tmp_path / "model").eval()
    x, noise = images(2, 3, 9, 9), noise_levels(2)
    assert store.to_config(network)["kind"] == "steerable-unet"
    assert torch.equal(again(x, noise), network(x, noise))
    fresh = SteerableUNet("O2", (3, 9, 9), (20, 20), fields="1x0e+1x1", frequency=2, classes=2, seed=9).eval()
    fresh.load_state_dict(network.state_dict(), strict=True)
    torch.testing.assert_close(fresh(x, noise), network(x, noise), rtol=0, atol=1e-6)
    torch.testing.assert_close(copy.deepcopy(network)(x, noise), network(x, noise), rtol=0, atol=1e-6)


def test_it_compiles_whole():
    eager = steerable("C4", (1, 8, 8), (4, 4), torch.float32, patch=2)
    compiled = torch.compile(eager, backend="aot_eager", fullgraph=True)
    arguments = (images(3, 1, 8, 8), noise_levels(3))
    out = compiled(*arguments)
    torch.testing.assert_close(out, eager(*arguments), rtol=1e-4, atol=1e-5)
    out.square().sum().backward()
    assert all(p.grad is not None for p in eager.parameters())


@torch.no_grad()
def test_it_runs_in_half_precision_near_its_results():
    network = steerable("C4", (1, 8, 8), dtype=torch.float32, attention=True)
    x, noise = images(2, 1, 8, 8), noise_levels(2)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = network(x, noise)
    exact = network(x, noise)
    assert float((rough - exact).norm() / exact.norm()) < 0.1


@torch.no_grad()
def products(network):
    """Multiplications of a batch, as torch calls them: those of a filter's expansion are shared by its images."""
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(64, 1, 12, 12), torch.zeros(64))
    return counter.get_total_flops()


@pytest.mark.parametrize("symmetry", ["C4", "D4"])
def test_it_costs_what_the_plain_network_costs(symmetry):
    shape = (1, 12, 12)
    assert 0.8 < products(SteerableUNet(symmetry, shape)) / products(UNet(shape)) < 1.15


def between(network, group, side):
    """Errors of F under angles off the grid, beside what interpolation costs, on images that hardly suffer from it."""
    x, noise = in_band(images(3, 1, side, side)), torch.tensor([-0.5, 0.0, 0.5])
    elements, action = torch.tensor([[0.32, 0.0], [2.0, 0.0]], dtype=torch.float64), ImageAction(group)
    with torch.no_grad():
        return equivariance_error(lambda x: network(x, noise), x, action, action, elements)


@pytest.mark.parametrize(("symmetry", "side"), [("SO2", 28), ("SO2", 29), ("O2", 28), ("C16", 28)])
def test_other_angles_cost_little_more_than_their_interpolation(symmetry, side):
    network = SteerableUNet(symmetry, (1, side, side), channels=(20, 20, 20))
    with random.fork(seed=1, stream=random.Stream.INITIALISATION):
        for layer in network.modules():
            if isinstance(layer, SteerableConv2d):
                layer.reset_parameters()
    found = between(moved(network, 0.02), SO2(), side)
    assert found.largest < 0.1
    assert 0.0 < float(found.floor.max()) < 0.005


def test_networks_without_all_rotations_are_far_from_them():
    turning = between(steerable("C4", (1, 28, 28), dtype=torch.float32), SO2(), 28)
    plain = between(shaken((1, 28, 28), channels=(8, 16)), SO2(), 28)
    assert min(float(found.error.min()) for found in (turning, plain)) > 0.2


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        (("C4", (1, 7, 7)), {}, "8 to 256"),
        (("C4", (8, 8)), {}, "channels, height, width"),
        (("C4", (1, 8, 8)), {"channels": ()}, "widths"),
        (("C4", (1, 8, 8)), {"channels": (4,) * 5}, "halved only 3 times"),
        (("C4", (1, 8, 8)), {"classes": -1}, "negative"),
        (("C4", (1, 8, 9)), {}, "pad the images to 9 x 9"),
        (("SO2", (1, 8, 9)), {}, "square"),
        (("C4", (1, 9, 9)), {"patch": 2}, "pad the images to 10 x 10"),
        (("C8", (1, 8, 8)), {"patch": 2}, "patch=1"),
        (("C4", (2, 8, 8)), {"fields": "1x0e + 1x1"}, "3 channels"),
        (("C4", (2, 8, 8)), {"fields": "1x7"}, "7"),
        (("SO2", (2, 8, 8)), {"fields": "1x5"}, "frequency=5"),
        (("Q4", (1, 8, 8)), {}, "Q4"),
        (("SO2", (1, 8, 8)), {"frequency": -1}, "-1"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(arguments, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        SteerableUNet(*arguments, **options)
    assert "\n" not in str(caught.value)


def test_images_and_conditions_that_it_was_not_built_for_are_refused():
    network = SteerableUNet("C4", (1, 8, 8), (8, 8))
    with pytest.raises(ValueError, match="was built for"):
        network(torch.zeros(1, 1, 10, 10), torch.zeros(1))
    with pytest.raises(ValueError, match="no classes"):
        network(torch.zeros(1, 1, 8, 8), torch.zeros(1), label=torch.tensor([0]))
    with pytest.raises(ValueError, match="no values"):
        network(torch.zeros(1, 1, 8, 8), torch.zeros(1), value=torch.zeros(1, 1))


def test_corners_beyond_the_disk_are_told_from_their_own_pixel_and_the_noise():
    network = SteerableUNet("SO2", (1, 20, 20), channels=(8, 8))
    with torch.no_grad():
        for parameter in network.beyond.parameters():
            parameter.fill_(0.1)
    x, noise = torch.zeros(1, 1, 20, 20), torch.ones(1)
    moved = x.clone()
    moved[..., 0, 0] = 1.0
    with torch.no_grad():
        apart = network(moved, noise) - network(x, noise)
    assert apart[0, 0, 0, 0].abs() > 1e-3
    apart[..., 0, 0] = 0.0
    assert apart.abs().max() < 1e-6
