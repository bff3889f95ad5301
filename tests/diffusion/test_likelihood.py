"""Log densities against exact laws on every schedule, in every space; each formula has a planted fault that shows."""

import math

import pytest
import torch
from torch import nn

from equigen import random
from equigen.diffusion import (
    EDM,
    BoundDenoiser,
    DiffusionModel,
    Gaussian,
    GaussianMixture,
    Isotropic,
    KarrasPreconditioning,
    NetworkDenoiser,
    Scale,
    VariancePreserving,
    likelihood,
)
from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.likelihood import log_likelihood, rademacher
from equigen.diffusion.log_prob import LogProb
from equigen.spaces.batch import Batch
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from tests.diffusion.mixture import MixtureDenoiser, density
from tests.diffusion.processes import ALL_SCHEDULES
from tests.diffusion.two_classes import MEANS, VARIANCES

TOLERANCE = 1e-3
TAIL = torch.linspace(-3.0, 2.5, 24, dtype=torch.float64)[:, None]


def of_the_line(schedule, x, denoiser=None, **how):
    """Found and true log densities of the mixture on the line at t_min, with the true law at t_max."""
    ends = torch.tensor([schedule.t_max, schedule.t_min], dtype=torch.float64)
    bound = BoundDenoiser(denoiser or MixtureDenoiser(schedule), Euclidean(1).at(), {})
    found = log_likelihood(bound, x, prior=lambda x: density(schedule, x[:, 0].double(), ends[0]).log(), **how)
    return found, density(schedule, x[:, 0].double(), ends[1]).log()


def stated_and_true(found, truth, tolerance, free=1):
    """The true error is below the stated one, and that below the tolerance."""
    assert bool(((found.value - truth).abs() <= found.solver_error).all())
    assert bool((found.solver_error <= tolerance * free).all())


@pytest.mark.parametrize("name", ALL_SCHEDULES)
def test_on_every_schedule_the_error_is_below_the_stated_one_and_that_below_the_tolerance(name):
    """On the line, tails included: the true error is at most 0.7 of the stated one here."""
    stated_and_true(*of_the_line(ALL_SCHEDULES[name], TAIL, tolerance=TOLERANCE), TOLERANCE)


@pytest.mark.parametrize("name", ["edm", "sub-vp", "rectified flow", "vp"])
def test_in_float32_the_rounding_is_stated_too(name):
    """These reach theta = 1e-6, where float32 resolves little: the stated error grows with it and stays above."""
    found, truth = of_the_line(ALL_SCHEDULES[name], TAIL.float(), tolerance=1e-2)
    assert found.value.dtype == torch.float64
    assert bool(((found.value - truth).abs() <= found.solver_error).all())
    assert bool((found.solver_error < 3e-2).all())


def mixture(d):
    spread = torch.linspace(-1.5, 1.5, 3 * d, dtype=torch.float64).reshape(d, 3).T
    variances = torch.tensor([[0.05], [0.2], [0.3]], dtype=torch.float64) * (1.0 + torch.arange(d) / d)
    return GaussianMixture(torch.tensor([0.2, 0.3, 0.5]), torch.sin(7.0 * spread), variances)


@pytest.mark.parametrize("schedule", [EDM(), VariancePreserving()], ids=["edm", "vp"])
@pytest.mark.parametrize("d", [1, 2, 64])
def test_mixtures_in_1_2_and_64_dimensions(d, schedule):
    law = mixture(d)
    now, last = (law.diffused(schedule, t) for t in (schedule.t_min, schedule.t_max))
    x = now.sample(6 if d == 64 else 30, seed=0, dtype=torch.float64)
    bound = BoundDenoiser(law.denoiser(schedule), Euclidean(d).at(), {})
    found = log_likelihood(bound, x, prior=last.log_prob, tolerance=TOLERANCE, probes=0)
    stated_and_true(found, now.log_prob(x), TOLERANCE, d)
    assert bool((found.probe_error == 0.0).all())


def test_a_finer_tolerance_gives_a_smaller_error():
    errors = [of_the_line(EDM(), TAIL, tolerance=tolerance) for tolerance in (1e-2, 1e-4)]
    coarse, fine = (float((found.value - truth).abs().max()) for found, truth in errors)
    assert fine < 0.1 * coarse
    assert fine < 1e-4


def planted(monkeypatch, change):
    rate = likelihood._Flow._rate
    monkeypatch.setattr(likelihood._Flow, "_rate", lambda self, *given: change(*rate(self, *given)))


