"""The model: sampling from known laws, addresses, scale, conditions and space."""

import pytest
import torch

from equigen.diffusion import (
    EDM,
    DiffusionModel,
    EulerMaruyama,
    Gaussian,
    Heun,
    Isotropic,
    KarrasPreconditioning,
    NetworkDenoiser,
    Scale,
    UniformGrid,
    VariancePreserving,
)
from equigen.diffusion.denoiser import Denoiser
from equigen.networks.unet import UNet
from equigen.random import Stream
from equigen.spaces.batch import Batch
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked

UNIT = Gaussian(torch.zeros(3), Isotropic(1.0))
SCALE = Scale(torch.tensor([1.0, -2.0, 0.5]), torch.tensor([2.0, 0.5, 3.0]))


def exact(schedule=None):
    return DiffusionModel(Euclidean(3), UNIT.denoiser(schedule or EDM()), SCALE)


def small_network():
    network = UNet((1, 8, 8), channels=(8, 16))
    generator = torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    return DiffusionModel(Euclidean(1, 8, 8), NetworkDenoiser(network, EDM(), KarrasPreconditioning()))


@pytest.mark.parametrize("solver", [None, Heun(), EulerMaruyama()], ids=["default", "heun", "euler-maruyama"])
def test_samples_have_the_law_of_the_data(solver):
    n = 20000
    x = exact(VariancePreserving()).sample(n, seed=0, steps=200, solver=solver, batch_size=n).double()
    mean, std = x.mean(0), x.std(0)
    torch.testing.assert_close(mean, SCALE.shift, rtol=0, atol=5 * 3 / n**0.5)
    torch.testing.assert_close(std / SCALE.factor, torch.ones(3).double(), rtol=0.025, atol=0)


def test_the_prior_is_the_law_of_the_data_at_t_max():
    """With one noisy step from t_max to just below, the samples still have that law's variance."""
    schedule = VariancePreserving(t_min=0.4, t_max=0.5)
    seen = []
    model = DiffusionModel(Euclidean(3), UNIT.denoiser(schedule), data_std=1.0)
    model.sample(40000, seed=0, steps=1, batch_size=40000, on_step=lambda k, x: seen.append(x))
    assert float(seen[0].var()) == pytest.approx(1.0, abs=0.02)
    textbook = DiffusionModel(Euclidean(3), UNIT.denoiser(schedule), data_std=0.0)
    textbook.sample(40000, seed=0, steps=1, batch_size=40000, on_step=lambda k, x: seen.append(x))
    assert float(seen[-1].var()) == pytest.approx(float(schedule.sigma(torch.tensor(0.5)) ** 2), abs=0.02)


@pytest.mark.parametrize("solver", [None, EulerMaruyama()], ids=["default", "euler-maruyama"])
def test_a_sample_is_a_function_of_its_address(solver):
    model = small_network()
    whole = model.sample(9, seed=4, steps=5, solver=solver)
    for batch_size in (1, 4):
        again = model.sample(9, seed=4, steps=5, solver=solver, batch_size=batch_size)
        assert float((again - whole).abs().max()) < 1e-5 * float(whole.abs().max())
    tail = model.sample(4, seed=4, steps=5, solver=solver, first=5)
    assert float((tail - whole[5:]).abs().max()) < 1e-5 * float(whole.abs().max())
    other = model.sample(9, seed=5, steps=5, solver=solver)
    assert float((other - whole).abs().max()) > 0.1


def test_the_global_generator_is_left_alone():
    model = small_network()
    torch.manual_seed(0)
    expected = torch.rand(2)
    torch.manual_seed(0)
    model.loss(model.sample(2, seed=0, steps=2), seed=0, step=0)
    UNet((1, 8, 8), channels=(8,))
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize("steps", [1, 2, 7])
@pytest.mark.parametrize("solver", [None, Heun()], ids=["one", "two"])
def test_the_number_of_evaluations_is_the_one_paid_for(steps, solver):
    model, calls = exact(), []
    model.denoiser.register_forward_hook(lambda *_: calls.append(1))
    model.sample(3, seed=0, steps=steps, solver=solver)
    assert len(calls) == (steps - 1) * (2 if solver else 1) + 1
    calls.clear()
    model.sample(3, seed=0, steps=steps, solver=solver, final="noisy")
    assert len(calls) == steps * (2 if solver else 1)


def test_the_final_step_denoises():
    model = exact()
    noisy = model.sample(5, seed=0, steps=9, final="noisy", grid=UniformGrid())
    clean = model.sample(5, seed=0, steps=10, grid=UniformGrid())
    t = torch.tensor(model.denoiser.schedule.t_min)
    expected = model.scale.to_data(model.denoiser(model.scale.to_model(noisy), t))
    torch.testing.assert_close(clean, expected, rtol=1e-5, atol=1e-5)


