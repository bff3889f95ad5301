"""The lab realizations: closed forms, and verdicts that turn round where forms, shifts or layers fail."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.realizations.realizing import realize
from equigen.graphs.shifts import normalised_adjacency, random_walk, shift_of
from equigen.labs.realizations import forms, orders
from equigen.labs.realizations.answering import answered_by
from equigen.labs.realizations.concluding import concluded
from equigen.labs.realizations.forms import counted, forms_found, relative, through_spectrum
from equigen.labs.realizations.lab import Realizations
from equigen.labs.realizations.nesting import attention, messages, nesting_found
from equigen.labs.realizations.orders import bases_found, fits_found, rounding_found, slope
from equigen.labs.realizations.setting import ring, setting
from equigen.labs.realizations.shifting import expressed, shifts_found
from equigen.labs.writing import record, write
from equigen.training.errors import ConfigError

TINY = {
    "orders": 16,
    "seeds": 2,
    "steps": 3,
    "width": 4,
    "signals": 60,
    "layers": ("gcn", "gat", "edge-varying-free"),
}
SHOWN = setting(nodes=64, order=8, psi=0.8, seed=0)
ORDERS = list(range(1, 17))


@pytest.fixture(scope="module")
def found():
    return Realizations(**TINY).measure()


@pytest.fixture(scope="module")
def answer():
    return Realizations(**TINY, data="karate").run()


# --- the filter and its polynomials


@pytest.mark.parametrize("psi", [0.5, 0.7, 0.8])
def test_the_expansion_is_that_of_the_filter(psi):
    """Coefficients against sums over Chebyshev's nodes, and errors against samples."""
    shown = setting(16, 4, psi, 0)
    angle = math.pi * (torch.arange(400, dtype=torch.float64) + 0.5) / 400
    for k in range(6):
        weight = 1.0 if k == 0 else 2.0
        by_sum = weight * float((shown.response(torch.cos(angle)) * torch.cos(k * angle)).mean())
        assert by_sum == pytest.approx(float(shown.taps(6)[k]), rel=1e-12)
    grid = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    apart = float((shown.chebyshev(5).response(grid) - shown.response(grid)).abs().max())
    assert apart == pytest.approx(shown.cut(5), rel=1e-9)
    assert torch.allclose(shown.powers(5).response(grid), shown.chebyshev(5).response(grid), atol=1e-13)
    assert torch.allclose(shown.rational.response(grid), shown.response(grid), atol=1e-14)
    walks = float((shown.walks(5).response(grid) - shown.response(grid)).abs().max())
    assert walks == pytest.approx(psi**6, rel=1e-12)


def test_no_polynomial_is_nearer_than_the_best_one():
    """The best error, by the alternation of signs of a Remez exchange on a fine grid; the cut series is above it."""
    order = 3
    points = np.cos(np.pi * np.arange(order + 2) / (order + 1))
    grid = np.linspace(-1, 1, 20_001)
    for _ in range(20):
        system = np.column_stack((points[:, None] ** np.arange(order + 1), (-1.0) ** np.arange(order + 2)))
        *taps, level = np.linalg.solve(system, SHOWN.response(torch.from_numpy(points)).numpy())
        error = SHOWN.response(torch.from_numpy(grid)).numpy() - np.polyval(taps[::-1], grid)
        turns = np.flatnonzero(np.diff(np.sign(np.diff(error)))) + 1
        points = grid[np.concatenate(([0], turns, [len(grid) - 1]))][::-1].copy()
    assert abs(level) == pytest.approx(SHOWN.best(order), rel=1e-6)
    assert SHOWN.best(order) < SHOWN.cut(order)


# --- measuring


def test_what_is_held_to_is_the_dense_function():
    shift = normalised_adjacency(SHOWN.graph)
    matrix = shift.dense().double()
    dense = torch.linalg.solve(torch.eye(64).double() - 0.8 * matrix, 0.2 * SHOWN.x)
    assert relative(through_spectrum(SHOWN.rational, shift, SHOWN.x), dense) < 1e-13


