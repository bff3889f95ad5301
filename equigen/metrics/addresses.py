"""Where each metric finds its random numbers: the `step` word of an address in the stream METRIC names the use."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Use"]


class Use(IntEnum):
    """The closed list of uses of randomness inside the metrics; two uses never share a number.

    Example:
        >>> Use.PROJECTIONS != Use.HELD_OUT_DRAW
        True
    """

    PROJECTIONS = 0
    TRAIN_DRAW = 1
    HELD_OUT_DRAW = 2
    CLASSIFIER = 3
    CLASSIFIER_ORDER = 4
    RANDOM_FEATURES = 5
    STANDARD = 6
    SHOWN = 7
    FOLDS = 8
    LABELS = 9
    HALVES = 10
    GIVEN = 11
    CALIBRATION = 12
    ANGLES = 13
