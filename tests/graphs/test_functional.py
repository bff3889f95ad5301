"""Convolutions against powers of dense matrices, in every plan; derivatives, padding, and the number of products."""

import pytest
import torch

from equigen.graphs.features import require_features
from equigen.graphs.functional import chebyshev_convolve, convolve, krylov_block
from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import SHIFTS, shift_of
from equigen.graphs.side_by_side import joined

WIDTHS = [(2, 5), (3, 3), (5, 2), (40, 36)]  # narrower and wider than rows are written out


def random_graph(n, share=0.3, *, directed=True, weighted=True, seed=0):
    draw = torch.Generator().manual_seed(seed)
    matrix = (torch.rand(n, n, generator=draw, dtype=torch.float64) < share).double()
    matrix = matrix * torch.rand(n, n, generator=draw, dtype=torch.float64) if weighted else matrix
    return Graph.from_dense(matrix if directed else (matrix + matrix.mT) / 2)


def graphs():
    """Directed and weighted; undirected without weights; with an isolated node; two side by side; empty."""
    isolated = Graph.from_edges([[0, 1, 1], [1, 2, 1]], 4, undirected=True)
    return {
        "directed": random_graph(7),
        "undirected": Graph.from_edges([[0, 1, 2, 3], [1, 2, 3, 0]], 4, undirected=True),
        "isolated": isolated,
        "two": joined([random_graph(5, seed=1), isolated]),
        "one node": Graph.from_edges([[], []], 1),
        "empty": Graph.from_edges([[], []], 0),
    }


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def dense_convolve(matrix, x, taps, *, chebyshev=False):
    """The definition, with dense matrices (n, n) or (B, n, n)."""
    powers = [torch.eye(matrix.shape[-1], dtype=matrix.dtype).expand_as(matrix), matrix]
    while len(powers) < len(taps):
        powers.append(2 * matrix @ powers[-1] - powers[-2] if chebyshev else matrix @ powers[-1])
    return sum(power @ x @ tap for power, tap in zip(powers, taps, strict=False))


def apart(function, *, chebyshev, shift, x, taps):
    """How far a function of (shift, x, taps) is from the definition."""
    matrix = shift.dense()
    expected = dense_convolve(matrix, x, taps, chebyshev=chebyshev)
    return float((function(shift, x, taps) - expected).detach().abs().max()) if expected.numel() else 0.0


@pytest.mark.parametrize("name", SHIFTS)
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize(("function", "chebyshev"), [(convolve, False), (chebyshev_convolve, True)])
def test_every_plan_gives_the_definition(function, chebyshev, widths, name):
    for graph in graphs().values():
        shift = shift_of(graph, name).scaled(0.3)
        for order in (0, 1, 4):
            taps, x = randn(order + 1, *widths), randn(graph.nodes, widths[0], seed=1)
            assert apart(function, chebyshev=chebyshev, shift=shift, x=x, taps=taps) < 1e-11
            learned = taps.clone().requires_grad_()  # the plan may be another where the taps are learned
            assert apart(function, chebyshev=chebyshev, shift=shift, x=x, taps=learned) < 1e-11
            with torch.no_grad():  # products are added up in place
                assert apart(function, chebyshev=chebyshev, shift=shift, x=x, taps=taps) < 1e-11


def backwards(shift, x, taps):
    """Planted: S^T for S."""
    y = x @ taps[-1]
    for tap in taps.flip(0)[1:]:
        y = x @ tap + shift.product(y, transposed=True)
    return y


def without_two(shift, x, taps):
    """Planted: Clenshaw's rule that ends like it runs."""
    after, y = torch.zeros_like(x @ taps[0]), x @ taps[-1]
    for tap in taps.flip(0)[1:]:
        after, y = y, x @ tap + 2 * shift.product(y) - after
    return y


@pytest.mark.parametrize(("planted", "chebyshev"), [(backwards, False), (without_two, True)])
def test_planted_recursions_are_found(planted, chebyshev):
    shift, taps, x = shift_of(random_graph(7), "random-walk"), randn(4, 3, 3), randn(7, 3, seed=1)
    assert apart(planted, chebyshev=chebyshev, shift=shift, x=x, taps=taps) > 0.1


