"""Signals on a graph: their parts, their batches, and what does not fit."""

from __future__ import annotations

import networkx
import pytest
import torch

from equigen.data.errors import DataError
from equigen.data.graph_signals import GraphSignals
from equigen.graphs.graph import Graph

PATH = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
X = torch.arange(30.0).reshape(10, 3, 1)
LABELS = torch.arange(10) % 2
FIRST = torch.tensor([True, False, True])
EVEN = torch.arange(10) % 2 == 0


def signals(**changes):
    given = {
        "name": "path",
        "graph": PATH,
        "x": X,
        "labels": LABELS,
        "nodes": {"train": FIRST},
        "items": {"even": EVEN},
    }
    return GraphSignals(**{**given, **changes})


def test_a_part_of_the_nodes_counts_them_and_keeps_every_signal():
    part = signals().part("train")
    assert len(part) == 10
    assert torch.equal(part.whole().condition["counted"], FIRST.expand(10, 3))
    assert "counted" not in signals().whole().condition


def test_a_part_of_the_signals_keeps_what_is_known_of_each():
    part = signals(values=X[:, 0]).part("even")
    assert torch.equal(part.x, X[::2])
    assert torch.equal(part.labels, LABELS[::2])
    assert torch.equal(part.values, X[::2, 0])
    assert part.graph is PATH


def test_a_batch_is_a_pure_function_and_its_slices_are_the_whole():
    known = signals(community=torch.tensor([0, 1, 1]))
    whole = known.batch(7, seed=3, step=5)
    slices = [known.batch(7, seed=3, step=5, rank=rank, world=3) for rank in range(3)]
    for name in ("label", "community"):
        assert torch.equal(torch.cat([part.condition[name] for part in slices]), whole.condition[name])
    assert torch.equal(torch.cat([part.x for part in slices]), whole.x)
    assert torch.equal(torch.cat([part.position for part in slices]), torch.arange(7))
    assert whole.structure is PATH
    assert torch.equal(whole.x[:, 0, 0] / 3 % 2, whole.condition["label"].float())  # labels stay with their signals
    assert not torch.equal(whole.x, known.batch(7, seed=3, step=6).x)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"x": X[:, :2]}, r"signals on 3 nodes are float32 \(N, 3, F\)"),
        ({"x": X.double()}, "float64, but signals"),
        ({"x": X[:0]}, "one or more"),
        ({"x": X / 0.0}, "not finite"),
        ({"labels": LABELS.float()}, "labels is torch.float32"),
        ({"labels": LABELS[:9]}, r"\(10, 3\) or \(10,\)"),
        ({"labels": LABELS - 1}, "run from -1 to 0"),
        ({"class_names": ("only",)}, "run from 0 to 1"),
        ({"values": X[0]}, "values is"),
        ({"community": torch.zeros(2, dtype=torch.int64)}, "community is"),
        ({"nodes": {"none": torch.zeros(3, dtype=torch.bool)}}, "nodes of 'none' is empty"),
        ({"items": {"some": FIRST}}, "items of 'some'"),
        ({"values": X[:, 0] / 0.0}, "values of path are not finite"),
        ({"values": torch.where(FIRST[:, None], torch.nan, X)}, "values of path are not finite"),
        ({"labels": torch.where(FIRST, -1, LABELS[:, None])}, "run from -1 to"),
        ({"nodes": {}, "labels": torch.where(FIRST, LABELS[:, None], -1)}, "run from -1 to"),
        ({"nodes": {"train": FIRST, "test": FIRST}}, "'train' and 'test' of path have 2 of 3 in common"),
        ({"items": {"validation": EVEN, "test": EVEN}}, "'validation' and 'test' of path have 5 of 10 in common"),
        ({"graph": networkx.path_graph(3)}, r"networkx Graph, .*as_graph\(graph\)"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(changes, words):
    with pytest.raises(DataError, match=words):
        signals(**changes)


def test_what_is_unknown_of_nodes_in_no_part_may_be_anything():
    unknown = torch.where(FIRST, LABELS[:, None], -1)
    values = torch.where(FIRST[:, None], X, torch.nan)
    known = [signals(labels=unknown, values=values), signals(labels=unknown, values=values, nodes={}, counted=FIRST)]
    for one in (*known, known[0].part("train"), known[0].part("even"), known[1].part("even")):
        assert torch.equal(one.labels == -1, (~FIRST).expand(len(one), 3))


def test_a_part_may_be_of_some_nodes_of_some_signals():
    parts = {"train": EVEN, "test": ~EVEN}
    both = signals(items=parts, nodes={"train": FIRST, "test": ~FIRST})
    assert torch.equal(both.part("test").counted, ~FIRST)
    assert torch.equal(both.part("test").x, X[1::2])


def test_an_unknown_part_is_answered_with_those_there_are():
    with pytest.raises(DataError, match="known are: train, even"):
        signals().part("validation")
