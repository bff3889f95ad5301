"""Sums of entries that a graph holds for its disks, against dense matrices."""

import pytest
import torch

from equigen.graphs.shifts import shift_of
from equigen.graphs.spectrum import interval
from tests.graphs.all_graphs import ALL_GRAPHS, scattered


@pytest.mark.parametrize("name", ALL_GRAPHS)
def test_sums_that_a_graph_holds_are_those_of_the_dense_matrix(name):
    graph = ALL_GRAPHS[name]
    matrix = graph.dense().double()
    size = (matrix - torch.diag(matrix.diagonal())).abs()
    for found, expected in zip(graph.radii, (size.sum(1), size.sum(0), matrix.diagonal()), strict=True):
        assert found.dtype == torch.float64
        torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-15)


def test_sums_are_held_where_weights_are_fixed_and_are_new_where_they_are():
    graph = scattered(7, 0.3, 5, symmetric=False)
    assert graph.radii[0] is graph.radii[0]
    double = graph.with_weights(2.0 * graph.weights_or_ones())
    torch.testing.assert_close(double.radii[1], 2.0 * graph.radii[1])
    weights = graph.weights_or_ones().clone().requires_grad_()

    def ends(weights):
        return interval(shift_of(graph.with_weights(weights), "adjacency"))

    assert torch.autograd.gradcheck(ends, weights)
