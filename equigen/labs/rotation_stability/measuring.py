"""Networks trained on digits in random poses, and what they say of others at 16 and at 100 angles.

How stable a classifier is, is measured by how often it changes its mind: for one image in A poses, of which n_c are
given class c, the share of pairs of two different poses that are given different classes,

    u = 1 - sum_c n_c (n_c - 1) / (A (A - 1)),

which is 0 for a classifier that no rotation moves and 1 - 1/C for one that guesses among C classes. It says nothing of
whether the class is right; the accuracy does.
"""

from __future__ import annotations

import copy
import math
import time
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from equigen.labs.digits_in_poses import PosedDigits, logits_at, poses, trained
from equigen.labs.rotation_stability.competitors import KINDS, Competitor, Terms, untrained
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.symmetry.rotation import rotate, rotate_back

__all__ = [
    "COARSE",
    "FINE",
    "QUARTERS",
    "Found",
    "Network",
    "Trial",
    "at_quarter_turns",
    "changes_of_mind",
    "judged",
    "moved",
    "tried",
]

COARSE, FINE = 16, 100
"""Angles at which all test images are judged, and at which some are."""

QUARTERS = 32
"""Images whose logits are compared at quarter turns, at most."""

_BACK = (math.pi / 8, math.pi / 4, 2.0, 4.0)  # angles by which images are turned and turned back


@dataclass(frozen=True, eq=False)
class Trial:
    """One training of one network, and what came of it.

    Args:
        seed: of weights and order.
        seconds: that training took.
        loss: of each step, (steps,).
        told: classes given to all test images at 16 angles, int64 (16, M).
        moved: relative change of the logits against the upright image, (16, M).
        fine: classes given to some test images at 100 angles, int64 (100, m).
        fine_moved: relative change of their logits over all of them, (100,).
        back: share of these images whose class changes when they are turned and turned back.
        quarters: largest relative change of the logits at the three quarter turns, by name of the dtype.
    """

    seed: int
    seconds: float
    loss: Tensor
    told: Tensor
    moved: Tensor
    fine: Tensor
    fine_moved: Tensor
    back: float
    quarters: dict[str, float]

    @property
    def changes(self) -> Tensor:
        """How often the mind changes on each image over the 100 angles, (m,)."""
        return changes_of_mind(self.fine)


@dataclass(frozen=True, eq=False)
class Network:
    """All trainings of one network.

    Args:
        name: in the settings.
        channels: of the first convolution.
        parameters: numbers that are learned.
        trials: one for each seed.
        labels: of the test images, (M,).
    """

    name: str
    channels: int
    parameters: int
    trials: tuple[Trial, ...]
    labels: Tensor

    @property
    def kind(self) -> Competitor:
        """What it is."""
        return KINDS[self.name]

    @property
    def changes(self) -> Tensor:
        """How often the mind changes, (seeds, m)."""
        return torch.stack([one.changes for one in self.trials])

    @property
    def right(self) -> Tensor:
        """Whether the class is right at each of the 16 angles, float64 (seeds, 16, M)."""
        return torch.stack([(one.told == self.labels).double() for one in self.trials])

    @property
    def fine_right(self) -> Tensor:
        """Whether the class is right at each of the 100 angles, float64 (seeds, 100, m)."""
        return torch.stack([(one.fine == self.labels[: one.fine.shape[1]]).double() for one in self.trials])

    @property
    def moved(self) -> Tensor:
        """Relative change of the logits at the 16 angles, (seeds, 16, M)."""
        return torch.stack([one.moved for one in self.trials])


@dataclass(frozen=True, eq=False)
class Found:
    """Everything that the lab measures.

    Args:
        networks: in the order of the settings.
        data: on which.
        plan: how.
    """

    networks: list[Network]
    data: PosedDigits
    plan: Terms

    def __getitem__(self, name: str) -> Network:
        """The network of a name in the settings.

        Raises:
            KeyError: it took no part.
        """
        found = [one for one in self.networks if one.name == name]
        if not found:
            raise KeyError(f"{name!r} took no part: {', '.join(one.name for one in self.networks)} did.")
        return found[0]


