"""What the page of a classifier says in words and numbers, and what the command line says of it."""

from __future__ import annotations

from equigen.metrics.classification import AccuracyByAngle, ClassifierEvaluation, Share
from equigen.symmetry.certificate import Certificate

__all__ = ["angle_rows", "angles", "by_angle", "calibrated", "certified", "class_rows", "confused", "in_short", "share"]

_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def share(found: Share) -> str:
    """A share with its interval, in percent.

    Example:
        >>> share(Share.of(5, 10)).replace(chr(160), " ")
        '50.0 % [23.7, 76.3]'
    """
    low, high = (100 * end for end in found.interval)
    return f"{_percent(found.value)} [{low:.1f}, {high:.1f}]"


def in_short(found: ClassifierEvaluation) -> list[str]:
    """The evaluation in a few sentences."""
    unknown = found.cross_entropy_error is None
    error = "(error unknown)" if unknown else f"{_PLUS_MINUS} {found.cross_entropy_error:.3f}"
    chance = ": this is not told from chance" if found.accuracy.interval[0] <= found.chance.value else ""
    return [
        f"{found.data}: {share(found.accuracy)} of {found.held_out} held-out images are called rightly (95 % "
        f"interval); calling everything the most frequent class would be right for {share(found.chance)}{chance}.",
        _overfitting(found),
        f"Cross entropy {found.cross_entropy:.3f} {error} nats; the classes' shares alone cost "
        f"{found.chance_cross_entropy:.3f}. {calibrated(found)}",
        *([] if found.angles is None else [angles(found, found.angles)]),
    ]


def angles(found: ClassifierEvaluation, turned: AccuracyByAngle) -> str:
    """What the angle does, in a sentence or two; no verdict where a classifier calls all images the same.

    Args:
        found: the evaluation.
        turned: its part on images in rotations.
    """
    called = [
        name for name, column in zip(found.classes, zip(*found.confusion, strict=True), strict=True) if any(column)
    ]
    if len(called) == 1:
        return f"All held-out images are called {called[0]!r}: what the angle does cannot be told."
    return by_angle(turned)


def _overfitting(found: ClassifierEvaluation) -> str:
    seen, unseen = found.train_accuracy, found.accuracy
    gap = seen.interval[0] > unseen.interval[1]
    verdict = "more than on held-out ones: overfitting" if gap else "not to be told from held-out ones at this number"
    return f"Of {seen.n} training images {share(seen)} are called rightly, {verdict}."


def calibrated(found: ClassifierEvaluation) -> str:
    """Whether the classifier is right as often as it says, in a sentence."""
    one = found.calibration
    low, high = one.floor_interval
    if one.error <= high:
        verdict = "as often right as it says, as far as this number of images tells"
    else:
        said = sum(c * n for c, n in zip(one.confidence, one.count, strict=True)) / sum(one.count)
        verdict = "too sure of itself" if said > found.accuracy.value else "more often right than it says"
    return (
        f"Expected calibration error {one.error:.3f}, of a perfectly calibrated classifier {one.floor:.3f} [{low:.3f}, "
        f"{high:.3f}] at this number of images: it is {verdict}."
    )


def by_angle(found: AccuracyByAngle) -> str:
    """Whether the accuracy depends on the angle, in a sentence or two."""
    verdict = (
        "more than chance explains: what an image is called depends on how it is turned"
        if found.differs
        else "no more than chance explains"
    )
    low, high = (100 * end for end in found.spread_floor_interval)
    return (
        f"On {found.n} of the images in {len(found.degrees)} rotations the accuracy is {_percent(found.mean)} "
        f"{_PLUS_MINUS} {100 * found.mean_error:.1f}, at the worst angle {_percent(found.least)} and at the best "
        f"{_percent(found.most)}. These lie {100 * found.spread:.1f} points apart, {verdict} "
        f"({100 * found.spread_floor:.1f} [{low:.1f}, {high:.1f}]). {share(found.agreeing)} of the images are called "
        "the same at all angles."
    )


def angle_rows(found: AccuracyByAngle) -> list[list[str]]:
    """Angle, accuracy, its paired difference from the mean over angles with a standard error, and cross entropy."""
    columns = (found.degrees, found.accuracy, found.difference, found.difference_error, found.cross_entropy)
    return [
        [
            f"{angle:g}",
            _percent(accuracy),
            f"{100 * difference:+.1f} {_PLUS_MINUS} {100 * error:.1f}",
            f"{entropy:.3f}",
        ]
        for angle, accuracy, difference, error, entropy in zip(*columns, strict=True)
    ]


def class_rows(found: ClassifierEvaluation) -> list[list[str]]:
    """Class, held-out images, the share that is called rightly, and what the others are called most."""
    rows = []
    for k, (name, counts) in enumerate(zip(found.classes, found.confusion, strict=True)):
        total, others = sum(counts), [(count, -j) for j, count in enumerate(counts) if j != k and count]
        most = f"{found.classes[-max(others)[1]]} ({max(others)[0]})" if others else "-"
        rows.append([name, f"{total}", share(Share.of(counts[k], total)) if total else "-", most])
    return rows


def confused(found: ClassifierEvaluation) -> str:
    """The pair of classes that is confused most, in a sentence."""
    pairs = [(found.confusion[i][j] + found.confusion[j][i], i, j) for i in range(len(found.classes)) for j in range(i)]
    count, i, j = max(pairs, key=lambda pair: pair[0])
    if count == 0:
        return "No two classes are confused."
    names = f"{found.classes[j]} and {found.classes[i]}"
    return f"Confused most are {names}: {count} of {found.held_out} held-out images, in both directions."


def certified(found: Certificate) -> list[str]:
    """What a certificate comes to, and what it rests on, in sentences."""
    return [
        found.sentence(),
        f"Measured on {found.images} held-out images, layer by layer on what each is given, and as a whole. What the "
        f"network says of different images lies {found.contrast:.2g} apart, relative to its size; rounding to float32 "
        f"alone moves it by {found.rounding:.1g}.",
    ]


def _percent(value: float) -> str:
    return f"{100 * value:.1f}\N{NO-BREAK SPACE}%"
