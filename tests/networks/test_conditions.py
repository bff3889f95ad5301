"""Labels and values: what is given matters, what is not given is learned, and what does not fit is refused."""

import pytest
import torch

from equigen import store
from equigen.networks.embedding import ValueEmbedding
from equigen.networks.tutorial_unet import TutorialUNet
from equigen.networks.unet import UNet
from tests.networks.shaken import images, noise_levels, shaken

SHAPE = (1, 8, 8)
NAN = torch.nan


def network(dtype=torch.float64, **options):
    return shaken(SHAPE, channels=(4, 8), **{"classes": 3, "values": 2, **options}).to(dtype)


def evaluate(network, items=4, dtype=torch.float64, **given):
    x = images(1, *SHAPE, dtype=dtype).expand(items, *SHAPE)
    return network(x, torch.full((items,), 0.3, dtype=dtype), **given)


def difference(first, second):
    return float((first - second).abs().amax())


# --- labels


@torch.no_grad()
def test_every_label_and_its_absence_give_something_of_their_own():
    out = evaluate(network(), label=torch.tensor([0, 1, 2, -1]))
    assert min(difference(out[i], out[j]) for i in range(4) for j in range(i)) > 1e-4


@torch.no_grad()
def test_no_label_is_the_label_minus_one():
    withheld = evaluate(network(), label=torch.tensor([-1, -1, -1, -1]))
    torch.testing.assert_close(evaluate(network()), withheld, rtol=0, atol=1e-14)
    assert difference(withheld, evaluate(network(), label=torch.tensor([2, 2, 2, 2]))) > 1e-4  # the last class is not


@torch.no_grad()
def test_a_label_matters_to_its_own_item_only():
    first, second = (evaluate(network(), label=torch.tensor([0, k, 2, -1])) for k in (1, 2))
    assert difference(first[1], second[1]) > 1e-4
    torch.testing.assert_close(first[[0, 2, 3]], second[[0, 2, 3]], rtol=0, atol=1e-14)


@torch.no_grad()
def test_a_label_may_mean_another_thing_at_another_noise_level():
    """The effect of a label on the first modulation is no constant: the sum is taken before a nonlinearity."""
    embedding, label = network().embedding, network().label_embedding(torch.tensor([0, 1]), 2)
    effects = [embedding(torch.full((2,), level).double(), label).diff(dim=0) for level in (-0.5, 0.7)]
    assert difference(*effects) > 1e-3


def test_integers_of_any_width_are_labels():
    wide = evaluate(network(), label=torch.tensor([0, 1, 2, -1]))
    assert torch.equal(evaluate(network(), label=torch.tensor([0, 1, 2, -1], dtype=torch.int16)), wide)


# --- values


@torch.no_grad()
def test_each_value_and_its_absence_matter():
    given = [[0.5, -1.0], [0.5, NAN], [NAN, -1.0], [NAN, NAN], [0.5, 0.0], [0.0, NAN]]
    out = evaluate(network(), items=6, value=torch.tensor(given))
    assert min(difference(out[i], out[j]) for i in range(6) for j in range(i)) > 1e-4
    torch.testing.assert_close(evaluate(network(), items=6)[0], out[3], rtol=0, atol=1e-14)


@torch.no_grad()
def test_the_units_of_values_do_not_matter_once_fitted():
    values, factor, shift = images(50, 2, dtype=torch.float64), torch.tensor([3.0, 1e-3]), torch.tensor([-7.0, 40.0])
    results = []
    for units in (values, shift + factor * values):
        fitted = network()
        fitted.fit_values(units)
        results.append(evaluate(fitted, value=units[:4]))
    torch.testing.assert_close(*results, rtol=0, atol=1e-9)
    unfitted = [evaluate(network(), value=units[:4]) for units in (values, shift + factor * values)]
    assert difference(*unfitted) > 1e-3  # the control


def test_what_is_missing_does_not_enter_the_statistics():
    embedding, values = ValueEmbedding(3, 4).double(), images(9, 3, dtype=torch.float64)
    values[:4, 0], values[:, 2] = NAN, 0.1
    embedding.fit(values)
    torch.testing.assert_close(embedding.mean, torch.stack([values[4:, 0].mean(), values[:, 1].mean(), values[0, 2]]))
    spread = [float(values[4:, 0].std(correction=0)), float(values[:, 1].std(correction=0)), 1.0]
    torch.testing.assert_close(embedding.std.tolist(), spread)  # one that never varies is only shifted


def test_fitting_draws_nothing_and_learns_nothing():
    fitted, state = network(), torch.random.get_rng_state()
    before = [p.clone() for p in fitted.parameters()]
    fitted.fit_values(images(20, 2))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(a, b) and b.requires_grad for a, b in zip(before, fitted.parameters(), strict=True))


