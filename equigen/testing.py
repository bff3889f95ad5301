"""What a test asks: the declared order of a method, samples that do not depend on their batch, equivariance.

Each function raises AssertionError with what was measured, and returns the measured number otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from equigen.symmetry.action import Action
from equigen.symmetry.error import equivariance_error

__all__ = ["assert_batch_independent", "assert_equivariant", "assert_order"]


def assert_order(
    error: Callable[[int], float], order: float, counts: Sequence[int] = (256, 512, 1024), within: float = 0.2
) -> float:
    """Assert that an error falls with the declared power of the number of steps.

    Args:
        error: of the method with so many steps, positive.
        order: declared, p in error ~ steps^-p.
        counts: numbers of steps, two or more, large enough that the power has settled.
        within: largest difference of the measured order from the declared one.

    Returns:
        The measured order: minus the slope of ln(error) against ln(steps), by least squares.

    Raises:
        AssertionError: another order, or an error that is zero or not finite.

    Example:
        >>> trapezoid = lambda n: abs(sum(math.sin((k + 0.5) / n) for k in range(n)) / n - (1 - math.cos(1)))
        >>> round(assert_order(trapezoid, 2), 2)
        2.0
        >>> assert_order(trapezoid, 3)
        Traceback (most recent call last):
        AssertionError: the order is 2.00, but 3 is declared: the errors at 256, 512, 1024 steps are 2.92e-07, ...
    """
    errors = [float(error(n)) for n in counts]
    listed = f"the errors at {', '.join(map(str, counts))} steps are {', '.join(f'{value:.3g}' for value in errors)}"
    if not all(0.0 < value < math.inf for value in errors):
        raise AssertionError(f"no order can be measured: {listed}.")
    x, y = ([math.log(value) for value in values] for values in (counts, errors))
    middle = sum(x) / len(x)
    measured = -sum((a - middle) * b for a, b in zip(x, y, strict=True)) / sum((a - middle) ** 2 for a in x)
    if not abs(measured - order) <= within:
        raise AssertionError(f"the order is {measured:.2f}, but {order:g} is declared: {listed}.")
    return measured


def assert_batch_independent(
    draw: Callable[[Tensor], Tensor], items: int = 16, within: float = 1e-12, first: int = 0
) -> float:
    """Assert that each sample comes out of a batch of one as it does out of a batch of many.

    Args:
        draw: gives the samples (b, ...) of the items numbered (b,), int64; for a model,
            lambda item: model.sample(len(item), first=int(item[0]), seed=0).
        items: size of the batch of many.
        within: largest difference, relative to the largest number of the batch; 1e-12 is meant for float64.
        first: number of the first item.

    Returns:
        The largest relative difference.

    Raises:
        AssertionError: a larger one, or numbers that are not finite.

    Example:
        >>> from equigen.random import Stream, normal
        >>> noise = lambda item: normal((3,), seed=0, stream=Stream.LAW, item=item)
        >>> assert_batch_independent(noise)
        0.0
        >>> assert_batch_independent(lambda item: noise(item) - noise(item).mean(0))
        Traceback (most recent call last):
        AssertionError: item ... differs by ... of the largest number when it is drawn alone, but at most 1e-12 ...
    """
    item = torch.arange(first, first + items)
    whole = draw(item)
    size = float(whole.abs().max())
    if not math.isfinite(size):
        raise AssertionError(f"the batch of {items} has numbers that are not finite.")
    gaps = [float((draw(item[k : k + 1]) - whole[k : k + 1]).abs().max()) / (size or 1.0) for k in range(items)]
    worst = max(range(items), key=lambda k: math.inf if math.isnan(gaps[k]) else gaps[k])
    if not gaps[worst] <= within:
        raise AssertionError(
            f"item {first + worst} differs by {gaps[worst]:.3g} of the largest number when it is drawn alone, "
            f"but at most {within:g} is allowed: something is shared by the batch."
        )
    return gaps[worst]


def assert_equivariant(
    function: Callable[[Tensor], Tensor],
    x: Tensor,
    action_in: Action,
    action_out: Action,
    elements: Tensor | None = None,
    within: float | None = None,
) -> float:
    """Assert that f(g x) = g f(x).

    Args:
        function: gives (B, ...) for data (B, ...); it must be deterministic.
        x: (B, ...), real.
        action_in: on the data.
        action_out: on the results.
        elements: (n, ...), where to look; see `equivariance_error`.
        within: largest relative error at any element; None asks for the verdicts of `equivariance_error`: rounding
            where nothing is interpolated, twice the floor elsewhere.

    Returns:
        The largest relative error over the elements.

    Raises:
        AssertionError: a larger one, or one that is no number; without `within` also a floor so high that nothing can
            be told; the table of all elements is shown.

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> from equigen.symmetry.image_action import ImageAction
        >>> x, images = torch.arange(16.0).reshape(1, 1, 4, 4), ImageAction(Dihedral(4))
        >>> assert_equivariant(torch.square, x, images, images)
        0.0
        >>> assert_equivariant(lambda x: x.cumsum(-1), x, images, images)
        Traceback (most recent call last):
        AssertionError: the function is not equivariant, within the verdicts: broken: largest error ...
    """
    found = equivariance_error(function, x, action_in, action_out, elements)
    if within is None:
        if found.verdict == "not told apart":
            fix = "give pictures of a lower band, or exact elements"
            raise AssertionError(f"the floor is too high to tell whether the function is equivariant, {fix}: {found}")
        good, asked = found.verdict != "broken", "the verdicts"
    else:
        good, asked = bool((found.error <= within).all()), f"{within:g}"
    if not good:
        raise AssertionError(f"the function is not equivariant, within {asked}: {found}")
    return found.largest
