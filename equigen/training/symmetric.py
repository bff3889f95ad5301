"""What a configuration's symmetry means on the pixels of a data set, and what is said of it before a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from equigen.data.named import NAMED
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import plane_group
from equigen.networks.acting import action_of
from equigen.networks.steerable_filters import ROOMY
from equigen.spaces.masked import Masked
from equigen.spaces.space import Space
from equigen.steerable.field_type import FieldType
from equigen.store import StoreError
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_target import OrbitTarget
from equigen.training.config import TrainConfig
from equigen.training.errors import ConfigError
from equigen.training.model_config import ModelConfig

__all__ = ["Promise", "mended", "mixed_channels", "orbit_target", "promise", "require_poses", "squares_turn"]


_POSED = {"none": "C1", "quarter-turns": "C4", "rotations": "SO2"}  # under which the law of posed images stays


@dataclass(frozen=True)
class Promise:
    """What a model's construction promises of its group, before anything is measured.

    Args:
        group: name of the group.
        on_grid: name of its part that moves pixels onto pixels.
        exact: whether that part is exact on images of this size, to rounding.
        side: the shorter side of the images, where it is too short for elements between the motions of the grid.

    Example:
        >>> print(Promise("C8", "C4", exact=True).sentence())
        symmetry C8: its motions of the grid (C4) are exact, its other elements approximate, as pixels allow.
        >>> print(Promise("C3", "C1", exact=True).sentence())
        symmetry C3: no element of it moves pixels onto pixels, so it is approximate, as pixels allow.
        >>> print(Promise("SO2", "C4", exact=True, side=8).sentence().split(", its ")[1])
        other elements rough: 8 pixels do not hold them, 20 do; a certificate will say by how much.
    """

    group: str
    on_grid: str
    exact: bool
    side: int | None = None

    def sentence(self) -> str:
        """What is exact on pixels and what is approximate."""
        if self.on_grid == "C1":
            left = "nothing is promised" if self.group == "C1" else "so it is approximate, as pixels allow"
            return f"symmetry {self.group}: no element of it moves pixels onto pixels, {left}."
        if not self.exact:
            return (
                f"symmetry {self.group}: not exact on images of this size, not even its motions of the grid "
                f"({self.on_grid}); pad or crop the images to even sides."
            )
        if self.group == self.on_grid:
            return f"symmetry {self.group}: every element moves pixels onto pixels and is exact."
        rough = f"rough: {self.side} pixels do not hold them, {ROOMY} do; a certificate will say by how much"
        return f"symmetry {self.group}: its motions of the grid ({self.on_grid}) are exact, its other elements " + (
            "approximate, as pixels allow." if self.side is None else f"{rough}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the sentence; no side where it is long enough."""
        told = {name: value for name, value in asdict(self).items() if value is not None}
        return {**told, "sentence": self.sentence()}


def promise(model: nn.Module) -> Promise | None:
    """What a model's construction promises; None for a model without a symmetry.

    Args:
        model: a `DiffusionModel` whose network says by `.exact` whether motions of the grid are exact.
    """
    action = action_of(model)
    if action is None or not isinstance(action.group, PlaneGroup):
        return None
    network: Any = getattr(getattr(model, "denoiser", None), "network", None)
    side = min(getattr(network, "shape", (ROOMY, ROOMY))[-2:])
    small = side if side < ROOMY and action.group.on_grid() != action.group else None
    return Promise(action.group.name, action.group.on_grid().name, bool(getattr(network, "exact", True)), small)


def mixed_channels(symmetry: str, fields: str, channels: int) -> FieldType:
    """The field type of images that a configuration names.

    Args:
        symmetry: name of the group.
        fields: how it mixes the channels, as "1x0e + 1x1".
        channels: of the images.

    Raises:
        ConfigError: it cannot be read, or is of another number of channels.

    Example:
        >>> mixed_channels("SO2", "1x0e + 1x1", 3).size
        3
    """
    try:
        found = FieldType(plane_group(symmetry), fields)
    except ValueError as error:
        raise ConfigError(f"model.fields cannot be used: {error}") from None
    if found.size != channels:
        raise ConfigError(
            f"model.fields is {fields!r}, which are {found.size} channels, but the images have {channels}: name a "
            'scalar by "1x0e" and a vector by "1x1".'
        )
    return found


