"""How much sooner is the default recipe where `--recipe song` is after 10 epochs of MNIST?

    python -m benchmarks.mnist --runs runs/mnist --out benchmarks/results/mnist.json

Both are judged by the tutorial's own functional: the sigma^2-weighted denoising loss, summed over pixels, base 25, t
uniform on (1e-3, 1), on the same 10,000 test images and the same noise, with averaged weights. Time is steps by
seconds a step; both recipes' steps are timed in turn with the same plain PyTorch loop, so that the ratio does not
depend on what else the machine does while they train. A run that is in the folder already is gone on with, or
used as it is.

Target: at most a quarter of the time. A baseline beside it: the best linear denoiser of these images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.measure import arguments, machine, ratios, record
from benchmarks.song import turns
from equigen import random, store
from equigen.diffusion.denoiser import per_item
from equigen.diffusion.model import DiffusionModel
from equigen.training.build import load_data
from equigen.training.config import TrainConfig
from equigen.training.run import train

EPOCH = 1875  # steps of 32 images
LOW, LOG_BASE = 1e-3, math.log(25.0)
STEPS = (100, 200, 400)  # of the default recipe: each one is a whole run, with its own decay of the rate
BINS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.7, 1.0)


def in_data_units(model: DiffusionModel) -> Callable[[Tensor, Tensor], Tensor]:
    """E[x_0 | x_0 + sigma z] in data units for standard deviations sigma (B,)."""
    factor, schedule = model.scale.factor.to(torch.float32), model.denoiser.schedule

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        t = schedule.time_at_noise(sigma.double() / factor.double()).to(x)
        scaled = per_item(schedule.alpha(t), x) * model.scale.to_model(x)
        return model.scale.to_data(model.denoiser(scaled, t))

    return denoise


@torch.no_grad()
def functional(denoise: Callable[[Tensor, Tensor], Tensor], x: Tensor, seed: int = 0) -> dict[str, Any]:
    """The tutorial's functional of a denoiser on images, one time for each, spread evenly over (1e-3, 1)."""
    item = torch.arange(len(x))
    place = random.permutation(len(x), seed=seed, stream=random.Stream.VALIDATION, draw=1)
    t = LOW + (1.0 - LOW) * (place.double() + 0.5) / len(x)
    sigma = torch.sqrt(torch.expm1(2.0 * t * LOG_BASE) / (2.0 * LOG_BASE)).float()
    parts = []
    for part in item.split(200):
        z = random.normal(x.shape[1:], seed=seed, stream=random.Stream.VALIDATION, item=part)
        s = per_item(sigma[part], z)
        noisy = x[part] + s * z
        parts.append((((noisy - denoise(noisy, sigma[part])) / s - z) ** 2).flatten(1).sum(1).double())
    loss = torch.cat(parts)
    cut = [(t >= low) & (t < high) for low, high in pairwise(BINS)]
    return {
        "loss": float(loss.mean()),
        "standard_error": float(loss.std() / len(x) ** 0.5),
        "by_time": {f"{a} to {b}": float(loss[c].mean()) for (a, b), c in zip(pairwise(BINS), cut, strict=True)},
    }


def linear(x: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The best linear denoiser of these images: what their mean and covariance say, and no more."""
    flat = x.double().flatten(1)
    mean = flat.mean(0)
    values, vectors = torch.linalg.eigh((flat - mean).T @ (flat - mean) / len(flat))

    def denoise(noisy: Tensor, sigma: Tensor) -> Tensor:
        along = (noisy.double().flatten(1) - mean) @ vectors
        kept = along * (values.clamp_min(0.0) / (values.clamp_min(0.0) + sigma.double()[:, None] ** 2))
        return (kept @ vectors.T + mean).reshape(noisy.shape).to(noisy)

    return denoise


def trained(folder: Path, values: dict[str, Any], device: str) -> tuple[DiffusionModel, TrainConfig]:
    """The averaged model of a run, trained if it is not there."""
    config = TrainConfig.model_validate({"data": "mnist", "out": folder, "device": device, "sample_every": 0, **values})
    if not (folder / "model").is_dir():
        train(config, resume=(folder / "config.yaml").is_file())
    return store.load(folder / "model"), config


def main() -> None:
    given = arguments(__doc__ or "", runs=Path("runs/mnist-benchmark"))
    # The average is the recipe's only addition: it is judged by averaged weights, as the default is.
    song = {"recipe": "song", "ema": 0.03, "steps": 10 * EPOCH, "validate_every": EPOCH}
    model, config = trained(given.runs / "song", song, given.device)
    _, training, held_out = load_data(config.data, config.seed)
    rows: dict[str, Any] = {
        "best linear denoiser": functional(linear(training.x[:]), held_out.x[:]),
        "song, 10 epochs": functional(in_data_units(model), held_out.x[:]),
    }
    cost = {}
    for name, values in (("song", song), ("default", {"data": "mnist"})):
        seconds = turns({"data": "mnist", **values}, 4 * given.repeats, given.device)
        cost[name] = ratios(seconds["recipe"], seconds["plain loop"])
    whole = 10 * EPOCH * cost["song"]["median"]
    for steps in STEPS:
        model, _ = trained(given.runs / f"default-{steps}", {"steps": steps}, given.device)
        found = functional(in_data_units(model), held_out.x[:])
        rows[f"default, {steps} steps"] = {**found, "time over song's": steps * cost["default"]["median"] / whole}
    record(
        {
            "question": "how much of song's time for 10 epochs of MNIST does the default recipe need to be as good?",
            "machine": machine(given.device),
            "a step, over one of the plain loop": cost,
            "functional": rows,
            "target": "as good as song after 10 epochs in 0.25 of its time",
        },
        given.out,
    )


if __name__ == "__main__":
    main()
