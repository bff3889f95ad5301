"""What the numbers of the lab equivariance decide, and the paragraph that says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from equigen.labs.equivariance.measuring import Turning, standard_error
from equigen.labs.equivariance.roster import PLAIN, REFERENCE
from equigen.labs.equivariance.sizes import Cell, OnePixel
from equigen.labs.equivariance.splitting import Border, Split
from equigen.labs.lab import Conclusion

__all__ = ["EXACT32", "EXACT64", "Found", "concluded", "paragraph"]

EXACT64 = 1e-11
"""Largest e_i that counts as rounding in float64."""
EXACT32 = 1e-5
"""In float32."""
_INVARIANT = 1e-3  # mean e_i that would pass for invariance between quarter turns
_SMALL = 0.1  # of the whole error, below which a part counts as small
_HIDDEN = 3.0  # factor between a layer's error and that of the logits, above which it counts as hidden
_ALIASED = 0.01  # mean e_i above which aliasing would matter


@dataclass(frozen=True, eq=False)
class Found:
    """Everything that the lab measures.

    Args:
        turnings: of every network, untrained, then trained.
        splits: of the reference, untrained and trained.
        smooth: name of a trained SO(2) network -> (B,), its error with border and pixels removed.
        aliasing: function -> samples -> (B,), what they change in a trained network.
        border: of the trained reference.
        cells: every layer at every size.
        sizes: the reference, trained, on frames of several sizes.
        hidden: error of a strided convolution at a bad size on its map, and after a mean.
    """

    turnings: list[Turning]
    splits: list[Split]
    smooth: dict[str, Tensor]
    aliasing: dict[str, dict[int, Tensor]]
    border: Border
    cells: list[Cell]
    sizes: list[OnePixel]
    hidden: tuple[float, float]

    def of(self, name: str, trained: bool) -> Turning:
        """What was measured of a network."""
        return next(one for one in self.turnings if one.name == name and one.trained == trained)

    @property
    def steerable(self) -> list[Turning]:
        """All networks but the plain one."""
        return [one for one in self.turnings if one.name != PLAIN]


def concluded(found: Found) -> list[Conclusion]:
    """All conclusions."""
    return [
        *_between(found),
        *_at_quarters(found),
        *_ranked(found),
        *_parts(found),
        *_activations(found),
        *_on_pixels(found),
    ]


def _between(found: Found) -> list[Conclusion]:
    made = []
    for trained, word in ((False, "untrained"), (True, "trained")):
        one = found.of(REFERENCE, trained)
        claim = f"the {word} SO(2) network is invariant between quarter turns"
        made.append(Conclusion.within(claim, one.mean, standard_error(one.each), 0.0, _INVARIANT))
    after, before = found.of(REFERENCE, True), found.of(REFERENCE, False)
    return [*made, _more("training makes the SO(2) network less invariant", after.each, before.each)]


def _at_quarters(found: Found) -> list[Conclusion]:
    claim = "at quarter turns every steerable network is invariant up to rounding, in"
    double, single = (max(getattr(one, name) for one in found.steerable) for name in ("quarter64", "quarter32"))
    plain = min(one.quarter64 for one in found.turnings if one.name == PLAIN)
    return [
        Conclusion.within(f"{claim} float64", double, 0.0, 0.0, EXACT64),
        Conclusion.within(f"{claim} float32", single, 0.0, 0.0, EXACT32),
        Conclusion.above("quarter turns move the logits of the plain network", plain, 0.0, 0.01),
    ]


def _ranked(found: Found) -> list[Conclusion]:
    best = found.of(REFERENCE, True).each
    names = [one.name for one in found.turnings if one.trained and one.name in (PLAIN, "C4", "C8", "C16")]
    return [
        _more(f"trained, {_called(name)} moves more than SO(2) between quarter turns", found.of(name, True).each, best)
        for name in names
    ]


def _parts(found: Found) -> list[Conclusion]:
    made = []
    for one in found.splits:
        word = "trained" if one.trained else "untrained"
        border, pixels, samples = (one.alone[name] for name in ("border", "pixels", "samples"))
        made += [
            _more(f"{word}: the border does more than the pixels of the filters", border, pixels),
            _more(f"{word}: the pixels of the filters do more than the 16 samples of the activations", pixels, samples),
            _more(f"{word}: with all three removed less than a tenth is left", _SMALL * one.whole, one.nothing),
            _more(f"{word}: interpolation by three shears adds less than a tenth", _SMALL * one.whole, one.shears),
            _more(f"{word}: bilinear interpolation adds more than three shears", one.linear, one.shears),
        ]
    return made


def _activations(found: Found) -> list[Conclusion]:
    made = [_more("8 samples alias more than 16", found.aliasing["elu"][8], found.aliasing["elu"][16])]
    relu, silu = found.aliasing["relu"][32], found.aliasing["silu"][32]
    made.append(_more("with 32 samples ReLU aliases more than SiLU", relu, silu))
    for name in ("norm", "gated"):
        values = found.smooth[f"SO(2) {name}"]
        claim = f"the {name} activation leaves no error where border and pixels are removed"
        made.append(Conclusion.within(claim, float(values.mean()), standard_error(values), 0.0, _ALIASED))
    return made


def _on_pixels(found: Found) -> list[Conclusion]:
    wrong = sum(one.planned != (one.error <= EXACT64) for one in found.cells)
    claim = "the rule says of every layer at every size whether quarter turns are exact"
    made = [Conclusion.within(claim, float(wrong), 0.0, 0.0, 0.5)]
    good, bad, _, roomy = found.sizes
    made.append(Conclusion.within(f"at {good.size} pixels the network is exact", good.logits, 0.0, 0.0, EXACT64))
    made.append(Conclusion.within(f"at {bad.size} pixels the network is exact", bad.logits, 0.0, 0.0, EXACT64))
    own = max((step.own for step in roomy.broken), default=0.0)
    claim = f"at {roomy.size} pixels the mean over the map hides most of the broken layer's error"
    made.append(Conclusion.above(claim, own / max(roomy.logits, 1e-300), 0.0, _HIDDEN))
    return made


def _more(claim: str, larger: Tensor, smaller: Tensor) -> Conclusion:
    """That the first is larger, over the same images."""
    apart = larger - smaller
    return Conclusion.above(claim, float(apart.mean()), standard_error(apart), 0.0)


def _called(name: str) -> str:
    return "the plain network" if name == PLAIN else name


def paragraph(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph."""
    told = {one.claim: one for one in conclusions}
    before, after, plain = found.of(REFERENCE, False), found.of(REFERENCE, True), found.of(PLAIN, True)
    perfect = told["the trained SO(2) network is invariant between quarter turns"]
    start = perfect.told("Yes, to the tolerance set here.", "No, except at quarter turns.")
    double = told["at quarter turns every steerable network is invariant up to rounding, in float64"]
    exact = double.told(
        f"At quarter turns all steerable networks are exact: the logits move by rounding alone, "
        f"{double.measured:.0e} of their spread over digits in float64.",
        f"Not even quarter turns are exact: there the logits of one network move by {double.measured:.1g} of their "
        "spread over digits.",
    )
    between = (
        f"Between quarter turns the logits of the SO(2) network move by {before.mean:.2g} of their spread before "
        f"training and by {after.mean:.2g} after it, those of a plain network by {plain.mean:.2g}."
    )
    return " ".join([start, exact, between, _why(found, told), _sizes(found, told)])