def test_a_stored_network_keeps_its_conditions():
    first = network(attention=True)
    first.fit_values(images(20, 2, dtype=torch.float64))
    again = store.from_config(store.to_config(first)).double()
    again.load_state_dict(first.state_dict())
    given = {"label": torch.tensor([0, 1, 2, -1]), "value": images(4, 2)}
    assert torch.equal(evaluate(first, **given), evaluate(again, **given))
    assert (again.classes, again.values, again.attention) == (3, 2, True)


# --- gradients, precision, compilation


def test_every_parameter_learns_even_where_nothing_is_given():
    for given in ({}, {"label": torch.tensor([0, 1, 2, -1]), "value": torch.tensor([[1.0, NAN]]).expand(4, 2)}):
        learner = network(attention=True)
        evaluate(learner, **given).square().sum().backward()
        assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in learner.parameters())
        assert all(float(p.grad.abs().max()) > 0 for p in learner.label_embedding.parameters())


def test_single_precision_follows_double():
    given = {"label": torch.tensor([0, 1, 2, -1]), "value": torch.tensor([[1.0, NAN]]).expand(4, 2)}
    single = evaluate(network(torch.float32, attention=True), dtype=torch.float32, **given)
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), evaluate(network(attention=True), **given), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("given", ["all", "none"])
def test_it_compiles_whole(given):
    eager = shaken((1, 9, 8), channels=(4, 8), classes=3, values=2, attention=True)
    compiled = torch.compile(eager, backend="aot_eager", fullgraph=True)
    conditions = {
        "label": torch.tensor([0, 1, -1]),
        "value": torch.tensor([[1.0, NAN], [0.0, 2.0], [NAN, NAN]]),
        "structure": images(3, 1, 9, 8) > 0,
    }
    arguments = (images(3, 1, 9, 8), noise_levels(3))
    chosen = conditions if given == "all" else {}
    out, expected = compiled(*arguments, **chosen), eager(*arguments, **chosen)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)
    out.square().sum().backward()
    assert all(p.grad is not None for p in eager.parameters())


@torch.no_grad()
def test_it_is_exported_for_any_size_of_batch():
    def inputs(items):
        given = {"label": torch.arange(items) % 4 - 1, "value": images(items, 2)}
        given["structure"] = images(items, *SHAPE) > 0
        return (images(items, *SHAPE), noise_levels(items)), given

    eager = network(torch.float32, attention=True)
    arguments, given = inputs(3)
    any_size = {0: torch.export.Dim("B", min=2, max=64)}
    shapes = dict.fromkeys(("x", "noise", *given), any_size)
    exported = torch.export.export(eager, arguments, given, dynamic_shapes=shapes).module()
    arguments, given = inputs(7)
    torch.testing.assert_close(exported(*arguments, **given), eager(*arguments, **given), rtol=1e-4, atol=1e-5)


# --- what is refused


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"label": torch.tensor([0, 1, 2, 3])}, "0 to 3, but .* classes=4"),
        ({"label": torch.tensor([0, 1, 2, -2])}, "-2 to 2, but"),
        ({"label": torch.zeros(4)}, "need integers"),
        ({"label": torch.ones(4, dtype=torch.bool)}, "need integers"),
        ({"label": torch.tensor([0, 1])}, "4 items need"),
        ({"value": torch.zeros(4, 3)}, r"need floats \(4, 2\)"),
        ({"value": torch.zeros(4)}, r"need floats \(4, 2\)"),
        ({"value": torch.zeros(4, 2, dtype=torch.int64)}, "need floats"),
    ],
)
def test_conditions_that_do_not_fit_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        evaluate(network(), **given)


@pytest.mark.parametrize(
    ("given", "words"),
    [({"label": torch.zeros(4).long()}, "no classes"), ({"value": torch.zeros(4, 1)}, "no values")],
)
def test_conditions_to_a_network_without_are_refused(given, words):
    with pytest.raises(ValueError, match=words):
        evaluate(network(classes=0, values=0), **given)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (torch.zeros(5, 3), "takes 2 an item"),
        (torch.zeros(5), "takes 2 an item"),
        (torch.tensor([[1.0, NAN], [2.0, NAN]]), "column"),
        (torch.tensor([[1.0, 2.0], [torch.inf, 3.0]]), "infinities"),
    ],
)
def test_values_that_cannot_be_fitted_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        network().fit_values(values)


def test_a_network_without_values_fits_none():
    with pytest.raises(ValueError, match="takes none"):
        UNet(SHAPE, channels=(4,)).fit_values(torch.zeros(5, 1))
    assert not hasattr(TutorialUNet((1, 20, 20)), "fit_values")
