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
from equigen.labs.realizations.endings import endings
from equigen.labs.realizations.forms import counted, forms_found, relative, through_spectrum
from equigen.labs.realizations.lab import Realizations
from equigen.labs.realizations.nesting import attention, messages, nesting_found
from equigen.labs.realizations.orders import bases_found, fits_found, orthonormal, rounding_found, slope
from equigen.labs.realizations.setting import ring, setting
from equigen.labs.realizations.shifting import expressed, expressed_at_last, shifts_found
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


def test_with_the_normalised_adjacency_the_filter_is_an_average_over_walks_between_two_scalings():
    """r(D^-1 A) has rows that sum to 1; r(D^-1/2 A D^-1/2) has not, and is the former scaled on both sides."""
    eye = torch.eye(64).double()
    walks, normalised = (
        0.2 * torch.linalg.inv(eye - 0.8 * shift(SHOWN.graph).dense().double())
        for shift in (random_walk, normalised_adjacency)
    )
    root = SHOWN.graph.degrees.sqrt()
    assert torch.allclose(walks.sum(1), torch.ones(64).double(), atol=1e-13)
    assert (normalised.sum(1) - 1.0).abs().max() > 0.1
    assert torch.allclose(normalised, root[:, None] * walks / root, atol=1e-13)


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


STAR = Graph.from_edges([[0] * 9, list(range(1, 10))], 10, undirected=True)


@pytest.mark.parametrize("name", ["adjacency", "laplacian", "normalised-laplacian"])
def test_at_any_order_a_shift_leaves_what_powers_of_it_leave(name):
    """Against least squares on all powers that a matrix of 7 nodes has."""
    draw = torch.Generator().manual_seed(4)
    graph = Graph.from_edges([[0, 1, 2, 3, 4, 5, 0, 2], [1, 2, 3, 4, 5, 6, 3, 6]], 7, undirected=True)
    taps = torch.randn(4, generator=draw, dtype=torch.float64)
    goal, matrix = (shift_of(graph, one).dense().double() for one in ("normalised-adjacency", name))
    goal = sum(float(tap) * torch.linalg.matrix_power(goal, k) for k, tap in enumerate(taps)).flatten()
    columns = torch.stack([torch.linalg.matrix_power(matrix / 4, k).flatten() for k in range(7)], 1)
    left = goal - columns @ torch.linalg.lstsq(columns, goal[:, None], driver="gelsd").solution[:, 0]
    assert expressed_at_last(graph, name, taps) == pytest.approx(float(left.norm() / goal.norm()), abs=1e-8)
    assert (expressed_at_last(graph, name, taps) > 0.01) == (name != "normalised-laplacian")


def test_degrees_that_differ_do_not_make_other_eigenvectors():
    taps = SHOWN.walks(8).taps
    assert STAR.degrees.unique().tolist() == [1.0, 9.0]
    assert expressed_at_last(STAR, "adjacency", taps) < 1e-13
    assert expressed(STAR, "adjacency", 8, taps) < 1e-13
    assert expressed_at_last(STAR, "laplacian", taps) > 0.1


def test_orthonormal_polynomials_are_polynomials_and_orthonormal():
    values = torch.linalg.eigvalsh(normalised_adjacency(SHOWN.graph).dense().double())
    columns = orthonormal(values, 6)
    assert torch.allclose(columns.T @ columns, torch.eye(7).double(), atol=1e-13)
    powers = torch.stack([values**k for k in range(7)], 1)
    for k in range(7):  # the column of order k is in the span of k + 1 powers, and of no fewer
        left = [columns[:, k] - powers[:, :m] @ torch.linalg.lstsq(powers[:, :m], columns[:, k]).solution
                for m in (k + 1, k)]  # fmt: skip
        assert left[0].norm() < 1e-9
        assert k == 0 or left[1].norm() > 0.9


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


SURE = 27
"""Conclusions on one filter; the others are of what was learned."""


def test_one_filter_is_decided(found):
    made = [one for one in concluded(found) if not one.claim.startswith(("on the karate", "on source"))]
    assert [one.claim for one in made if one.verdict != "yes"] == []
    assert len(made) == len({one.claim for one in made}) == SURE


