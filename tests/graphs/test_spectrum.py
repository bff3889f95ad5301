"""Spectra: every interval holds its eigenvalues, graph by graph; vectors against dense decompositions."""

import itertools
import math

import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import SHIFTS, shift_of
from equigen.graphs.side_by_side import joined
from equigen.graphs.spectrum import decomposed, extreme_eigenvalues, interval, recentred


def random_graph(n, chance, seed, *, undirected=True, weighted=False, signed=False):
    generator = torch.Generator().manual_seed(seed)
    edges = (torch.rand(n, n, generator=generator) < chance).nonzero().T
    weights = torch.rand(edges.shape[1], generator=generator, dtype=torch.float64) + 0.1 if weighted or signed else None
    if signed and weights is not None:
        weights = weights - 0.6
    if undirected:
        kept = edges[0] <= edges[1]
        edges, weights = edges[:, kept], None if weights is None else weights[kept]
    return Graph.from_edges(edges, n, weights, undirected=undirected)


GRAPHS = {
    "none": Graph.from_edges([], 0),
    "one node": Graph.from_edges([], 1),
    "one node with a loop": Graph.from_edges([[0], [0]], 1, [2.5]),
    "isolated nodes": Graph.from_edges([[0, 1], [1, 2]], 5, undirected=True),
    "a path": Graph.from_edges([[0, 1, 2], [1, 2, 3]], 4, undirected=True),
    "a star": Graph.from_edges([[0, 0, 0, 0], [1, 2, 3, 4]], 5, undirected=True),
    "with loops": random_graph(9, 0.4, 0),
    "weighted": random_graph(9, 0.4, 1, weighted=True),
    "an arrow": Graph.from_edges([[0], [1]], 2),
    "directed": random_graph(9, 0.3, 2, undirected=False, weighted=True),
    "single precision": random_graph(9, 0.5, 3, weighted=True).to(dtype=torch.float32),
    "side by side": joined([random_graph(6, 0.5, 4), Graph.from_edges([], 2), random_graph(4, 0.9, 5)]),
}
SIGNED = {
    "signed": random_graph(9, 0.5, 6, signed=True),
    "signed, directed": random_graph(9, 0.4, 7, undirected=False, signed=True),
}
CASES = [(graph, shift) for graph in GRAPHS for shift in SHIFTS]
CASES += [(graph, shift) for graph in SIGNED for shift in ("adjacency", "laplacian")]
CASE = pytest.mark.parametrize(("name", "shift"), CASES)


def the_shift(name, shift):
    return shift_of({**GRAPHS, **SIGNED}[name], shift)


def parts(shift):
    """The dense matrices of the graphs, in float64, cut from that of all of them column by column."""
    whole = shift.product(torch.eye(shift.graph.nodes, dtype=torch.float64))
    ends = torch.cat((torch.zeros(1, dtype=torch.int64), shift.graph.sizes.cumsum(0))).tolist()
    return [whole[a:b, a:b] for a, b in itertools.pairwise(ends)]


def outside(bounds, shift):
    """How far eigenvalues' real parts lie outside the bounds of their graph."""
    worst = 0.0
    for (low, high), matrix in zip(bounds.tolist(), parts(shift), strict=True):
        if len(matrix):
            real = torch.linalg.eigvals(matrix).real
            worst = max(worst, low - float(real.min()), float(real.max()) - high)
    return worst


@CASE
def test_the_interval_holds_every_eigenvalue(name, shift):
    shift = the_shift(name, shift)
    bounds = interval(shift)
    assert bounds.dtype == torch.float64
    assert bounds.shape == (len(shift.graph.sizes), 2)
    size = max(1.0, float(bounds.abs().max())) if bounds.numel() else 1.0
    assert outside(bounds, shift) <= 1e-7 * size  # eigenvalues of defective matrices are known no better


