"""What a configuration's symmetry means on the pixels of a data set, and what is said of it before a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import plane_group
from equigen.networks.acting import action_of
from equigen.steerable.field_type import FieldType
from equigen.store import StoreError
from equigen.training.errors import ConfigError

__all__ = ["Promise", "mended", "mixed_channels", "promise", "squares_turn"]


@dataclass(frozen=True)
class Promise:
    """What a model's construction promises of its group, before anything is measured.

    Args:
        group: name of the group.
        on_grid: name of its part that moves pixels onto pixels.
        exact: whether that part is exact on images of this size, to rounding.

    Example:
        >>> print(Promise("C8", "C4", exact=True).sentence())
        symmetry C8: its motions of the grid (C4) are exact, its other elements approximate, as pixels allow.
        >>> print(Promise("C3", "C1", exact=True).sentence())
        symmetry C3: no element of it moves pixels onto pixels, so it is approximate, as pixels allow.
    """

    group: str
    on_grid: str
    exact: bool

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
        return (
            f"symmetry {self.group}: its motions of the grid ({self.on_grid}) are exact, its other elements "
            "approximate, as pixels allow."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the sentence."""
        return {**asdict(self), "sentence": self.sentence()}


def promise(model: nn.Module) -> Promise | None:
    """What a model's construction promises; None for a model without a symmetry.

    Args:
        model: a `DiffusionModel` whose network says by `.exact` whether motions of the grid are exact.
    """
    action = action_of(model)
    if action is None or not isinstance(action.group, PlaneGroup):
        return None
    network: Any = getattr(getattr(model, "denoiser", None), "network", None)
    return Promise(action.group.name, action.group.on_grid().name, bool(getattr(network, "exact", True)))


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
