"""Perturbations against their definitions, entry by entry, and of the size that they say."""

from __future__ import annotations

import pytest
import torch

from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.shifts import adjacency, laplacian, normalised_laplacian, random_walk, shift_of
from equigen.graphs.stability.perturbation import Additive, Dilation, Relative
from tests.graphs.all_graphs import ALL_GRAPHS, noise, scattered

GRAPHS = ("one-node", "one-loop", "no-edges", "pair", "loops", "multi-edges", "weighted", "isolated-nodes")
SHIFTS = ("adjacency", "laplacian", "normalised-adjacency", "normalised-laplacian", "renormalised-adjacency")


@pytest.mark.parametrize("kind", [Relative, Additive, Dilation])
@pytest.mark.parametrize("shift", SHIFTS)
def test_a_perturbed_shift_is_the_one_written_down(kind, shift):
    for name in GRAPHS:
        before = shift_of(ALL_GRAPHS[name], shift)
        s, e = before.dense(), kind(0.3).error(before)
        expected = {"relative": s + e @ s + s @ e, "additive": s + e, "dilation": 1.3 * s}[kind.name]
        after = kind(0.3).applied(before)
        torch.testing.assert_close(after.dense(), expected)
        assert after.symmetric
        assert torch.equal(e, e.T)
        assert kind is Relative or torch.equal(after.graph.rows, before.graph.rows)  # no edge is made up


@pytest.mark.parametrize("kind", [Relative, Additive])
def test_the_error_has_the_size_it_says_and_follows_the_seed(kind):
    shift = normalised_laplacian(scattered(9, 0.2, 3))
    drawn = [kind(0.2, seed).error(shift) for seed in (0, 0, 1)]
    for e in drawn:
        assert float(torch.linalg.matrix_norm(e, 2)) == pytest.approx(0.2, rel=1e-12)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    torch.testing.assert_close(kind(0.0).applied(shift).dense(), shift.dense(), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("shift", SHIFTS)
def test_perturbations_follow_one_another(shift):
    """A dilation changes the factors on one side alone; what comes after it is symmetric all the same."""
    graph = scattered(12, 0.1, 4)
    weighted = graph.with_weights(noise(graph.entries).abs() + noise(graph.entries).abs()[graph.back.order])
    for first in (Dilation(0.1), Relative(0.1), Additive(0.1)):
        for second in (Additive(0.1), Relative(0.1), Dilation(0.1)):
            before = first.applied(shift_of(weighted, shift))
            after = second.applied(before)
            assert after.symmetric
            s, e = before.dense(), second.error(before)
            expected = {"relative": s + e @ s + s @ e, "additive": s + e, "dilation": 1.1 * s}[second.name]
            torch.testing.assert_close(after.dense(), expected)


def test_a_dilation_is_relative_with_half_of_it():
    shift = laplacian(ALL_GRAPHS["weighted"])
    s, e = shift.dense(), Dilation(0.3).error(shift)
    torch.testing.assert_close(s + e @ s + s @ e, Dilation(0.3).applied(shift).dense())


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Relative(-0.1), "0 or more"),
        (lambda: Additive(float("nan")), "finite"),
        (lambda: Dilation(-1.0), "above -1"),
        (lambda: Relative(0.1).applied(random_walk(ALL_GRAPHS["ring"])), None),
        (lambda: Relative(0.1).applied(adjacency(ALL_GRAPHS["directed"])), "not symmetric"),
        (lambda: Additive(0.1).applied(random_walk(ALL_GRAPHS["weighted"])), "not symmetric"),
        (lambda: Dilation(0.1).applied(adjacency(PaddedGraphs.of(ALL_GRAPHS["ring"]))), "packed"),
    ],
    ids=["negative", "nan", "to-nothing", "regular", "directed", "one-sided", "padded"],
)
def test_bad_input_gets_one_sentence(call, words):
    if words is None:  # the random walk on a regular graph is symmetric, and perturbed as any other
        assert call().symmetric
        return
    with pytest.raises(ValueError, match=words):
        call()