def test_an_interval_of_another_shift_is_found_too_narrow():
    star = GRAPHS["a star"]
    assert outside(interval(shift_of(star, "normalised-adjacency")), shift_of(star, "adjacency")) > 0.9
    assert outside(interval(shift_of(star, "laplacian")) / 2.0, shift_of(star, "laplacian")) > 0.9


@pytest.mark.parametrize("seed", range(3))
def test_intervals_of_normalised_shifts_are_known(seed):
    graph = random_graph(12, 0.4, seed, weighted=True)
    for name, expected in {
        "normalised-adjacency": (-1.0, 1.0),
        "random-walk": (-1.0, 1.0),
        "normalised-laplacian": (0.0, 2.0),
        "random-walk-laplacian": (0.0, 2.0),
    }.items():
        low, high = interval(shift_of(graph, name))[0].tolist()
        assert expected[0] - 1e-12 <= low
        assert high <= expected[1] + 1e-12
    renormalised = interval(shift_of(graph, "renormalised-adjacency"))[0]
    assert renormalised[0] > -1.0
    assert renormalised[1] <= 1.0 + 1e-12
    plain = random_graph(12, 0.3, seed)
    once = Graph.from_dense(plain.dense() * (1.0 - torch.eye(12)))
    largest = float(once.degrees.max())
    torch.testing.assert_close(interval(shift_of(once, "adjacency"))[0], torch.tensor([-largest, largest]).double())
    torch.testing.assert_close(interval(shift_of(once, "laplacian"))[0], torch.tensor([0.0, 2.0 * largest]).double())


def test_the_narrower_of_rows_and_columns_counts():
    """One node that hears three, or is heard by three: 3 over its row or column, and 1 over all of the other kind."""
    for edges in ([[1, 2, 3], [0, 0, 0]], [[0, 0, 0], [1, 2, 3]]):
        for graph in (Graph.from_edges(edges, 4), PaddedGraphs.of(Graph.from_edges(edges, 4))):
            assert interval(shift_of(graph, "adjacency")).tolist() == [[-1.0, 1.0]]


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("ask", [interval, lambda shift: recentred(shift).dense().double()])
def test_graphs_side_by_side_padded_and_alone_are_told_the_same(shift, ask):
    alone = [GRAPHS["weighted"], GRAPHS["one node"], GRAPHS["isolated nodes"], GRAPHS["none"], GRAPHS["a star"]]
    padded = PaddedGraphs.of(joined(alone), 11, torch.float64)
    together = ask(shift_of(joined(alone), shift))
    if ask is interval:
        torch.testing.assert_close(together, torch.cat([ask(shift_of(graph, shift)) for graph in alone]))
        torch.testing.assert_close(ask(shift_of(padded, shift)), together)
        return
    torch.testing.assert_close(together, torch.block_diag(*[ask(shift_of(graph, shift)) for graph in alone]))
    flat = ask(shift_of(padded, shift))
    assert padded.real is not None
    torch.testing.assert_close(
        torch.block_diag(*[m[r][:, r] for m, r in zip(flat, padded.real, strict=True)]), together
    )
    assert not bool(flat[~padded.real].any())


def test_bounds_over_a_batch_are_told_apart():
    """The fault of a convolution that takes the largest eigenvalue of a whole batch."""
    both = joined([GRAPHS["a star"], GRAPHS["a path"]])
    each = interval(shift_of(both, "laplacian"))
    over_all = torch.stack((each[:, 0].min(), each[:, 1].max()))
    wrong = recentred(shift_of(both, "laplacian"), over_all).dense()[5:, 5:]
    assert (wrong - recentred(shift_of(GRAPHS["a path"], "laplacian")).dense()).abs().max() > 0.1


@CASE
def test_recentred_shifts_have_their_spectrum_within_one(name, shift):
    shift = the_shift(name, shift)
    moved = recentred(shift)
    assert moved.symmetric == shift.symmetric
    for matrix, before, (low, high) in zip(parts(moved), parts(shift), interval(shift).tolist(), strict=True):
        if len(matrix):
            assert float(torch.linalg.eigvals(matrix).real.abs().max()) <= 1.0 + 1e-6
            width = high - low if high > low else 2.0
            expected = (2.0 * before - (high + low) * torch.eye(len(before)).double()) / width
            torch.testing.assert_close(matrix, expected, rtol=0.0, atol=1e-6 if "single" in name else 1e-13)