def test_the_path_is_reported_in_data_units():
    model, path = exact(), []
    x = model.sample(4, seed=0, steps=6, on_step=lambda k, x_t: path.append((k, x_t)))
    assert [k for k, _ in path] == list(range(6))
    high, low = path[0][1], path[-1][1]
    assert float(((high - SCALE.shift) / SCALE.factor).std()) > 20
    assert float((low - x).abs().max()) < 0.05


def test_conditions_reach_the_network_in_their_batches():
    class Labelled(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, label):
            return label.to(x_t)[:, None].expand_as(x_t)

    model = DiffusionModel(Euclidean(3), Labelled())
    x = model.sample(5, seed=0, steps=3, batch_size=2, condition={"label": torch.arange(5)})
    assert x.tolist() == [[float(i)] * 3 for i in range(5)]


def test_ragged_clouds_are_sampled_in_their_space():
    class Still(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, structure):
            return x_t / (1 + t**2) + 1.0

    mask = torch.tensor([[True] * 4, [True, True, False, False], [True] * 3 + [False]])
    model = DiffusionModel(Centred(4, 3), Still())
    x = model.sample(3, seed=0, steps=8, structure=mask, batch_size=2)
    space = Centred(4, 3).at(mask)
    torch.testing.assert_close(space.project(x), x, rtol=0, atol=1e-5)
    assert bool((x[~mask] == 0).all())
    assert float(x.abs().max()) > 0.1


def test_training_mode_is_put_back():
    model = small_network().train()
    model.sample(1, seed=0, steps=1)
    assert model.training
    assert not model.eval().sample(1, seed=0, steps=1).requires_grad
    assert not model.training


@pytest.mark.parametrize(
    ("change", "word"),
    [({"n": 0}, "n is 0"), ({"steps": 0}, "steps"), ({"batch_size": 0}, "batch_size"), ({"final": "x"}, "final")],
)
def test_what_cannot_be_sampled_is_refused(change, word):
    with pytest.raises(ValueError, match=word):
        exact().sample(**{"n": 2, "seed": 0, **change})


@pytest.mark.parametrize(
    ("attempt", "error", "words"),
    [
        (lambda model: model.loss(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), 0, 0), TypeError, "uint8"),
        (lambda model: model.loss(torch.zeros(2, 1, 8, 8, dtype=torch.float64), 0, 0), TypeError, "float64"),
        (lambda model: model.loss(torch.zeros(0, 1, 8, 8), 0, 0), ValueError, "0 items"),
        (lambda model: model.loss(torch.zeros(1, 8, 8), 0, 0), ValueError, "shape"),
        (lambda model: model.loss_by_noise_level(torch.zeros(1, 1, 8, 8), seed=0), ValueError, "at least 2"),
        (
            lambda model: model.sample(2, seed=0, condition={"y": torch.zeros(1)}),
            ValueError,
            "y has 1 items, but 2 are needed",
        ),
        (lambda model: model.sample(2, seed=0, structure=torch.zeros(3)), ValueError, "structure has 3"),
    ],
)
def test_what_is_no_data_of_the_model_is_refused(attempt, error, words):
    with pytest.raises(error, match=words):
        attempt(small_network())


def test_a_single_centred_point_poisons_no_batch():
    class Still(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, structure):
            return 0.5 * x_t

    mask = torch.tensor([[True, True, True], [True, False, False]])
    model, x = DiffusionModel(Centred(3, 2), Still()), torch.randn(2, 3, 2, generator=torch.Generator().manual_seed(0))
    both = model.loss(Batch.whole(x, structure=mask), seed=0, step=0)
    alone = model.loss(Batch(x[:1], torch.arange(1), 2, mask[:1]), seed=0, step=0)
    assert float(both) == pytest.approx(float(alone) / 2, rel=1e-6)


