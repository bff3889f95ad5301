"""Graphs of other libraries become the same matrices, by those libraries' own account."""

from __future__ import annotations

import networkx
import numpy as np
import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.reading import as_edges, as_graph
from equigen.graphs.side_by_side import joined

MATRIX = torch.tensor([[0.0, 2.0, 0.0], [0.5, 1.0, 0.0], [0.0, -1.0, 0.0]], dtype=torch.float64)


def of_networkx(source, weight="weight"):
    """The matrix by networkx, whose rows are the sources."""
    return torch.from_numpy(networkx.to_numpy_array(source, weight=weight).T.copy())


NETWORKX = {
    "undirected": lambda: networkx.karate_club_graph(),
    "plain": lambda: networkx.petersen_graph(),
    "directed": lambda: networkx.DiGraph([("a", "b"), ("b", "c"), ("c", "c")]),
    "weighted": lambda: networkx.from_numpy_array(MATRIX.numpy(), create_using=networkx.DiGraph),
    "loops": lambda: networkx.Graph([(0, 0), (0, 1)]),
    "multi": lambda: networkx.MultiDiGraph([(0, 1), (0, 1), (1, 0)]),
    "multi-undirected": lambda: networkx.MultiGraph([(0, 1), (1, 0), (1, 1)]),
    "isolated": lambda: networkx.empty_graph(4),
    "empty": lambda: networkx.Graph(),
}


@pytest.mark.parametrize("name", NETWORKX)
def test_networkx_graphs_are_their_transposed_matrices(name):
    source = NETWORKX[name]()
    expected = of_networkx(source) if len(source) else torch.zeros(0, 0, dtype=torch.float64)
    torch.testing.assert_close(as_graph(source).dense(), expected)


def test_the_weights_of_networkx_can_be_another_attribute_or_none():
    source = networkx.karate_club_graph()
    assert as_graph(source).weights is not None
    assert as_graph(source, weight=None).weights is None
    torch.testing.assert_close(as_graph(source, weight=None).dense(), of_networkx(source, weight=None))
    source = networkx.Graph()
    source.add_edge("x", "y", loudness=3)
    source.add_edge("y", "z")
    torch.testing.assert_close(as_graph(source, weight="loudness").dense(), of_networkx(source, weight="loudness"))


def test_an_arrow_is_heard_where_it_points():
    """The planted fault would be rows of sources: x S instead of S x."""
    graph = as_graph(networkx.DiGraph([(0, 1)]))
    assert graph.product(torch.tensor([[3.0], [5.0]])).flatten().tolist() == [0.0, 3.0]
    assert not torch.equal(graph.dense(), torch.from_numpy(networkx.to_numpy_array(networkx.DiGraph([(0, 1)]))))


@pytest.mark.parametrize("form", ["csr_array", "csc_matrix", "coo_array", "dok_array", "lil_matrix"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, bool])
def test_scipy_matrices_are_themselves(form, dtype):
    sparse = pytest.importorskip("scipy.sparse")
    values = MATRIX.abs().ceil().numpy().astype(dtype)
    graph = as_graph(getattr(sparse, form)(values))
    torch.testing.assert_close(graph.dense().double(), torch.from_numpy(values.astype(np.float64)))
    assert graph.weights is None if dtype is bool else graph.dense().is_floating_point()


def test_entries_of_scipy_at_one_place_add_up():
    sparse = pytest.importorskip("scipy.sparse")
    source = sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
    assert as_graph(source).dense().tolist() == [[0.0, 3.0], [0.0, 0.0]]


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support is in beta")
@pytest.mark.parametrize("layout", ["dense", "numpy", "coo", "csr"])
def test_matrices_of_torch_and_numpy_are_themselves(layout):
    source = {
        "dense": lambda: MATRIX,
        "numpy": lambda: MATRIX.numpy()[::-1, ::-1],
        "coo": lambda: MATRIX.to_sparse_coo(),
        "csr": lambda: MATRIX.to_sparse_csr(),
    }[layout]()
    expected = MATRIX.flip(0, 1) if layout == "numpy" else MATRIX
    torch.testing.assert_close(as_graph(source).dense(), expected)


def test_graphs_are_handed_back_and_padded_ones_packed():
    graph = Graph.from_dense(MATRIX)
    assert as_graph(graph) is graph
    torch.testing.assert_close(as_graph(PaddedGraphs.of(graph, 5)).dense(), MATRIX)


