"""The theorems of the Fourier transform on a group, each beside a wrong version that is in circulation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.groups.fourier_transform import fourier, inverse_fourier
from equigen.labs.irreps.functions import GroupFunctions, asked, evaluation, given, moved

__all__ = ["FourierProducts", "Weighing", "convolved", "products", "weighed", "weighings"]


@dataclass(frozen=True)
class Weighing:
    """The mean square of a function from its spectrum, with two weights.

    Args:
        function: its name.
        mean_square: of its values.
        by_commutant: the sum of |F(psi)|^2 with the weight d over the dimension of the commutant.
        by_dimension: the same with the weight d.
        expected_excess: by how much the second is too large, against the mean square, from the spectrum.
        wrong_inverse: root mean square error of the inverse transform with the weight d, against the function's own.
    """

    function: str
    mean_square: float
    by_commutant: float
    by_dimension: float
    expected_excess: float
    wrong_inverse: float

    @property
    def excess(self) -> float:
        """By how much the sum with the weight d is too large, against the mean square."""
        return self.by_dimension / self.mean_square - 1.0


@dataclass(frozen=True)
class FourierProducts:
    """Shifts and convolutions against the products of their matrices; largest errors against the root mean square.

    Args:
        left_shift: of f(u^-1 g) against psi(u) F(psi).
        right_shift: of f(g u) against F(psi) psi(u)^T.
        convolution: of the sum (f * h)(g) = E_u f(u) h(u^-1 g) against F(psi) H(psi).
        other_order: of the sum against H(psi) F(psi).
        commutator: of f * h against h * f, both as sums, root mean square.
    """

    left_shift: float
    right_shift: float
    convolution: float
    other_order: float
    commutator: float


def weighings(functions: GroupFunctions, seed: int) -> list[Weighing]:
    """Parseval's identity of the given functions, with the right weight and with the wrong one."""
    return [weighed(functions, name, values) for name, values in given(functions, seed).items()]


def weighed(functions: GroupFunctions, name: str, values: Tensor) -> Weighing:
    """Parseval's identity of one function."""
    spectrum = fourier(functions.group, values, functions.frequency)
    right = wrong = excess = 0.0
    doubled = {}
    for irrep in functions.irreps:
        energy = float(spectrum[irrep.name].square().sum())
        right += irrep.size / irrep.endomorphisms * energy
        wrong += irrep.size * energy
        excess += (irrep.size - irrep.size / irrep.endomorphisms) * energy
        doubled[irrep.name] = spectrum[irrep.name] * irrep.endomorphisms
    whole = float(values.square().mean())
    back = inverse_fourier(functions.group, doubled, functions.elements)
    off = float((back - values).square().mean() / whole) ** 0.5
    return Weighing(name, whole, right, wrong, excess / whole, off)


def convolved(functions: GroupFunctions, f: Tensor, h: Tensor) -> Tensor:
    """The sum (f * h)(g) = E_u f(u) h(u^-1 g) over all u, (n,): no transform."""
    return torch.einsum("u,ugk,k->g", f, moved(functions, functions.elements), h) / functions.size


def products(functions: GroupFunctions, seed: int) -> FourierProducts:
    """Shifts of the random function, and its convolution with the window."""
    group, chosen = functions.group, given(functions, seed)
    f, h = chosen["window"], chosen["random"]

    def spectrum(values: Tensor) -> Mapping[str, Tensor]:
        return fourier(group, values, functions.frequency)

    of_f, of_h, u = spectrum(f), spectrum(h), asked(functions, seed)
    psi = {irrep.name: group.irrep_matrix(irrep, u) for irrep in functions.irreps}
    from_left = spectrum(moved(functions, u) @ h)
    from_right = spectrum(evaluation(functions, group.compose(functions.elements, u[:, None])) @ h)
    whole, swapped = convolved(functions, f, h), convolved(functions, h, f)
    made, scale, size = spectrum(whole), _root_mean_square(h), _root_mean_square(whole)
    return FourierProducts(
        _gap(from_left, {name: psi[name] @ of_h[name] for name in psi}) / scale,
        _gap(from_right, {name: of_h[name] @ psi[name].mT for name in psi}) / scale,
        _gap(made, {name: of_f[name] @ of_h[name] for name in psi}) / size,
        _gap(made, {name: of_h[name] @ of_f[name] for name in psi}) / size,
        _root_mean_square(whole - swapped) / size,
    )


def _root_mean_square(values: Tensor) -> float:
    return float(values.square().mean()) ** 0.5


def _gap(a: Mapping[str, Tensor], b: Mapping[str, Tensor]) -> float:
    return max(float((a[name] - b[name]).abs().max()) for name in a)
