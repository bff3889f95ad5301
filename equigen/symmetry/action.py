"""An action says what the elements of a group do to data: g (h x) = (g h) x, and the identity does nothing.

Actions are values; calling one, action(g, x), moves a batch. `g` is one element for the whole batch or one for each
of its items. Results have the dtype and device of the data.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import torch
from torch import Tensor

from equigen.groups.group import Group
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import O2, require_plane_group
from equigen.groups.representation import Representation
from equigen.groups.symmetric import Symmetric
from equigen.steerable.field_type import FieldType

__all__ = ["Action", "ExactAction", "LinearAction", "PermutationAction", "PointsAction", "TrivialAction"]


@dataclass(frozen=True)
class Action(ABC):
    """What the elements of a group do to a batch of data.

    Args:
        group: that acts.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> action = PointsAction(Cyclic(4))
        >>> quarter = action.group.elements()[1]
        >>> action(quarter, torch.tensor([[[1.0, 0.0]]])).round().tolist()
        [[[0.0, 1.0]]]
    """

    group: Group

    @abstractmethod
    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        """The data moved by g.

        Args:
            g: one element, or one for each item of the batch, (B, ...).
            x: (B, ...).

        Raises:
            ValueError: g is not in the group, or does not fit the batch.
        """

    @abstractmethod
    def back(self, g: Tensor, x: Tensor) -> Tensor:
        """The data moved by g^-1, by other arithmetic where g interpolates: errors of going must not cancel in this."""

    @abstractmethod
    def exact_at(self, g: Tensor) -> Tensor:
        """Whether the elements (*, ...) move data without interpolation, bool (*)."""

    @abstractmethod
    def window(self, x: Tensor) -> Tensor:
        """The part of the data that no element of the group loses: x times weights that the group leaves in place."""

    def _check(self, g: Tensor, x: Tensor) -> None:
        """Refuse elements of another group, or of another number than the batch has items."""
        shape = self.group.identity().shape
        batch = g.shape[: g.ndim - len(shape)]
        if g.shape[len(batch) :] != shape or batch not in ((), x.shape[:1]):
            raise ValueError(
                f"g has shape {tuple(g.shape)}, but {self.group.name} moves {len(x)} items by one element "
                f"{tuple(shape)} or by one each, {(len(x), *shape)}."
            )
        if not bool(self.group.contains(g).all()):
            raise ValueError(
                f"g is {g.tolist()}, but must be of {self.group.name}: take {self.group.name}.elements() or .sample(n)."
            )


@dataclass(frozen=True)
class ExactAction(Action):
    """An action that interpolates nothing and loses nothing, whatever the element.

    Args:
        group: that acts.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> points = PointsAction(SO2())
        >>> isinstance(points, ExactAction), points.exact_at(SO2().grid(3)).tolist()
        (True, [True, True, True])
    """

    def back(self, g: Tensor, x: Tensor) -> Tensor:
        """The data moved by g^-1."""
        return self(self.group.inverse(g), x)

    def exact_at(self, g: Tensor) -> Tensor:
        """True at every element."""
        return self.group.contains(g)

    def window(self, x: Tensor) -> Tensor:
        """All of the data."""
        return x


@dataclass(frozen=True)
class TrivialAction(ExactAction):
    """Nothing moves: the action on what is invariant, such as the scores of classes.

    Args:
        group: any.

    Example:
        >>> from equigen.groups.plane_groups import SO2
        >>> action = TrivialAction(SO2())
        >>> action(torch.tensor([0.3, 0.0]), torch.tensor([[1.0, 2.0]])).tolist()
        [[1.0, 2.0]]
    """

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        """The data itself."""
        self._check(g, x)
        return x


@dataclass(frozen=True)
class LinearAction(ExactAction):
    """Vectors are multiplied by the matrices of a representation: x -> rho(g) x along the last axis.

    Args:
        representation: of size d, or a field type of so many channels.

    Raises:
        TypeError: neither of both, but its name, say.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import Cyclic
        >>> action = LinearAction(regular(Cyclic(4)))
        >>> action(Cyclic(4).elements()[1], torch.tensor([[1.0, 2.0, 3.0, 4.0]])).round().tolist()
        [[4.0, 1.0, 2.0, 3.0]]
    """

    group: Group = field(init=False, repr=False)
    representation: Representation | FieldType

    def __post_init__(self) -> None:
        if not isinstance(self.representation, Representation | FieldType):
            raise TypeError(
                f"representation is {self.representation!r}, but one with its group was needed: "
                'pass FieldType(Cyclic(4), "1xregular").'
            )
        object.__setattr__(self, "group", self.representation.group)

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        """rho(g) x."""
        self._check(g, x)
        size = self.representation.size
        if x.ndim < 2 or x.shape[-1] != size:
            raise ValueError(f"x has shape {tuple(x.shape)}, but the representation acts on vectors (B, ..., {size}).")
        return _multiply(self.representation.matrix(g), x)


@dataclass(frozen=True)
class PointsAction(ExactAction):
    """Points of the plane are rotated and reflected about the origin: p -> R(angle) s^flip p.

    Args:
        group: the points are (B, ..., 2), the last axis (x, y).

    Raises:
        TypeError: no group of the plane acts, but its name, say.

    Example:
        >>> from equigen.groups.plane_groups import O2, require_plane_group
        >>> PointsAction(O2())(torch.tensor([0.0, 1.0]), torch.tensor([[[3.0, 4.0]]])).tolist()
        [[[3.0, -4.0]]]
    """

    group: PlaneGroup

    def __post_init__(self) -> None:
        require_plane_group(self.group)

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        """The points moved."""
        self._check(g, x)
        if x.ndim < 2 or x.shape[-1] != 2:
            raise ValueError(f"x has shape {tuple(x.shape)}, but points of the plane come as (B, ..., 2).")
        return _multiply(O2().irrep_matrix(O2().irrep("1"), g), x)


@dataclass(frozen=True)
class PermutationAction(ExactAction):
    """Nodes change places: what stood at place i stands at place g[i].

    With one axis of nodes, features (B, n, ...) go to P X; with two, adjacency matrices (B, n, n, ...) to P A P^T,
    where P[g[i], i] = 1.

    Args:
        group: of n places.
        axes: how many axes behind that of the batch number the nodes, 1 or 2.

    Raises:
        TypeError: no symmetric group acts, but its name, say.
        ValueError: another number of axes.

    Example:
        >>> g = torch.tensor([1, 2, 0])
        >>> PermutationAction(Symmetric(3))(g, torch.tensor([[10.0, 20.0, 30.0]])).tolist()
        [[30.0, 10.0, 20.0]]
        >>> edge = torch.tensor([[[0, 1, 0], [0, 0, 0], [0, 0, 0]]])
        >>> PermutationAction(Symmetric(3), axes=2)(g, edge).nonzero().tolist()
        [[0, 1, 2]]
    """

    group: Symmetric
    axes: int = 1

    def __post_init__(self) -> None:
        if not isinstance(self.group, Symmetric):
            raise TypeError(f"group is {self.group!r}, but permutations were needed: pass Symmetric(3).")
        if self.axes not in (1, 2):
            raise ValueError(f"axes is {self.axes}, but nodes have one axis and edges two: pass axes=1 or axes=2.")

    def __call__(self, g: Tensor, x: Tensor) -> Tensor:
        """The nodes, or the edges, renumbered."""
        self._check(g, x)
        n = self.group.n
        if x.shape[1 : 1 + self.axes] != (n,) * self.axes:
            wanted = ", ".join(["B", *[str(n)] * self.axes, "..."])
            raise ValueError(f"x has shape {tuple(x.shape)}, but {self.group.name} acts on shapes ({wanted}).")
        source = self.group.inverse(g).to(x.device).expand(len(x), n)
        item = torch.arange(len(x), device=x.device)[:, None]
        for axis in range(1, 1 + self.axes):
            x = x.transpose(1, axis)[item, source].transpose(1, axis)
        return x


def _multiply(matrix: Tensor, x: Tensor) -> Tensor:
    """Vectors (B, ..., d) times one matrix (d, d), or times one each, (B, d, d)."""
    flat = x.reshape(x.shape[0], -1, x.shape[-1])
    return (flat @ matrix.to(x).mT).reshape(x.shape)
