"""Averages over a group: they commute, they project, and a model around them keeps the symmetry and is stored."""

from __future__ import annotations

import pytest
import torch

from equigen import store
from equigen.diffusion import (
    EDM,
    RK45,
    BoundDenoiser,
    DiffusionModel,
    Euler,
    GuidedDenoiser,
    KarrasPreconditioning,
    NetworkDenoiser,
    integrate,
)
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from equigen.networks.unet import UNet
from equigen.spaces.euclidean import Euclidean
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import LinearAction, PermutationAction, PointsAction, TrivialAction
from equigen.symmetry.averaging import averaged, averaging_elements
from equigen.symmetry.error import equivariance_error
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.random_element import RandomElement
from equigen.symmetry.symmetrised import Symmetrised, SymmetrisedModule
from tests.symmetry.all_actions import ALL_ACTIONS
from tests.symmetry.lopsided import Lopsided, Numbers, noise

T = torch.tensor(0.7, dtype=torch.float64)
EXACT = [
    case
    for case in ALL_ACTIONS
    if case.action.group.order is not None
    and bool(case.action.exact_at(case.action.group.elements()).all())
    and not (isinstance(case.action, ImageAction) and case.x.shape[-1] != case.x.shape[-2])
]
QUARTERS = ImageAction(Cyclic(4))


def error(function, x, action, elements=None):
    return equivariance_error(function, x, action, action, elements).largest


def quarter_model(denoiser, **rest):
    return DiffusionModel(Euclidean(1, 4, 4), denoiser, **rest)


@pytest.mark.parametrize("case", EXACT, ids=[str(case) for case in EXACT])
def test_the_average_commutes_and_what_is_averaged_does_not(case):
    plain = Lopsided(case.x[0].numel())
    average = Symmetrised(plain, case.action)
    assert error(lambda x: average(x, T), case.x, case.action) < 1e-14
    assert error(lambda x: plain(x, T), case.x, case.action) > 0.03


def test_the_average_is_the_one_written_down():
    x, plain = noise(3, 1, 4, 4), Lopsided(16)
    by_hand = sum(torch.rot90(plain(torch.rot90(x, k, (2, 3)), T), -k, (2, 3)) for k in range(4)) / 4
    torch.testing.assert_close(Symmetrised(plain, QUARTERS)(x, T), by_hand, rtol=0, atol=1e-15)
    forth = torch.stack([torch.rot90(plain(torch.rot90(x, k, (2, 3)), T), k, (2, 3)) for k in range(4)]).mean(0)
    assert float((forth - by_hand).detach().abs().max()) > 0.1  # planted: results turned further, not back


@pytest.mark.parametrize("case", EXACT[:6], ids=[str(case) for case in EXACT[:6]])
def test_averaging_is_a_projection(case):
    once = Symmetrised(Lopsided(case.x[0].numel()), case.action)
    twice = Symmetrised(once, case.action)
    torch.testing.assert_close(twice(case.x, T), once(case.x, T), rtol=1e-13, atol=1e-14)


def test_over_three_quarters_of_a_group_it_is_none():
    """Planted: a mean over elements that are no subgroup neither commutes nor projects."""
    x, some = noise(3, 1, 4, 4), Cyclic(4).elements()[:3]

    def mean(f):
        return lambda x: averaged(f, x, QUARTERS, QUARTERS, some)

    once = mean(lambda x: Lopsided(16)(x, T).detach())
    assert error(once, x, QUARTERS) > 0.03
    assert float((mean(once)(x) - once(x)).abs().max()) > 0.03
    with pytest.raises(ValueError, match="no subgroup"):
        Symmetrised(Lopsided(16), QUARTERS, some)


def test_over_a_subgroup_it_commutes_with_that_alone():
    x, action = noise(3, 1, 4, 4), ImageAction(Dihedral(4))
    turns = Dihedral(4).elements()[:4]
    average = Symmetrised(Lopsided(16), action, turns)
    assert error(lambda x: average(x, T), x, action, turns) < 1e-14
    assert error(lambda x: average(x, T), x, action) > 0.03


