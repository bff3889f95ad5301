"""One filter at every angle: made of basis filters, and by interpolating its pixels.

A field of band-limited functions on the circle holds, at each pixel, the responses at all angles at once. If K maps a
scalar to it, K(g x) = rho(g) K(x), then with the field's origin v

    psi_a(x) = v . rho(a)^-1 K(x),        psi_a(R(a) x) = psi_0(x):

the filter psi_0 turned by a is a combination of the coordinates of K, whose coefficients rho(a) v are cosines and
sines of a.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from equigen import random
from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import SO2
from equigen.groups.representation import Representation, trivial
from equigen.steerable.kernels.basis import pixel_places
from equigen.steerable.kernels.ring_basis import RingBasis

__all__ = [
    "METHODS",
    "Oriented",
    "Responses",
    "Steered",
    "Turned",
    "edge",
    "oriented",
    "resampled",
    "responses",
    "steered",
    "turned",
]

METHODS: Mapping[str, str] = {"bilinear": "bilinear", "bicubic": "bicubic", "nearest": "nearest pixel"}
"""Ways of interpolating pixels, as torch calls them and as they are written."""

_MARGIN = 2  # pixels around the filter that interpolation may read: what it gets wrong is not the frame's fault
_COPIES = 64


@dataclass(frozen=True)
class Oriented:
    """A filter that answers edges of one direction, as a sum of basis filters with frequencies up to F.

    Args:
        kernel_size: k, in pixels.
        highest: F.
        weights: of the basis filters between a scalar and functions on the circle, (n,).
        basis: which filters.
    """

    kernel_size: int
    highest: int
    weights: Tensor
    basis: RingBasis

    @property
    def field(self) -> Representation:
        """The functions on the circle up to frequency F."""
        return regular(SO2(), self.highest)

    def coordinates(self, points: Tensor) -> Tensor:
        """The coordinates of K at points (*, 2) of the plane, as (2F + 1, *)."""
        kernels = self.basis.at(trivial(SO2()), self.field, self.kernel_size, points)
        return torch.einsum("n,nc...->c...", self.weights, kernels[:, :, 0])

    def steering(self, angle: Tensor) -> Tensor:
        """The coefficients rho(a) v of the coordinates at angles (n,), as (n, 2F + 1)."""
        origin = self.field.origin
        assert origin is not None
        return self.field.matrix(torch.stack((angle, torch.zeros_like(angle)), dim=-1)) @ origin

    def at(self, points: Tensor, angle: float = 0.0) -> Tensor:
        """The filter turned by an angle, at points (*, 2), as (*)."""
        weights = self.steering(torch.tensor([angle], dtype=torch.float64))[0]
        return torch.einsum("c,c...->...", weights, self.coordinates(points))


@dataclass(frozen=True)
class Turned:
    """How one filter fares at angles between two quarter turns, by ways of making it.

    Args:
        kernel_size: k.
        angles: in radians, (A,).
        error: by way, relative to the filter that was to be made, (A,) each; "steered" is the combination.
        norm: by way, the norm of what was made relative to that at angle 0, (A,) each.
    """

    kernel_size: int
    angles: Tensor
    error: Mapping[str, Tensor]
    norm: Mapping[str, Tensor]

    def norm_left(self, way: str) -> float:
        """The least norm that a way leaves, over that of the steered filter at the same angle."""
        return float((self.norm[way] / self.norm["steered"]).min())


@dataclass(frozen=True)
class Responses:
    """What the filter answers at one pixel of an image, at all angles.

    Args:
        angles: in radians, (A,).
        combined: from 2F + 1 responses, (A,).
        convolved: from a convolution with the turned filter for each angle, (A,).
        apart: the largest difference over all pixels and angles, relative to the largest response.
    """

    angles: Tensor
    combined: Tensor
    convolved: Tensor
    apart: float


@dataclass(frozen=True)
class Steered:
    """All that is measured of steering.

    Args:
        highest: F.
        points: of the disk at which the filter is looked at.
        disk: largest |psi_a(R(a) x) - psi_0(x)| over points and angles, relative to the largest |psi_0|.
        values: singular values of copies of the filter at 64 angles, relative to the first, (64,).
        raw: the same of the filter that it approximates, which is not band-limited, (64,).
        turned: by kernel size.
        responses: of an image.
    """

    highest: int
    points: int
    disk: float
    values: Tensor
    raw: Tensor
    turned: Sequence[Turned]
    responses: Responses

    @property
    def needed(self) -> int:
        """How many filters the copies at all angles are combinations of: the rank of the copies, to 1e-9."""
        return int((self.values > 1e-9).sum())


@lru_cache(maxsize=16)
def oriented(kernel_size: int, highest: int) -> Oriented:
    """The steerable filter nearest to a detector of edges, `edge`, on a square around the pixels.

    Args:
        kernel_size: k.
        highest: F, of the angle.

    Example:
        >>> filter = oriented(5, 3)
        >>> above, below = torch.tensor([0.0, 1.0]), torch.tensor([0.0, -1.0])
        >>> float(filter.at(above)) > 0.1, float(filter.at(below)) < 0.0
        (True, True)
    """
    basis = RingBasis(cutoff=highest)
    field = regular(SO2(), highest)
    reach = (kernel_size - 1) / 2 + 0.5
    along = torch.arange(-20, 21, dtype=torch.float64) * (reach / 20)
    points = torch.stack(torch.meshgrid(along, along, indexing="xy"), dim=-1).reshape(-1, 2)
    assert field.origin is not None
    kernels = torch.einsum("c,ncp->np", field.origin, basis.at(trivial(SO2()), field, kernel_size, points)[:, :, 0])
    weights = torch.linalg.lstsq(kernels.T, edge(points, kernel_size)[:, None]).solution[:, 0]
    return Oriented(kernel_size, highest, weights, basis)


def edge(points: Tensor, kernel_size: int) -> Tensor:
    """(1/2 + y/s) exp(-(x / 2 s)^2 / 2 - (y / s)^2 / 2) at points (*, 2), s = k / 7 pixels: a detector of edges."""
    s = kernel_size / 7
    x, y = points.unbind(-1)
    return (0.5 + y / s) * torch.exp(-0.5 * (x / (2 * s)) ** 2 - 0.5 * (y / s) ** 2)


def steered(sizes: Sequence[int], highest: int, seed: int) -> Steered:
    """Measure steering on the disk and on pixels.

    Args:
        sizes: of filters, in pixels; the largest is looked at most closely.
        highest: F.
        seed: of the points and of the image.
    """
    filter = oriented(max(sizes), highest)
    u = random.uniform((400, 2), seed=seed, stream=random.Stream.METRIC, dtype=torch.float64)
    radius, phi = u[:, 0].sqrt() * (max(sizes) / 2), math.tau * u[:, 1]
    points = torch.stack((radius * torch.cos(phi), radius * torch.sin(phi)), dim=-1)
    start = filter.at(points)
    angles = torch.arange(_COPIES, dtype=torch.float64) * (math.tau / _COPIES)
    apart = max(float((filter.at(_rotated(points, a), a) - start).abs().max()) for a in angles.tolist())
    copies = filter.steering(angles) @ filter.coordinates(points)
    raw = torch.stack([edge(_rotated(points, -a), max(sizes)) for a in angles.tolist()])
    spectra = [torch.linalg.svdvals(rows) for rows in (copies, raw)]
    return Steered(
        highest,
        len(points),
        apart / float(start.abs().max()),
        spectra[0] / spectra[0][0],
        spectra[1] / spectra[1][0],
        [turned(oriented(k, highest)) for k in sizes],
        responses(filter, seed),
    )


def turned(filter: Oriented) -> Turned:
    """Make a filter at angles from 0 to 90 degrees by each way, and compare with samples of the turned filter.

    Interpolation is given two more pixels around the filter than the filter has, so that no frame cuts off what it
    reads.
    """
    k = filter.kernel_size
    angles = torch.arange(37, dtype=torch.float64) * (math.pi / 2 / 36)
    places = pixel_places(k)
    wanted = torch.stack([filter.at(_rotated(places, -a)) for a in angles.tolist()])
    made = {"steered": torch.einsum("ac,chw->ahw", filter.steering(angles), filter.coordinates(places))}
    large = filter.at(pixel_places(k + 2 * _MARGIN))
    for mode in METHODS:
        copies = torch.stack([resampled(large, a, mode) for a in angles.tolist()])
        made[mode] = copies[:, _MARGIN : _MARGIN + k, _MARGIN : _MARGIN + k]
    size = wanted.flatten(1).norm(dim=1)
    return Turned(
        k,
        angles,
        {way: (copies - wanted).flatten(1).norm(dim=1) / size for way, copies in made.items()},
        {way: copies.flatten(1).norm(dim=1) / size[0] for way, copies in made.items()},
    )


def resampled(pixels: Tensor, angle: float, mode: str) -> Tensor:
    """Turn the pixels of a filter (*, k, k) by interpolating them, zero outside.

    Args:
        pixels: of square filters.
        angle: in radians, counterclockwise.
        mode: "bilinear", "bicubic" or "nearest".

    Example:
        >>> resampled(torch.tensor([[0.0, 1.0], [0.0, 0.0]]), math.pi / 2, "bilinear").round(decimals=6).tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """
    k = pixels.shape[-1]
    x, y = _rotated(pixel_places(k), -angle).to(pixels).unbind(-1)
    read = torch.stack((x, -y), dim=-1) * (2 / k)  # torch's own coordinates: y down, the frame from -1 to 1
    grid = read.round(decimals=12)[None]  # places between two pixels must not fall to either side by rounding
    return functional.grid_sample(
        pixels.reshape(1, -1, k, k), grid, mode=mode, padding_mode="zeros", align_corners=False
    ).reshape(pixels.shape)


def responses(filter: Oriented, seed: int) -> Responses:
    """Answers of the filter on an image at all angles: convolved once with 2F + 1 filters, or once for each angle."""
    places = pixel_places(filter.kernel_size)
    image = random.normal((1, 1, 16, 16), seed=seed, stream=random.Stream.METRIC, step=1, dtype=torch.float64)
    angles = torch.arange(_COPIES + 1, dtype=torch.float64) * (math.tau / _COPIES)
    once = functional.conv2d(image, filter.coordinates(places)[:, None])[0]
    combined = torch.einsum("ac,chw->ahw", filter.steering(angles), once)
    copies = torch.stack([filter.at(_rotated(places, -a)) for a in angles.tolist()])
    convolved = functional.conv2d(image, copies[:, None])[0]
    apart = float((combined - convolved).abs().max() / convolved.abs().max())
    place = int(convolved.square().sum(0).argmax())
    return Responses(angles, combined.flatten(1)[:, place], convolved.flatten(1)[:, place], apart)


def _rotated(points: Tensor, angle: float) -> Tensor:
    """R(a) x at points (*, 2)."""
    c, s = math.cos(angle), math.sin(angle)
    return points @ torch.tensor([[c, s], [-s, c]], dtype=points.dtype)
