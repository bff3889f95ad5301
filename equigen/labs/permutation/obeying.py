"""What the theorem covers: filters in every form, networks with shared coefficients, layers, and readouts."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.polynomial import Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.functional import convolve
from equigen.graphs.graph import Graph
from equigen.graphs.layers.readouts import readout
from equigen.graphs.layers.table import LAYERS
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.realizations.realizing import realize
from equigen.graphs.shifts import SHIFTS, shift_of
from equigen.graphs.structure import Graphs
from equigen.labs.permutation.commuting import Case, Commuting, Function, commuting
from equigen.labs.permutation.setting import FEATURES

__all__ = [
    "FORMS_OF",
    "NOT_SYMMETRIC",
    "READOUTS",
    "Realized",
    "filters_for",
    "layer_cases",
    "network_cases",
    "readout_cases",
    "realized",
]

FORMS_OF = {
    "polynomial": ("direct", "transposed", "cascade", "parallel", "chebyshev", "spectral"),
    "rational": ("parallel", "rational-solve", "rational-iteration", "spectral"),
}
"""The forms that a filter has. The spectral one it has on symmetric shifts only."""
NOT_SYMMETRIC = ("random-walk", "random-walk-laplacian")
"""Shifts on which there is no spectral form."""
READOUTS = ("sum", "mean", "max")
_WIDTH = 8  # features of a hidden layer
_ORDER = 2  # of the filters of a layer
_TAPS = (1.0, -0.6, 0.3, 0.2, -0.1)  # of the polynomial, in units of the largest |eigenvalue|
_POLE = 0.4  # of the rational filter: its iteration shrinks by this factor each time


@dataclass(frozen=True)
class Realized:
    """A realization of a filter on a shift, renumbered.

    Args:
        form: of the realization.
        filter: "polynomial" or "rational".
        shift: its name.
        commuting: what was measured.
    """

    form: str
    filter: str
    shift: str
    commuting: Commuting


def realized(graph: Graph, x: Tensor, permutations: int, seed: int) -> list[Realized]:
    """Every form of both filters on every shift, by the table of what there is: `FORMS_OF`, `NOT_SYMMETRIC`.

    Args:
        graph: in its first numbering.
        x: features (n, F), float64.
        permutations: random ones.
        seed: of the permutations.

    Raises:
        ValueError: a form that should be there refuses.
    """
    found = []
    for shift in SHIFTS:
        for name, chosen in filters_for(graph, shift).items():
            for form in FORMS_OF[name]:
                if form == "spectral" and shift in NOT_SYMMETRIC:
                    continue
                case = Case(form, _applied(realize(chosen, form), shift))
                found.append(Realized(form, name, shift, commuting(case, graph, x, permutations, seed)))
    return found


def filters_for(graph: Graphs, shift: str) -> dict[str, Filter]:
    """A polynomial and a rational filter, scaled to the size of the spectrum, so that no power is lost in another.

    Args:
        graph: in its first numbering: the filter is the same for all others.
        shift: its name.
    """
    reach = float(torch.linalg.eigvals(shift_of(graph, shift).dense()).abs().max())
    scale = reach ** -torch.arange(len(_TAPS), dtype=torch.float64)
    rational = torch.tensor([1.0, 0.2 / reach]).double(), torch.tensor([1.0, -_POLE / reach]).double()
    return {"polynomial": Polynomial(torch.tensor(_TAPS).double() * scale), "rational": Rational(*rational)}


def network_cases(seed: int) -> list[Case]:
    """For every shift a network of two layers, relu(sum_k S^k X H_k + 1 b^T), all coefficients shared."""
    return [Case(shift, _network(shift, seed)) for shift in SHIFTS]


def layer_cases(seed: int) -> list[Case]:
    """One layer of every kind, from 3 features to 8."""
    return [Case(name, _layer(name, seed)) for name in LAYERS]


def readout_cases(seed: int) -> list[Case]:
    """A readout after the network on the normalised adjacency."""
    network = _network("normalised-adjacency", seed)

    def read(how: str) -> Function:
        return lambda graph, x: readout(graph, network(graph, x), how)

    return [Case(how, read(how), result="graph") for how in READOUTS]


def _applied(realization: Realization, shift: str) -> Function:
    return lambda graph, x: realization.apply(shift_of(graph, shift), x)


def _network(shift: str, seed: int) -> Function:
    widths = ((FEATURES, _WIDTH), (_WIDTH, _WIDTH))
    drawn = [_normal((_ORDER + 1, *width), seed, k) / width[0] ** 0.5 for k, width in enumerate(widths)]
    biases = [_normal((width[1],), seed, 8 + k) for k, width in enumerate(widths)]

    def function(graph: Graphs, x: Tensor) -> Tensor:
        s = shift_of(graph, shift)
        for taps, bias in zip(drawn, biases, strict=True):
            x = (convolve(s, x, taps.to(x)) + bias.to(x)).relu()
        return x

    return function


def _layer(name: str, seed: int) -> Function:
    make: Callable[..., torch.nn.Module] = LAYERS[name]
    with random.fork(seed=seed, stream=random.Stream.INITIALISATION, item=0):
        double = make(FEATURES, _WIDTH, _ORDER, "normalised-adjacency").double().eval()
    single = copy.deepcopy(double).float()

    def function(graph: Graphs, x: Tensor) -> Tensor:
        return (double if x.dtype == torch.float64 else single)(graph, x)

    return function


def _normal(shape: tuple[int, ...], seed: int, draw: int) -> Tensor:
    return random.normal(shape, seed=seed, stream=random.Stream.LAW, item=3, draw=draw, dtype=torch.float64)
