"""A symmetric start: maps that commute keep it symmetric, and only noise, or a map that does not, breaks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.solvers.euler_maruyama import EulerMaruyama
from equigen.diffusion.solvers.heun import Heun
from equigen.labs.extremes import largest
from equigen.labs.symmetry.setting import Setting
from equigen.labs.symmetry.walking import Normals, normals, walk

__all__ = ["Kept", "kept", "mirrored"]


@dataclass(frozen=True)
class Kept:
    """How far from its mirror line a path strays that begins on it.

    Args:
        denoiser: its name.
        solver: its name.
        noise: "none", "free", or "on the line" where the normals are put on the line too.
        off: at each time, the root mean square distance from the line over that from the middle.
    """

    denoiser: str
    solver: str
    noise: str
    off: Sequence[float]

    @property
    def largest(self) -> float:
        """The largest along the path."""
        return largest(self.off)


def mirrored(x: Tensor) -> Tensor:
    """Points (*, 2) put on the first axis, a mirror line of D4."""
    return x * x.new_tensor([1.0, 0.0])


@torch.no_grad()
def kept(setting: Setting, denoisers: Mapping[str, Denoiser], n: int, steps: int, seed: int) -> list[Kept]:
    """Begin on a mirror line, and measure.

    Args:
        setting: points of the plane under a group with the mirror line.
        denoisers: by name.
        n: points.
        steps: of each sampler.
        seed: of the normals.
    """
    free = normals(setting, n, steps, seed)
    start = mirrored(free.start)
    ways = (
        (Heun(), "none", free.steps),
        (EulerMaruyama(), "on the line", mirrored(free.steps)),
        (EulerMaruyama(), "free", free.steps),
    )
    found = []
    for name, denoiser in denoisers.items():
        for solver, noise, each in ways:
            path = walk(denoiser, solver, Normals(start, each), setting.data_std)
            off = [float(x[:, 1].norm() / x.norm()) for x in path]
            found.append(Kept(name, type(solver).__name__, noise, off))
    return found
