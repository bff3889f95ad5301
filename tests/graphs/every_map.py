"""Every map that takes a graph and features on it: shifts, filters in every form, convolutions, layers, readouts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from equigen.graphs.edges import AGGREGATIONS, edge_reduce, edge_softmax
from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.functional import chebyshev_convolve, convolve
from equigen.graphs.graph import Graph
from equigen.graphs.layers.graph_norm import GraphNorm
from equigen.graphs.layers.graphsage import GraphSAGE
from equigen.graphs.layers.invariants import node_invariants
from equigen.graphs.layers.message_passing import MessagePassing
from equigen.graphs.layers.readouts import readout
from equigen.graphs.layers.table import LAYERS
from equigen.graphs.realizations.realizing import FORMS, realize
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import SHIFTS, normalised_adjacency, random_walk, shift_of
from equigen.graphs.spectrum import recentred
from equigen.graphs.structure import Graphs
from equigen.random import Stream, fork
from tests.graphs.all_graphs import ALL_GRAPHS, NOT_NEGATIVE, noise

__all__ = ["ALL_MAPS", "FILTERS", "Mapped"]


@dataclass(frozen=True)
class Mapped:
    """A map, the graphs that it takes, and what it must equal on dense matrices where that is known."""

    function: Callable[[Graphs, torch.Tensor], torch.Tensor]
    graphs: dict[str, Graph] = field(default_factory=lambda: ALL_GRAPHS)
    result: str = "nodes"
    dense: Callable[[Graph, torch.Tensor], torch.Tensor] | None = None
    features: int = 2

    @property
    def learned(self) -> list[torch.Tensor]:
        return list(self.function.parameters()) if isinstance(self.function, nn.Module) else []


SYMMETRIC = {name: graph for name, graph in NOT_NEGATIVE.items() if graph.symmetric}
FEW = {
    name: ALL_GRAPHS[name]
    for name in (
        "empty",
        "one-loop",
        "isolated-nodes",
        "multi-edges",
        "weighted-directed",
        "negative",
        "several",
        "several-zero-weights",
    )
}
"""Those on which what is a variant of another map is looked at."""
TAPS = noise(4, 2, 3, seed=20)

FILTERS = {
    "polynomial": Polynomial([0.5, -0.3, 0.2, 0.1]),
    "chebyshev": Chebyshev([0.5, -0.3, 0.2, 0.1], -1.0, 1.0),
    "rational": Rational([1.0, 0.5], [2.0, 0.3, 0.4]),
    "spectral": Spectral(lambda eigenvalue: torch.exp(-2.0 * eigenvalue)),
}


def _shifts() -> dict[str, Mapped]:
    def of(name: str) -> Mapped:
        graphs = ALL_GRAPHS if name in ("adjacency", "laplacian") else NOT_NEGATIVE
        return Mapped(
            lambda graph, x: shift_of(graph, name).product(x),
            graphs,
            dense=lambda graph, x: shift_of(graph, name).dense() @ x,
        )

    return {name: of(name) for name in SHIFTS}


def _applied(filter, form: str) -> Callable[[Graphs, torch.Tensor], torch.Tensor]:
    realization = realize(filter, form)
    return lambda graph, x: realization.apply(normalised_adjacency(graph), x)


def _by_eigenvectors(filter) -> Callable[[Graph, torch.Tensor], torch.Tensor]:
    def result(graph: Graph, x: torch.Tensor) -> torch.Tensor:
        values, vectors = torch.linalg.eigh(normalised_adjacency(graph).dense())
        return vectors @ (filter.response(values)[:, None] * (vectors.T @ x))

    return result


def _filters() -> dict[str, Mapped]:
    forms = {
        "polynomial": [form for form in FORMS if not form.startswith("rational")],
        "chebyshev": [form for form in FORMS if not form.startswith("rational")],
        "rational": ["parallel", "rational-solve", "rational-iteration", "spectral"],
        "spectral": ["spectral"],
    }
    found = {}
    for name, filter in FILTERS.items():
        graphs = {label: graph for label, graph in SYMMETRIC.items() if name != "chebyshev" or label in FEW}
        for form in forms[name]:
            found[f"{name}-{form}"] = Mapped(_applied(filter, form), graphs, dense=_by_eigenvectors(filter))
    for form in ("direct", "transposed", "cascade", "parallel", "chebyshev"):
        found[f"directed-{form}"] = Mapped(
            _applied(FILTERS["polynomial"], form),
            {label: graph for label, graph in NOT_NEGATIVE.items() if not graph.symmetric},
            dense=lambda graph, x: _powers(normalised_adjacency(graph), x),
        )
    for form in ("rational-solve", "rational-iteration", "parallel"):
        realization = realize(FILTERS["rational"], form)
        found[f"directed-rational-{form}"] = Mapped(
            lambda graph, x, realization=realization: realization.apply(random_walk(graph), x),
            {label: graph for label, graph in NOT_NEGATIVE.items() if not graph.symmetric},
            dense=lambda graph, x: _quotient(random_walk(graph).dense(), x),
        )
    return found


def _quotient(s: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Of the rational filter, by a dense solve."""
    return torch.linalg.solve(2.0 * torch.eye(len(s)).double() + 0.3 * s + 0.4 * s @ s, x + 0.5 * s @ x)