@pytest.mark.parametrize("form", ["direct", "transposed", "cascade", "chebyshev"])
def test_products_are_counted_whatever_shift_is_made_of_the_first(form):
    given = SHOWN.chebyshev(5) if form == "chebyshev" else SHOWN.powers(5)
    _, count = counted(realize(given, form), normalised_adjacency(SHOWN.graph), SHOWN.x)
    assert count == 5


def test_a_slope_is_found_with_its_error():
    steep, error = slope([1, 2, 3, 4, 5], [10.0 ** (0.3 * k) for k in range(5)])
    assert (steep, error) == (pytest.approx(0.3), pytest.approx(0, abs=1e-12))
    hits = 0
    draw = torch.Generator().manual_seed(0)
    for _ in range(200):
        noise = 0.1 * torch.randn(20, generator=draw, dtype=torch.float64)
        value, error = slope(range(20), (10.0**noise).tolist())
        hits += abs(value) <= 2 * error
    assert 0.88 < hits / 200 < 0.99


def test_a_shift_expresses_itself_and_on_regular_graphs_all_others():
    taps = SHOWN.walks(4).taps
    for name in ("adjacency", "laplacian", "normalised-laplacian"):
        assert expressed(ring(12), name, 4, taps) < 1e-12
    assert expressed(SHOWN.graph, "normalised-adjacency", 4, taps) < 1e-12
    assert expressed(SHOWN.graph, "normalised-laplacian", 4, taps) < 1e-12
    assert expressed(SHOWN.graph, "adjacency", 4, taps) > 0.01
    assert expressed(SHOWN.graph, "normalised-laplacian", 3, taps) > 1e-4  # the fault: one tap too few


def test_what_a_shift_leaves_over_is_a_least_squares_residual():
    taps = SHOWN.walks(3).taps
    matrix = shift_of(SHOWN.graph, "adjacency").dense().double()
    goal = sum(float(tap) * torch.linalg.matrix_power(shift_of(SHOWN.graph, "normalised-adjacency").dense().double(), k)
               for k, tap in enumerate(taps))  # fmt: skip
    columns = torch.stack([torch.linalg.matrix_power(matrix / 10, k).flatten() for k in range(4)], 1)
    best = torch.linalg.lstsq(columns, goal.flatten()[:, None]).solution
    left = float((columns @ best - goal.flatten()[:, None]).norm() / goal.norm())
    assert expressed(SHOWN.graph, "adjacency", 3, taps) == pytest.approx(left, rel=1e-8)


def test_attention_and_messages_are_the_dense_ones():
    draw = torch.Generator().manual_seed(1)
    graph = Graph.from_edges([[0, 1, 1, 2, 3], [1, 0, 2, 1, 1]], 4)
    x, query, key = (torch.randn(*shape, generator=draw, dtype=torch.float64) for shape in ((4, 3), (3, 3), (3, 3)))
    edges = graph.dense() > 0
    scores = torch.where(edges, (x @ query.T) @ (x @ key.T).T, -torch.inf)
    weights = torch.nan_to_num(scores.softmax(1))
    assert torch.allclose(attention(graph, x, query, key), weights @ x, atol=1e-12)
    told = messages(graph, x, lambda own, other, weight: weight * (own - other).abs())
    dense = torch.where(edges[..., None], (x[:, None] - x[None]).abs(), 0.0).sum(1)
    assert torch.allclose(told, dense, atol=1e-12)
    assert relative(attention(graph, x, 0 * query, key), random_walk(graph).product(x)) < 1e-14


# --- conclusions


SURE = 21
"""Conclusions on one filter; the others are of what was learned."""


def test_one_filter_is_decided(found):
    made = [one for one in concluded(found) if not one.claim.startswith(("on the karate", "on source"))]
    assert [one.claim for one in made if one.verdict != "yes"] == []
    assert len(made) == len({one.claim for one in made}) == SURE


