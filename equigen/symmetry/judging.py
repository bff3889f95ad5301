"""Judging a network: what counts as rounding, on which images nothing would be tested, and what is said of elements.

With f32 and f64 a network in both precisions, the rounding that it shows on images without any motion is

    r = ||f32(x) - f64(x)|| / ||f64(x) - mean||,    bound32 = max(1e-5, 4 r),   bound64 = max(1e-12, 4 r 2^-29),

but never above 1e-3 and 1e-10. An error counts as exact up to the bound; where rounding moves results further than the
two numbers allow, what is broken is not told apart from it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.symmetry.certificate import CertifiedElement
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, rounding
from equigen.symmetry.image_action import ImageAction

__all__ = ["VERDICTS", "Judged", "certified_elements", "judged", "require_moved", "worst_elements"]

VERDICTS = ("exact", "at the floor", "not told apart", "broken")
"""From the best to the worst."""

_SLACK = 4.0  # rounding of a moved image may be so much larger than that of the image itself
_MOST = {torch.float64: 1e-10, torch.float32: 1e-3}  # no larger error is taken for rounding
_MOVED = 1e-3  # images that a motion changes by less are their own
_DOUBLE = torch.finfo(torch.float64).eps / torch.finfo(torch.float32).eps


@dataclass(frozen=True)
class Judged:
    """Errors of the whole under motions of the grid, in one precision; `found` is None where it says nothing at all.

    Args:
        found: the errors.
        exact: the largest error that counts as exact.
        rounding: the largest that rounding may have made.
        mute: whether nothing can be told, since the network says the same of all images or rounding drowns it.

    Example:
        >>> Judged(None, exact=1e-12, rounding=1e-10, mute=False).judge(1e-11)
        'not told apart'
    """

    found: EquivarianceError | None
    exact: float
    rounding: float
    mute: bool

    @property
    def largest(self) -> float:
        """The largest error."""
        return 0.0 if self.found is None else self.found.largest

    @property
    def verdict(self) -> str:
        """That on the largest error."""
        return self.judge(self.largest)

    def judge(self, error: float) -> str:
        """The verdict on one error."""
        if error <= self.exact:
            return "not told apart" if self.mute else "exact"
        return "not told apart" if error <= self.rounding else "broken"


def judged(found: EquivarianceError | None, dtype: torch.dtype, rounded: float, *, mute: bool) -> Judged:
    """Errors under motions of the grid, held to the rounding of the network that made them.

    Args:
        found: the errors; None where the network says nothing at all.
        dtype: in which they were measured, float64 or float32.
        rounded: r, the relative error of float32 without any motion.
        mute: whether the network says the same of all images.

    Example:
        >>> [f"{judged(None, dtype, 1e-4, mute=False).exact:.2g}" for dtype in (torch.float64, torch.float32)]
        ['1e-12', '0.0004']
        >>> judged(None, torch.float32, 1e-3, mute=False).verdict
        'not told apart'
    """
    single, most = dtype == torch.float32, _MOST[dtype]
    own = max(rounding(dtype), _SLACK * rounded * (1.0 if single else _DOUBLE))
    return Judged(found, min(own, most), own, mute or (single and own > most))


def certified_elements(exact: Judged, single: Judged, between: EquivarianceError | None) -> list[CertifiedElement]:
    """What is said of each element: those of the grid first, in both precisions, then the others beside their floor.

    Example:
        >>> none = Judged(None, exact=1e-12, rounding=1e-12, mute=False)
        >>> certified_elements(none, none, None)
        []
    """
    rows: list[CertifiedElement] = []
    for found in (exact.found, between):
        for k, (angle, flip) in enumerate([] if found is None else found.elements.tolist()):
            assert found is not None
            on_grid, error = found is exact.found, float(found.error[k])
            coarse = float(single.found.error[k]) if on_grid and single.found is not None else None
            rows.append(
                CertifiedElement(
                    angle=math.degrees(angle),
                    flipped=bool(flip),
                    on_grid=on_grid,
                    error=error,
                    floor=float(found.floor[k]),
                    verdict=exact.judge(error) if on_grid else found.verdicts[k],
                    single=coarse,
                    single_verdict="" if coarse is None else single.judge(coarse),
                )
            )
    return rows


def worst_elements(rows: Iterable[CertifiedElement]) -> tuple[CertifiedElement, ...]:
    """Of several rows on an element that with the worst verdict, and of such that with the largest error.

    Example:
        >>> rows = [CertifiedElement(90.0, False, True, error, 0.0, "exact", None, "") for error in (1e-15, 1e-14)]
        >>> [row.error for row in worst_elements(rows)]
        [1e-14]
    """
    worst: dict[tuple[float, bool], CertifiedElement] = {}
    for row in rows:
        place = (row.angle, row.flipped)
        worst[place] = max(worst.get(place, row), row, key=_badness)
    return tuple(worst.values())


def _badness(row: CertifiedElement) -> tuple[int, float]:
    return max(VERDICTS.index(verdict) for verdict in (row.verdict, row.single_verdict) if verdict), row.error


def require_moved(x: Tensor, group: PlaneGroup) -> None:
    """Refuse images that a motion of the grid leaves as they are: under it every network is equivariant.

    Args:
        x: images (B, C, H, W).
        group: of the plane.

    Raises:
        ValueError: one of its quarter turns or flips changes them by less than a thousandth.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> require_moved(torch.arange(9.0).reshape(1, 1, 3, 3), Cyclic(4))
    """
    inside = group.on_grid()
    action, size = ImageAction(inside), float(x.norm())
    for g in elements_of(inside)[1:]:
        moved = action(g, x)
        if moved.shape == x.shape and not float((moved - x).norm()) > _MOVED * size:
            angle, flip = g.tolist()
            what = f"turned by {math.degrees(angle):g} degrees" + (" after a flip" if flip else "")
            raise ValueError(
                f"these images are their own quarter turns or flips, or not finite ({what} they change by less than "
                f"{_MOVED:g}), so that nothing would be tested: give others, or a shape of more pixels."
            )
