"""The networks whose speed and memory are compared: two convolutions with norm and activation, and their steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from equigen.groups import plane_group
from equigen.steerable import BatchNorm, FieldType, FourierActivation, Pointwise, SteerableConv2d

BATCH = 64
REGULAR, FOURIER = ("C4", "C8", "C16", "D4"), ("SO2", "O2")
NAMES = ("plain", *REGULAR, *FOURIER)

Cell = tuple[int, int, int]
"""Channels, side of the kernel, side of the map."""


def products(cell: Cell, batch: int = BATCH) -> float:
    """Floating-point operations of one plain convolution of a cell, forwards."""
    channels, kernel, size = cell
    return 2.0 * batch * channels**2 * kernel**2 * size**2


def fields_of(name: str, channels: int) -> FieldType:
    """Fields of that many channels: regular ones, or functions up to frequency 3 and scalars for the rest."""
    group = plane_group(name)
    if name in REGULAR:
        return FieldType(group, f"{channels // group.order}xregular")
    count, rest = divmod(channels, 7 if name == "SO2" else 14)
    return FieldType(group, f"{count}xregular(3)" + (f" + {rest}x0e" if rest else ""))


def network(name: str, channels: int, kernel: int) -> nn.Sequential:
    """Twice a convolution that keeps the size, a norm over the batch and the activation."""
    settings: dict[str, Any] = {"padding": kernel // 2, "bias": False}
    if name == "plain":
        blocks = [
            (nn.Conv2d(channels, channels, kernel, **settings), nn.BatchNorm2d(channels), nn.SiLU()) for _ in range(2)
        ]
        return nn.Sequential(*itertools.chain(*blocks))
    fields = fields_of(name, channels)
    act = Pointwise if name in REGULAR else FourierActivation
    blocks = [
        (SteerableConv2d(fields, fields, kernel, **settings), BatchNorm(fields), act(fields, nn.SiLU()))
        for _ in range(2)
    ]
    return nn.Sequential(*itertools.chain(*blocks))


def trainer(module: nn.Module, low: bool) -> Callable[[Tensor], None]:
    """One step of training on a batch."""
    adam = torch.optim.Adam(module.parameters(), lr=1e-4)

    def step(x: Tensor) -> None:
        adam.zero_grad()
        with torch.autocast(x.device.type, torch.bfloat16) if low else nullcontext():
            loss = module(x).square().mean()
        loss.backward()
        adam.step()

    return step


def inferrer(module: nn.Module, low: bool) -> Callable[[Tensor], None]:
    """One forward pass of a batch without derivative."""

    def run(x: Tensor) -> None:
        with torch.no_grad(), torch.autocast(x.device.type, torch.bfloat16) if low else nullcontext():
            module(x)

    return run
