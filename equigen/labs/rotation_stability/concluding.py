"""What the numbers of the lab rotation-stability decide, and the paragraph that says it.

Trainings and images are both samples: the error of a mean over S trainings and B images adds the error of the means of
the trainings (half the reach of a 95 % Student interval, for they are few) and that of the means of the images. Two
networks are compared on the same images and seeds, so that what they share cancels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from equigen.labs.lab import Conclusion
from equigen.labs.on_the_line import cautious_error
from equigen.labs.rotation_stability.measuring import COARSE, Found, Network

__all__ = ["EXACT", "SampledMean", "concluded", "estimate", "most_stable", "paragraph", "period", "row", "spread"]

EXACT = {"float32": 1e-5, "float64": 1e-11}
_IN = {"float32": "single", "float64": "double"}


@dataclass(frozen=True)
class SampledMean:
    """A mean over trainings and images.

    Args:
        value: the mean.
        error: its error, of trainings and images together; infinite for one training.
        from_images: the part of the images, or whatever else the items are, alone, for these trainings.
    """

    value: float
    error: float
    from_images: float

    def __str__(self) -> str:
        if math.isfinite(self.error):
            return f"{100 * self.value:.2f} ± {100 * self.error:.2f}"
        return f"{100 * self.value:.2f} (± {100 * self.from_images:.2f} of items alone)"


def estimate(values: Tensor) -> SampledMean:
    """The mean of numbers of each training and each image, with its error.

    Args:
        values: (S, B), of one network, or the difference of two on the same images.

    Example:
        >>> same = torch.tensor([[0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
        >>> found = estimate(same)      # the trainings agree, the images do not
        >>> found.value, found.error == found.from_images == 0.5
        (0.5, True)
    """
    of_images = values.mean(0)
    images = float(of_images.std() / math.sqrt(len(of_images)))
    return SampledMean(float(values.mean()), math.hypot(cautious_error(values.mean(1).tolist()), images), images)


def most_stable(found: Found) -> Network:
    """The network that changes its mind least often, over all trainings and images."""
    return min(found.networks, key=lambda one: float(one.changes.mean()))


def period(network: Network) -> Tensor:
    """How much farther the logits move at odd multiples of 22.5 degrees than at those of 45, (seeds, images)."""
    k = torch.arange(COARSE)
    return network.moved[:, k % 2 == 1].mean(1) - network.moved[:, k % 4 == 2].mean(1)


def spread(right: Tensor) -> float:
    """How far accuracies over the angles lie apart: largest less least, in each training, then averaged.

    Args:
        right: whether the class is right, (seeds, angles, images).

    Example:
        >>> spread(torch.tensor([[[1.0, 1.0], [1.0, 0.0]], [[0.0, 0.0], [1.0, 1.0]]]))
        0.75
    """
    by_angle = right.mean(2)
    return float((by_angle.max(1).values - by_angle.min(1).values).mean())


def concluded(found: Found) -> list[Conclusion]:
    """All conclusions: quarter turns, stability, accuracy, and the period of the logits."""
    made = [one for network in found.networks for one in _at_quarter_turns(network)]
    return [*made, *_stability(found), *_accuracy(found), *_periods(found)]


def _at_quarter_turns(network: Network) -> list[Conclusion]:
    made = []
    for dtype in EXACT if network.kind.steerable else ("float64",):
        claim = f"{network.kind.noun}: the logits are the same at quarter turns in {_IN[dtype]} precision"
        worst = max(trial.quarters[dtype] for trial in network.trials)
        made.append(Conclusion.within(claim, worst, 0.0, 0.0, EXACT[dtype]))
    return made


def _stability(found: Found) -> list[Conclusion]:
    best, made = most_stable(found), []
    for other in found.networks:
        if other is not best:
            claim = f"{best.kind.noun} changes its mind less often than {other.kind.noun}"
            made.append(_above(claim, other.changes - best.changes))
    names = [one.name for one in found.networks]
    if "plain-augmented" not in names:
        return made
    augmented = found["plain-augmented"]
    if "plain" in names and best is not augmented:
        claim = "augmentation makes the plain network more stable"
        made.append(_above(claim, found["plain"].changes - augmented.changes))
    for one in found.networks:
        if one.kind.steerable and one is not best:
            claim = f"{one.kind.noun} is more stable than {augmented.kind.noun}"
            made.append(_above(claim, augmented.changes - one.changes))
    return made


def _accuracy(found: Found) -> list[Conclusion]:
    names, best = [one.name for one in found.networks], most_stable(found)
    pairs = [("SO2", "C4"), (best.name, "plain-augmented"), ("plain-augmented", "plain")]
    made = []
    for one, other in pairs:
        if one in names and other in names and one != other:
            claim = f"{found[one].kind.noun} tells more digits rightly than {found[other].kind.noun}"
            made.append(_above(claim, found[one].right.mean(1) - found[other].right.mean(1)))
    return made


def _periods(found: Found) -> list[Conclusion]:
    made = []
    for one in found.networks:
        if one.name in ("C4", "D4"):
            made.append(_above(f"{one.kind.title}: the logits move farther at 45 than at 22.5 degrees", -period(one)))
        elif one.name == "C8":
            made.append(_above("C8: the logits move farther at 22.5 than at 45 degrees", period(one)))
    return made


def _above(claim: str, difference: Tensor) -> Conclusion:
    gap = estimate(difference)
    return Conclusion.above(claim, gap.value, gap.error, 0.0)


def row(network: Network) -> dict[str, Any]:
    """All numbers of a network, JSON-plain but for tensors of curves."""
    coarse, fine = network.right.mean((0, 2)), network.fine_right.mean((0, 2))
    right, changes = estimate(network.right.mean(1)), estimate(network.changes)
    return {
        "channels": network.channels,
        "parameters": network.parameters,
        "seconds": [one.seconds for one in network.trials],
        "last loss": [float(one.loss[-10:].mean()) for one in network.trials],
        "accuracy": right.value,
        "accuracy error": right.error,
        "accuracy at 16 angles": coarse.tolist(),
        "accuracy at 100 angles": fine.tolist(),
        "spread over 16 angles": spread(network.right),
        "accuracy by seed": network.right.mean((1, 2)).tolist(),
        "changes of mind": changes.value,
        "changes error": changes.error,
        "changes by seed": network.changes.mean(1).tolist(),
        "changed by coming back": sum(one.back for one in network.trials) / len(network.trials),
        "quarter turns": {dtype: max(one.quarters[dtype] for one in network.trials) for dtype in EXACT},
        "logits moved at 100 angles": torch.stack([one.fine_moved for one in network.trials]).mean(0).tolist(),
    }


def paragraph(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """The answer in a paragraph."""
    parts = [_who(found, conclusions), _quarter_turns(found, conclusions), _augmentation(found, conclusions)]
    accurate = [
        _told(
            one,
            f"{one.claim}, by {_points(one)} over 16 angles.",
            f"it is not so that {one.claim}: the difference is {_points(one)} over 16 angles.",
        )
        for one in conclusions
        if "tells more digits" in one.claim
    ]
    return " ".join(part[0].upper() + part[1:] for part in [*parts, *accurate] if part)


def _points(one: Conclusion) -> str:
    if not math.isfinite(one.error):
        return f"{100 * one.measured:.1f} points (one training tells no error)"
    return f"{100 * one.measured:.1f} ± {100 * one.error:.1f} points"


def _told(one: Conclusion, yes: str, no: str) -> str:
    if one.verdict == "not resolved":
        return f"whether {one.claim} is not resolved: the difference is {_points(one)}."
    return yes if one.holds else no


def _who(found: Found, conclusions: Sequence[Conclusion]) -> str:
    best = most_stable(found).kind
    mean = estimate(most_stable(found).changes)
    text = f"{best.noun} changes its mind least often: of all pairs of poses of a digit {mean} % get two classes."
    start = f"{best.noun} changes its mind less often than "
    compared = [one for one in conclusions if one.claim.startswith(start)]
    gaps = {one.claim: f"{one.claim.removeprefix(start)} ({_points(one)} more)" for one in compared}
    ahead, level = ([gaps[one.claim] for one in compared if one.holds is holds] for holds in (True, False))
    text += f" It is ahead of {_listed(ahead)}." if ahead else " It is ahead of no other network beyond doubt."
    if level and found.networks[0].changes.shape[0] == 1:
        return f"{text} One training of each cannot rank networks."
    return f"{text} From {_listed(level)} it is not told apart by these trainings and images." if level else text


def _quarter_turns(found: Found, conclusions: Sequence[Conclusion]) -> str:
    asked = [one for one in conclusions if "same at quarter turns" in one.claim]
    steerable = [one.kind.noun for one in found.networks if one.kind.steerable]
    of_steerable = [one for one in asked if one.claim.split(":")[0] in steerable]
    broken = sorted({one.claim.split(":")[0] for one in of_steerable if not one.holds})
    if not of_steerable:
        return ""
    if broken:
        return f"At quarter turns the logits of {_listed(broken)} are not the same, which is a fault."
    worst = max(one.measured for one in of_steerable if one.tolerance == EXACT["float32"])
    text = f"At quarter turns the logits of {_listed(steerable)} are the same (to {worst:.0e} in single precision)"
    others = [
        f"those of {one.claim.split(':')[0]} " + ("are too" if one.holds else f"move by {100 * one.measured:.0f} %")
        for one in asked
        if one not in of_steerable
    ]
    return f"{text}; {_listed(others)}." if others else f"{text}."


def _augmentation(found: Found, conclusions: Sequence[Conclusion]) -> str:
    asked = [one for one in conclusions if one.claim == "augmentation makes the plain network more stable"]
    parts = [
        _told(
            one,
            f"{one.claim}, by {_points(one)}.",
            f"augmentation does not make the plain network more stable at this length of training ({_points(one)}).",
        )
        for one in asked
    ]
    if any(one.name == "plain-augmented" for one in found.networks):
        parts.append(_beside_augmented(found, conclusions))
    return " ".join(part[0].upper() + part[1:] for part in parts if part)


def _beside_augmented(found: Found, conclusions: Sequence[Conclusion]) -> str:
    """Which steerable networks are more stable than the augmented one, which less, and of which it is not known."""
    reference, best = found["plain-augmented"].kind.noun, most_stable(found)
    told: dict[str, list[str]] = {"yes": [], "no": [], "not resolved": []}
    for one in found.networks:
        verb = "changes its mind less often" if one is best else "is more stable"
        told_apart = [made for made in conclusions if made.claim == f"{one.kind.noun} {verb} than {reference}"]
        if one.kind.steerable and told_apart:
            told[told_apart[0].verdict].append(one.kind.noun)
    if not any(told.values()):
        return ""
    if not told["no"] and not told["not resolved"]:
        return f"Every steerable network is more stable than {reference}."
    words = {"yes": "more stable than", "no": "not more stable than", "not resolved": "not told apart in this from"}
    parts: list[str] = []
    for verdict, who in told.items():
        if who:
            verb, than = "is" if len(who) == 1 else "are", "it" if parts else reference
            parts.append(f"{_listed(who)} {verb} {words[verdict]} {than}")
    return f"{_listed(parts)}."


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
