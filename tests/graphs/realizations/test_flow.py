"""A flow graph is the filter: its equations, solved as they are drawn, give h(S) x."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.realizations.flow import FlowEdge, FlowGraph, FlowNode
from equigen.graphs.realizations.realizing import FORMS, realize
from equigen.graphs.shifts import adjacency
from tests.graphs.all_graphs import ALL_GRAPHS, noise
from tests.graphs.realizations.realization_cases import FILTERS, forms_of, matrix_of

DRAWN = {name: filter for name, filter in FILTERS.items() if name != "chebyshev-long"}
CASES = [
    (name, form)
    for name, filter in DRAWN.items()
    for form in forms_of(filter)
    if not (form == "chebyshev" and isinstance(filter, Polynomial))  # whose boxes depend on the graph
]


def value_of(flow: FlowGraph, shift: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """Every node an unknown, every drawing an equation: the linear system of the flow graph, solved."""
    n, names = len(shift), [node.name for node in flow.nodes]
    system = torch.eye(n * len(names), dtype=torch.complex128)
    given = torch.zeros(n * len(names), x.shape[1], dtype=torch.complex128)
    heard = {name: [names.index(edge.source) for edge in flow.edges if edge.target == name] for name in names}
    for k, node in enumerate(flow.nodes):
        here = slice(k * n, (k + 1) * n)
        if node.kind == "input":
            given[here] = x.to(given)
            continue
        assert len(heard[node.name]) == 1 or node.kind == "sum", node
        if isinstance(node.value, tuple):
            operator = matrix_of(Rational(*node.value), shift).to(system)
        else:
            operator = torch.eye(n).to(system) * (1.0 if node.value is None else node.value)
        assert node.kind != "gain" or node.value is not None
        assert node.kind != "box" or isinstance(node.value, tuple), node
        for source in heard[node.name]:
            system[here, source * n : (source + 1) * n] -= operator
    end = names.index("y")
    solved = torch.linalg.solve(system, given)[end * n : (end + 1) * n]
    assert float(solved.imag.abs().max()) < 1e-10
    return solved.real


def small():
    return adjacency(ALL_GRAPHS["weighted-directed"]).scaled(0.3)


@pytest.mark.parametrize(("name", "form"), CASES)
def test_the_flow_graph_is_the_filter(name, form):
    flow, shift, x = realize(DRAWN[name], form).flow(), small(), noise(6, 2)
    assert flow.complete
    goal = matrix_of(DRAWN[name], shift.dense()) @ x
    assert float((value_of(flow, shift.dense(), x) - goal).abs().max()) < 1e-10 * float(goal.abs().max() + 1)


@pytest.mark.parametrize(("name", "form"), [case for case in CASES if case[0] in ("quartic", "chebyshev", "rational")])
def test_every_gain_of_it_counts(name, form):
    flow, shift, x = realize(DRAWN[name], form).flow(), small(), noise(6, 2)
    goal = matrix_of(DRAWN[name], shift.dense()) @ x
    gains = [k for k, node in enumerate(flow.nodes) if node.kind == "gain"]
    for k in gains:
        nodes = list(flow.nodes)
        nodes[k] = replace(nodes[k], value=nodes[k].value + 0.1)
        changed = FlowGraph(tuple(nodes), flow.edges)
        try:
            y = value_of(changed, shift.dense(), x)
        except AssertionError:  # a conjugate pair that is none any more
            continue
        assert float((y - goal).abs().max()) > 1e-6


def crossings_of_places(flow: FlowGraph) -> list[tuple[float, float]]:
    places = [(node.column, node.row) for node in flow.nodes]
    return [place for place in set(places) if places.count(place) > 1]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("order", [1, 4, 5, 6, 30])
def test_no_two_nodes_share_a_place(form, order):
    if form.startswith("rational"):
        filter = Rational([1.0] * order, [float(10 ** min(order, 5))] + [0.5 + 0.1 * k for k in range(order)])
    else:
        filter = Polynomial([1.0 / (k + 1) for k in range(order + 1)])
    flow = realize(filter, form).flow()
    assert crossings_of_places(flow) == []
    assert flow.complete or order > 4
    twice = FlowGraph((*flow.nodes, replace(flow.nodes[0], name="again")), flow.edges)
    assert len(crossings_of_places(twice)) == 1  # the control


def test_long_ones_are_cut_short():
    for form in ("direct", "transposed", "cascade", "chebyshev", "parallel"):
        flow = realize(Chebyshev([1.0] * 31, -1.0, 1.0), form).flow()
        assert not flow.complete
        assert len(flow.nodes) < 50
        assert any("30" in node.label for node in flow.nodes) or form in ("cascade",)


def test_the_shift_is_drawn_as_often_as_it_is_applied():
    shift = adjacency(ALL_GRAPHS["ring"])
    for form in ("direct", "transposed", "cascade"):
        realization = realize(FILTERS["quartic"], form)
        drawn = sum(node.label == "S" for node in realization.flow().nodes)
        assert drawn == realization.cost(shift, 1).products


def test_a_spectral_flow_is_three_boxes():
    flow = realize(Spectral(torch.exp), "spectral").flow()
    assert [node.label for node in flow.nodes if node.kind == "box"] == ["U^T", r"h(\Lambda)", "U"]


def test_an_edge_from_nowhere_is_refused():
    ends = (FlowNode("x", "input", "x", 0, 0), FlowNode("y", "output", "y", 1, 0))
    with pytest.raises(ValueError, match="'gain'"):
        FlowGraph(ends, (FlowEdge("gain", "y"),))
    with pytest.raises(ValueError, match="each name once"):
        FlowGraph((*ends, ends[0]), ())
