"""The error of an SO(2) network taken apart: each source removed alone, and each left alone, with the same weights.

| source | how it is removed |
|---|---|
| samples of the activations | 64 of them instead of 16 |
| border of the frame | `MARGIN` empty pixels more on every side |
| pixels under filters | twice as many along each axis, `finer_invariants` |
| blurs that are only nearly round | Gaussians of the same variance |
| interpolation | pictures are exact; what interpolation adds is measured as a difference |

All is measured on the invariant numbers before the head: these are means over the map, so that a wider frame only
scales what the digit adds to them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from equigen.labs.equivariance.continuous_digits import FRAME, ContinuousDigits
from equigen.labs.equivariance.finer import finer_invariants
from equigen.labs.equivariance.measuring import bilinear, distances, drift, orbit
from equigen.labs.equivariance.roster import resampled
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.symmetry.rotation import disk_mask, rotate

__all__ = [
    "MANY",
    "MARGIN",
    "MARGINS",
    "SOURCES",
    "Border",
    "Split",
    "aliasing",
    "border",
    "smooth_only",
    "some_angles",
    "split",
]

SOURCES = ("border", "pixels", "samples", "blurs")
"""Names of what is removed and left."""
MARGIN = 36
"""Empty pixels on every side with which next to nothing reaches the border: 37.5 of them, and the digit carries 35."""
MARGINS = (0, 4, 8, 16, 36)
"""Of the curve of the error against them."""
MANY = 64
"""Samples that leave nearly no aliasing."""
_REFERENCE = 128  # samples beside which others are measured
_FINER = 2
_OVERFULL = 1.6  # how much larger than usual a digit is drawn that does not fit the frame


@dataclass(frozen=True, eq=False)
class Split:
    """Mean error over angles of each image, (B,), under every removal.

    Args:
        trained: whether the network was.
        whole: nothing removed; pictures are exact.
        without: name of a source -> it alone is removed.
        alone: name of a source -> all others are removed.
        nothing: all are removed.
        shears: what three-shear interpolation of the pixels changes.
        linear: what bilinear interpolation changes.
    """

    trained: bool
    whole: Tensor
    without: dict[str, Tensor]
    alone: dict[str, Tensor]
    nothing: Tensor
    shears: Tensor
    linear: Tensor


@dataclass(frozen=True, eq=False)
class Border:
    """What the border does.

    Args:
        margins: (M,), empty pixels on every side.
        error: (M, B), mean error over angles with them.
        overfull: (whether they are cut to the disk, whether there is room around it) -> (B,), mean error with digits
            that are larger than the frame.
    """

    margins: tuple[int, ...]
    error: Tensor
    overfull: dict[tuple[bool, bool], Tensor]


def some_angles(count: int) -> Tensor:
    """0 and `count` angles between quarter turns, by the golden section, so that no number of samples divides them.

    Example:
        >>> some_angles(2).mul(180 / math.pi).round().tolist()
        [0.0, 222.0, 85.0]
    """
    golden = (math.sqrt(5) - 1) / 2
    return math.tau * torch.cat((torch.zeros(1), (torch.arange(1, count + 1) * golden) % 1)).double()


def split(network: SteerableClassifier, digits: ContinuousDigits, angles: Tensor, trained: bool) -> Split:
    """Take the error of a network apart.

    Args:
        network: of SO(2) with Fourier activations, float32, in evaluation mode.
        digits: that are turned.
        angles: (A,), the first of them 0.
        trained: whether it was.
    """
    many = resampled(network, MANY)

    def error(left: Collection[str]) -> Tensor:
        """With the sources that are left."""
        margin, finer = 0 if "border" in left else MARGIN, 1 if "pixels" in left else _FINER
        pictures = orbit(digits, angles, margin=margin, finer=finer).float()
        of = network if "samples" in left else many
        return drift(finer_invariants(of, finer, round_blurs="blurs" not in left), pictures)[1:].mean(0)

    without = {name: error(set(SOURCES) - {name}) for name in SOURCES}
    alone = {name: error({name}) for name in SOURCES}
    added = [_added(finer_invariants(network, 1), digits, angles, turn) for turn in (rotate, bilinear)]
    return Split(trained, error(SOURCES), without, alone, error(()), *added)


def smooth_only(network: SteerableClassifier, digits: ContinuousDigits, angles: Tensor) -> Tensor:
    """(B,), the mean error of a network of which border, pixels and blurs are removed: that of its activations."""
    pictures = orbit(digits, angles, margin=MARGIN, finer=_FINER).float()
    return drift(finer_invariants(network, _FINER, round_blurs=True), pictures)[1:].mean(0)


@torch.no_grad()
def aliasing(
    network: SteerableClassifier, digits: ContinuousDigits, angles: Tensor, samples: Sequence[int]
) -> dict[int, Tensor]:
    """What the samples of the activations alone change: of each number of samples, (B,).

    The mean over angles of |(f_N(x(a)) - f_N(x(0))) - (f_M(x(a)) - f_M(x(0)))|/s, with the same weights and M = 128.

    Args:
        network: of SO(2) with Fourier activations.
        digits: that are turned.
        angles: (A,), the first of them 0.
        samples: numbers N.
    """
    pictures = orbit(digits, angles).float()

    def moved(count: int) -> tuple[Tensor, Tensor]:
        function = finer_invariants(resampled(network, count), 1)
        found = torch.stack([function(part) for part in pictures]).double()
        return found, found - found[0]

    still, most = moved(_REFERENCE)
    made = {}
    for count in samples:
        apart = moved(count)[1] - most
        made[count] = distances(still[0] + apart, still[0])[1:].mean(0)
    return made


def border(network: SteerableClassifier, digits: ContinuousDigits, angles: Tensor) -> Border:
    """What the border does: in frames that are more and more roomy, and to digits that do not fit theirs."""
    function = finer_invariants(network, 1)
    rows = [drift(function, orbit(digits, angles, margin=margin).float())[1:].mean(0) for margin in MARGINS]
    large = orbit(replace(digits, magnified=_OVERFULL, radius=math.inf), angles).float()
    masked = large * disk_mask(FRAME, FRAME)
    overfull = {}
    for disk, pictures in ((False, large), (True, masked)):
        for room in (False, True):
            framed = functional.pad(pictures, (MARGIN * room,) * 4)
            overfull[disk, room] = drift(function, framed)[1:].mean(0)
    return Border(MARGINS, torch.stack(rows), overfull)


@torch.no_grad()
def _added(
    function: Callable[[Tensor], Tensor],
    digits: ContinuousDigits,
    angles: Tensor,
    turn: Callable[[Tensor, float], Tensor],
) -> Tensor:
    """(B,), the mean change by turning pixels instead of the digit itself."""
    still = digits.at(0.0).float()
    size = function(still)
    apart = [function(turn(still, float(a))) - function(digits.at(float(a)).float()) for a in angles[1:]]
    return distances(size + torch.stack(apart), size).mean(0)
