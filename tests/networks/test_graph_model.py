"""Losses are those of the textbook, over the nodes that count; communities add up what their nodes say."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from equigen import store
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.permuted import renumbered
from equigen.networks.graph_model import GraphModel
from equigen.networks.graph_network import GraphNetwork
from equigen.spaces.batch import Batch
from tests.networks.graphs import BOTH, KITE, RING, signals


class Told(nn.Module):
    """Gives what it was told."""

    def __init__(self, y):
        super().__init__()
        self.y = nn.Parameter(y)

    def forward(self, graph, x):
        return self.y


X = signals(2, 6, 3)
COUNTED = torch.tensor([[True, True, False, True, False, False], [True, False, False, False, False, False]])


def test_nodes_are_judged_by_the_mean_over_those_that_count():
    y, label = signals(2, 6, 4), torch.arange(12).reshape(2, 6) % 4
    model = GraphModel(Told(y), "nodes", list("abcd"))
    batch = Batch.whole(X, structure=KITE, label=label, counted=COUNTED)
    p = y.softmax(-1).detach()
    each = [[-math.log(p[b, i, label[b, i]]) for i in range(6) if COUNTED[b, i]] for b in range(2)]
    wanted = sum(sum(part) / len(part) for part in each) / 2
    assert float(model.loss(batch, 0, 0).detach()) == pytest.approx(wanted, rel=1e-5)
    every = Batch.whole(X, structure=KITE, label=label)
    alike = functional.cross_entropy(y.flatten(0, 1), label.flatten())
    assert float(model.loss(every, 0, 0).detach()) == pytest.approx(float(alike), rel=1e-5)
    assert float(model.loss(every, 0, 0).detach()) != pytest.approx(wanted, rel=1e-3)
    right = (y.argmax(-1) == label).double()
    accuracy = (right[0][COUNTED[0]].mean() + right[1][COUNTED[1]].mean()) / 2
    assert model.validation(batch) == pytest.approx({"loss": wanted, "accuracy": float(accuracy)}, rel=1e-5)


def test_what_does_not_count_has_no_gradient():
    model = GraphModel(Told(signals(2, 6, 4)), "nodes", list("abcd"))
    batch = Batch.whole(X, structure=KITE, label=torch.zeros(2, 6, dtype=torch.int64), counted=COUNTED)
    model.loss(batch, 0, 0).backward()
    assert torch.equal(model.network.y.grad.abs().sum(-1) > 0, COUNTED)


def test_the_loss_of_a_batch_is_that_of_its_slices():
    x, label = signals(5, 6, 3), torch.arange(30).reshape(5, 6) % 2
    model = GraphModel(GraphNetwork("gatv2", 3, 2), "nodes", ["a", "b"])
    batch = Batch.whole(x, structure=KITE, label=label, counted=(torch.arange(30).reshape(5, 6) % 4 > 0))
    apart = [batch.items(rows) for rows in (slice(2), [2], torch.tensor([3, 4]))]
    assert all(part.structure is KITE for part in apart)
    whole = sum(len(part) * model.loss(part, 0, 0) for part in apart) / len(batch)
    assert torch.allclose(model.loss(batch, 0, 0), whole, atol=1e-6)


def test_padding_counts_for_nothing():
    padded = PaddedGraphs.of(BOTH, 7)
    x = torch.zeros(2, 7, 3)
    x[padded.real] = signals(10, 3)
    label = torch.randint(2, (2, 7), generator=torch.Generator().manual_seed(0))
    model = GraphModel(GraphNetwork("gcn", 3, 2), "nodes", ["a", "b"])
    found = model.loss(Batch.whole(x, structure=padded, label=label), 0, 0)
    apart = functional.cross_entropy(
        model.logits(BOTH, x[padded.real][None])[0], label[padded.real], reduction="none"
    ).split([6, 4])
    assert torch.allclose(found, torch.stack([part.mean() for part in apart]).mean(), atol=1e-6)


def test_what_is_unknown_and_does_not_count_changes_nothing():
    label, value = torch.arange(12).reshape(2, 6) % 2, signals(2, 6, 2, seed=1)
    for task, classes, known in (("nodes", ["a", "b"], {"label": label}), ("regression", [], {"value": value})):
        name, whole = next(iter(known.items()))
        unknown = whole.clone()
        unknown[~COUNTED] = -1 if name == "label" else torch.nan
        model = GraphModel(GraphNetwork("gcn", 3, 2), task, classes)
        losses, slopes = [], []
        for each in (whole, unknown):
            loss = model.loss(Batch.whole(X, structure=KITE, counted=COUNTED, **{name: each}), 0, 0)
            losses.append(loss)
            slopes.append(torch.autograd.grad(loss, list(model.parameters())))
        assert torch.equal(*losses)
        assert all(torch.equal(a, b) for a, b in zip(*slopes, strict=True))
        if name == "value":
            assert not model.loss(Batch.whole(X, structure=KITE, value=unknown), 0, 0).isfinite()


def test_labels_of_padding_may_be_anything():
    padded, x = PaddedGraphs.of(BOTH, 7), signals(2, 7, 3)
    label = torch.where(padded.real, 1, -1)
    model = GraphModel(GraphNetwork("gcn", 3, 2), "nodes", ["a", "b"])
    assert torch.equal(
        model.loss(Batch.whole(x, structure=padded, label=label), 0, 0),
        model.loss(Batch.whole(x, structure=padded, label=torch.ones_like(label)), 0, 0),
    )


def test_a_validation_is_without_dropout_and_leaves_the_mode():
    model = GraphModel(GraphNetwork("gcn", 3, 2, dropout=0.9), "nodes", ["a", "b"])
    batch = Batch.whole(X, structure=KITE, label=torch.zeros(2, 6, dtype=torch.int64))
    wanted = float(model.eval().loss(batch, 0, 0).detach())
    for mode in (True, False):
        assert model.train(mode).validation(batch)["loss"] == wanted
        assert model.training is mode
    assert float(model.train().loss(batch, 0, 0).detach()) != wanted


def test_graphs_are_judged_by_their_readout():
    model = GraphModel(GraphNetwork("gin", 3, 2, readout="sum"), "graphs", ["a", "b"])
    label = torch.tensor([0, 1])
    logits = model.logits(KITE, X)
    assert logits.shape == (2, 2)
    loss = model.loss(Batch.whole(X, structure=KITE, label=label), 0, 0)
    assert torch.allclose(loss, functional.cross_entropy(logits, label))
    assert torch.equal(model.predict(KITE, X), logits.argmax(1))


def test_regression_is_the_mean_square_over_the_nodes_that_count():
    y, value = signals(2, 6, 4), signals(2, 6, 4, seed=1)
    model = GraphModel(Told(y), "regression")
    found = model.loss(Batch.whole(X, structure=KITE, value=value, counted=COUNTED), 0, 0)
    square = (y - value).square().mean(-1)
    assert torch.allclose(found, (square[0][COUNTED[0]].mean() + square[1][COUNTED[1]].mean()) / 2)
    whole = GraphModel(GraphNetwork("gcn", 3, 4, readout="mean"), "regression")
    each = whole.predict(KITE, X)
    target = signals(2, 4, seed=2)
    wanted = (each.reshape(2, 4) - target).square().mean()
    assert torch.allclose(whole.loss(Batch.whole(X, structure=KITE, value=target), 0, 0), wanted)
    assert each.shape == target.shape  # else a difference of the two would be of all pairs


def test_a_community_is_as_likely_as_its_nodes_together():
    y, community = signals(2, 6, 1), torch.tensor([0, 1, 2, 0, 1, 2]).expand(2, 6)
    model = GraphModel(Told(y), "communities", list("abc"))
    p = y[..., 0].softmax(-1)
    wanted = torch.stack([p[:, community[0] == c].sum(1) for c in range(3)], dim=1)
    assert torch.allclose(model.logits(KITE, X, community).exp(), wanted, atol=1e-6)
    label = torch.tensor([2, 0])
    loss = model.loss(Batch.whole(X, structure=KITE, label=label, community=community), 0, 0)
    assert torch.allclose(loss, -wanted[[0, 1], label].log().mean(), atol=1e-6)
    loss.backward()
    assert bool(model.network.y.grad.isfinite().all())


def test_padding_is_of_no_community():
    padded = PaddedGraphs.of(BOTH, 7)
    x, community = torch.zeros(2, 7, 3), torch.arange(14).reshape(2, 7) % 2
    x[padded.real] = signals(10, 3)
    model = GraphModel(GraphNetwork("gcn", 3, 1), "communities", ["a", "b"])
    found = model.logits(padded, x, community)
    for row, (graph, n) in enumerate(((KITE, 6), (RING, 4))):
        alone = model.logits(graph, x[row, None, :n], community[row, None, :n])
        assert torch.allclose(found[row], alone[0], atol=1e-6)
    assert torch.allclose(found.exp().sum(1), torch.ones(2))


def test_communities_do_not_change_when_nodes_are_renumbered_and_a_readout_cannot_tell_them():
    g, community = torch.tensor([3, 5, 0, 1, 2, 4]), torch.tensor([0, 1, 0, 1, 0, 1])
    model = GraphModel(GraphNetwork("chebyshev", 3, 1), "communities", ["a", "b"])
    back = g.argsort()
    found = model.logits(renumbered(KITE, g), X[:, back], community[back].expand(2, 6))
    still = model.logits(KITE, X, community.expand(2, 6))
    assert torch.allclose(found, still, atol=1e-5)
    assert not torch.allclose(model.logits(KITE, X, 1 - community.expand(2, 6)), still, atol=1e-3)


def test_it_is_stored_and_read_back(tmp_path):
    first = GraphModel(GraphNetwork("gat", 3, 2, seed=1), "nodes", ["x", "y"]).eval()
    again = store.load(store.save(first, tmp_path / "model"))
    assert torch.equal(first(KITE, X), again(KITE, X))
    assert (again.task, again.classes) == ("nodes", ("x", "y"))


def loss(task, classes=(), graph=KITE, out=None, x=X, readout=None, **known):
    network = GraphNetwork("gcn", 3, len(classes) or 1 if out is None else out, readout=readout)
    return GraphModel(network, task, classes).loss(Batch.whole(x, structure=graph, **known), 0, 0)


SQUARE = signals(6, 6, 3)  # as many signals as nodes: shapes that differ are broadcast
ZERO, TWO = torch.zeros(2, 6, dtype=torch.int64), ["a", "b"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"task": "regression", "x": SQUARE, "value": torch.zeros(6, 1)}, "readout='mean'"),
        ({"task": "regression", "x": SQUARE[:1], "value": torch.zeros(1, 1)}, "readout='mean'"),
        ({"task": "regression", "x": SQUARE, "value": torch.zeros(6, 6, 1), "readout": "mean"}, "no readout"),
        ({"task": "regression", "value": torch.zeros(2), "readout": "mean"}, r"\(2,\), but the network gives \(2, 1\)"),
        ({"task": "regression", "value": torch.zeros(2, 6)}, "k is out_features"),
        ({"task": "regression", "value": torch.zeros(2, 6, 3)}, "k is out_features"),
        ({"task": "regression", "value": torch.zeros(2, 6, 1), "out": 3}, "k is out_features"),
        ({"task": "nodes", "classes": TWO, "label": ZERO, "readout": "sum"}, "a network with no readout"),
        ({"task": "graphs", "classes": TWO, "label": ZERO[:, 0]}, "a network with a readout"),
        ({"task": "graphs", "classes": TWO, "label": ZERO, "readout": "sum"}, r"label is .* int64 \(2,\)"),
        ({"task": "nodes", "classes": TWO, "label": ZERO[:, 0]}, r"int64 \(2, 6\)"),
        ({"task": "nodes", "classes": TWO, "label": ZERO.float()}, "label is torch.float32"),
        ({"task": "nodes", "classes": TWO, "label": ZERO + 5}, "from 5 to 5, but there are 2 classes"),
        ({"task": "nodes", "classes": TWO, "label": ZERO - 1, "counted": COUNTED}, "from -1 to 0"),
        ({"task": "nodes", "classes": TWO, "label": ZERO, "counted": COUNTED[0]}, r"counted has shape \(6,\)"),
        (
            {"task": "graphs", "classes": TWO, "label": ZERO[:, :2], "graph": BOTH, "x": signals(2, 10, 3)}
            | {"readout": "sum"},
            "one graph or on padded graphs",
        ),
        (
            {"task": "communities", "classes": TWO, "out": 1, "label": ZERO[:, 0], "community": ZERO}
            | {"readout": "sum"},
            "no readout",
        ),
        ({"task": "communities", "classes": TWO, "out": 1, "label": ZERO[:, 0], "community": ZERO[0]}, "expand"),
    ],
)
def test_targets_that_do_not_fit_are_refused_in_a_sentence(given, words):
    with pytest.raises(ValueError, match=words) as told:
        loss(**given)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: GraphModel(Told(X), "edges", ["a", "b"]), "task is 'edges'"),
        (lambda: GraphModel(Told(X), "nodes"), "two names or more"),
        (lambda: GraphModel(Told(X), "regression", ["a", "b"]), "regression has none"),
        (lambda: GraphModel(Told(X), "nodes", ["a", "b"]).logits(KITE, X), "out_features=2"),
        (lambda: GraphModel(Told(X), "communities", ["a", "b"]).logits(KITE, X), "one number for each node"),
        (lambda: GraphModel(Told(X), "regression").logits(KITE, X), "has no logits"),
        (lambda: GraphModel(Told(X), "nodes", list("abc")).loss(Batch.whole(X, structure=KITE), 0, 0), "from a label"),
        (lambda: GraphModel(Told(X), "regression").loss(Batch.whole(X, value=X), 0, 0), "structure NoneType"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(make, words):
    with pytest.raises(ValueError, match=words):
        make()