def orbit_target(config: ModelConfig, space: Space) -> OrbitTarget | None:
    """What a configuration trains towards in place of the images; None: towards the images.

    Args:
        config: names the group, and how its symmetry mixes channels.
        space: of the images, (C, H, W).

    Raises:
        ConfigError: elements that do not move pixels onto pixels, a frame that does not turn, images with masks, or a
            group that neither holds the motions of the grid of the symmetry nor is a part of them.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> target = orbit_target(ModelConfig(orbit_target="D4"), Euclidean(1, 8, 8))
        >>> target.action.group.name
        'D4'
    """
    if config.orbit_target is None:
        return None
    group = plane_group(config.orbit_target)
    _require_on_grid(group, space)
    if config.symmetry is None:
        return OrbitTarget(ImageAction(group))
    kept = plane_group(config.symmetry).on_grid()
    fields = None if config.fields is None else mixed_channels(config.symmetry, config.fields, space.shape[0])
    if not (kept.has_subgroup(group) or (fields is None and group.has_subgroup(kept))):
        mend = "leave it out" if kept.order == 1 else f"take {kept.name} (--orbit-target {kept.name})"
        raise ConfigError(
            f"model.orbit_target is {group.name} and model.symmetry {config.symmetry}, which does not hold all its "
            f"poses: {mend}."
        )
    return OrbitTarget(ImageAction(group, fields))


def _require_on_grid(group: PlaneGroup, space: Space) -> None:
    """Refuse a group with one element alone, or with elements that do not move the pixels of the images onto pixels."""
    said = f"model.orbit_target is {group.name}"
    part = group.on_grid()
    if part != group or part.order == 1:
        mend = "leave it out" if part.order == 1 else f"take {part.name} (--orbit-target {part.name})"
        what = "which has one pose" if part == group else "which has poses between the pixels"
        raise ConfigError(f"{said}, {what}, but a target is a mean over several poses on the grid: {mend}.")
    if isinstance(space, Masked):
        raise ConfigError(f"{said} and the images have masks, which would have to turn too: leave one of them out.")
    height, width = space.shape[1:]
    still = torch.zeros(1, 1, height, width)
    if any(ImageAction(group)(g, still).shape != still.shape for g in group.elements()):
        raise ConfigError(
            f"{said}, but it turns images of {height} x {width} pixels out of their frame: pad them to squares, or "
            "take C2 or D2 (--orbit-target C2)."
        )


def require_poses(config: TrainConfig, space: Space) -> None:
    """Refuse a target that is a mean over poses where a set of images that stand upright has none of them.

    A network that keeps the group learns the same from it all the same. Of images from elsewhere nothing is known.

    Args:
        config: names the target, the set and its poses.
        space: of the images, (C, H, W).

    Raises:
        ConfigError: a target that `orbit_target` refuses, or a named set in poses that are not those of the target.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> config = TrainConfig(data={"source": "digits", "pose": "rotations"}, model={"orbit_target": "C4"})
        >>> require_poses(config, Euclidean(1, 8, 8))
    """
    orbit_target(config.model, space)  # no poses make good what it refuses
    named = config.model.orbit_target
    if named is None or config.data.source not in NAMED:
        return
    group, posed = plane_group(named), plane_group(_POSED[config.data.pose])
    kept = plane_group(config.model.symmetry or "C1")
    if posed.has_subgroup(group) or kept.has_subgroup(group):
        return
    within = plane_group("C4").has_subgroup(group)
    turns = "add pose=quarter-turns (--pose quarter-turns)" if within else "leave it out"
    raise ConfigError(
        f"model.orbit_target is {named} and pose {config.data.pose!r}, but the images of {config.data.source} do not "
        f"stand in all poses of {named}, which a plain network would learn: {turns}, or train with --symmetry {named}."
    )


def squares_turn(symmetry: str, height: int, width: int) -> bool:
    """Whether squares of two by two pixels cover an image evenly, and every element of the group keeps them.

    Example:
        >>> squares_turn("D4", 32, 32), squares_turn("C4", 29, 29), squares_turn("SO2", 32, 32)
        (True, False, False)
    """
    group = plane_group(symmetry)
    return height % 2 == 0 and width % 2 == 0 and group.on_grid() == group


@contextmanager
def mended(symmetry: str | None) -> Iterator[None]:
    """Inside the block, what a steerable network refuses is refused as a configuration, with a mend that one has.

    Raises:
        ConfigError: the network cannot be built for that group and those images.
    """
    try:
        yield
    except StoreError as error:
        if symmetry is None:
            raise
        said = str(error).replace("'steerable-unet' cannot be built", f"symmetry {symmetry} cannot be used", 1)
        raise ConfigError(said.replace("shape=(1, 28, 28)", "resize the images, resize=28 (--resize 28)")) from None
