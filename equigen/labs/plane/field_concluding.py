"""What the lab `mixture-score` decides, and its answer."""

from __future__ import annotations

from collections.abc import Mapping

from equigen.labs.lab import Conclusion
from equigen.labs.plane.direction import share
from equigen.labs.plane.field_measuring import MOST, FieldMeasured
from equigen.labs.plane.setting import told

__all__ = ["decide", "field_answer"]


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
    doubt = float((it.rays.error / it.rays.expected).max())
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
            float(it.rays.error[0]) * widest,
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
    led = said["leads"].measured
    return [
        told(
            said["sum"],
            "The score at a point is the pull of all components, $s = \\Sigma_k r_k s_k$, each weighted with its "
            f"posterior responsibility there (checked to {said['sum'].measured:.0e}).",
            "The responsibility-weighted sum of the components' scores is NOT the gradient of the log density here "
            f"(off by {said['sum'].measured:.2g}): one of the formulas is wrong.",
        ),
        told(
            said["nearest"],
            f"It points to the nearest mode, within {it.limit:g}°, at {toward:.1%} of the points drawn from the "
            "law: for this mixture the common picture is right.",
            f"It does not always point to the nearest mode: within {it.limit:g}° it does so at {toward:.1%} of the "
            "points drawn from the law.",
        ),
        told(
            said["leads"],
            f"Followed uphill it leads to the nearest mode from {led:.1%} of evenly spread points.",
            f"Followed uphill it leads to another mode than the nearest from {1 - led:.1%} of evenly spread points.",
        ),
        told(
            said["bent"],
            f"Unequal covariances bend it: it is more than {it.limit:g}° off the responsibility-weighted mean at "
            f"{bent:.1%} of points, against {it.bent(it.plain)[0]:.1%} with one isotropic covariance for all.",
            f"The covariances bend it little: it is more than {it.limit:g}° off the responsibility-weighted mean at "
            f"{bent:.1%} of points.",
        ),
    ]


def _landscape(it: FieldMeasured, said: Mapping[str, Conclusion]) -> list[str]:
    changes = ", ".join(f"from {one.before} to {one.after} at {one.noise:.3g}" for one in it.noisy.changes)
    return [
        told(
            said["level"],
            "Its length is zero at the modes, where the common claim has it peak, and at saddles;",
            f"Its length at a critical point of the density is {said['level'].measured:.2g} of its root mean "
            "square, and not zero as it has to be: one of the formulas is wrong;",
        ),
        told(
            said["denser"],
            f"it is longer where the density is higher (rank correlation {it.rank[0]:.2f});",
            f"it is shorter where the density is higher (rank correlation {it.rank[0]:.2f});",
        ),
        told(
            said["linear"],
            f"far away it grows linearly, at its slowest by {float(it.rays.slope.min()):.4g} a unit of distance, "
            f"beside {1 / float(it.law.components.values.max()):.4g}, the inverse of the largest variance.",
            "far away it does not grow as the widest component has it.",
        ),
        told(
            said["one"],
            f"Noise smooths the landscape: the number of modes goes {changes or 'nowhere: it is 1 throughout'}.",
            f"Even the largest noise, {it.noisy.noise[-1]:g}, leaves {it.noisy.modes[-1]} modes.",
        ),
    ]
