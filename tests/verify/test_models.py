"""An exact model passes, on any space; a model with a planted fault does not."""

import math

import pytest
import torch

from equigen.diffusion import EDM, DiffusionModel, Gaussian, Isotropic, VariancePreserving
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.log_prob import LogProb
from equigen.spaces import Batch, Centred, Euclidean, Masked
from equigen.verify.identities import _squared_mean
from equigen.verify.models import _held, _likelihood, _symmetry, verify_model

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


class Proportional(Denoiser):
    """k x, whatever the time."""

    def __init__(self, k, schedule):
        super().__init__()
        self.k, self.schedule = k, schedule

    def forward(self, x_t, t, **condition):
        return self.k * x_t


def test_a_wrong_model_comes_to_its_closed_form():
    """k x on standard normal items under a kernel with alpha^2 + sigma^2 = 1, so that x_t is standard normal too."""
    k, schedule = 0.5, VariancePreserving()
    items = torch.randn(4000, 2, generator=torch.Generator().manual_seed(0))
    model = DiffusionModel(Euclidean(2), Proportional(k, schedule))
    found = {check.name: check for check in verify_model(model, items, items).checks}
    for level in (0.1, 0.3, 1.0, 3.0):
        alpha, sigma = 1 / (1 + level**2) ** 0.5, level / (1 + level**2) ** 0.5
        ratio = ((1 + k**2) - 2 * k * alpha) / sigma**2  # E |k x_t - x_0|^2 over that of alpha x_t, which is sigma^2
        expected = {
            "score along x, E<x, s> / ndof": alpha * (k - alpha) / sigma**2 - 1,
            "loss over the best linear denoiser's": ratio,
        }
        for name, value in expected.items():
            check = found[f"{name}, noise {level:g}"]
            assert abs(check.measured - value) < 5 * check.error + 0.01 * abs(value), name
    tower = next(check for name, check in found.items() if "noise 0.3 < 1" in name)
    alphas = [1 / (1 + level**2) ** 0.5 for level in (0.3, 1.0)]
    assert abs(tower.measured - (alphas[1] / alphas[0] - 1)) < 5 * tower.error


def test_a_shift_comes_to_its_closed_form():
    """D + m has the score s + alpha m / sigma^2, so that sigma^2 |E s|^2 / ndof = (alpha / sigma)^2 |m|^2 / ndof."""
    shift = torch.tensor([0.3, -0.1])
    found = verified(lambda clean, x, t: clean + shift, VariancePreserving())
    check = next(check for check in found.checks if check.name.startswith("mean score") and "noise 1" in check.name)
    assert check.measured == pytest.approx(0.05, abs=0.01)


def test_a_better_loss_than_the_linear_ones_is_no_failure():
    found = [check for check in verified().checks if check.name.startswith("loss over")]
    assert min(check.measured for check in found) < 0.9
    assert {check.verdict for check in found} == {"pass"}


@pytest.mark.parametrize("size", [0.0, 0.02], ids=["no mean", "a mean"])
@pytest.mark.parametrize("shape", [(1,), (2,), (3, 5)], ids=str)
def test_the_error_of_a_squared_mean_is_its_scatter(size, shape):
    """Products of two halves share their items, and are not independent where there is a mean."""
    n, d = 512, math.prod(shape)
    mean = torch.full(shape, (size / d) ** 0.5)
    x = mean + torch.randn(400, n, *shape, generator=torch.Generator().manual_seed(0))
    values, errors = torch.tensor([_squared_mean(one) for one in x]).T
    assert abs(float(values.mean()) - size) < 5 * float(values.std()) / 20
    stated = float(errors.square().mean().sqrt())
    assert 0.85 < stated / float(values.std()) < 1.6  # in one dimension without a mean half of it is chance
    if size:
        assert stated == pytest.approx(float(values.std()), rel=0.12)


@pytest.mark.parametrize("turn", [0.0, 0.5, 2.0])
def test_the_asymmetry_of_a_linear_denoiser_is_that_of_its_matrix(turn):
    """|K| / |S| of A = S + K, S = diag(1, 1) and K a turn."""
    matrix = torch.tensor([[1.0, turn], [-turn, 1.0]])

    class Linear(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, **condition):
            return x_t @ matrix.T

    model = DiffusionModel(Euclidean(2), Linear())
    found = [check.measured for check in _symmetry(_held(model, Batch.whole(HELD_OUT), TRAINING), 1.0, 0)]
    assert len(found) == 4
    assert found == pytest.approx([turn] * 4, rel=0.15, abs=1e-6)


class Guess:
    """Log densities that are off by what their two probes say, and by a fault that may differ between seeds."""

    def __init__(self, generator, fault):
        self.generator, self.fault, self.space = generator, fault, Euclidean(40)

    def log_prob(self, batch, *, seed, tolerance):
        probes = torch.randn(2, len(batch.x), generator=self.generator, dtype=torch.float64)
        zero = torch.zeros(len(batch.x), dtype=torch.float64)
        return LogProb(probes.mean(0) + seed * self.fault, probes.std(0) / 2**0.5, zero, zero.long())


@pytest.mark.parametrize(("fault", "low", "high"), [(0.0, 0, 5), (50.0, 950, 1000)])
def test_other_probes_fail_by_chance_one_time_in_a_thousand(fault, low, high):
    """Two items and two probes leave four degrees of freedom, with which four standard errors are no rarity."""
    model = Guess(torch.Generator().manual_seed(0), fault)
    batch = Batch.whole(torch.zeros(8, 40))
    failed = sum(list(_likelihood(model, batch, 0))[1].verdict == "fail" for _ in range(1000))
    assert low <= failed <= high


def test_a_failure_of_a_model_is_explained():
    assert "not trained well at that noise" in verified(lambda clean, x, t: 0.8 * clean).meaning


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
