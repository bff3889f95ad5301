"""Bounds against measured changes: they hold, the first order is of first order, and broken premises are told."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.shifts import adjacency, laplacian, normalised_adjacency, normalised_laplacian
from equigen.graphs.stability.filter_network import FilterNetwork
from equigen.graphs.stability.measured import Premise, stability_of
from equigen.graphs.stability.perturbation import Additive, Dilation, Relative
from equigen.graphs.stability.responses import responses
from tests.graphs.all_graphs import ALL_GRAPHS, noise, scattered

GRAPH = scattered(12, 0.1, 4)
SHIFT = normalised_laplacian(GRAPH)
KINDS = [Relative, Additive, Dilation]
FILTERS = {
    "low-pass": Polynomial([0.9, -0.45]),
    "square": Polynomial([0.0, 0.0, 0.2]),
    "wave": Chebyshev([0.1, 0.2, -0.3, 0.3], 0.0, 2.0),
    "diffusion": Rational([0.9], [1.0, 1.0]),
}
FILTER = pytest.mark.parametrize("filter", FILTERS.values(), ids=FILTERS.keys())


def unit(x):
    return x / x.flatten(-2).norm(dim=-1)[..., None, None]


def small_network(largest=1.0, widths=(1, 3, 1), seed=0):
    """Layers whose filters have no response above `largest`."""
    taps = []
    for layer, (a, b) in enumerate(pairwise(widths)):
        drawn = noise(3, a, b, seed=seed + layer)
        response = torch.einsum("mk,kab->mab", torch.linspace(0, 2.2, 500).double()[:, None] ** torch.arange(3), drawn)
        taps.append(largest * drawn / response.abs().max())
    return FilterNetwork(tuple(taps))


# --- filters


@FILTER
@pytest.mark.parametrize("kind", KINDS)
def test_no_filter_moves_further_than_its_bounds(filter, kind):
    for seed in range(3):
        shift = normalised_laplacian(scattered(12, 0.1, seed))
        for size in (1e-4, 0.05):
            perturbation = kind(size) if kind is Dilation else kind(size, seed)
            found = stability_of(filter, shift, perturbation)
            assert found.premises_hold
            assert found.measured <= found.theorem * (1.0 + 5.0 * size)
            assert found.measured <= found.always * (1.0 + 1e-9)
            assert found.measured <= found.ceiling


@FILTER
@pytest.mark.parametrize("kind", KINDS)
def test_the_measured_change_is_that_of_dense_matrices(filter, kind):
    """h(S) by matrix products and inverses, where the measured one takes eigenvectors."""
    found, there = stability_of(filter, SHIFT, kind(0.05)), kind(0.05).applied(SHIFT).dense()
    eye = torch.eye(12, dtype=torch.float64)

    def of(s):
        return {
            "low-pass": lambda: 0.9 * eye - 0.45 * s,
            "square": lambda: 0.2 * s @ s,
            "wave": lambda: 0.1 * eye + 0.2 * (s - eye) - 0.3 * t(s, 2) + 0.3 * t(s, 3),
            "diffusion": lambda: 0.9 * torch.linalg.inv(eye + s),
        }[next(name for name, each in FILTERS.items() if each is filter)]()

    def t(s, k):
        c = s - eye
        return 2 * c @ c - eye if k == 2 else 4 * c @ c @ c - 3 * c

    expected = torch.linalg.matrix_norm(of(there) - of(SHIFT.dense()), 2)
    assert found.measured == pytest.approx(float(expected), rel=1e-9)


def test_the_dilation_bound_is_reached_by_the_identity():
    """h(l) = l on a dilated shift changes by e max |l|; the interval is that of the dilated one, (1 + e) times that."""
    found = stability_of(Polynomial([0.0, 1.0]), normalised_adjacency(ALL_GRAPHS["ring"]), Dilation(0.1))
    assert found.measured == pytest.approx(0.1, rel=1e-12)
    assert found.theorem == pytest.approx(0.11, rel=1e-12)
    assert found.always == pytest.approx(1.1 * math.log(1.1), rel=1e-12)


@pytest.mark.parametrize("size", [0.5, -0.4, -0.9])
def test_the_bound_without_remainder_holds_for_large_dilations(size):
    for filter in FILTERS.values():
        found = stability_of(filter, SHIFT, Dilation(size))
        assert 0.0 < found.measured <= found.always


def test_a_filter_that_is_no_integral_lipschitz_one_is_told_by_its_constant():
    """T_20 turns quickly at the upper end: under a dilation of 10 % it moves by most of its range."""
    taps = torch.zeros(21, dtype=torch.float64)
    taps[20] = 1.0
    quick = stability_of(Chebyshev(taps, 0.0, 2.2), SHIFT, Dilation(0.1))
    slow = stability_of(FILTERS["diffusion"], SHIFT, Dilation(0.1))
    assert quick.constant > 20.0
    assert quick.measured > 0.5
    assert quick.vacuous
    assert slow.constant <= 0.2251
    assert slow.measured < 0.0225
    assert not slow.vacuous


def test_a_constant_that_is_too_small_by_half_is_caught():
    """The planted fault: half of the integral Lipschitz constant does not bound the identity."""
    found = stability_of(Polynomial([0.0, 1.0]), SHIFT, Dilation(0.1))
    assert found.measured > 0.5 * found.theorem
    assert found.measured > 0.5 * found.always


def test_spread_is_that_of_the_eigenvectors():
    """A diagonal E of distinct numbers has the axes, in their order, as eigenvectors."""
    perturbation = Relative(0.1)
    found = stability_of(FILTERS["low-pass"], SHIFT, perturbation)
    own = torch.eye(12, dtype=torch.float64)[:, perturbation.error(SHIFT).diagonal().argsort()]
    vectors = torch.linalg.eigh(SHIFT.dense()).eigenvectors
    flips = torch.diag(torch.sign((own * vectors).sum(0)))
    apart = torch.linalg.matrix_norm(own @ flips - vectors, 2)
    assert found.spread == pytest.approx(1.0 + float((apart + 1) ** 2 - 1) * math.sqrt(12), rel=1e-9)
    assert stability_of(FILTERS["low-pass"], SHIFT, Dilation(0.1)).spread == 1.0


# --- networks


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("widths", [(1, 1), (1, 3, 1), (2, 4, 3, 2)], ids=["1", "1-3-1", "2-4-3-2"])
def test_no_network_moves_further_than_its_bounds(kind, widths):
    network, x = small_network(widths=widths), unit(noise(20, 12, widths[0]))
    for size in (1e-4, 0.05):
        found = stability_of(network, SHIFT, kind(size), x)
        assert found.premises_hold, found.premises
        assert 0.0 < found.measured <= found.always <= found.ceiling * 100
        assert found.measured <= found.theorem * (1.0 + 10.0 * size)


def test_constants_are_the_largest_on_the_interval():
    """By a fine grid, layer by layer; no lower, and at most 2 % above for each layer."""
    network = small_network(widths=(2, 4, 3, 2))
    grid = torch.linspace(-0.1, 2.0, 2001, dtype=torch.float64)[:, None]
    power = torch.arange(3)
    slopes = power * grid ** (power - 1).clamp(min=0)
    whole, alone = [], []
    for taps in network.taps:
        at = [torch.einsum("mk,kab->mab", each, taps) for each in (grid**power, slopes, grid * slopes)]
        whole.append([float(torch.linalg.matrix_norm(each, 2).max()) for each in at])
        alone.append([float(each.abs().max()) for each in at])
    gains = [layer[0] for layer in whole]
    exact = {
        "lipschitz": max(layer[1] for layer in alone),
        "integral_lipschitz": max(layer[2] for layer in alone),
        "gain": math.prod(gains),
        "change": sum(layer[1] * math.prod(gains) / layer[0] for layer in whole),
        "integral_change": sum(layer[2] * math.prod(gains) / layer[0] for layer in whole),
    }
    found = network.constants(-0.1, 2.0)
    assert found.paths == pytest.approx(3 * 4 * 3 * math.sqrt(2 * 2))
    for name, value in exact.items():
        assert value <= getattr(found, name) <= 1.07 * value, name
    assert network.largest(-0.1, 2.0) == pytest.approx(max(layer[0] for layer in alone), rel=1e-6)


def test_the_largest_response_is_that_of_each_filter_alone():
    """Where the points of the other constants lie beside the top: by the turning points of every filter."""
    taps = noise(6, 4, 5, seed=2)
    each = max(Polynomial(taps[:, a, b]).largest(-0.7, 1.3) for a in range(4) for b in range(5))
    assert FilterNetwork((taps,)).largest(-0.7, 1.3) == pytest.approx(each, rel=1e-14)
    assert float(responses(taps, -0.7, 1.3, "response").abs().max()) < each * (1 - 1e-5)  # the planted fault
    assert FilterNetwork((torch.ones(1, 2, 2),)).largest(0.0, 2.0) == 1.0


@pytest.mark.parametrize(
    ("kind", "factor"), [(Relative, "integral_lipschitz"), (Additive, "lipschitz"), (Dilation, "integral_lipschitz")]
)
def test_the_theorem_is_the_one_written_down(kind, factor):
    network, perturbation = small_network(widths=(1, 3, 1)), kind(0.05)
    found = stability_of(network, SHIFT, perturbation, unit(noise(3, 12, 1)))
    both = torch.cat([torch.linalg.eigvalsh(each.dense()) for each in (SHIFT, perturbation.applied(SHIFT))])
    constants = network.constants(float(both.min()), float(both.max()))
    constant = (2.0 if kind is Relative else 1.0) * getattr(constants, factor)
    assert found.constant == pytest.approx(constant)
    assert found.theorem == pytest.approx(constant * found.spread * 2 * 3 * 0.05)
    assert found.ceiling == pytest.approx(2.0 * constants.gain)
    if kind is Dilation:
        assert found.always == pytest.approx(constants.integral_change * math.log(1.05))
    else:
        moved = (perturbation.applied(SHIFT).dense() - SHIFT.dense()).norm()
        assert found.always == pytest.approx(constants.change * float(moved))


def test_a_network_of_one_linear_filter_is_that_filter():
    taps = torch.tensor([0.2, -0.3, 0.1], dtype=torch.float64)
    network = FilterNetwork((taps[:, None, None],), lambda x: x)
    one, other = (
        stability_of(Polynomial(taps), SHIFT, Additive(0.05)),
        stability_of(network, SHIFT, Additive(0.05), unit(noise(500, 12, 1))),
    )
    assert 0.5 * one.measured < other.measured <= one.measured
    for name in ("theorem", "spread", "constant", "always", "ceiling"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=0.02), name
        assert getattr(other, name) >= getattr(one, name) * (1 - 1e-12), name


def test_responses_of_ten_break_the_theorem_and_its_premises():
    """Two layers with |h| up to 10 move further than the theorem allows for |h| <= 1, and are told not to meet it."""
    x = unit(noise(200, 12, 1))
    taps = torch.tensor([0.0, 5.0], dtype=torch.float64)[:, None, None]
    found = stability_of(FilterNetwork((taps, taps), lambda x: x), SHIFT, Dilation(0.01), x)
    assert found.measured > 1.5 * found.theorem
    assert not found.premises_hold
    assert "its premises fail: largest |h| is" in str(found)
    assert found.measured <= found.always


def test_premises_are_checked_one_by_one():
    network, x = small_network(), unit(noise(5, 12, 1))

    def unmet(network, x):
        return [each.name for each in stability_of(network, SHIFT, Relative(0.01), x).premises if not each.met]

    assert unmet(network, x) == []
    assert unmet(network, 2.0 * x) == ["norm of x"]
    assert unmet(small_network(4.0), x) == ["largest |h|"]
    assert unmet(FilterNetwork(network.taps, lambda x: 2.0 * torch.relu(x)), x) == ["slope of the function"]
    assert unmet(FilterNetwork(network.taps, lambda x: torch.sigmoid(x)), x) == ["slope of the function"]


HARD = torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64)[:, None, None]
"""Taps whose response reaches 1 at the eigenvalue 1."""
RING = normalised_adjacency(ALL_GRAPHS["ring"])


@pytest.mark.parametrize("kind", KINDS)
def test_steeper_functions_and_larger_signals_are_in_the_bounds_that_need_no_premise(kind):
    """Two layers of f(z) = 3 z on signals of norm 5: 45 times what slope 1 and norm 1 give, which is exceeded."""
    x = unit(noise(50, RING.graph.nodes, 1))
    plain = stability_of(FilterNetwork((HARD, HARD), lambda z: z), RING, kind(0.1), x)
    steep = stability_of(FilterNetwork((HARD, HARD), lambda z: 3.0 * z), RING, kind(0.1), 5.0 * x)
    assert plain.measured <= plain.always < steep.measured <= steep.always
    assert steep.measured <= steep.ceiling
    assert steep.measured == pytest.approx(45.0 * plain.measured)
    assert steep.always == pytest.approx(45.0 * plain.always)
    assert steep.ceiling == pytest.approx(45.0 * plain.ceiling)
    assert steep.theorem == plain.theorem  # which is told not to hold
    assert [each.met for each in steep.premises] == [False, False, True]


def test_a_function_that_makes_something_of_nothing_has_no_bound():
    x = unit(noise(5, RING.graph.nodes, 1))
    for taps in (HARD, torch.ones(1, 1, 1)):
        found = stability_of(FilterNetwork((taps, taps), torch.sigmoid), RING, Additive(0.1), x)
        assert found.always == found.ceiling == math.inf
        assert not found.vacuous
        assert "always inf, ceiling inf" in str(found)


@pytest.mark.parametrize("kind", [Relative, Additive])
def test_filters_that_reach_1_exactly_meet_the_premise(kind):
    x = unit(noise(5, RING.graph.nodes, 1))
    for system in (FilterNetwork((torch.ones(1, 1, 1),)), FilterNetwork((HARD,))):
        assert stability_of(system, RING, kind(0.1), x).premises_hold
    for size in (1e-7, 0.1):  # it is about the spectrum before, which ends at 1
        assert stability_of(Polynomial([0.0, 1.0]), RING, kind(size)).premises_hold
    assert not stability_of(FilterNetwork((1.001 * HARD,)), RING, kind(0.1), x).premises_hold


def test_what_is_above_is_told_with_the_digits_that_show_it():
    assert str(Premise("largest |h|", 1.00004, 1.0)) == "largest |h| is 1.00004, above 1"
    assert str(Premise("largest |h|", 9.54321, 1.0)) == "largest |h| is 9.54, above 1"
    assert str(Premise("slope", math.inf, 1.0)) == "slope is inf, above 1"
    assert str(Premise("largest |h|", 1.0 + 1e-9, 1.0)) == "largest |h| is 1, at most 1"


def steep_at_zero(z):
    return torch.where(z.abs() < 1e-3, 50.0 * z, 0.05 * z.sign())


@pytest.mark.parametrize(
    ("function", "slope"),
    [
        (torch.relu, 1.0),
        (torch.tanh, 1.0),
        (lambda z: torch.tanh(100.0 * z), 100.0),
        (lambda z: torch.sin(200.0 * math.pi * z), 200.0 * math.pi),
        (steep_at_zero, 50.0),
        (lambda z: torch.nn.functional.leaky_relu(z, -3.0), 3.0),
        (torch.zeros_like, 0.0),
        (lambda z: z.abs().sqrt(), math.inf),
    ],
    ids=["relu", "tanh", "steep", "wave", "at-zero", "leaky", "nothing", "root"],
)
def test_the_slope_of_a_function_is_found(function, slope):
    assert FilterNetwork((HARD,), function).slope == pytest.approx(slope, rel=1e-9)


def test_the_slope_of_a_jump_is_above_1():
    assert FilterNetwork((HARD,), torch.sign).slope > 50.0


def test_how_empty_a_bound_is_is_told():
    found = stability_of(FILTERS["wave"], SHIFT, Relative(0.1))
    assert found.spread > 10.0
    assert found.vacuous
    assert "it says nothing" in str(found)
    assert found.slack == pytest.approx(found.theorem / found.measured)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: stability_of(FILTERS["wave"], SHIFT, Dilation(0.1), noise(12, 1)), "x=None"),
        (lambda: stability_of(small_network(), SHIFT, Dilation(0.1)), "measured on signals"),
        (lambda: stability_of(small_network(), SHIFT, Dilation(0.1), noise(11, 1)), "measured on signals"),
        (lambda: stability_of(FILTERS["wave"], adjacency(ALL_GRAPHS["several"]), Dilation(0.1)), "one graph"),
        (lambda: stability_of(FILTERS["wave"], laplacian(ALL_GRAPHS["directed"]), Dilation(0.1)), "not symmetric"),
        (lambda: stability_of(FILTERS["wave"], laplacian(ALL_GRAPHS["empty"]), Dilation(0.1)), "1 to 4000"),
        (lambda: FilterNetwork(()), "each layer has"),
        (lambda: FilterNetwork((torch.ones(2, 1, 3), torch.ones(2, 2, 1))), "F_out of the one before"),
    ],
    ids=["signals-for-a-filter", "no-signals", "other-nodes", "several", "directed", "empty", "no-layer", "widths"],
)
def test_bad_input_gets_one_sentence(call, words):
    with pytest.raises(ValueError, match=words):
        call()
