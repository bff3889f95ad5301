"""What a group is: elements as batched tensors, and how they compose.

An abstract group says how elements are written, composed, inverted and drawn, and which irreducible representations
it has over the real numbers. Elements of one group are tensors of one shape (*, *element_shape); every function
broadcasts over the leading axes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from equigen.groups.irrep import Irrep

__all__ = ["Group", "require_whole"]


def require_whole(name: str, value: int, least: int, fix: str, most: int | None = None) -> None:
    """Refuse what is no whole number, or out of bounds.

    Args:
        name: of the argument.
        value: given; booleans count as no number.
        least: the smallest that is taken.
        fix: code that would be right.
        most: the largest that is taken, if there is one.

    Raises:
        ValueError: in one sentence, with the fix.

    Example:
        >>> require_whole("n", 2.5, 0, "take n=2")
        Traceback (most recent call last):
        ValueError: n is 2.5, but a whole number, 0 or more, was needed: take n=2.
    """
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or value < least or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"from {least} to {most}"
        raise ValueError(f"{name} is {value!r}, but a whole number, {bounds}, was needed: {fix}.")


class Group(ABC):
    """A group whose elements are rows of tensors.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> group = Cyclic(4)
        >>> turn = group.elements()[1]
        >>> bool(group.same(group.compose(turn, group.inverse(turn)), group.identity()))
        True
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name by which the group is written, such as "C4"."""

    @property
    @abstractmethod
    def order(self) -> int | None:
        """The number of elements, or None if there are infinitely many."""

    @abstractmethod
    def identity(self) -> Tensor:
        """The neutral element, a tensor of the shape of one element."""

    @abstractmethod
    def compose(self, g: Tensor, h: Tensor) -> Tensor:
        """The product g h: first h acts, then g.

        Args:
            g: elements (*, ...).
            h: elements, broadcast against them.

        Returns:
            Elements of the broadcast shape.
        """

    @abstractmethod
    def inverse(self, g: Tensor) -> Tensor:
        """The elements that undo `g`, of its shape."""

    @abstractmethod
    def sample(self, n: int, *, seed: int, first: int = 0) -> Tensor:
        """`n` elements from the uniform (Haar) law, each a function of the seed and its number.

        Args:
            n: how many.
            seed: in [0, 2^64).
            first: number of the first of them.

        Returns:
            Elements (n, ...).

        Raises:
            ValueError: n is no whole number, or negative.
        """

    @abstractmethod
    def elements(self) -> Tensor:
        """All elements of a finite group, (order, ...), the identity first.

        Raises:
            ValueError: the group is infinite; `grid(n)` gives n equally spread elements.
        """

    @abstractmethod
    def generators(self) -> Tensor:
        """A few elements whose products are the whole of a finite group, (m, ...), none of them the identity.

        Raises:
            ValueError: the group is infinite.
        """

    @abstractmethod
    def grid(self, n: int) -> Tensor:
        """Elements spread equally over the group, for quadrature: see the group at hand for what `n` counts."""

    @abstractmethod
    def contains(self, g: Tensor) -> Tensor:
        """Whether each of `g` (*, ...) is an element, bool (*)."""

    @abstractmethod
    def same(self, g: Tensor, h: Tensor) -> Tensor:
        """Whether elements agree up to rounding, bool of the broadcast shape."""

    @abstractmethod
    def irreps(self, frequency: int | None = None) -> tuple[Irrep, ...]:
        """The irreducible real representations, in order of frequency, even before odd.

        Args:
            frequency: the largest, required where there are infinitely many.
        """

    @abstractmethod
    def irrep(self, name: str) -> Irrep:
        """The irreducible representation of that name.

        Raises:
            ValueError: the group has none of that name; the legal ones are listed.
        """

    @abstractmethod
    def irrep_matrix(self, irrep: Irrep, g: Tensor) -> Tensor:
        """Orthogonal matrices of an irreducible representation.

        Args:
            irrep: one of `irreps`.
            g: elements (*, ...).

        Returns:
            (*, d, d) in the dtype of `g` (float64 for integer elements).
        """
