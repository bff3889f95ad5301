"""Small graphs, and every kind of layer."""

from __future__ import annotations

import torch

from equigen.graphs.graph import Graph
from equigen.graphs.layers.table import LAYERS
from equigen.graphs.side_by_side import joined
from equigen.random import Stream, normal

ALL_LAYERS = tuple(LAYERS)

KITE = Graph.from_edges([[0, 0, 1, 2, 3], [1, 2, 2, 3, 4]], 6, undirected=True)  # node 5 hears nobody
RING = Graph.from_edges([[0, 1, 2, 3], [1, 2, 3, 0]], 4, undirected=True)
BOTH = joined([KITE, RING])


def signals(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Standard normal numbers."""
    return normal(shape, seed=seed, stream=Stream.LAW, dtype=dtype)
