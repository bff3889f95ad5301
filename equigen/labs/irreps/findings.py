"""All that the lab irreps measures on one group, together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equigen.labs.irreps.functions import GroupFunctions, spoiled_lists
from equigen.labs.irreps.measuring import (
    Agreement,
    ColumnSpan,
    LeftOut,
    NearCopy,
    SpoiledList,
    agreement,
    column_spans,
    left_out,
    near_copies,
    spoiled,
)
from equigen.labs.irreps.theorems import FourierProducts, Weighing, products, weighings

__all__ = ["IrrepFindings", "measured", "representatives"]


@dataclass(frozen=True)
class IrrepFindings:
    """Everything measured of irreps on one group.

    Args:
        functions: on the group.
        agreement: of the two constructions.
        left_out: for each irrep, what is lost without it.
        columns: of each two-dimensional irrep.
        copies: a function that nears another; none if there is only one function.
        lists: the complete list first, then the spoiled ones.
        weighings: Parseval's identity for each given function.
        products: shifts and convolutions.
    """

    functions: GroupFunctions
    agreement: Agreement
    left_out: Sequence[LeftOut]
    columns: Sequence[ColumnSpan]
    copies: Sequence[NearCopy]
    lists: Sequence[SpoiledList]
    weighings: Sequence[Weighing]
    products: FourierProducts

    @property
    def commutes(self) -> bool:
        """Whether the factors of all products in the group can be swapped: every irrep is as large as its commutant."""
        return all(irrep.size == irrep.endomorphisms for irrep in self.functions.irreps)

    @property
    def complex_type(self) -> bool:
        """Whether an irrep has a commutant of two dimensions."""
        return any(irrep.endomorphisms > 1 for irrep in self.functions.irreps)


def measured(functions: GroupFunctions, seed: int) -> IrrepFindings:
    """All measurements on one group.

    Args:
        functions: on it.
        seed: of random functions, elements and maps.
    """
    return IrrepFindings(
        functions,
        agreement(functions, seed),
        [left_out(functions, irrep, seed) for irrep in functions.irreps],
        column_spans(functions),
        near_copies(functions),
        [spoiled(functions, name, columns, seed) for name, columns in spoiled_lists(functions).items()],
        weighings(functions, seed),
        products(functions, seed),
    )


def representatives(found: Sequence[IrrepFindings]) -> list[IrrepFindings]:
    """The first group of rotations alone and the first with reflections, which stand for the others in pictures."""
    kinds = [[one for one in found if one.functions.group.reflections is flips] for flips in (False, True)]
    return [kind[0] for kind in kinds if kind]
