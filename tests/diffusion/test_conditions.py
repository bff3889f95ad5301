"""Conditions: what is withheld, how often, and addressed by what; what a model refuses to be told."""

import pytest
import torch

from equigen.diffusion import EDM, DiffusionModel, KarrasPreconditioning, NetworkDenoiser
from equigen.diffusion.conditions import dropped, withheld
from equigen.networks.unet import UNet
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked

SHAPE = (1, 8, 8)


def conditional(dropout=0.25, **takes):
    network, generator = UNet(SHAPE, channels=(8,), **takes), torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    denoiser = NetworkDenoiser(network, EDM(), KarrasPreconditioning())
    return DiffusionModel(Euclidean(*SHAPE), denoiser, condition_dropout=dropout)


def images(n=12):
    return torch.randn(n, *SHAPE, generator=torch.Generator().manual_seed(1))


def test_each_type_has_its_sign_for_nothing():
    given = {"label": torch.tensor([5, 6]), "value": torch.tensor([[1.0, 2.0], [3.0, 4.0]])}
    half = withheld(given, torch.tensor([False, True]))
    assert half["label"].tolist() == [5, -1]
    assert half["value"].isnan().tolist() == [[False, False], [True, True]]
    assert torch.equal(half["value"][0], given["value"][0])
    assert given["label"].tolist() == [5, 6]
    with pytest.raises(ValueError, match=r"flag is torch.bool, .* withheld"):
        withheld({"flag": torch.tensor([True])})


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_the_share_is_the_one_asked_for(share):
    n = 40000
    given = {"label": torch.arange(n), "value": torch.zeros(n, 1)}
    found = dropped(given, share, seed=3, step=7, position=torch.arange(n))
    free = found["label"] == -1
    assert float(free.double().mean()) == pytest.approx(share, abs=5 * (share * (1 - share) / n) ** 0.5)
    assert torch.equal(found["value"][:, 0].isnan(), free)  # all conditions of an item go together
    other = dropped(given, share, seed=3, step=8, position=torch.arange(n))["label"] == -1
    if 0 < share < 1:  # independent from step to step
        spread = (share**2 * (1 - share**2) / n) ** 0.5
        assert float((free & other).double().mean()) == pytest.approx(share**2, abs=5 * spread)


def test_what_is_dropped_is_a_matter_of_the_place_in_the_global_batch():
    label = torch.arange(20)
    whole = dropped({"label": label}, 0.5, seed=0, step=4, position=label)["label"]
    parts = [slice(0, 3), slice(3, 14), slice(14, 20)]
    divided = [dropped({"label": label[p]}, 0.5, seed=0, step=4, position=label[p])["label"] for p in parts]
    assert torch.equal(torch.cat(divided), whole)
    by_row = [dropped({"label": label[p]}, 0.5, seed=0, step=4, position=torch.arange(len(label[p]))) for p in parts]
    assert not torch.equal(torch.cat([part["label"] for part in by_row]), whole)  # the control


def test_the_loss_drops_and_is_the_mean_of_its_parts():
    model, x, label = conditional(classes=3).double(), images().double(), torch.arange(12) % 3
    whole = model.loss(Batch.whole(x, label=label), seed=0, step=5)
    parts = [
        len(p) * model.loss(Batch(x[p], p, 12, None, {"label": label[p]}), seed=0, step=5)
        for p in torch.arange(12).split(5)
    ]
    torch.testing.assert_close(sum(parts) / 12, whole, rtol=1e-12, atol=0)
    by_hand = dropped({"label": label}, 0.25, seed=0, step=5, position=torch.arange(12))["label"]
    assert 0 < int((by_hand == -1).sum()) < 12
    never = conditional(dropout=0.0, classes=3).double()
    expected = never.loss(Batch.whole(x, label=by_hand), seed=0, step=5)
    torch.testing.assert_close(whole, expected, rtol=1e-12, atol=0)
    kept = never.loss(Batch.whole(x, label=label), seed=0, step=5)
    assert abs(kept.item() - whole.item()) > 1e-9  # the control


