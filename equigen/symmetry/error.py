"""How far a function is from commuting with a group, beside what interpolation alone would cost.

For each element g, with W the window of the action (`Action.window`: the disk of an image, with a soft rim), and of
images x = W y,

    error(g) = ||W W f(g x) - W g W f(x)|| / ||W W f(x)||,        norms over the whole batch.

The window commutes with the group, but for what sampling it costs, so that both sides have to hold it equally often.

and, where images are rotated between quarter turns, the floor paired with it: the same images, rotated and rotated
back. It is the largest of what is lost of the images, of what the function makes of this loss, of what is lost of its
results, and of what the window loses of these,

    floor(g) = max(||W W g^-1 g x - W W x|| / ||W W x||,  ||W W f(g^-1 g x) - W W f(x)|| / ||W W f(x)||,
                   ||W W g^-1 g y - W W y|| / ||W W y||,  ||W W g y - W g W y|| / ||W W y||),  y = W f(x).

Going back is `Action.back`, whose errors do not cancel those of going: it costs .7 to 1.4 times what rotating once
costs (the median over angles, bands up to .7 of Nyquist). The verdict on an element is

    "exact"             error <= rounding of the dtype
    "at the floor"      error <= bound <= .2,   bound = max(2 floor, what the caller allows; nothing if it says nothing)
    "not told apart"    error <= bound, but bound > .2: a function that does not commute would pass as well
    "broken"            error > bound

What is broken by less than the floor cannot be told from what is not: give pictures of a low band, and look at exact
elements too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.symmetry.action import Action
from equigen.symmetry.elements import elements_of, written

__all__ = ["EquivarianceError", "equivariance_error", "rounding"]

_ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 3e-2}
_VERDICTS = ("exact", "at the floor", "not told apart", "broken")
_TELLING = 0.2  # a larger bound lets functions pass that are far from commuting


@dataclass(frozen=True, eq=False)
class EquivarianceError:
    """What was measured, element by element, and the verdict on it.

    Args:
        elements: (n, ...), the elements of the group.
        error: (n,), float64, relative error over the batch.
        worst: (n,), that of the worst item of the batch, relative to this item's own norm.
        floor: (n,), what rotating and rotating back costs on the same images; 0 where nothing is interpolated.
        exact: the largest error that counts as exact.
        allowed: where anything is interpolated, the error that is allowed however small the floor.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.image_action import ImageAction
        >>> x, images = torch.eye(4).reshape(1, 1, 4, 4), ImageAction(Cyclic(4))
        >>> found = equivariance_error(lambda x: x - x.roll(1, -1), x, images, images)
        >>> found.verdict, found.verdicts[0], round(found.largest, 3)
        ('broken', 'exact', 1.0)
    """

    elements: Tensor
    error: Tensor
    worst: Tensor
    floor: Tensor
    exact: float
    allowed: float = 0.0

    @property
    def bounds(self) -> Tensor:
        """(n,), up to which errors are at the floor."""
        return torch.where(self.floor > 0, (2.0 * self.floor).clamp_min(self.allowed), 0.0)

    @property
    def verdicts(self) -> tuple[str, ...]:
        """For each element "exact", "at the floor", "not told apart" or "broken"."""
        bound = self.bounds
        place = torch.where(self.error <= bound, torch.where(bound <= _TELLING, 1, 2), 3)
        return tuple(_VERDICTS[k] for k in torch.where(self.error <= self.exact, 0, place).tolist())

    @property
    def verdict(self) -> str:
        """The worst of the verdicts."""
        return max(self.verdicts, key=_VERDICTS.index)

    @property
    def largest(self) -> float:
        """The largest error over the elements; not a number if one of them is none."""
        return float(self.error.max())

    def __str__(self) -> str:
        head = f"{self.verdict}: largest error {self.largest:.2g} over {len(self.error)} elements"
        lines = [f"{head} (exact up to {self.exact:g})", "  error    worst    floor    verdict        element"]
        rows = zip(self.error.tolist(), self.worst.tolist(), self.floor.tolist(), self.verdicts, strict=True)
        for element, (error, worst, floor, verdict) in zip(self.elements, rows, strict=True):
            lines.append(f"  {error:<8.2g} {worst:<8.2g} {floor:<8.2g} {verdict:<14} {written(element)}")
        return "\n".join(lines)


def equivariance_error(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    action_in: Action,
    action_out: Action,
    elements: Tensor | None = None,
) -> EquivarianceError:
    """Measure ||f(g x) - g f(x)|| / ||f(x)|| for each element, beside the paired floor of interpolation.

    Read the number beside the verdict. "broken" says that the error is more than interpolating the data explains, not
    that it is large: an honest layer of SO(2) whose filter has few pixels is itself sampled on them, shows 1 to 3 %
    between quarter turns, and is "broken" there; a layer that ignores the group shows tens of percent.

    Args:
        function: gives (B, ...) for data (B, ...); it must be deterministic.
        x: (B, ...), real; images are cut to the disk first if the group turns them by more than quarters.
        action_in: on the data.
        action_out: on the results.
        elements: (n, ...), elements of both groups; those of `elements_of` where None.

    Returns:
        Errors, floors and verdicts. Exact means up to `rounding` of the dtype, the coarser one of data and results.

    Raises:
        ValueError: actions of different groups where no elements are named; no elements; results that are zero; or
            results whose shape does not turn as the action says.

    Error: norms are taken in float64.

    Source: for the measure M. Weiler, G. Cesa, General E(2)-equivariant steerable CNNs, 2019.

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> from equigen.symmetry.image_action import ImageAction
        >>> x, images = torch.arange(25.0).reshape(1, 1, 5, 5), ImageAction(Dihedral(4))
        >>> print(equivariance_error(lambda x: x.cumsum(-1), x, images, images, Dihedral(4).elements()[[0, 1, 4]]))
        broken: largest error 0.4 over 3 elements (exact up to 1e-05)
          error    worst    floor    verdict        element
          0        0        0        exact          0 degrees
          0.4      0.4      0        broken         90 degrees
          0        0        0        exact          0 degrees, flipped
    """
    elements = _elements(action_in, action_out, elements)
    x = action_in.window(x)
    start = action_out.window(function(x).detach())
    if not bool(start.any()):
        raise ValueError("function gives zeros only, but an error is relative to its size: give other data.")
    rows = [_measured(function, x, start, action_in, action_out, g) for g in elements]
    error, worst, floor = torch.tensor(rows, dtype=torch.float64).unbind(-1)
    return EquivarianceError(elements, error, worst, floor, max(rounding(x.dtype), rounding(start.dtype)))


def _measured(
    function: Callable[[Tensor], Tensor], x: Tensor, start: Tensor, action_in: Action, action_out: Action, g: Tensor
) -> tuple[float, float, float]:
    """Error, worst and floor at one element, of windowed data and of what the function makes of them."""
    made = action_out.window
    twice = made(start)
    size = _norms(twice)
    moved, goal = function(action_in(g, x)).detach(), action_out(g, start)
    if moved.shape != goal.shape:
        raise ValueError(
            f"function gives shape {tuple(moved.shape)} for moved data, but its result moved has shape "
            f"{tuple(goal.shape)}: give data whose frame is square, or another action_out."
        )
    apart = _norms(made(made(moved)) - made(goal))
    floor = [0.0]
    if not bool(action_in.exact_at(g)):
        back = action_in.back(g, action_in(g, x))
        floor.append(_lost(x, back, action_in))
        floor.append(_relative(_norms(made(made(function(back).detach())) - twice), size))
    if not bool(action_out.exact_at(g)):
        floor += [_lost(start, action_out.back(g, goal), action_out), _windowed(start, g, action_out)]
    worst = torch.where(apart == 0, apart, apart / size).max()
    return _relative(apart, size), float(worst), max(floor)


def _lost(x: Tensor, back: Tensor, action: Action) -> float:
    """What data that went and came back lost."""
    whole = action.window(action.window(x))
    return _relative(_norms(action.window(action.window(back)) - whole), _norms(whole))


def _windowed(x: Tensor, g: Tensor, action: Action) -> float:
    """What it costs to cut data after a motion instead of before."""
    after, before = action.window(action(g, x)), action(g, action.window(x))
    return _relative(_norms(action.window(after - before)), _norms(action.window(action.window(x))))


def rounding(dtype: torch.dtype) -> float:
    """Give the largest relative error that a network of some 20 layers makes by rounding alone.

    Returns:
        1e-12 for float64, 1e-5 for float32, 5e-3 for float16, 3e-2 for bfloat16.

    Raises:
        TypeError: numbers that are not floating-point.

    Example:
        >>> rounding(torch.float64)
        1e-12
    """
    if dtype not in _ROUNDING:
        raise TypeError(f"the numbers are {dtype}, but equivariance is measured in floating point: x.float().")
    return _ROUNDING[dtype]


def _elements(action_in: Action, action_out: Action, elements: Tensor | None) -> Tensor:
    """The elements to measure at, a batch of one or more."""
    if elements is None:
        if action_in.group != action_out.group:
            raise ValueError(
                f"{action_in.group.name} acts on the data and {action_out.group.name} on the results, but both "
                "are moved by the same elements: name these, elements=..."
            )
        return elements_of(action_in.group)
    if elements.ndim != action_in.group.identity().ndim + 1 or len(elements) == 0:
        raise ValueError(f"elements has shape {tuple(elements.shape)}, but one element or more come as rows: g[None].")
    return elements


def _norms(x: Tensor) -> Tensor:
    """The norm of each item, float64."""
    return x.double().flatten(1).norm(dim=1)


def _relative(apart: Tensor, size: Tensor) -> float:
    """Norms of items, taken together over the batch, relative to others."""
    return float(apart.norm() / size.norm())