@pytest.mark.parametrize(
    "change",
    [lambda z, gain: (z, -gain), lambda z, gain: (z, 1.02 * gain), lambda z, gain: (0.99 * z, gain)],
    ids=["the sign of the divergence", "its factor", "the flow"],
)
@pytest.mark.parametrize("name", ["edm", "vp", "rectified flow"])
def test_the_control_a_wrong_rate_is_seen(monkeypatch, name, change):
    planted(monkeypatch, change)
    with pytest.raises(AssertionError):
        stated_and_true(*of_the_line(ALL_SCHEDULES[name], TAIL, tolerance=TOLERANCE), TOLERANCE)


def test_the_control_a_wrong_denoiser_and_a_wrong_width_are_seen(monkeypatch):
    class Wrong(MixtureDenoiser):
        def forward(self, x_t, t, **condition):
            return 1.01 * super().forward(x_t, t, **condition)

    schedule = VariancePreserving()
    with pytest.raises(AssertionError):
        stated_and_true(*of_the_line(schedule, TAIL, Wrong(schedule), tolerance=TOLERANCE), TOLERANCE)
    monkeypatch.setattr(torch, "hypot", lambda a, b: a + 0.0 * b)
    with pytest.raises(AssertionError):
        stated_and_true(*of_the_line(EDM(), TAIL, tolerance=TOLERANCE), TOLERANCE)


# --- probes


class Linear(Denoiser):
    """D = G x with a matrix that is not symmetric, of any item."""

    def __init__(self, matrix, schedule):
        super().__init__()
        self.matrix, self.schedule = matrix, schedule

    def forward(self, x_t, t, **condition):
        gain = per_item(1.0 / (1.0 + self.schedule.sigma(t) ** 2), x_t)
        return gain * (x_t.flatten(1) @ self.matrix.to(x_t).T).reshape(x_t.shape)


def matrix(d):
    return 0.3 * random.normal((d, d), seed=5, stream=random.Stream.LAW, dtype=torch.float64)


def traces(space, x, probes, signs=None):
    """The traces of each item by each probe, and the exact ones, at time 0.5."""
    bound = BoundDenoiser(Linear(matrix(x[0].numel()), EDM()), space, {})
    flow = likelihood._Flow(bound, x, 0.5, lambda x: x[:, 0])
    rows, t = torch.arange(len(x)), torch.tensor(0.5, dtype=torch.float64)
    moving = x.clone().requires_grad_()
    clean = bound.denoiser(moving, t)
    exact = flow._trace(clean, moving, rows)[:, 0]
    flow.probes = rademacher(signs or space, probes, seed=0, item=rows, dtype=x.dtype, device=None)
    return flow._trace(clean, moving, rows), exact


MASK = torch.tensor([[True, True, True, False], [True, True, True, True]])
PIXELS = torch.tensor([[[[True, True], [False, True]]], [[[True, False], [True, False]]]])
SPACES = {
    "euclidean": (Euclidean(2, 3).at(), (2, 3)),
    "centred": (Centred(4, 2).at(MASK), (4, 2)),
    "masked": (Masked(2, 2, 2).at(PIXELS), (2, 2, 2)),
}


def projector(space, shape, row):
    d = math.prod(shape)
    basis = torch.eye(d, dtype=torch.float64).reshape(d, 1, *shape).expand(d, 2, *shape)
    return space.project(basis)[:, row].reshape(d, d)


@pytest.mark.parametrize("name", SPACES)
def test_the_trace_is_that_of_p_a_p_and_probes_spread_as_they_must(name):
    """1500 signs: mean and variance 2 (||S||^2 - sum of squares of the diagonal) of the probes, item by item."""
    space, shape = SPACES[name]
    x = space.project(torch.ones(2, *shape, dtype=torch.float64))
    n = 1500
    found, exact = traces(space, x, n)
    for row in range(2):
        P = projector(space, shape, row)
        A = P @ (0.8 * matrix(math.prod(shape))) @ P  # the gain at sigma = 0.5
        S = 0.5 * (A + A.T)
        assert float(exact[row]) == pytest.approx(float(A.trace()), abs=1e-12)
        variance = 2.0 * float(S.square().sum() - S.diagonal().square().sum())
        assert float(found[row].mean()) == pytest.approx(float(A.trace()), abs=4.5 * (variance / n) ** 0.5)
        assert float(found[row].var()) == pytest.approx(variance, rel=0.2)


