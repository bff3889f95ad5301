"""Three kinds of layer, each a special case of the next: convolutional, attentional, message passing.

    convolutional       y_i = sum_j c_ij V x_j                  c_ij of the graph alone
    attentional         y_i = sum_j a(x_i, x_j, c_ij) V x_j     a number for each edge, from features and the edge
    message passing     y_i = sum_j m(x_i, x_j, c_ij)           a vector for each edge

A softmax of scores is one such a. With equal scores it is 1 over the degree, which is one convolution, that of D^-1 A.

Source: M. Bronstein, J. Bruna, T. Cohen, P. Veličković, Geometric Deep Learning, 2021, section 5.3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.edges import edge_reduce, edge_softmax
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import normalised_adjacency, random_walk
from equigen.labs.extremes import largest
from equigen.labs.realizations.forms import relative
from equigen.labs.realizations.setting import Setting
from equigen.random import Stream, normal

__all__ = ["Nesting", "attention", "messages", "nesting_found"]


@dataclass(frozen=True)
class Nesting:
    """Which kind of layer contains which, as measured in double precision.

    Args:
        mean_by_attention: relative difference of the convolution with D^-1 A and of attention with equal scores.
        convolution_by_scores: of the convolution with the normalised adjacency and of attention with equal scores.
        convolution_by_attention: of that convolution and of attention whose weight is what the edge bears, c_ij.
        attention_by_messages: of attention and of messages that are weighted features.
        attention_by_edges: of attention and of free weights on edges, at the features that they were taken at.
        edges_elsewhere: likewise at other features.
        convolution_superposed: ||f(x + z) - f(x) - f(z)|| over ||f(x + z)|| of the convolution.
        attention_superposed: of attention.
        attention_of_silent: the most that node 0 of a pair, with the feature 1.5, gets from attention if the other's
            feature is 0, with weights of a softmax and with free ones.
        messages_of_silent: likewise what it gets from the messages |x_i - x_j|.
    """

    mean_by_attention: float
    convolution_by_scores: float
    convolution_by_attention: float
    attention_by_messages: float
    attention_by_edges: float
    edges_elsewhere: float
    convolution_superposed: float
    attention_superposed: float
    attention_of_silent: float
    messages_of_silent: float


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
    convolves, held = normalised_adjacency(graph).product, _weights(graph, x, query, key)
    equal = attention(graph, x, torch.zeros_like(query), key)
    degrees = graph.degrees.double()
    borne = (degrees[graph.rows.long()] * degrees[graph.columns.long()]).rsqrt()  # c_ij of the normalised adjacency

    def attends(x: Tensor) -> Tensor:
        return attention(graph, x, query, key)

    return Nesting(
        relative(equal, random_walk(graph).product(x)),
        relative(equal, convolves(x)),
        relative(graph.product_with(borne, x), convolves(x)),
        relative(messages(graph, x, lambda own, other, weight: weight * other, held), attends(x)),
        relative(graph.product_with(held, x), attends(x)),
        relative(graph.product_with(held, z), attends(z)),
        _superposed(convolves, x, z),
        _superposed(attends, x, z),
        *_of_silent(seed),
    )


def _of_silent(seed: int) -> tuple[float, float]:
    """What the first node of a pair gets from the other, whose feature is 0: from attention, and from messages."""
    pair = Graph.from_edges([[0], [1]], 2, undirected=True)
    x = torch.tensor([[1.5], [0.0]], dtype=torch.float64)
    one = torch.ones(1, 1, dtype=torch.float64)
    free = normal((8, 2), seed=seed, stream=Stream.LAW, item=6, dtype=torch.float64)  # any numbers on the two entries
    attended = [attention(pair, x, one, one), *(pair.product_with(weights, x) for weights in free)]
    told = messages(pair, x, lambda own, other, weight: (own - other).abs())
    return largest(float(y[0].abs()) for y in attended), float(told[0])


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
    """sum_j m(x_i, x_j, w_ij).

    Args:
        graph: whose entries are the neighbours.
        x: (n, F).
        message: m of features (E, F) of the node that hears, of those it hears, and of weights (E, 1).
        weights: (E,); those of the graph where None.

    Returns:
        (n, F).
    """
    weights = graph.weights_or_ones(x.dtype) if weights is None else weights
    made = message(x[graph.rows.long()], x[graph.columns.long()], weights[:, None])
    return edge_reduce(graph, made, "sum")


def _superposed(layer: Callable[[Tensor], Tensor], x: Tensor, z: Tensor) -> float:
    return relative(layer(x) + layer(z), layer(x + z))