def test_of_all_rotations_sixteen_make_a_linear_map_commute_with_every_one():
    """The average of A over C16 is a I + b J, a = tr A / 2 and b = (A21 - A12) / 2, which commutes with SO(2)."""
    A = noise(2, 2, seed=3)
    points = PointsAction(SO2())
    linear = torch.nn.Linear(2, 2, bias=False).double()
    linear.weight.data = A
    function = SymmetrisedModule(linear, points)
    a, b = (A[0, 0] + A[1, 1]) / 2, (A[1, 0] - A[0, 1]) / 2
    x = noise(5, 3, 2)
    expected = x @ torch.stack((torch.stack((a, -b)), torch.stack((b, a)))).mT
    torch.testing.assert_close(function(x), expected, rtol=1e-13, atol=1e-14)
    assert error(function, x, points) < 1e-14
    assert len(averaging_elements(O2())) == 32


def test_a_module_is_made_invariant_or_equivariant_with_what_follows_shared():
    x, plain = noise(4, 1, 4, 4), Numbers(16, 3)
    invariant = SymmetrisedModule(plain, QUARTERS, TrivialAction(Cyclic(4)))
    nothing = TrivialAction(Cyclic(4))
    assert equivariance_error(lambda x: invariant(x, factor=2.0), x, QUARTERS, nothing).largest < 1e-14
    assert equivariance_error(plain, x, QUARTERS, nothing).largest > 0.1
    torch.testing.assert_close(invariant(x, 2.0), 2.0 * invariant(x))
    fields = LinearAction(FieldType(Cyclic(4), "1x0e + 1x1"))
    vectors = SymmetrisedModule(plain, QUARTERS, fields)
    assert equivariance_error(vectors, x, QUARTERS, fields).largest < 1e-14
    with pytest.raises(ValueError, match="one group"):
        SymmetrisedModule(plain, QUARTERS, TrivialAction(Cyclic(2)))


def test_it_still_commutes_after_a_step_of_training_and_its_gradient_is_its_own():
    x, plain = noise(4, 1, 4, 4), Lopsided(16)
    average = Symmetrised(plain, QUARTERS)
    model = quarter_model(average)
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    before = plain.weight.detach().clone()
    model.loss(x, seed=0, step=0).backward()
    optimiser.step()
    assert float((plain.weight - before).detach().abs().max()) > 1e-4
    assert error(lambda x: average(x, T), x, QUARTERS) < 1e-14


@pytest.mark.parametrize("solver", [Euler(), RK45(1e-6)], ids=["euler", "rk45"])
def test_paths_turn_with_their_noise(solver):
    x, times = 80.0 * noise(3, 1, 4, 4), torch.tensor([80.0, 5.0, 1.0, 0.1], dtype=torch.float64)
    ends = {}
    for name, denoiser in (("plain", Lopsided(16)), ("average", Symmetrised(Lopsided(16), QUARTERS))):
        with torch.no_grad():
            bound = BoundDenoiser(denoiser, Euclidean(1, 4, 4).at(), {})
            end = integrate(solver, bound, x, times, None)
            turned = integrate(solver, bound, x.rot90(1, (2, 3)), times, None)
        ends[name] = float((turned - end.rot90(1, (2, 3))).abs().max() / end.abs().max())
    assert ends["average"] < (1e-12 if isinstance(solver, Euler) else 1e-9)
    assert ends["plain"] > 0.03


def test_log_densities_are_invariant():
    x, points, space = noise(2, 1, 2), PointsAction(Cyclic(4)), Euclidean(1, 2)
    turned = points(Cyclic(4).elements()[1], x)
    plain = Lopsided(2, EDM(t_min=0.2, t_max=20.0))
    for denoiser in (Symmetrised(plain, points), plain):
        values = [DiffusionModel(space, denoiser).log_prob(items).value for items in (x, turned)]
        apart = float((values[0] - values[1]).abs().max())
        assert apart > 0.1 if isinstance(denoiser, Lopsided) else apart < 1e-9