@pytest.mark.parametrize("name", ["centred", "masked"])
def test_the_control_probes_that_are_not_projected_are_seen(name):
    space, shape = SPACES[name]
    x = space.project(torch.ones(2, *shape, dtype=torch.float64))
    found, exact = traces(space, x, 500, Euclidean(*shape).at())
    error = found.std(1) / 500**0.5
    assert float(((found.mean(1) - exact).abs() / error).max()) > 5


def probed(n=300, probes=2, d=40, seed=0):
    """An anisotropic law in d dimensions (a rotated diagonal), by probes, beside its exact density."""
    schedule = VariancePreserving()
    turned = torch.linalg.qr(matrix(d)).Q
    covariance = turned @ torch.diag(torch.linspace(0.1, 2.0, d, dtype=torch.float64)) @ turned.T
    law = GaussianMixture(torch.ones(1), torch.zeros(1, d), (0.5 * (covariance + covariance.T))[None])
    now, last = (law.diffused(schedule, t) for t in (schedule.t_min, schedule.t_max))
    x = now.sample(n, seed=0, dtype=torch.float64)
    bound = BoundDenoiser(law.denoiser(schedule), Euclidean(d).at(), {})
    found = log_likelihood(bound, x, prior=last.log_prob, probes=probes, tolerance=1e-2, seed=seed)
    return found, now.log_prob(x)


def test_the_probe_error_is_the_true_error_of_the_probes():
    found, truth = probed()
    error = found.value - truth
    stated = float(found.probe_error.square().mean())
    assert float(error.square().mean()) == pytest.approx(stated, rel=0.25)
    mean = found.mean()
    assert abs(float(error.mean())) < 4 * mean.probe_error + mean.solver_error
    assert mean.standard_error**2 == pytest.approx(mean.item_error**2 + mean.probe_error**2)
    assert mean.item_error == pytest.approx(float(truth.std()) / 300**0.5, rel=0.1)


def test_one_probe_leaves_its_part_in_that_of_the_items():
    found, _ = probed(n=20, probes=1)
    assert bool(found.probe_error.isnan().all())
    mean = found.mean()
    assert math.isnan(mean.probe_error)
    assert mean.item_error == mean.standard_error > 0
    many, _ = probed(n=20, probes=8)
    assert float(many.probe_error.mean()) < float(probed(n=20)[0].probe_error.square().mean() ** 0.5)


def test_probes_are_addressed():
    first, _ = probed(n=4)
    again, _ = probed(n=4)
    other, _ = probed(n=4, seed=1)
    assert torch.equal(first.value, again.value)
    assert float((first.value - other.value).abs().min()) > 1e-3


def test_the_mean_of_one_item_has_no_error():
    one = torch.ones(1, dtype=torch.float64)
    mean = LogProb(one, 0 * one, 0 * one, one.long()).mean()
    assert mean.value == 1.0
    assert math.isnan(mean.standard_error)
    assert math.isnan(mean.item_error)


# --- the model


def gaussian_model(space, shape, scale=None, variance=0.25, schedule=None, **more):
    law = Gaussian(torch.zeros(shape), Isotropic(variance))
    return DiffusionModel(space, law.denoiser(schedule or EDM()), scale, data_std=variance**0.5, **more)


def normal_in(space, x, variance):
    x = x.double()
    return -0.5 * (space.inner(x, x) / variance + space.ndof * math.log(2 * math.pi * variance))


@pytest.mark.parametrize("schedule", [EDM(), VariancePreserving()], ids=["edm", "vp"])
@pytest.mark.parametrize("name", SPACES)
def test_the_density_is_that_of_the_space_in_data_units(name, schedule):
    """The model's prior is exact for such data. Forgetting the scale would shift it by ndof ln 3 and more."""
    bound, shape = SPACES[name]
    space = {"euclidean": Euclidean(2, 3), "centred": Centred(4, 2), "masked": Masked(2, 2, 2)}[name]
    structure = {"euclidean": None, "centred": MASK, "masked": PIXELS}[name]
    model = gaussian_model(space, shape, Scale(torch.tensor(0.0), torch.tensor(3.0)), schedule=schedule)
    x = 2.0 * bound.noise(seed=0, stream=random.Stream.LAW, item=torch.arange(2), dtype=torch.float64)
    found = model.log_prob(Batch.whole(x, structure=structure))
    least = float(schedule.relative_noise(torch.tensor(schedule.t_min).double()))
    truth = normal_in(bound, x, 9.0 * (0.25 + least**2))
    assert bool(((found.value - truth).abs() <= found.solver_error).all())
    assert bool((found.solver_error <= 1e-3 * bound.ndof).all())
    noisy = model.log_prob(Batch.whole(x, structure=structure), noise=0.5)
    truth = normal_in(bound, x, 9.0 * (0.25 + 0.25))
    assert bool(((noisy.value - truth).abs() <= noisy.solver_error).all())


