"""The paragraph in which the lab equivariance answers, computed from its conclusions and their numbers."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.equivariance.concluding import RANKED, Found, moves_more
from equigen.labs.equivariance.roster import PLAIN, REFERENCE, ROUND
from equigen.labs.lab import Conclusion

__all__ = ["listed", "paragraph"]


def paragraph(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph.

    Args:
        found: by the lab.
        conclusions: all of them.
    """
    told = {one.claim: one for one in conclusions}
    return " ".join([_start(told), _between(found, told), _why(found, told), _acting(found, told), _sizes(found, told)])


def listed(words: Sequence[str]) -> str:
    """Words in a row.

    Example:
        >>> listed(["C4"]), listed(["C4", "C8"]), listed(["C4", "C8", "C16"])
        ('C4', 'C4 and C8', 'C4, C8 and C16')
    """
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def _start(told: dict[str, Conclusion]) -> str:
    perfect = told[f"the trained network {REFERENCE} is invariant between quarter turns"]
    double = told["at quarter turns every steerable network is invariant up to rounding, in float64"]
    if double.holds:
        exact = (
            "At quarter turns all steerable networks are exact: the logits move by rounding alone, "
            f"{double.measured:.0e} of their spread over digits in float64."
        )
        return perfect.told("Yes, to the tolerance set here.", "No, except at quarter turns.") + " " + exact
    return (
        f"No: not even quarter turns are exact, where the logits of one network move by {double.measured:.1g} of their "
        "spread over digits."
    )


def _between(found: Found, told: dict[str, Conclusion]) -> str:
    reference, plain = found.over(REFERENCE), found.over(PLAIN)
    count = len(reference.trained)
    start = (
        f"Between quarter turns the logits of the network {REFERENCE} move by {float(reference.untrained.mean()):.2g} "
        f"of their spread before training and by {float(reference.trained.mean()):.2g} after it, those of a plain "
        f"network by {float(plain.trained.mean()):.2g} (over {count} training{'s' * (count > 1)})."
    )
    lists = {verdict: [name for name in RANKED if told[moves_more(name)].verdict == verdict] for verdict in _ENDS}
    ranks = "; ".join(f"{listed(names)} {_ENDS[verdict]}" for verdict, names in lists.items() if names)
    square, round_ = float(reference.trained.mean()), float(found.over(ROUND).trained.mean())
    remedy = told[f"after training {REFERENCE} moves less with a round border than with a square one"].told(
        f"The remedy for the border: cut to a disk, every map has a round one, and that network moves by {round_:.2g} "
        f"in place of {square:.2g}.",
        f"Cutting every map to a disk is no remedy here: that network moves by {round_:.2g}, the one with the square "
        f"border by {square:.2g}.",
    )
    return f"{start} Trained, beside {REFERENCE}: {ranks}. {remedy}"


_ENDS = {"yes": "moved more", "no": "moved less", "not resolved": "not resolved"}


def _why(found: Found, told: dict[str, Conclusion]) -> str:
    one = next(one for one in found.splits if one.trained)
    border, pixels, samples, blurs = (
        float(one.alone[name].mean()) for name in ("border", "pixels", "samples", "blurs")
    )
    left = told["in the trained network with all four removed less than a tenth is left"]
    end = left.told(
        f"With all four removed, {float(one.nothing.mean()):.1g} is left.",
        f"With all four removed, {float(one.nothing.mean()):.2g} is still left, which these do not explain.",
    )
    return (
        f"One of these trained networks taken apart: of the {float(one.whole.mean()):.2g} by which its invariant "
        "numbers move, on exact pictures of turned digits, the border of the frame alone makes "
        f"{border:.2g}, filters that are read at pixels {pixels:.2g}, 16 samples in the activations {samples:.2g}, and "
        f"blurs that are only nearly round {blurs:.2g}. {end} Turning pixels by bilinear interpolation instead of the "
        f"digit adds {float(one.linear.mean()):.2g}, by three shears {float(one.shears.mean()):.1g}."
    )


def _acting(found: Found, told: dict[str, Conclusion]) -> str:
    least = float(next(one for one in found.splits if one.trained).nothing.mean())
    made = []
    for name in ("norm", "gated"):
        value = float(found.smooth[f"SO(2) {name}"].mean())
        made.append(
            told[f"the {name} activation leaves more than twice what 64 samples of ELU leave"].told(
                f"A network with {name} activations keeps an error of {value:.2g} without border, pixels and blurs, "
                f"where 64 samples of ELU leave {least:.1g}: exact in theory, not on pixels.",
                f"A network with {name} activations keeps {value:.1g} without border, pixels and blurs, not more than "
                f"twice the {least:.1g} that 64 samples of ELU leave.",
            )
        )
    return " ".join(made)


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
