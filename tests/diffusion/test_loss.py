"""The loss against its closed-form floor on Gaussian data, its weights and its times."""

import math

import pytest
import torch

from equigen import random
from equigen.diffusion import (
    EDM,
    DiffusionModel,
    Gaussian,
    GeometricNoise,
    Isotropic,
    KarrasWeight,
    LogNormalNoise,
    NoiseWeight,
    UniformTimes,
    UnitWeight,
    denoising_error,
)
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.loss import stratified
from equigen.random import Stream
from equigen.spaces.batch import Batch
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from tests.diffusion.processes import ALL_SCHEDULES
from tests.oracles import kolmogorov_distance


def tutorial_floor(base, s):
    """L* of the sigma^2-weighted loss in one dimension: data N(0, s^2), g = base^t, t uniform on (0, 1)."""
    a = 2 * s**2 * math.log(base) - 1
    if base == 1:
        return s**2 * math.log(1 + 1 / s**2)
    return s**2 / a * (2 * math.log(base) + math.log((1 + a) / (base**2 + a)))


class Shrunk(Denoiser):
    """The planted fault: an exact denoiser, shrunk by a factor."""

    def __init__(self, inner, factor):
        super().__init__()
        self.inner, self.schedule, self.factor = inner, inner.schedule, factor

    def forward(self, x_t, t, **condition):
        return self.factor * self.inner(x_t, t, **condition)


def model_of(law, schedule, denoiser=None, **rest):
    return DiffusionModel(Euclidean(4), denoiser or law.denoiser(schedule), **rest)


@pytest.mark.parametrize("base", [0.5, 1.0, 25.0])
def test_the_loss_reaches_the_closed_floor_and_a_perturbed_one_does_not(base):
    s, n = 0.8, 20000
    schedule, law = GeometricNoise(base, t_min=1e-6), Gaussian(torch.zeros(4), Isotropic(s**2))
    x = law.sample(n, seed=1, dtype=torch.float64)
    parts = {"weight": NoiseWeight(), "times": UniformTimes()}
    found = float(model_of(law, schedule, **parts).loss(x, seed=0, step=0))
    assert found == pytest.approx(tutorial_floor(base, s), rel=0.02)
    worse = float(model_of(law, schedule, Shrunk(law.denoiser(schedule), 0.9), **parts).loss(x, seed=0, step=0))
    assert worse > 1.01 * found


def test_the_known_value_of_the_floor():
    assert tutorial_floor(0.5, 1.0) == pytest.approx(0.76216, abs=1e-5)


@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_the_error_of_the_exact_denoiser_is_the_posterior_variance(name):
    """E ||D - x_0||^2 = d sigma^2 c / (alpha^2 c + sigma^2)."""
    schedule, c, n = ALL_SCHEDULES[name], 0.64, 40000
    law = Gaussian(torch.zeros(4), Isotropic(c))
    t = schedule.time_at_noise(torch.tensor(0.5, dtype=torch.float64))
    x_0 = law.sample(n, seed=0, dtype=torch.float64)
    z = random.normal((4,), seed=0, stream=Stream.TRAINING_NOISE, item=torch.arange(n), dtype=torch.float64)
    error = denoising_error(law.denoiser(schedule), Euclidean(4).at(), x_0, z, t)
    alpha, sigma = float(schedule.alpha(t)), float(schedule.sigma(t))
    expected = 4 * sigma**2 * c / (alpha**2 * c + sigma**2)
    assert float(error.mean()) == pytest.approx(expected, abs=5 * float(error.std()) / math.sqrt(n))
    # The same error in the units of the noise, by its definition.
    x_t = alpha * x_0 + sigma * z
    noise_error = (law.denoiser(schedule).noise(x_t, t) - z).square().sum(1)
    torch.testing.assert_close(NoiseWeight()(schedule, t) * error, noise_error, rtol=1e-9, atol=1e-9)
    # Karras's weight makes it 1 for each dimension; against NoiseWeight the factor is 1 + sigma^2 / (alpha^2 s^2).
    assert float(KarrasWeight(0.8)(schedule, t)) * expected == pytest.approx(4.0, rel=1e-10)
    ratio = KarrasWeight(0.8)(schedule, t) / NoiseWeight()(schedule, t)
    assert float(ratio) == pytest.approx(1 + sigma**2 / (alpha**2 * c), rel=1e-10)
    assert float(UnitWeight()(schedule, t)) == 1.0