def test_the_page_is_written(answer, tmp_path):
    page = write(answer, tmp_path).read_text(encoding="utf-8")
    assert "Traceback" not in page
    assert "Karate club" in page
    assert "On source localisation" not in answer.answer
    assert len(list((tmp_path / "realizations").iterdir())) == 8 + 5
    json.dumps(record(answer), allow_nan=False)


def spoil(found, part, numbers):
    """The findings with some numbers of a part changed; of several, of the one named first."""
    name, _, place = part.partition(".")
    held = getattr(found, name)
    if not place:
        return replace(found, **{name: replace(held, **numbers)})
    k = next(i for i, one in enumerate(held) if place in (getattr(one, "form", ""), getattr(one, "name", ""), getattr(one, "graph", "")))  # fmt: skip # noqa: E501
    changed = [*held[:k], replace(held[k], **numbers), *held[k + 1 :]]
    return replace(found, **{name: type(held)(changed)})


FLAT, STEEP = [1e-6] * 16, [1e-8 * 2.0**k for k in range(16)]
FAULTS = [
    ("forms.cascade", {"error64": 1e-6}, "every form computes", "do not give the same map"),
    ("forms.direct", {"counted": 9}, "takes the products", "other numbers of products"),
    ("fits", {"chebyshev": [1.1 * 2.0**-k for k in range(16)]}, "cut after $K$", "is not the closed form"),
    ("fits", {"walks": [0.5**k for k in range(16)]}, "an order of Chebyshev", "do not gain what theory says"),
    ("bases.ring", {"chebyshev": [1.5] * 16}, r"condition number $\sqrt{2}$", "badly conditioned even where"),
    ("bases.ring", {"powers": [3.0**k for k in range(16)]}, r"grows by $1 + \sqrt{2}$", "does not grow there by"),
    ("bases.communities", {"adjacency": [1.0] * 16}, "worse conditioned than", "are no worse"),
    ("bases.communities", {"chebyshev": [2.0] * 16}, "too, are badly conditioned", "stay well conditioned"),
    ("rounding", {"errors": {"direct": FLAT, "chebyshev": [1e-7] * 16}}, "grows as", "does not err as"),
    ("rounding", {"errors": {"direct": FLAT, "chebyshev": STEEP}}, "stays below $K^2$", "form's is more than $K^2$"),
    ("rounding", {"errors": {"direct": [1e-8] * 16, "chebyshev": FLAT}}, "at the highest order", "is no worse"),
    ("shifts.laplacian", {"norm": 1.0}, "the layer's norm", "is not the largest value"),
    ("shifts.normalised-laplacian", {"left": 0.1}, "normalised Laplacian expresses", "does not express"),
    ("shifts.adjacency", {"left": 1e-15}, "adjacency and Laplacian do not", "express the same ones"),
    ("shifts.adjacency", {"left_on_ring": 0.1}, "on a ring all shifts", "Even on a ring"),
    ("nesting", {"convolution_by_attention": 0.1}, "with equal scores", "is not attention with equal"),
    ("nesting", {"attention_superposed": 1e-16}, "attention is not linear", "Attention is linear."),
    ("nesting", {"attention_by_messages": 0.1}, "with weighted features", "is not message passing"),
    ("nesting", {"attention_of_own": 0.1}, "from one neighbour", "hears what depends"),
    ("nesting", {"messages_of_own": 0.0}, "the message $|x_i", "does not move with"),
    ("nesting", {"attention_by_edges": 0.1}, "weights held on edges", "do not copy attention"),
    ("nesting", {"edges_elsewhere": 1e-15}, "weights held on edges", "or copy it at others"),
]


@pytest.mark.parametrize(("part", "numbers", "words", "sentence"), FAULTS, ids=[fault[3] for fault in FAULTS])
def test_a_changed_number_turns_the_conclusion(found, part, numbers, words, sentence):
    faulty = spoil(found, part, numbers)
    told = concluded(faulty)
    assert [one.verdict for one in told if words in one.claim] == ["no"]
    assert sentence in answered_by(faulty, told)
    assert sentence not in answered_by(found, concluded(found))


