"""A certificate: what of its group a network keeps, layer by layer and as a whole, in plain values that can be written.

It is a list of claims, each with what was measured, the largest number at which the claim holds, and whether the group
promises it on pixels; the layers and the elements of the group that the claims rest on stand beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from equigen.symmetry.columns import aligned, number

__all__ = ["LEAST_CONTRAST", "Certificate", "CertifiedElement", "CertifiedLayer", "Claim", "motions_of"]

LEAST_CONTRAST = 1e-6
"""Contrast below which a network says the same of all images, and nothing is certified."""

_ROUNDING, _TELLING = 1e-3, 0.2  # no larger bounds are those of rounding, and of interpolation that tells anything
_HOLDING = ("exact", "at the floor")
_PLANNED = {True: "exact", False: "broken", None: "not known"}


def motions_of(group: str, on_grid: str) -> str:
    """The motions that move pixels onto pixels in words, from the names of a group and of its part that they are.

    Example:
        >>> motions_of("SO2", "C4"), motions_of("C4", "C4")
        ('the motions of the grid in SO2 (C4)', 'the motions of the grid in C4')
    """
    return f"the motions of the grid in {group}" + ("" if on_grid == group else f" ({on_grid})")


@dataclass(frozen=True)
class Claim:
    """A statement about a network, and what was found.

    Args:
        statement: what is claimed.
        promised: whether a network of the group has to keep it on pixels; what is not promised is told all the same.
        measured: the largest relative error.
        bound: the largest error at which the claim holds.
        verdict: one of `equigen.symmetry.error`; or "not measured", or "told" of what is not promised.
        where: the layers that break it, "" if none does or none is known.

    Example:
        >>> Claim("quarter turns", promised=True, measured=0.3, bound=1e-12, verdict="broken").holds
        False
    """

    statement: str
    promised: bool
    measured: float
    bound: float
    verdict: str
    where: str = ""

    @property
    def holds(self) -> bool:
        """Whether it was found to hold."""
        return self.verdict in _HOLDING


@dataclass(frozen=True)
class CertifiedLayer:
    """One layer, measured on what it is given in the network if it is steerable.

    Args:
        name: in the network, as `named_modules` gives it.
        kind: its class.
        size: (rows, columns) of its map.
        group: that its results follow, under which it is measured.
        planned: whether `equigen.steerable.plan` says that it is exact on the grid; None: not known.
        reason: why it is planned not to be and what mends it, why nothing was measured, or that its group is less than
            what the whole is asked for; "" otherwise.
        error: largest relative error over the motions of the grid, float64; None where nothing was measured.
        verdict: on that; "not measured" where it is None.
        between: largest error over other elements of the group; None where there are none.
        floor: what interpolation alone costs there.

    Example:
        >>> CertifiedLayer("0", "AveragePool", (9, 9), "C4", False, "one row is left over", 0.2, "broken").verdict
        'broken'
    """

    name: str
    kind: str
    size: tuple[int, int]
    group: str
    planned: bool | None
    reason: str
    error: float | None
    verdict: str
    between: float | None = None
    floor: float | None = None


@dataclass(frozen=True)
class CertifiedElement:
    """What the whole network makes of images that an element of the group has moved.

    Args:
        angle: in degrees, counterclockwise.
        flipped: whether the image was turned upside down before.
        on_grid: whether it moves pixels onto pixels.
        error: ||f(g x) - f(x)|| / ||f(x) - mean|| in float64, over the batch, with the mean of all results.
        floor: what interpolation alone costs, 0 on the grid.
        verdict: on the two.
        single: the error in float32 on the grid; None between, where interpolation drowns rounding.
        single_verdict: on that, "" where it is None.

    Example:
        >>> CertifiedElement(90.0, False, True, 0.0, 0.0, "exact", 2e-7, "exact").on_grid
        True
    """

    angle: float
    flipped: bool
    on_grid: bool
    error: float
    floor: float
    verdict: str
    single: float | None
    single_verdict: str


@dataclass(frozen=True)
class Certificate:
    """What was claimed of a network under a group, and found; `print` shows it as a table.

    Args:
        group: name of the group.
        on_grid: name of its part that moves pixels onto pixels, which is what is promised.
        images: number of images it was measured on.
        shape: (C, H, W) of one.
        contrast: how far what the network says of different images lies apart, relative to all that it says about its
            common mean: a network that says the same of all images is invariant and useless. Of several results that
            which lies furthest apart.
        rounding: error of float32 at the images themselves, relative to the same: the floor of what rounding does.
        claims: in the order in which they were made.
        layers: in the order in which they run.
        elements: of the group.

    Example:
        >>> claim = Claim("quarter turns", promised=True, measured=0.0, bound=1e-12, verdict="exact")
        >>> found = Certificate("C4", "C4", 2, (1, 8, 8), 0.5, 1e-7, (claim,), (), ())
        >>> found.holds, Certificate.from_dict(found.to_dict()) == found
        (True, True)
    """

    group: str
    on_grid: str
    images: int
    shape: tuple[int, int, int]
    contrast: float
    rounding: float
    claims: tuple[Claim, ...]
    layers: tuple[CertifiedLayer, ...]
    elements: tuple[CertifiedElement, ...]

    @property
    def holds(self) -> bool:
        """Whether every promised claim was found to hold."""
        return all(claim.holds for claim in self.claims if claim.promised)

    @property
    def broken(self) -> tuple[CertifiedLayer, ...]:
        """The layers that were measured to break a motion of the grid in their group."""
        return tuple(layer for layer in self.layers if layer.verdict == "broken")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {**asdict(self), "holds": self.holds}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Certificate:
        """The certificate that `to_dict` described.

        Raises:
            ValueError: keys that are missing or unknown.
        """
        kept = {name: value for name, value in values.items() if name != "holds"}
        parts: dict[str, type] = {"claims": Claim, "layers": CertifiedLayer, "elements": CertifiedElement}
        try:
            kept |= {name: tuple(kind(**_tuples(one)) for one in kept[name]) for name, kind in parts.items()}
            return cls(**_tuples(kept))
        except (TypeError, KeyError, AttributeError) as error:
            names = ", ".join(one.name for one in fields(cls))
            raise ValueError(
                f"this is no certificate of this version ({error}), which has {names}: certify the run again."
            ) from None

    def sentence(self) -> str:
        """What it comes to, in one sentence.

        Example:
            >>> Certificate("C1", "C1", 2, (1, 8, 8), 0.5, 1e-7, (), (), ()).sentence()
            'C1 promises nothing on pixels: no motion of the grid but the identity is in it.'
        """
        promised = [claim for claim in self.claims if claim.promised]
        if not promised:
            return f"{self.group} promises nothing on pixels: no motion of the grid but the identity is in it."
        broken = next((claim for claim in promised if claim.verdict == "broken"), None)
        if broken is not None:
            named = ", ".join(layer.name for layer in self.broken) or broken.where
            where = f" by {named}" if named else ""
            what = "rounding" if broken.bound <= _ROUNDING else "what interpolating these images explains"
            return (
                f"What {self._promise()} is broken{where}: {broken.statement} is off by {broken.measured:.2g}, but at "
                f"most {broken.bound:.2g} is {what}."
            )
        untold = next((claim for claim in promised if not claim.holds), None)
        return self._kept(promised) if untold is None else self._untold(untold)

    def _promise(self) -> str:
        inside = "" if self.group == self.on_grid else f" ({self.on_grid})"
        return f"{self.group} promises on pixels{inside}"

    def _kept(self, promised: Sequence[Claim]) -> str:
        told, start = [], "the largest relative error is"
        if exact := [claim.measured for claim in promised if claim.verdict == "exact"]:
            told.append(f"{start} {max(exact):.2g}, which is rounding")
            start = "under the other elements it is"
        if floor := [(claim.measured, claim.bound) for claim in promised if claim.verdict == "at the floor"]:
            error, bound = max(floor)
            told.append(f"{start} {error:.2g}, of {bound:.2g} that interpolating explains")
        return f"All that {self._promise()} is kept: {'; '.join(told)}."

    def _untold(self, untold: Claim) -> str:
        if self.contrast < LEAST_CONTRAST:
            return f"The network says the same of all images; nothing can be told of what {self.group} promises."
        what = f"What {self._promise()} cannot be told: {untold.statement} is off by {untold.measured:.2g}"
        if untold.bound > _TELLING:
            return f"{what}, but interpolating these images may cost {untold.bound:.2g}, too much to tell it from."
        if untold.measured <= untold.bound < _ROUNDING:
            return f"{what}, but this result is the same for all images."
        return f"{what}, but rounding alone moves the results by {self.rounding:.1g} in float32."

    def __str__(self) -> str:
        return "\n".join(_lines(self))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _lines(found: Certificate) -> Iterator[str]:
    yield found.sentence()
    yield (
        f"Measured on {found.images} images {found.shape}. What the network says of different images lies "
        f"{found.contrast:.2g} apart, relative to its size; float32 alone moves it by {found.rounding:.1g}."
    )
    if found.claims:
        yield ""
        yield from aligned(list(_claim_rows(found.claims)))
    if found.layers:
        yield ""
        yield from aligned(list(_layer_rows(found.layers)))
        yield from _reasons(found.layers)
    yield ""
    rows = [("element", "float64", "floor", "verdict", "float32", "verdict")]
    for one in found.elements:
        name = f"{one.angle:.4g} degrees" + (", flipped" if one.flipped else "")
        numbers = (f"{one.error:.2g}", number(None if one.on_grid else one.floor))
        rows.append((name, *numbers, one.verdict, number(one.single), one.single_verdict))
    yield from aligned(rows)


def _claim_rows(claims: Sequence[Claim]) -> Iterator[tuple[str, ...]]:
    yield ("claim", "promised", "error", "holds up to", "verdict", "where")
    for claim in claims:
        numbers = (f"{claim.measured:.2g}", f"{claim.bound:.2g}")
        yield (claim.statement, "yes" if claim.promised else "no", *numbers, claim.verdict, claim.where)


def _layer_rows(layers: Sequence[CertifiedLayer]) -> Iterator[tuple[str, ...]]:
    """A table; "planned" is left out where nothing is planned, what lies between where there is nothing."""
    planned = any(layer.planned is not None for layer in layers)
    between = any(layer.between is not None for layer in layers)
    heads = ("planned",) * planned, ("between", "floor there") * between
    yield ("layer", "kind", "pixels", "group", *heads[0], "error on the grid", "verdict", *heads[1])
    for layer in layers:
        size = f"{layer.size[0]} x {layer.size[1]}"
        plan, rest = (
            (_PLANNED[layer.planned],) * planned,
            (number(layer.between), number(layer.floor)) if between else (),
        )
        yield (layer.name, layer.kind, size, layer.group, *plan, number(layer.error), layer.verdict, *rest)


def _reasons(layers: Sequence[CertifiedLayer]) -> Iterator[str]:
    """Every reason once, after the layers that it is told of."""
    told: dict[str, list[str]] = {}
    for layer in layers:
        if layer.reason:
            told.setdefault(layer.reason, []).append(layer.name)
    for reason, names in told.items():
        yield f"{'every layer' if len(names) == len(layers) > 1 else ', '.join(dict.fromkeys(names))}: {reason}"