@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_training_times_are_quantile_functions_within_the_schedule(name):
    schedule = ALL_SCHEDULES[name]
    u = torch.linspace(1e-9, 1 - 1e-9, 1001, dtype=torch.float64)
    for law in (UniformTimes(), LogNormalNoise(), LogNormalNoise(data_std=0.3, mean=2.0, std=0.5)):
        for dtype in (torch.float32, torch.float64):
            t = law(schedule, u.to(dtype))
            assert t.dtype == dtype
            assert float(t.min()) >= torch.tensor(schedule.t_min, dtype=dtype)
            assert float(t.max()) <= torch.tensor(schedule.t_max, dtype=dtype)
        assert bool((law(schedule, u).diff() >= 0).all())


def test_log_normal_noise_has_its_truncated_law():
    schedule, law = EDM(t_min=0.3, t_max=2.0), LogNormalNoise(data_std=0.5, mean=-0.2, std=1.5)
    u = random.uniform((20000,), seed=0, stream=Stream.TRAINING_TIME, dtype=torch.float64)
    t = law(schedule, u)

    def cdf(values):
        phi = lambda v: torch.special.ndtr((torch.log(torch.as_tensor(v) / 0.5).double() + 0.2) / 1.5)  # noqa: E731
        return (phi(values) - phi(0.3)) / (phi(2.0) - phi(0.3))

    assert kolmogorov_distance(t, cdf) < 1.95 / math.sqrt(20000)
    shifted = LogNormalNoise(data_std=0.6, mean=-0.2, std=1.5)(schedule, u)
    assert kolmogorov_distance(shifted, cdf) > 1.95 / math.sqrt(20000)  # the control


def test_times_are_stratified_over_the_global_batch():
    u = random.uniform((), seed=0, stream=Stream.TRAINING_TIME, item=torch.arange(64))
    strata = stratified(torch.arange(64), 64, u)
    assert (strata * 64).floor().tolist() == list(range(64))
    mean_of = lambda values: float(values.mean())  # noqa: E731
    stratified_means, independent_means = [], []
    for step in range(200):
        u = random.uniform((), seed=0, stream=Stream.TRAINING_TIME, item=torch.arange(64), step=step)
        stratified_means.append(mean_of(stratified(torch.arange(64), 64, u)))
        independent_means.append(mean_of(u))
    spread = lambda values: float(torch.tensor(values).std())  # noqa: E731
    assert spread(independent_means) == pytest.approx(1 / math.sqrt(12 * 64), rel=0.3)
    assert spread(stratified_means) == pytest.approx(1 / math.sqrt(12 * 64**3), rel=0.3)


def test_the_loss_of_the_parts_is_the_loss_of_the_whole():
    law, schedule = Gaussian(torch.zeros(4), Isotropic(1.0)), EDM()
    model, x = model_of(law, schedule), torch.randn(10, 4, generator=torch.Generator().manual_seed(0)).double()
    whole = model.loss(x, seed=3, step=7)
    parts = [Batch(x[i], i, 10) for i in (torch.arange(4), torch.arange(4, 10))]
    summed = sum(len(part) * model.loss(part, seed=3, step=7) for part in parts) / 10
    torch.testing.assert_close(summed, whole, rtol=1e-12, atol=0)
    moved = Batch(x[4:], torch.arange(6), 10)  # the control: another place is another noise
    assert float((model.loss(moved, seed=3, step=7) - model.loss(parts[1], seed=3, step=7)).abs()) > 1e-6
    assert float(model.loss(x, seed=3, step=8)) != float(whole)
    assert float(model.loss(x, seed=4, step=7)) != float(whole)


