"""What applying a filter costs: products with the shift, operations, bytes.

A product is that of S with as many columns as there are features F; one with 2 F columns counts as two. With E entries,
n nodes and numbers of b bytes it makes

    E F additions, and as many multiplications where the entries have weights;
    n F multiplications for each of the sides of S = diag(diagonal) + diag(left) W diag(right) that there are,
    n F multiplications and as many additions for its diagonal;
    reads 4 bytes of place and b of weight for each entry and b F for each row it gathers, none of which is taken to be
    in a cache, and writes n F numbers; what goes over its result again reads and writes it again.

A multiplication by 1 or -1 counts where it is made. Padded graphs are dense: n^2 entries each. What only moves or
clears numbers (masks, copies, changes of dtype), and what looks for bounds of a spectrum, is not counted.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from equigen.graphs.graph import Graph
from equigen.graphs.shift import Shift
from equigen.graphs.structure import Graphs

__all__ = ["OperationCount", "of_polynomial", "of_product", "of_steps", "places"]


@dataclass(frozen=True)
class OperationCount:
    """What was counted; counts of one thing after another are added.

    Args:
        products: of S with all features.
        multiplications: of two numbers.
        additions: of two numbers, subtractions among them.
        bytes: read and written.

    Example:
        >>> OperationCount(1, 8, 8, 64) + OperationCount(2, 0, 4, 32).times(2)
        OperationCount(products=5, multiplications=8, additions=16, bytes=128)
    """

    products: int = 0
    multiplications: int = 0
    additions: int = 0
    bytes: int = 0

    def __add__(self, other: OperationCount) -> OperationCount:
        return OperationCount(
            self.products + other.products,
            self.multiplications + other.multiplications,
            self.additions + other.additions,
            self.bytes + other.bytes,
        )

    def times(self, number: int) -> OperationCount:
        """The same thing done again and again.

        Example:
            >>> OperationCount(1, 2, 3, 4).times(10)
            OperationCount(products=10, multiplications=20, additions=30, bytes=40)
        """
        return OperationCount(
            self.products * number, self.multiplications * number, self.additions * number, self.bytes * number
        )


def places(graph: Graphs) -> tuple[int, ...]:
    """The axes of the nodes: (n,) of a sparse graph, (B, n) of padded ones; without a look at the entries.

    Example:
        >>> places(Graph.from_edges([[0], [1]], 2))
        (2,)
    """
    return (graph.nodes,) if isinstance(graph, Graph) else tuple(graph.dense().shape[:-1])


def of_product(shift: Shift, features: int, dtype: torch.dtype) -> OperationCount:
    """One product of S with features.

    Args:
        shift: S.
        features: columns F.
        dtype: of the features.

    Example:
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> of_product(Shift(pair), 3, torch.float32)               # 2 entries without weights, 2 nodes
        OperationCount(products=1, multiplications=0, additions=6, bytes=56)
    """
    graph, size = shift.graph, dtype.itemsize
    block = math.prod(places(graph)) * features
    if isinstance(graph, Graph):
        weighted, entries = graph.weights is not None, graph.entries
        read = entries * (4 + weighted * size + features * size)
    else:
        weighted, entries = True, graph.dense().numel()
        read = (entries + block) * size
    sides = (shift.left is not None) + (shift.right is not None)
    diagonal = shift.diagonal is not None
    once = OperationCount(1, weighted * entries * features, entries * features, read + block * size)
    return (
        once
        + of_steps(block, 1, dtype, multiplications=1).times(sides)
        + of_steps(block, 2, dtype, multiplications=1, additions=1).times(diagonal)
    )


def of_steps(
    numbers: int, reads: int, dtype: torch.dtype, *, multiplications: int = 0, additions: int = 0
) -> OperationCount:
    """One pass over arrays, number by number: reads some of them, and writes one.

    Example:
        >>> of_steps(10, 2, torch.float64, additions=1)                                             # x + y
        OperationCount(products=0, multiplications=0, additions=10, bytes=240)
    """
    return OperationCount(0, multiplications * numbers, additions * numbers, (reads + 1) * numbers * dtype.itemsize)


def of_polynomial(shift: Shift, features: int, order: int, dtype: torch.dtype) -> OperationCount:
    """A polynomial of some order, by a product, a multiplication and an addition for each step.

    Example:
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> of_polynomial(Shift(pair), 3, 2, torch.float32)
        OperationCount(products=2, multiplications=18, additions=24, bytes=304)
    """
    block = math.prod(places(shift.graph)) * features
    step = of_product(shift, features, dtype) + of_steps(block, 2, dtype, multiplications=1, additions=1)
    return of_steps(block, 1, dtype, multiplications=1) + step.times(order)
