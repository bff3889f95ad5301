"""What a denoiser is told must not break its symmetry: it commutes for every class, and where nothing is given.

Guidance combines what D makes of a condition with what it makes of none, so that both have to commute.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from equigen.diffusion.denoiser import per_item
from equigen.diffusion.model import DiffusionModel
from equigen.random import Stream
from equigen.symmetry.certificate import Claim
from equigen.symmetry.theorem.probes import ProbedElements

__all__ = ["conditions_claim"]

_MOST = 64  # classes that are tested
_BOUND = 1e-9


def conditions_claim(
    exact: DiffusionModel, elements: ProbedElements, x: Tensor, t: Tensor, *, seed: int, given: Mapping[str, Tensor]
) -> Claim | None:
    """Test whether D commutes without any condition, and for each class that its network or its items know.

    Args:
        exact: the model in float64, in evaluation mode.
        elements: to test at; those that do not interpolate.
        x: items in data units (B, *shape), float64.
        t: the time, ().
        seed: of the noise.
        given: the conditions of the items.

    Returns:
        None for a model that is told nothing, or where all elements interpolate.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.groups.plane_groups import SO2
        >>> from equigen.spaces import Centred
        >>> from equigen.symmetry.action import PointsAction
        >>> from equigen.symmetry.theorem.probes import probed_elements
        >>> model = DiffusionModel(Centred(3, 2), Gaussian(torch.zeros(3, 2), Isotropic(1.0)).denoiser(EDM()))
        >>> x, elements = torch.ones(4, 3, 2).double(), probed_elements(PointsAction(SO2()))
        >>> conditions_claim(model, elements, x, torch.tensor(1.0).double(), seed=0, given={}) is None
        True
    """
    rows = _rows(exact, given)
    if not rows or not len(elements.grid):
        return None
    item = torch.arange(len(rows)) % len(x)
    space, denoiser = exact.bind(None, {name: torch.cat([row[name] for _, row in rows]) for name in rows[0][1]})
    x_0 = space.project(exact.scale.to_model(x[item]))
    z = space.noise(seed=seed, stream=Stream.VALIDATION, item=torch.arange(len(rows)), dtype=torch.float64)
    schedule = exact.denoiser.schedule
    x_t = per_item(schedule.alpha(t), x_0) * x_0 + per_item(schedule.sigma(t), z) * z
    denoiser = denoiser.at(seed, torch.arange(len(rows)))
    start, action = denoiser(x_t, t), elements.exactly
    apart = torch.stack([_norms(denoiser(action(g, x_t), t) - action(g, start)) for g in elements.grid])
    error = torch.where(apart == 0.0, 0.0, apart / _norms(start))  # what gives zeros everywhere commutes
    error = torch.where(error.isnan(), torch.inf, error).amax(0)
    worst = int(error.argmax())
    verdict = "exact" if float(error[worst]) <= _BOUND else "broken"
    statement = f"D commutes for each of {len(rows) - 1} classes, and where nothing is given"
    if len(rows) == 1:
        statement = "D commutes where nothing is given"
    return Claim(statement, True, float(error[worst]), _BOUND, verdict, "" if verdict == "exact" else rows[worst][0])


def _rows(model: DiffusionModel, given: Mapping[str, Tensor]) -> list[tuple[str, dict[str, Tensor]]]:
    """What one item is told, and its name: nothing, then each class alone."""
    numbers = [getattr(part, "classes", 0) for part in model.modules()]
    classes = set(range(max((number for number in numbers if isinstance(number, int)), default=0)))
    if "label" in given:
        classes |= {label for label in given["label"].tolist() if label >= 0}
    withheld = {name: _withheld(value[:1]) for name, value in given.items() if name != "structure"}
    if classes:
        withheld.setdefault("label", torch.tensor([-1]))
    if not withheld:
        return []
    told = [(f"class {label}", {**withheld, "label": torch.tensor([label])}) for label in sorted(classes)[:_MOST]]
    return [("nothing given", withheld), *told]


def _withheld(value: Tensor) -> Tensor:
    return torch.full_like(value, torch.nan if value.is_floating_point() else -1)


def _norms(x: Tensor) -> Tensor:
    return x.flatten(1).norm(dim=1)
