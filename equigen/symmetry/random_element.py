"""A random element at each call: one evaluation instead of |G|, and a law that is invariant all the same.

    D_g(x, t) = g^-1 D(g x, t),        g uniform, drawn anew for each item and each time.

For any fixed h, h D_g(x) = D_{g h^-1}(h x), and g h^-1 is uniform like g and independent of the noise as g is: a path
turned by h is a path of turned noise and of other elements that are as likely. So the law of the samples is invariant,
at every step and whatever D is; the path itself does not turn with its noise, and becomes noisier.
"""

from __future__ import annotations

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.groups.group import Group
from equigen.random import Stream, philox
from equigen.symmetry.action import Action
from equigen.symmetry.symmetrised import require_no_structure

__all__ = ["RandomElement", "random_elements"]

_MOST_LISTED = 5040  # elements of a group that are listed once; those of larger ones are drawn one by one
_DRAW = 2  # of the stream of elements: 0 and 1 are those of Group.sample
_WORD = 0xFFFFFFFF


class RandomElement(Denoiser):
    """g^-1 D(g x, t) with g uniform in the group, a function of (seed, item, t) once it is bound to its items by `at`.

    Sampling, training and measuring bind it; called as it is, it takes items 0, 1, ... of seed 0. Steps at one time
    share their element, and so do both calls of a guided denoiser.

    Args:
        denoiser: D, any.
        action: on the items, in the units of the denoiser.

    Raises:
        ValueError: another number of items than it is bound to, as an adaptive solver gives it; the flow of a denoiser
            that draws is not smooth, and has no likelihood.

    Error: none of its own where the action interpolates nothing.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.action import PointsAction
        >>> inner = Gaussian(torch.tensor([[4.0, 0.0]]), Isotropic(1.0)).denoiser(EDM())      # pulls to one side
        >>> D = RandomElement(inner, PointsAction(Cyclic(2))).at(0, torch.arange(6))
        >>> D(torch.zeros(6, 1, 2), torch.tensor(1.0))[:, 0, 0].round().abs().tolist()        # to one, or to the other
        [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]
    """

    def __init__(self, denoiser: Denoiser, action: Action) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.schedule = denoiser.schedule
        self.action = action
        self._seed = 0
        self._item: Tensor | None = None

    def at(self, seed: int, item: Tensor) -> RandomElement:
        """Bound to items (B,) of a seed."""
        bound = RandomElement(self.denoiser.at(seed, item), self.action)
        bound._seed, bound._item = seed, item
        return bound

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """g^-1 D(g x_t, t), one g for each item."""
        require_no_structure(condition)
        item = torch.arange(len(x_t)) if self._item is None else self._item
        if len(item) != len(x_t):
            raise ValueError(
                f"x_t has {len(x_t)} items, but this denoiser draws for {len(item)}: give all of them, and take a "
                "solver with a fixed grid, or Symmetrised."
            )
        g = random_elements(self.action.group, t, seed=self._seed, item=item)
        return self.action.back(g, self.denoiser(self.action(g, x_t), t, **condition))


def random_elements(group: Group, t: Tensor, *, seed: int, item: Tensor) -> Tensor:
    """Uniform elements addressed by a seed, the number of an item and the bits of a time.

    Args:
        group: any.
        t: times, () or (B,).
        seed: in [0, 2^64).
        item: numbers of the items, int64 (B,).

    Returns:
        (B, ...), on the CPU; a probability differs from 1/|G| by at most 2^-32.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> g = random_elements(Cyclic(4), torch.tensor(0.5), seed=0, item=torch.arange(1000))
        >>> torch.unique(g[:, 0], return_counts=True)[1].tolist()
        [239, 261, 243, 257]
    """
    bits = t.detach().cpu().double().contiguous().view(torch.int64).expand(len(item))
    use = torch.full_like(bits, int(Stream.ELEMENT) + 256 * _DRAW)
    first, second, _, _ = philox((bits & _WORD, item.cpu(), (bits >> 32) & _WORD, use), seed)
    if group.order is not None and group.order <= _MOST_LISTED:
        return group.elements()[(first * group.order) >> 32]
    seeds = zip(first.tolist(), second.tolist(), strict=True)
    return torch.cat([group.sample(1, seed=(high << 32) | low) for high, low in seeds])
