"""Certifying a network of anybody's: the whole by its results, the layers inside by the energy of their channels.

Nothing is asked of the network but a call f(x) or f(x, t). What its results are tells their shape: maps (B, C, h, w)
have to turn with the images, f(g x) = g f(x), all else has to stay, f(g x) = f(x). What its layers hold nobody has
declared, so that only a necessary check is left for them (`equigen.symmetry.channel_energy`); it names the layer that
broke the whole, and promises nothing by itself: a network that averages over its group keeps it with layers that do
not.

On the grid, quarter turns and flips are measured on white noise, in float64 and in float32, with the bounds of
`equigen.symmetry.certifying`. Other elements are measured on the part of the same images in a low band and on the
disk, beside what interpolation alone costs there, and what cutting the disk before and after the motion costs; a
network of a continuous group has to stay within twice this floor.

The whole is held to its group at a tenth and at ten times the images too, and what it makes of an image may not depend
on the others in the batch, in evaluation mode.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import require_plane_group
from equigen.random import Stream, normal
from equigen.steerable.field_type import FieldType
from equigen.symmetry.action import Action, TrivialAction
from equigen.symmetry.called import Judged, called, require_moved, settled
from equigen.symmetry.certificate import LEAST_CONTRAST, Certificate, CertifiedElement, CertifiedLayer, Claim
from equigen.symmetry.channel_energy import NECESSARY, energy_layers
from equigen.symmetry.elements import elements_of
from equigen.symmetry.error import EquivarianceError, equivariance_error, rounding
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.probes import in_band

__all__ = ["certify_module"]

_IMAGES = 4
_AMPLITUDES = (0.1, 10.0)  # of the images, beside 1
_SLACK = 4.0  # rounding of a moved image may be so much larger than that of the image itself
_MOST = {torch.float64: 1e-10, torch.float32: 1e-3}  # no larger error is taken for rounding
_DOUBLE = torch.finfo(torch.float64).eps / torch.finfo(torch.float32).eps


@torch.no_grad()
def certify_module(
    module: nn.Module,
    group: PlaneGroup,
    shape: tuple[int, int, int],
    *,
    x: Tensor | None = None,
    fields: str | None = None,
    seed: int = 0,
) -> Certificate:
    """Measure what of a group any network of images keeps: its results by themselves, its layers by their energy.

    Args:
        module: f(x) or f(x, t) of images (B, C, H, W) and numbers t (B,), from 0.001 to 0.999. It gives maps
            (B, C', h, w), which have to turn with the images, or anything else, which has to stay; of several results
            the first counts, and the claims say so. A copy in evaluation mode on the processor is measured; the
            network stays as it is.
        group: that acts.
        shape: (C, H, W) of an image.
        x: images (B, C, H, W), two or more, in the units of the network; None: addressed noise.
        fields: what the channels of the images are, such as "1x0e + 1x1", and those of maps with as many channels;
            None: scalars, as are those of maps with other numbers of channels.
        seed: of the noise.

    Returns:
        Claims about the whole, promised; about the layers, told without promise; the elements and the layers. The
        errors of scalar results are relative to what they differ from their common mean. Of images a tenth or ten
        times as large nothing is promised where rounding drowns what the network says of them.

    Raises:
        TypeError: no group of the plane, or a network whose result holds no tensor of real numbers.
        ValueError: a shape that is none of images, images that do not fit it or that a motion leaves as they are, and
            a network that refuses them, gives tokens (B, H * W, C), numbers that are not finite, or
            others a second time.

    Error: norms are taken in float64.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> network = nn.Sequential(nn.ReLU(), nn.MaxPool2d(3, 2))
        >>> found = certify_module(network, Cyclic(4), (1, 8, 8))
        >>> found.holds, [layer.name for layer in found.broken]
        (False, ['1'])
        >>> certify_module(network, Cyclic(4), (1, 9, 9)).holds
        True
    """
    require_plane_group(group)
    if len(shape) != 3 or not all(isinstance(side, int) and side > 0 for side in shape):
        raise ValueError(f"shape is {tuple(shape)}, but images have channels, rows and columns: shape=(1, 28, 28).")
    if x is not None and (x.ndim != 4 or len(x) < 2 or tuple(x.shape[1:]) != tuple(shape)):
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but two images or more of shape {shape} are needed: (B, C, H, W)."
        )
    rough = _white(shape, seed) if x is None else x.detach().cpu().double()
    require_moved(rough, group)
    with torch.random.fork_rng(devices=[]):
        whole = _Whole(module, group, (shape[0], shape[1], shape[2]), fields, rough)
        found, scaled = whole.certificate(), (whole.scaled(module, fields, amplitude) for amplitude in _AMPLITUDES)
        return replace(found, claims=(*found.claims, *(claim for claim in scaled if claim is not None)))


class _Whole:
    """One network and the images on which it is measured."""

    def __init__(
        self,
        module: nn.Module,
        group: PlaneGroup,
        shape: tuple[int, int, int],
        fields: str | None,
        rough: Tensor,
    ) -> None:
        self.group, self.shape, self.rough, self.soft = group, shape, rough, in_band(rough)
        exact, single = (copy.deepcopy(module).cpu().to(dtype).eval() for dtype in (torch.float64, torch.float32))
        self.module, self.double = exact, called(exact, rough)
        self.said = settled(exact, self.double, rough)
        self.single = called(single, rough.float())
        self.coarse = self.single(rough.float()).double()
        if not bool(self.said.isfinite().all() and self.coarse.isfinite().all()):
            raise ValueError("the network gives numbers that are not finite on these images: give others as x=...")
        self.given = FieldType(group, f"{shape[0]}x0e" if fields is None else fields)
        self.made = self._results(fields)
        scalars = self.made is None or fields is None or self.said.shape[1] != shape[0]
        varied = scalars and bool((self.said != self.said.mean()).any())
        whole = "the whole" if self.double.of == 1 else f"the whole (the first of {self.double.of} results)"
        self.what = f"{'invariance' if self.made is None else 'equivariance'} of {whole}"
        self.middle = self.said.mean() if varied else torch.zeros((), dtype=torch.float64)
        self.size = float((self.said - self.middle).norm())
        mean = self.said.mean(0)
        self.contrast = float((self.said - mean).norm()) / self.size if self.size else 0.0
        self.rounding = float((self.coarse - self.said).norm()) / self.size if self.size else 0.0

    def _results(self, fields: str | None) -> FieldType | None:
        """What the channels of the results are; None where these are no maps and have to stay."""
        if self.said.ndim != 4 or self.said.shape[2] * self.said.shape[3] == 1:
            return None
        channels = self.said.shape[1]
        return FieldType(self.group, f"{channels}x0e" if fields is None or channels != self.shape[0] else fields)

    def certificate(self) -> Certificate:
        """All that was found."""
        inside = self.group.on_grid()
        grids = [self._grid(self.double, self.rough), self._grid(self.single, self.rough.float())]
        between = self._between()
        layers = energy_layers(self.module, self.double, self.group, self.rough, self.soft)
        return Certificate(
            group=self.group.name,
            on_grid=inside.name,
            images=len(self.rough),
            shape=self.shape,
            contrast=self.contrast,
            rounding=self.rounding,
            claims=(*self._claims(grids, between, layers), self._claim_batch(grids[0])),
            layers=tuple(layers),
            elements=tuple(_elements(grids[0], grids[1], between)),
        )

    def _error(
        self, function: Callable[[Tensor], Tensor], x: Tensor, acting: PlaneGroup, elements: Tensor
    ) -> EquivarianceError | None:
        """That of the whole about its mean; None where it gives nothing but this."""
        if not self.size:
            return None
        made: Action = TrivialAction(acting) if self.made is None else ImageAction(acting, self.made)
        about = self.middle
        return equivariance_error(
            lambda x: function(x).double() - about, x, ImageAction(acting, self.given), made, elements
        )

    def _grid(self, function: Callable[[Tensor], Tensor], x: Tensor) -> Judged:
        """Errors under motions of the grid, in the precision of the images."""
        inside, single = self.group.on_grid(), x.dtype == torch.float32
        found = self._error(function, x, inside, elements_of(inside))
        own = max(rounding(x.dtype), _SLACK * self.rounding * (1.0 if single else _DOUBLE))
        mute = self.contrast < LEAST_CONTRAST or (single and own > _MOST[x.dtype])
        return Judged(found, min(own, _MOST[x.dtype]), own, mute)

    def _between(self) -> EquivarianceError | None:
        """Errors under elements that interpolate; None where there are none.

        The floor of maps also covers that the disk is cut before and after the motion, W g y - g W y, which on few
        pixels costs more than going there and back: the identity must not be blamed for it.
        """
        elements = elements_of(self.group)
        elements = elements[~ImageAction(self.group).exact_at(elements)]
        found = self._error(self.double, self.soft, self.group, elements) if len(elements) else None
        if found is None or self.made is None:
            return found
        given, made = ImageAction(self.group, self.given), ImageAction(self.group, self.made)
        start = given.window(self.soft)
        cut = torch.maximum(_cut(start, given, elements), _cut(self.double(start) - self.middle, made, elements))
        return replace(found, floor=torch.maximum(found.floor, cut))

    def _claims(
        self, grids: list[Judged], between: EquivarianceError | None, layers: list[CertifiedLayer]
    ) -> list[Claim]:
        claims: list[Claim] = []
        inside = self.group.on_grid()
        wrong = ", ".join(layer.name for layer in layers if layer.verdict == "broken")
        if inside.order != 1:
            for grid, precision in zip(grids, ("float64", "float32"), strict=False):
                statement = f"{self.what} under the motions of the grid in {self.group.name} ({inside.name})"
                where = (wrong or "what lies between the layers") if grid.verdict == "broken" else ""
                claims.append(Claim(f"{statement}, {precision}", True, grid.largest, grid.exact, grid.verdict, where))
        if between is not None:
            claims.append(self._claim_between(between))
        if measured := [layer.error for layer in layers if layer.error is not None]:
            statement = f"every layer under the motions of the grid in {inside.name}, float64, {NECESSARY}"
            verdict = "broken" if wrong else "exact"
            claims.append(Claim(statement, False, max(measured), rounding(torch.float64), verdict, wrong))
        return claims

    def _claim_between(self, found: EquivarianceError) -> Claim:
        at = int((found.error - 2 * found.floor).argmax())
        error, bound = float(found.error[at]), 2 * float(found.floor[at])
        mute = self.contrast < LEAST_CONTRAST and found.verdict != "broken"
        statement = f"{self.what} under the other elements of {self.group.name}, float64"
        return Claim(statement, True, error, bound, "not told apart" if mute else found.verdict)

    def _claim_batch(self, judged: Judged) -> Claim:
        """That an item comes out alone as it does in the batch, with the bounds of the grid in float64."""
        rows = self.double.alone(self.rough)
        said = torch.cat(rows).double() if all(row.ndim for row in rows) else self.said[None]
        apart = float((said - self.said).norm()) if said.shape == self.said.shape else self.size
        error = apart / self.size if self.size else 0.0
        verdict = judged.judge(error)
        where = "what the items of a batch share" if verdict == "broken" else ""
        return Claim("an item comes out alone as in its batch, float64", True, error, judged.exact, verdict, where)

    def scaled(self, module: nn.Module, fields: str | None, amplitude: float) -> Claim | None:
        """That of the whole at images so many times as large; None where it refuses them or gives no numbers."""
        try:
            whole = _Whole(module, self.group, self.shape, fields, amplitude * self.rough)
        except ValueError:
            return None
        grids = [whole._grid(whole.double, whole.rough)] if self.group.on_grid().order != 1 else []
        claims = whole._claims(grids, None if grids else whole._between(), [])
        if not claims:
            return None
        statement = f"{claims[0].statement}, at {amplitude:g} times the images"
        return replace(claims[0], statement=statement, promised=claims[0].verdict != "not told apart", where="")


def _white(shape: tuple[int, int, int], seed: int) -> Tensor:
    """Images of standard normal numbers."""
    return normal(shape, seed=seed, stream=Stream.PROBE, item=torch.arange(_IMAGES), dtype=torch.float64)


def _elements(exact: Judged, single: Judged, between: EquivarianceError | None) -> list[CertifiedElement]:
    rows = []
    for found in (exact.found, between):
        for k, (angle, flip) in enumerate([] if found is None else found.elements.tolist()):
            assert found is not None
            on_grid = found is exact.found
            error = float(found.error[k])
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


def _cut(y: Tensor, action: ImageAction, elements: Tensor) -> Tensor:
    """What it costs to cut the disk after a motion instead of before, relative to what is on the disk."""
    whole = action.window(y)
    apart = [(action.window(action(g, y)) - action(g, whole)).norm() for g in elements]
    return torch.stack(apart) / whole.norm()
