"""A model's sampler with its prior and its noise moved: what it gives must be the samples, moved.

Nothing of the sampler is repeated here. The noise of every batch comes from its space; a space whose noise is moved by
an element of the group, handed to the same loop, gives the trajectory of the moved prior and the moved noise.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from equigen import random
from equigen.diffusion.conditions import for_denoiser
from equigen.diffusion.denoiser import BoundDenoiser, Denoiser
from equigen.diffusion.measuring import evaluating
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.sampling import sample_batch, sampling_times
from equigen.diffusion.solvers.solver import AdaptiveSolver, Solver
from equigen.diffusion.time_grid import KarrasGrid
from equigen.spaces.space import BoundSpace
from equigen.symmetry.action import Action, PermutationAction
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.probes import in_band

__all__ = ["MovedSpace", "Trajectory", "Trial", "moved_structure", "require_whole", "settled"]


class MovedSpace(BoundSpace):
    """The space of a batch of moved items, whose noise is that of the batch itself, moved.

    Args:
        space: bound to the moved structure of the batch.
        source: bound to its structure; draws the noise.
        action: on the items.
        g: moves every item, or one for each item; None: none is moved.
        banded: whether the noise is brought into a band and a disk that rotations keep before it is moved.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> space, action = Euclidean(1, 2, 2).at(), ImageAction(Cyclic(4))
        >>> address = {"seed": 0, "stream": random.Stream.PRIOR, "item": torch.arange(1)}
        >>> moved = MovedSpace(space, space, action, Cyclic(4).elements()[1]).noise(**address)
        >>> torch.equal(moved, torch.rot90(space.noise(**address), 1, (-2, -1)))
        True
    """

    def __init__(
        self, space: BoundSpace, source: BoundSpace, action: Action, g: Tensor | None, banded: bool = False
    ) -> None:
        self.shape, self._space, self._source = space.shape, space, source
        self._action, self._g, self._banded = action, g, banded

    def project(self, x: Tensor) -> Tensor:
        """The projection onto the space of the moved items."""
        return self._space.project(x)

    @property
    def ndof(self) -> Tensor:
        """Degrees of freedom of the moved items."""
        return self._space.ndof

    def noise(
        self,
        *,
        seed: int,
        stream: random.Stream,
        item: Tensor,
        step: int | Tensor = 0,
        draw: int = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ) -> Tensor:
        """The noise at an address, moved."""
        address = {"seed": seed, "stream": stream, "item": item, "step": step, "draw": draw}
        z = self._source.noise(**address, dtype=dtype, device=device)
        flat = z.reshape(-1, *self.shape)
        if self._banded:
            flat = self._action.window(in_band(flat))
        if self._g is None:
            return flat.reshape(z.shape)
        g = self._g
        if g.ndim > self._action.group.identity().ndim:  # one for each item, the same at every step of a block
            g = g.repeat(len(flat) // len(g), *[1] * (g.ndim - 1))
        return self._action(g, flat).reshape(z.shape)


@dataclass(frozen=True, eq=False)
class Trajectory:
    """The iterates of one batch, and the samples.

    Args:
        times: descending, (n,).
        iterates: at these times, in the units of the denoiser, (n, B, *shape).
        sample: in those units, (B, *shape).
        data: the samples in data units.
        size: norm of the samples in data units without the shift of the scale.

    Example:
        >>> Trajectory(torch.ones(1), torch.zeros(1, 2, 3), torch.zeros(2, 3), torch.zeros(2, 3), 0.0).size
        0.0
    """

    times: Tensor
    iterates: Tensor
    sample: Tensor
    data: Tensor
    size: float


@dataclass(frozen=True, eq=False)
class Trial:
    """What is sampled again and again, with and without a motion: the same items by their addresses.

    Args:
        model: in float64, in evaluation mode.
        action: on its items.
        seed: of prior and noise.
        items: their number.
        steps: of a solver with a fixed grid.
        condition: named tensors (items, ...); None: drawn from the model's givens.
        guidance: of the sampler.
        first: number of the first item.

    Example:
        >>> from equigen.diffusion import EDM, Euler, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> denoiser = Gaussian(torch.zeros(1, 2, 2), Isotropic(1.0)).denoiser(EDM())
        >>> trial = Trial(DiffusionModel(Euclidean(1, 2, 2), denoiser), ImageAction(Cyclic(4)), seed=0, items=2)
        >>> plain, moved = trial.run(Euler()), trial.run(Euler(), Cyclic(4).elements()[1:2])
        >>> bool((moved.sample - torch.rot90(plain.sample, 1, (-2, -1))).abs().max() < 1e-12)
        True
    """

    model: DiffusionModel
    action: Action
    seed: int
    items: int
    steps: int = 20
    condition: Mapping[str, Tensor] | None = None
    guidance: float = 1.0
    first: int = 0

    def run(
        self,
        solver: Solver | AdaptiveSolver,
        elements: Tensor | None = None,
        *,
        banded: bool = False,
        denoiser: Denoiser | None = None,
    ) -> Trajectory:
        """The trajectories from prior and noise moved by elements, with conditions as they are and structures moved.

        Args:
            solver: the method.
            elements: (m, ...), each of which moves all items: the batch is the items moved by the first of them, then
                those moved by the second; None: nothing is moved.
            banded: as for `MovedSpace`.
            denoiser: takes the place of the model's.
        """
        model, times = self.model, 1 if elements is None else len(elements)
        item = torch.arange(self.first, self.first + self.items).repeat(times)
        g = None if elements is None else elements.repeat_interleave(self.items, 0)
        structure, condition = self.given()
        structure = None if structure is None else structure.repeat(times, *[1] * (structure.ndim - 1))
        condition = {name: value.repeat(times, *[1] * (value.ndim - 1)) for name, value in condition.items()}
        goal = structure if g is None or structure is None else moved_structure(self.action, g, structure)
        bound, given = model.bind(goal, condition, self.guidance)
        space = MovedSpace(bound, model.space.at(structure), self.action, g, banded)
        inner = given.denoiser if denoiser is None else denoiser
        own = BoundDenoiser(inner, space, given.condition).at(self.seed, item)
        grid = sampling_times(own.schedule, KarrasGrid(), self.steps, "denoise", solver)
        path: list[Tensor] = []
        how: dict[str, Any] = {"seed": self.seed, "times": grid, "solver": solver, "final": "denoise"}
        like = model.scale.factor.new_empty(0)
        x = sample_batch(own, item, data_std=model.data_std, like=like, on_step=lambda _, x: path.append(x), **how)
        data, nothing = (bound.project(model.scale.to_data(one)) for one in (x, torch.zeros_like(x)))
        return Trajectory(grid, torch.stack(path), x, data, float((data - nothing).norm()))

    def alone(self, k: int) -> Trial:
        """The same for one of the items only."""
        condition = None if self.condition is None else {name: v[k : k + 1] for name, v in self.condition.items()}
        return replace(self, items=1, first=self.first + k, condition=condition)

    def given(self) -> tuple[Tensor | None, dict[str, Tensor]]:
        """Structure and conditions of the items, as `DiffusionModel.sample` has them."""
        like = self.model.scale.factor.new_empty(()).expand(self.items)
        condition = for_denoiser(self.model.denoiser, self.condition or {}, None, like)
        if self.model.givens is None:
            return None, condition
        item = torch.arange(self.first, self.first + self.items)
        structure, drawn = self.model.givens.draw(seed=self.seed, item=item, label=condition.get("label"))
        return structure, condition or for_denoiser(self.model.denoiser, drawn, structure, like)


@contextmanager
def settled(model: DiffusionModel) -> Iterator[DiffusionModel]:
    """A copy of a model in float64 on the processor, in evaluation mode, without graphs; global noise is put back.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> model = DiffusionModel(Euclidean(2), Gaussian(torch.zeros(2), Isotropic(1.0)).denoiser(EDM()))
        >>> with settled(model) as copied:
        ...     copied is model, copied.training
        (False, False)
    """
    copied = copy.deepcopy(model).cpu().double()
    with torch.random.fork_rng(devices=[]), torch.no_grad(), evaluating(copied):
        yield copied


def require_whole(model: DiffusionModel, condition: Mapping[str, Tensor] | None) -> None:
    """Refuse items with structures of their own (masks), which would have to move with them in every premise.

    Args:
        model: whose givens may have structures.
        condition: of the items; a structure is none.

    Raises:
        ValueError: they have.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Givens, Isotropic
        >>> from equigen.spaces import Centred
        >>> denoiser = Gaussian(torch.zeros(2, 2), Isotropic(1.0)).denoiser(EDM())
        >>> masks = Givens.fit(torch.ones(3, 2, dtype=torch.bool), {})
        >>> require_whole(DiffusionModel(Centred(2, 2), denoiser, givens=masks), None)
        Traceback (most recent call last):
        ValueError: the items have structures of their own (masks), but a certificate is one of whole items: take a ...
    """
    if (model.givens is None or model.givens.structure is None) and "structure" not in (condition or {}):
        return
    raise ValueError(
        "the items have structures of their own (masks), but a certificate is one of whole items: take a model whose "
        "givens have none and leave structure out, or compare trajectories alone, certified_paths(model, action, ...)."
    )


def moved_structure(action: Action, g: Tensor, structure: Tensor) -> Tensor:
    """Masks moved with the items they are of: pixels turn, nodes change places, and others stay.

    Args:
        action: on the items.
        g: one element, or one for each item.
        structure: bool (B, ...).

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> mask = torch.tensor([[[[True, False], [False, False]]]])
        >>> moved_structure(ImageAction(Cyclic(4)), Cyclic(4).elements()[1], mask)[0, 0].tolist()
        [[False, False], [True, False]]
    """
    if isinstance(action, ImageAction):
        return ImageAction(action.group)(g, structure.double()) > 0.5
    if isinstance(action, PermutationAction):
        return PermutationAction(action.group, min(action.axes, structure.ndim - 1))(g, structure)
    return structure