class TestScale:
    def test_it_standardises_and_inverts(self):
        x = SCALE.to_data(torch.randn(500, 3, 4, generator=torch.Generator().manual_seed(0)).double())
        scale = Scale.fit(x, Euclidean(3, 4))
        y = scale.to_model(x)
        torch.testing.assert_close(y.mean((0, 2)), torch.zeros(3).double(), rtol=0, atol=1e-12)
        torch.testing.assert_close(y.std((0, 2), correction=0), torch.ones(3).double(), rtol=1e-12, atol=0)
        torch.testing.assert_close(scale.to_data(y), x, rtol=1e-12, atol=1e-12)
        assert float((SCALE.to_model(x) - y).abs().max()) > 1e-3  # the control: another scale is another

    def test_clouds_keep_their_centre_and_directions(self):
        x = torch.randn(50, 5, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 3.0])
        scale = Scale.fit(x, Centred(5, 3))
        assert scale.shift.shape == scale.factor.shape == ()
        centred = Centred(5, 3).at().project(x).double()
        assert float(scale.factor) == pytest.approx(float((centred.square().sum() / (50 * 4 * 3)) ** 0.5), rel=1e-6)
        assert float(scale.shift) == 0.0

    def test_padding_counts_for_nothing(self):
        """Clouds of 3 to 6 points with deviation 3 in each degree of freedom, however they are padded."""
        counts = 3 + torch.arange(400) % 4
        factors = []
        for points in (6, 12):
            mask = torch.arange(points) < counts[:, None]
            space = Centred(points, 3)
            x = 3.0 * space.at(mask).noise(seed=0, stream=Stream.LAW, item=torch.arange(400))
            factors.append(float(Scale.fit(x, space, mask).factor))
            assert abs(float(Scale.fit(x, space).factor) - 3.0) > 0.3  # the control: padding taken for points
        assert factors[0] == pytest.approx(3.0, rel=0.05)
        assert factors[1] == pytest.approx(factors[0], rel=1e-6)

    @pytest.mark.parametrize("rubbish", [0.0, 1e3, float("nan")])
    def test_invalid_pixels_count_for_nothing(self, rubbish):
        """Channels N(1, 4) and N(-3, 1/4) on the valid pixels, anything elsewhere."""
        generator = torch.Generator().manual_seed(0)
        mask = torch.rand(500, 1, 4, 5, generator=generator) < 0.6
        mask[:, :, 0, 0] = True
        mean, std = torch.tensor([1.0, -3.0]), torch.tensor([2.0, 0.5])
        clean = mean[:, None, None] + std[:, None, None] * torch.randn(500, 2, 4, 5, generator=generator)
        x = torch.where(mask, clean, rubbish)
        scale = Scale.fit(x, Masked(2, 4, 5), mask)
        valid = clean.double().transpose(0, 1)[:, mask.squeeze(1)]  # (2, valid pixels)
        torch.testing.assert_close(scale.shift, valid.mean(1), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(scale.factor, valid.std(1, correction=0), rtol=1e-6, atol=1e-6)
        if rubbish == rubbish:  # the control: taken for data they spoil it
            wrong = Scale.fit(x, Euclidean(2, 4, 5))
            assert float((wrong.factor / scale.factor - 1.0).abs().min()) > 0.04

    def test_masks_that_leave_nothing_out_change_nothing(self):
        x = SCALE.to_data(torch.randn(50, 3, 2, 2, generator=torch.Generator().manual_seed(0)))
        space, everywhere = Masked(3, 2, 2), torch.ones(50, 1, 2, 2, dtype=torch.bool)
        for name in ("shift", "factor"):
            with_masks = getattr(Scale.fit(x, space, everywhere), name)
            torch.testing.assert_close(with_masks, getattr(Scale.fit(x, space), name), rtol=1e-12, atol=1e-12)

    def test_a_channel_that_never_varies_is_only_shifted(self):
        x = torch.stack([torch.full((9, 2), 3.0), torch.arange(18.0).reshape(9, 2)], dim=1)
        scale = Scale.fit(x, Euclidean(2, 2))
        assert scale.factor[0] == 1.0
        assert bool((scale.to_model(x)[:, 0] == 0).all())

    @pytest.mark.parametrize(
        "mistake",
        [
            lambda: Scale.fit(torch.ones(5, 3), Euclidean(3)),
            lambda: Scale.fit(torch.ones(5, 2), Euclidean(3)),
            lambda: Scale(torch.zeros(2), torch.ones(3)),
            lambda: Scale(torch.zeros(2), torch.tensor([1.0, 0.0])),
            lambda: Scale(torch.zeros(1), torch.tensor([torch.inf])),
        ],
    )
    def test_what_is_no_scale_is_refused(self, mistake):
        with pytest.raises(ValueError, match="but"):
            mistake()


@pytest.mark.parametrize("std", [0.3, 1.0, 20.0])
def test_the_loss_by_noise_level_is_1_for_gaussian_data_of_any_spread(std):
    law = Gaussian(torch.zeros(32), Isotropic(std**2))
    x = law.sample(400, seed=1)

    def found(told):
        model = DiffusionModel(Euclidean(32), law.denoiser(EDM(t_min=1e-4, t_max=1e4)), data_std=told)
        return model.loss_by_noise_level(x, seed=0)

    level = found(std)
    torch.testing.assert_close(level.loss, torch.ones(8, dtype=torch.float64), rtol=0.04, atol=0)
    assert (float(level.noise[0]), float(level.noise[-1])) == pytest.approx((0.02, 20.0))
    assert std == 1.0 or float((found(1.0).loss - 1.0).abs().max()) > 0.3  # the control: told another spread
