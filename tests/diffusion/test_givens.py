"""What samples are drawn for: rows of the training set, jointly, each by its address; stored with the model."""

import json

import pytest
import torch

from equigen import store
from equigen.diffusion import EDM, DiffusionModel, Givens, KarrasPreconditioning, NetworkDenoiser, Scale
from equigen.networks.unet import UNet
from equigen.spaces.masked import Masked

N, MANY = 60, 6000
LABEL = torch.arange(N) % 3
VALUE = torch.where(LABEL[:, None] == 2, torch.nan, 10.0 * LABEL[:, None] + torch.arange(N)[:, None] % 2)
# Class c has masks of c + 1 columns: structure and label are dependent.
MASKS = (torch.arange(8) <= LABEL[:, None])[:, None, None].expand(N, 1, 8, 8)


def everything():
    return Givens.fit(MASKS, {"label": LABEL, "value": VALUE})


def agreement(structure, label):
    """The share of items whose mask is one of their class."""
    return float((structure[:, 0, 0].sum(1) == label + 1).double().mean())


def test_rows_are_drawn_uniformly_and_whole():
    structure, condition = everything().draw(seed=0, item=torch.arange(MANY))
    label, value = condition["label"], condition["value"][:, 0]
    for c in range(3):
        assert float((label == c).double().mean()) == pytest.approx(1 / 3, abs=5 * (2 / 9 / MANY) ** 0.5)
    assert agreement(structure, label) == 1.0
    assert torch.equal(value.isnan(), label == 2)
    assert torch.equal(torch.div(value[label < 2], 10, rounding_mode="floor").long(), label[label < 2])
    # The control: masks and labels drawn apart do not belong together.
    apart = everything().draw(seed=1, item=torch.arange(MANY))[0]
    assert agreement(apart, label) < 0.5


def test_a_draw_is_a_function_of_its_address():
    givens = everything()
    _, whole = givens.draw(seed=4, item=torch.arange(50))
    for part in torch.arange(50).split(7):
        structure, condition = givens.draw(seed=4, item=part)
        assert torch.equal(condition["label"], whole["label"][part])
        assert agreement(structure, condition["label"]) == 1.0
    assert not torch.equal(givens.draw(seed=5, item=torch.arange(50))[1]["label"], whole["label"])


def test_a_class_brings_what_occurs_with_it():
    label = torch.arange(MANY) % 4 - 1  # -1, 0, 1, 2
    structure, condition = everything().draw(seed=0, item=torch.arange(MANY), label=label)
    known = label >= 0
    assert agreement(structure[known], label[known]) == 1.0
    assert torch.equal(condition["label"][known], label[known])
    free = condition["label"][~known]
    assert float((free == 0).double().mean()) == pytest.approx(1 / 3, abs=0.07)
    # Both values of a class come, and a class without rows is drawn for as if it were not named.
    assert set(condition["value"][label == 1].flatten().tolist()) == {10.0, 11.0}
    missing = everything().draw(seed=0, item=torch.arange(300), label=torch.full((300,), 7))[1]["label"]
    assert set(missing.tolist()) == {0, 1, 2}


def test_many_rows_are_thinned_evenly():
    n = 10000
    givens = Givens.fit(None, {"value": torch.arange(n)[:, None].float()})
    assert givens.rows == 4096
    gaps = givens.value[:, 0].diff()
    assert int(givens.value[0]) == 0
    assert int(givens.value[-1]) > n - 4
    assert set(gaps.tolist()) == {2, 3}
    assert Givens.fit(None, {"label": torch.arange(30)}).label.tolist() == list(range(30))


def test_nothing_that_is_stored_is_other_than_finite():
    assert all(bool(tensor.isfinite().all()) for tensor in everything().state_dict().values())


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: Givens.fit(None, {}),
        lambda: Givens.fit(MASKS, {"label": LABEL[:5]}),
        lambda: Givens.fit(None, {"colour": LABEL}),
        lambda: Givens.fit(None, {"label": LABEL[:0]}),
        lambda: Givens(3),
    ],
)
def test_a_law_of_nothing_is_refused(mistake):
    with pytest.raises(ValueError, match="but"):
        mistake()


