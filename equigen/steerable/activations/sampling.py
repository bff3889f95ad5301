"""Functions on the group, sampled: the values of a field, and how many samples an activation needs.

A field x of a space of functions on the group is the function f(g) = (rho(g) v) . x, with v the origin of the
representation. Its values at samples g_1 .. g_N are S x, S with the rows rho(g_i) v, and a function of one number acts
as

    y = S^+ act(S x),

with S^+ the pseudo-inverse. If the samples are closed under a subgroup H, that is S rho(h) = P S with a permutation P
for each of its elements, y commutes with H up to rounding; with other elements it commutes up to the frequencies of
act(f) that N samples cannot tell from those kept (aliasing). For a polynomial of degree p these end at p K, so that

    N >= (p + 1) K + 1

leaves no aliasing at all, and of a smooth function the aliasing falls exponentially in N.

Source: T. Cohen, M. Geiger, J. Koehler, M. Welling, Spherical CNNs, ICLR 2018; G. Cesa, L. Lang, M. Weiler, A Program
to Build E(N)-Equivariant Steerable CNNs, ICLR 2022 (sampled activations).
"""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.random import Stream, normal
from equigen.steerable.activations.known import may_be_repeated
from equigen.steerable.activations.remedies import remedies
from equigen.steerable.activations.scalar_function import ScalarFunction, scalar_function_name

__all__ = ["aliasing_error", "sampling_count", "sampling_matrix"]

_LARGEST = 1024
_COUNTS: dict[tuple[object, ...], int] = {}