def test_a_held_out_loss_drops_nothing():
    batch = Batch.whole(images(), label=torch.arange(12) % 3)
    often, never, always = (conditional(dropout, classes=3) for dropout in (0.5, 0.0, 1.0))
    expected = never.loss_by_noise_level(batch, seed=0).loss
    assert torch.equal(often.loss_by_noise_level(batch, seed=0).loss, expected)
    assert torch.equal(always.loss_by_noise_level(batch, seed=0).loss, expected)
    free = Batch.whole(images(), label=torch.full((12,), -1))
    assert not torch.equal(never.loss_by_noise_level(free, seed=0).loss, expected)  # the control


def test_values_are_taken_in_the_precision_of_the_model():
    model = conditional(values=2).double()
    model.denoiser.network.fit_values(torch.randn(50, 2, generator=torch.Generator().manual_seed(0)))
    value = torch.tensor([[0.5, float("nan")], [1.0, 2.0]])
    x = model.sample(2, seed=0, steps=3, condition={"value": value})
    assert x.dtype == torch.float64
    assert bool(x.isfinite().all())
    assert torch.equal(x, model.sample(2, seed=0, steps=3, condition={"value": value.double()}))


LABEL = torch.tensor([0, 2])


@pytest.mark.parametrize(
    ("takes", "condition", "words"),
    [
        ({"classes": 3}, {"label": torch.tensor([0, 3])}, r"label is 3, .* classes 0 \.\. 2"),
        ({"classes": 3}, {"label": torch.tensor([0, -2])}, r"label is -2, .* -1 for none"),
        ({"classes": 3}, {"label": LABEL.float()}, r"label is torch.float32 .* label=torch.tensor"),
        ({"classes": 3}, {"label": LABEL.int()}, "label is torch.int32"),
        ({"classes": 3}, {"label": LABEL[:, None]}, r"shape \(2, 1\)"),
        ({"classes": 3}, {"label": LABEL[:1]}, r"label has (1 items|shape \(1,\)), but"),
        ({"classes": 3}, {"label": LABEL[0]}, r"label has (no items|shape \(\)), but"),
        ({}, {"label": LABEL}, "label is given, but this model has no classes"),
        ({"classes": 3}, {"value": torch.zeros(2, 1)}, "value is given, but this model takes no values"),
        ({"values": 2}, {"value": torch.zeros(2, 1)}, r"value is torch.float32 of shape \(2, 1\), .* \(2, 2\)"),
        ({"values": 1}, {"value": LABEL[:, None]}, "value is torch.int64"),
        ({"classes": 3}, {"colour": LABEL}, "colour is given, but UNet takes no colour"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_sentence(takes, condition, words):
    model = conditional(**takes)
    for attempt in (
        lambda: model.sample(2, seed=0, condition=condition),
        lambda: model.loss(Batch(images(2), torch.arange(2), 2, None, condition), seed=0, step=0),
        lambda: model.loss_by_noise_level(Batch(images(2), torch.arange(2), 2, None, condition), seed=0),
    ):
        with pytest.raises(ValueError, match=words) as told:
            attempt()
        assert str(told.value).count("\n") == 0


def test_a_network_that_knows_no_conditions():
    class Plain(torch.nn.Module):
        def forward(self, x, noise):
            return x

    model = DiffusionModel(Euclidean(*SHAPE), NetworkDenoiser(Plain(), EDM(), KarrasPreconditioning()))
    with pytest.raises(ValueError, match="label is given, but Plain takes no label"):
        model.sample(2, seed=0, steps=2, condition={"label": LABEL})
    mask = torch.ones(2, 1, 8, 8, dtype=torch.bool)
    masked = DiffusionModel(Masked(*SHAPE), model.denoiser)
    with pytest.raises(ValueError, match="structure is given, but Plain takes no structure"):
        masked.sample(2, seed=0, steps=2, structure=mask)


def test_a_share_outside_its_range_is_refused():
    with pytest.raises(ValueError, match=r"condition_dropout is 1.5, but .* \[0, 1\]"):
        conditional(dropout=1.5)
