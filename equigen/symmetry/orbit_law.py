"""Laws averaged over a group, p(x) = mean over g of q(g^-1 x): exactly invariant, with an exact denoiser.

Noise that commutes with the group keeps the average, p_t(x) = mean over g of q_t(g^-1 x), and

    score = sum of r_g g score_q(g^-1 x),        D = sum of r_g g D_q(g^-1 x),        r_g in proportion to q_t(g^-1 x).

The same numbers are added for x and for g x, in another order: what is computed is invariant up to the rounding of a
sum, whatever the law that is averaged and however little noise there is.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from equigen.diffusion.denoiser import Denoiser, per_item
from equigen.diffusion.laws.components import Components
from equigen.diffusion.laws.empirical import Empirical
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.laws.law import Law, numbers_of, require_items
from equigen.diffusion.laws.mixture import GaussianMixture
from equigen.diffusion.schedules.schedule import Schedule
from equigen.random import Stream, integers
from equigen.symmetry.action import Action

__all__ = ["OrbitDenoiser", "OrbitLaw"]


class OrbitLaw(Law):
    """x_0 = g y with y of a law and g uniform in a finite group: the oracle of equivariant models.

    Args:
        law: of y; its denoiser is known here for Gaussian, GaussianMixture and Empirical.
        action: isometric, of a finite group, without interpolation.

    Raises:
        ValueError: an infinite group, or an action that interpolates: its average would not be invariant exactly.

    Error: of log density and score, that of the law and of a sum; relative to themselves they are invariant to 1e-15.

    Example:
        >>> from equigen.diffusion import Isotropic
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.action import PointsAction
        >>> law = OrbitLaw(Gaussian(torch.tensor([[2.0, 0.0]]), Isotropic(0.1)), PointsAction(Cyclic(4)))
        >>> x = torch.tensor([[[2.0, 0.0]], [[0.0, 2.0]], [[-2.0, 0.0]]]).double()
        >>> [round(value, 4) for value in law.log_prob(x).tolist()]                  # -ln(2 pi .1) - ln 4
        [-0.9216, -0.9216, -0.9216]
    """

    def __init__(self, law: Law, action: Action) -> None:
        group = action.group
        if group.order is None or not bool(action.exact_at(group.elements()).all()):
            raise ValueError(
                f"{group.name} acts, but an average that is exactly invariant needs a finite group whose elements "
                "interpolate nothing: Cyclic(4) or Dihedral(4) on images, Cyclic(n) on points."
            )
        self.law, self.action = law, action
        self._elements = group.elements()

    def sample(self, n: int, *, seed: int, first: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
        """Items of the law, each moved by its own addressed element."""
        where = {"seed": seed, "stream": Stream.ELEMENT, "item": numbers_of(n, first)}
        g = self._elements[integers(len(self._elements), (), **where)]
        return self.action(g, self.law.sample(n, seed=seed, first=first, dtype=dtype))

    def log_prob(self, x: Tensor) -> Tensor:
        """ln of the mean over g of q(g^-1 x)."""
        return torch.logsumexp(self._log_probs(x), 0) - math.log(len(self._elements))

    def score(self, x: Tensor) -> Tensor:
        """The sum of r_g g score_q(g^-1 x)."""
        share = torch.softmax(self._log_probs(x), 0)
        pulls = (self.action(g, self.law.score(self.action.back(g, x))) for g in self._elements)
        return _weighted(share, torch.stack(list(pulls)))

    def responsibilities(self, x: Tensor) -> Tensor:
        """r_g(x), the posterior probabilities of the poses of items (B, *shape), as (B, |G|)."""
        return torch.softmax(self._log_probs(x), 0).mT

    def denoiser(self, schedule: Schedule) -> OrbitDenoiser:
        """The posterior mean under the schedule, which commutes with the group.

        Raises:
            TypeError: a law other than Gaussian, GaussianMixture and Empirical.
        """
        return OrbitDenoiser(_components(self.law), self.action, schedule)

    def diffused(self, schedule: Schedule, t: float) -> OrbitLaw:
        """The average of the diffused law."""
        return OrbitLaw(self.law.diffused(schedule, t), self.action)

    def _log_probs(self, x: Tensor) -> Tensor:
        """ln q(g^-1 x), (|G|, B)."""
        return torch.stack([self.law.log_prob(self.action.back(g, x)) for g in self._elements])


class OrbitDenoiser(Denoiser):
    """D = sum of r_g g D_q(g^-1 x), exactly, for a mixture q.

    Args:
        components: of the law that is averaged; covariances may be zero.
        action: of a finite group, isometric.
        schedule: the kernel.

    Error: computed in float64 and rounded to the dtype of x; commutes with the group to 1e-15.

    Source: as `MixtureDenoiser`, the components being those of all poses.

    Example:
        >>> from equigen.diffusion import EDM
        >>> from equigen.groups.plane_groups import Cyclic
        >>> from equigen.symmetry.action import PointsAction
        >>> law = OrbitLaw(Empirical(torch.tensor([[1.0, 0.0]])), PointsAction(Cyclic(2)))
        >>> D, x = law.denoiser(EDM()), torch.tensor([[0.5, 0.0], [-0.5, 0.0]])
        >>> [round(value, 4) for value in D(x, torch.tensor(1.0))[:, 0].tolist()]            # tanh(x / sigma^2)
        [0.4621, -0.4621]
    """

    def __init__(self, components: Components, action: Action, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule
        self.action = action
        # its own module, of the same tensors: a change of type or device here leaves the law as it is
        self.components = Components(components.log_weights, components.means, components.values, components.vectors)
        self._elements = action.group.elements()

    def forward(self, x_t: Tensor, t: Tensor, **condition: Tensor) -> Tensor:
        """E[x_0 | x_t]."""
        require_items(x_t, x_t.shape[1:])
        per_item(t, x_t)
        kernel = self.schedule.alpha(t.double()), self.schedule.sigma(t.double())
        densities, means = [], []
        for g in self._elements:
            y = self.action.back(g, x_t.double())
            densities.append(self.components.log_density(y.flatten(1), *kernel))
            means.append(self.action(g, self.components.denoised(y.flatten(1), *kernel).reshape(y.shape)))
        return _weighted(torch.softmax(torch.stack(densities), 0), torch.stack(means)).to(x_t.dtype)


def _weighted(share: Tensor, values: Tensor) -> Tensor:
    """The sum over the first axis of (n, B, *shape) times weights (n, B)."""
    return (share.reshape(*share.shape, *[1] * (values.ndim - 2)) * values).sum(0)


def _components(law: Law) -> Components:
    """A law as a mixture of normals."""
    if isinstance(law, GaussianMixture | Empirical):
        return law.components
    if isinstance(law, Gaussian):
        size = law.mean.numel()
        basis = torch.eye(size, dtype=torch.float64).reshape(size, *law.mean.shape)
        matrix = law.covariance.apply(lambda c: c, basis).flatten(1)
        values, vectors = torch.linalg.eigh((matrix + matrix.mT) / 2)
        one = torch.zeros(1, dtype=torch.float64)
        return Components(one, law.mean.reshape(1, -1), values.clamp_min(0.0)[None], vectors[None])
    raise TypeError(
        f"law is a {type(law).__name__}, but the exact denoiser of its average is known for Gaussian, GaussianMixture "
        "and Empirical: give one of these."
    )