def test_recentred_by_given_bounds():
    star = shift_of(GRAPHS["a star"], "laplacian")
    expected = star.dense() / 3.0 - torch.eye(5)
    for bounds in ((0.0, 6.0), torch.tensor([[0.0, 6.0]])):
        torch.testing.assert_close(recentred(star, bounds).dense(), expected)
    with pytest.raises(ValueError, match="the lower end comes first"):
        recentred(star, (2.0, 0.0))
    with pytest.raises(ValueError, match=r"\(2,\) or, of each graph, \(1, 2\)"):
        recentred(star, torch.zeros(2, 2))


def test_given_bounds_are_taken_however_narrow_they_are():
    """Of a spectrum 1 +- 2e-16, told from 1 by bounds that are exact, and of one number."""
    pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
    width = 2.0**-51
    narrow = pair.scaled(width, 1.0)
    torch.testing.assert_close(recentred(narrow, (1.0 - width, 1.0 + width)).dense(), pair.dense())
    assert float(recentred(narrow).dense().abs().max()) < 1e-14
    one = recentred(Shift(Graph.from_edges([], 2)).scaled(1.0, 3.0), (3.0, 3.0)).dense()
    assert not bool(one.any())


SYMMETRIC = [case for case in CASES if the_shift(*case).symmetric]


@pytest.mark.parametrize(("name", "shift"), SYMMETRIC)
def test_extreme_eigenvalues_and_vectors_are_those_of_the_dense_matrices(name, shift):
    shift = the_shift(name, shift)
    ends, spectrum = extreme_eigenvalues(shift), decomposed(shift)
    dense = [torch.linalg.eigvalsh(matrix) for matrix in parts(shift)]
    atol = 1e-6 if "single" in name else 1e-12
    expected = [v[[0, -1]] if len(v) else torch.zeros(2).double() for v in dense]
    torch.testing.assert_close(ends, torch.stack(expected), rtol=0.0, atol=atol)
    torch.testing.assert_close(spectrum.values, torch.cat(dense), rtol=0.0, atol=atol)
    n = shift.graph.nodes
    one = torch.eye(n, dtype=torch.float64)
    torch.testing.assert_close(spectrum.vectors.T @ spectrum.vectors, one, rtol=0.0, atol=1e-12)
    torch.testing.assert_close(spectrum.apply(lambda v: v, one), shift.product(one), rtol=0.0, atol=10 * atol)
    cubed = shift.product(shift.product(shift.product(one)))
    torch.testing.assert_close(spectrum.apply(lambda v: v**3, one), cubed, rtol=1e-5, atol=1000 * atol)


@pytest.mark.parametrize("shift", ["adjacency", "laplacian", "normalised-laplacian", "renormalised-adjacency"])
def test_spectra_of_padded_graphs_are_those_of_each(shift):
    alone = [GRAPHS["weighted"], GRAPHS["one node"], GRAPHS["isolated nodes"], GRAPHS["none"]]
    padded = PaddedGraphs.of(joined(alone), 10, torch.float64)
    assert padded.real is not None
    shifted = shift_of(padded, shift)
    spectrum = decomposed(shifted)
    torch.testing.assert_close(extreme_eigenvalues(shifted), extreme_eigenvalues(shift_of(joined(alone), shift)))
    x = torch.sin(torch.arange(4 * 10 * 2.0)).reshape(4, 10, 2).double()

    def f(value):
        return 1.0 / (value + 30.0)

    y = spectrum.apply(f, x)
    assert not bool(y[~padded.real].any())
    assert torch.equal(y, spectrum.apply(f, torch.where(padded.real[..., None], x, math.pi)))
    for number, graph in enumerate(alone):
        own = decomposed(shift_of(graph, shift))
        torch.testing.assert_close(y[number, : graph.nodes], own.apply(f, x[number, : graph.nodes]))
        torch.testing.assert_close(spectrum.values[number, : graph.nodes], own.values)


