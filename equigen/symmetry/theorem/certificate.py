"""The certificate of a model: the premises of the theorem one by one, in plain values that can be written.

The theorem: if the prior, the noise and the scale of a model commute with isometries of a group, and its denoiser and
its solver do, then the law of every iterate, and of the samples, is invariant under the group. Each premise is a list
of claims about one part alone; what the claims rest on (noise levels, layers, paths, losses) stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from equigen.symmetry.certificate import CertifiedLayer, Claim
from equigen.symmetry.columns import aligned, number
from equigen.symmetry.plain_values import finite_values

__all__ = ["CertifiedLevel", "CertifiedPath", "ModelCertificate", "Premise", "RecoverableLevel"]

_VERDICTS = ("exact", "at the floor", "not measured", "not told apart", "broken")


@dataclass(frozen=True)
class Premise:
    """One premise of the theorem, or one of its consequences, and the claims that were tested for it.

    Args:
        name: "action", "prior", "noise", "scale", "denoiser" or "solver" for a premise; "law" and "likelihood" for a
            consequence; "batch" for what stands beside them.
        statement: what it says.
        claims: that were tested.

    Example:
        >>> claim = Claim("the prior is isotropic", promised=True, measured=0.0, bound=1e-12, verdict="exact")
        >>> Premise("prior", "the law at t_max is invariant", (claim,)).verdict
        'exact'
    """

    name: str
    statement: str
    claims: tuple[Claim, ...]

    @property
    def verdict(self) -> str:
        """The worst verdict on its promised claims; "not measured" if there are none."""
        return _worst(self.claims)

    @property
    def holds(self) -> bool:
        """Whether every promised claim was found to hold."""
        return all(claim.holds for claim in self.claims if claim.promised)


@dataclass(frozen=True)
class CertifiedLevel:
    """What the denoiser makes of one element of the group at one noise level.

    Args:
        element: written, such as "90 degrees".
        on_grid: whether it moves data without interpolation.
        noise: relative noise sigma / alpha, in the units of the denoiser.
        error: ||D(g x_t) - g D(x_t)|| / ||D(x_t)||, float64, over the batch.
        floor: what interpolation alone costs there; 0 where nothing is interpolated.
        bound: up to which the error is exact, or at the floor.
        verdict: on the two.
        single: the error in float32 on the grid; None between.
        rounding: of float32 at the same level without any motion; None between.

    Example:
        >>> CertifiedLevel("90 degrees", True, 0.5, 0.0, 0.0, 1e-12, "exact", 2e-7, 1e-7).verdict
        'exact'
    """

    element: str
    on_grid: bool
    noise: float
    error: float
    floor: float
    bound: float
    verdict: str
    single: float | None
    rounding: float | None


@dataclass(frozen=True)
class CertifiedPath:
    """A trajectory of a solver whose prior and noise were moved, beside the moved trajectory.

    Args:
        solver: its class.
        element: written, such as "90 degrees".
        times: at which the two were compared, descending.
        errors: relative, at those times.
        final: of the samples.
        bound: the largest error at which it holds.
        verdict: on the largest error.

    Example:
        >>> CertifiedPath("Heun", "90 degrees", (80.0, 0.002), (0.0, 1e-15), 1e-15, 1e-9, "exact").final
        1e-15
    """

    solver: str
    element: str
    times: tuple[float, ...]
    errors: tuple[float, ...]
    final: float
    bound: float
    verdict: str


@dataclass(frozen=True)
class RecoverableLevel:
    """The part of the loss at one noise level that symmetry alone would take away: L(D) = L(QD) + E||D - QD||^2.

    Args:
        noise: relative noise sigma / alpha.
        loss: of the denoiser.
        symmetrised: of its average over the group.
        recoverable: the mean square distance of the two.
        identity_error: of the equation, relative to the loss.

    Example:
        >>> RecoverableLevel(noise=1.0, loss=0.8, symmetrised=0.7, recoverable=0.1, identity_error=0.0).recoverable
        0.1
    """

    noise: float
    loss: float
    symmetrised: float
    recoverable: float
    identity_error: float


@dataclass(frozen=True)
class ModelCertificate:
    """What the premises of the theorem were found to be for a model and a group; `print` shows it as a table.

    Args:
        group: name of the group.
        on_grid: name of its part that moves data without interpolation, which is what is promised to rounding.
        shape: of one item.
        items: number of items it was measured on.
        premises: in the order of `Premise`.
        levels: of the denoiser, by noise level and element.
        layers: of its network, in the order in which they run; empty if it has none with fields.
        paths: by solver and element.
        risk: by noise level; empty where it was not measured.

    Example:
        >>> claim = Claim("quarter turns", promised=True, measured=0.0, bound=1e-12, verdict="exact")
        >>> premises = (Premise("denoiser", "the denoiser commutes", (claim,)),)
        >>> found = ModelCertificate("C4", "C4", (1, 8, 8), 4, premises, (), (), (), ())
        >>> found.verdict, found.broken, ModelCertificate.from_dict(found.to_dict()) == found
        ('exact', (), True)
    """

    group: str
    on_grid: str
    shape: tuple[int, ...]
    items: int
    premises: tuple[Premise, ...]
    levels: tuple[CertifiedLevel, ...]
    layers: tuple[CertifiedLayer, ...]
    paths: tuple[CertifiedPath, ...]
    risk: tuple[RecoverableLevel, ...]

    @property
    def verdict(self) -> str:
        """The worst verdict on all promised claims; "not measured" if there are none."""
        return _worst([claim for premise in self.premises for claim in premise.claims])

    @property
    def holds(self) -> bool:
        """Whether something is promised, and every promised claim was found to hold."""
        promised = any(claim.promised for premise in self.premises for claim in premise.claims)
        return promised and all(premise.holds for premise in self.premises)

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the premises that do not hold."""
        return tuple(premise.name for premise in self.premises if not premise.holds)

    def premise(self, name: str) -> Premise:
        """The premise of a name.

        Raises:
            KeyError: there is none of that name.
        """
        found = next((premise for premise in self.premises if premise.name == name), None)
        if found is None:
            known = ", ".join(premise.name for premise in self.premises)
            raise KeyError(f"this certificate has no premise {name!r}, but {known}: name one of them.")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; numbers that are not finite are None."""
        return {**finite_values(asdict(self)), "verdict": self.verdict, "holds": self.holds}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelCertificate:
        """The certificate that `to_dict` described.

        Raises:
            ValueError: keys that are missing or unknown.
        """
        try:
            kept = {name: value for name, value in values.items() if name not in ("verdict", "holds")}
            kept["premises"] = tuple(
                Premise(**{**one, "claims": _rows(Claim, one["claims"])}) for one in kept["premises"]
            )
            kept |= {name: _rows(kind, kept[name]) for name, kind in _PARTS.items()}
            return cls(**_read(kept))
        except (TypeError, KeyError, AttributeError) as error:
            names = ", ".join(one.name for one in fields(cls))
            raise ValueError(
                f"this is no certificate of a model of this version ({error}), which has {names}: certify it again."
            ) from None

    def sentence(self) -> str:
        """What it comes to, in one sentence.

        Example:
            >>> ModelCertificate("C1", "C1", (2,), 4, (), (), (), (), ()).sentence()
            'Nothing is promised under C1.'
        """
        claims = [(premise, claim) for premise in self.premises for claim in premise.claims if claim.promised]
        if not claims:
            return f"Nothing is promised under {self.group}."
        if self.holds:
            return f"The model keeps {self.group}: every premise holds, {_kept(self)}."
        premise, wrong = max(claims, key=lambda one: _VERDICTS.index(one[1].verdict))
        where = f" ({wrong.where})" if wrong.where else ""
        found = f"the error of {wrong.statement!r} is {number(wrong.measured)}"
        if wrong.verdict == "broken":
            others = ", ".join(name for name in self.broken if name != premise.name)
            return (
                f"The model does not keep {self.group}: the {premise.name} is broken{where}, {found}, but at most "
                f"{number(wrong.bound)} is allowed" + (f"; nor was shown to hold: {others}." if others else ".")
            )
        if wrong.verdict == "not told apart":
            return (
                f"Whether the model keeps {self.group} is not told: {found}{where}, but what is measured there could "
                f"not be told from {number(wrong.bound)} for a model that does."
            )
        return (
            f"The model may keep {self.group}, but {wrong.statement!r} of the {premise.name} was not measured{where}."
        )

    def __str__(self) -> str:
        return "\n".join(_lines(self))


_PARTS: dict[str, type] = {
    "levels": CertifiedLevel,
    "layers": CertifiedLayer,
    "paths": CertifiedPath,
    "risk": RecoverableLevel,
}


def _worst(claims: Sequence[Claim]) -> str:
    promised = [claim.verdict for claim in claims if claim.promised]
    return max(promised, key=_VERDICTS.index, default="not measured")


def _kept(found: ModelCertificate) -> str:
    """How well, in words."""
    if found.verdict == "exact":
        return "exactly up to rounding"
    claims = [claim for premise in found.premises for claim in premise.claims if claim.promised]
    worst = max((one for one in claims if one.verdict == "at the floor"), key=lambda one: one.bound)
    grid = "" if found.on_grid == found.group else f", {found.on_grid} exactly"
    cost = f"{number(worst.measured)}, where {number(worst.bound)} is allowed"
    return f"up to what pixels cost ({cost}{grid})"


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with lists as tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def _rows(kind: type, rows: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(kind(**_read(one)) for one in rows)


def _lines(found: ModelCertificate) -> Iterator[str]:
    yield found.sentence()
    yield f"Measured on {found.items} items {found.shape}."
    yield ""
    rows = [("premise", "claim", "promised", "error", "holds up to", "verdict", "where")]
    for premise in found.premises:
        for claim in premise.claims:
            numbers = (number(claim.measured), number(claim.bound))
            promised = "yes" if claim.promised else "no"
            rows.append((premise.name, claim.statement, promised, *numbers, claim.verdict, claim.where))
    yield from aligned(rows)
    wrong = [layer for layer in found.layers if layer.verdict == "broken" or layer.planned is False]
    for layer in wrong:
        yield f"layer {layer.name} ({layer.kind}): {layer.verdict}, error {number(layer.error)}; {layer.reason}"
