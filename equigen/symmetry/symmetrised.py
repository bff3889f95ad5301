"""Symmetrised denoisers: any denoiser, or any module, made to commute with a group by averaging over its orbit.

    Q D(x, t) = mean over g of g^-1 D(g x, t).

The average costs one evaluation for each element. It never has a larger denoising loss on data whose law the group
leaves alone, L(D) = L(Q D) + E ||D - Q D||^2, and its samples' law is invariant.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from equigen.diffusion.denoiser import Denoiser
from equigen.spaces.space import BoundSpace
from equigen.symmetry.action import Action
from equigen.symmetry.averaging import averaged, averaging_elements

__all__ = ["Symmetrised", "SymmetrisedModule", "require_alike", "require_no_structure"]


class Symmetrised(Denoiser):
    """Q D: the average of g^-1 D(g x, t) over a group; conditions are shared by all poses.

    Args:
        denoiser: D, any; it may be trained before or within the average.
        action: on the items, in the units of the denoiser.
        elements: (n, ...), of a subgroup over which to average; None: all elements of a finite group, 16 rotations
            (and their reflections) of SO(2) and O(2).

    Attributes:
        averaged_over: the elements, (n, ...).

    Raises:
        ValueError: elements that are no subgroup.

    Error: commutes to the rounding of its arithmetic where the action interpolates nothing; elsewhere, rotations of
        images between quarter turns lose what `rotate` loses.

    Source: B. Elesedy, S. Zaidi, Provably strict generalisation benefit for equivariant models, 2021, equation 1.

    Example:
        >>> import torch
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.action import PointsAction
        >>> inner = Gaussian(torch.tensor([[4.0, 0.0]]), Isotropic(1.0)).denoiser(EDM())      # pulls to one side
        >>> D = Symmetrised(inner, PointsAction(Cyclic(2)))
        >>> D(torch.tensor([[[1.0, 2.0]]]), torch.tensor(1.0)).tolist()
        [[[0.5, 1.0]]]
    """

    def __init__(self, denoiser: Denoiser, action: Action, elements: Tensor | None = None) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.schedule = denoiser.schedule
        self.action = action
        self.elements = elements
        self.averaged_over = averaging_elements(action.group, elements)

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """Q D at x_t.

        Raises:
            ValueError: a structure is given, which would have to move with the items.
        """
        require_no_structure(condition)
        return averaged(lambda x: self.denoiser(x, t, **condition), x_t, self.action, self.action, self.averaged_over)

    def at(self, seed: int, item: Tensor) -> Symmetrised:
        """The same with what is averaged bound to those items."""
        inner = self.denoiser.at(seed, item)
        return self if inner is self.denoiser else Symmetrised(inner, self.action, self.elements)


class SymmetrisedModule(nn.Module):
    """The average of g^-1 f(g x, ...) over a group, f any module: equivariant, or invariant.

    Args:
        module: f, called as f(x, *args, **kwargs); what follows x is the same in all poses.
        action_in: on x.
        action_out: on the results; None: the same as on x. `TrivialAction(group)` makes them invariant.
        elements: as for `Symmetrised`.

    Raises:
        ValueError: actions of different groups, or elements that are no subgroup.

    Error: as `Symmetrised`.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.action import TrivialAction
        >>> from equigen.symmetry.image_action import ImageAction
        >>> x, C4 = torch.rand(1, 1, 5, 5), Cyclic(4)
        >>> f = SymmetrisedModule(nn.Sequential(nn.Flatten(), nn.Linear(25, 3)), ImageAction(C4), TrivialAction(C4))
        >>> torch.allclose(f(x), f(x.rot90(1, (2, 3))), atol=1e-5)
        True
    """

    def __init__(
        self, module: nn.Module, action_in: Action, action_out: Action | None = None, elements: Tensor | None = None
    ) -> None:
        super().__init__()
        self.module = module
        self.action_in = action_in
        self.action_out = action_in if action_out is None else action_out
        if self.action_out.group != action_in.group:
            raise ValueError(
                f"{action_in.group.name} acts on x and {self.action_out.group.name} on the results, but an average is "
                "over one group: take the same group in both actions."
            )
        self.elements = elements
        self._over = averaging_elements(action_in.group, elements)

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The average at x, (B, ...)."""
        return averaged(lambda y: self.module(y, *args, **kwargs), x, self.action_in, self.action_out, self._over)


def require_no_structure(condition: Mapping[str, Tensor]) -> None:
    """Refuse the structure of a batch among the conditions: it belongs to the items and would have to move with them.

    Raises:
        ValueError: a structure is given.

    Example:
        >>> import torch
        >>> require_no_structure({"label": torch.tensor([3])})
    """
    if "structure" in condition:
        raise ValueError(
            "structure is given, but the poses of an item would need it moved: leave it out, or take a network that "
            "commutes by itself."
        )


def require_alike(space: BoundSpace) -> None:
    """Refuse a space whose items have structures of their own: their poses would leave it.

    Raises:
        ValueError: items differ in their degrees of freedom.

    Example:
        >>> from equigen.spaces import Euclidean
        >>> require_alike(Euclidean(2).at())
    """
    if space.ndof.ndim > 0:
        raise ValueError(
            "items have structures of their own, but their poses would need these moved: take a space without masks."
        )
