"""Conditions: what a denoiser is told of each item beside the noisy item and the time.

A condition is a named tensor (B, ...): `label`, int64 (B,), the number of a class; `value`, real (B, k). Whether one is
given is told item by item, inside the tensor: a whole number that is not given is -1, a real one is NaN. So one batch
holds items with and without, and one network is the conditional denoiser and the free one.

The structure of an item (a mask, say) is no condition in this sense: it is part of the space and never withheld.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from equigen import random
from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.network_denoiser import NetworkDenoiser

__all__ = ["dropped", "for_denoiser", "withheld"]


def withheld(condition: Mapping[str, Tensor], where: Tensor | None = None) -> dict[str, Tensor]:
    """The conditions of some items replaced by "not given": -1 for whole numbers, NaN for real ones.

    Args:
        condition: named tensors (B, ...).
        where: bool (B,), True where they are withheld; None: everywhere.

    Raises:
        ValueError: a condition of another type, which has no sign for "not given".

    Example:
        >>> given = {"label": torch.tensor([3, 4]), "value": torch.tensor([[0.5], [1.5]])}
        >>> withheld(given, torch.tensor([True, False]))
        {'label': tensor([-1,  4]), 'value': tensor([[   nan],
                [1.5000]])}
    """
    found = {}
    for name, value in condition.items():
        if value.dtype == torch.bool or value.is_complex():
            raise ValueError(
                f"{name} is {value.dtype}, but only whole and real numbers can be withheld (-1, NaN): {name}.long()."
            )
        nothing = torch.full_like(value, float("nan") if value.is_floating_point() else -1)
        found[name] = nothing if where is None else torch.where(_beside(where, value), nothing, value)
    return found


def dropped(
    condition: Mapping[str, Tensor], share: float, *, seed: int, step: int, position: Tensor
) -> dict[str, Tensor]:
    """The conditions of a training step, all those of an item withheld with probability `share`.

    Which items these are is a pure function of (seed, step, position), so that it does not depend on how the global
    batch is divided.

    Args:
        condition: named tensors (B, ...).
        share: probability in [0, 1].
        seed: of the run.
        step: of the training.
        position: places of the items in the global batch, int64 (B,).

    Example:
        >>> label = {"label": torch.arange(10000)}
        >>> free = dropped(label, 0.1, seed=0, step=0, position=torch.arange(10000))["label"] == -1
        >>> abs(float(free.double().mean()) - 0.1) < 0.01
        True
    """
    if not condition or share == 0.0:
        return dict(condition)
    where: dict[str, Any] = {"item": position, "dtype": torch.float64, "device": position.device}
    u = random.uniform((), seed=seed, stream=random.Stream.CONDITION, step=step, **where)
    return withheld(condition, u < share)


def for_denoiser(
    denoiser: Denoiser, condition: Mapping[str, Tensor], structure: Tensor | None, like: Tensor
) -> dict[str, Tensor]:
    """Conditions as a denoiser takes them: looked through, on its device, real ones in its dtype.

    Args:
        denoiser: if what it wraps has `classes` or `values`, labels and values must fit them.
        condition: named tensors; `label` and `value` have the types named above.
        structure: of the items, or None.
        like: (B, ...): the number of items, their dtype and device.

    Raises:
        ValueError: a condition that this denoiser does not take, of another length or type, or out of range.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> D = Gaussian(torch.zeros(1), Isotropic(1.0)).denoiser(EDM())           # takes whatever it is given
        >>> for_denoiser(D, {"value": torch.ones(2, 1)}, None, torch.zeros(2, 1).double())["value"].dtype
        torch.float64
    """
    inner, n = _innermost(denoiser), len(like)
    everything = condition if structure is None else {**condition, "structure": structure}
    for name, value in everything.items():
        if value.shape[:1] != (n,):
            count = len(value) if value.ndim else "no"
            raise ValueError(f"{name} has {count} items, but {n} are needed: give one for each item.")
        if not _takes(inner, name):
            raise ValueError(f"{name} is given, but {type(inner).__name__} takes no {name}: leave it out.")
    if "label" in condition:
        _check_label(inner, condition["label"])
    if "value" in condition:
        _check_value(inner, condition["value"])
    return {
        name: value.to(like.device, like.dtype if value.is_floating_point() else value.dtype)
        for name, value in condition.items()
    }


def _beside(where: Tensor, value: Tensor) -> Tensor:
    return where.to(value.device).reshape(-1, *[1] * (value.ndim - 1))


def _innermost(denoiser: Denoiser) -> nn.Module:
    """The network, or the denoiser without one, that stands in the middle of all wrappers."""
    if isinstance(denoiser, NetworkDenoiser):
        return denoiser.network
    inner = getattr(denoiser, "denoiser", None)
    return _innermost(inner) if isinstance(inner, Denoiser) else denoiser


def _takes(inner: nn.Module, name: str) -> bool:
    """Whether a module can be called with a keyword."""
    parameters = inspect.signature(inner.forward).parameters
    return name in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def _check_label(inner: nn.Module, label: Tensor) -> None:
    if label.dtype != torch.int64 or label.ndim != 1:
        raise ValueError(
            f"label is {label.dtype} of shape {tuple(label.shape)}, but classes are int64 of shape ({len(label)},): "
            "label=torch.tensor([3, 1, 4])."
        )
    classes = getattr(inner, "classes", None)
    if classes == 0:
        raise ValueError("label is given, but this model has no classes: leave it out, or train with labels.")
    if label.device.type != "cpu" or not len(label):  # elsewhere a look at numbers would wait for the device
        return
    low, high = (int(end) for end in torch.aminmax(label))
    if low < -1 or (classes is not None and high >= classes):
        wrong = low if low < -1 else high
        known = f"0 .. {classes - 1}" if classes is not None else "0, 1, ..."
        raise ValueError(
            f"label is {wrong}, but this model has the classes {known}, and -1 for none: give one of them."
        )


def _check_value(inner: nn.Module, value: Tensor) -> None:
    numbers = getattr(inner, "values", None)
    if numbers == 0:
        raise ValueError("value is given, but this model takes no values: leave it out, or train with values.")
    if not value.is_floating_point() or value.ndim != 2 or (numbers is not None and value.shape[1] != numbers):
        raise ValueError(
            f"value is {value.dtype} of shape {tuple(value.shape)}, but values are real numbers of shape "
            f"({len(value)}, {'k' if numbers is None else numbers}), NaN where one is not given: value.float()."
        )
