"""Laws on the line for the labs: mixtures from plain numbers, their distribution functions as tables, and errors."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import torch
from torch import Tensor

from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.oracle.line import cdf
from equigen.metrics.floor import mean_interval
from equigen.metrics.line import LineLaw

__all__ = ["cautious_error", "line_law", "mean_square", "mixture", "normal_law", "standard_error"]

_REACH = 9.0  # standard deviations, beyond which lies less than 1e-18
_NODES = 4097  # of a table, for each component


def mixture(weights: Sequence[float], means: Sequence[float], stds: Sequence[float]) -> GaussianMixture:
    """A mixture of normal laws on the line.

    Args:
        weights: of the components, summing to 1.
        means: likewise.
        stds: their standard deviations, positive.

    Raises:
        ValueError: numbers that make no mixture.

    Example:
        >>> mean_square(mixture([0.5, 0.5], [-2.0, 2.0], [1.0, 1.0]))
        5.0
    """
    columns = [torch.tensor(list(one), dtype=torch.float64) for one in (weights, means, stds)]
    return GaussianMixture(columns[0], columns[1][:, None], columns[2] ** 2)


def mean_square(law: GaussianMixture) -> float:
    """E x^2 of a law on the line.

    Example:
        >>> mean_square(mixture([1.0], [3.0], [4.0]))
        25.0
    """
    return float(law.weights @ (law.means[:, 0] ** 2 + _variances(law)))


def line_law(law: GaussianMixture, nodes: int = _NODES) -> LineLaw:
    """The distribution function of a mixture on the line, tabulated so finely that distances err by about 1e-6.

    Args:
        law: on the line.
        nodes: of the table, for each component.

    Example:
        >>> round(float(line_law(mixture([1.0], [0.0], [1.0])).at(torch.tensor(1.0))), 5)
        0.84134
    """
    means, stds = law.means[:, 0], _variances(law).sqrt()
    standard = torch.linspace(-_REACH, _REACH, nodes, dtype=torch.float64)
    points = (means[:, None] + stds[:, None] * standard).flatten().unique()
    return LineLaw(points, cdf(law, points))


def normal_law(mean: float, std: float) -> LineLaw:
    """The distribution function of a normal law, tabulated.

    Example:
        >>> normal_law(1.0, 2.0).at(torch.tensor(1.0)).item()
        0.5
    """
    return line_law(mixture([1.0], [mean], [std]))


def standard_error(values: Sequence[float]) -> float:
    """Of the mean of independent values; infinite for one.

    Example:
        >>> standard_error([1.0, 2.0, 3.0, 4.0]) == (5 / 12) ** 0.5
        True
    """
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.inf


def cautious_error(values: Sequence[float]) -> float:
    """Half of what the 95 % Student interval of the mean reaches to either side; infinite for one value.

    Of many values it is the standard error. Of few it is larger, so that two of it are exceeded by chance as seldom.

    Example:
        >>> few = [1.0, 2.0, 3.0]
        >>> [round(cautious_error(some) / standard_error(some), 2) for some in (few, few * 99)]
        [2.15, 0.98]
    """
    mean, (low, _) = mean_interval(values)
    return 0.5 * (mean - low) if len(values) > 1 else math.inf


def _variances(law: GaussianMixture) -> Tensor:
    return law.components.values[:, 0]
