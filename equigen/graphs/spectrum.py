"""Where the eigenvalues of a shift lie, its eigenvectors, and the shift moved to [-1, 1]; each graph by itself.

Graphs side by side have a spectrum each: an interval that is taken over a batch would make a filter of one graph depend
on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.blocks import blocks
from equigen.graphs.graph import Graph
from equigen.graphs.lanczos import extreme_values
from equigen.graphs.padded import PaddedGraphs
from equigen.graphs.shift import Shift
from equigen.graphs.structure import Graphs

__all__ = ["Spectrum", "decomposed", "extreme_eigenvalues", "interval", "recentred"]

_DENSE = 1024  # nodes of a graph up to which all eigenvalues are cheaper than the two at the ends
_LARGEST = 16384  # nodes whose eigenvectors still fit, 2 GB
_ROUNDING = 16  # steps of rounding up to which two ends are the same number


def interval(shift: Shift) -> Tensor:
    """Numbers between which all real eigenvalues of each graph lie, and the real parts of all others.

    With S = diag(d) + diag(l) W diag(r) and m = l r: S has the eigenvalues of diag(d) + diag(m) W and of
    diag(d) + W diag(m), so that those lie (Gershgorin) in the disks around d_i + m_i W_ii with the radii

        |m_i| sum_(j != i) |W_ij|,    and in those with the radii    |m_j| sum_(i != j) |W_ij|.

    That gives [-1, 1] for a normalised adjacency or random walk, [0, 2] for a normalised Laplacian, at most
    [0, 2 max degree] for a Laplacian and the largest degrees for an adjacency, without an eigenvalue computed. The sums
    are held by a sparse graph whose weights carry no derivatives, so that only passes over nodes are left. What torch
    compiles may call it.

    Args:
        shift: of one graph or several.

    Returns:
        float64 (B, 2) for B graphs: low, high. Both are 0 for a graph without nodes.

    Error: rounding.

    Source: S. Gershgorin, Ueber die Abgrenzung der Eigenwerte einer Matrix, 1931; R. Horn, C. Johnson, Matrix Analysis,
    2013, theorems 1.3.22 (the products in the other order) and 6.1.1.

    Example:
        >>> from equigen.graphs.shifts import laplacian, normalised_laplacian
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> interval(laplacian(path)).tolist(), interval(normalised_laplacian(path)).round(decimals=9).abs().tolist()
        ([[0.0, 4.0]], [[0.0, 2.0]])
    """
    graph = shift.graph
    rows, columns, loops = _radii(graph)
    factor = torch.ones_like(rows)
    for side in (shift.left, shift.right):
        factor = factor if side is None else factor * side.double()
    centre = factor * loops if shift.diagonal is None else factor * loops + shift.diagonal.double()
    ends = []
    for radius in (factor.abs() * rows, factor.abs() * columns):
        ends.append(_per_graph(graph, centre - radius, centre + radius))
    return torch.stack((torch.maximum(ends[0][0], ends[1][0]), torch.minimum(ends[0][1], ends[1][1])), dim=-1)


def extreme_eigenvalues(shift: Shift) -> Tensor:
    """The smallest and the largest eigenvalue of each graph of a symmetric shift.

    Up to 1,024 nodes by all eigenvalues of the dense matrix, above by products alone (see `extreme_values`).

    Args:
        shift: symmetric, of one graph or several.

    Returns:
        float64 (B, 2) for B graphs. Both are 0 for a graph without nodes.

    Raises:
        ValueError: a shift that is not symmetric.
        RuntimeError: a large graph whose spectrum is too crowded at an end.

    Error: rounding of the larger one.

    Example:
        >>> from equigen.graphs.shifts import adjacency
        >>> star = Graph.from_edges([[0, 0, 0, 0], [1, 2, 3, 4]], 5, undirected=True)
        >>> extreme_eigenvalues(adjacency(star)).round(decimals=9).tolist()              # the root of four
        [[-2.0, 2.0]]
    """
    _require_symmetric(shift)
    found = []
    for block in blocks(shift, sparse_above=_DENSE):
        if block.shape[0] == 0:
            found.append(torch.zeros(2, dtype=torch.float64, device=block.device))
        elif block.layout == torch.strided:
            found.append(torch.linalg.eigvalsh(block)[[0, -1]])
        else:
            found.append(extreme_values(lambda x, block=block: block @ x, block.shape[0], device=block.device))
    return torch.stack(found) if found else torch.zeros(0, 2, dtype=torch.float64)


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The eigenvalues and orthonormal eigenvectors of a symmetric shift, S = U diag(values) U^T.

    Args:
        values: float64 (n,), ascending in each graph, graphs side by side one after another; (B, n) of padded graphs,
            where places beyond a graph's nodes repeat its first eigenvalue.
        vectors: float64 (n, n), an eigenvector in each column, zero outside its graph; (B, n, n) of padded graphs,
            where columns beyond a graph's nodes are zero.

    Example:
        >>> from equigen.graphs.shifts import laplacian
        >>> spectrum = decomposed(laplacian(Graph.from_edges([[0], [1]], 2, undirected=True)))
        >>> spectrum.values.abs().round(decimals=9).tolist()
        [0.0, 2.0]
        >>> x = torch.tensor([[1.0], [0.0]])
        >>> spectrum.apply(lambda eigenvalue: 1.0 - eigenvalue / 2.0, x.double()).round(decimals=9).tolist()
        [[0.5], [0.5]]
    """

    values: Tensor
    vectors: Tensor

    def apply(self, f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """U diag(f(values)) U^T x for features (*, n, F).

        Args:
            f: elementwise; it is given the eigenvalues as float64 (*, n, 1), and may carry numbers of the items that
                broadcast against (*, n, F).
            x: features, floating point.

        Returns:
            In the shape and dtype of x; zero where a node is none.

        Raises:
            ValueError: features of another number of nodes.
        """
        if x.ndim < 2 or x.shape[-2] != self.values.shape[-1]:
            n = self.values.shape[-1]
            raise ValueError(f"x has shape {tuple(x.shape)}, but the spectrum is of {n} nodes: give (*, {n}, F).")
        vectors = self.vectors.to(x)
        response = f(self.values.to(x.device)[..., None])
        return vectors @ (response.to(x.dtype) * (vectors.mT @ x))


def decomposed(shift: Shift) -> Spectrum:
    """All eigenvalues and eigenvectors of a symmetric shift, each graph by itself, by dense matrices in float64.

    Args:
        shift: symmetric, of one graph or several, up to 16,384 nodes in all: the vectors take 8 n^2 bytes.

    Raises:
        ValueError: a shift that is not symmetric, or a larger one.

    Error: rounding of the largest eigenvalue; vectors of eigenvalues that lie close are any basis of their span.

    Example:
        >>> from equigen.graphs.shifts import adjacency
        >>> triangle = Graph.from_edges([[0, 1, 2], [1, 2, 0]], 3, undirected=True)
        >>> decomposed(adjacency(triangle)).values.round(decimals=9).tolist()
        [-1.0, -1.0, 2.0]
    """
    _require_symmetric(shift)
    graph = shift.graph
    nodes = graph.degrees.shape[-1]
    if nodes > _LARGEST:
        raise ValueError(
            f"the shift is of {nodes} nodes, but eigenvectors of at most {_LARGEST} are held: take a polynomial or "
            "rational filter, or PaddedGraphs for many small graphs."
        )
    pairs = [torch.linalg.eigh(block) for block in blocks(shift, sparse_above=nodes)]
    if isinstance(graph, Graph):
        parts = [part for part in pairs if len(part[0])]
        if not parts:
            return Spectrum(graph.degrees.double(), graph.dense().double())
        return Spectrum(torch.cat([part[0] for part in parts]), torch.block_diag(*[part[1] for part in parts]))
    values, vectors = [], []
    whole = torch.eye(nodes, dtype=torch.float64, device=graph.degrees.device)
    for number, (value, vector) in enumerate(pairs):
        kept = whole if graph.real is None else whole[:, graph.real[number]]  # (n, nodes that there are)
        missing = nodes - len(value)
        values.append(torch.cat((value, value.new_zeros(missing) + (value[0] if len(value) else 0.0))))
        vectors.append(torch.nn.functional.pad(kept @ vector, (0, missing)))
    empty = graph.degrees.double()
    return Spectrum(
        torch.stack(values) if values else empty, torch.stack(vectors) if vectors else empty[..., None] * empty[:, None]
    )


def recentred(shift: Shift, bounds: Tensor | Sequence[float] | None = None) -> Shift:
    """A shift whose spectrum is moved to [-1, 1], (2 S - (high + low) I) / (high - low), each graph by its own bounds.

    Args:
        shift: of one graph or several.
        bounds: low, high: (2,) for all graphs, or (B, 2); `interval(shift)` if None. Where both are the same, or those
            of `interval` up to rounding, the spectrum is one number, which goes to 0.

    Returns:
        A shift of the same entries, symmetric where the given one is.

    Raises:
        ValueError: bounds of another shape, or in the wrong order.

    Example:
        >>> from equigen.graphs.shifts import laplacian
        >>> pair = laplacian(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> recentred(pair).dense().tolist()                                             # L - I, on [0, 2]
        [[0.0, -1.0], [-1.0, 0.0]]
    """
    graph = shift.graph
    ends = interval(shift) if bounds is None else _checked_bounds(shift, bounds)
    width, rounding = ends[..., 1] - ends[..., 0], 0.0
    if bounds is None:
        rounding = _ROUNDING * torch.finfo(graph.degrees.dtype).eps * ends.abs().amax(-1)
    factor = 2.0 / torch.where(width > rounding, width, 2.0)
    middle = 0.5 * (ends[..., 1] + ends[..., 0])
    if isinstance(graph, Graph):
        place = graph.graph_of_node
        factor, middle = factor[place], middle[place]
    else:
        shape = graph.degrees.shape
        factor, middle = factor[:, None].expand(shape), middle[:, None].expand(shape)
    return shift.scaled(factor, -middle * factor)


def _require_symmetric(shift: Shift) -> None:
    if not shift.symmetric:
        raise ValueError(
            "the shift is not symmetric, but only symmetric ones have orthonormal eigenvectors: take an undirected "
            "graph (undirected=True) and a symmetric shift, 'normalised-adjacency' in place of 'random-walk'."
        )


def _checked_bounds(shift: Shift, bounds: Tensor | Sequence[float]) -> Tensor:
    """Bounds of each graph, float64 (B, 2)."""
    graph = shift.graph
    count = graph.sizes.shape[0] if isinstance(graph, Graph) else graph.degrees.shape[0]
    ends = torch.as_tensor(bounds, dtype=torch.float64, device=graph.degrees.device)
    if ends.shape not in ((2,), (count, 2)):
        raise ValueError(
            f"bounds has shape {tuple(ends.shape)}, but low and high are (2,) or, of each graph, ({count}, 2)."
        )
    if not torch.compiler.is_compiling() and not bool((ends[..., 0] <= ends[..., 1]).all()):
        raise ValueError(f"bounds is {ends.tolist()}, but the lower end comes first: (low, high).")
    return ends.expand(count, 2)


def _radii(graph: Graphs) -> tuple[Tensor, Tensor, Tensor]:
    """Sums of |W_ij| over rows and over columns, both without loops, and the loops W_ii: float64 (*, n) each."""
    if isinstance(graph, Graph):
        return graph.radii
    assert isinstance(graph, PaddedGraphs)
    matrix = graph.matrix.double()
    loops = matrix.diagonal(dim1=-2, dim2=-1)
    sizes = matrix.abs()
    return sizes.sum(-1) - loops.abs(), sizes.sum(-2) - loops.abs(), loops


def _per_graph(graph: Graphs, low: Tensor, high: Tensor) -> Tensor:
    """The least of `low` and the largest of `high` over the nodes of each graph, (2, B)."""
    if isinstance(graph, Graph):
        if graph.sizes.shape[0] == 1 and graph.nodes:
            return torch.stack((low.amin(-1, keepdim=True), high.amax(-1, keepdim=True)))
        empty, place = low.new_zeros(graph.sizes.shape[0]), graph.graph_of_node
        least = empty.scatter_reduce(0, place, low, "amin", include_self=False)
        return torch.stack((least, empty.scatter_reduce(0, place, high, "amax", include_self=False)))
    if low.shape[-1] == 0:
        return low.new_zeros(2, low.shape[0])
    if graph.real is None:
        return torch.stack((low.amin(-1), high.amax(-1)))
    some = graph.real.any(-1)
    least = torch.where(graph.real, low, torch.inf).amin(-1)
    most = torch.where(graph.real, high, -torch.inf).amax(-1)
    return torch.stack((torch.where(some, least, 0.0), torch.where(some, most, 0.0)))
