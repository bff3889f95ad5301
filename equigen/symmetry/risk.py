"""The recoverable loss: how much of a denoiser's error symmetry alone would take away.

    L(D) = L(Q D) + E ||D - Q D||^2,        L(D) = E ||D(alpha x_0 + sigma z, t) - x_0||^2,

Q the average over the group, the mean over pairs (x_0, z) in all poses (g x_0, g z): Q is an orthogonal projection for
such a mean, and x_0 is, given the orbit, at right angles to D - Q D. The last term is a loss that averaging removes
for certain, whatever the data: it can be measured on any model. It holds to rounding on any finite batch that is closed
under the group, pairs with their noise; with fresh noise in each pose it holds only on average.

Source: B. Elesedy, S. Zaidi, Provably strict generalisation benefit for equivariant models, 2021, lemma 1, there for
regression; here the target of the noised item is the clean one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import BoundDenoiser, Denoiser, per_item
from equigen.diffusion.loss import KarrasWeight
from equigen.diffusion.measuring import evaluating
from equigen.random import Stream
from equigen.spaces.space import BoundSpace
from equigen.symmetry.action import Action
from equigen.symmetry.averaging import averaging_elements
from equigen.symmetry.symmetrised import Symmetrised, require_alike, require_no_structure

__all__ = ["RecoverableLoss", "recoverable_loss"]


@dataclass(frozen=True, eq=False)
class RecoverableLoss:
    """The denoising loss at several noise levels, and the part of it that averaging over a group takes away.

    Losses are means over items and poses, for each degree of freedom, relative to the best linear denoiser of data with
    the model's variance, as in `NoiseLevelLoss`; all float64 (L,).

    Args:
        noise: relative noise sigma / alpha, in standard deviations of the data.
        loss: L(D).
        symmetrised: L(Q D).
        recoverable: E ||D - Q D||^2, on the same scale.
        loss_error: standard error of the loss over the items.
        recoverable_error: standard error of the recoverable loss over the items.

    Example:
        >>> values = [torch.tensor([value], dtype=torch.float64) for value in (1.0, 0.5, 0.375, 0.125, 0.01, 0.01)]
        >>> found = RecoverableLoss(*values)
        >>> found.share.item(), found.identity_error.item() < 1e-15
        (0.25, True)
        >>> print(found)
        recoverable for certain: up to 25 % of the loss, at noise 1
          noise    loss     symmetrised  recoverable        identity error
          1        0.5      0.375        0.125 +- 0.01      0
    """

    noise: Tensor
    loss: Tensor
    symmetrised: Tensor
    recoverable: Tensor
    loss_error: Tensor
    recoverable_error: Tensor

    @property
    def share(self) -> Tensor:
        """E ||D - Q D||^2 / L(D), the part of the loss that is recoverable for certain, in [0, 1]."""
        return self.recoverable / self.loss

    @property
    def identity_error(self) -> Tensor:
        """|L(D) - L(Q D) - E ||D - Q D||^2| / L(D)."""
        return (self.loss - self.symmetrised - self.recoverable).abs() / self.loss

    def __str__(self) -> str:
        most = int(self.share.argmax())
        share, noise = 100 * float(self.share[most]), float(self.noise[most])
        head = f"recoverable for certain: up to {share:.3g} % of the loss, at noise {noise:.3g}"
        lines = [head, "  noise    loss     symmetrised  recoverable        identity error"]
        columns = (self.noise, self.loss, self.symmetrised, self.recoverable, self.recoverable_error)
        rows = zip(*(column.tolist() for column in (*columns, self.identity_error)), strict=True)
        for noise, loss, symmetrised, recoverable, error, identity in rows:
            part = f"{recoverable:.3g} +- {error:.1g}"
            lines.append(f"  {noise:<8.3g} {loss:<8.3g} {symmetrised:<12.3g} {part:<18} {identity:.1g}")
        return "\n".join(lines)


@torch.no_grad()
def recoverable_loss(
    denoiser: Denoiser,
    x_0: Tensor,
    action: Action,
    *,
    space: BoundSpace,
    seed: int,
    times: Tensor,
    condition: Mapping[str, Tensor] | None = None,
    data_std: float = 1.0,
) -> RecoverableLoss:
    """Measure L(D), L(Q D) and E ||D - Q D||^2 on the same pairs in all poses, noise level by noise level.

    Times and conditions are shared by all poses. Costs |G| (|G| + 1) evaluations a level.

    Args:
        denoiser: any; it may be bound to the items already.
        x_0: clean items (B, *shape), in the units of the denoiser.
        action: on them, isometric; of an infinite group 16 rotations count. None may interpolate.
        space: bound to the batch, without a structure; its noise must commute with the action.
        seed: of the noise.
        times: (L,).
        condition: named tensors (B, ...) of the items, structure not among them.
        data_std: standard deviation of the data, in the units of the denoiser; 0 counts as 1.

    Returns:
        The parts with their standard errors.

    Raises:
        ValueError: fewer than two items, items with a structure, or elements that interpolate.

    Error: in float64 the identity holds to 1e-13, in float32 to 1e-6.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.spaces import Euclidean
        >>> from equigen.symmetry.action import PointsAction
        >>> D = Gaussian(torch.tensor([1.0, 0.0]), Isotropic(1.0)).denoiser(EDM())           # pulls to one side
        >>> x = Gaussian(torch.zeros(2), Isotropic(1.0)).sample(100, seed=0, dtype=torch.float64)
        >>> how = {"space": Euclidean(2).at(), "seed": 0, "times": torch.ones(1)}
        >>> found = recoverable_loss(D, x, PointsAction(Cyclic(4)), **how)
        >>> round(found.recoverable.item(), 6), found.identity_error.item() < 1e-12          # |(t^2 / (1 + t^2))|^2
        (0.25, True)
    """
    if len(x_0) < 2:
        raise ValueError(f"x_0 has {len(x_0)} items, but a standard error needs two: give more.")
    elements = averaging_elements(action.group)
    _require_closed(action, elements, space, condition or {})
    item = torch.arange(len(x_0))
    std = data_std or 1.0
    schedule, weight = denoiser.schedule, KarrasWeight(std)
    bound = BoundDenoiser(denoiser, space, condition or {}).at(seed, item)
    average = Symmetrised(bound, action)
    parts = torch.zeros(3, len(times), len(x_0), dtype=torch.float64)
    with evaluating(denoiser):
        for level, t in enumerate(times.to(x_0)):
            how = {"seed": seed, "stream": Stream.VALIDATION, "step": level, "dtype": x_0.dtype, "device": x_0.device}
            z = space.noise(item=item, **how)
            x_t = per_item(schedule.alpha(t), x_0) * x_0 + per_item(schedule.sigma(t), x_0) * z
            poses = [_risks(bound, average, space, action(g, x_0), action(g, x_t), t) for g in elements]
            scale = float(weight(schedule, t)) / space.ndof.clamp_min(1.0)
            parts[:, level] = torch.stack(poses).double().mean(0).cpu() * scale
    noise = schedule.relative_noise(times.double()).cpu() / std
    (loss, symmetrised, recoverable), errors = parts.mean(2), parts.std(2) / len(x_0) ** 0.5
    return RecoverableLoss(noise, loss, symmetrised, recoverable, errors[0], errors[2])


def _require_closed(action: Action, elements: Tensor, space: BoundSpace, condition: Mapping[str, Tensor]) -> None:
    """Refuse where the poses of the pairs are not pairs of the same kind, on which alone the identity holds."""
    require_no_structure(condition)
    require_alike(space)
    if not bool(action.exact_at(elements).all()):
        raise ValueError(
            f"elements of {action.group.name} interpolate, but the identity holds for those that move data exactly: "
            "take the part of the group that does, such as Cyclic(4) on images."
        )


def _risks(denoiser: Denoiser, average: Denoiser, space: BoundSpace, x_0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
    """||D - x_0||^2, ||Q D - x_0||^2 and ||D - Q D||^2 of each item, (3, B), each computed for itself."""
    plain, symmetrised = denoiser(x_t, t), average(x_t, t)
    gaps = (plain - x_0, symmetrised - x_0, plain - symmetrised)
    return torch.stack([space.inner(gap, gap) for gap in gaps])