def test_the_page_is_written(found, answer, tmp_path):
    page = write(answer, tmp_path).read_text(encoding="utf-8")
    assert "Traceback" not in page
    assert "Karate club" in page
    assert "On source localisation" not in answer.answer
    assert len(list((tmp_path / "realizations").iterdir())) == 8 + 5
    json.dumps(record(answer), allow_nan=False)
    headings = [one.heading for one in answer.chapters]
    assert set(endings(found, concluded(found))) <= set(headings)
    assert len(headings) == len(set(headings)) == 10
    assert page.count("takes the products with the shift that it states") == 2  # a chapter's end, and the table
    assert "each of 1 trainings" not in page


def everything(found, made):
    """All sentences that conclusions choose: of the answer, and of the ends of chapters."""
    return " ".join([answered_by(found, made), *endings(found, made).values()])


def test_the_answer_is_short_and_the_chapters_say_the_rest(found):
    made = [replace(one, verdict="yes") for one in concluded(found)]
    assert 10 <= answered_by(found, made).count(". ") + 1 <= 13
    assert "takes the products" not in answered_by(found, made)
    assert "takes the products" in endings(found, made)["Its forms"]


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
    ("bases.ring", {"chebyshev": [1.5] * 16}, r"condition number $\sqrt{2}$", "badly conditioned, though"),
    ("bases.ring", {"powers": [3.0**k for k in range(16)]}, r"grows by $1 + \sqrt{2}$", "does not grow there by"),
    ("bases.communities", {"adjacency": [1.0] * 16}, "worse conditioned than", "are no worse"),
    ("bases.communities", {"chebyshev": [2.0] * 16}, "neither powers nor Chebyshev", "stay well conditioned even"),
    ("bases.communities", {"powers": [2.0] * 16}, "neither powers nor Chebyshev", "stay well conditioned even"),
    ("bases.communities", {"scaled": [1e30] * 16}, "mostly the scale", "is not mostly the scale"),
    ("bases.communities", {"orthonormal": [1.1] * 16}, "that are orthonormal", "do not have the condition number 1"),
    ("rounding", {"errors": {"direct": FLAT, "chebyshev": [1e-7] * 16}}, "grows as", "does not err as"),
    ("rounding", {"errors": {"direct": FLAT, "chebyshev": STEEP}}, "stays below $(K + 1)^2$", "more than $(K + 1)^2$"),
    ("rounding", {"errors": {"direct": STEEP, "chebyshev": [1e-5, *[1e-7] * 15]}}, "stays below $(K", "more than $(K"),
    ("rounding", {"errors": {"direct": [1e-8] * 16, "chebyshev": FLAT}}, "at the highest order", "is no worse at"),
    ("shifts.laplacian", {"norm": 1.0}, "the layer's norm", "norm is not the largest"),
    ("shifts.normalised-laplacian", {"left": 0.1}, "normalised Laplacian expresses", "does not express"),
    ("shifts.adjacency", {"left_of_all": 1e-15}, "adjacency and Laplacian express", "is not always another"),
    ("shifts.laplacian", {"left": 0.0}, "adjacency and Laplacian express", "is not always another"),
    ("shifts.adjacency", {"left_on_ring": 0.1}, "on a ring all shifts", "Even on a ring"),
    ("nesting", {"mean_by_attention": 0.1}, "with equal scores", "is not even the convolution"),
    ("nesting", {"convolution_by_scores": 0.0}, "is not that with", "It is the one with the normalised"),
    ("nesting", {"convolution_by_attention": 0.1}, "what the edge bears", "attention is not that one"),
    ("nesting", {"convolution_superposed": 0.5}, "a convolution is linear", "A convolution is not linear."),
    ("nesting", {"attention_superposed": 1e-16}, "attention is not linear", "Attention is linear, too."),
    ("nesting", {"attention_by_messages": 0.1}, "with weighted features", "features is not attention"),
    ("nesting", {"attention_of_silent": 0.1}, "attention hears nothing", "attention hears something"),
    ("nesting", {"messages_of_silent": 0.0}, "the message $|x_i", "is not $|x_i|$ there"),
    ("nesting", {"attention_by_edges": 0.1}, "weights held on edges", "do not copy attention"),
    ("nesting", {"edges_elsewhere": 1e-15}, "held weights are not", "they are attention, too"),
]