def test_conditions_are_shared_and_guidance_stays_equivariant():
    x, label = noise(4, 1, 4, 4), torch.tensor([0, 1, 2, 3])
    average = Symmetrised(Lopsided(16), QUARTERS)
    guided = GuidedDenoiser(average, 2.5)
    assert error(lambda x: guided(x, T, label=label), x, QUARTERS) < 1e-14
    assert float((guided(x, T, label=label) - guided(x, T, label=label.flip(0))).detach().abs().max()) > 0.01
    with pytest.raises(ValueError, match="structure"):
        average(x, T, structure=torch.ones(4, 1, 4, 4, dtype=torch.bool))


def test_a_denoiser_is_bound_to_its_items_only_where_something_draws():
    x, item = noise(4, 1, 4, 4), torch.tensor([4, 9, 2, 7])
    plain, space = Lopsided(16), Euclidean(1, 4, 4).at()

    def wrapped(inner):
        return BoundDenoiser(GuidedDenoiser(Symmetrised(inner, TrivialAction(Cyclic(2))), 2.0), space, {})

    calm = wrapped(plain)
    assert plain.at(0, item) is plain
    assert calm.at(0, item) is calm
    drawn, inner = wrapped(RandomElement(plain, QUARTERS)).at(3, item), RandomElement(plain, QUARTERS).at(3, item)
    torch.testing.assert_close(drawn(x, T), inner(x, T))
    other = wrapped(RandomElement(plain, QUARTERS)).at(4, item)
    assert float((drawn(x, T) - other(x, T)).detach().abs().max()) > 0.01


@pytest.mark.parametrize(
    "action",
    [
        QUARTERS,
        ImageAction(Dihedral(4), FieldType(Dihedral(4), "1x0e")),
        ImageAction(Dihedral(1, axis=0.7853981633974483)),
    ],
    ids=["c4", "d4-fields", "mirror"],
)
def test_a_stored_model_comes_back_with_its_action(tmp_path, action):
    network = UNet((1, 8, 8), channels=(8,), seed=2)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * noise(*parameter.shape).to(parameter))
    for kind in (Symmetrised, RandomElement):
        denoiser = kind(NetworkDenoiser(network, EDM(), KarrasPreconditioning()), action)
        first = DiffusionModel(Euclidean(1, 8, 8), denoiser)
        again = store.load(store.save(first, tmp_path / kind.__name__))
        assert again.denoiser.action == action
        assert torch.equal(first.sample(3, seed=0, steps=3), again.sample(3, seed=0, steps=3))
    module = SymmetrisedModule(network, action)
    inside = DiffusionModel(Euclidean(1, 8, 8), NetworkDenoiser(module, EDM(), KarrasPreconditioning()))
    again = store.load(store.save(inside, tmp_path / "inside"))
    assert torch.equal(inside.sample(3, seed=0, steps=3), again.sample(3, seed=0, steps=3))


@pytest.mark.parametrize(
    "action",
    [
        PointsAction(SO2()),
        PermutationAction(Symmetric(3), axes=2),
        LinearAction(FieldType(O2(), "2x0e + 1x1")),
        TrivialAction(Dihedral(3)),
    ],
    ids=["points", "edges", "vectors", "nothing"],
)
def test_actions_are_described_by_names(action):
    assert store.from_config(store.to_config(action)) == action
    other = store.from_config(store.to_config(TrivialAction(Dihedral(5))))
    assert other != action


def test_results_that_are_no_tensor_are_refused():
    class Pair(torch.nn.Module):
        def forward(self, x):
            return x, x

    with pytest.raises(TypeError, match="gives a tuple, but an average is over tensors"):
        SymmetrisedModule(Pair(), ImageAction(Cyclic(4)))(torch.zeros(1, 1, 4, 4))