def test_each_conclusion_has_a_sentence_of_its_own(found):
    """With one verdict turned, one sentence changes, and another for each conclusion."""
    conclusions = concluded(found)
    for k, one in enumerate(conclusions):
        for verdict in {"yes", "no", "not resolved"} - {one.verdict}:
            turned = [*conclusions[:k], replace(one, verdict=verdict), *conclusions[k + 1 :]]
            text = answered_by(found, turned)
            assert text != answered_by(found, conclusions)
            assert (one.claim in text) == (verdict == "not resolved")


# --- broken ingredients


def no(claims):
    return {one.claim for one in claims if one.verdict == "no"}


def any_of(claims, words):
    return any(words in claim for claim in claims)


def measured_again(found, **parts):
    return no(concluded(replace(found, **parts)))


def test_a_form_with_a_wrong_tap_is_found(found, monkeypatch):
    def spoiled(given, form):
        wrong = SHOWN.powers(7) if form == "transposed" else given
        return realize(wrong, form)

    monkeypatch.setattr(forms, "realize", spoiled)
    told = measured_again(found, forms=forms_found(SHOWN))
    assert any_of(told, "every form computes")


def test_a_chebyshev_form_that_goes_through_powers_is_found(found, monkeypatch):
    monkeypatch.setattr(orders, "realize", lambda given, form: realize(given, "direct"))
    told = measured_again(found, rounding=rounding_found(SHOWN, ORDERS))
    assert any_of(told, "stays below $K^2$ roundings")


def test_a_basis_on_another_interval_is_found(found, monkeypatch):
    right = orders.condition_number
    monkeypatch.setattr(
        orders, "condition_number", lambda name, values, k, *ends: right(name, values, k, *(2 * e for e in ends))
    )
    told = measured_again(found, bases=(found.bases[0], bases_found(SHOWN.ring, "ring", ORDERS)))
    assert any_of(told, r"condition number $\sqrt{2}$")


def test_a_series_with_the_first_coefficient_doubled_is_found(found, monkeypatch):
    right = type(SHOWN).taps

    def doubled(self, order):
        taps = right(self, order)
        return torch.cat((2 * taps[:1], taps[1:]))

    monkeypatch.setattr(type(SHOWN), "taps", doubled)
    assert any_of(measured_again(found, fits=fits_found(SHOWN, ORDERS)), "cut after $K$")


def test_a_layer_that_takes_another_shift_is_found(found, monkeypatch):
    from equigen.labs.realizations import shifting

    right = shifting.convolve
    other = normalised_adjacency(SHOWN.graph)
    monkeypatch.setattr(shifting, "convolve", lambda shift, x, taps: right(other, x, taps))
    assert any_of(measured_again(found, shifts=shifts_found(SHOWN)), "layer's norm")


def test_an_attention_that_sums_to_more_than_one_is_found(found, monkeypatch):
    from equigen.labs.realizations import nesting

    monkeypatch.setattr(nesting, "edge_softmax", lambda graph, scores: scores.exp())
    told = measured_again(found, nesting=nesting_found(SHOWN, 0))
    assert any_of(told, "with equal scores")
    assert any_of(told, "from one neighbour")


# --- settings


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"psi": 0.95}, "less than or equal to 0.8"),
        ({"layers": ()}, "one or more distinct names"),
        ({"layers": ("gcn", "gcn")}, "one or more distinct names"),
        ({"layers": ("edge-varying-free",)}, "commutes with renumbering"),
        ({"data": "citeseer"}, "data"),
    ],
)
def test_settings_that_ask_nothing_are_refused(settings, words):
    with pytest.raises(ConfigError, match=words):
        Realizations(**settings)


def test_one_set_of_data_can_be_named_alone():
    assert Realizations(data="cora").data == ("cora",)
