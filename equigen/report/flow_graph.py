"""Flow graphs as pictures: boxes for shifts, triangles for gains, circles for adders, dots where a line forks.

Columns and rows are those of the flow graph; lines are level or upright, with one corner where an arrow has to turn.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Polygon

from equigen.graphs.realizations.flow import FlowEdge, FlowGraph, FlowNode
from equigen.report.drawing import BLUE, GREY, ORANGE, TEXT, canvas

__all__ = ["figure"]

_COLUMN = 0.62  # inches
_ROW = 0.62
_WIDEST = 7.2
_BOX = 0.30  # half of a box's width, in columns, for a short label
_LETTER = 0.055  # more for each further letter
_HIGH = 0.25  # half of a box's height
_ROUND = 0.19  # radius of an adder
_GAIN = 0.25
_POINT = 0.045
_LINE = {"color": "#222222", "linewidth": 1.0}


def figure(flow: FlowGraph) -> Figure:
    """Draw a flow graph.

    Args:
        flow: nodes with places, and edges.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> from equigen.graphs.realizations.realizing import realize
        >>> picture = figure(realize(Polynomial([1.0, 2.0]), "direct").flow())
        >>> len(picture.axes[0].patches)                          # two gains, a shift, an adder, two points
        6
    """
    columns = [node.column for node in flow.nodes]
    rows = [node.row for node in flow.nodes]
    wide, high = max(columns) - min(columns) + 1.0, max(rows) - min(rows) + 1.3
    scale = min(1.0, _WIDEST / (wide * _COLUMN))
    picture = canvas(wide * _COLUMN * scale, high * _ROW * scale)
    axes = picture.add_subplot()
    axes.set_xlim(min(columns) - 0.5, max(columns) + 0.5)
    axes.set_ylim(max(rows) + 0.65, min(rows) - 0.65)  # rows from above
    axes.set_aspect("equal")
    axes.set_axis_off()
    place = {node.name: node for node in flow.nodes}
    for edge in flow.edges:
        _draw_edge(axes, edge, place[edge.source], place[edge.target], scale)
    for node in flow.nodes:
        _draw_node(axes, node, flow.edges, place, scale)
    return picture


def _draw_node(axes: Axes, node: FlowNode, edges: Sequence[FlowEdge], place: dict[str, FlowNode], scale: float) -> None:
    """What stands at one place, above the lines."""
    x, y, size = node.column, node.row, TEXT * scale**0.5
    if node.kind == "point":
        axes.add_patch(Circle((x, y), _POINT, facecolor="#222222", edgecolor="none", zorder=3))
        return
    label = {"ha": "center", "va": "center", "fontsize": size, "zorder": 4}
    if node.kind == "sum":
        axes.add_patch(Circle((x, y), _ROUND, facecolor="white", edgecolor=GREY, linewidth=1.2, zorder=2))
        axes.text(x, y, "$+$", **label)
    elif node.kind == "gain":
        axes.add_patch(Polygon(_triangle(node, edges, place), facecolor="#fdf0e6", edgecolor=ORANGE, zorder=2))
        along, _ = _direction(node, edges, place)
        beside = (x, y - 0.34) if along else (x + 0.21, y)
        axes.text(*beside, f"${node.label}$", **{**label, "ha": "center" if along else "left"}, color=ORANGE)
    elif node.kind == "box":
        half = _half_width(node)
        corner = (x - half, y - _HIGH)
        shape = FancyBboxPatch(corner, 2 * half, 2 * _HIGH, boxstyle="round,pad=0,rounding_size=0.06")
        shape.set(facecolor="#eaf3f9", edgecolor=BLUE, linewidth=1.2, zorder=2)
        axes.add_patch(shape)
        axes.text(x, y, f"${node.label}$", **label)
    else:
        axes.text(x, y, f"${node.label}$", **label, bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})


def _half_width(node: FlowNode) -> float:
    """Half of the width of a box, for what is written in it."""
    letters = node.label.replace(r"\tilde", "").replace(r"\Lambda", "L").strip()
    written = sum(letter not in "\\{}^_" for letter in letters)
    return min(0.46, _BOX + _LETTER * max(0, written - 2))


def _direction(node: FlowNode, edges: Sequence[FlowEdge], place: dict[str, FlowNode]) -> tuple[bool, int]:
    """Whether a gain is passed level, and whether from left to right or downwards (1), or back or upwards (-1)."""
    edge = next(edge for edge in edges if edge.target == node.name)
    source = place[edge.source]
    level = source.column != node.column and (source.row == node.row or edge.bend == "down")
    step = node.column - source.column if level else node.row - source.row
    return level, 1 if step >= 0 else -1


def _triangle(node: FlowNode, edges: Sequence[FlowEdge], place: dict[str, FlowNode]) -> list[tuple[float, float]]:
    """A gain, its tip where the arrow goes."""
    level, sign = _direction(node, edges, place)
    tip, base, half = _GAIN * sign, -_GAIN * sign, 0.2
    x, y = node.column, node.row
    if level:
        return [(x + tip, y), (x + base, y - half), (x + base, y + half)]
    return [(x, y + tip), (x - half, y + base), (x + half, y + base)]


def _reach(node: FlowNode, level: bool) -> float:
    """How far a shape reaches from its centre to where a line meets it."""
    if node.kind == "box":
        return _half_width(node) if level else _HIGH
    return {"sum": _ROUND, "gain": _GAIN, "point": _POINT, "dots": 0.25}.get(node.kind, 0.18)


def _draw_edge(axes: Axes, edge: FlowEdge, source: FlowNode, target: FlowNode, scale: float) -> None:
    """A line of one or two parts with an arrow at its end, unless it ends in a point."""
    corners = [(source.column, source.row), (target.column, target.row)]
    if source.column != target.column and source.row != target.row:
        down = edge.bend == "down"
        corners.insert(1, (source.column, target.row) if down else (target.column, source.row))
    corners[0] = _moved(corners[0], corners[1], _reach(source, corners[0][1] == corners[1][1]))
    corners[-1] = _moved(corners[-1], corners[-2], _reach(target, corners[-1][1] == corners[-2][1]))
    if len(corners) == 3:
        axes.plot(*zip(*corners[:2], strict=True), **_LINE, zorder=1, solid_capstyle="round")
    if target.kind in ("point", "dots"):
        axes.plot(*zip(*corners[-2:], strict=True), **_LINE, zorder=1, solid_capstyle="round")
        return
    arrow = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0, "mutation_scale": 8 * scale, **_LINE}
    axes.annotate("", xy=corners[-1], xytext=corners[-2], arrowprops=arrow, zorder=1)


def _moved(start: tuple[float, float], towards: tuple[float, float], step: float) -> tuple[float, float]:
    """A point a step nearer to another on the same line, level or upright."""
    along = [b - a for a, b in zip(start, towards, strict=True)]
    length = max(abs(part) for part in along)
    if length == 0:
        return start
    return start[0] + step * along[0] / length, start[1] + step * along[1] / length
