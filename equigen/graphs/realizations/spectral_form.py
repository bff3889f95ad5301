"""The spectral form: into the eigenvectors, times the response, and back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.graphs.graph import Graph
from equigen.graphs.realizations.flow import Drawing, FlowGraph
from equigen.graphs.realizations.operation_count import OperationCount, places
from equigen.graphs.realizations.realization import Realization
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import decomposed

__all__ = ["SpectralForm"]


@dataclass(frozen=True, eq=False)
class SpectralForm(Realization):
    """y = U h(Lambda) U^T x with S = U Lambda U^T: any filter, of symmetric shifts of some thousand nodes.

    Args:
        filter: any.

    Raises:
        ValueError: when it is applied, a shift that is not symmetric.

    Error: rounding times max |h| norm(x), plus the Lipschitz constant of h times rounding times norm(S).

    Source: A. Sandryhaila, J. M. F. Moura, Discrete signal processing on graphs: frequency analysis, 2014.

    Example:
        >>> from equigen.graphs.filters.polynomial import Polynomial
        >>> pair = Shift(Graph.from_edges([[0], [1]], 2, undirected=True))
        >>> h = SpectralForm(Polynomial([1.0, 2.0]))
        >>> h.apply(pair, torch.tensor([[1.0], [0.0]])).round(decimals=5).flatten().tolist()
        [1.0, 2.0]
    """

    form = "spectral"

    @property
    def formula(self) -> str:
        """See `Realization.formula`."""
        return r"y = U h(\Lambda) U^T x, \quad S = U \Lambda U^T"

    def flow(self) -> FlowGraph:
        """See `Realization.flow`."""
        drawing = Drawing()
        boxes = [drawing.put(label, "box", label, 1 + k, 0) for k, label in enumerate(("U^T", r"h(\Lambda)", "U"))]
        drawing.line(drawing.put("x", "input", "x", 0, 0), *boxes, drawing.put("y", "output", "y", 4, 0))
        return drawing.done()

    def cost(self, shift: Shift, features: int, dtype: torch.dtype = torch.float32) -> OperationCount:
        """See `Realization.cost`: 9 n^3 operations for the eigenvectors of n nodes, 4 n^2 F for two changes of basis.

        Source: G. H. Golub, C. F. Van Loan, Matrix Computations, 2013, section 8.3.3.
        """
        graph, size = shift.graph, dtype.itemsize
        sizes = graph.sizes.tolist() if isinstance(graph, Graph) else [places(graph)[-1]] * places(graph)[0]
        whole = [graph.nodes] if isinstance(graph, Graph) else sizes  # of the matrices that features are multiplied by
        found = sum((9 * n**3 + 1) // 2 for n in sizes)
        made = sum(2 * n**2 * features for n in whole)
        moved = sum((2 * n**2 + 6 * n * features) * size for n in whole) + 8 * sum(3 * n**2 for n in sizes)
        return OperationCount(0, found + made + sum(n * features for n in whole), found + made, moved)

    def _applied(self, shift: Shift, x: Tensor) -> Tensor:
        return decomposed(shift).apply(self.filter.response, x)