@pytest.mark.parametrize("name", SHIFTS)
@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("function", [convolve, chebyshev_convolve])
def test_padded_graphs_give_the_same_and_zero_where_there_is_no_node(function, widths, name):
    parts = [random_graph(5, seed=1), random_graph(3, seed=2), Graph.from_edges([[], []], 1)]
    together, padded = joined(parts), PaddedGraphs.of(joined(parts), 6)
    taps, x = randn(4, *widths), randn(together.nodes, widths[0], seed=1)
    stored = torch.full((3, 6, widths[0]), torch.nan, dtype=torch.float64)
    assert padded.real is not None
    stored[padded.real] = x
    y = function(shift_of(padded, name), stored, taps)
    with torch.no_grad():
        torch.testing.assert_close(function(shift_of(padded, name), stored, taps), y, rtol=0, atol=1e-11)
    alone = [function(shift_of(part, name), own, taps) for part, own in zip(parts, x.split([5, 3, 1]), strict=True)]
    torch.testing.assert_close(y[padded.real], torch.cat(alone), rtol=0, atol=1e-12)
    torch.testing.assert_close(function(shift_of(together, name), x, taps), torch.cat(alone), rtol=0, atol=1e-12)
    assert not y[~padded.real].any()


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("function", [convolve, chebyshev_convolve])
def test_adding_up_in_place_leaves_what_was_given(function, widths):
    graph, taps = random_graph(6), randn(4, *widths)
    for given, x in ((graph, randn(6, widths[0])), (PaddedGraphs.of(graph), randn(1, 6, widths[0]))):
        shift, before = shift_of(given, "renormalised-adjacency"), x.clone()
        matrix, taps_before = shift.dense(), taps.clone()
        with torch.no_grad():
            first, second = function(shift, x, taps), function(shift, x, taps)
        assert torch.equal(first, second)
        assert torch.equal(x, before)
        assert torch.equal(taps, taps_before)
        assert torch.equal(shift.dense(), matrix)


@pytest.mark.parametrize("widths", WIDTHS)
@pytest.mark.parametrize("function", [convolve, chebyshev_convolve])
def test_signals_on_one_graph_are_filtered_each_by_itself(function, widths):
    shift, taps = shift_of(random_graph(6), "laplacian").scaled(0.2), randn(4, *widths)
    x = randn(2, 3, 6, widths[0], seed=1)
    y = function(shift, x, taps)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(y[i, j], function(shift, x[i, j], taps), rtol=0, atol=1e-12)
    with torch.no_grad():
        torch.testing.assert_close(function(shift, x, taps), y, rtol=0, atol=1e-11)


@pytest.mark.parametrize("function", [convolve, chebyshev_convolve])
@pytest.mark.parametrize("widths", [(1, 2), (2, 1)])
def test_derivatives_are_those_of_float64_differences_to_second_order(function, widths):
    graph = random_graph(4, 0.5)
    assert graph.weights is not None

    def of_all(weights, x, taps):
        return function(shift_of(graph.with_weights(weights), "renormalised-adjacency"), x, taps)

    given = [each.requires_grad_() for each in (graph.weights.clone(), randn(4, widths[0]), randn(3, *widths))]
    assert torch.autograd.gradcheck(of_all, given)
    assert torch.autograd.gradgradcheck(of_all, given)


def counted(monkeypatch, work):
    """The widths of all products with the graph that a piece of work takes, forwards and backwards."""
    widths = []
    real = Graph.product

    def product(self, x, *, transposed=False):
        widths.append(x.shape[-1])
        y = real(self, x, transposed=transposed)
        if y.requires_grad:
            y.register_hook(lambda g: widths.append(g.shape[-1]))
        return y

    with monkeypatch.context() as patch:
        patch.setattr(Graph, "product", product)
        work()
    return widths


@pytest.mark.parametrize("function", [convolve, chebyshev_convolve])
def test_the_narrower_width_is_multiplied(monkeypatch, function):
    shift = shift_of(random_graph(6), "normalised-adjacency")
    for wide_in, wide_out in WIDTHS:
        x, taps = randn(6, wide_in), randn(4, wide_in, wide_out)
        found = counted(monkeypatch, lambda x=x, taps=taps: function(shift, x, taps))
        assert found == [min(wide_in, wide_out)] * 3


