"""All that the lab symmetry measures, together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from torch import Tensor

from equigen.diffusion.denoiser import Denoiser
from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.labs.lab import Tell
from equigen.labs.symmetry.breaking import Broken, broken
from equigen.labs.symmetry.keeping import Kept, kept
from equigen.labs.symmetry.laws import Tested, tested
from equigen.labs.symmetry.learning import Learned, Plan, above, learned, probes, trained
from equigen.labs.symmetry.recovering import Recovered, recovered
from equigen.labs.symmetry.setting import Setting, perceptron, pictures, points
from equigen.labs.symmetry.stepping import Fitted, Stepped, fitted, stepped
from equigen.labs.symmetry.turning import Turned, turned
from equigen.symmetry.symmetrised import Symmetrised

__all__ = ["AUGMENTED", "EXACT", "WRONG", "Found", "Scale", "found_by", "scores"]

EXACT, WRONG, AUGMENTED = "exact", "random network, averaged", "learned, augmented"
"""The scores in the plane."""
_FITTED = (200, 800, 3200, 12_800)  # items that linear scores are fitted to
_STEPS = 20  # of every sampler
_GAIN = 3.0  # of the random network: rough enough to be wrong everywhere
_NARROW = 32  # width of the random network, at most
_POINTS = 1000  # that the augmented network in the plane is trained on
_PLANE_STEPS = 3  # times the training steps of a network on images
_PLANE_BATCH = 4  # times its batch
_COMPONENTS = 40  # digits that the law of images has components about
_ITEMS = 64  # paths that are turned, at most


@dataclass(frozen=True)
class Scale:
    """How much of everything.

    Args:
        samples: whose law is tested; of at most 64 of them paths are turned.
        draws: of the test of whole paths.
        items: that networks are trained on.
        plan: of their training.
        trainings: of each.
    """

    samples: int
    draws: int
    items: Sequence[int]
    plan: Plan
    trainings: int


@dataclass(frozen=True, eq=False)
class Found:
    """Everything that the lab measures.

    Args:
        plane: points under D4, for the pictures.
        scores: the denoisers in the plane.
        linear: loss above the least of the best linear denoiser there, relative to that.
        stepped: laws of steps under linear scores.
        fitted: linear scores fitted to ever more items.
        tested: laws of iterates in the plane.
        turned: paths under turned normals.
        kept: paths that begin on a mirror line.
        broken: changes of a sampler.
        learned: networks on images.
        recovered: what their loss is made of.
    """

    plane: Setting
    scores: Mapping[str, Denoiser]
    linear: float
    stepped: Sequence[Stepped]
    fitted: Sequence[Fitted]
    tested: Sequence[Tested]
    turned: Sequence[Turned]
    kept: Sequence[Kept]
    broken: Sequence[Broken]
    learned: Sequence[Learned]
    recovered: Sequence[Recovered]


def found_by(scale: Scale, draws: int, seed: int, tell: Tell = lambda stage: None) -> Found:
    """Measure all of it.

    Args:
        scale: how much.
        draws: of the items that linear scores are fitted to.
        seed: of everything.
        tell: called with a few words before each stage.
    """
    tell("linear scores")
    lines = stepped(_FITTED[2], _STEPS, seed), fitted(_FITTED, draws, _STEPS, seed)
    tell("a network in the plane")
    plane = points(Dihedral(4))
    denoisers = scores(plane, scale.plan, seed)
    at = probes(plane, 2000, seed)
    tell("laws of iterates")
    laws = tested(plane, denoisers, at, scale.samples, _STEPS, scale.draws, seed)
    tell("paths")
    few = min(_ITEMS, scale.samples)
    paths = turned(plane, denoisers, few, _STEPS, seed), kept(plane, denoisers, few, _STEPS, seed)
    tell("what breaks it")
    breaks = broken(points(Cyclic(8)), scale.samples, _STEPS, min(199, scale.draws), seed)
    images = pictures(_COMPONENTS, seed)
    networks, kept_networks, _ = learned(images, scale.items, scale.plan, scale.trainings, seed, tell)
    tell("what is recoverable")
    split = recovered(images, kept_networks, 100, seed)
    linear = above(_linear(plane), at, plane)
    return Found(plane, denoisers, linear, *lines, laws, *paths, breaks, networks, split)


def scores(plane: Setting, plan: Plan, seed: int) -> dict[str, Denoiser]:
    """The exact denoiser, a random network averaged over the group, and one that learned from points in random poses.

    Args:
        plane: points under a finite group.
        plan: of a network on images; this one is given larger batches and more steps.
        seed: of weights, points and noise.

    Returns:
        Denoisers in float64.
    """
    x: Tensor = plane.law.sample(_POINTS, seed=seed)
    longer = Plan(plan.width, _PLANE_BATCH * plan.batch, _PLANE_STEPS * plan.steps, gain=2.0, rate=5e-3)
    network = trained(plane, x, "augmented", longer, seed)
    random = perceptron(plane, min(plan.width, _NARROW), seed, gain=_GAIN).requires_grad_(False)
    return {
        EXACT: plane.exact(),
        WRONG: Symmetrised(deepcopy(random).double(), plane.action),
        AUGMENTED: deepcopy(network).double(),
    }


def _linear(setting: Setting) -> Denoiser:
    """The best denoiser that is a multiple of x_t: a network that gives nothing."""
    nothing = perceptron(setting, 1, 0, gain=0.0).requires_grad_(False)
    for one in nothing.parameters():
        one.zero_()
    return nothing
