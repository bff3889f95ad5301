"""Conditioning of bases: closed forms, and the orders of magnitude that are told of random graphs."""

import math

import pytest
import torch

from equigen.graphs.filters.conditioning import condition_number
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import shift_of
from equigen.graphs.spectrum import decomposed


def test_by_hand():
    assert condition_number("powers", torch.tensor([-1.0, 1.0]), 1) == pytest.approx(1.0)
    assert condition_number("powers", torch.tensor([0.0, 1.0]), 1) == pytest.approx((3.0 + math.sqrt(5.0)) / 2.0)
    assert condition_number("powers", torch.tensor([3.0]), 0) == pytest.approx(1.0)


@pytest.mark.parametrize("order", [3, 10, 30])
def test_at_chebyshev_nodes_his_basis_is_orthogonal(order):
    """Columns are orthogonal, the first one longer by sqrt 2."""
    nodes = torch.cos(math.pi * (torch.arange(400) + 0.5).double() / 400)
    assert condition_number("chebyshev", nodes, order, -1.0, 1.0) == pytest.approx(math.sqrt(2.0), rel=1e-9)
    assert condition_number("powers", nodes, order) > 2.0**order / 4.0


def test_the_interval_may_be_wider_than_the_spectrum():
    nodes = torch.cos(math.pi * (torch.arange(400) + 0.5).double() / 400)
    assert condition_number("chebyshev", nodes, 10, -2.0, 2.0) > 1e3
    assert condition_number("chebyshev", 5.0 + 3.0 * nodes, 10, 2.0, 8.0) == pytest.approx(math.sqrt(2.0), rel=1e-9)


def test_the_orders_of_magnitude_on_a_random_graph():
    """400 nodes of mean degree 12, orders 10 and 20: powers of A, of the normalised A, and Chebyshev's on A."""
    n = 400
    chances = torch.rand(n, n, generator=torch.Generator().manual_seed(0))
    graph = Graph.from_edges((chances.triu(1) > 1.0 - 12.0 / n).nonzero().T, n, undirected=True)
    plain = decomposed(shift_of(graph, "adjacency")).values
    normalised = decomposed(shift_of(graph, "normalised-adjacency")).values
    largest = float(plain.abs().max())
    for order, told in ((10, (1.5e10, 1.8e5, 5.6e4)), (20, (math.inf, 1.3e11, 9.4e9))):
        found = (
            condition_number("powers", plain, order),
            condition_number("powers", normalised, order),
            condition_number("chebyshev", plain, order, -largest, largest),
        )
        for mine, theirs in zip(found, told, strict=True):
            assert mine == theirs == math.inf or abs(math.log10(mine / theirs)) < 0.5
    bulk = (float(plain[0]), float(plain[-2]))
    assert condition_number("chebyshev", plain[:-1], 10, *bulk) < 100.0


@pytest.mark.parametrize("basis", ["powers", "chebyshev"])
def test_fewer_different_eigenvalues_than_taps_are_singular(basis):
    """Four of them, 25 times each, also up to rounding: svdvals finds a smallest singular value of some 1e-16."""
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        four = 2.0 * torch.rand(4, generator=generator, dtype=torch.float64)
        many = four.repeat(25) * (1.0 + 2.2e-16 * torch.randn(100, generator=generator, dtype=torch.float64))
        for spectrum in (four.repeat(25), many):
            assert condition_number(basis, spectrum, 5) == math.inf
            assert condition_number(basis, spectrum, 4) == math.inf
            assert condition_number(basis, spectrum, 3) < 1e7


def test_beyond_what_rounding_leaves_it_is_singular():
    spectrum = torch.linspace(0.0, 40.0, 400)
    assert condition_number("powers", spectrum, 5) < 1e13
    assert condition_number("powers", spectrum, 30) == math.inf
    assert condition_number("powers", torch.tensor([1.0, 2.0]), 2) == math.inf
    assert condition_number("chebyshev", torch.tensor([1.0, 1.0, 1.0]), 1) == math.inf


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("monomial", torch.ones(3), 2), "no basis"),
        (("powers", torch.ones(3), -1), "order is -1"),
        (("powers", torch.ones(3), True), "order is True"),
        (("powers", torch.ones(3, 1), 2), r"\(3, 1\)"),
        (("powers", torch.ones(0), 2), "n > 0"),
        (("powers", torch.ones(3, dtype=torch.complex64), 2), "real"),
        (("chebyshev", torch.ones(3), 2, 3.0, 1.0), "ascending"),
    ],
)
def test_what_has_no_condition_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        condition_number(*arguments)
