"""How far a function of a graph and its features is from commuting with a renumbering of the nodes.

With P the matrix of a permutation, f commutes if f(P^T S P, P^T X) = P^T f(S, X) for all P. Of every function four
things are measured: the largest error over random permutations in float64 and in float32, relative to ||f(S, X)||; its
root mean square in float64, beside that over all n! permutations where this is known in closed form; and the floor of
float32, the distance of its result from that in float64, which no renumbering has a part in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.structure import Graphs
from equigen.labs.extremes import largest
from equigen.symmetry.error import rounding
from equigen.symmetry.permuting import permutation_error

__all__ = ["Case", "Commuting", "Function", "commuting", "of_rounding", "squared_norm"]

Function = Callable[[Graphs, Tensor], Tensor]
"""What a renumbering is asked about: features of the nodes, or of the graph, from a graph and features."""


@dataclass(frozen=True)
class Case:
    """A function, and what is known of it.

    Args:
        name: of the function.
        function: from a graph and features.
        result: whether it gives features of the nodes or of the graph.
        expected: mean over all permutations of the squared error, not divided by anything; None where it is not known.
    """

    name: str
    function: Function
    result: Literal["nodes", "graph"] = "nodes"
    expected: float | None = None


@dataclass(frozen=True)
class Commuting:
    """What was measured of a function.

    Args:
        name: of the function.
        double: largest relative error over the permutations, float64.
        single: the same in float32.
        floor: relative distance of the float32 result from that in float64, nothing renumbered.
        middle_double: median over the permutations, float64.
        middle_single: the same in float32.
        mean_square: mean over the permutations of the squared relative error, float64.
        mean_square_error: its standard error.
        expected: root mean square over all permutations in closed form, relative; None where it is not known.
    """

    name: str
    double: float
    single: float
    floor: float
    middle_double: float
    middle_single: float
    mean_square: float
    mean_square_error: float
    expected: float | None

    @property
    def root_mean_square(self) -> float:
        """Of the relative error in float64."""
        return math.sqrt(self.mean_square)

    @property
    def error(self) -> float:
        """Standard error of the root mean square."""
        return 0.5 * self.mean_square_error / self.root_mean_square if self.mean_square > 0 else 0.0

    @property
    def exact(self) -> bool:
        """Whether both errors are rounding."""
        return of_rounding(self) <= 1.0

    @property
    def precision(self) -> float | None:
        """Decimal logarithm of the median in float32 over that in float64; None where one of them is 0."""
        if 0.0 in (self.middle_single, self.middle_double):
            return None
        return math.log10(self.middle_single / self.middle_double)


def of_rounding(one: Commuting) -> float:
    """The larger of both errors, in units of what counts as rounding in its dtype (`symmetry.error.rounding`).

    Example:
        >>> of_rounding(Commuting("broken", 1e-3, 1e-3, 0.0, 0.0, 0.0, 0.0, 0.0, None))
        1000000000.0
    """
    return largest((one.double / rounding(torch.float64), one.single / rounding(torch.float32)))


def commuting(case: Case, graph: Graph, x: Tensor, permutations: int, seed: int) -> Commuting:
    """Measure a function under random renumberings of a graph.

    Args:
        case: the function.
        graph: in its first numbering.
        x: features (n, F), float64.
        permutations: their number.
        seed: of the permutations, which are the same for all functions.
    """
    how = {"result": case.result, "permutations": permutations, "seed": seed}
    with torch.no_grad():
        double = permutation_error(case.function, graph, x, **how)
        single = permutation_error(case.function, graph, x.float(), **how)
        whole = case.function(graph, x)
        rounded = case.function(graph, x.float()).double()
    squares, size = double.error.square(), squared_norm(whole)
    return Commuting(
        case.name,
        double.largest,
        single.largest,
        math.sqrt(squared_norm(rounded - whole) / size),
        float(double.error.median()),
        float(single.error.median()),
        float(squares.mean()),
        float(squares.std() / math.sqrt(len(squares))) if len(squares) > 1 else math.inf,
        None if case.expected is None else math.sqrt(case.expected / size),
    )


def squared_norm(x: Tensor) -> float:
    """The sum of squares, in float64.

    Example:
        >>> squared_norm(torch.tensor([3.0, 4.0]))
        25.0
    """
    return float(x.double().square().sum())
