"""Certifying a network: every layer on what it is given, and the whole on images, under every element of a group.

On the grid. Quarter turns and flips that the group contains move pixels onto pixels, so nothing but rounding may
change. It is measured in float64 and in float32, for the whole and for each steerable layer on its own input; so a
layer that breaks the symmetry is named by itself, and one that only receives broken maps is not. A layer is held to
its own group, the whole to the group asked for.

Between. Other elements of the group interpolate; the error stands beside what interpolation alone costs on the same
images (`equigen.symmetry.error`), and nothing is promised.

Errors of the whole are relative to its results about their common mean, so that a number added to all of them hides
nothing. An error counts as exact up to the rounding of a network of some 20 layers, or four times the rounding that
this network shows on these images without any motion (`equigen.symmetry.judging`); where rounding moves results by more
than 1e-3 in float32, what is broken is not told apart from it, and nothing is certified. Nor is it where the network
says the same of all images (to 1e-6), or where the images are their own quarter turns (to 1e-3), since then nothing was
put to the test.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import overload

import torch
from torch import Tensor, nn

from equigen.diffusion.model import DiffusionModel
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import require_plane_group
from equigen.symmetry.action import Action, TrivialAction
from equigen.symmetry.called import copies, settled
from equigen.symmetry.certificate import LEAST_CONTRAST, Certificate, CertifiedLayer, Claim, motions_of
from equigen.symmetry.certified_layers import certified_layers, error_between
from equigen.symmetry.error import EquivarianceError, equivariance_error, rounding
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.judging import Judged, certified_elements, judged, require_moved
from equigen.symmetry.theorem.certificate import ModelCertificate
from equigen.symmetry.theorem.certifying import certify_model

__all__ = ["certify"]


@overload
def certify(  # pyright: ignore[reportOverlappingOverload] - a model is a module, too
    network: DiffusionModel, group: PlaneGroup | Action, x: Tensor | None = None
) -> ModelCertificate: ...
@overload
def certify(network: nn.Module, group: PlaneGroup | Action, x: Tensor | None = None) -> Certificate: ...


@torch.no_grad()
def certify(network: nn.Module, group: PlaneGroup | Action, x: Tensor | None = None) -> Certificate | ModelCertificate:
    """Measure what of a group's symmetry a network or a model keeps: a classifier's invariance, a model's theorem.

    Args:
        network: maps images (B, C, H, W) to what the group leaves alone, (B, ...), such as logits; or a
            `DiffusionModel`. A copy in evaluation mode on the processor is measured; it stays as it is.
        group: that is to leave the results alone; where the network gives up a part of its group, the rest. For a model
            a group of the plane moves images, and any other action can be given, such as `PointsAction(Cyclic(4))`.
        x: images (B, C, H, W), two or more that differ, in the units of the network; real ones, since on blank ones
            everything commutes. For a model items in data units; None: it draws them.

    Returns:
        Claims about the whole in both precisions, about the layers, and about elements off the grid, as far as the
        group has such elements; see the module. For a model its premises, one by one: see `certify_model`.

    Raises:
        TypeError: no group of the plane, or, for a network, an action.
        ValueError: fewer than two images, images that a motion of the grid leaves as they are, or a network whose
            results are zero, not finite, or others a second time.

    Error: norms are taken in float64.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.steerable.conv import SteerableConv2d
        >>> from equigen.steerable.field_type import FieldType
        >>> from equigen.steerable.resampling.pool import GlobalAveragePool
        >>> image = FieldType(Cyclic(4), "1x0e")
        >>> network = nn.Sequential(SteerableConv2d(image, image, 3), GlobalAveragePool(image))
        >>> x = torch.arange(128.0).reshape(2, 1, 8, 8).sin()
        >>> certificate = certify(network, Cyclic(4), x)
        >>> certificate.holds, [layer.verdict for layer in certificate.layers]
        (True, ['exact', 'exact'])
    """
    if isinstance(network, DiffusionModel):
        return certify_model(network, group if isinstance(group, Action) else ImageAction(group), x)
    require_plane_group(group)
    assert isinstance(group, PlaneGroup)
    if x is None or x.ndim != 4 or len(x) < 2:
        given = "not given" if x is None else f"of shape {tuple(x.shape)}"
        raise ValueError(f"x is {given}, but a certificate of a network needs two images or more: (B, C, H, W).")
    with torch.random.fork_rng(devices=[]):
        return _certified(network, group, x)


def _certified(network: nn.Module, group: PlaneGroup, x: Tensor) -> Certificate:
    exact, single = copies(network)
    x = x.detach().cpu().double()
    rough = single(x.float()).double()
    (said,) = settled(exact, lambda x: (exact(x),), x)
    if not bool(said.isfinite().all() and rough.isfinite().all()):
        raise ValueError("the network gives numbers that are not finite on these images: give others, or train again.")
    require_moved(x, group)
    middle = said.mean() if bool((said != said.mean()).any()) else torch.zeros(())
    size = (said - middle).norm()
    rounded = float((rough - said).norm() / size)
    contrast, coarse = (float((one - one.mean(0)).norm() / size) for one in (said, rough))
    grids = [
        _on_grid(lambda x, f=f: f(x).double() - middle, images, group, rounded, told < LEAST_CONTRAST)
        for f, images, told in ((exact, x, contrast), (single, x.float(), coarse))
    ]
    between = error_between(lambda x: exact(x) - middle, x, group)
    layers = certified_layers(exact, group, x)
    return Certificate(
        group=group.name,
        on_grid=group.on_grid().name,
        images=len(x),
        shape=(x.shape[1], x.shape[2], x.shape[3]),
        contrast=contrast,
        rounding=rounded,
        claims=tuple(_claims(group, grids, between, layers)),
        layers=tuple(layers),
        elements=tuple(certified_elements(grids[0], grids[1], between)),
    )


def _on_grid(function: Callable[[Tensor], Tensor], x: Tensor, group: PlaneGroup, rounded: float, mute: bool) -> Judged:
    """Errors of the whole under motions of the grid, in the precision of the images."""
    inside = group.on_grid()
    found = equivariance_error(function, x, ImageAction(inside), TrivialAction(inside))
    return judged(found, x.dtype, rounded, mute=mute)


def _claims(
    group: PlaneGroup,
    grids: list[Judged],
    between: EquivarianceError | None,
    layers: list[CertifiedLayer],
) -> list[Claim]:
    claims: list[Claim] = []
    inside = group.on_grid()
    if inside.order != 1:
        wrong = ", ".join(layer.name for layer in layers if layer.verdict == "broken")
        for grid, precision in zip(grids, ("float64", "float32"), strict=True):
            where = (wrong or _suspected(layers)) if grid.verdict == "broken" else ""
            statement = f"invariance of the whole under {motions_of(group.name, inside.name)}, {precision}"
            claims.append(Claim(statement, True, grid.largest, grid.exact, grid.verdict, where))
        if measured := [layer for layer in layers if layer.error is not None]:
            names = ", then ".join(dict.fromkeys(layer.group for layer in measured))
            statement, bound = f"every layer under the motions of the grid in {names}, float64", rounding(torch.float64)
            worst = max(layer.error for layer in measured if layer.error is not None)
            claims.append(Claim(statement, True, worst, bound, "broken" if wrong else "exact", wrong))
    if between is not None:
        at = int((between.error - 2 * between.floor).argmax())
        error, bound = float(between.error[at]), 2 * float(between.floor[at])
        statement = f"invariance of the whole under the other elements of {group.name}, float64"
        verdict = "not told apart" if grids[0].mute and between.verdict != "broken" else between.verdict
        claims.append(Claim(statement, False, error, bound, verdict))
    return claims


def _suspected(layers: list[CertifiedLayer]) -> str:
    """Who may have broken what no measured layer breaks: what is planned to, else what is not known, else no layer."""
    planned = [layer.name for layer in layers if layer.planned is False]
    doubtful = [layer.name for layer in layers if layer.reason]
    return ", ".join(planned or doubtful) or "what lies between the layers"
