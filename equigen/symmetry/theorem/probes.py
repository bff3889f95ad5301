"""What premises are put to the test on: elements of the group, and data that these elements can move.

Elements that move data without interpolation are tested on any data. The others are tested on images of a band that
is closed under rotations, cut to a disk with a soft rim, since interpolating such images costs little: some 1e-3 on 28
pixels, 1e-2 on 8. What it costs stands beside every error (`equigen.symmetry.error`).

A network has to do more on pixels than to interpolate images: its filters are samples, its functions of maps make waves
that the pixels do not hold, and its coarser maps have few of them. This costs a steerable U-Net 3 to 4 % of its
result on 28 pixels, and a network that was shown images in all poses 17 to 47 %; so 5 % are allowed (`SAMPLED`), and a
denoiser that breaks its group by less passes as one at the floor. Nothing is allowed under motions of the grid.

What acts alike at every pixel interpolates nothing, and is judged by its numbers: x -> A x + b on the channels of a
pixel commutes with a group that mixes these by rho if and only if rho A = A rho and rho b = b.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from equigen.symmetry.action import Action
from equigen.symmetry.certificate import Claim
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, equivariance_error
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.pixelwise import pixelwise_error

__all__ = ["SAMPLED", "ProbedElements", "between_error", "commuting", "in_band", "probed_elements", "worst_claim"]

_GRID, _BETWEEN = 8, 4  # elements of each kind, at most
_LISTED = 1000  # groups of no more elements are listed
_BAND = 0.5  # of Nyquist's frequency
SAMPLED = 0.05  # the error between the motions of the grid that is allowed to a network on pixels


@dataclass(frozen=True, eq=False)
class ProbedElements:
    """Elements of a group, none of them the identity, by whether they interpolate.

    Args:
        grid: (n, ...), those that do not.
        between: (m, ...), those that do.
        exactly: the action of the part of the group that does not interpolate.
        action: of the whole.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> found = probed_elements(ImageAction(Cyclic(8)))
        >>> len(found.grid), len(found.between), found.exactly.group.name
        (3, 4, 'C4')
    """

    grid: Tensor
    between: Tensor
    exactly: Action
    action: Action


def probed_elements(action: Action) -> ProbedElements:
    """The elements at which a model is certified: 8 that do not interpolate, and 4 that do, at most.

    Of finite groups that move no images the generators are among the first, and come on top.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.symmetry.action import PointsAction
        >>> found = probed_elements(PointsAction(SO2()))
        >>> len(found.grid), len(found.between)
        (8, 0)
    """
    group = action.group
    few = group.order is None or group.order <= _LISTED
    elements = elements_of(group) if few else torch.cat((group.generators(), group.sample(_GRID, seed=0)))
    elements = elements[~group.same(elements, group.identity())]
    exact = action.exact_at(elements)
    images = isinstance(action, ImageAction)
    inside = replace(action, group=action.group.on_grid()) if isinstance(action, ImageAction) else action
    grid = _spread(elements[exact], _GRID)
    if group.order is not None and not images:
        grid = _spread(torch.cat((group.generators().to(grid), grid)), _GRID + len(group.generators()))
    return ProbedElements(grid, _spread(elements[~exact], _BETWEEN), inside, action)


def _spread(elements: Tensor, most: int) -> Tensor:
    if len(elements) <= most:
        return elements
    return elements[torch.linspace(0, len(elements) - 1, most).round().long()]


def in_band(x: Tensor, band: float = _BAND) -> Tensor:
    """Images without the waves above a share of Nyquist's frequency, whatever their direction, at the size they had.

    The edge of the band is a cosine over its last third, so that little rings; norms of items are kept.

    Args:
        x: (B, C, H, W).
        band: share of Nyquist's frequency, in (0, 1].

    Example:
        >>> board = torch.tensor([1.0, -1.0]).repeat(4).outer(torch.tensor([1.0, -1.0]).repeat(4))[None, None]
        >>> low = in_band(board + 1.0)
        >>> bool((low - low.mean()).abs().max() < 1e-5)
        True
    """
    rows, columns = (torch.fft.fftfreq(n, d=0.5, dtype=x.dtype, device=x.device) for n in x.shape[-2:])
    radius = torch.sqrt(rows[:, None].square() + columns.square()) / band
    kept = torch.cos(((radius - 2 / 3) * 3).clamp(0.0, 1.0) * (torch.pi / 2))
    low = torch.fft.ifft2(torch.fft.fft2(x) * kept).real
    sizes = [one.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1) for one in (x, low)]
    return low * (sizes[0] / sizes[1].clamp_min(torch.finfo(x.dtype).tiny))


def worst_claim(statement: str, found: EquivarianceError, where: str = "") -> Claim:
    """The claim at the element of the worst verdict that goes furthest beyond what it may err."""
    bounds = found.bounds.clamp_min(found.exact)
    beyond = (found.error / bounds).nan_to_num(torch.inf)
    beyond[torch.tensor([verdict != found.verdict for verdict in found.verdicts])] = -1.0
    at = int(beyond.argmax())
    return Claim(statement, True, float(found.error[at]), float(bounds[at]), found.verdict, where)


def between_error(
    function: Callable[[Tensor], Tensor], x: Tensor, elements: ProbedElements, allowed: float = 0.0
) -> EquivarianceError:
    """Errors at the elements that interpolate, beside the floor.

    Args:
        function: of a batch (B, ...), deterministic.
        x: (B, ...), images of a low band.
        elements: to test at.
        allowed: an error that is no fault.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> x = in_band(torch.eye(24, dtype=torch.float64)[None, None], 0.3)
        >>> found = between_error(lambda x: 2.0 * x, x, probed_elements(ImageAction(SO2())))
        >>> found.verdict, found.largest < 0.01
        ('at the floor', True)
    """
    action = elements.action
    return replace(equivariance_error(function, x, action, action, elements.between), allowed=allowed)


def commuting(
    statement: str, function: Callable[[Tensor], Tensor], x: Tensor, elements: ProbedElements
) -> tuple[Claim, ...]:
    """The claims that a function commutes with an action: exactly where nothing is interpolated, else up to its floor.

    Args:
        statement: what commutes, such as "the scale commutes with".
        function: of a batch (B, ...), deterministic, float64.
        x: (B, ...).
        elements: to test at.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> x = torch.arange(16.0, dtype=torch.float64).reshape(1, 1, 4, 4)
        >>> elements = probed_elements(ImageAction(Cyclic(4)))
        >>> [claim.verdict for claim in commuting("the shift commutes with", lambda x: x.roll(1, -1), x, elements)]
        ['broken']
        >>> elements = probed_elements(ImageAction(SO2()))
        >>> [claim.verdict for claim in commuting("the scale commutes with", lambda x: 2 * x + 1, x, elements)]
        ['exact', 'exact']
    """
    claims = []
    if len(elements.grid):
        inside, name = elements.exactly, _name(elements)
        found = equivariance_error(function, x, inside, inside, elements.grid)
        claims.append(worst_claim(f"{statement} {name}", found))
    if len(elements.between):
        alike = pixelwise_error(function, x, elements.action, elements.between)
        found = between_error(function, in_band(x), elements) if alike is None else alike
        claims.append(worst_claim(f"{statement} the other elements of {elements.action.group.name}", found))
    return tuple(claims)


def _name(elements: ProbedElements) -> str:
    group, inside = elements.action.group.name, elements.exactly.group.name
    return group if len(elements.between) == 0 else f"the motions of the grid in {group} ({inside})"
