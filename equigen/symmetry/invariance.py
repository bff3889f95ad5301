"""Whether items look as if a group did not matter to them: a test whose p-value is exact at every number of items.

If p(g x) = p(x), an item is its orbit and a uniform element of the group that chose it from there. So items that are
each moved by an element of their own, drawn anew, have the joint law of the items themselves, given their orbits. Any
statistic T of the items is therefore one of B + 1 exchangeable numbers, T and those of B such draws T_b, and

    p = (1 + #{b: T_b >= T}) / (B + 1),        P(p <= a) <= a,  with equality where a (B + 1) is whole and none tie.

The statistic is that of the maximum mean discrepancy between the items' law and its average over the group, with the
distance kernel k(x, y) = -|x - y|. For isometries the kernel averaged over the group is a function of the orbits, the
same in all draws, so that what is left is

    T = - mean of |x_i - x_j| over pairs:      items of which some share a pose lie nearer to each other.

T less the mean of T_b is an unbiased estimate of the squared discrepancy; one kernel without a width, one statistic,
one side, and nothing is chosen by the outcome.

What such a test could have found is part of its answer. Items are turned until they agree best with their mean; a share
s of them keeps this pose, the others are moved uniformly, and the test is repeated on many such sets. Their orbits, and
with them the critical value, are those of the items themselves.

Source: K. Chiu, B. Bloem-Reddy, Non-parametric hypothesis tests for distributional group symmetry, 2023, section 3; on
the kernel, D. Sejdinovic et al., Equivalence of distance-based and RKHS-based statistics, 2013.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen import random
from equigen.groups.plane_groups import Dihedral
from equigen.symmetry.action import Action
from equigen.symmetry.disk_coefficients import DiskAction, disk_coefficients
from equigen.symmetry.elements import elements_of
from equigen.symmetry.image_action import ImageAction

__all__ = ["InvarianceTest", "invariance_test"]

_DETECTED = 0.8  # power from which a share counts as detectable
_SHARES = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
_REPEATS = 40
_LISTED = 64  # elements of a finite group that are applied to all items beforehand
_TIED = 1e-12  # relative difference of statistics below which they are equal but for rounding


@dataclass(frozen=True)
class InvarianceTest:
    """What was found, and what could have been.

    Args:
        group: its name.
        items: their number.
        draws: B.
        p_value: in [1 / (B + 1), 1].
        statistic: estimate of the squared discrepancy between the law and its average over the group, relative to the
            mean distance of items; about 0 where the law is invariant, of either sign.
        chance: its standard deviation where the law is invariant, given these orbits.
        shares: of items in one pose.
        power: the part of sets with such a share that the test rejects at the level, one for each share.
        level: of the power.

    Example:
        >>> found = InvarianceTest("C4", 64, 199, 0.31, 0.001, 0.002, (0.1, 0.25, 0.5), (0.1, 0.85, 1.0))
        >>> found.smallest_detectable
        0.25
    """

    group: str
    items: int
    draws: int
    p_value: float
    statistic: float
    chance: float
    shares: tuple[float, ...]
    power: tuple[float, ...]
    level: float = 0.05

    @property
    def smallest_detectable(self) -> float:
        """The least of the shares from which on 8 sets of 10 are rejected; infinity if there is none."""
        found = math.inf
        for share, power in zip(reversed(self.shares), reversed(self.power), strict=True):
            if power < _DETECTED:
                break
            found = share
        return found

    def sentence(self) -> str:
        """What it comes to, in one sentence.

        Example:
            >>> InvarianceTest("C4", 64, 199, 0.005, 0.2, 0.01, (0.5,), (1.0,)).sentence()
            '64 items differ from C4-invariant ones (p = 0.005).'
        """
        if self.p_value <= self.level:
            return f"{self.items} items differ from {self.group}-invariant ones (p = {self.p_value:.2g})."
        least = self.smallest_detectable
        what = (
            "but nothing would have been found in so few"
            if math.isinf(least)
            else f"and {least:.0%} of them in one pose would have been found"
        )
        return f"{self.items} items do not differ from {self.group}-invariant ones (p = {self.p_value:.2g}), {what}."


def invariance_test(
    x: Tensor,
    action: Action,
    *,
    draws: int = 199,
    seed: int = 0,
    level: float = 0.05,
    shares: tuple[float, ...] = _SHARES,
) -> InvarianceTest:
    """Test whether independent items come from a law that an action leaves as it is.

    Images under rotations other than quarter turns are taken as their coefficients on the disk, where every rotation
    is exact; what is tested is the law of those.

    Args:
        x: independent items (B, ...), two or more: samples, or data of which none is a copy of another in another pose.
        action: by isometries.
        draws: B; 199 allow p-values down to .005. With (B + 1) a multiple of 20 the level .05 is met exactly.
        seed: of the elements drawn.
        level: at which the power is told.
        shares: of items in one pose, ascending, for which it is told; (): for none.

    Returns:
        The exact p-value, the statistic and the power.

    Raises:
        ValueError: fewer than two items, no draws, or a level outside (0, 1).

    Error: of the power, at most .08, one standard error of 40 sets. Statistics that differ by less than 1e-12 are tied,
        which makes the p-value larger.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.action import PointsAction
        >>> z = random.normal((3, 2), seed=1, stream=random.Stream.LAW, item=torch.arange(64), dtype=torch.float64)
        >>> plain, moved = (invariance_test(y, PointsAction(Cyclic(4))) for y in (z, z + 1.0))
        >>> plain.p_value > 0.05, moved.p_value
        (True, 0.005)
    """
    if len(x) < 2 or draws < 1:
        raise ValueError(
            f"x has {len(x)} items and draws is {draws}, but two items and one draw are needed at least: draws=199."
        )
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}, but a level lies between 0 and 1: level=0.05.")
    x = x.detach().cpu().double()
    if isinstance(action, ImageAction) and not Dihedral(4).has_subgroup(action.group):
        x, action = disk_coefficients(x), DiskAction(action.group, action.channels)
    moved = _mover(action, x, seed)
    found = _closeness(x.flatten(1))
    null = torch.stack([_closeness(moved(b)) for b in range(draws)])
    tied = _TIED * abs(float(found))
    p_value = (1 + int((null >= found - tied).sum())) / (draws + 1)
    unit = -float(null.mean()) or 1.0
    return InvarianceTest(
        group=action.group.name,
        items=len(x),
        draws=draws,
        p_value=p_value,
        statistic=float(found - null.mean()) / unit,
        chance=float(null.std()) / unit if draws > 1 else math.nan,
        shares=shares,
        power=_power(_aligned(action, x), moved, null, shares, (seed, level)),
        level=level,
    )


def _mover(action: Action, x: Tensor, seed: int) -> Callable[[int], Tensor]:
    """moved(b): the items, flat, each moved by an element of its own; the b-th such draw."""
    group, n = action.group, len(x)
    if group.order is not None and group.order <= _LISTED:
        copies = torch.stack([action(g, x).flatten(1) for g in group.elements()])
        row = torch.arange(n)

        def chosen(b: int) -> Tensor:
            address = {"seed": seed, "stream": random.Stream.ELEMENT, "item": row, "step": b}
            return copies[random.integers(len(copies), (), **address), row]

        return chosen
    return lambda b: action(group.sample(n, seed=seed, first=b * n), x).flatten(1)


def _closeness(y: Tensor) -> Tensor:
    """- mean |y_i - y_j| over pairs i != j of flat items."""
    size = y.square().sum(1)
    distance = (size[:, None] + size - 2.0 * (y @ y.mT)).clamp_min(0.0).sqrt_()
    return -(distance.sum() - distance.diagonal().sum()) / (len(y) * (len(y) - 1))


def _aligned(action: Action, x: Tensor) -> Tensor:
    """The items, flat, each in that of its poses which agrees best with the mean of all: twice, from the first item."""
    order = action.group.order
    listed = order is None or order <= _LISTED
    elements = elements_of(action.group) if listed else action.group.sample(_LISTED, seed=0)
    copies = torch.stack([action(g, x).flatten(1) for g in elements])
    middle = copies.mean((0, 1))
    goal = copies[0, 0] - middle
    for _ in range(2):
        best = ((copies - middle) @ goal).argmax(0)
        goal = copies[best, torch.arange(len(x))].mean(0) - middle
    return copies[((copies - middle) @ goal).argmax(0), torch.arange(len(x))]


def _power(
    aligned: Tensor, moved: Callable[[int], Tensor], null: Tensor, shares: tuple[float, ...], how: tuple[int, float]
) -> tuple[float, ...]:
    """The part of sets that is rejected at the level, for each share of items in one pose."""
    (seed, level), draws, n = how, len(null), len(aligned)
    rank = int(level * (draws + 1) + 1e-9)
    if rank < 1:
        return (0.0,) * len(shares)
    critical = null.sort(descending=True).values[rank - 1]
    found = []
    for k, share in enumerate(shares):
        rejected = 0
        for repeat in range(_REPEATS):
            address = {"seed": seed, "stream": random.Stream.METRIC, "item": torch.arange(n), "step": repeat}
            kept = random.uniform((), **address, draw=k) < share
            y = torch.where(kept[:, None], aligned, moved(draws + repeat + _REPEATS * k))
            rejected += int(_closeness(y) > critical)
        found.append(rejected / _REPEATS)
        if k and found[-1] == found[-2] == 1.0:
            return (*found, *[1.0] * (len(shares) - len(found)))  # larger shares are found as well
    return tuple(found)
