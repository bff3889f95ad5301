"""Rings: every group of the plane, by Gaussian profiles around the centre times the closed form in the angle."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.steerable.kernels.angular import angular_basis
from equigen.steerable.kernels.basis import KernelBasis, common_group, pixel_places

__all__ = ["Ring", "RingBasis"]

_CENTRE = 0.005


@dataclass(frozen=True)
class Ring:
    """A circle in the kernel, with the profile exp(-(r - radius)^2 / (2 width^2)).

    Args:
        radius: in pixels.
        width: in pixels.
        cutoff: the largest frequency mu of the polar angle on it.

    Example:
        >>> RingBasis(width=0.75).rings(3)[1]
        Ring(radius=1.0, width=0.5, cutoff=2)
    """

    radius: float
    width: float
    cutoff: int


@dataclass(frozen=True)
class RingBasis(KernelBasis):
    """Kernels exp(-(r - r_i)^2 / (2 sigma_i^2)) k(phi), sampled at the pixels; for every group of the plane.

    Rings stand at r_i = 0, 1, ..., (k - 1)/2 in odd kernels and at 1/2, 3/2, ..., (k - 1)/2 in even ones. The centre is
    one pixel and has frequency 0. Elsewhere the frequencies of the polar angle reach, by default, 2 on the
    outermost ring (1 at r = 1/2), and further in 2r, or 2r - 1 where r is even: few enough for the pixels to
    resolve the angle, so that turns between quarter turns stay close. A `cutoff` replaces these numbers on every ring,
    up to the frequency whose waves are two pixels long there, mu <= pi r.

    The continuous kernels obey the constraint of the whole group; sampled at pixels, the filters keep exactly its part
    in D4 (quarter turns, and flips across multiples of 45 degrees).

    Args:
        cutoff: largest frequency of the polar angle on every ring, None for the default.
        width: sigma of the inner rings in pixels; the outermost has 2/3 of it.

    Raises:
        ValueError: a negative cut-off, or a width outside [0.5, 1.0]: narrower rings miss pixels, wider ones run
            together.

    Error: the constraint holds to 1e-15 (mu + 1) relatively in float64.

    Source: M. Weiler, G. Cesa, General E(2)-Equivariant Steerable CNNs, NeurIPS 2019 (Gaussian
    rings with cut-off frequencies; the default numbers are those of its public code).

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> field = regular(Cyclic(8))
        >>> RingBasis().dimension(field, field, 5), RingBasis(cutoff=3).dimension(field, field, 5)
        (88, 120)
        >>> RingBasis().filters(regular(SO2(), 3), regular(SO2(), 3), 5).shape
        torch.Size([65, 7, 7, 5, 5])
    """

    cutoff: int | None = None
    width: float = 0.6

    def __post_init__(self) -> None:
        limited = self.cutoff is not None
        if limited and (isinstance(self.cutoff, bool) or not isinstance(self.cutoff, int) or self.cutoff < 0):
            raise ValueError(
                f"cutoff is {self.cutoff!r}, but the largest frequency is a whole number from 0: RingBasis(cutoff=3)."
            )
        if not 0.5 <= self.width <= 1.0:
            raise ValueError(
                f"width is {self.width} pixels, but rings one pixel apart need 0.5 to 1.0: RingBasis(width=0.6)."
            )

    def supports(self, group: PlaneGroup) -> str:
        """Empty: there are rings for every group of the plane."""
        return ""

    def rings(self, kernel_size: int) -> tuple[Ring, ...]:
        """The rings of a k x k filter, from the centre outwards.

        Example:
            >>> [(ring.radius, ring.cutoff) for ring in RingBasis().rings(7)]
            [(0.0, 0), (1.0, 2), (2.0, 3), (3.0, 2)]
            >>> [(ring.radius, ring.cutoff) for ring in RingBasis().rings(4)]
            [(0.5, 1), (1.5, 2)]
        """
        outermost = (kernel_size - 1) / 2
        first = outermost % 1
        radii = [first + i for i in range(int(outermost - first) + 1)]
        return tuple(Ring(r, self._width(r, outermost), self._cutoff(r, outermost)) for r in radii)

    def _width(self, radius: float, outermost: float) -> float:
        if radius == 0:
            return _CENTRE
        return self.width * 2 / 3 if radius == outermost else self.width

    def _cutoff(self, radius: float, outermost: float) -> int:
        if radius == 0:
            return 0
        if self.cutoff is not None:
            return min(self.cutoff, int(math.pi * radius))
        twice = int(2 * radius)
        return min(2, twice) if radius == outermost else twice - (radius % 2 == 0)

    def at(self, in_rep: Representation, out_rep: Representation, kernel_size: int, points: Tensor) -> Tensor:
        """The continuous kernels of which the filters are samples, at points of the plane.

        Args:
            in_rep: of the input field, of size d_in.
            out_rep: of the output field, of size d_out.
            kernel_size: k of the filters.
            points: (x, y) in pixels from the centre, (*, 2).

        Returns:
            float64 (n, d_out, d_in, *), scaled as the filters are: at `pixel_places(k)` they are the filters.

        Raises:
            ValueError: as `filters`.
        """
        self._checked(in_rep, out_rep, kernel_size)
        norms = self._sampled(in_rep, out_rep, kernel_size, pixel_places(kernel_size)).flatten(1).norm(dim=1)
        sampled = self._sampled(in_rep, out_rep, kernel_size, points.double())
        return sampled * (out_rep.size**0.5 / norms).reshape(-1, *[1] * (points.ndim + 1))

    def _built(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> Tensor:
        return self._sampled(in_rep, out_rep, kernel_size, pixel_places(kernel_size))

    def _sampled(self, in_rep: Representation, out_rep: Representation, kernel_size: int, points: Tensor) -> Tensor:
        rings = self.rings(kernel_size)
        angular = angular_basis(in_rep, out_rep, max(ring.cutoff for ring in rings))
        x, y = points.reshape(-1, 2).unbind(-1)
        radius, phi = torch.hypot(x, y), torch.atan2(y, x)
        angles = angular.frequencies.double()[:, None] * phi
        # The angle has no value at the centre: what depends on it vanishes there.
        kept = ((radius > 0) | (angular.frequencies == 0)[:, None]).double()
        waves = torch.stack((torch.cos(angles) * kept, torch.sin(angles) * kept), dim=1)
        parts = []
        for ring in rings:
            chosen = angular.frequencies.abs() <= ring.cutoff
            profile = torch.exp(-((radius - ring.radius) ** 2) / (2 * ring.width**2))
            parts.append(angular.weighted(waves[chosen] * profile, chosen))
        together = torch.cat(parts)
        return together.reshape(*together.shape[:3], *points.shape[:-1])

    def _count(self, in_rep: Representation, out_rep: Representation, kernel_size: int) -> int:
        group = common_group(in_rep, out_rep)
        rings = self.rings(kernel_size)
        # The mean of a trigonometric polynomial over a circle is its mean over more points than its degree.
        degree = in_rep.frequency + out_rep.frequency + max(ring.cutoff for ring in rings)
        elements = group.grid(group.rotations or degree + 1)
        angle, flip = elements.unbind(-1)
        fields = out_rep.character(elements) * in_rep.character(elements)
        count = 0.0
        for ring in rings:
            frequency = torch.arange(1, ring.cutoff + 1, dtype=torch.float64)
            waves = 1 + 2 * (1 - flip) * torch.cos(frequency[:, None] * angle).sum(dim=0)
            count += (fields * waves).mean().item()
        return round(count)
