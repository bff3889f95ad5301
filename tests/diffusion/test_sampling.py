"""One batch from prior to data: the last step, and the classic tutorial's known fault against its recursion."""

import math

import pytest
import torch

from equigen.diffusion import (
    EDM,
    RK45,
    Ancestral,
    DiffusionModel,
    EulerMaruyama,
    Gaussian,
    GeometricNoise,
    Heun,
    Isotropic,
    PredictorCorrector,
    UniformGrid,
    VariancePreserving,
)
from equigen.diffusion.sampling import overstep, prior_std, sampling_times
from equigen.spaces.euclidean import Euclidean

NARROW, BASE, END, ITEMS = 0.01, 25.0, 1e-3, 6000
RATE = 2.0 * math.log(BASE)
TUTORIAL = {"solver": EulerMaruyama(), "grid": UniformGrid()}


def tutorial_variance(points: int, evaluations: int) -> float:
    """Variance of the mean that the tutorial's sampler ends with on N(0, 0.01) data, by scalar arithmetic."""
    h, v = (1.0 - END) / (points - 1), math.expm1(RATE) / RATE
    for k in range(evaluations):
        t = 1.0 - k * h
        g2, sigma2 = math.exp(RATE * t), math.expm1(RATE * t) / RATE
        v = (1.0 - g2 * h / (NARROW + sigma2)) ** 2 * v
        v += g2 * h if k < evaluations - 1 else 0.0  # the last noise is not added
    return v


def sampled_variance(points: int, final: str, n: int = ITEMS) -> float:
    law = Gaussian(torch.zeros(1), Isotropic(NARROW))
    model = DiffusionModel(Euclidean(1), law.denoiser(GeometricNoise(BASE, t_min=END)), data_std=0.0).double()
    x = model.sample(n, seed=0, steps=points, final=final, batch_size=n, **TUTORIAL)
    return float(x.double().square().mean())


@pytest.mark.parametrize(("points", "variance"), [(500, 0.00806), (100, 0.000105)])
def test_the_tutorials_last_step_shrinks_narrow_data(points, variance):
    assert tutorial_variance(points, points) == pytest.approx(variance, rel=5e-3)
    found = sampled_variance(points, "overstep")
    assert found == pytest.approx(tutorial_variance(points, points), rel=4.5 * math.sqrt(2 / ITEMS) + 1e-3)
    # The control: the right last step does not give this number.
    assert abs(sampled_variance(points, "denoise") - variance) > 0.15 * variance


def test_an_overstep_has_the_drift_too():
    """On unit Gaussian data under VP the score is -x, so that the step is linear with a known factor."""
    schedule = VariancePreserving()
    denoiser = Gaussian(torch.zeros(2), Isotropic(1.0)).denoiser(schedule)
    t, h = torch.tensor(0.1, dtype=torch.float64), torch.tensor(0.2, dtype=torch.float64)
    x = torch.tensor([[1.0, -3.0]], dtype=torch.float64)
    beta = float(schedule.diffusion(t)) ** 2
    expected = (1.0 - 0.2 * (-0.5 * beta + beta)) * x
    found = overstep(EulerMaruyama(), denoiser, x, t, h, torch.full_like(x, 5.0).mul)  # its noise is not added
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=0)
    without_drift = (1.0 - 0.2 * beta) * x
    assert float((without_drift - expected).abs().max()) > 1e-2


def test_an_overstep_counts_as_one_of_the_steps():
    model, calls = DiffusionModel(Euclidean(3), Gaussian(torch.zeros(3), Isotropic(1.0)).denoiser(EDM())), []
    model.denoiser.register_forward_hook(lambda *_: calls.append(1))
    path = []
    model.sample(2, seed=0, steps=7, final="overstep", on_step=lambda k, _: path.append(k), **TUTORIAL)
    assert len(calls) == 7
    assert path == list(range(7))


def test_the_grid_leaves_room_for_the_last_step():
    schedule = EDM(t_min=1.0, t_max=4.0)
    assert sampling_times(schedule, UniformGrid(), 4, "denoise", Heun()).tolist() == [4.0, 3.0, 2.0, 1.0]
    assert sampling_times(schedule, UniformGrid(), 4, "overstep", EulerMaruyama()).tolist() == [4.0, 3.0, 2.0, 1.0]
    assert len(sampling_times(schedule, UniformGrid(), 4, "noisy", Heun())) == 5
    assert sampling_times(schedule, UniformGrid(), 1, "denoise", Heun()).tolist() == [4.0]
    assert sampling_times(schedule, UniformGrid(), 1, "denoise", RK45()).tolist() == [4.0, 1.0]  # it steps by itself


@pytest.mark.parametrize(("final", "steps", "word"), [("over", 5, "final is 'over'"), ("overstep", 1, "needs 2")])
def test_what_cannot_be_walked_is_refused(final, steps, word):
    with pytest.raises(ValueError, match=word):
        sampling_times(EDM(), UniformGrid(), steps, final, EulerMaruyama())


@pytest.mark.parametrize("solver", [Heun(), RK45(), Ancestral()], ids=["heun", "rk45", "ancestral"])
def test_only_the_tutorials_samplers_end_as_the_tutorial_does(solver):
    with pytest.raises(ValueError, match="'overstep' with"):
        sampling_times(EDM(), UniformGrid(), 5, "overstep", solver)


def test_an_adaptive_solver_walks_whatever_the_steps():
    law = Gaussian(torch.zeros(1), Isotropic(1.0))
    model = DiffusionModel(Euclidean(1), law.denoiser(EDM())).double()
    one, many = (model.sample(500, seed=0, steps=steps, solver=RK45(1e-4)) for steps in (1, 20))
    torch.testing.assert_close(one, many, rtol=1e-3, atol=1e-3)
    assert float(one.var()) == pytest.approx(1.0, rel=0.25)


def test_predictor_and_corrector_overstep_as_the_tutorial_does():
    """On N(0, c) data the corrector and the predictor's mean map the variance by known factors."""
    schedule = GeometricNoise(BASE, t_min=END)
    denoiser = Gaussian(torch.zeros(1), Isotropic(NARROW)).denoiser(schedule)
    t, h = torch.tensor(END, dtype=torch.float64), torch.tensor(2e-3, dtype=torch.float64)
    x = torch.full((1, 1), 2.0, dtype=torch.float64)
    sigma2 = float(schedule.sigma(t)) ** 2
    v, e = NARROW + sigma2, 2 * 0.16**2 * sigma2
    corrected = 2.0 * (1 - e / v) + math.sqrt(2 * e) * 3.0
    expected = corrected * (1 - float(h) * float(schedule.diffusion(t)) ** 2 / v)
    found = overstep(PredictorCorrector(), denoiser, x, t, h, lambda k: torch.full_like(x, [3.0, 7.0][k]))
    assert float(found) == pytest.approx(expected, rel=1e-12)
    assert abs(float(overstep(EulerMaruyama(), denoiser, x, t, h, lambda k: x)) - expected) > 1e-3  # no corrector


def test_the_prior_has_the_variance_of_the_noised_data():
    schedule, t = VariancePreserving(), torch.tensor(0.3, dtype=torch.float64)
    assert float(prior_std(schedule, t, 1.0)) == pytest.approx(1.0, rel=1e-12)
    assert float(prior_std(schedule, t, 0.0)) == pytest.approx(float(schedule.sigma(t)), rel=1e-12)