def changes_of_mind(told: Tensor) -> Tensor:
    """How often a classifier changes its mind over the poses of an image: the share of pairs of poses that differ.

    Args:
        told: classes of each image in each pose, int64 (A, B), A two or more.

    Returns:
        (B,), float64, in [0, 1].

    Example:
        >>> changes_of_mind(torch.tensor([[7, 1], [7, 1], [7, 4]])).mul(3).tolist()
        [0.0, 2.0]
    """
    count = nn.functional.one_hot(told).double().sum(0)
    return 1.0 - (count * (count - 1.0)).sum(-1) / (len(told) * (len(told) - 1))


def moved(logits: Tensor, upright: Tensor) -> Tensor:
    """How far the logits of each image move, ||f(g x) - f(x)|| / ||f(x)||.

    Args:
        logits: (*, B, classes).
        upright: (B, classes).

    Returns:
        (*, B), float64.

    Example:
        >>> moved(torch.tensor([[3.0, 3.0]]), torch.tensor([[3.0, 4.0]])).tolist()
        [0.2]
    """
    return (logits.double() - upright.double()).norm(dim=-1) / upright.double().norm(dim=-1)


def tried(kind: Competitor, data: PosedDigits, plan: Terms, seed: int) -> tuple[SteerableClassifier, Trial]:
    """Train a network once and test it.

    Args:
        kind: which.
        data: on which.
        plan: how.
        seed: of weights and order, which is the same for all kinds.
    """
    network, losses = untrained(kind, data.train.shape[-1], plan.channels, seed), []
    start = time.perf_counter()
    trained(
        network,
        data.train,
        data.train_labels,
        steps=plan.steps,
        seed=seed,
        augmentation=kind.augmentation,
        batch_size=plan.batch_size,
        tell=lambda step, loss: losses.append(loss),
    )
    seconds = time.perf_counter() - start
    return network, judged(network, data, plan, seed, seconds, torch.tensor(losses, dtype=torch.float64))


@torch.no_grad()
def judged(network: nn.Module, data: PosedDigits, plan: Terms, seed: int, seconds: float, loss: Tensor) -> Trial:
    """What a trained network says of the test images at all angles."""
    coarse, some = logits_at(network, data.test, poses(COARSE)), data.test[: plan.images]
    fine = logits_at(network, some, poses(FINE))
    upright = fine[0].double()
    gone = (fine.double() - upright).flatten(1).norm(dim=1) / upright.norm()
    return Trial(
        seed,
        seconds,
        loss,
        coarse.argmax(-1),
        moved(coarse, coarse[0]),
        fine.argmax(-1),
        gone,
        _changed_by_coming_back(network, some),
        at_quarter_turns(network, data.test[:QUARTERS]),
    )


@torch.no_grad()
def at_quarter_turns(network: nn.Module, x: Tensor) -> dict[str, float]:
    """The largest relative change of the logits at the three quarter turns, over the whole batch, in both precisions.

    Args:
        network: in evaluation mode.
        x: square images (B, C, n, n).

    Example:
        >>> corner = nn.Sequential(nn.Flatten(), nn.Linear(4, 1, bias=False))
        >>> _ = nn.init.constant_(corner[1].weight, 1.0)        # it sums, wherever pixels are
        >>> at_quarter_turns(corner, torch.rand(2, 1, 2, 2))["float64"] < 1e-15
        True
    """
    found = {}
    for dtype in (torch.float32, torch.float64):
        exact, images = copy.deepcopy(network).to(dtype), x.to(dtype)
        upright = exact(images)
        turned = [exact(torch.rot90(images, k, (-2, -1))) for k in (1, 2, 3)]
        found[str(dtype).removeprefix("torch.")] = max(float((one - upright).norm() / upright.norm()) for one in turned)
    return found


def _changed_by_coming_back(network: nn.Module, x: Tensor) -> float:
    """Share of images whose class changes when they are turned and turned back: the floor of interpolation."""
    here = network(x).argmax(-1)
    returned = [network(rotate_back(rotate(x, angle), angle)).argmax(-1) for angle in _BACK]
    return float((torch.stack(returned) != here).double().mean())
