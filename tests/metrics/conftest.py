"""The bundled digits and their features, once for all tests."""

from __future__ import annotations

import pytest

from equigen.data.dataset import DataSet
from equigen.data.loading import load
from equigen.metrics.features import Features, classifier_features


@pytest.fixture(scope="session")
def digits() -> tuple[DataSet, DataSet]:
    """Training and held-out digits."""
    return load("digits").split(seed=0)


@pytest.fixture(scope="session")
def digit_features(digits) -> Features:
    """The classifier's features."""
    return classifier_features(*digits, seed=0)