def test_pytorch_geometric_goes_there_and_back():
    data = pytest.importorskip("torch_geometric.data")
    utils = pytest.importorskip("torch_geometric.utils")
    edges = torch.tensor([[0, 1, 1, 0], [1, 2, 1, 1]])
    weights = torch.tensor([3.0, 2.0, 1.0, 4.0], dtype=torch.float64)
    first = data.Data(edge_index=edges, edge_weight=weights, num_nodes=4)
    expected = utils.to_dense_adj(edges, edge_attr=weights, max_num_nodes=4)[0].T
    torch.testing.assert_close(as_graph(first).dense(), expected)
    assert as_graph(data.Data(edge_index=edges[:, :3], x=torch.zeros(3, 1))).weights is None

    found, values = as_edges(as_graph(first))
    torch.testing.assert_close(utils.to_dense_adj(found, edge_attr=values, max_num_nodes=4)[0].T, expected)

    second = data.Data(edge_index=edges[:, :1], edge_weight=weights[:1], num_nodes=2)
    batch = as_graph(data.Batch.from_data_list([first, second]))
    assert batch.sizes.tolist() == [4, 2]
    torch.testing.assert_close(batch.dense(), joined([as_graph(first), as_graph(second)]).dense())


def test_edges_of_padded_graphs_skip_the_padding():
    graph = joined([Graph.from_edges([[0], [1]], 2), Graph.from_edges([[1], [0]], 2)])
    assert torch.equal(as_edges(PaddedGraphs.of(graph, 3))[0], as_edges(graph)[0])


def test_bad_input_gets_one_sentence():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="source is a list"):
        as_graph([[0, 1], [1, 0]])
    with pytest.raises(ValueError, match=r"source has shape \(2, 3\)"):
        as_graph(sparse.csr_array(np.ones((2, 3))))
    with pytest.raises(ValueError, match="square"):
        as_graph(np.ones((2, 3)))
    with pytest.raises(ValueError, match="one matrix"):
        as_graph(torch.ones(2, 2, 2).to_sparse_coo())
    with pytest.raises(ValueError, match="not finite"):
        as_graph(sparse.csr_array(np.array([[0.0, np.nan], [0.0, 0.0]])))
    with pytest.raises(TypeError, match="complex128"):
        as_graph(sparse.csr_array(np.array([[0.0, 1j], [0.0, 0.0]])))
    words = networkx.Graph()
    words.add_edge(0, 1, weight="heavy")
    with pytest.raises(TypeError, match=r"'weight'.*no number"):
        as_graph(words)
    words[0][1]["weight"] = None
    with pytest.raises(TypeError, match="no number"):
        as_graph(words)


def test_weights_of_pytorch_geometric_have_two_names():
    data = pytest.importorskip("torch_geometric.data")
    utils = pytest.importorskip("torch_geometric.utils")
    club = networkx.karate_club_graph()
    torch.testing.assert_close(as_graph(utils.from_networkx(club)).dense(), as_graph(club).dense())
    edges = torch.tensor([[0, 1], [1, 2]])
    column = data.Data(edge_index=edges, num_nodes=3, weight=torch.tensor([[2], [3]]))
    assert as_graph(column).dense()[1, 0] == 2.0
    both = data.Data(edge_index=edges, num_nodes=3, weight=torch.ones(2), edge_weight=torch.full((2,), 5.0))
    assert as_graph(both).dense()[1, 0] == 5.0
    features = data.Data(edge_index=edges, num_nodes=3, edge_attr=torch.tensor([[2.0], [3.0]]))
    assert as_graph(features).weights is None
    several = data.Data(edge_index=edges, num_nodes=3, edge_weight=torch.ones(2, 2))
    with pytest.raises(ValueError, match=r"edge_weight has shape \(2, 2\), but .* one weight"):
        as_graph(several)


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8", ">i4", ">f8", "<f4", "?", "f2"])
def test_numbers_of_numpy_are_read_in_every_dtype(dtype):
    sparse = pytest.importorskip("scipy.sparse")
    matrix = np.array([[0, 1], [1, 1]]).astype(dtype)
    expected = torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    torch.testing.assert_close(as_graph(matrix).dense().double(), expected)
    if dtype not in (">i4", ">f8", "f2"):  # which scipy does not have
        entries = sparse.coo_array((matrix[[0, 1, 1], [1, 0, 1]], ([0, 1, 1], [1, 0, 1])), shape=(2, 2))
        torch.testing.assert_close(as_graph(entries).dense().double(), expected)
    torch.testing.assert_close(Graph.from_edges(matrix[:, :1].astype(">i4"), 2).dense().double()[1, 0], expected[1, 0])


def test_what_is_no_number_gets_one_sentence():
    with pytest.raises(TypeError, match=r"source holds object, but .*source.astype\(float\)"):
        as_graph(np.array([[0, 1], [1, 0]], dtype=object))
    club = networkx.karate_club_graph()
    with pytest.raises(ValueError, match="no edge has the attribute 'wieght'"):
        as_graph(club, weight="wieght")
    assert as_graph(networkx.path_graph(3), weight="weight").weights is None
    assert as_graph(networkx.empty_graph(3), weight="length").entries == 0


def test_matrices_of_networkx_are_transposes_of_its_directed_graphs():
    arrows = networkx.DiGraph([(0, 1), (1, 2), (0, 2)])
    given = as_graph(arrows).dense()
    torch.testing.assert_close(as_graph(networkx.to_numpy_array(arrows)).dense(), given.T)
    assert not torch.equal(given, given.T)