def _why(found: Found, told: dict[str, Conclusion]) -> str:
    one = next(one for one in found.splits if one.trained)
    border, pixels, samples = (float(one.alone[name].mean()) for name in ("border", "pixels", "samples"))
    left = told["trained: with all three removed less than a tenth is left"]
    end = left.told(
        f"With all three removed, {float(one.nothing.mean()):.1g} is left, which is what else there is.",
        f"With all three removed, {float(one.nothing.mean()):.2g} is still left, which these three do not explain.",
    )
    whole = float(one.whole.mean())
    return (
        f"Of the {whole:.2g} by which its invariant numbers move, on exact pictures of turned digits, the border of "
        "the "
        f"frame alone makes {border:.2g}, filters that are read at pixels {pixels:.2g}, and 16 samples in the "
        f"activations {samples:.2g}. {end} Turning pixels by bilinear interpolation instead of the digit adds "
        f"{float(one.linear.mean()):.2g}, by three shears {float(one.shears.mean()):.1g}."
    )


def _sizes(found: Found, told: dict[str, Conclusion]) -> str:
    good, bad = found.sizes[:2]
    rule = told["the rule says of every layer at every size whether quarter turns are exact"].told(
        "Whether quarter turns are exact is a matter of whole numbers: a layer's windows have to fill its map evenly.",
        "The rule of evenly filled maps does not tell all layers rightly.",
    )
    broken = told[f"at {bad.size} pixels the network is exact"].told(
        f"The network for {good.size} pixels stays exact on {bad.size}.",
        f"On {bad.size} pixels the network for {good.size} moves by {bad.logits:.2g} under quarter turns, because of "
        f"{len(bad.broken)} of its {len(bad.steps)} layers.",
    )
    return f"{rule} {broken}"
