"""Certifying a network of anybody's: the whole by its results, the layers inside by the energy of their channels.

Nothing is asked of the network but a call f(x) or f(x, t). What its results are tells their shape: maps (B, C, h, w)
have to turn with the images, f(g x) = g f(x), all else has to stay, f(g x) = f(x). Each of several results is held to
the group by itself, and the worst counts. What its layers hold nobody has declared, so that only a necessary check is
left for them (`equigen.symmetry.channel_energy`); it names the layer that broke the whole, and promises nothing by
itself: a network that averages over its group keeps it with layers that do not.

On the grid, quarter turns and flips are measured on white noise, in float64 and in float32, with the bounds of
`equigen.symmetry.judging`. Other elements are measured on the part of the same images in a low band and on the disk,
beside what interpolation alone costs there; a network of a continuous group has to stay within twice this floor.

The whole is held to its group at a tenth and at ten times the images too, and what it makes of an image may not depend
on the others in the batch, in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import torch
from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import require_plane_group
from equigen.random import Stream, normal
from equigen.steerable.field_type import FieldType
from equigen.symmetry.called import Called, called, copies, require_told, settled
from equigen.symmetry.certificate import Certificate, CertifiedLayer, Claim, motions_of
from equigen.symmetry.channel_energy import NECESSARY, energy_layers
from equigen.symmetry.error import rounding
from equigen.symmetry.held_result import HeldResult, fields_of
from equigen.symmetry.judging import VERDICTS, require_moved, worst_elements
from equigen.symmetry.theorem.probes import in_band

__all__ = ["certify_module"]

_IMAGES = 4
_AMPLITUDES = (0.1, 10.0)  # of the images, beside 1
_NUMBERS = 2**18  # of one image, at most


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
            (B, C', h, w), which have to turn with the images, or anything else, which has to stay, or several of both
            in tuples, dictionaries and dataclasses, of which each is held to the group. A copy in evaluation mode on
            the processor is measured; the network stays as it is. Of TorchScript no layers are seen.
        group: that acts.
        shape: (C, H, W) of an image, 262144 numbers at most.
        x: images (B, C, H, W), two or more, in the units of the network; None: addressed noise.
        fields: what the channels of the images are, such as "1x0e + 1x1", and those of maps with as many channels;
            None: scalars, as are those of maps with other numbers of channels.
        seed: of the noise.

    Returns:
        Claims about the whole, promised; about the layers, told without promise; the elements, of each its worst
        result, and the layers. The errors of scalar results are relative to what they differ from their common mean.
        Of images a tenth or ten times as large nothing is promised where rounding drowns what the network says of
        them, or where it refuses them, which is told as "not measured" with the reason.

    Raises:
        TypeError: no group of the plane, or a network whose result holds what is no tensor of real numbers.
        ValueError: a shape that is none of images or too large, images that do not fit it or that a motion leaves as
            they are, and a network that refuses them, gives a number for each pixel or patch but no maps, numbers that
            are not finite, or others a second time.

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
    _require_shape(shape)
    if x is not None and (x.ndim != 4 or len(x) < 2 or tuple(x.shape[1:]) != tuple(shape)):
        raise ValueError(
            f"x has shape {tuple(x.shape)}, but two images or more of shape {shape} are needed: (B, C, H, W)."
        )
    rough = _white(shape, seed) if x is None else x.detach().cpu().double()
    require_moved(rough, group)
    with torch.random.fork_rng(devices=[]):
        pair = copies(module)
        return _certificate(_held(pair, group, fields, rough), pair, fields)


def _require_shape(shape: tuple[int, int, int]) -> None:
    """Refuse what is no shape of images, or of images so large that certifying would not end."""
    if len(shape) != 3 or not all(isinstance(side, int) and side > 0 for side in shape):
        raise ValueError(f"shape is {tuple(shape)}, but images have channels, rows and columns: shape=(1, 28, 28).")
    numbers = shape[0] * shape[1] * shape[2]
    if numbers > _NUMBERS:
        raise ValueError(
            f"images of shape {tuple(shape)} have {numbers:.3g} numbers, but are certified up to {_NUMBERS}, such as "
            "(1, 512, 512): give a smaller shape, shape=(1, 28, 28) in Python, --shape 1,28,28 at the command line."
        )


@dataclass(frozen=True, eq=False)
class _Held:
    """A network on images, and its results, each held to the group."""

    function: Called
    group: PlaneGroup
    rough: Tensor
    soft: Tensor
    results: tuple[HeldResult, ...]


def _held(pair: tuple[nn.Module, nn.Module], group: PlaneGroup, fields: str | None, rough: Tensor) -> _Held:
    """The results of a network on images, in both precisions."""
    double, single = (called(one, x) for one, x in zip(pair, (rough, rough.float()), strict=True))
    said = settled(pair[0], double, rough)
    coarse = [y.double() for y in single(rough.float())]
    if not all(bool(y.isfinite().all()) for y in (*said, *coarse)):
        raise ValueError(
            "the network gives numbers that are not finite on these images: give others, x=..., in Python; at the "
            "command line, where it is given standard normal numbers, wrap it in a module that takes such."
        )
    for y in said:
        require_told(y, rough, group)
    channels, soft = rough.shape[1], in_band(rough)
    given = FieldType(group, f"{channels}x0e" if fields is None else fields)
    results = [
        HeldResult(
            name=f"the whole{double.which(k)}",
            group=group,
            given=given,
            made=(made := fields_of(y, group, fields, channels)),
            about=made is None or fields is None or y.shape[1] != channels,
            double=double.part(k),
            single=single.part(k),
            rough=rough,
            soft=soft,
            said=y,
            coarse=coarse[k],
        )
        for k, y in enumerate(said)
    ]
    return _Held(double, group, rough, soft, tuple(results))


def _certificate(held: _Held, pair: tuple[nn.Module, nn.Module], fields: str | None) -> Certificate:
    """All that was found."""
    layers = energy_layers(pair[0], held.function, held.group, held.rough, held.soft)
    return Certificate(
        group=held.group.name,
        on_grid=held.group.on_grid().name,
        images=len(held.rough),
        shape=(held.rough.shape[1], held.rough.shape[2], held.rough.shape[3]),
        contrast=max(result.contrast for result in held.results),
        rounding=max(result.rounding for result in held.results),
        claims=(*_claims(held, layers), *_scaled(held, pair, fields)),
        layers=tuple(layers),
        elements=worst_elements(row for result in held.results for row in result.elements()),
    )


def _claims(held: _Held, layers: list[CertifiedLayer]) -> Iterator[Claim]:
    """Of each result, of the layers, and of items alone."""
    wrong = ", ".join(layer.name for layer in layers if layer.verdict == "broken")
    for result in held.results:
        yield from result.claims(wrong)
    if measured := [layer.error for layer in layers if layer.error is not None]:
        inside = held.group.on_grid().name
        statement = f"every layer under {motions_of(inside, inside)}, float64, {NECESSARY}"
        verdict = "broken" if wrong else "exact"
        yield Claim(statement, False, max(measured), rounding(torch.float64), verdict, wrong)
    yield _alone(held)


def _alone(held: _Held) -> Claim:
    """That an item comes out alone as it does in the batch, with the bounds of the grid in float64."""
    rows = held.function.alone(held.rough)
    found = [(*one.alone([row[k] for row in rows]), one.grid.exact) for k, one in enumerate(held.results)]
    error, verdict, bound = max(found, key=lambda one: (VERDICTS.index(one[1]), one[0]))
    where = "what the items of a batch share" if verdict == "broken" else ""
    return Claim("an item comes out alone as in its batch, float64", True, error, bound, verdict, where)


def _scaled(held: _Held, pair: tuple[nn.Module, nn.Module], fields: str | None) -> Iterator[Claim]:
    """The first claim on each result at other sizes of the images; "not measured" where the network refuses them."""
    for amplitude in _AMPLITUDES:
        try:
            found = _first(_held(pair, held.group, fields, amplitude * held.rough))
            rows = [replace(claim, promised=claim.verdict != "not told apart", where="") for claim in found]
        except ValueError as error:
            lost = {"promised": False, "measured": 0.0, "verdict": "not measured", "where": str(error).rstrip(".")}
            rows = [replace(claim, **lost) for claim in _first(held)]
        for claim in rows:
            yield replace(claim, statement=f"{claim.statement}, at {amplitude:g} times the images")


def _first(held: _Held) -> list[Claim]:
    """The first claim on each result."""
    return [claim for result in held.results for claim in islice(result.claims(), 1)]


def _white(shape: tuple[int, int, int], seed: int) -> Tensor:
    """Images of standard normal numbers."""
    return normal(shape, seed=seed, stream=Stream.PROBE, item=torch.arange(_IMAGES), dtype=torch.float64)
