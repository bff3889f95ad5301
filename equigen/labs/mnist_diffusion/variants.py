"""Networks that differ in one respect, trained alike: how time enters, and what their output is multiplied with."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from equigen.data.dataset import DataSet
from equigen.diffusion.loss import KarrasWeight, LogNormalNoise, NoiseWeight, TrainingTimes, UniformTimes, Weight
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.network_denoiser import NetworkDenoiser
from equigen.diffusion.preconditioning.karras import KarrasPreconditioning
from equigen.diffusion.preconditioning.preconditioning import Coefficients, Preconditioning
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.diffusion.schedules.schedule import Schedule
from equigen.networks.embedding import NoiseEmbedding
from equigen.networks.unet import UNet
from equigen.random import Stream, normal
from equigen.training.config import TrainerConfig
from equigen.training.errors import Interrupted
from equigen.training.trainer import Trainer

__all__ = ["PlainScore", "Training", "fitted", "fourier_time", "karras_model", "tutorial_model"]

_FEATURES = 128  # frequencies, each with a sine and a cosine, as in the tutorial
_LARGE = 24  # sides from which a position of the network stands for two by two pixels


@dataclass(frozen=True)
class PlainScore(Preconditioning):
    """score = F(x, t) without a division, so D = (x + sigma^2 F) / alpha: the network makes up the scale by itself.

    Example:
        >>> from equigen.diffusion import EDM
        >>> [c.item() for c in PlainScore()(EDM(), torch.tensor(2.0))]
        [1.0, 4.0, 1.0, 2.0]
    """

    def __call__(self, schedule: Schedule, t: Tensor) -> Coefficients:
        """The coefficients at times t."""
        alpha, sigma = schedule.alpha(t), schedule.sigma(t)
        return Coefficients(1.0 / alpha, sigma**2 / alpha, torch.ones_like(t), t)


@dataclass(frozen=True)
class Training:
    """How long and on how much, the same for all that are compared.

    Args:
        steps: of Adam.
        batch_size: images of a step.
        channels: of the network at each resolution.
        seed: of weights, batches and noise.
    """

    steps: int
    batch_size: int
    channels: tuple[int, ...]
    seed: int


def fourier_time(width: int, scale: float, seed: int) -> NoiseEmbedding:
    """Time as cosines and sines of 2 pi w t at fixed random frequencies w ~ N(0, scale^2); 0 tells nothing of time.

    Args:
        width: length of the vector that the network sees.
        scale: standard deviation of the frequencies, in cycles over the unit of time.
        seed: of the frequencies and of the dense layers behind them.

    Source: M. Tancik et al., Fourier features let networks learn high frequency functions in low dimensional domains,
    NeurIPS 2020, section 6; with scale 30 in Y. Song's public tutorial, 2021.

    Example:
        >>> first, last = fourier_time(8, 0.0, seed=0)(torch.tensor([0.0, 1.0]))
        >>> torch.equal(first, last)
        True
    """
    embedding = NoiseEmbedding(width, _FEATURES)
    cycles = normal((_FEATURES,), seed=seed, stream=Stream.INITIALISATION, item=1)
    embedding.frequencies.copy_(math.tau * scale * cycles)
    return embedding


def tutorial_model(
    data: DataSet, training: Training, base: float, *, scale: float, preconditioning: Preconditioning
) -> DiffusionModel:
    """An untrained model of the tutorial's kind: raw image and raw time go in, the loss is that of the noise.

    Args:
        data: the training part.
        training: gives widths and seed.
        base: of the noise.
        scale: of the Fourier features of time; 0: none.
        preconditioning: what becomes of the network's output.
    """
    network = _network(data, training)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network.embedding = fourier_time(4 * training.channels[0], scale, training.seed)
    schedule = GeometricNoise(base, t_min=1e-5)
    return _model(data, NetworkDenoiser(network, schedule, preconditioning), NoiseWeight(), UniformTimes())


def karras_model(data: DataSet, training: Training, base: float, *, alike: bool) -> DiffusionModel:
    """An untrained model whose input and output have unit variance at every noise level.

    Args:
        data: the training part.
        training: gives widths and seed.
        base: of the noise.
        alike: with the times and the loss of the tutorial, for comparison; else with those of Karras et al.
    """
    schedule = GeometricNoise(base, t_min=1e-5 if alike else 1e-3)
    denoiser = NetworkDenoiser(_network(data, training), schedule, KarrasPreconditioning())
    if alike:
        return _model(data, denoiser, NoiseWeight(), UniformTimes())
    return _model(data, denoiser, KarrasWeight(), LogNormalNoise())


def fitted(model: DiffusionModel, data: DataSet, training: Training) -> DiffusionModel:
    """The averaged model after training on one processor's terms: nothing is kept but the weights.

    Raises:
        KeyboardInterrupt: it was asked to stop.
    """
    config = TrainerConfig.parse(
        {
            "steps": training.steps,
            "batch_size": training.batch_size,
            "seed": training.seed,
            "checkpoint_every": 0,
            "validate_every": 0,
            "log_every": training.steps,
            "device": "cpu",
        }
    )
    with TemporaryDirectory() as folder:
        try:
            found = Trainer(model, data, config, Path(folder)).fit()
        except Interrupted:
            raise KeyboardInterrupt from None
    assert isinstance(found, DiffusionModel)
    return found


def _network(data: DataSet, training: Training) -> UNet:
    shape = data.space.shape
    patch = 2 if min(shape[1:]) >= _LARGE else 1
    return UNet(shape, training.channels, seed=training.seed, patch=patch)


def _model(data: DataSet, denoiser: NetworkDenoiser, weight: Weight, times: TrainingTimes) -> DiffusionModel:
    scale = Scale.fit(data.x[:], data.space)
    return DiffusionModel(data.space, denoiser, scale, weight=weight, times=times)
