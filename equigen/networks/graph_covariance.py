"""The covariance of stationary signals on a graph: a function of its shift, so that the exact denoiser is a filter.

    x_0 ~ N(mean, d(S)),     D(x) = mean + h_t(S) (x - alpha mean),     h_t = alpha d / (alpha^2 d + sigma^2)

with d >= 0 the density of the signal's power over the eigenvalues of S. `diffusion.Gaussian(mean, GraphCovariance(S,
d))` samples such signals, knows their density and denoises them exactly: a graph filter h_t for each noise level.

Source: N. Perraudin, P. Vandergheynst, Stationary signal processing on graphs, IEEE TSP 2017, definition 3 and section
VI (the Wiener filter).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from equigen.diffusion.laws.covariance import Covariance
from equigen.diffusion.schedules.schedule import Schedule
from equigen.graphs.filters.filter import Filter
from equigen.graphs.filters.polynomial import Polynomial
from equigen.graphs.filters.rational import Rational
from equigen.graphs.filters.spectral import Spectral
from equigen.graphs.filters.turning import chebyshev_coefficients, chebyshev_nodes
from equigen.graphs.graph import Graph
from equigen.graphs.shift import Shift
from equigen.graphs.spectrum import decomposed, interval, recentred

__all__ = ["GraphCovariance"]

_SAMPLES = 4097
_NARROWEST = 1e-6  # interval of a series, beside the largest eigenvalue
_NODES = 4  # Chebyshev nodes for each term of a series


class GraphCovariance(Covariance):
    """C = d(S) on signals (n,) or (n, F), of every feature alike.

    By the spectrum, which is exact and takes n^3 steps once; or with `order` by a Chebyshev series of that degree,
    which multiplies by S and no more: any f of C is then fitted where it is asked for, and `fit_error(f)` says how
    well. A covariance by a series has no eigenvalues to show, and so its law no density.

    Args:
        shift: symmetric, of one sparse graph.
        density: d, not negative on the spectrum; with `order`, on all of `interval(shift)`, which is wider.
        order: degree of the series; None: by the spectrum.

    Attributes:
        low: least eigenvalue of the shift, or a bound of it where a series is taken.
        high: largest eigenvalue, or a bound of it.

    Raises:
        ValueError: a shift that is not symmetric, or of several graphs; a density that is negative somewhere.

    Error: by the spectrum relative 1e-14 of the largest value in float64; by a series `fit_error(f)`.

    Example:
        >>> from equigen.graphs.shifts import laplacian
        >>> shift = laplacian(Graph.from_edges([[0], [1]], 2, undirected=True))              # eigenvalues 0 and 2
        >>> smooth = GraphCovariance(shift, Rational([1.0], [1.0, 1.0]))                     # d = 1 / (1 + lambda)
        >>> smooth.apply(torch.reciprocal, torch.tensor([[1.0, -1.0]])).round(decimals=6).tolist()
        [[3.0, -3.0]]
    """

    def __init__(self, shift: Shift, density: Filter, order: int | None = None) -> None:
        graph = shift.graph
        if not isinstance(graph, Graph) or len(graph.sizes) != 1 or not graph.nodes or not shift.symmetric:
            raise ValueError(
                f"shift is one of {graph}, but a covariance is a function of one symmetric shift: of one undirected "
                "graph, adjacency, Laplacian or normalised."
            )
        if order is not None and order < 1:
            raise ValueError(
                f"order is {order}, but a series has degree 1 or more: order=30, or None for the spectrum."
            )
        self.shift, self.density, self.order = shift, density, order
        if order is None:
            spectrum = decomposed(shift)
            self._values = spectrum.values.double().reshape(-1)
            self._vectors = spectrum.vectors.double().reshape(graph.nodes, graph.nodes)
            self.low, self.high = float(self._values[0]), float(self._values[-1])
            power = density.response(self._values)
        else:
            self.low, self.high = (float(end) for end in interval(shift).flatten())
            size = max(abs(self.low), abs(self.high)) or 1.0
            self.high = max(self.high, self.low + _NARROWEST * size)
            self._around = recentred(shift, (self.low, self.high))
            power = density.response(chebyshev_nodes(_SAMPLES, self.low, self.high))
        if not bool((power >= -1e-13 * power.abs().max()).all()):
            raise ValueError(
                f"density is {float(power.min()):.3g} somewhere on [{self.low:.3g}, {self.high:.3g}], but no power is "
                "negative (or NaN): take its square."
            )

    def eigenvalues(self, shape: torch.Size) -> Tensor:
        """d at the eigenvalues of S, once for each feature.

        Raises:
            ValueError: the covariance is by a series.
        """
        if self.order is not None:
            raise ValueError(
                "the covariance is by a Chebyshev series, which knows no eigenvalues: GraphCovariance(shift, density) "
                "takes the spectrum."
            )
        power = self._power(self._values)
        return power.reshape(-1, *[1] * (len(shape) - 1)).expand(shape)

    def apply(self, f: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """f(d(S)) x for signals (B, n) or (B, n, F); see `Covariance.apply`."""
        signals = x[..., None] if x.ndim == 2 else x
        if self.order is not None:
            return self._by_series(f, signals, x.ndim).reshape(x.shape)
        vectors = self._vectors.to(x)
        power = self._as_items(self._power(self._values), x).to(x)
        scaled = f(power) * (vectors.T @ signals).reshape(x.shape)
        return (vectors @ scaled.reshape(signals.shape)).reshape(x.shape)

    def map(self, f: Callable[[Tensor], Tensor]) -> GraphCovariance:
        """The covariance f(d(S)), in the same way."""
        return GraphCovariance(self.shift, Spectral(lambda value: f(self._power(value))), self.order)

    def fit_error(self, f: Callable[[Tensor], Tensor]) -> float:
        """The largest error of f(d(lambda)) that `apply` makes on the interval, 0 where it takes the spectrum.

        Args:
            f: an elementwise function of the variance, without numbers of items.

        Example:
            >>> from equigen.graphs.shifts import normalised_laplacian
            >>> shift = normalised_laplacian(Graph.from_edges([[0], [1]], 2, undirected=True))
            >>> GraphCovariance(shift, Rational([1.0], [1.0, 1.0]), order=20).fit_error(torch.sqrt) < 1e-9
            True
        """
        if self.order is None:
            return 0.0
        at = chebyshev_nodes(_SAMPLES, self.low, self.high)
        taps = self._taps(f, 2, torch.float64)[:, 0]
        place = (2.0 * at - self.low - self.high) / (self.high - self.low)
        fitted = torch.cos(torch.arange(len(taps)) * torch.acos(place.clamp(-1.0, 1.0))[:, None]) @ taps
        return float((fitted - f(self._power(at))).abs().max())

    def denoiser_filter(self, schedule: Schedule, t: Tensor | float) -> Filter:
        """h_t = alpha d / (alpha^2 d + sigma^2), with which D(x_t) = mean + h_t(S) (x_t - alpha mean).

        A rational filter where the density is a polynomial or rational one.

        Args:
            schedule: the kernel.
            t: one time.

        Raises:
            ValueError: several times.

        Example:
            >>> from equigen.diffusion import EDM
            >>> from equigen.graphs.shifts import laplacian
            >>> shift = laplacian(Graph.from_edges([[0], [1]], 2, undirected=True))
            >>> GraphCovariance(shift, Polynomial([3.0])).denoiser_filter(EDM(), 1.0).response(torch.zeros(1)).item()
            0.75
        """
        time = torch.as_tensor(t, dtype=torch.float64)
        if time.numel() != 1:
            raise ValueError(f"t has shape {tuple(time.shape)}, but a filter belongs to one noise level: t[0], say.")
        alpha, sigma = float(schedule.alpha(time)), float(schedule.sigma(time))
        if isinstance(self.density, Polynomial | Rational):
            over, under = _quotient(self.density)
            length = max(len(over), len(under))
            p, q = (functional.pad(part, (0, length - len(part))) for part in (over, under))
            return Rational(alpha * over, alpha**2 * p + sigma**2 * q)
        power = self._power
        return Spectral(lambda value: alpha * power(value) / (alpha**2 * power(value) + sigma**2))

    def _power(self, eigenvalue: Tensor) -> Tensor:
        """d, with what is negative by rounding at 0."""
        return self.density.response(eigenvalue).clamp(min=0.0)

    @staticmethod
    def _as_items(power: Tensor, x: Tensor) -> Tensor:
        """(m,) as it broadcasts against items (B, m) or (B, m, F)."""
        return power if x.ndim == 2 else power[:, None]

    def _taps(self, f: Callable[[Tensor], Tensor], ndim: int, dtype: torch.dtype) -> Tensor:
        """Coefficients of the series of f(d), (order + 1, B) or (order + 1, 1)."""
        assert self.order is not None
        power = self._power(chebyshev_nodes(_NODES * (self.order + 1), self.low, self.high)).to(dtype)
        power = power if ndim == 2 else power[:, None]
        values = f(power).expand(torch.broadcast_shapes(f(power).shape, power.shape))
        values = values if values.ndim == ndim else values[None]
        return chebyshev_coefficients(values.reshape(len(values), len(power)).T.double(), self.order)

    def _by_series(self, f: Callable[[Tensor], Tensor], x: Tensor, ndim: int) -> Tensor:
        """sum_k c_k T_k(S~) x with the coefficients of each item."""
        taps = self._taps(f, ndim, x.dtype).to(x)[..., None, None]
        before, now = x, self._around.product(x)
        y = taps[0] * before + taps[1] * now
        for tap in taps[2:]:
            before, now = now, 2.0 * self._around.product(now) - before
            y = y + tap * now
        return y


def _quotient(density: Polynomial | Rational) -> tuple[Tensor, Tensor]:
    """Coefficients of numerator and denominator."""
    if isinstance(density, Rational):
        return density.numerator, density.denominator
    return density.taps, torch.ones(1, dtype=torch.float64)
