"""What the public checks let pass and what they refuse; the methods' own tests plant the faults."""

import math

import pytest
import torch

from equigen.testing import assert_batch_independent, assert_order


def test_a_power_is_measured():
    assert assert_order(lambda n: 7.0 / n**3, 3) == pytest.approx(3.0)
    assert assert_order(lambda n: 7.0 / n**2.9, 3, counts=(4, 8)) == pytest.approx(2.9)


@pytest.mark.parametrize("error", [lambda n: 7.0 / n**2.7, lambda n: 7.0 / n**3.3, lambda n: 7.0])
def test_another_power_is_refused(error):
    with pytest.raises(AssertionError, match="but 3 is declared"):
        assert_order(error, 3)


@pytest.mark.parametrize("error", [lambda n: 0.0, lambda n: math.nan, lambda n: math.inf])
def test_what_is_no_error_is_refused(error):
    with pytest.raises(AssertionError, match="no order can be measured"):
        assert_order(error, 3)


def test_items_alone_and_together():
    square = lambda item: item.double() ** 2  # noqa: E731
    assert assert_batch_independent(square, items=4, first=3) == 0.0
    slightly = lambda item: square(item) + 1e-6 * (len(item) > 1) * (item == 5)  # noqa: E731
    with pytest.raises(AssertionError, match=r"item 5 differs by 2\.78e-08"):
        assert_batch_independent(slightly, items=4, first=3)
    assert assert_batch_independent(slightly, items=4, first=3, within=1e-7) == pytest.approx(1e-6 / 36)


def test_numbers_that_are_not_finite_are_refused():
    with pytest.raises(AssertionError, match="not finite"):
        assert_batch_independent(lambda item: item * torch.nan)
    with pytest.raises(AssertionError, match="differs by nan"):
        assert_batch_independent(lambda item: item * (1.0 if len(item) > 1 else torch.nan))
