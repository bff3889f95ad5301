"""The sets on graphs are what their sources say, and a source is found as surely as its exact posterior says."""

from __future__ import annotations

import os
from pathlib import Path

import networkx
import numpy as np
import pytest
import torch

from equigen.data.errors import DataError
from equigen.data.graph_sets import block_model, cora, karate, source_localisation, source_probabilities

CORA = Path(os.environ.get("EQUIGEN_DATA", ".")) / "graphs" / "cora.npz"


def test_the_karate_club_is_that_of_networkx():
    club, known = networkx.karate_club_graph(), karate()
    assert np.array_equal(known.graph.dense().numpy(), networkx.to_numpy_array(club, weight=None))
    assert [known.class_names[k] for k in known.labels[0]] == [club.nodes[i]["club"] for i in club]
    assert known.nodes["train"].nonzero().flatten().tolist() == [0, 33]
    assert torch.equal(known.nodes["test"], ~known.nodes["train"])


def planted(folder, **changes):
    """A file of three papers: 0 - 1 - 2, with the words {0, 1}, {}, {2}."""
    arrays = {
        "indptr": [0, 1, 3, 4],
        "indices": [1, 0, 2, 1],
        "labels": [0, 1, 1],
        "feat_indptr": [0, 2, 2, 3],
        "feat_indices": [0, 1, 2],
        "num_features": 4,
        "train_idx": [0],
        "val_idx": [1],
        "test_idx": [2],
    }
    np.savez(folder / "cora.npz", **{k: np.asarray(v, dtype=np.int16) for k, v in {**arrays, **changes}.items()})
    return folder


def test_cora_is_read_as_it_is_stored(tmp_path):
    known = cora(planted(tmp_path))
    assert known.graph.dense().tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert known.x[0].tolist() == [[0.5, 0.5, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert known.labels.tolist() == [[0, 1, 1]]
    assert [known.nodes[name].tolist().index(True) for name in ("train", "validation", "test")] == [0, 1, 2]


def test_another_file_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"has no cora\.npz"):
        cora(tmp_path)
    with pytest.raises(DataError, match="is not the Cora"):
        cora(planted(tmp_path, indices=[1, 0, 9, 1]))


@pytest.mark.skipif(not CORA.is_file(), reason="needs cora.npz in $EQUIGEN_DATA/graphs")
def test_cora_is_that_of_the_papers():
    known = cora()
    assert (known.graph.nodes, known.graph.entries, known.graph.symmetric) == (2708, 2 * 5278, True)
    assert [int(known.nodes[name].sum()) for name in ("train", "validation", "test")] == [140, 500, 1000]
    assert torch.bincount(known.labels[0][known.nodes["train"]]).tolist() == [20] * 7
    assert known.x.shape == (1, 2708, 1433)


def test_the_block_model_has_its_probabilities():
    graph, community = block_model(300, 3, 0.3, 0.05, seed=1)
    dense, same = graph.dense(), community[:, None] == community
    above = torch.ones_like(dense, dtype=torch.bool).triu(1)
    for part, p in ((same & above, 0.3), (~same & above, 0.05)):
        share, error = dense[part].mean(), (p * (1 - p) / part.sum()) ** 0.5
        assert abs(share - p) < 4 * error
        assert abs(share - (p + 0.02)) > 4 * error  # another probability is told apart
    assert graph.symmetric
    assert not dense.diagonal().any()


def test_signals_are_powers_of_the_shift_on_their_sources():
    made = source_localisation(12, 3, signals=40, steps=4, noise=0.0, seed=2)
    w = made.graph.dense()
    d = torch.where(w.sum(1) > 0, w.sum(1), 1.0) ** -0.5
    s = d[:, None] * w * d
    candidates = torch.stack([torch.matrix_power(s, t) for t in range(5)])  # symmetric: columns are rows
    for x, label in zip(made.x[..., 0].double(), made.labels, strict=True):
        near = (candidates - x).abs().amax(-1) < 1e-6
        assert near.any()
        assert (made.community[near.nonzero()[:, 1]] == label).any()


def test_the_posterior_is_bayes_rule_written_out():
    made = source_localisation(8, 2, signals=10, steps=3, noise=0.05, seed=4)
    w = made.graph.dense()
    d = torch.where(w.sum(1) > 0, w.sum(1), 1.0) ** -0.5
    s = d[:, None] * w * d
    found = source_probabilities(made.x, made.graph, made.community, steps=3, noise=0.05)
    for x, row in zip(made.x[..., 0].double(), found, strict=True):
        p = torch.zeros(2, dtype=torch.float64)
        for source in range(8):
            for t in range(4):
                centre = torch.matrix_power(s, t)[:, source]
                p[made.community[source]] += torch.exp(-(x - centre).square().sum() / (2 * 0.05**2))
        assert torch.allclose(p / p.sum(), row, atol=1e-9)


@pytest.mark.parametrize(("told", "calibrated"), [(0.05, True), (0.02, False)])
def test_the_posterior_is_right_as_often_as_it_says(told, calibrated):
    made = source_localisation(30, 3, signals=1500, noise=0.05, seed=0)
    p, guess = source_probabilities(made.x, made.graph, made.community, steps=10, noise=told).max(1)
    right = (guess == made.labels).double()
    error = (p * (1 - p)).sum().sqrt() / len(p)
    assert (abs(p.mean() - right.mean()) < 4 * error) == calibrated


def test_parts_are_all_the_signals_once_and_numbers_out_of_range_are_refused():
    made = source_localisation(10, 2, signals=50)
    assert torch.equal(torch.stack(list(made.items.values())).sum(0), torch.ones(50, dtype=torch.int64))
    assert {name: int(part.sum()) for name, part in made.items.items()} == {"train": 35, "validation": 5, "test": 10}
    assert torch.equal(made.x, source_localisation(10, 2, signals=50).x)
    with pytest.raises(ValueError, match="10 signals"):
        source_localisation(signals=3)
    with pytest.raises(ValueError, match="a node or more for each community"):
        block_model(2, 3, 0.5, 0.5, seed=0)
    with pytest.raises(ValueError, match="without noise"):
        source_probabilities(made.x, made.graph, made.community, steps=10, noise=0.0)
