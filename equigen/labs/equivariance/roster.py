"""Which networks the lab equivariance compares, and how each is built, settled and trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from equigen.labs.digits_in_poses import PosedDigits, trained
from equigen.labs.equivariance.continuous_digits import FRAME
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.networks.trunk import Activation

__all__ = ["PLAIN", "REFERENCE", "REPEATED", "ROSTER", "ROUND", "Kind", "built", "resampled", "settled", "taught"]

_CHANNELS_PER_FIELD = {"C1": 1, "C4": 4, "C8": 8, "C16": 16, "SO2": 7}
_BATCH = 32


@dataclass(frozen=True)
class Kind:
    """One kind of network.

    Args:
        name: in tables and figures.
        symmetry: of the network.
        activation: its kind; None for pointwise functions of a finite group.
        function: of one number.
        samples: of a Fourier activation.
        like: name of the kind whose weights it shares, "" for its own.
        disk: whether every map is cut to its largest disk.

    Example:
        >>> [kind.name for kind in ROSTER][:4]
        ['plain', 'C4', 'C8', 'C16']
    """

    name: str
    symmetry: str
    activation: Activation | None = None
    function: Literal["elu", "relu", "silu"] = "elu"
    samples: int | None = None
    like: str = ""
    disk: bool = False

    def fields(self, channels: int) -> int:
        """Fields of the first convolution that have about so many channels."""
        return max(1, round(channels / _CHANNELS_PER_FIELD[self.symmetry]))


PLAIN = "plain"
"""Name of the network without symmetry."""
REFERENCE = "SO(2) ELU 16"
"""Name of the network whose error is taken apart."""
ROUND = "SO(2) ELU 16, disk"
"""Name of the reference whose maps have a round border."""
REPEATED = (PLAIN, "C4", "C8", "C16", REFERENCE, ROUND)
"""Names of the networks that are built and trained several times."""
ROSTER = (
    Kind(PLAIN, "C1"),
    Kind("C4", "C4"),
    Kind("C8", "C8"),
    Kind("C16", "C16"),
    Kind(REFERENCE, "SO2", "fourier", samples=16),
    Kind("SO(2) ELU 8", "SO2", "fourier", samples=8, like=REFERENCE),
    Kind("SO(2) ELU 32", "SO2", "fourier", samples=32, like=REFERENCE),
    Kind("SO(2) ReLU 16", "SO2", "fourier", "relu", samples=16),
    Kind("SO(2) SiLU 16", "SO2", "fourier", "silu", samples=16),
    Kind("SO(2) norm", "SO2", "norm"),
    Kind("SO(2) gated", "SO2", "gated"),
    Kind(ROUND, "SO2", "fourier", samples=16, disk=True),
)
"""All of them; a number is that of the samples of a Fourier activation."""


def built(kind: Kind, channels: int, seed: int) -> SteerableClassifier:
    """A network of a kind with about so many channels in its first map, for digits on `FRAME` pixels.

    Example:
        >>> [built(kind, 16, seed=0).trunk.out_type.size for kind in ROSTER[:5]]
        [128, 128, 128, 128, 112]
    """
    options = {"activation": kind.activation, "function": kind.function, "samples": kind.samples}
    shape, width = (1, FRAME, FRAME), kind.fields(channels)
    return SteerableClassifier(kind.symmetry, shape, 10, width=width, disk=kind.disk, seed=seed, **options)


def settled(network: nn.Module, images: Tensor) -> nn.Module:
    """The network in evaluation, with the moments of these images in all its batch norms.

    An untrained network without this would run on moments that are none, and its maps would grow with every layer.
    """
    norms = [module for module in network.modules() if hasattr(module, "running_var")]
    before = [vars(module)["momentum"] for module in norms]
    for module in norms:
        vars(module)["momentum"] = 1.0
    network.train()
    with torch.no_grad():
        network(images)
    for module, momentum in zip(norms, before, strict=True):
        vars(module)["momentum"] = momentum
    return network.eval()


def resampled(network: SteerableClassifier, samples: int) -> SteerableClassifier:
    """The same weights with another number of samples in every Fourier activation.

    Example:
        >>> network = built(ROSTER[4], 7, seed=0).eval()
        >>> finer, x = resampled(network, 64), torch.rand(2, 1, FRAME, FRAME)
        >>> finer.samples, 0 < ((finer(x) - network(x)).norm() / network(x).norm()).item() < 0.1
        (64, True)
    """
    names = ("width", "frequency", "activation", "function", "restrict", "disk", "seed")
    options = {name: getattr(network, name) for name in names}
    copy = SteerableClassifier(network.symmetry, network.shape, network.classes, samples=samples, **options)
    copy.to(next(network.parameters()).dtype).load_state_dict(network.state_dict())
    return copy.train(network.training)


def taught(network: SteerableClassifier, data: PosedDigits, steps: int, seed: int) -> SteerableClassifier:
    """The network trained on digits in random poses, in place, and settled."""
    trained(network, data.train, data.train_labels, steps=steps, seed=seed, batch_size=_BATCH)
    settled(network, data.train[:256])
    return network