def masked_model(givens):
    network, generator = UNet((1, 8, 8), channels=(8,), classes=3), torch.Generator().manual_seed(0)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn(parameter.shape, generator=generator))
    denoiser = NetworkDenoiser(network, EDM(), KarrasPreconditioning())
    scale = Scale(torch.tensor([0.5]), torch.tensor([2.0]))
    return DiffusionModel(Masked(1, 8, 8), denoiser, scale, condition_dropout=0.1, givens=givens)


def test_a_stored_model_knows_what_to_sample_for(tmp_path):
    model = masked_model(Givens.fit(MASKS, {"label": LABEL}))
    again = store.load(store.save(model, tmp_path / "model"))
    expected = model.sample(9, seed=0, steps=3, guidance=2.0)
    assert torch.equal(again.sample(9, seed=0, steps=3, guidance=2.0), expected)
    assert again.condition_dropout == 0.1
    config = json.loads((tmp_path / "model" / "config.json").read_text())["model"]["givens"]
    shape = {"rows": N, "structure_shape": [1, 8, 8], "has_labels": True, "value_count": 0}
    assert config == {"kind": "givens", **shape}
    # The control: another law of what is given is another model.
    again.givens.label.zero_()
    assert not torch.equal(again.sample(9, seed=0, steps=3, guidance=2.0), expected)


def test_samples_are_drawn_for_the_givens_where_nothing_is_given():
    model = masked_model(Givens.fit(MASKS, {"label": LABEL}))
    structure, condition = model.givens.draw(seed=3, item=torch.arange(2, 9))
    expected = model.sample(7, seed=3, steps=3, first=2, structure=structure, condition=condition)
    assert torch.equal(model.sample(7, seed=3, steps=3, first=2), expected)
    assert torch.equal(model.sample(7, seed=3, steps=3, first=2, condition={}), expected)
    tail = model.sample(4, seed=3, steps=3, first=5, batch_size=3)
    torch.testing.assert_close(tail, expected[3:], rtol=1e-5, atol=1e-5)
    # A class alone brings its masks; a mask alone leaves the class to the givens.
    label = torch.full((20,), 1)
    x = model.sample(20, seed=0, steps=2, condition={"label": label})
    assert bool((x[..., 2:] == 0).all())  # zero, though the scale has a shift
    assert bool((x[..., :2] != 0).all())
    full = torch.ones(4, 1, 8, 8, dtype=torch.bool)
    drawn = model.givens.draw(seed=0, item=torch.arange(4))[1]
    expected = model.sample(4, seed=0, steps=2, structure=full, condition=drawn)
    assert torch.equal(model.sample(4, seed=0, steps=2, structure=full), expected)


def test_a_model_without_givens_stays_as_it_was():
    model = masked_model(None)
    nothing = {"label": torch.full((3,), -1)}
    assert torch.equal(model.sample(3, seed=0, steps=3), model.sample(3, seed=0, steps=3, condition=nothing))
    structure = MASKS[:3]
    assert bool((model.sample(3, seed=0, steps=3, structure=structure)[~structure] == 0).all())


def test_no_class_is_lost_however_rare():
    label = torch.zeros(60_000, dtype=torch.int64)
    label[[17, 40_001]], label[59_999] = 1, 2
    givens = Givens.fit(None, {"label": label})
    assert givens.classes() == [0, 1, 2]
    assert givens.rows <= 4096 + 2
    assert Givens.fit(None, {"label": label[:4000]}).rows == 4000  # all rows: nothing is added


def test_masks_are_kept_in_bounded_memory():
    mask = torch.ones(1, 1, 4096, 4096, dtype=torch.bool).expand(100, 1, 4096, 4096)
    assert Givens.fit(mask, {}).structure.numel() <= 1 << 26
