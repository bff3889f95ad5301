"""Flow graphs are drawn so that they can be read: nothing on top of anything, every arrow where it belongs."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from matplotlib.text import Annotation

from equigen.graphs.filters.polynomial import Chebyshev, Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.realizations.flow import FlowEdge, FlowGraph, FlowNode
from equigen.graphs.realizations.realizing import FORMS, realize
from equigen.report.drawing import BLUE, ORANGE, png
from equigen.report.flow_graph import figure
from tests.report.test_figures import marks

RATIONAL = Rational([1.0, 0.3, 0.2], [20.0, 1.0, 0.5, 0.1])
CASES = [
    (form, RATIONAL if form.startswith("rational") else Polynomial([1.0 / (k + 1) for k in range(order + 1)]))
    for form in FORMS
    for order in ((3,) if form.startswith("rational") or form == "spectral" else (0, 1, 3, 5, 30))
]
CASES += [("parallel", RATIONAL), ("cascade", Chebyshev([0.5, 0.0, 0.5, 0.0, 1.0], -1.0, 1.0))]
DRAWN = pytest.mark.parametrize(("form", "filter"), CASES)


def written(picture) -> list[tuple[float, float, float, float]]:
    """The frames of all that is written, in data units."""
    axes, renderer = picture.axes[0], picture.canvas.get_renderer()
    picture.draw_without_rendering()
    texts = [text for text in axes.texts if not isinstance(text, Annotation)]
    frames = [text.get_window_extent(renderer).transformed(axes.transData.inverted()) for text in texts]
    return [frame_of(frame) for frame in frames]


def shapes(picture) -> list[tuple[float, float, float, float]]:
    """The frames of boxes, gains and adders, in data units."""
    frames = [frame_of(patch.get_path().get_extents(patch.get_patch_transform())) for patch in picture.axes[0].patches]
    return [frame for frame in frames if frame[2] - frame[0] > 0.15]  # without points


def frame_of(box) -> tuple[float, float, float, float]:
    return min(box.x0, box.x1), min(box.y0, box.y1), max(box.x0, box.x1), max(box.y0, box.y1)


def lines(picture) -> list[tuple[float, float, float, float]]:
    """The frames of all straight pieces of lines."""
    pieces = [tuple(zip(*line.get_data(), strict=True)) for line in picture.axes[0].lines]
    pieces += [(text.xy, text.xyann) for text in picture.axes[0].texts if isinstance(text, Annotation)]
    return [(min(a[0], b[0]), min(a[1], b[1]), max(a[0], b[0]), max(a[1], b[1])) for a, b in pieces]


def overlaps(one, two, slack=0.01) -> bool:
    across = min(one[2], two[2]) - max(one[0], two[0])
    down = min(one[3], two[3]) - max(one[1], two[1])
    return across > slack and down > slack


def meets(line, frame, slack=0.02) -> bool:
    """Whether a line runs through the inside of a frame."""
    inside = (frame[0] + slack, frame[1] + slack, frame[2] - slack, frame[3] - slack)
    return line[0] < inside[2] and line[2] > inside[0] and line[1] < inside[3] and line[3] > inside[1]


def collisions(flow: FlowGraph) -> int:
    picture = figure(flow)
    frames, words, pieces = shapes(picture), written(picture), lines(picture)
    count = sum(overlaps(one, two) for one, two in combinations(frames, 2))
    count += sum(overlaps(one, two) for one, two in combinations(words, 2))
    count += sum(meets(line, frame) for line in pieces for frame in frames)
    return count + sum(meets(line, word) for line in pieces for word in words)


@DRAWN
def test_nothing_is_on_top_of_anything(form, filter):
    assert collisions(realize(filter, form).flow()) == 0


@DRAWN
def test_everything_is_inside_the_picture(form, filter):
    picture = figure(realize(filter, form).flow())
    left, right = sorted(picture.axes[0].get_xlim())
    top, bottom = sorted(picture.axes[0].get_ylim())
    for frame in shapes(picture) + written(picture) + lines(picture):
        assert left <= frame[0] <= frame[2] <= right
        assert top <= frame[1] <= frame[3] <= bottom
    assert picture.get_figwidth() <= 7.21


def test_planted_collisions_are_found():
    flow = realize(Polynomial([1.0, 2.0]), "direct").flow()
    assert collisions(flow) == 0
    moved = [replace(node, column=1.2, row=0.1) if node.kind == "box" else node for node in flow.nodes]
    assert collisions(FlowGraph(tuple(moved), flow.edges)) > 0
    through = FlowGraph((*flow.nodes, FlowNode("far", "sum", "+", 4, 0)), (*flow.edges, FlowEdge("x", "far")))
    assert collisions(through) > 0


def test_every_node_and_edge_is_drawn():
    flow = realize(Polynomial([1.0, 2.0, 3.0]), "direct").flow()
    axes = figure(flow).axes[0]
    labels = {text.get_text() for text in axes.texts if not isinstance(text, Annotation)}
    assert {"$x$", "$y$", "$S$", "$+$", "$h_{0}$", "$h_{1}$", "$h_{2}$"} == labels
    shaped = sum(node.kind in ("box", "gain", "sum", "point") for node in flow.nodes)
    assert len(axes.patches) == shaped


def test_arrows_point_where_the_flow_goes():
    """The gain of a feedback points to the left, that of a tap downwards."""
    nodes = (
        FlowNode("x", "input", "x", 0, 0),
        FlowNode("back", "gain", "q", 2, 1, 1.0),
        FlowNode("from", "point", "", 4, 1),
        FlowNode("y", "output", "y", 5, 0),
    )
    axes = figure(FlowGraph(nodes, (FlowEdge("x", "y"), FlowEdge("from", "back")))).axes[0]
    tip = axes.patches[0].get_path().vertices[0]
    assert tip[0] < 2.0
    down = figure(realize(Polynomial([1.0]), "direct").flow()).axes[0].patches[1].get_path().vertices[0]
    assert down[1] > 1.0  # rows are counted from above


def test_colours_of_shifts_and_gains():
    picture = png(figure(realize(Polynomial([1.0, 2.0]), "direct").flow()))
    assert marks(picture, BLUE) > 50
    assert marks(picture, ORANGE) > 50
    assert marks(png(figure(realize(Polynomial([1.0]), "spectral").flow())), ORANGE) == 0  # which has no gain