def _powers(shift: Shift, x: torch.Tensor) -> torch.Tensor:
    s, taps = shift.dense(), FILTERS["polynomial"].taps
    return sum((taps[k] * torch.linalg.matrix_power(s, k) @ x for k in range(4)), torch.zeros_like(x))


def _convolutions() -> dict[str, Mapped]:
    def powers(graph: Graph, x: torch.Tensor, taps: torch.Tensor) -> torch.Tensor:
        s = shift_of(graph, "laplacian").dense()
        return sum(torch.linalg.matrix_power(s, k) @ x @ taps[k] for k in range(len(taps)))

    def chebyshev(graph: Graph, x: torch.Tensor) -> torch.Tensor:
        s = recentred(normalised_adjacency(graph)).dense()
        return x @ TAPS[0] + s @ x @ TAPS[1] + (2 * s @ s @ x - x) @ TAPS[2] + (4 * s @ s @ s @ x - 3 * s @ x) @ TAPS[3]

    narrow = TAPS[..., :1]
    return {
        "convolve-wider": Mapped(
            lambda graph, x: convolve(shift_of(graph, "laplacian"), x, TAPS),
            dense=lambda graph, x: powers(graph, x, TAPS),
        ),
        "convolve-narrower": Mapped(
            lambda graph, x: convolve(shift_of(graph, "laplacian"), x, narrow),
            dense=lambda graph, x: powers(graph, x, narrow),
        ),
        "chebyshev-convolve": Mapped(
            lambda graph, x: chebyshev_convolve(recentred(normalised_adjacency(graph)), x, TAPS),
            NOT_NEGATIVE,
            dense=chebyshev,
        ),
    }


def _module(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A layer in float64 whose parameters are all random, biases among them."""
    with fork(seed=seed, stream=Stream.INITIALISATION):
        layer = make().double()
    with torch.no_grad():
        for k, each in enumerate(layer.parameters()):
            each += 0.3 * noise(*each.shape, seed=200 + k)
    return layer


def _layers() -> dict[str, Mapped]:
    found = {}
    for k, (name, make) in enumerate(LAYERS.items()):
        layer = _module(lambda make=make: make(2, 4, 2, "normalised-adjacency"), k)
        found[name] = Mapped(layer, NOT_NEGATIVE)
        other = _module(lambda make=make: make(2, 3, 2, "laplacian"), k)
        if name not in ("gcn", "graphsage"):  # these divide by degrees whatever the shift
            found[f"{name}-any-sign"] = Mapped(other, FEW)
    for how in ("max", "sum"):
        found[f"graphsage-{how}"] = Mapped(_module(lambda how=how: GraphSAGE(2, 3, how), 30), FEW)
    for how in AGGREGATIONS:
        found[f"message-passing-{how}"] = Mapped(
            MessagePassing(lambda x_i, x_j, w: torch.tanh(w * x_j - 0.5 * x_i), lambda x, m: x + 2.0 * m, how),
            ALL_GRAPHS if how == "max" else FEW,
        )
        found[f"readout-{how}"] = Mapped(lambda graph, x, how=how: readout(graph, x, how), result="graph")
    found["graph-norm"] = Mapped(_module(lambda: GraphNorm(2), 40))
    found["invariants"] = Mapped(lambda graph, x: node_invariants(graph) * x[..., :1])
    found["softmax"] = Mapped(_softmax)
    return found


def _softmax(graph: Graphs, x: torch.Tensor) -> torch.Tensor:
    """Attention by products of features, without anything learned."""
    if isinstance(graph, Graph):
        x = x.movedim(-2, 0)
        hearing, heard = x[graph.rows], x[graph.columns]
        return edge_reduce(graph, edge_softmax(graph, hearing * heard) * heard, "sum").movedim(0, -2)
    hearing, heard = x[:, :, None], x[:, None].expand(-1, x.shape[1], -1, -1)
    return graph.masked(edge_reduce(graph, edge_softmax(graph, hearing * heard) * heard, "sum"))


ALL_MAPS: dict[str, Mapped] = {**_shifts(), **_filters(), **_convolutions(), **_layers()}
"""Name -> map."""
