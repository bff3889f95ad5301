"""A rational function as a polynomial and a sum of simple fractions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import polynomial

from equigen.graphs.filters.rational import Rational

__all__ = ["PartialFractions", "partial_fractions"]

_LOST = 1e-10  # of the function, by fractions that cancel


@dataclass(frozen=True, eq=False)
class PartialFractions:
    """h(s) = sum_k a_k s^k + sum_i r_i / (s - p_i), with one of each pair of conjugate fractions.

    Args:
        taps: a (m,), of the polynomial; none where the numerator has a lower degree.
        poles: p, complex, with imaginary parts of 0 or more.
        residues: r, complex.

    Example:
        >>> import torch
        >>> found = partial_fractions(Rational(torch.tensor([1.0]), torch.tensor([2.0, 1.0])))         # 1 / (2 + s)
        >>> found.poles.tolist(), found.residues.tolist()
        ([(-2+0j)], [(1+0j)])
    """

    taps: np.ndarray
    poles: np.ndarray
    residues: np.ndarray

    def sections(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The fractions as real numerators and denominators of order one and two, ascending taps.

        Example:
            >>> import torch
            >>> found = partial_fractions(Rational(torch.tensor([1.0]), torch.tensor([1.0, 0.0, 1.0])))
            >>> [[part.round(9).tolist() for part in section] for section in found.sections()]         # 1 / (1 + s^2)
            [[[1.0, 0.0], [1.0, -0.0, 1.0]]]
        """
        parts = []
        for pole, residue in zip(self.poles, self.residues, strict=True):
            if pole.imag == 0:
                parts.append((np.array([residue.real]), np.array([-pole.real, 1.0])))
                continue
            numerator = np.array([-2 * (residue * pole.conjugate()).real, 2 * residue.real])
            parts.append((numerator, np.array([abs(pole) ** 2, -2 * pole.real, 1.0])))
        return parts


def partial_fractions(filter: Rational) -> PartialFractions:
    """Divide a rational function into simple fractions.

    Raises:
        ValueError: poles that are equal, or so close that the fractions cancel to less than 10 digits.

    Error: rounding times the largest of |r_i| over the distances of its pole to the others.

    Example:
        >>> import torch
        >>> numerator, denominator = torch.tensor([0.0, 0.0, 1.0]), torch.tensor([2.0, 3.0, 1.0])
        >>> found = partial_fractions(Rational(numerator, denominator))                       # s^2 / ((1 + s)(2 + s))
        >>> found.taps.tolist(), found.residues.real.round(6).tolist()
        ([1.0], [-4.0, 1.0])
    """
    numerator = np.trim_zeros(filter.numerator.detach().cpu().double().numpy(), "b")
    denominator = np.trim_zeros(filter.denominator.detach().cpu().double().numpy(), "b")
    taps, rest = map(np.atleast_1d, polynomial.polydiv(numerator if len(numerator) else np.zeros(1), denominator))
    poles = np.asarray(filter.poles.numpy(), dtype=np.complex128)
    with np.errstate(divide="ignore", invalid="ignore"):
        residues = polynomial.polyval(poles, rest) / polynomial.polyval(poles, polynomial.polyder(denominator))
    upper = poles.imag >= 0
    found = PartialFractions(taps if np.any(taps) else np.zeros(0), poles[upper], residues[upper])
    some = len(poles) > 0 and bool(np.any(rest))
    if not np.isfinite(residues).all() or (some and _lost(found, rest, denominator) > _LOST):
        raise ValueError(
            f"the denominator's roots are {np.array2string(poles, precision=4)}, but simple fractions need them apart: "
            "realize(filter, 'rational-solve')."
        )
    return found


def _lost(found: PartialFractions, rest: np.ndarray, denominator: np.ndarray) -> float:
    """How far the fractions add up to less, and how much they cancel, on a circle half as large as the nearest pole."""
    distance = np.abs(found.poles)
    radius = distance.min() / 2 if distance.min() > 0 else 2 * distance.max() + 1.0
    places = radius * np.exp(2j * np.pi * (np.arange(64) + 0.5) / 64)
    goal = polynomial.polyval(places, rest) / polynomial.polyval(places, denominator)
    total, terms = np.zeros_like(places), np.zeros(len(places))
    for numerator, section in found.sections():
        term = polynomial.polyval(places, numerator) / polynomial.polyval(places, section)
        total, terms = total + term, terms + np.abs(term)
    scale = max(float(np.abs(goal).max()), 1e-300)
    return max(float(np.abs(total - goal).max()), float(terms.max()) * np.finfo(np.float64).eps) / scale