def test_learned_taps_on_data_take_no_products_backwards(monkeypatch):
    shift, x = shift_of(random_graph(6), "normalised-adjacency"), randn(6, 3)
    taps = randn(4, 3, 2).requires_grad_()

    def both(x):
        return counted(monkeypatch, lambda: convolve(shift, x, taps).sum().backward())

    assert both(x) == [3, 3, 3]
    assert both(x.clone().requires_grad_()) == [2] * 6
    taps = randn(4, 3, 1).requires_grad_()
    assert both(x) == [1] * 6


def test_the_block_of_data_is_what_a_convolution_multiplies():
    graph = random_graph(6)
    shift, x, taps = shift_of(graph, "random-walk"), randn(2, 6, 3), randn(4, 3, 5)
    block = krylov_block(shift, x, 3)
    assert block.shape == (2, 6, 12)
    torch.testing.assert_close(block @ taps.flatten(0, 1), convolve(shift, x, taps), rtol=0, atol=1e-12)
    torch.testing.assert_close(block[..., 6:9], shift.product(shift.product(x)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_dtype_of_the_features_is_kept_and_rounds_as_it_should(dtype):
    shift, x, taps = shift_of(random_graph(9), "normalised-adjacency"), randn(9, 4), randn(4, 4, 3)
    y, exact = convolve(shift, x.to(dtype), taps.to(dtype)), convolve(shift, x, taps)
    assert y.dtype == dtype
    assert float((y - exact).norm() / exact.norm()) < 8 * torch.finfo(dtype).eps


@pytest.mark.parametrize(("function", "widths"), [(convolve, (2, 5)), (convolve, (5, 2)), (chebyshev_convolve, (5, 2))])
def test_compiling_leaves_one_graph(function, widths):
    torch.compiler.reset()
    shift, padded = shift_of(random_graph(6), "random-walk"), PaddedGraphs(randn(2, 6, 6).abs())
    compiled = torch.compile(function, fullgraph=True, backend="aot_eager")
    x, taps = randn(2, 6, widths[0]), randn(4, *widths).requires_grad_()
    (slope,) = torch.autograd.grad(compiled(shift, x[0], taps).square().sum(), taps)
    torch.testing.assert_close(slope, torch.autograd.grad(function(shift, x[0], taps).square().sum(), taps)[0])
    with torch.no_grad():
        torch.testing.assert_close(compiled(shift, x[0], taps), function(shift, x[0], taps))
        dense = shift_of(padded, "random-walk")
        torch.testing.assert_close(compiled(dense, x, taps), function(dense, x, taps))


@pytest.mark.parametrize(
    ("x", "taps", "message"),
    [
        (torch.zeros(6, 2), torch.zeros(3, 3, 1), r"x has shape \(6, 2\), but 6 nodes with 3 features .*\(\*, 6, 3\)"),
        (torch.zeros(5, 3), torch.zeros(1, 3, 1), r"x has shape \(5, 3\), but 6 nodes"),
        (torch.zeros(3), torch.zeros(1, 3, 1), r"x has shape \(3,\), but 6 nodes"),
        (torch.zeros(6, 3), torch.zeros(3, 1), r"taps has shape \(3, 1\), but .* \(K \+ 1, F_in, F_out\)"),
        (torch.zeros(6, 3), torch.zeros(0, 3, 1), r"taps has shape \(0, 3, 1\)"),
    ],
)
def test_what_does_not_fit_is_refused(x, taps, message):
    for function in (convolve, chebyshev_convolve):
        with pytest.raises(ValueError, match=message):
            function(Shift(random_graph(6)), x, taps)


def test_features_of_padded_graphs_come_one_batch_of_them():
    padded = PaddedGraphs(torch.zeros(2, 4, 4))
    require_features(padded, torch.zeros(2, 4, 3), 3)
    for shape in ((4, 3), (1, 4, 3), (5, 2, 4, 3), (2, 3, 3)):
        with pytest.raises(ValueError, match=r"give \(2, 4, 3\)"):
            require_features(padded, torch.zeros(shape), 3)
