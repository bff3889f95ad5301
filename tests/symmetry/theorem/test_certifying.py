"""A model is certified premise by premise, and left as it was."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.givens import Givens
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.solvers.euler import Euler
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import SO2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.symmetry.action import LinearAction, PermutationAction, PointsAction
from equigen.symmetry.certificate import Certificate
from equigen.symmetry.certifying import certify
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem import certifying
from equigen.symmetry.theorem.certificate import ModelCertificate
from equigen.symmetry.theorem.certifying import certify_model
from equigen.symmetry.theorem.law import law_premise
from tests.symmetry.certified import network
from tests.symmetry.theorem.models import C4, by_layers, images, plain

NAMES = ["action", "prior", "noise", "scale", "denoiser", "solver", "law", "likelihood", "batch"]


@pytest.fixture(autouse=True)
def _few_samples(monkeypatch):
    """The test of the law is tested by itself; here it takes few samples."""
    monkeypatch.setattr(certifying, "law_premise", partial(law_premise, samples=16))


def gaussian(space, mean=0.0) -> DiffusionModel:
    return DiffusionModel(space, Gaussian(mean + torch.zeros(space.shape), Isotropic(1.0)).denoiser(EDM()))


def data(model: DiffusionModel, count: int = 4) -> torch.Tensor:
    return torch.randn(count, *model.space.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("model", "action"),
    [
        (gaussian(Centred(4, 2)), PointsAction(SO2())),
        (gaussian(Euclidean(8)), LinearAction(regular(Dihedral(4)))),
        (gaussian(Euclidean(4, 2)), PermutationAction(Symmetric(4))),
        (by_layers("C4"), ImageAction(C4)),
    ],
    ids=["points", "vectors", "nodes", "images"],
)
def test_sound_models_keep_every_premise(model, action):
    found = certify_model(model, action, data(model), solvers=[Euler()])
    assert [premise.name for premise in found.premises] == NAMES
    assert (found.verdict, found.holds, found.broken) == ("exact", True, ())
    assert found.shape == model.space.shape
    assert len(found.risk) == (0 if action.group.order is None else 8)
    assert all(one.identity_error < 1e-10 and one.recoverable < 1e-20 for one in found.risk)
    assert {path.solver for path in found.paths} == {"Euler"}
    assert ModelCertificate.from_dict(found.to_dict()) == found


def test_a_plain_network_is_broken_where_it_is_and_nowhere_before():
    model = plain()
    found = certify_model(model, ImageAction(C4), images().float(), solvers=[Euler()])
    assert found.verdict == "broken"
    assert found.broken[:2] == ("denoiser", "solver")
    assert found.sentence().startswith("The model does not keep C4: the denoiser is broken (0")
    assert all(one.recoverable > 0.01 * one.loss for one in found.risk[4:])


def test_a_shift_that_the_group_moves_is_laid_to_the_scale_and_not_to_the_denoiser():
    model = DiffusionModel(
        Euclidean(5, 2), gaussian(Euclidean(5, 2)).denoiser, Scale(torch.zeros(5), torch.linspace(1.0, 2.0, 5))
    )
    found = certify_model(model, PermutationAction(Symmetric(5)), data(model), solvers=[Euler()])
    assert "scale" in found.broken
    assert {"action", "prior", "noise", "denoiser"}.isdisjoint(found.broken)


def test_the_model_stays_as_it_is_and_the_certificate_is_a_function_of_its_seed():
    model = by_layers("C4").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    found = [certify_model(model, ImageAction(C4), solvers=[Euler()], layers=False, seed=1) for _ in range(2)]
    assert found[0] == found[1]
    assert found[0].items == 8  # which the model drew
    assert torch.equal(torch.get_rng_state(), state)
    assert model.training
    assert all(value.dtype == before[name].dtype for name, value in model.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_what_cannot_be_certified_is_refused():
    model = gaussian(Euclidean(1, 4, 6))
    with pytest.raises(ValueError, match="turns this frame into another one"):
        certify_model(model, ImageAction(C4), data(model))
    with pytest.raises(ValueError, match="needs 4 finite ones"):
        certify_model(model, ImageAction(Cyclic(2)), data(model)[:3])
    with pytest.raises(ValueError, match="some not finite"):
        certify_model(model, ImageAction(Cyclic(2)), data(model) * torch.inf)
    with pytest.raises(ValueError, match="this space takes batches"):
        certify_model(model, ImageAction(Cyclic(2)), images())


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (PointsAction(C4), r"items are \(1, 4, 4\), but PointsAction acts on others .* points of the plane come as"),
        (LinearAction(regular(Dihedral(4))), "but LinearAction acts on others"),
        (PermutationAction(Symmetric(3)), r"but PermutationAction acts on others .* S3 acts on shapes \(B, 3"),
        (ImageAction(C4, regular(C4)), r"but ImageAction acts on others .* is on images \(B, 4, H, W\)"),
    ],
    ids=["points", "vectors", "nodes", "channels"],
)
def test_an_action_on_other_items_is_refused(action, said):
    with pytest.raises(ValueError, match=said):
        certify_model(gaussian(Euclidean(1, 4, 4)), action)


def test_what_only_interpolates_is_tried_on_the_items_as_well():
    with pytest.raises(ValueError, match="items are \\(4, 2\\), but ImageAction acts on others"):
        certify_model(gaussian(Centred(4, 2)), ImageAction(Cyclic(3)))


def label(*numbers: int) -> dict[str, torch.Tensor]:
    return {"label": torch.tensor(numbers)}


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"solvers": []}, "solvers is empty, but trajectories are those of one solver or more"),
        ({"condition": label(0, 1, 2)}, "label has 3 items, but 20 are needed"),
        ({"condition": label(*range(18))}, "label has 18 items, but 20 are needed"),
        ({"x": None, "condition": label(0, 1, 2)}, "condition has 3 rows, but a certificate of a model needs 4"),
        ({"x": None, "condition": {"label": torch.tensor(1)}}, "label has no items, but 1 are needed"),
        ({"x": None, "condition": {**label(0, 1, 2, 3), "value": torch.ones(5, 1)}}, "value has 5 items, but 4"),
        ({"condition": {"structure": torch.ones(20, 4) > 0}}, "structures of their own"),
        ({"guidance": 2.0}, "guidance is 2, but no condition is given"),
        ({"x": torch.ones(5, 1, 5, 5)}, r"x has shape \(5, 1, 5, 5\), but this space takes batches"),
    ],
)
def test_what_does_not_fit_the_items_is_refused_in_one_sentence(how, said):
    model = gaussian(Euclidean(1, 4, 4))
    given = {"x": data(model, 20), "solvers": [Euler()], **how}
    with pytest.raises(ValueError, match=said) as refused:
        certify_model(model, ImageAction(C4), **given)
    assert "\n" not in str(refused.value)


def test_what_no_certificate_can_be_made_of_is_refused():
    model = gaussian(Euclidean(1, 4, 4))
    with pytest.raises(TypeError, match="action is Cyclic"):
        certify_model(model, C4)
    masks = Givens.fit(torch.ones(3, 1, 4, 4, dtype=torch.bool), {})
    masked = DiffusionModel(Masked(1, 4, 4), model.denoiser, givens=masks)
    with pytest.raises(ValueError, match="structures of their own"):
        certify_model(masked, ImageAction(C4))
    lost = DiffusionModel(Euclidean(1, 4, 4), Lost())
    with pytest.raises(ValueError, match="the model draws items that are not finite"):
        certify_model(lost, ImageAction(C4))


class Lost(Denoiser):
    """Gives what is no number."""

    schedule = EDM()

    def forward(self, x_t, t, **condition):
        return x_t * torch.nan


def test_a_model_of_no_numbers_is_broken():
    lost = DiffusionModel(Euclidean(1, 4, 4), Lost())
    found = certify_model(lost, ImageAction(C4), data(lost), solvers=[Euler()])
    assert {"denoiser", "solver", "law", "likelihood", "batch"} == set(found.broken)


class ByClass(Denoiser):
    """Class k is the flat picture k; without a class the one that is given, at the ends of the noise."""

    schedule, classes = EDM(), 3

    def __init__(self, free: torch.Tensor) -> None:
        super().__init__()
        self.free = free

    def forward(self, x_t, t, label):
        known = (label >= 0)[:, None, None, None]
        middle = (t > 1.0) & (t < 20.0)  # where what is made of no class is looked at by itself
        free = torch.where(middle.reshape(-1, 1, 1, 1), 0.0, self.free.to(x_t))
        goal = torch.where(known, label.to(x_t)[:, None, None, None], free)
        return goal + 0.1 * (x_t - goal) / (1.0 + t.reshape(-1, 1, 1, 1) ** 2)


def test_condition_and_guidance_are_those_of_the_samples():
    ramp = torch.arange(16.0, dtype=torch.float64).reshape(1, 4, 4) / 8.0
    model = DiffusionModel(Euclidean(1, 4, 4), ByClass(ramp), condition_dropout=0.1)
    how = {"solvers": [Euler()], "condition": label(0, 1, 2, 1, 0)}
    plain, guided = (certify_model(model, ImageAction(C4), guidance=w, **how) for w in (1.0, 2.0))
    assert plain.items == 5  # one for each row
    assert (plain.verdict, plain.broken) == ("exact", ())
    assert plain.premise("law").statement == "the law of the samples for class 0, 1, 2 is invariant under C4"
    assert guided.premise("law").statement.endswith("for class 0, 1, 2 with guidance 2 is invariant under C4")
    assert {"solver", "law"} <= set(guided.broken)
    assert guided.premise("denoiser").holds


def test_certify_takes_networks_and_models():
    model = gaussian(Euclidean(1, 4, 4))
    found = certify(model, C4, data(model))
    assert isinstance(found, ModelCertificate)
    assert {path.solver for path in found.paths} > {"Heun", "RK45"}
    assert found.verdict == "exact"
    assert isinstance(certify(network(), C4, images(9)), Certificate)
    with pytest.raises(ValueError, match="x is not given, but a certificate of a network needs two images"):
        certify(network(), C4)
    with pytest.raises(TypeError, match="no group of the plane"):
        certify(network(), ImageAction(C4), images(9))