def test_training_noise_is_what_the_loss_uses():
    seen = []

    class Spy(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, **condition):
            seen.append(t)
            return x_t

    model, x = DiffusionModel(Euclidean(4), Spy()), torch.zeros(5, 4)
    model.loss(x, seed=1, step=2)
    assert torch.equal(model.training_noise(x, seed=1, step=2), seen[0])


def test_padding_changes_no_loss():
    """A ragged batch: whatever stands in the padding, even NaN, and however long it is."""

    class Pull(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, structure):
            return torch.where(structure[..., None], 0.5 * x_t, torch.nan)

    mask = torch.tensor([[True, True, True, False], [True, True, False, False]])
    model = DiffusionModel(Centred(4, 2), Pull())
    x = torch.randn(2, 4, 2, generator=torch.Generator().manual_seed(0))
    dirty = torch.where(mask[..., None], x, torch.nan)
    loss = model.loss(Batch.whole(x, structure=mask), seed=0, step=0)
    assert bool(loss.isfinite())
    assert torch.equal(model.loss(Batch.whole(dirty, structure=mask), seed=0, step=0), loss)
    longer = DiffusionModel(Centred(6, 2), Pull())
    pad = torch.nn.functional.pad
    wide = Batch.whole(pad(x, (0, 0, 0, 2)), structure=pad(mask, (0, 2)))
    torch.testing.assert_close(longer.loss(wide, seed=0, step=0), loss)


class TestLossByNoiseLevel:
    def test_the_exact_denoiser_of_unit_data_has_loss_one(self):
        law = Gaussian(torch.zeros(4), Isotropic(1.0))
        x = law.sample(4000, seed=0, dtype=torch.float64)
        found = model_of(law, EDM()).loss_by_noise_level(x, seed=0, levels=5)
        assert found.noise.tolist() == pytest.approx([0.02 * 1000 ** (k / 4) for k in range(5)])
        assert float(((found.loss - 1.0) / found.standard_error).abs().max()) < 4.5
        # The error of N(0, v) in 4 dimensions is v chi^2_4 / 4: standard deviation 1 / sqrt 2.
        torch.testing.assert_close(
            found.standard_error * 4000**0.5, torch.full((5,), 0.5**0.5).double(), rtol=0.1, atol=0
        )
        worse = DiffusionModel(Euclidean(4), Shrunk(law.denoiser(EDM()), 0.8)).loss_by_noise_level(x, seed=0, levels=5)
        assert bool((worse.loss > found.loss).all())

    def test_it_does_not_depend_on_the_batch_size_and_depends_on_the_seed(self):
        law = Gaussian(torch.zeros(4), Isotropic(1.0))
        x = law.sample(50, seed=0, dtype=torch.float64)
        model = model_of(law, EDM())
        first = model.loss_by_noise_level(x, seed=0, batch_size=50)
        torch.testing.assert_close(
            model.loss_by_noise_level(x, seed=0, batch_size=7).loss, first.loss, rtol=1e-12, atol=0
        )
        assert not torch.equal(model.loss_by_noise_level(x, seed=1).loss, first.loss)

    def test_levels_stay_within_the_schedule(self):
        law = Gaussian(torch.zeros(4), Isotropic(1.0))
        schedule = GeometricNoise(0.5)
        found = model_of(law, schedule).loss_by_noise_level(torch.zeros(3, 4), seed=0)
        assert float(found.noise[-1]) == pytest.approx(float(schedule.sigma(torch.tensor(1.0, dtype=torch.float64))))
        assert bool(found.loss.isfinite().all())
