"""What the numbers of the lab equivariance decide."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from equigen.labs.equivariance.measuring import Repeated, Turning, mean_error, over_trainings
from equigen.labs.equivariance.roster import PLAIN, REFERENCE, ROUND
from equigen.labs.equivariance.sizes import Cell, OnePixel
from equigen.labs.equivariance.splitting import Border, Split
from equigen.labs.lab import Conclusion

__all__ = ["EXACT32", "EXACT64", "RANKED", "Found", "concluded", "moves_more"]

EXACT64 = 1e-11
"""Largest e_i that counts as rounding in float64."""
EXACT32 = 1e-5
"""In float32."""
RANKED = (PLAIN, "C4", "C8", "C16")
"""Names of the networks that the reference is compared with."""
_INVARIANT = 1e-3  # mean e_i that would pass for invariance between quarter turns
_SMALL = 0.1  # of the whole error, below which a part counts as small
_MOVED = 0.01  # largest e_i above which the plain network's logits count as moved by a quarter turn
_TWICE = 2.0


@dataclass(frozen=True, eq=False)
class Found:
    """Everything that the lab measures.

    Args:
        turnings: of every network of the first training, untrained, then trained.
        repeated: of the networks that were trained several times.
        splits: of the reference of the first training, untrained and trained.
        smooth: name of a trained SO(2) network -> (B,), its error with border, pixels and blurs removed.
        aliasing: function -> samples -> (B,), what they change in a trained network.
        border: of the trained reference.
        cells: every layer at every size.
        sizes: the reference, trained, on frames of several sizes.
        hidden: (B,) each, relative error of a strided convolution at a bad size on its map, and after a mean.
    """

    turnings: list[Turning]
    repeated: list[Repeated]
    splits: list[Split]
    smooth: dict[str, Tensor]
    aliasing: dict[str, dict[int, Tensor]]
    border: Border
    cells: list[Cell]
    sizes: list[OnePixel]
    hidden: tuple[Tensor, Tensor]

    def of(self, name: str, trained: bool) -> Turning:
        """What was measured of a network of the first training."""
        return next(one for one in self.turnings if one.name == name and one.trained == trained)

    def over(self, name: str) -> Repeated:
        """What was measured of a network over all trainings."""
        return next(one for one in self.repeated if one.name == name)

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


def moves_more(name: str) -> str:
    """The claim that a network moves more than the reference."""
    called = "the plain network" if name == PLAIN else name
    return f"after training {called} moves more than {REFERENCE} between quarter turns"


def _between(found: Found) -> list[Conclusion]:
    one = found.over(REFERENCE)
    made = [
        Conclusion.within(
            f"the {word} network {REFERENCE} is invariant between quarter turns",
            *over_trainings(values),
            0.0,
            _INVARIANT,
        )
        for word, values in (("untrained", one.untrained), ("trained", one.trained))
    ]
    return [*made, _more_often(f"training makes {REFERENCE} less invariant", one.trained, one.untrained)]


def _at_quarters(found: Found) -> list[Conclusion]:
    claim = "at quarter turns every steerable network is invariant up to rounding, in"
    double, single = (max(getattr(one, name) for one in found.steerable) for name in ("quarter64", "quarter32"))
    plain = min(one.quarter64 for one in found.turnings if one.name == PLAIN)
    return [
        Conclusion.within(f"{claim} float64", double, 0.0, 0.0, EXACT64),
        Conclusion.within(f"{claim} float32", single, 0.0, 0.0, EXACT32),
        Conclusion.above("quarter turns move the logits of the plain network", plain, 0.0, _MOVED),
    ]


def _ranked(found: Found) -> list[Conclusion]:
    best = found.over(REFERENCE).trained
    made = [_more_often(moves_more(name), found.over(name).trained, best) for name in RANKED]
    claim = f"after training {REFERENCE} moves less with a round border than with a square one"
    return [*made, _more_often(claim, best, found.over(ROUND).trained)]


def _parts(found: Found) -> list[Conclusion]:
    made = []
    for one in found.splits:
        word = "trained" if one.trained else "untrained"
        border, pixels, samples, blurs = (one.alone[name] for name in ("border", "pixels", "samples", "blurs"))
        made += [
            _more(f"in the {word} network the border does more than the pixels of the filters", border, pixels),
            _more(
                f"in the {word} network the pixels of the filters do more than the 16 samples of the activations",
                pixels,
                samples,
            ),
            _more(
                f"in the {word} network blurs that are only nearly round add to what is left without them",
                blurs,
                one.nothing,
            ),
            _more(
                f"in the {word} network with all four removed less than a tenth is left",
                _SMALL * one.whole,
                one.nothing,
            ),
            _more(
                f"in the {word} network interpolation by three shears adds less than a tenth",
                _SMALL * one.whole,
                one.shears,
            ),
            _more(f"in the {word} network bilinear interpolation adds more than three shears", one.linear, one.shears),
        ]
    return made


def _activations(found: Found) -> list[Conclusion]:
    made = [_more("8 samples alias more than 16", found.aliasing["elu"][8], found.aliasing["elu"][16])]
    relu, silu = found.aliasing["relu"][32], found.aliasing["silu"][32]
    made.append(_more("with 32 samples ReLU aliases more than SiLU", relu, silu))
    least = next(one.nothing for one in found.splits if one.trained)
    for name in ("norm", "gated"):
        claim = f"the {name} activation leaves more than twice what 64 samples of ELU leave"
        made.append(_more(claim, found.smooth[f"SO(2) {name}"], _TWICE * least))
    return made


def _on_pixels(found: Found) -> list[Conclusion]:
    wrong = sum(one.planned != (one.error <= EXACT64) for one in found.cells)
    claim = "the rule says of every layer at every size whether quarter turns are exact"
    made = [Conclusion.within(claim, float(wrong), 0.0, 0.0, 0.5)]
    for one in found.sizes[:2]:
        made.append(Conclusion.within(f"at {one.size} pixels the network is exact", one.logits, 0.0, 0.0, EXACT64))
    on_map, after_mean = found.hidden
    share = 1.0 - after_mean / on_map
    claim = "the mean over the map hides more than half of a strided convolution's relative error"
    return [*made, Conclusion.above(claim, float(share.mean()), mean_error(share), 0.5)]


def _more(claim: str, larger: Tensor, smaller: Tensor) -> Conclusion:
    """That the first is larger, over the same digits."""
    apart = larger - smaller
    return Conclusion.above(claim, float(apart.mean()), mean_error(apart), 0.0)


def _more_often(claim: str, larger: Tensor, smaller: Tensor) -> Conclusion:
    """That the first is larger, over the same trainings and digits."""
    return Conclusion.above(claim, *over_trainings(larger - smaller), 0.0)
