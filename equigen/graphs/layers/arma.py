"""ARMA convolution: rational filters of a shift, iterated."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from equigen.graphs.features import require_features
from equigen.graphs.graph import Graph
from equigen.graphs.layers.arguments import checked_count, checked_shift
from equigen.graphs.layers.initial import glorot
from equigen.graphs.shift import Shift
from equigen.graphs.shifts import shift_of
from equigen.graphs.structure import Graphs

__all__ = ["ARMAConvolution"]


class ARMAConvolution(nn.Module):
    """Autoregressive moving-average convolution: the mean of stacks Z^(T) of

        Z^(1) = f(S X A + X V_1 + 1 b_1^T),      Z^(t) = f(S Z^(t-1) A_t + X V_t + 1 b_t^T).

    With shared weights and no function, the iterates of a stack go to the rational filter Z = S Z A + X V + 1 b^T where
    the norms of S and A multiply to less than 1, wherever they begin. T of them hear T steps far in any case.

    Args:
        in_features: F_in.
        out_features: F_out.
        stacks: how many filters are averaged.
        iterations: T, 1 or more.
        shift: the name of S as a function of the graph, as in `SHIFTS`.
        shared: whether all iterations have the same A_t, V_t and b_t.
        function: f, or None for the identity.
        bias: whether b is learned; zero if not.

    Raises:
        TypeError: in `forward`, a graph or features that `require_features` refuses.
        ValueError: no stack or no iteration, or an unknown shift; in `forward`, features of another shape, or weights
            that the shift cannot have.

    Source: F. Bianchi, D. Grattarola, L. Livi, C. Alippi, Graph neural networks with convolutional ARMA filters,
    2019.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> pair = Graph.from_edges([[0], [1]], 2, undirected=True)
        >>> layer = ARMAConvolution(1, 1, iterations=40, shared=True, function=None)
        >>> with torch.no_grad():
        ...     _ = layer.first.fill_(0.5), layer.inner.fill_(0.5), layer.outer.fill_(1.0)
        >>> y = layer(pair, torch.tensor([[1.0], [0.0]]))                  # (I - S / 2)^-1 x = (4/3, 2/3)
        >>> [round(value, 4) for value in y.flatten().tolist()]
        [1.3333, 0.6667]
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        stacks: int = 1,
        iterations: int = 1,
        shift: str = "normalised-adjacency",
        *,
        shared: bool = False,
        function: Callable[[Tensor], Tensor] | None = torch.relu,
        bias: bool = True,
    ) -> None:
        super().__init__()
        stacks = checked_count("stacks", stacks, 1)
        self.iterations = iterations = checked_count("iterations", iterations, 1)
        self.shift = checked_shift(shift)
        self.function = function
        steps = 1 if shared else iterations
        self.first = glorot(stacks, in_features, out_features)
        """A of the first iteration, (stacks, F_in, F_out)."""
        self.inner = glorot(1 if shared else iterations - 1, stacks, out_features, out_features)
        """A_t of the later ones, (T - 1, stacks, F_out, F_out), or (1, ...) where shared."""
        self.outer = glorot(steps, stacks, in_features, out_features)
        """V_t, (T, stacks, F_in, F_out), or (1, ...) where shared."""
        self.bias = nn.Parameter(torch.zeros(steps, stacks, 1, out_features)) if bias else None

    def forward(self, graph: Graphs, x: Tensor) -> Tensor:
        """Features (*, n, F_out) of features (*, n, F_in)."""
        require_features(graph, x, self.first.shape[1], self.first)
        shift = shift_of(graph, self.shift)
        x = graph.masked(x)[..., None, :, :]
        steps = len(self.outer)
        z = x
        for t in range(self.iterations):
            inner = self.first if t == 0 else self.inner[(t - 1) % max(1, len(self.inner))]
            z = _product(shift, z @ inner) + x @ self.outer[t % steps]
            z = z if self.bias is None else z + self.bias[t % steps]
            z = z if self.function is None else self.function(z)
        return graph.masked(z.mean(-3))

    def extra_repr(self) -> str:
        """What torch prints of the layer."""
        stacks, wide_in, wide_out = self.first.shape
        return f"{wide_in}, {wide_out}, stacks={stacks}, iterations={self.iterations}, shift={self.shift!r}"


def _product(shift: Shift, z: Tensor) -> Tensor:
    """S Z of every stack, (*, stacks, n, F)."""
    if isinstance(shift.graph, Graph):
        return shift.product(z)
    side_by_side = z.movedim(-3, -2)
    return shift.product(side_by_side.flatten(-2)).reshape(side_by_side.shape).movedim(-2, -3)
