"""Features of the nodes of a graph: what a layer asks of them."""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.structure import Graphs

__all__ = ["require_features"]


def require_features(graph: Graphs, x: Tensor, features: int | None = None, learned: Tensor | None = None) -> None:
    """Refuse what is no graph, and features that a layer cannot take; each with one sentence that says what to do.

    Args:
        graph: one or several.
        x: features (*, n, F) of a sparse graph, (B, n, F) of padded ones.
        features: the number F that is asked for; None: any.
        learned: parameters that x is multiplied with, of the dtype that is needed; None: any dtype will do. Under
            autocast, which brings shorter dtypes together, only float64 has to agree.

    Raises:
        TypeError: graphs of another library; features that are no tensor, no floating-point numbers or of another dtype
            than the parameters.
        ValueError: another shape.

    Example:
        >>> require_features(Graph.from_edges([[0], [1]], 2), torch.zeros(2, 3), 4)
        Traceback (most recent call last):
        ValueError: x has shape (2, 3), but 2 nodes with 4 features each are needed: give (*, 2, 4).
    """
    if not isinstance(graph, Graph | PaddedGraphs):
        raise TypeError(
            f"graph is a {type(graph).__name__}, but a layer takes a Graph or PaddedGraphs: as_graph(graph) reads it."
        )
    if not isinstance(x, Tensor):
        raise TypeError(f"x is a {type(x).__name__}, but features are a tensor of torch: torch.as_tensor(x).")
    if not (x.is_floating_point() or x.is_complex()):
        raise TypeError(f"x is {x.dtype}, but features are floating-point numbers: x.float().")
    _require_shape(graph, x, features)
    if learned is not None and x.dtype != learned.dtype:
        _require_dtype(x, learned)


def _require_shape(graph: Graph | PaddedGraphs, x: Tensor, features: int | None) -> None:
    each = "F" if features is None else str(features)
    if isinstance(graph, PaddedGraphs):
        batch, nodes, _ = graph.matrix.shape
        fits, needed = x.ndim == 3 and x.shape[0] == batch, f"({batch}, {nodes}, {each})"
    else:
        nodes = graph.nodes
        fits, needed = x.ndim >= 2, f"(*, {nodes}, {each})"
    if not fits or x.shape[-2] != nodes or (features is not None and x.shape[-1] != features):
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but {nodes} nodes with {each} features each are needed: give {needed}."
        )


def _require_dtype(x: Tensor, learned: Tensor) -> None:
    if torch.float64 in (x.dtype, learned.dtype) or not torch.is_autocast_enabled(x.device.type):
        name = str(learned.dtype).removeprefix("torch.")
        raise TypeError(
            f"x is {x.dtype}, but the layer's parameters are {learned.dtype}: x.to(torch.{name}), or "
            f"layer.to({x.dtype})."
        )
