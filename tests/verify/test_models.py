"""An exact model passes, on any space; a model with a planted fault does not."""

import pytest
import torch

from equigen.diffusion import EDM, DiffusionModel, Gaussian, Isotropic, VariancePreserving
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.spaces import Batch, Centred, Euclidean, Masked
from equigen.verify.models import verify_model

LAW = GaussianMixture(
    torch.tensor([0.4, 0.6]), torch.tensor([[-1.0, 0.5], [0.8, -0.3]]), torch.tensor([[0.2, 0.1], [0.1, 0.3]])
)
HELD_OUT, TRAINING = LAW.sample(1024, seed=0), LAW.sample(4000, seed=1)


class Changed(Denoiser):
    """The exact denoiser, changed."""

    def __init__(self, change, schedule=None):
        super().__init__()
        self.schedule = EDM() if schedule is None else schedule
        self.exact, self.change = LAW.denoiser(self.schedule), change

    def forward(self, x_t, t, **condition):
        return self.change(self.exact(x_t, t), x_t, t)


def verified(change=lambda clean, x, t: clean, schedule=None):
    model = DiffusionModel(Euclidean(2), Changed(change, schedule))
    return verify_model(model.train(), HELD_OUT, TRAINING)


def failures(found):
    return [check.name for check in found.failures]


@pytest.mark.parametrize("schedule", [EDM(), VariancePreserving()], ids=str)
def test_an_exact_model_passes(schedule):
    found = verified(schedule=schedule)
    assert found.passed, [(check.name, check.measured) for check in found.failures]
    told = [check.measured for check in found.checks if check.verdict == "told"]
    assert told
    assert max(told) < 1e-4  # a true score is a gradient


def test_the_mode_of_the_model_is_left_as_it_was():
    model = DiffusionModel(Euclidean(2), Changed(lambda clean, x, t: clean)).train()
    verify_model(model, HELD_OUT, TRAINING)
    assert model.training


FAULTS = {
    "shrunk": (lambda clean, x, t: 0.8 * clean, "E<x, s>"),
    "shifted": (lambda clean, x, t: clean + 0.3, "|E s|^2"),
    "ignorant": (lambda clean, x, t: 0.0 * clean, "loss over the best linear denoiser's"),
    "of another time": (lambda clean, x, t: clean * (0.6 if t.mean() > 0.5 else 1.0), "D_r - D_t"),
    "shared": (lambda clean, x, t: clean + 0.05 * clean.mean(0), "drawn alone"),
    "shared in likelihoods": (lambda clean, x, t: clean + 0.2 * x.mean(0).detach(), "ln p alone"),
    "NaN": (lambda clean, x, t: clean / per_item(t > 0.01, x), "not finite"),
    "NaN in the flow": (lambda clean, x, t: clean / per_item(t > 0.01, x), "encoding: share that arrives"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_seen(fault):
    change, words = FAULTS[fault]
    found = failures(verified(change))
    assert any(words in name for name in found), found


def test_a_score_that_is_no_gradient_is_told():
    turned = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    found = verified(lambda clean, x, t: clean + 0.1 * x @ turned / per_item(1 + t**2, x))
    told = {check.name: check.measured for check in found.checks if check.verdict == "told"}
    assert told["asymmetry of the score's Jacobian, noise 1"] > 0.01


def test_a_model_of_centred_points_passes():
    space, n = Centred(3, 2), 600
    x = space.at().project(torch.randn(n, 3, 2, generator=torch.Generator().manual_seed(0)))
    model = DiffusionModel(space, Gaussian(torch.zeros(3, 2), Isotropic(1.0)).denoiser(EDM()))
    found = verify_model(model, x, x)
    assert found.passed, failures(found)


def test_a_model_of_masked_items_passes():
    space, n = Masked(1, 2, 2), 600
    mask = torch.ones(n, 1, 2, 2, dtype=torch.bool)
    mask[::2, :, 0, 0] = False
    x = space.at(mask).project(torch.randn(n, 1, 2, 2, generator=torch.Generator().manual_seed(0)))
    model = DiffusionModel(space, Gaussian(torch.zeros(1, 2, 2), Isotropic(1.0)).denoiser(EDM()))
    found = verify_model(model, Batch.whole(x, structure=mask), x)
    assert found.passed, failures(found)


def test_too_few_items_are_refused():
    model = DiffusionModel(Euclidean(2), Changed(lambda clean, x, t: clean))
    with pytest.raises(ValueError, match="there are 3 held-out and 4000 training items, but 8 and 2 are needed"):
        verify_model(model, HELD_OUT[:3], TRAINING)
