"""The average over a group, Q f = mean over g of g^-1 f g: the nearest function that commutes with the group.

Nearest in mean square over data whose law the group leaves alone: Q is then an orthogonal projection, and f - Q f is at
right angles to everything that commutes.

Source: B. Elesedy, S. Zaidi, Provably strict generalisation benefit for equivariant models, 2021, section 4.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from equigen.groups.group import Group
from equigen.symmetry.action import Action

__all__ = ["averaged", "averaging_elements"]

_ROTATIONS = 16  # of the subgroup that stands for an infinite group
_MOST_GIVEN = 512


def averaging_elements(group: Group, elements: Tensor | None = None) -> Tensor:
    """The elements over which an average commutes with the group: all of a finite one, a subgroup of an infinite one.

    Args:
        group: that acts.
        elements: (n, ...), of a subgroup; None: all elements of a finite group, and of SO(2) and O(2) 16 rotations,
            with their reflections.

    Returns:
        (n, ...).

    Raises:
        ValueError: elements that are no subgroup, or more than 512 that are given one by one.

    Example:
        >>> from equigen.groups.plane_groups import O2, Cyclic, Dihedral
        >>> [len(averaging_elements(group)) for group in (Cyclic(4), Dihedral(4), O2())]
        [4, 8, 32]
        >>> averaging_elements(Cyclic(4), Cyclic(4).elements()[:2])
        Traceback (most recent call last):
        ValueError: elements are 2 of C4, but no subgroup: an average over them is no projection; leave them out.
    """
    if elements is None:
        return group.grid(_ROTATIONS) if group.order is None else group.elements()
    shape = group.identity().shape
    if elements.ndim != 1 + len(shape) or not 1 <= len(elements) <= _MOST_GIVEN:
        raise ValueError(
            f"elements has shape {tuple(elements.shape)}, but 1 to {_MOST_GIVEN} elements come as rows: leave them out."
        )
    for g in elements:
        products = group.compose(g.expand_as(elements), elements)
        if not bool(group.same(products[:, None], elements[None]).any(1).all()):
            raise ValueError(
                f"elements are {len(elements)} of {group.name}, but no subgroup: an average over them is no "
                "projection; leave them out."
            )
    return elements


def averaged(
    function: Callable[[Tensor], Tensor], x: Tensor, action_in: Action, action_out: Action, elements: Tensor
) -> Tensor:
    """The mean over the elements of g^-1 f(g x), one evaluation each.

    Args:
        function: gives (B, ...) for data (B, ...).
        x: (B, ...).
        action_in: on the data.
        action_out: on the results.
        elements: (n, ...), of both groups.

    Returns:
        (B, ...).

    Raises:
        TypeError: results that are no tensor.

    Error: rounding, where the actions interpolate nothing; else what interpolation loses.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.action import PointsAction
        >>> points = PointsAction(Cyclic(4))
        >>> x, g = torch.tensor([[[1.0, 2.0]]]), Cyclic(4).elements()
        >>> averaged(lambda x: x * torch.tensor([3.0, 1.0]), x, points, points, g).tolist()       # 2 x
        [[[2.0, 4.0]]]
    """
    total = None
    for g in elements:
        given = function(action_in(g, x))
        if not isinstance(given, Tensor):
            raise TypeError(
                f"the function gives a {type(given).__name__}, but an average is over tensors: wrap it in a module "
                "that returns one of them."
            )
        one = action_out.back(g, given)
        total = one if total is None else total + one
    assert total is not None
    return total / len(elements)
