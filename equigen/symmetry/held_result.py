"""One tensor of what a network gives, held to a group: maps have to turn with the images, all else has to stay.

Results that stay, and maps of scalars, are measured about their common mean, so that a number added to all of them
hides nothing. Images on which motions of the grid are measured are any; the others are of a low band.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from equigen.groups.plane import PlaneGroup
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import Action, TrivialAction
from equigen.symmetry.certificate import LEAST_CONTRAST, CertifiedElement, Claim, motions_of
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, equivariance_error
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.judging import Judged, certified_elements, judged

__all__ = ["HeldResult", "fields_of"]


def fields_of(said: Tensor, group: PlaneGroup, fields: str | None, channels: int) -> FieldType | None:
    """What the channels of results are; None where these are no maps of two pixels or more, and have to stay.

    Args:
        said: results (B, ...).
        group: that acts.
        fields: what the channels of the images are; None: scalars.
        channels: of the images; maps with other numbers of channels are scalars.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> str(fields_of(torch.ones(2, 3, 4, 4), Cyclic(4), None, 1)), fields_of(torch.ones(2, 3), Cyclic(4), None, 1)
        ('3x0e', None)
    """
    if said.ndim != 4 or said.shape[2] * said.shape[3] == 1:
        return None
    own = fields is not None and said.shape[1] == channels
    return FieldType(group, fields if own and fields is not None else f"{said.shape[1]}x0e")


@dataclass(frozen=True, eq=False)
class HeldResult:
    """One result of a network on images, in both precisions, and what a group makes of it.

    Args:
        name: of the result, as "the whole".
        group: that acts.
        given: what the channels of the images are.
        made: what those of the results are; None where these have to stay.
        about: whether errors are relative to the results about their mean.
        double: gives it in float64.
        single: gives it in float32.
        rough: images (B, C, H, W), float64, for motions of the grid.
        soft: the same of a low band, for other elements.
        said: the result of the rough ones, float64.
        coarse: that in float32, written in float64.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> x, field = torch.arange(32.0).double().reshape(2, 1, 4, 4).sin(), FieldType(Cyclic(4), "1x0e")
        >>> found = HeldResult("it", Cyclic(4), field, field, True, torch.relu, torch.relu, x, x, x.relu(), x.relu())
        >>> [claim.verdict for claim in found.claims()]
        ['exact', 'exact']
    """

    name: str
    group: PlaneGroup
    given: FieldType
    made: FieldType | None
    about: bool
    double: Callable[[Tensor], Tensor]
    single: Callable[[Tensor], Tensor]
    rough: Tensor
    soft: Tensor
    said: Tensor
    coarse: Tensor

    @cached_property
    def middle(self) -> Tensor:
        """What is taken off all results: their mean, where they are scalars that vary."""
        varied = self.about and bool((self.said != self.said.mean()).any())
        return self.said.mean() if varied else torch.zeros((), dtype=torch.float64)

    @cached_property
    def size(self) -> float:
        """The norm of what is left."""
        return float((self.said - self.middle).norm())

    @cached_property
    def contrast(self) -> float:
        """How far the results of different images lie apart, relative to their size."""
        return float((self.said - self.said.mean(0)).norm()) / self.size if self.size else 0.0

    @cached_property
    def rounding(self) -> float:
        """How far float32 alone moves them, relative to the same."""
        return float((self.coarse - self.said).norm()) / self.size if self.size else 0.0

    @cached_property
    def grid(self) -> Judged:
        """Errors under motions of the grid, in float64."""
        return self._judged(self.double, self.rough)

    @cached_property
    def single_grid(self) -> Judged:
        """The same in float32."""
        return self._judged(self.single, self.rough.float())

    @cached_property
    def between(self) -> EquivarianceError | None:
        """Errors under elements that interpolate; None where there are none."""
        elements = elements_of(self.group)
        elements = elements[~ImageAction(self.group).exact_at(elements)]
        return self._error(self.double, self.soft, self.group, elements) if len(elements) else None

    def claims(self, wrong: str = "") -> Iterator[Claim]:
        """That it turns with the images, or stays, under motions of the grid and under other elements.

        Args:
            wrong: the layers that were found to break the group.
        """
        what = f"{'invariance' if self.made is None else 'equivariance'} of {self.name} under"
        inside = self.group.on_grid()
        for precision in ("float64", "float32") if inside.order != 1 else ():
            grid = self.grid if precision == "float64" else self.single_grid
            statement = f"{what} {motions_of(self.group.name, inside.name)}, {precision}"
            where = (wrong or "what lies between the layers") if grid.verdict == "broken" else ""
            yield Claim(statement, True, grid.largest, grid.exact, grid.verdict, where)
        if (found := self.between) is not None:
            at = int((found.error - 2 * found.floor).argmax())
            mute = min(self.contrast, self._contrast_on_disk()) < LEAST_CONTRAST and found.verdict != "broken"
            statement = f"{what} the other elements of {self.group.name}, float64"
            verdict = "not told apart" if mute else found.verdict
            yield Claim(statement, True, float(found.error[at]), 2 * float(found.floor[at]), verdict)

    def elements(self) -> list[CertifiedElement]:
        """The errors one by one."""
        return certified_elements(self.grid, self.single_grid, self.between)

    def alone(self, rows: list[Tensor]) -> tuple[float, str]:
        """How far items lie from those of their batch, and the verdict on it.

        Args:
            rows: the result of each item in a batch of one.
        """
        said = torch.cat(rows).double() if all(row.ndim for row in rows) else self.said[None]
        apart = float((said - self.said).norm()) if said.shape == self.said.shape else self.size
        error = apart / self.size if self.size else 0.0
        return error, self.grid.judge(error)

    def _contrast_on_disk(self) -> float:
        """The contrast on the images that other elements are measured on."""
        said = self.double(ImageAction(self.group).window(self.soft)).double()
        return float((said - said.mean(0)).norm()) / self.size

    def _judged(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Judged:
        inside = self.group.on_grid()
        found = self._error(function, x, inside, elements_of(inside))
        return judged(found, x.dtype, self.rounding, mute=self.contrast < LEAST_CONTRAST)

    def _error(
        self, function: Callable[[Tensor], Tensor], x: Tensor, acting: PlaneGroup, elements: Tensor
    ) -> EquivarianceError | None:
        """That of the results about their mean; None where there is nothing but this."""
        if not self.size:
            return None
        made: Action = TrivialAction(acting) if self.made is None else ImageAction(acting, self.made)
        about = self.middle
        return equivariance_error(
            lambda x: function(x).double() - about, x, ImageAction(acting, self.given), made, elements
        )