def sampling_matrix(representation: Representation, samples: int | None = None) -> Tensor:
    """S: the values of a field at equally spread elements of the group are S x.

    Samples at which every field has the same values (cosets, in a quotient) are listed once.

    Args:
        representation: space of functions on the group (`origin` is not None): regular, quotient, trivial.
        samples: number of rotations among the samples; with reflections, each stands there reflected too. All rotations
            of a finite group if None.

    Returns:
        float64 (n, d) of rank d; white coefficients x give values of unit variance.

    Raises:
        ValueError: no space of functions, no such number of rotations, or too few of them to tell the functions apart.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> sampling_matrix(regular(SO2(), 2), 8).shape
        torch.Size([8, 5])
        >>> bool((sampling_matrix(regular(Cyclic(5))) == torch.eye(5)).all())
        True
    """
    group, origin = representation.group, representation.origin
    if origin is None or not isinstance(group, PlaneGroup):
        raise ValueError(
            f"{representation} of {group.name} is no space of functions on the group, but values are asked for: "
            f"take {remedies(representation)}."
        )
    if samples is None and group.rotations is None:
        raise ValueError(f"{group.name} has infinitely many rotations, but samples is None: pass samples=16.")
    elements = group.elements() if samples is None else group.grid(samples)
    rows = representation.matrix(elements) @ origin
    rows = torch.where((rows - torch.round(rows)).abs() < 1e-15, torch.round(rows), rows)
    repeated = torch.tril(torch.cdist(rows, rows, compute_mode="donot_use_mm_for_euclid_dist") < 1e-9, -1).any(dim=1)
    rows = rows[~repeated]
    if len(rows) < representation.size or torch.linalg.matrix_rank(rows, rtol=1e-9).item() < representation.size:
        more = 4 * (representation.frequency // 2 + 1)
        fix = f"take samples={more}" if group.rotations is None else "leave samples out"
        raise ValueError(
            f"{len(rows)} samples of {group.name} cannot tell the {representation.size} coordinates of "
            f"{representation} apart, but they have to: {fix}."
        )
    return rows


def aliasing_error(representation: Representation, activation: ScalarFunction, samples: int) -> float:
    """How far S^+ act(S x) is from turning with x, at unit function variance: a measured relative error.

    The root of mean |F(rho(h) x) - rho(h) F(x)|^2 / mean |F(x)|^2 over 64 white fields x (values of unit variance, a
    fixed seed) and 8 rotations h spread over one step between samples, beyond which the error repeats itself. Fields of
    other variance have another error: the scale is a part of the promise, and norms keep it.

    Args:
        representation: space of functions on SO(2) or O(2).
        activation: function of one number.
        samples: number of rotations among the samples.

    Returns:
        0.0 for finite groups, all of whose elements are sampled.

    Error: from draw to draw of the fields, about a tenth of the figure.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import SO2
        >>> functions = regular(SO2(), 3)
        >>> aliasing_error(functions, nn.SiLU(), 32) < 1e-5 < aliasing_error(functions, nn.SiLU(), 16)
        True
        >>> aliasing_error(functions, torch.square, 10) < 1e-14 < aliasing_error(functions, torch.square, 9)
        True
    """
    group = representation.group
    if isinstance(group, PlaneGroup) and group.rotations is not None:
        return 0.0
    values = sampling_matrix(representation, samples)
    activation = copy.deepcopy(activation).to("cpu", torch.float64) if isinstance(activation, nn.Module) else activation
    fields = normal((64, representation.size), seed=0, stream=Stream.PROBE, item=0, dtype=torch.float64)
    angles = (torch.arange(8, dtype=torch.float64) + 0.5) / 8 * (math.tau / samples)
    turns = representation.matrix(torch.stack((angles, torch.zeros_like(angles)), dim=-1))
    back = torch.linalg.pinv(values)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        still = activation(fields @ values.T) @ back.T
        turned = activation(fields @ turns.mT @ values.T) @ back.T
    scale = still.square().mean()
    error = (turned - still @ turns.mT).square().mean()
    return (error / scale).sqrt().item() if scale > 0 else 0.0


def sampling_count(representation: Representation, activation: ScalarFunction, error: float) -> int:
    """The smallest multiple of 4 of rotations with which the aliasing is at most `error`.

    The number is doubled until the measured `aliasing_error` is small enough, and the gap to the last one that was too
    small is then halved, as the aliasing falls with the number of samples. What is found for an activation of torch
    without weights is remembered.

    Args:
        representation: space of functions on SO(2) or O(2); for finite groups all rotations are taken.
        activation: function of one number.
        error: largest relative error at unit function variance.

    Returns:
        Number of rotations; with reflections there are as many reflected samples again.

    Raises:
        ValueError: `error` is not positive, or 1024 samples are too few for it.

    Example:
        >>> from equigen.groups.function_spaces import regular
        >>> from equigen.groups.plane_groups import SO2
        >>> [sampling_count(regular(SO2(), 3), act, 1e-2) for act in (nn.SiLU(), nn.ReLU())]
        [16, 28]
    """
    if not error > 0:
        raise ValueError(f"error is {error}, but samples leave some error: pass error=1e-3.")
    group = representation.group
    if isinstance(group, PlaneGroup) and group.rotations is not None:
        return group.rotations
    key = (representation, error, _signature(activation))
    if key[-1] is None:
        return _search(representation, activation, error)
    if key not in _COUNTS:
        _COUNTS[key] = _search(representation, activation, error)
    return _COUNTS[key]


def _signature(activation: ScalarFunction) -> tuple[type, str] | None:
    """What tells an activation of torch without weights from others; None for functions that may change."""
    known = isinstance(activation, nn.Module) and may_be_repeated(activation)
    return (type(activation), repr(activation)) if known else None


def _search(representation: Representation, activation: ScalarFunction, error: float) -> int:
    fewest = 4 * (representation.frequency // 2 + 1)
    few, many = fewest - 4, fewest
    while (measured := aliasing_error(representation, activation, many)) > error:
        few, many = many, 2 * many
        if many > _LARGEST:
            raise ValueError(
                f"{scalar_function_name(activation)} has an aliasing error of {measured:.1e} with {few} samples, but "
                f"{error} is asked for: take a smooth activation such as nn.SiLU(), or pass error={measured:.0e}."
            )
    while many - few > 4:
        middle = (few + many) // 8 * 4
        if aliasing_error(representation, activation, middle) > error:
            few = middle
        else:
            many = middle
    return many
