"""Flow graphs: a filter as boxes, gains and adders, in columns and rows, as textbooks draw them.

Every node has one value, features on the nodes of the graph: an adder sums what comes in, a gain multiplies, a box
applies a rational function of S, a point hands on. A loop is an equation. The value of the output is h(S) x.

Source: A. Oppenheim, R. Schafer, Discrete-Time Signal Processing, 2010, chapter 6 (the forms, and how they are drawn).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Drawing", "FlowEdge", "FlowGraph", "FlowNode", "steps_shown"]

_SHOWN = 5  # taps that are drawn before dots stand for the others


@dataclass(frozen=True)
class FlowNode:
    """What stands at one place.

    Args:
        name: by which edges know it.
        kind: "input", "output", "point", "sum", "gain", "box" or "dots" (which stand for what is left out).
        label: mathematics, without dollars.
        column: from the left.
        row: from above.
        value: of a gain its factor; of a box the taps of numerator and denominator of its function of S, or None where
            it is none, or depends on the graph.

    Example:
        >>> FlowNode("first", "gain", "h_1", column=2, row=1, value=0.5).value
        0.5
    """

    name: str
    kind: str
    label: str
    column: float
    row: float
    value: complex | tuple[tuple[float, ...], tuple[float, ...]] | None = None


@dataclass(frozen=True)
class FlowEdge:
    """An arrow.

    Args:
        source: name of a node.
        target: name of a node.
        bend: where it turns: "down" if it leaves its source up or down, "across" if it leaves to a side.

    Example:
        >>> FlowEdge("x", "sum").bend
        'across'
    """

    source: str
    target: str
    bend: str = "across"


@dataclass(frozen=True)
class FlowGraph:
    """Nodes and edges, of which exactly one is the input "x" and one the output "y".

    Args:
        nodes: each with a name of its own.
        edges: between them.

    Raises:
        ValueError: an edge from or to a node that there is not, or two nodes of one name.

    Example:
        >>> ends = FlowNode("x", "input", "x", 0, 0), FlowNode("y", "output", "y", 1, 0)
        >>> FlowGraph(ends, (FlowEdge("x", "y"),)).complete
        True
    """

    nodes: tuple[FlowNode, ...]
    edges: tuple[FlowEdge, ...]

    def __post_init__(self) -> None:
        names = [node.name for node in self.nodes]
        lost = {name for edge in self.edges for name in (edge.source, edge.target)} - set(names)
        if lost or len(set(names)) < len(names):
            raise ValueError(f"the nodes are named {names}, but edges need {sorted(lost)} too, and each name once.")

    @property
    def complete(self) -> bool:
        """Whether all of it is drawn, so that no dots stand for a part."""
        return all(node.kind != "dots" for node in self.nodes)


@dataclass
class Drawing:
    """A flow graph in the making.

    Example:
        >>> drawing = Drawing()
        >>> drawing.line(drawing.put("x", "input", "x", 0, 0), drawing.put("y", "output", "y", 1, 0))
        >>> len(drawing.done().nodes)
        2
    """

    nodes: list[FlowNode] = field(default_factory=list)
    edges: list[FlowEdge] = field(default_factory=list)

    def put(
        self,
        name: str,
        kind: str,
        label: str,
        column: float,
        row: float,
        value: complex | tuple[tuple[float, ...], tuple[float, ...]] | None = None,
    ) -> str:
        """Place a node; its name is given back."""
        self.nodes.append(FlowNode(name, kind, label, column, row, value))
        return name

    def shift(self, name: str, column: float, row: float, power: int = 1) -> str:
        """Place a box that applies S, or a power of it."""
        label = "S" if power == 1 else f"S^{power}"
        return self.put(name, "box", label, column, row, ((0.0,) * power + (1.0,), (1.0,)))

    def line(self, *names: str, bend: str = "across") -> None:
        """Join nodes by arrows, each with the next."""
        self.edges += [FlowEdge(source, target, bend) for source, target in pairwise(names)]

    def added(self, ends: Sequence[str], column: float) -> str:
        """Sum nodes that stand one below another, by an adder beside each but the last; the node of the sum is above.

        Example:
            >>> drawing = Drawing()
            >>> drawing.added([drawing.put("a", "point", "", 0, 0), drawing.put("b", "point", "", 0, 1)], 1)
            'sum a'
        """
        row = {node.name: node.row for node in self.nodes}
        above = ""
        for end in ends[:-1]:
            adder = self.put(f"sum {end}", "sum", "+", column, row[end])
            self.line(end, adder)
            if above:
                self.line(adder, above)
            above = adder
        if above:
            self.line(ends[-1], above)
        return f"sum {ends[0]}" if above else ends[0]

    def done(self) -> FlowGraph:
        """The flow graph."""
        return FlowGraph(tuple(self.nodes), tuple(self.edges))


def steps_shown(order: int) -> Sequence[int | None]:
    """The numbers 1 to order, or the first of them, None for those left out, and the last.

    Example:
        >>> steps_shown(3), steps_shown(30)
        ([1, 2, 3], [1, 2, 3, None, 30])
    """
    return list(range(1, order + 1)) if order <= _SHOWN else [1, 2, 3, None, order]