def test_functions_may_carry_numbers_of_the_items_and_x_keeps_its_dtype():
    spectrum = decomposed(shift_of(GRAPHS["a path"], "laplacian"))
    level = torch.tensor([0.5, 2.0]).reshape(2, 1, 1)
    x = torch.ones(2, 4, 3)
    y = spectrum.apply(lambda value: level / (value + level), x + torch.arange(4.0)[:, None])
    assert y.dtype == torch.float32
    for item, number in enumerate((0.5, 2.0)):
        matrix = shift_of(GRAPHS["a path"], "laplacian").dense() + number * torch.eye(4)
        expected = number * torch.linalg.solve(matrix, (x[item] + torch.arange(4.0)[:, None]).double())
        torch.testing.assert_close(y[item].double(), expected, rtol=0.0, atol=1e-6)
    with pytest.raises(ValueError, match="4 nodes"):
        spectrum.apply(torch.exp, torch.ones(3, 1))


def test_shifts_that_are_not_symmetric_are_refused():
    for shift in (shift_of(GRAPHS["directed"], "adjacency"), shift_of(GRAPHS["a star"], "random-walk")):
        for ask in (extreme_eigenvalues, decomposed):
            with pytest.raises(ValueError, match="not symmetric"):
                ask(shift)


def test_ends_of_a_large_graph_by_products_alone():
    """A ring of 1500: 2 - 2 cos(2 pi k / n), from 0 to 4, crowded at both ends; beside it a small graph."""
    n = 1500
    place = torch.arange(n)
    ring = Graph.from_edges(torch.stack((place, (place + 1) % n)), n, undirected=True)
    found = extreme_eigenvalues(shift_of(joined([ring, GRAPHS["a star"]]), "laplacian"))
    torch.testing.assert_close(found, torch.tensor([[0.0, 4.0], [0.0, 5.0]]).double(), rtol=0.0, atol=1e-13)
    random = shift_of(random_graph(1200, 0.01, 8), "normalised-adjacency")
    expected = torch.linalg.eigvalsh(random.dense())[[0, -1]]
    torch.testing.assert_close(extreme_eigenvalues(random)[0], expected, rtol=0.0, atol=1e-13)


def test_a_spectrum_of_one_number_goes_to_zero():
    """Loops alone: every eigenvalue of the random walk is 1, up to rounding that is not blown up."""
    for dtype in (torch.float64, torch.float32):
        loops = Graph.from_edges([[0, 1, 2, 3]] * 2, 4, torch.tensor([3.0, 2.5, 0.7, 1.1], dtype=dtype))
        for name in ("normalised-adjacency", "random-walk", "renormalised-adjacency"):
            moved = recentred(shift_of(loops, name)).dense()
            assert float(moved.abs().max()) < 1e-6


def test_intervals_are_differentiable_and_compile():
    matrix = torch.rand(2, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()

    def moved(matrix):
        return recentred(shift_of(PaddedGraphs(matrix), "laplacian")).dense()

    assert torch.autograd.gradcheck(moved, matrix)
    graph = GRAPHS["side by side"]

    def product(x):
        return recentred(shift_of(graph, "normalised-laplacian")).product(x)

    x = torch.rand(graph.nodes, 2)
    compiled = torch.compile(product, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), product(x))
    padded = PaddedGraphs.of(graph)

    def of_padded(matrix, x):
        return recentred(shift_of(PaddedGraphs(matrix, padded.real), "normalised-laplacian")).product(x)

    x = torch.rand(3, padded.matrix.shape[1], 2)
    compiled = torch.compile(of_padded, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(padded.matrix, x), of_padded(padded.matrix, x))


def test_large_spectra_are_refused():
    with pytest.raises(ValueError, match="at most 16384"):
        decomposed(Shift(Graph.from_edges([], 20_000)))
