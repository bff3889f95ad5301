"""A learned denoiser of signals on a graph that is a graph filter at every noise level, and how to read its response.

The exact denoiser of Gaussian signals on a graph is a filter h_t(S) (`GraphCovariance.denoiser_filter`). This network
has the same form with taps that are learned as functions of the noise level, so that the two can be compared at each
eigenvalue; and `measured_response` reads the response of any denoiser, linear or not, from what it does to signals.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import shift_of
from equigen.graphs.spectrum import recentred
from equigen.networks.embedding import NoiseEmbedding

__all__ = ["GraphDenoiser", "MeasuredResponse", "measured_response"]


class GraphDenoiser(nn.Module):
    """F(x, noise) = sum_k T_k(S~) x H_k(noise): a graph filter whose taps depend on the noise level.

    S~ is the shift moved to [-1, 1], T_k are Chebyshev's polynomials, and the taps H_k come from a network of the noise
    coordinate that starts at 0. It is linear in x, moves with the nodes, and goes into a `NetworkDenoiser`.

    Args:
        edges: sources and targets, whole numbers (2, E), both directions of every edge where it has none.
        nodes: number of nodes.
        features: F of each node.
        weights: of the edges, (E,); None where all are 1.
        order: K, the degree.
        shift: the name of S.
        width: of the network that gives the taps.
        seed: of the initial weights; torch's global generator is left as it was.

    Raises:
        ValueError: an order below 0, or edges and weights that are no graph.

    Error: float32: 1e-6 of the largest feature.

    Example:
        >>> from equigen.diffusion import EDM, KarrasPreconditioning, NetworkDenoiser
        >>> network = GraphDenoiser(torch.tensor([[0, 1], [1, 0]]), 2, order=3)
        >>> D = NetworkDenoiser(network, EDM(), KarrasPreconditioning(1.0))
        >>> D(torch.ones(1, 2, 1), torch.tensor(1.0)).flatten().tolist()                    # F = 0 at first
        [0.5, 0.5]
    """

    def __init__(
        self,
        edges: Tensor,
        nodes: int,
        features: int = 1,
        *,
        weights: Tensor | None = None,
        order: int = 8,
        shift: str = "normalised-laplacian",
        width: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if order < 0 or features < 1 or width < 1:
            raise ValueError(f"order={order}, features={features}, width={width}, but 0, 1 and 1 are the least.")
        self.edges, self.nodes, self.features, self.weights = edges, nodes, features, weights
        self.order, self.shift, self.width, self.seed = order, shift, width, seed
        self.graph = Graph.from_edges(edges, nodes, weights)
        with random.fork(seed=seed, stream=random.Stream.INITIALISATION):
            self.noise = NoiseEmbedding(width)
            self.taps = nn.Linear(width, (order + 1) * features * features)
        nn.init.zeros_(self.taps.weight)
        nn.init.zeros_(self.taps.bias)

    def forward(self, x: Tensor, noise: Tensor) -> Tensor:
        """Signals (B, n, F) of signals (B, n, F) and noise coordinates (B,)."""
        around = recentred(shift_of(self.graph, self.shift))
        blocks = [x] if self.order == 0 else [x, around.product(x)]
        while len(blocks) <= self.order:
            blocks.append(2.0 * around.product(blocks[-1]) - blocks[-2])
        taps = self.taps(self.noise(noise)).reshape(len(x), -1, self.features)
        return torch.cat(blocks, dim=-1) @ taps

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """The graph goes where the weights go."""
        moved = super()._apply(fn, recurse)
        self.graph = self.graph.to(self.taps.weight.device)
        return moved

    def extra_repr(self) -> str:
        """The graph, the features and the degree."""
        return f"{self.graph}, features={self.features}, order={self.order}, shift={self.shift!r}"


class MeasuredResponse(NamedTuple):
    """What a denoiser does to each direction, from signals.

    Example:
        >>> MeasuredResponse(torch.ones(2), torch.zeros(2))._fields
        ('response', 'rest')
    """

    response: Tensor
    """E[u_i D u_i x] / E[(u_i x)^2], float64 (n,); NaN where no signal has a component in u_i: nothing is known."""
    rest: Tensor
    """Standard deviation of u_i D - response u_i x, float64 (n,): 0 where D is a filter of the shift; NaN as above."""


@torch.no_grad()
def measured_response(denoiser: Denoiser, vectors: Tensor, x_t: Tensor, t: Tensor) -> MeasuredResponse:
    """Read the response of a denoiser in each eigenvector of a shift, by least squares over noisy signals.

        h_i = sum <u_i, D(x)> <u_i, x> / sum <u_i, x>^2

    Of a linear filter this is h(lambda_i), exactly and with any signals; of another denoiser it is the response of the
    filter nearest to it on these signals, and for Gaussian ones the mean of its derivative (Stein's identity). `rest`
    is how far it is from a filter.

    Args:
        denoiser: D, of signals without a mean.
        vectors: eigenvectors u_i as columns, (n, n).
        x_t: noisy signals (B, n) or (B, n, F); all features count alike.
        t: their time.

    Returns:
        The response and the rest of each eigenvector, both NaN where no signal has a component in it.

    Source: C. Stein, Estimation of the mean of a multivariate normal distribution, 1981, lemma 1.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> D = Gaussian(torch.zeros(2), Isotropic(3.0)).denoiser(EDM())
        >>> found = measured_response(D, torch.eye(2), torch.randn(9, 2).double(), torch.tensor(1.0).double())
        >>> found.response.round(decimals=9).tolist()
        [0.75, 0.75]
    """
    signals, denoised = (x.double().reshape(*x.shape[:2], -1) for x in (x_t, denoiser(x_t, t)))
    back = vectors.double().T
    given, made = ((back @ part).movedim(1, 0).flatten(1) for part in (signals, denoised))
    response = (given * made).sum(1) / given.square().sum(1)
    rest = (made - response[:, None] * given).square().mean(1).sqrt()
    return MeasuredResponse(response, rest)
