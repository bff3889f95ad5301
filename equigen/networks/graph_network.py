"""Networks on graphs: layers of one kind, with a function of each number between them."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen import random
from equigen.graphs.edges import AGGREGATIONS
from equigen.graphs.layers.arguments import checked_count, checked_shift
from equigen.graphs.layers.arma import ARMAConvolution
from equigen.graphs.layers.gin import GIN
from equigen.graphs.layers.graph_norm import GraphNorm
from equigen.graphs.layers.readouts import readout as read_out
from equigen.graphs.layers.table import LAYERS
from equigen.graphs.structure import Graphs

__all__ = ["FUNCTIONS", "GraphNetwork"]


def _identity(x: Tensor) -> Tensor:
    return x


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "elu": functional.elu,
    "silu": functional.silu,
    "tanh": torch.tanh,
    "identity": _identity,
}
"""Name of a function of one number -> the function; each leaves 0 what it is, so that padding stays 0."""

_LAST: dict[str, Callable[[int, int, int, str], nn.Module]] = {
    "arma": lambda in_, out, order, shift: ARMAConvolution(in_, out, iterations=order, shift=shift, function=None),
    "gin": lambda in_, out, order, shift: GIN(in_, out, hidden=max(in_, out)),
}
"""Last layers to the result: of either sign, and with no narrower hidden layer, all of which a relu could put to 0."""


class GraphNetwork(nn.Module):
    """Features of nodes, or of whole graphs, by layers of one kind: f(P W P^T, P x) = P f(W, x).

        x_l = function(layer_l(graph, x_{l-1})),   l = 1, ..., len(widths)

    and then one more layer to `out_features` without a function, also without the one that an ARMA layer has inside,
    and in GIN with a hidden layer as wide as the wider of its ends; with a readout instead the sum, the mean or the
    largest of each feature over the nodes of each graph and a linear map, which does not change when nodes are
    renumbered.

    Args:
        layer: the kind, a name of `equigen.graphs.layers.table.LAYERS`: "graph-convolution", "chebyshev", "arma",
            "gcn", "graphsage", "gin", "gat", "gatv2", "node-varying", "edge-varying".
        in_features: of each node.
        out_features: of each node, or of each graph.
        widths: features between the layers; () is one layer alone, which for the linear kinds is a linear filter.
        order: how many steps far a layer hears, where its kind lets one choose; "arma" and "edge-varying" 1 or more.
        shift: what is taken for the shift of the graph, where the kind lets one choose, by its name in `SHIFTS`.
        function: of every number, by its name in `FUNCTIONS`.
        residual: whether what a layer is given is added to what it makes of it, through a linear map where the number
            of features changes.
        normalise: whether the features between layers are normalised over the nodes of each graph, before the function.
        readout: "sum", "mean" or "max" over the nodes of each graph; None for features of nodes.
        dropout: share of the numbers given to each layer that is put to 0 in training.
        seed: of the initial weights; torch's global generator is left as it was.

    Raises:
        ValueError: an unknown name, or numbers out of range, also where the kind does not read them.

    Error: permutations to the rounding of sums in another order: 1e-6 of the largest feature in float32.

    Source: the order of layers as F. Gama, E. Isufi, G. Leus, A. Ribeiro, Graphs, convolutions, and neural networks,
        2020, equations 10 to 12; the residual map as K. He et al. 2016, equation 2.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> from equigen.graphs.permuted import renumbered
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> network, x = GraphNetwork("gcn", 2, 4), torch.randn(3, 2)
        >>> g = torch.tensor([1, 2, 0])                                             # 0 goes to 1, 1 to 2, 2 to 0
        >>> y, moved = network(path, x), network(renumbered(path, g), x[g.argsort()])
        >>> y.shape, torch.allclose(moved[g], y, atol=1e-6)
        (torch.Size([3, 4]), True)
    """

    def __init__(
        self,
        layer: str,
        in_features: int,
        out_features: int,
        widths: Sequence[int] = (16,),
        *,
        order: int = 2,
        shift: str = "normalised-adjacency",
        function: str = "relu",
        residual: bool = False,
        normalise: bool = False,
        readout: str | None = None,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _require_name("layer", layer, list(LAYERS))
        _require_name("function", function, list(FUNCTIONS))
        if readout is not None:
            _require_name("readout", readout, AGGREGATIONS)
        if not isinstance(widths, Sequence):
            raise ValueError(f"widths is {widths!r}, but the features between layers are a sequence: widths=(16,).")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout is {dropout}, but a share lies in [0, 1): dropout=0.5, say.")
        self.in_features = checked_count("in_features", in_features, 1)
        self.out_features = checked_count("out_features", out_features, 1)
        self.widths = tuple(checked_count(f"widths[{place}]", width, 1) for place, width in enumerate(widths))
        self.order = checked_count("order", order, 1 if layer in ("arma", "edge-varying") else 0)
        self.layer, self.shift = layer, checked_shift(shift)
        self.function, self.residual, self.normalise = function, residual, normalise
        self.readout, self.dropout, self.seed = readout, dropout, seed
        with random.fork(seed=seed, stream=random.Stream.INITIALISATION):
            self._build()

    def _build(self) -> None:
        """The layers, what normalises them, the maps around them, and the head."""
        ends = [self.in_features, *self.widths] + ([] if self.readout else [self.out_features])
        steps = list(pairwise(ends))
        make = LAYERS[self.layer]
        made = [make] * len(self.widths) + ([] if self.readout else [_LAST.get(self.layer, make)])
        layers = [one(a, b, self.order, self.shift) for one, (a, b) in zip(made, steps, strict=True)]
        self.layers = nn.ModuleList(layers)
        self.norms = nn.ModuleList([GraphNorm(width) for width in self.widths] if self.normalise else [])
        around = steps if self.residual else []
        self.around = nn.ModuleList([nn.Identity() if a == b else nn.Linear(a, b, bias=False) for a, b in around])
        self.head = nn.Linear(ends[-1], self.out_features) if self.readout else None

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """Features (*, n, out_features) of features (*, n, in_features); with a readout (*, B, out_features).

        On padded graphs (B, n, F), what stands in the place of nodes that are none influences nothing; the result is
        zero there, and with a readout it is (B, out_features).

        Raises:
            ValueError: features of another shape, or weights that the layer cannot take.
        """
        between = FUNCTIONS[self.function]
        x = graph.masked(x)
        for place, layer in enumerate(self.layers):
            given = functional.dropout(x, self.dropout, self.training)
            y = layer(graph, given)
            y = self.norms[place](graph, y) if self.normalise and place < len(self.widths) else y
            y = y + self.around[place](x) if self.residual else y
            x = between(y) if place < len(self.widths) else y
        return x if self.head is None or self.readout is None else self.head(read_out(graph, x, self.readout))

    def extra_repr(self) -> str:
        """The kind, the features and what is between."""
        ends = " -> ".join(map(str, (self.in_features, *self.widths, self.out_features)))
        return f"{self.layer}, {ends}, {self.function}" + (f", readout={self.readout}" if self.readout else "")


def _require_name(what: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
        raise ValueError(f"{what} is {name!r}, but that is none: {hint}")