def test_each_channel_has_its_own_factor():
    scale = Scale(torch.tensor([1.0, -1.0]), torch.tensor([2.0, 0.5]))
    model = gaussian_model(Masked(2, 2, 2), (2, 2, 2), scale, 1.0)
    x = torch.zeros(2, 2, 2, 2, dtype=torch.float64)
    found = model.log_prob(Batch.whole(x, structure=PIXELS)).value
    pixels = PIXELS.flatten(1).sum(1).double()
    square = (1.0 / 2.0) ** 2 + (1.0 / 0.5) ** 2  # shifts in their factors
    truth = -0.5 * pixels * (square + 2 * math.log(2 * math.pi))  # ln 2 + ln 0.5 = 0
    torch.testing.assert_close(found, truth, rtol=1e-3, atol=0)


@pytest.fixture(scope="module")
def network():
    class Bent(nn.Module):
        """Smooth, with conditions, dropout, and a part that evaluation mode switches off."""

        def __init__(self):
            super().__init__()
            self.first, self.drop, self.last = nn.Linear(7, 16), nn.Dropout(0.5), nn.Linear(16, 6)

        def forward(self, x, noise, value=None):
            shift = 0.0 if value is None else value
            return self.last(self.drop(torch.tanh(self.first(torch.cat((x, noise[:, None]), 1)) + shift)))

    with random.fork(seed=0, stream=random.Stream.INITIALISATION):
        return DiffusionModel(Euclidean(6), NetworkDenoiser(Bent(), EDM(), KarrasPreconditioning()))


def some(n=5):
    return random.normal((6,), seed=1, stream=random.Stream.LAW, item=torch.arange(n))


def test_a_network_in_any_mode(network):
    """No gradient and no graph is left behind, training mode comes back, and dropout is off."""
    network.train()
    x = some()
    plain = network.log_prob(x)
    assert network.training
    assert network.denoiser.network.drop.training
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert not plain.value.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(network.log_prob(x).value, plain.value, rtol=0, atol=0)
    with torch.inference_mode():
        torch.testing.assert_close(network.log_prob(1.0 * x).value, plain.value, rtol=0, atol=0)
        network.encode(1.0 * x)
    assert torch.is_grad_enabled()


def test_a_failure_leaves_the_model_as_it_was(network):
    network.train()
    broken = network.denoiser.network.register_forward_hook(lambda module, given, out: out * torch.nan)
    try:
        with pytest.raises(ArithmeticError, match="not smooth or not finite"):
            network.log_prob(some())
    finally:
        broken.remove()
    assert network.training
    assert all(p.requires_grad for p in network.parameters())
    assert torch.is_grad_enabled()


def test_the_result_does_not_depend_on_the_batch(network):
    x, how = some(7), {"probes": 3, "seed": 4}
    whole = network.log_prob(x, **how)
    for size in (1, 3):
        found = network.log_prob(x, batch_size=size, **how)
        torch.testing.assert_close(found.value, whole.value, rtol=0, atol=2e-4)
        torch.testing.assert_close(found.probe_error, whole.probe_error, rtol=0, atol=2e-4)
        assert torch.equal(found.evaluations, whole.evaluations)
    tail = network.log_prob(Batch(x[5:], torch.arange(5, 7), 7), **how)
    torch.testing.assert_close(tail.value, whole.value[5:], rtol=0, atol=2e-4)


def test_the_exact_trace_is_what_many_probes_tend_to(network):
    exact, probes = network.log_prob(some()), network.log_prob(some(), probes=24)
    assert bool(((exact.value - probes.value).abs() < 4.5 * probes.probe_error + 1e-3).all())
    assert bool((probes.probe_error > 0).all())


def test_values_are_handed_on(network):
    value = torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0]])
    found = network.log_prob(Batch.whole(some(), value=value)).value
    plain = network.log_prob(some()).value
    assert abs(float(found[0] - plain[0])) < 1e-4
    assert float((found - plain)[1:].abs().min()) > 1e-3


