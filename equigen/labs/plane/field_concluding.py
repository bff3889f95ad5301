"""What the lab `mixture-score` decides, and its answer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from equigen.labs.lab import Conclusion
from equigen.labs.plane.direction import share
from equigen.labs.plane.field_measuring import MOST, FieldMeasured

__all__ = ["decide", "field_answer"]

_TAKEN = 1.0 - 1e-6  # of the responsibility, by the widest component at the end of a ray that is long enough


def decide(it: FieldMeasured) -> dict[str, Conclusion]:
    """The statements that the numbers decide, under short names."""
    return {**_direction(it), **_length(it), **_parts_and_noise(it)}


def _direction(it: FieldMeasured) -> dict[str, Conclusion]:
    within, above, limit = Conclusion.within, Conclusion.above, f"{it.limit:g}°"
    led, led_error = share(~it.even.led_astray)
    return {
        "nearest": above(
            f"the score points to the nearest mode, within {limit}, at {MOST:.0%} of points drawn from the law",
            *it.toward(it.drawn),
            MOST,
        ),
        "leads": above(
            f"following the score leads to the nearest mode from {MOST:.0%} of evenly spread points",
            led,
            led_error,
            MOST,
        ),
        "plain": within(
            "with one isotropic covariance for all, the score points exactly to the responsibility-weighted mean "
            "(degrees)",
            float(it.plain.to_mean.max()),
            0.0,
            0.0,
            1e-3,
        ),
        "bent": above(
            f"with the covariances as given, it is more than {limit} off that mean at more than {1 - MOST:.0%} of "
            "points",
            *it.bent(it.drawn),
            1 - MOST,
        ),
    }


def _length(it: FieldMeasured) -> dict[str, Conclusion]:
    steep = float((it.rays.slope / it.rays.expected - 1).abs().max())
    error = torch.where(it.rays.taken > _TAKEN, it.rays.error, math.inf)
    doubt = float((error / it.rays.expected).max())
    widest = float(it.law.components.values.max())
    within, above = Conclusion.within, Conclusion.above
    return {
        "level": within(
            "the score vanishes at every mode, saddle and minimum (against its root mean square)",
            it.level / it.typical,
            0.0,
            0.0,
            1e-6,
        ),
        "denser": above("the score is longer where the density is higher (rank correlation)", *it.rank, 0.0),
        "linear": within(
            "far away its length grows linearly, by the inverse covariance of the component that is widest along "
            "the ray (largest relative deviation)",
            steep,
            doubt,
            0.0,
            1e-3,
        ),
        "widest": within(
            "along the largest variance the slope is the inverse of that variance (their product)",
            float(it.rays.slope[0]) * widest,
            float(error[0]) * widest,
            1.0,
            1e-3,
        ),
    }


def _parts_and_noise(it: FieldMeasured) -> dict[str, Conclusion]:
    rises = sum(one.after > one.before for one in it.noisy.changes)
    within, above = Conclusion.within, Conclusion.above
    return {
        "sum": within(
            "the score is the sum of the components' own scores, weighted with the posterior responsibilities "
            "(largest relative deviation)",
            float(it.sums.posterior.max()),
            0.0,
            0.0,
            1e-8,
        ),
        "prior": above(
            f"weighted with the mixture's weights the sum is the score too, to a tenth, at {MOST:.0%} of points",
            *share(it.sums.prior < 0.1),
            MOST,
        ),
        "one": within("the largest noise leaves one mode", float(it.noisy.modes[-1]), 0.0, 1.0, 0.5),
        "fall": within("the number of modes never rises with the noise (rises)", float(rises), 0.0, 0.0, 0.5),
        "complete": within(
            "modes less saddles plus minima is 1 at every noise level: none was missed (largest deviation)",
            float(max(abs(index - 1) for index in (it.found.index, *it.noisy.index))),
            0.0,
            0.0,
            0.5,
        ),
    }


def field_answer(it: FieldMeasured, said: Mapping[str, Conclusion]) -> str:
    """The paragraph, as the numbers have it."""
    return " ".join([*_pointing(it, said), *_landscape(it, said)])


def _pointing(it: FieldMeasured, said: Mapping[str, Conclusion]) -> list[str]:
    toward, bent = it.toward(it.drawn)[0], it.bent(it.drawn)[0]
    led, off = said["leads"].measured, said["sum"].measured
    return [
        "The score is the direction in which the density rises fastest, and its length tells how steeply it rises "
        "there in proportion to itself.",
        said["sum"].told(
            "For a mixture of normal laws it is the sum of the components' own scores, $s = \\Sigma_k r_k s_k$, each "
            "weighted with its responsibility $r_k$: the probability that a point found there came from that component "
            + (
                f"(checked: it differs by {off:.0e} of itself at most)."
                if off
                else "(checked: no difference was found)."
            ),
            "The sum of the components' own scores, weighted with their responsibilities, is NOT the gradient of the "
            f"log density here (it differs by {off:.2g} of itself): one of the formulas is wrong.",
        ),
        said["nearest"].told(
            f"It points to the nearest mode, within {it.limit:g}°, at {toward:.1%} of the points drawn from the "
            "mixture: here the common picture is right.",
            f"It does not always point to the nearest mode: within {it.limit:g}° it does so at {toward:.1%} of the "
            "points drawn from the mixture.",
        ),
        said["leads"].told(
            f"Followed uphill it leads to the nearest mode from {led:.1%} of evenly spread points.",
            f"Followed uphill it leads to another mode than the nearest from {1 - led:.1%} of evenly spread points.",
        ),
        said["bent"].told(
            "Covariances that are not one round one bend it away from the mean of the components, weighted with their "
            f"responsibilities: by more than {it.limit:g}° at {bent:.1%} of the points drawn, against "
            f"{it.bent(it.plain)[0]:.1%} with one round covariance for all.",
            "The covariances bend it little: it is off the mean of the components, weighted with their "
            f"responsibilities, by more than {it.limit:g}° at {bent:.1%} of the points drawn.",
        ),
    ]


def _landscape(it: FieldMeasured, said: Mapping[str, Conclusion]) -> list[str]:
    saddles = ", and at saddles" if len(it.found.saddles) else ""
    rank = f"(rank correlation {it.rank[0]:.2f} over the points drawn)"
    return [
        said["level"].told(
            f"Its length is zero at the modes, where the common claim has it peak{saddles}.",
            f"Its length at a critical point of the density is {said['level'].measured:.2g} of its root mean "
            "square, and not zero as it has to be: one of the formulas is wrong.",
        ),
        said["denser"].told(
            f"It is longer where the density is higher {rank}.", f"It is shorter where the density is higher {rank}."
        ),
        said["linear"].told(
            f"Far away its length grows linearly, at its slowest by {float(it.rays.slope.min()):.4g} a unit of "
            f"distance; the inverse of the largest variance is {1 / float(it.law.components.values.max()):.4g}.",
            "Far away its length does not grow as the component that is widest along the ray has it.",
        ),
        said["one"].told(
            _smoothing(it),
            f"Even noise of standard deviation {it.noisy.noise[-1]:g}, the largest here, leaves {it.noisy.modes[-1]} "
            "modes.",
        ),
        *([] if said["complete"].holds else [_incomplete(said["complete"])]),
    ]


def _smoothing(it: FieldMeasured) -> str:
    changes = [
        f"from {one.before} to {one.after} at noise of standard deviation {one.noise:.3g}" for one in it.noisy.changes
    ]
    if not changes:
        return "There is one mode at every noise."
    return f"Noise smooths the landscape: the number of modes goes {', and '.join(changes)}."


def _incomplete(one: Conclusion) -> str:
    return (
        "Not all of the landscape was found: modes less saddles plus minima has to be 1 at every noise, and is off by "
        f"{one.measured:.0f}."
    )
