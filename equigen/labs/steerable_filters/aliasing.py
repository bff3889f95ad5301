"""What sampling a filter on few pixels does to its angular frequencies, predicted and measured.

A filter of angular frequency mu has a transfer function of the same frequency. Sampled on a square grid it has also
mu + 4t: the grid looks the same after a quarter turn and after no other. For maps whose spectrum is the same in all
directions, of frequencies up to a band, the equivariance error of a convolution at the element g is then

    error(g)^2 = int ||rho_out(g) K^(g^-1 w) rho_in(g)^-1 - K^(w)||^2 dw / int ||K^(w)||^2 dw,    |w| <= band,

with K^ the transfer function of the sampled filter: an integral over a disk, done by quadrature here. Measured is the
error on random maps of that spectrum under a Gaussian window, which are rotated by shears. The window blurs the edge of
the band, and so does the integral.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from equigen import random
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.labs.on_the_line import cautious_error
from equigen.steerable.kernels.basis import pixel_places
from equigen.symmetry.error import equivariance_error
from equigen.symmetry.image_action import ImageAction

__all__ = ["Errors", "Maps", "angular_shares", "between", "errors", "measured", "predicted"]

_WINDOW = 1 / 8  # deviation of the window, in sides of the map
_RADII, _DIRECTIONS = 16, 48


@dataclass(frozen=True)
class Errors:
    """Equivariance error of some random filters between quarter turns, root mean square over angles.

    Args:
        measured: of each filter, (n,).
        predicted: by the integral, (n,).
        floor: of interpolation on the same maps, (n,).
    """

    measured: Tensor
    predicted: Tensor
    floor: Tensor

    @property
    def mean(self) -> float:
        """Over the filters."""
        return float(self.measured.mean())

    @property
    def doubt(self) -> float:
        """Of the mean over filters, half of what its 95 % Student interval reaches to either side."""
        return cautious_error(self.measured.tolist())


def between(count: int) -> Tensor:
    """Rotations between quarter turns, (n, 2): spread over a turn from the golden section on.

    Example:
        >>> between(4)[:, 0].rad2deg().round().tolist()
        [56.0, 146.0, 236.0, 326.0]
    """
    angle = (torch.arange(count, dtype=torch.float64) + (math.sqrt(5) - 1) / 2) * (math.tau / count)
    return torch.stack((angle, torch.zeros_like(angle)), dim=-1)


@dataclass(frozen=True)
class Maps:
    """Noise with all frequencies up to a band alike, under a Gaussian window.

    Args:
        count: their number.
        size: of the square frame, in pixels.
        band: largest frequency, in units of Nyquist's.
        seed: of the noise.
    """

    count: int
    size: int
    band: float
    seed: int

    def drawn(self, channels: int) -> Tensor:
        """The maps, float64 (count, channels, size, size), channels independent."""
        where = {"seed": self.seed, "stream": random.Stream.METRIC, "item": torch.arange(self.count), "step": 3}
        white = random.normal((channels, self.size, self.size), **where, dtype=torch.float64)
        frequency = 2.0 * torch.fft.fftfreq(self.size, dtype=torch.float64)
        kept = torch.hypot(frequency[:, None], frequency) <= self.band
        radius = (torch.arange(self.size, dtype=torch.float64) - (self.size - 1) / 2) / (_WINDOW * self.size)
        window = torch.exp(-0.5 * (radius[:, None] ** 2 + radius**2))
        return torch.fft.ifft2(torch.fft.fft2(white) * kept).real * window

    def spectrum(self) -> tuple[Tensor, Tensor]:
        """Radii in radians per pixel, and weights of an integral over them with the maps' power.

        The power of noise under a window is that of the noise, blurred by the square of the window's transform: a
        normal density of the deviation 1 / (sqrt(2) window). Across the edge of the disk this is an error function.
        """
        blur = 1.0 / (math.sqrt(2.0) * _WINDOW * self.size)
        edge, end = math.pi * self.band, math.pi * self.band + 4.0 * blur
        node, weight = _gauss(_RADII)
        radius = end * node
        power = torch.special.erfc((radius - edge) / (math.sqrt(2.0) * blur)) / 2.0
        return radius, end * weight * radius * power


@dataclass(frozen=True)
class _Remembering(ImageAction):
    """An action on a few batches of maps, each of which is turned once for all filters."""

    _kept: dict[tuple[str, tuple[float, ...], bytes], Tensor] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        return self._once("there", g, x)

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        return self._once("back", g, x)

    def _once(self, way: str, g: Tensor, x: Tensor) -> Tensor:
        key = (way, tuple(g.tolist()), hashlib.blake2b(x.contiguous().numpy().tobytes()).digest())
        if key not in self._kept:
            self._kept[key] = super().__call__(g, x) if way == "there" else super().back(g, x)
        return self._kept[key]


def measured(
    filters: Tensor, in_rep: Representation, out_rep: Representation, maps: Maps, elements: Tensor
) -> tuple[Tensor, Tensor]:
    """The equivariance error of convolutions with filters (n, C_out, C_in, k, k) and its floor.

    Returns:
        Root mean squares over the elements, (n,) each.
    """
    group = in_rep.group
    assert isinstance(group, PlaneGroup)
    actions = _Remembering(group, in_rep), ImageAction(group, out_rep)
    x = maps.drawn(in_rep.size)
    found = [
        equivariance_error(
            lambda x, one=one: functional.conv2d(x, one, padding=one.shape[-1] // 2), x, *actions, elements
        )
        for one in filters
    ]
    rows = [(one.error.square().mean().sqrt(), one.floor.square().mean().sqrt()) for one in found]
    error, floor = torch.tensor(rows, dtype=torch.float64).unbind(-1)
    return error, floor


def predicted(filters: Tensor, in_rep: Representation, out_rep: Representation, maps: Maps, elements: Tensor) -> Tensor:
    """The same error by the integral over frequencies.

    Args:
        filters: float64 (n, C_out, C_in, k, k).
        in_rep: of what comes in.
        out_rep: of what goes out.
        maps: whose spectrum is taken.
        elements: rotations (m, 2).

    Error: the quadrature is good to 1e-3 for filters up to 7 pixels.

    Returns:
        Root mean square over the elements, (n,).

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.groups.representation import trivial
        >>> one = torch.ones(1, 1, 1, 1, 1, dtype=torch.float64)
        >>> predicted(one, trivial(SO2()), trivial(SO2()), Maps(8, 49, 0.5, 0), between(4)).tolist()
        [0.0]
    """
    radius, weight = maps.spectrum()
    phi = torch.arange(_DIRECTIONS, dtype=torch.float64) * (math.tau / _DIRECTIONS)
    weights = weight[:, None].expand(_RADII, _DIRECTIONS).flatten()
    start = _transfer(filters, radius, phi)
    squares = [
        (_mixed(_transfer(filters, radius, phi - g[0]), in_rep.matrix(g), out_rep.matrix(g)) - start).abs().square()
        for g in elements
    ]
    apart = sum(square.sum((1, 2)) @ weights for square in squares) / len(elements)
    return (apart / (start.abs().square().sum((1, 2)) @ weights)).sqrt()


def errors(filters: Tensor, in_rep: Representation, out_rep: Representation, maps: Maps, elements: Tensor) -> Errors:
    """Measure and predict."""
    error, floor = measured(filters, in_rep, out_rep, maps, elements)
    return Errors(error, predicted(filters, in_rep, out_rep, maps, elements), floor)


def angular_shares(filters: Tensor, maps: Maps) -> dict[int, float]:
    """How the power of filters (n, 2, k, k), read as x + i y, is spread over angular frequencies.

    Args:
        filters: of one angular frequency on the continuous plane.
        maps: whose spectrum weighs the frequencies.

    Returns:
        Shares by angular frequency, the largest first; those above a millionth.

    Example:
        >>> x = torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]])
        >>> filter = torch.stack((x, x.rot90()))[None].double()       # outwards, from four pixels
        >>> list(angular_shares(filter, Maps(1, 49, 0.5, 0)))[:2]
        [1, -3]
    """
    radius, weight = maps.spectrum()
    phi = torch.arange(_DIRECTIONS, dtype=torch.float64) * (math.tau / _DIRECTIONS)
    parts = _transfer(filters[:, :, None], radius, phi)
    waves = torch.fft.fft((parts[:, 0] + 1j * parts[:, 1]).unflatten(-1, (_RADII, _DIRECTIONS)), dim=-1)
    power = torch.einsum("nirt,r->t", waves.abs().square(), weight)
    numbers = torch.fft.fftfreq(_DIRECTIONS, 1 / _DIRECTIONS).round().int().tolist()
    found = {mu: float(share) for mu, share in zip(numbers, power / power.sum(), strict=True) if share > 1e-6}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _transfer(filters: Tensor, radius: Tensor, phi: Tensor) -> Tensor:
    """sum_x K(x) exp(i w x) at polar places, (n, C_out, C_in, radii * directions)."""
    wave = torch.stack((torch.cos(phi), torch.sin(phi)), dim=-1) * radius[:, None, None]
    phase = wave.reshape(-1, 2) @ pixel_places(filters.shape[-1]).reshape(-1, 2).T
    return filters.flatten(-2).to(torch.complex128) @ torch.polar(torch.ones_like(phase), phase).T


def _mixed(transfer: Tensor, in_matrix: Tensor, out_matrix: Tensor) -> Tensor:
    """rho_out K^ rho_in^-1."""
    ins, outs = (matrix.to(torch.complex128) for matrix in (in_matrix, out_matrix))
    return torch.einsum("ab,nbip,ji->najp", outs, transfer, ins)


def _gauss(count: int) -> tuple[Tensor, Tensor]:
    """Nodes and weights of the Gauss-Legendre rule on [0, 1]."""
    k = torch.arange(1, count, dtype=torch.float64)
    off = k / torch.sqrt(4 * k**2 - 1)
    values, vectors = torch.linalg.eigh(torch.diag(off, 1) + torch.diag(off, -1))
    return (values + 1) / 2, vectors[0] ** 2
