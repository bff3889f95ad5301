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
from equigen.graphs.stability.measured import stability_of
from equigen.graphs.stability.perturbation import Additive, Dilation, Relative
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
        taps.append(largest / 1.03 * drawn / response.abs().max())
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
        "largest": max(layer[0] for layer in alone),
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
