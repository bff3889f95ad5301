"""The probability flow by the pair of Dormand and Prince, with steps that each sample chooses for itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.diffusion.denoiser import BoundDenoiser, Denoiser, per_item, require_smooth
from equigen.diffusion.flow import Parts, Trajectories, integrate_adaptively
from equigen.diffusion.solvers.solver import AdaptiveSolver

__all__ = ["RK45"]


@dataclass(frozen=True)
class RK45(AdaptiveSolver):
    """With w = sqrt(alpha^2 + sigma^2), it follows z = x / w over the angle theta = atan(sigma / alpha):

        dz/dtheta = (z cos(theta) - D(w z, t)) / sin(theta).

    z has unit variance at every time if the data have, and z cos(theta) is then the best linear denoiser: the rate is
    what the data add to it, which is smooth from pure noise to the data, whatever the schedule. On a mixture an error
    below 5e-5 costs fewer than 70 evaluations on every schedule.

    Args:
        tolerance: error of a step, relative to 1 + the root mean square of z, in the norm of the space.

    Raises:
        ValueError: a tolerance that is not positive.

    Error: proportional to the tolerance.

    Source: J. Dormand, P. Prince 1980; on this flow, Y. Song et al., ICLR 2021, section 4.3. The angle as time:
    T. Salimans, J. Ho, Progressive distillation, ICLR 2022, appendix D.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> D = Gaussian(torch.zeros(1), Isotropic(0.25)).denoiser(EDM())
        >>> x, times = torch.tensor([[3.0], [0.0]], dtype=torch.float64), torch.tensor([80.0, 0.002])
        >>> exact = 3.0 * ((0.25 + 0.002**2) / (0.25 + 80.0**2)) ** 0.5
        >>> found = RK45(1e-8).solve(D, x, times)
        >>> bool(abs(found.state[0][0, 0] - exact) < 1e-7), found.evaluations[0].item() > found.evaluations[1].item()
        (True, True)
    """

    tolerance: float = 1e-5
    order = 5

    def __post_init__(self) -> None:
        if not self.tolerance > 0.0:
            raise ValueError(f"tolerance is {self.tolerance}, but must be positive: RK45(tolerance=1e-5).")

    def run(self, denoiser: Denoiser, x: Tensor, times: Tensor) -> Tensor:
        """The iterates at all times; those between the ends are interpolated."""
        found = self.solve(denoiser, x, times)
        assert found.path is not None
        return torch.cat((x[None], found.path, found.state[0][None]))[: len(times)]

    def solve(self, denoiser: Denoiser, x: Tensor, times: Tensor) -> Trajectories:
        """The iterate at times[-1], before or after times[0], with the evaluations that each sample took.

        Args:
            denoiser: bound to its conditions and space.
            x: the iterate at times[0], (B, *shape).
            times: (n + 1,), monotone.

        Returns:
            The end in `state`, the iterates at the times between in `path`, and the counts.
        """
        require_smooth(denoiser)
        schedule, times = denoiser.schedule, times.to(x.device, torch.float64)
        angle = torch.atan(schedule.relative_noise(times))
        width = torch.hypot(schedule.alpha(times), schedule.sigma(times)).to(x)
        low, high = times.min(), times.max()

        def rate(theta: Tensor, state: Parts, rows: Tensor) -> Parts:
            t = schedule.time_at_noise(torch.tan(theta)).clamp(low, high).to(x)
            z = state[0]
            wide = per_item(torch.hypot(schedule.alpha(t), schedule.sigma(t)), z) * z
            pull = per_item(torch.cos(theta).to(x), z) * z - _denoise(denoiser, wide, t, rows, len(x))
            return (pull / per_item(torch.sin(theta).to(x), z),)

        space = denoiser.space if isinstance(denoiser, BoundDenoiser) else None
        found = integrate_adaptively(
            rate,
            (x / width[0],),
            angle[0],
            angle[-1],
            tolerance=self.tolerance,
            ndof=None if space is None else space.ndof,
            path=angle[1:-1],
        )
        assert found.path is not None
        path = found.path * width[1:-1].reshape(-1, *[1] * x.ndim)
        return found._replace(state=(found.state[0] * width[-1],), path=path)


def _denoise(denoiser: Denoiser, x: Tensor, t: Tensor, rows: Tensor, n: int) -> Tensor:
    """Denoise some of the n samples that a denoiser is bound to, at their own times."""
    if not isinstance(denoiser, BoundDenoiser) or len(rows) == n:
        return denoiser(x, t)
    found = denoiser.denoiser(x, t, **{name: value[rows] for name, value in denoiser.condition.items()})
    whole = found.new_zeros((n, *found.shape[1:]))  # the space is bound to all n
    whole[rows] = found
    return denoiser.space.project(whole)[rows]
