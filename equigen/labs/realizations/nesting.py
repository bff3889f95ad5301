"""Three kinds of layer, each a special case of the next: convolutional, attentional, message passing.

    convolutional       y_i = sum_j c_ij V x_j                  c_ij of the graph alone
    attentional         y_i = sum_j a(x_i, x_j) V x_j           a number for each edge, from features
    message passing     y_i = sum_j psi(x_i, x_j)               a vector for each edge

Source: M. Bronstein, J. Bruna, T. Cohen, P. Veličković, Geometric Deep Learning, 2021, section 5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.edges import edge_reduce, edge_softmax
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import random_walk
from equigen.labs.realizations.forms import relative
from equigen.labs.realizations.setting import Setting
from equigen.random import Stream, normal

__all__ = ["Nesting", "attention", "messages", "nesting_found"]


@dataclass(frozen=True)
class Nesting:
    """Which kind of layer contains which, as measured in double precision.

    Args:
        convolution_by_attention: relative difference of a convolution and of attention with equal scores.
        attention_by_messages: of attention and of messages that are weighted features.
        attention_by_edges: of attention and of free weights on edges, at the features that they were taken at.
        edges_elsewhere: likewise at other features.
        convolution_superposed: ||f(x + z) - f(x) - f(z)|| over ||f(x + z)|| of the convolution.
        attention_superposed: of attention.
        attention_of_own: how far what node 0 of a pair gets from attention moves with its own feature.
        messages_of_own: likewise from the messages |x_i - x_j|.
    """

    convolution_by_attention: float
    attention_by_messages: float
    attention_by_edges: float
    edges_elsewhere: float
    convolution_superposed: float
    attention_superposed: float
    attention_of_own: float
    messages_of_own: float


def nesting_found(shown: Setting, seed: int) -> Nesting:
    """All measurements, on the graph of communities and on a pair of nodes.

    Args:
        shown: whose graph and signal.
        seed: of the layers' weights and of another signal.
    """
    graph, x = shown.graph, shown.x
    z, query, key = (
        normal(tuple(x.shape), seed=seed, stream=Stream.LAW, item=3 + k, dtype=torch.float64) for k in range(3)
    )
    query, key = query[: x.shape[1]], key[: x.shape[1]]
    mean = random_walk(graph).product
    held = _weights(graph, x, query, key)
    pair = Graph.from_edges([[0], [1]], 2, undirected=True)
    ends = torch.tensor([[1.0], [2.0]], dtype=torch.float64)
    moved = torch.tensor([[1.5], [2.0]], dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.float64)

    def attends(x: Tensor) -> Tensor:
        return attention(graph, x, query, key)

    def first(layer: Callable[[Tensor], Tensor]) -> float:
        return float((layer(moved) - layer(ends))[0].abs())

    return Nesting(
        relative(attention(graph, x, torch.zeros_like(query), key), mean(x)),
        relative(messages(graph, x, lambda own, other, weight: weight * other, held), attends(x)),
        relative(graph.product_with(held, x), attends(x)),
        relative(graph.product_with(held, z), attends(z)),
        _superposed(mean, x, z),
        _superposed(attends, x, z),
        first(lambda x: attention(pair, x, one, one)),
        first(lambda x: messages(pair, x, lambda own, other, weight: (own - other).abs())),
    )


def attention(graph: Graph, x: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """sum_j a_ij x_j, a_ij the softmax over the neighbours j of i of <Q x_i, K x_j>.

    Args:
        graph: whose entries are the neighbours.
        x: (n, F).
        query: Q, (F, F).
        key: K, (F, F).

    Returns:
        (n, F).
    """
    return graph.product_with(_weights(graph, x, query, key), x)


def _weights(graph: Graph, x: Tensor, query: Tensor, key: Tensor) -> Tensor:
    """a_ij of each entry, (E,)."""
    scores = graph.products_of_ends(x @ query.T, x @ key.T)
    return edge_softmax(graph, scores[:, None])[:, 0]


def messages(
    graph: Graph, x: Tensor, message: Callable[[Tensor, Tensor, Tensor], Tensor], weights: Tensor | None = None
) -> Tensor:
    """sum_j psi(x_i, x_j, w_ij).

    Args:
        graph: whose entries are the neighbours.
        x: (n, F).
        message: psi of features (E, F) of the node that hears, of those it hears, and of weights (E, 1).
        weights: (E,); those of the graph where None.

    Returns:
        (n, F).
    """
    weights = graph.weights_or_ones(x.dtype) if weights is None else weights
    made = message(x[graph.rows.long()], x[graph.columns.long()], weights[:, None])
    return edge_reduce(graph, made, "sum")


def _superposed(layer: Callable[[Tensor], Tensor], x: Tensor, z: Tensor) -> float:
    return relative(layer(x) + layer(z), layer(x + z))
