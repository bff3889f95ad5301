"""What does a training step of `--recipe song` cost beside a plain PyTorch loop of the same?

    python -m benchmarks.song --out benchmarks/results/song.json

The plain loop is what one writes by hand: the same network, batches taken by index from a tensor in memory, torch's own
random numbers, the published loss, `torch.optim.Adam` as it comes. Both take turns step by step in one run; the
library's step is everything its trainer does between two steps: addressed noise, averaged weights, checks for numbers
that are not finite, lines of metrics. Target: at most 1.05.

The error achieved: with the same weights and the same noise both losses are compared, and so are the weights after one
step of Adam.
"""

from __future__ import annotations

import copy
import math
import tempfile
import time
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.measure import arguments, machine, ratios, record, summary
from equigen import random
from equigen.diffusion.loss import UniformTimes, stratified
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.training.build import build_model, load_data
from equigen.training.callbacks import Callback
from equigen.training.config import TrainConfig
from equigen.training.optimiser import make_optimiser
from equigen.training.trainer import Trainer

BASE, T_MIN, BATCH, RATE = 25.0, 1e-5, 32, 1e-4


def sigma(t: Tensor) -> Tensor:
    """The standard deviation of the tutorial's process."""
    return torch.sqrt((BASE ** (2 * t) - 1.0) / (2.0 * math.log(BASE)))


def published_loss(network: nn.Module, x: Tensor, t: Tensor, z: Tensor) -> Tensor:
    """The tutorial's loss: the sum over pixels of (score sigma + z)^2, averaged over the batch."""
    std = sigma(t)[:, None, None, None]
    score = network(x + z * std, t) / std
    return torch.mean(torch.sum((score * std + z) ** 2, dim=(1, 2, 3)))


class PlainLoop:
    """The loop as one writes it by hand."""

    def __init__(self, network: nn.Module, images: Tensor) -> None:
        self.network, self.images = network.train(), images
        self.optimiser = torch.optim.Adam(network.parameters(), lr=RATE)
        self.order = torch.randperm(len(images))
        self.at = 0

    def step(self) -> float:
        """Take one step and give its loss."""
        if self.at + BATCH > len(self.images):
            self.order, self.at = torch.randperm(len(self.images)), 0
        x = self.images[self.order[self.at : self.at + BATCH]].to(next(self.network.parameters()).device)
        self.at += BATCH
        t = torch.rand(len(x), device=x.device) * (1.0 - T_MIN) + T_MIN
        loss = published_loss(self.network, x, t, torch.randn_like(x))
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return loss.item()


class TakeTurns(Callback):
    """After every step of the trainer one of the plain loop; both are timed."""

    def __init__(self, plain: PlainLoop, device: str, warm: int = 5) -> None:
        self.plain, self.device, self.warm = plain, device, warm
        self.seconds: dict[str, list[float]] = {"recipe": [], "plain loop": []}

    def _now(self) -> float:
        if self.device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter()

    def on_start(self, trainer: Trainer) -> None:
        """Start the clock."""
        self.start = self._now()

    def on_step(self, trainer: Trainer) -> None:
        """Note the trainer's step, take one of the plain loop, start the clock again."""
        middle = self._now()
        self.plain.step()
        end = self._now()
        if trainer.step > self.warm:
            self.seconds["recipe"].append(middle - self.start)
            self.seconds["plain loop"].append(end - middle)
        self.start = self._now()


def network_of(model: DiffusionModel) -> nn.Module:
    """The network inside a model's denoiser."""
    assert isinstance(model.denoiser, NetworkDenoiser)
    return model.denoiser.network


def turns(values: dict[str, object], steps: int, device: str) -> dict[str, list[float]]:
    """Seconds of the steps of a run with this configuration, and of the plain loop between them."""
    with tempfile.TemporaryDirectory() as folder:
        rare = {"checkpoint_every": 0, "validate_every": 0, "sample_every": 0, "log_every": 50}
        config = TrainConfig.model_validate({**values, **rare, "steps": steps, "device": device, "out": folder})
        _, training, _ = load_data(config.data, config.seed)
        model = build_model(config.model, training, config.seed)
        tutorial = TrainConfig.model_validate({"data": config.data, "recipe": "song"})
        images = training.x[:]
        network = network_of(build_model(tutorial.model, training, config.seed)).to(device)
        taking = TakeTurns(PlainLoop(network, images), device)
        Trainer(model, training, config, Path(folder), callbacks=[taking]).fit()
    return taking.seconds


def agreement(model: DiffusionModel, x: Tensor) -> dict[str, float]:
    """How far the library's loss and first step are from the published ones, on the same times and noise."""
    model = copy.deepcopy(model).double()
    network = copy.deepcopy(network_of(model))
    x, item = x.double(), torch.arange(len(x))
    u = random.uniform((), seed=0, stream=random.Stream.TRAINING_TIME, item=item, step=0, dtype=torch.float64)
    t = UniformTimes()(model.denoiser.schedule, stratified(item, len(x), u))
    z = random.normal(x.shape[1:], seed=0, stream=random.Stream.TRAINING_NOISE, item=item, step=0, dtype=torch.float64)
    ours, theirs = model.loss(x, 0, 0), published_loss(network, x, t, z)
    config = TrainConfig.model_validate({"data": "mnist", "recipe": "song"})
    first, second = make_optimiser(model, config), torch.optim.Adam(network.parameters(), lr=RATE)
    for loss, optimiser in ((ours, first), (theirs, second)):
        loss.backward()
        optimiser.step()
    pairs = zip(network_of(model).parameters(), network.parameters(), strict=True)
    return {
        "loss, relative": abs(ours.item() * x[0].numel() / theirs.item() - 1.0),
        "weights after one step, largest difference": max(float((a - b).detach().abs().max()) for a, b in pairs),
    }


def main() -> None:
    given = arguments(__doc__ or "")
    recipe: dict[str, object] = {"data": "mnist", "recipe": "song"}
    seconds = turns(recipe, 20 * given.repeats, given.device)
    config = TrainConfig.model_validate(recipe)
    _, training, _ = load_data(config.data, config.seed)
    model = build_model(config.model, training, config.seed)
    record(
        {
            "question": "what does a training step of the recipe song cost beside a plain PyTorch loop of the same?",
            "machine": machine(given.device),
            "step": {name: summary(values) for name, values in seconds.items()},
            "ratios": {"recipe over plain loop (target 1.05)": ratios(seconds["recipe"], seconds["plain loop"])},
            "error in float64": agreement(model, training.x[:BATCH]),
        },
        given.out,
    )


if __name__ == "__main__":
    main()
