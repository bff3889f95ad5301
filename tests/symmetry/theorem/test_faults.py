"""No planted fault passes, and each is laid to the premise, and to the layer, that it is in."""

from __future__ import annotations

import math
from operator import attrgetter

import pytest
import torch

from equigen.symmetry.theorem import likelihood
from equigen.symmetry.theorem.certificate import ModelCertificate
from tests.symmetry.theorem.certified_models import certified, without_consequences
from tests.symmetry.theorem.gallery import FAULTS, Fault, on_points
from tests.symmetry.theorem.parts import Lengths, Net

# What follows from a fault: trajectories leave their place with the denoiser, the scale or the space.
FOLLOWS = {
    "action": {"denoiser", "solver"},
    "denoiser": {"solver", "batch"},
    "scale": {"solver"},
}


def places(found: ModelCertificate) -> list[str]:
    claims = [claim for premise in found.premises for claim in premise.claims if claim.promised and not claim.holds]
    return [claim.where for claim in claims]


def test_there_are_many():
    assert len(FAULTS) >= 40
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    assert {fault.premise for fault in FAULTS} == {"action", "prior", "noise", "scale", "denoiser", "solver", "batch"}


@pytest.mark.parametrize("fault", FAULTS, ids=attrgetter("name"))
def test_a_fault_does_not_pass_and_is_named(fault: Fault, monkeypatch: pytest.MonkeyPatch):
    without_consequences(monkeypatch)
    found = certified(fault.build(), fault.solver)
    assert not found.holds
    assert found.verdict == ("not told apart" if "float32" in fault.name else "broken")
    assert fault.premise in found.broken
    assert set(found.broken) <= {fault.premise} | FOLLOWS.get(fault.premise, set())
    assert any(fault.layer in place for place in places(found))
    assert all(math.isfinite(claim.bound) for premise in found.premises for claim in premise.claims)


def test_probes_that_are_not_moved_are_found(monkeypatch: pytest.MonkeyPatch):
    model = on_points(Net(Lengths()), points=12)
    how = (model.model, model.action, model.action.group.elements(), model.x, 0)
    assert likelihood.likelihood_premise(*how).verdict == "exact"
    density = likelihood.log_likelihood

    def with_probes_in_place(denoiser, x, *, probes: torch.Tensor, **rest):
        return density(denoiser, x, probes=probes[:, :2].repeat(1, len(x) // 2, 1, 1), **rest)

    monkeypatch.setattr(likelihood, "log_likelihood", with_probes_in_place)
    assert likelihood.likelihood_premise(*how).verdict == "broken"


def test_the_law_and_the_likelihood_are_told():
    found = certified(FAULTS[4].build())
    assert FAULTS[4].name == "a positional embedding"
    assert {"denoiser", "law", "likelihood"} <= set(found.broken)