@pytest.mark.parametrize(("part", "numbers", "words", "sentence"), FAULTS, ids=[fault[3] for fault in FAULTS])
def test_a_changed_number_turns_the_conclusion(found, part, numbers, words, sentence):
    faulty = spoil(found, part, numbers)
    told = concluded(faulty)
    assert [one.verdict for one in told if words in one.claim] == ["no"]
    assert sentence in everything(faulty, told)
    assert sentence not in everything(found, concluded(found))


NAN = math.nan
LOST = [
    ("forms.parallel", {"error64": NAN}, "every form computes"),
    ("fits", {"chebyshev": [*(2.0**-k for k in range(15)), NAN]}, "cut after $K$"),
    ("bases.ring", {"chebyshev": [math.sqrt(2.0)] * 15 + [NAN]}, r"condition number $\sqrt{2}$"),
    ("bases.ring", {"powers": [2.4**k for k in range(15)] + [NAN]}, r"grows by $1 + \sqrt{2}$"),
    ("bases.communities", {"powers": [1e9] * 15 + [NAN]}, "neither powers nor"),
    ("bases.communities", {"chebyshev": [1e9] * 15 + [NAN]}, "neither powers nor"),
    ("bases.communities", {"orthonormal": [1.0] * 15 + [NAN]}, "that are orthonormal"),
    ("rounding", {"errors": {"direct": STEEP, "chebyshev": [1e-8, NAN, *[1e-8] * 14]}}, "stays below $(K"),
    ("shifts.laplacian", {"norm": NAN}, "the layer's norm"),
    ("shifts.laplacian", {"left_of_all": NAN}, "adjacency and Laplacian express"),
    ("shifts.laplacian", {"left_on_ring": NAN}, "on a ring all shifts"),
]


@pytest.mark.parametrize(("part", "numbers", "words"), LOST, ids=[f"{one[0]} {one[2]}" for one in LOST])
def test_what_is_no_number_decides_nothing(found, part, numbers, words):
    assert [one.verdict for one in concluded(spoil(found, part, numbers)) if words in one.claim] == ["not resolved"]


def test_each_conclusion_has_a_sentence_of_its_own(found):
    """With one verdict turned, one sentence changes, and another for each conclusion."""
    conclusions = concluded(found)
    for k, one in enumerate(conclusions):
        for verdict in {"yes", "no", "not resolved"} - {one.verdict}:
            turned = [*conclusions[:k], replace(one, verdict=verdict), *conclusions[k + 1 :]]
            text = everything(found, turned)
            assert text != everything(found, conclusions)
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
    assert any_of(told, "stays below $(K + 1)^2$ roundings")


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
    assert any_of(measured_again(found, nesting=nesting_found(SHOWN, 0)), "with equal scores")


def test_an_attention_to_the_node_itself_is_found(found, monkeypatch):
    from equigen.labs.realizations import nesting

    right = nesting.attention
    monkeypatch.setattr(nesting, "attention", lambda graph, x, query, key: right(graph, x, query, key) + x)
    told = measured_again(found, nesting=nesting_found(SHOWN, 0))
    assert any_of(told, "attention hears nothing")


def test_polynomials_orthonormal_on_another_graph_are_found(found, monkeypatch):
    """On the eigenvalues of this graph polynomials of the ring are badly conditioned."""
    right = orders.orthonormal
    ring_values = torch.linalg.eigvalsh(normalised_adjacency(SHOWN.ring).dense().double())

    def of_the_ring(values, order):
        powers, at = (torch.stack([points**k for k in range(order + 1)], 1) for points in (ring_values, values))
        return at @ torch.linalg.lstsq(powers, right(ring_values, order), driver="gelsd").solution

    monkeypatch.setattr(orders, "orthonormal", of_the_ring)
    told = measured_again(found, bases=(bases_found(SHOWN.graph, "communities", ORDERS), found.bases[1]))
    assert any_of(told, "polynomials that are orthonormal")


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