class Classes(Denoiser):
    """Of two normal classes, told which: E[x_0 | x_t, label], each item at its own time."""

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule

    def forward(self, x_t, t, label):
        alpha, sigma = per_item(self.schedule.alpha(t), x_t), per_item(self.schedule.sigma(t), x_t)
        mean, variance = MEANS.to(x_t)[label], VARIANCES.to(x_t)[label][:, None]
        return mean + alpha * variance / (alpha**2 * variance + sigma**2) * (x_t - alpha * mean)


def test_labels_are_handed_on():
    """Two classes: the density of each under its own label, and every item keeps its own when others have arrived."""
    model = DiffusionModel(Euclidean(2), Classes(EDM(t_max=800.0)))
    label = torch.tensor([0, 1, 0, 1, 1, 0])
    x = MEANS[label] + 0.7 * random.normal((2,), seed=2, stream=random.Stream.LAW, item=torch.arange(6)).double()
    found = model.log_prob(Batch.whole(x, label=label))
    variance = VARIANCES[label]
    truth = -0.5 * (x - MEANS[label]).square().sum(1) / variance - torch.log(2 * math.pi * variance)
    torch.testing.assert_close(found.value, truth, rtol=0, atol=0.01)  # the prior's mismatch is 2 / 800
    wrong = model.log_prob(Batch.whole(x, label=1 - label))
    assert float((wrong.value - truth).abs().min()) > 0.1


# --- there and back


@pytest.mark.parametrize("schedule", [EDM(), VariancePreserving()], ids=["edm", "vp"])
def test_encoding_has_its_inverse(schedule):
    law = mixture(2)
    model = DiffusionModel(Euclidean(2), law.denoiser(schedule), Scale(torch.zeros(2), torch.tensor([2.0, 0.5])))
    x = law.sample(200, seed=3, dtype=torch.float64) * torch.tensor([2.0, 0.5]).double()
    z = model.encode(x, tolerance=1e-7)
    assert float((model.decode(z, tolerance=1e-7) - x).abs().max()) < 1e-5
    assert float((model.decode(z + 1e-2) - x).abs().max()) > 1e-3
    assert float(z.mean(0).abs().max()) < 0.3  # standard normal
    assert float((z.std(0) - 1.0).abs().max()) < 0.2
    in_parts = model.encode(x[:5], tolerance=1e-7, batch_size=2)
    torch.testing.assert_close(in_parts, z[:5], rtol=0, atol=1e-9)


def test_encoding_on_a_space_with_conditions():
    model = gaussian_model(Centred(4, 2), (4, 2), Scale(torch.tensor(0.0), torch.tensor(3.0)))
    x = Centred(4, 2).at(MASK).noise(seed=0, stream=random.Stream.LAW, item=torch.arange(2), dtype=torch.float64)
    z = model.encode(Batch.whole(x, structure=MASK))
    torch.testing.assert_close(z, x / 1.5, rtol=1e-3, atol=0)
    torch.testing.assert_close(model.decode(Batch.whole(z, structure=MASK)), x, rtol=1e-3, atol=1e-6)


# --- what is refused


def test_refusals(network):
    with pytest.raises(ValueError, match="probes is -1"):
        network.log_prob(some(), probes=-1)
    with pytest.raises(ValueError, match=r"tolerance is 1e-06 nats .* torch\.float32 resolves"):
        network.log_prob(some(), tolerance=1e-6)
    with pytest.raises(ValueError, match="noise is 1e-05, but the schedule has"):
        network.log_prob(some(), noise=1e-5)
    with pytest.raises(ValueError, match="batch_size is 0"):
        network.encode(some(), batch_size=0)
    with pytest.raises(TypeError, match=r"this model takes torch\.float32"):
        network.log_prob(some().double())
    with pytest.raises(ValueError, match="label is given"):
        network.log_prob(Batch.whole(some(), label=torch.zeros(5, dtype=torch.int64)))


@pytest.mark.parametrize("ask", ["log_prob", "encode", "decode"])
def test_what_is_not_finite_is_refused_by_its_number(network, ask):
    x = some()
    x[3].flatten()[0] = torch.nan
    with pytest.raises(ValueError, match="item 3 holds NaN"):
        getattr(network, ask)(x, batch_size=2)


def test_unequal_errors_of_the_probes_add_by_their_squares():
    value = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=torch.float64)
    mean = LogProb(value, torch.tensor([0.0, 0.0, 0.0, 0.4]).double(), 0 * value, value.long()).mean()
    assert mean.probe_error == pytest.approx(0.4 / 4)
    assert mean.standard_error == pytest.approx((1 / 3 / 4) ** 0.5)
    assert mean.item_error == pytest.approx((1 / 12 - 0.01) ** 0.5)
