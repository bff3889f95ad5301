"""How far logits move when the digit turns: over many angles, at quarter turns, and by interpolation alone.

For a network f, images x_1 .. x_B and an angle a, with the pictures x_i(a) of the turned digits,

    e_i(a) = |f(x_i(a)) - f(x_i(0))| / s,      s^2 = mean_i |f(x_i(0)) - mean_j f(x_j(0))|^2.

In units of s, the distance of a digit's logits from the mean digit's, 0 is invariance, and the square root of 2 is what
two digits that have nothing to do with each other have between them. A constant that f adds to everything changes
nothing here, while it would dwarf an error relative to |f|.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equigen.labs.equivariance.continuous_digits import ContinuousDigits
from equigen.labs.on_the_line import cautious_error
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.symmetry.rotation import is_quarter_turn, rotate

__all__ = ["Repeated", "Turning", "bilinear", "distances", "drift", "mean_error", "orbit", "over_trainings", "turning"]

_PIXELS = 1 << 17  # of a batch


@dataclass(frozen=True, eq=False)
class Turning:
    """What turning digits does to the logits of one network.

    Args:
        name: of the network.
        trained: whether it was.
        angles: (A,), radians.
        error: (A, B), e_i(a) on exact pictures of turned digits.
        floor: (A', B), by how much the three-shear rotation of pixels changes logits, at `floor_angles`.
        linear: (A', B), the same for bilinear interpolation.
        floor_angles: (A',).
        quarter32: largest e_i at the three quarter turns in float32.
        quarter64: in float64.
        accuracy: share of these digits told rightly, over all angles.
    """

    name: str
    trained: bool
    angles: Tensor
    error: Tensor
    floor: Tensor
    linear: Tensor
    floor_angles: Tensor
    quarter32: float
    quarter64: float
    accuracy: float

    @property
    def between(self) -> Tensor:
        """(A'', B), the errors at the angles that are no quarter turns."""
        return self.error[~is_quarter_turn(self.angles)]

    @property
    def each(self) -> Tensor:
        """(B,), of each image the mean error between quarter turns."""
        return self.between.mean(0)

    @property
    def mean(self) -> float:
        """Mean error between quarter turns."""
        return float(self.each.mean())

    @property
    def largest(self) -> float:
        """The mean over images at the worst angle."""
        return float(self.error.mean(1).max())


def orbit(digits: ContinuousDigits, angles: Tensor, *, margin: float = 0, finer: int = 1) -> Tensor:
    """Exact pictures of the digits at angles, float64 (A, B, 1, s, s)."""
    return torch.stack([digits.at(float(angle), margin=margin, finer=finer) for angle in angles])


def distances(moved: Tensor, still: Tensor) -> Tensor:
    """e_i(a): (A, B) float64 of results (A, B, n) and of those of the upright images (B, n).

    Example:
        >>> still = torch.tensor([[0.0, 1.0], [0.0, -1.0]])
        >>> distances(still.flip(0)[None], still).tolist()
        [[2.0, 2.0]]
    """
    return (moved.double() - still.double()).norm(dim=-1) / _spread(still)


@torch.no_grad()
def drift(function: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """e_i(a) of a function at pictures (A, B, C, H, W), the first angle being the one where nothing is turned."""
    found = _mapped(function, pictures)
    return distances(found, found[0])


def turning(
    network: SteerableClassifier, digits: ContinuousDigits, pictures: Tensor, angles: Tensor, name: str, trained: bool
) -> Turning:
    """Measure one network.

    Args:
        network: float32, in evaluation mode.
        digits: that are turned.
        pictures: their `orbit` at these angles.
        angles: (A,), the first of them 0.
        name: of the network.
        trained: whether it was.
    """
    with torch.no_grad():
        found = _mapped(network, pictures.float())
        right = (found.argmax(-1) == digits.labels).double().mean()
        some = torch.arange(len(angles))[~is_quarter_turn(angles)][:: max(1, len(angles) // 8)]
        still = pictures[0].float()
        shears = torch.stack([network(rotate(still, float(angles[k]))) for k in some])
        linear = torch.stack([network(bilinear(still, float(angles[k]))) for k in some])
        by_shears, by_lines = (
            (other - found[some]).double().norm(dim=-1) / _spread(found[0]) for other in (shears, linear)
        )
    quarters = torch.stack([pictures[0].rot90(k, (-2, -1)) for k in range(4)])
    largest32 = float(drift(network, quarters.float()).max())
    largest64 = float(drift(copy.deepcopy(network).double(), quarters).max())
    error = distances(found, found[0])
    return Turning(name, trained, angles, error, by_shears, by_lines, angles[some], largest32, largest64, float(right))


def bilinear(x: Tensor, angle: float) -> Tensor:
    """Images (B, C, n, n) turned by bilinear interpolation of their pixels, as common image libraries do it.

    Example:
        >>> x = torch.rand(1, 1, 5, 5)
        >>> torch.allclose(bilinear(x, math.pi / 2), x.rot90(1, (2, 3)), atol=1e-5)
        True
    """
    cos, sin = math.cos(angle), math.sin(angle)
    matrix = x.new_tensor([[cos, -sin, 0.0], [sin, cos, 0.0]]).expand(len(x), 2, 3)
    grid = nn.functional.affine_grid(matrix, list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, mode="bilinear", align_corners=False)


def mean_error(values: Tensor) -> float:
    """The error of the mean of independent numbers (B,): half of what the 95 % Student interval reaches.

    Example:
        >>> round(mean_error(torch.tensor([1.0, 2.0, 3.0, 4.0])), 3)
        1.027
    """
    return cautious_error(values.double().tolist())


@dataclass(frozen=True, eq=False)
class Repeated:
    """The same kind of network, built and trained several times.

    Args:
        name: of the kind.
        untrained: (S, B), of each network and digit the mean error between quarter turns.
        trained: (S, B), after training.
    """

    name: str
    untrained: Tensor
    trained: Tensor


def over_trainings(values: Tensor) -> tuple[float, float]:
    """The mean of numbers of S networks and B digits, and its error: that of networks and that of digits together.

    Args:
        values: (S, B), or the difference of two such on the same seeds and digits.

    Returns:
        The mean and its error, infinite for one network.

    Example:
        >>> mean, error = over_trainings(torch.tensor([[1.0, 1.0], [3.0, 3.0]]))   # digits agree, networks do not
        >>> mean, error == mean_error(torch.tensor([1.0, 3.0]))
        (2.0, True)
    """
    return float(values.mean()), math.hypot(mean_error(values.mean(1)), mean_error(values.mean(0)))


def _mapped(function: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """The function of pictures (A, B, C, H, W), in batches of about as many pixels."""
    batch = max(1, _PIXELS // pictures[0, 0].numel())
    found = torch.cat([function(part) for part in pictures.flatten(0, 1).split(batch)])
    return found.unflatten(0, pictures.shape[:2])


def _spread(still: Tensor) -> float:
    still = still.double()
    return float((still - still.mean(0)).square().sum(1).mean().sqrt())
