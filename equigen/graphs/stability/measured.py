"""How far a map moves when its shift does: what the theorem says, what holds without premises, what is measured.

With C the integral Lipschitz constant max |l h'(l)| of the filters and K their Lipschitz constant max |h'(l)|, over an
interval that holds the eigenvalues of both shifts, n nodes, L layers, F features between them and a signal of norm 1,
the theorem is

    relative    ||change|| <= 2 C (1 + d sqrt(n)) L F^(L - 1) e + O(e^2)
    additive    ||change|| <=   K (1 + d sqrt(n)) L F^(L - 1) e + O(e^2)
    dilation    ||change|| <=   C L F^(L - 1) e + O(e^2)

with d = (||U - V|| + 1)^2 - 1, U the eigenvectors of E and V those of S. Eigenvectors are given up to signs and order:
they are taken in the order of their eigenvalues, each u_i with the sign that brings it nearer to v_i. Premises: the
signal has norm 1, no |h| exceeds 1 on the spectrum of S, and the pointwise function f has slopes of at most 1 and keeps
0.

What needs none of these and has no remainder: with M_l = max ||H_l'||, G_l = max ||H_l|| (spectral norms of the
responses as matrices from features to features), s the largest slope of f, and f(0) = 0,

    relative, additive   ||change|| <= ||x|| s^L sum_l M_l prod_(m != l) G_m ||S^ - S||_F
    dilation             ||change|| <= ||x|| s^L sum_l max ||l H_l'|| prod_(m != l) G_m |ln(1 + e)|

since the entries of h(S^) - h(S) between the two eigenbases are divided differences of h times those of S^ - S. It is
infinite where f(0) is not 0, and as good as s, which is looked for at many points (`FilterNetwork.slope`).

And whatever happens, no two results are further apart than 2 ||x|| s^L prod_l G_l: a bound beyond that says nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.filters.filter import Filter
from equigen.graphs.graph import Graph
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import Spectrum, decomposed
from equigen.graphs.stability.filter_network import Constants, FilterNetwork
from equigen.graphs.stability.perturbation import Dilation, Perturbation

__all__ = ["Premise", "Stability", "stability_of"]

_LARGEST = 4000  # nodes whose eigenvectors are computed


@dataclass(frozen=True)
class Premise:
    """A number that the theorem wants no larger than another.

    Example:
        >>> Premise("largest |h|", 9.5, 1.0).met
        False
    """

    name: str
    value: float
    most: float

    @property
    def met(self) -> bool:
        """Whether it is, up to a millionth: eigenvalues for weights in single precision are known no better."""
        return self.value <= self.most * (1.0 + 1e-6)

    def __str__(self) -> str:
        digits = next(k for k in (*range(3, 17), 17) if float(f"{self.value:.{k}g}") > self.most or self.met or k == 17)
        return f"{self.name} is {self.value:.{digits}g}, {'at most' if self.met else 'above'} {self.most:g}"


@dataclass(frozen=True)
class Stability:
    """A measured change beside its bounds.

    Args:
        kind: of the perturbation.
        size: of the perturbation, e.
        measured: the change: of a filter the largest over all signals of norm 1, of a network over those given.
        theorem: the bound of the theorem, to first order in e; it holds if the premises do.
        spread: the factor 1 + d sqrt(n) in it.
        constant: C, 2 C or K in it.
        always: the bound without remainder, for this norm of the signals and this slope of the function; infinite where
            the function does not keep 0.
        ceiling: what no change can exceed, whatever the perturbation, for the same norm and slope.
        premises: of the theorem.

    Example:
        >>> found = Stability("dilation", 0.1, 0.05, 0.2, 1.0, 2.0, 0.19, 2.0, (Premise("largest |h|", 0.9, 1.0),))
        >>> print(found)
        dilation of size 0.1: measured 0.05, theorem 0.2 (4 times that), always 0.19, ceiling 2
    """

    kind: str
    size: float
    measured: float
    theorem: float
    spread: float
    constant: float
    always: float
    ceiling: float
    premises: tuple[Premise, ...]

    @property
    def premises_hold(self) -> bool:
        """Whether all of them do."""
        return all(premise.met for premise in self.premises)

    @property
    def slack(self) -> float:
        """How many times the measured change the theorem allows; infinite where nothing changed."""
        return self.theorem / self.measured if self.measured else math.inf

    @property
    def vacuous(self) -> bool:
        """Whether the theorem allows what cannot be exceeded anyway."""
        return self.theorem >= self.ceiling

    def __str__(self) -> str:
        broken = [str(each) for each in self.premises if not each.met]
        remarks = (["; it says nothing: above the ceiling"] if self.vacuous else []) + (
            [f"; its premises fail: {', '.join(broken)}"] if broken else []
        )
        return (
            f"{self.kind} of size {self.size:g}: measured {self.measured:.3g}, theorem {self.theorem:.3g} "
            f"({self.slack:.3g} times that), always {self.always:.3g}, ceiling {self.ceiling:.3g}{''.join(remarks)}"
        )


def stability_of(
    system: Filter | FilterNetwork, shift: Shift, perturbation: Perturbation, x: Tensor | None = None
) -> Stability:
    """Measure the change of a filter or network under a perturbation of its shift, beside its bounds.

    Args:
        system: a filter, whose change is the spectral norm of h(S^) - h(S); or a network of filters.
        shift: symmetric, of one sparse graph of up to 4000 nodes.
        perturbation: relative, additive or dilation.
        x: for a network, signals (*, n, F_in), taken one by one: the largest change is told, a lower estimate of that
            over all signals. None for a filter.

    Raises:
        ValueError: a shift that is not symmetric or of several graphs, or signals missing, or given to a filter.

    Error: rounding of an eigendecomposition in float64.

    Source: F. Gama, J. Bruna, A. Ribeiro, Stability Properties of Graph Neural Networks, 2020, theorems 1, 2 and 4;
    for the bound that holds always F. Kittaneh, On Lipschitz functions of normal operators, 1985.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> from equigen.graphs.graph import Graph
        >>> from equigen.graphs.shifts import normalised_adjacency
        >>> ring = Graph.from_edges([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]], 5, undirected=True)
        >>> print(stability_of(Polynomial([0.0, 0.5]), normalised_adjacency(ring), Dilation(0.1)))
        dilation of size 0.1: measured 0.05, theorem 0.055 (1.1 times that), always 0.0524, ceiling 1.1
    """
    there = perturbation.applied(shift)
    _require_one_graph(shift)
    before, after = decomposed(shift), decomposed(there)
    own, both = _ends(before), _ends(before, after)
    if isinstance(system, FilterNetwork):
        measured, premises = _change(system, shift, there, x)
        constants, growth = system.constants(*both), premises[0].value * premises[1].value ** len(system.taps)
    else:
        measured, premises = _filter_change(system, before, after, x), ()
        constants, growth = _constants(system, *both), 1.0
    dilated = isinstance(perturbation, Dilation)
    spread = 1.0 if dilated else _spread(perturbation.error(shift), before)
    constant = {"relative": 2.0 * constants.integral_lipschitz, "additive": constants.lipschitz}.get(
        perturbation.name, constants.integral_lipschitz
    )
    if dilated:
        always = constants.integral_change * abs(math.log1p(perturbation.size))
    else:
        always = constants.change * float((there.dense() - shift.dense()).norm())
    return Stability(
        perturbation.name,
        perturbation.size,
        measured,
        constant * spread * constants.paths * abs(perturbation.size),
        spread,
        constant,
        always * growth if growth < math.inf else math.inf,
        2.0 * constants.gain * growth if growth < math.inf else math.inf,
        (*premises, Premise("largest |h|", system.largest(*own), 1.0)),
    )


def _ends(*spectra: Spectrum) -> tuple[float, float]:
    """The smallest and the largest of all their eigenvalues."""
    values = torch.cat([each.values.flatten() for each in spectra])
    return float(values.min()), float(values.max())


def _require_one_graph(shift: Shift) -> None:
    graph = shift.graph
    assert isinstance(graph, Graph)  # others are not perturbed
    if len(graph.sizes) != 1 or not 0 < graph.nodes <= _LARGEST:
        raise ValueError(
            f"shift is of {graph}, but the theorem is about one graph, here of 1 to {_LARGEST} nodes: take the graphs "
            "one by one, or smaller ones."
        )


def _constants(filter: Filter, low: float, high: float) -> Constants:
    """Those of one filter."""
    largest, lipschitz = filter.largest(low, high), filter.lipschitz(low, high)
    integral = filter.integral_lipschitz(low, high)
    return Constants(lipschitz, integral, 1.0, largest, lipschitz, integral)


def _filter_change(filter: Filter, before: Spectrum, after: Spectrum, x: Tensor | None) -> float:
    """The spectral norm of h(S^) - h(S)."""
    if x is not None:
        raise ValueError("x is given, but a filter's change is told over all signals of norm 1: x=None.")
    eye = torch.eye(before.values.shape[-1], dtype=torch.float64, device=before.values.device)
    apart = after.apply(filter.response, eye) - before.apply(filter.response, eye)
    return float(torch.linalg.matrix_norm(apart, 2).max())


def _change(network: FilterNetwork, shift: Shift, there: Shift, x: Tensor | None) -> tuple[float, tuple[Premise, ...]]:
    """The largest change of a network over signals, and what the theorem asks of these and of the function."""
    if x is None or x.ndim < 2 or x.shape[-2] != shift.graph.degrees.shape[-1]:
        shape = None if x is None else tuple(x.shape)
        raise ValueError(f"x is {shape}, but a network's change is measured on signals: give (*, nodes, features).")
    with torch.no_grad():
        apart = network(there, x.double()) - network(shift, x.double())
    norm = float(x.double().flatten(-2).norm(dim=-1).max())
    premises = Premise("norm of x", norm, 1.0), Premise("slope of the function", network.slope, 1.0)
    return float(apart.flatten(-2).norm(dim=-1).max()), premises


def _spread(error: Tensor, before: Spectrum) -> float:
    """1 + d sqrt(n), with d = (||U - V|| + 1)^2 - 1."""
    vectors = before.vectors.reshape(error.shape)
    own = torch.linalg.eigh(error).eigenvectors
    own = own * torch.where((own * vectors).sum(0) < 0, -1.0, 1.0)
    apart = float(torch.linalg.matrix_norm(own - vectors, 2))
    return 1.0 + ((apart + 1.0) ** 2 - 1.0) * math.sqrt(len(error))
