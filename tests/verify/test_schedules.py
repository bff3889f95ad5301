"""Every schedule of the library passes, and each planted fault turns a check red."""

from dataclasses import dataclass

import pytest
import torch

from equigen import store, table
from equigen.diffusion import EDM, GeometricNoise, VariancePreserving
from equigen.verify import schedules as module
from equigen.verify.page import summary
from equigen.verify.published import published
from equigen.verify.schedules import verify_schedule

WAYS = {name: store.build(name) for name in table.SCHEDULES} | {
    "geometric 1/2": GeometricNoise(0.5),
    "geometric 1": GeometricNoise(1.0),
    "geometric near 1": GeometricNoise(1 + 1e-9),
    "vp from 0": VariancePreserving(beta_min=0.0),
    "edm, narrow": EDM(0.5, 1.0),
    "edm, below the data": EDM(0.002, 0.05),
    "edm, above the data": EDM(5.0, 80.0),
}


@pytest.fixture(autouse=True)
def few_samples(monkeypatch):
    monkeypatch.setattr(module, "_SAMPLES", 50_000)


@pytest.mark.parametrize("name", WAYS)
def test_every_schedule_passes(name):
    found = verify_schedule(WAYS[name], name)
    assert not found.failures, [(check.name, check.measured) for check in found.failures]
    assert found.subject == f"schedule {name}"


def test_every_process_of_the_table_is_held_against_its_paper():
    for name in table.SCHEDULES:
        assert published(store.build(name)) is not None
    assert published(Mine()) is None


@dataclass(frozen=True)
class Mine(EDM):
    """A user's schedule, alpha = 1 and sigma = t^2, which is sound."""

    t_min: float = 0.05
    t_max: float = 5.0

    def sigma(self, t):
        return t**2

    def sigma_rate(self, t):
        return 2 * t

    def time_at_noise(self, noise):
        return noise**0.5


class WrongRate(Mine):
    def sigma_rate(self, t):
        return 2.01 * t


class WrongSigma(Mine):
    def sigma(self, t):
        return t**2 * (1 + 0.001 * t)


class WrongAlpha(Mine):
    def alpha(self, t):
        return torch.exp(-0.01 * t)


class WrongDiffusion(Mine):
    def diffusion(self, t):
        return 1.01 * super().diffusion(t)


class WrongDrift(Mine):
    def drift(self, t):
        return torch.full_like(t, -0.01)


class WrongFlow(Mine):
    def flow(self, t):
        a, b = super().flow(t)
        return a, 1.01 * b


class WrongInverse(Mine):
    def time_at_noise(self, noise):
        return noise**0.501


class Rising(Mine):
    def sigma(self, t):
        return t**2 - 3.0 * torch.relu(t - 3.0) ** 2

    def sigma_rate(self, t):
        return 2 * t - 6.0 * torch.relu(t - 3.0)


class Coarse(Mine):
    def sigma(self, t):
        return (1 + t**2) - 1  # cancels in float32


class Wide(Mine):
    def alpha(self, t):
        return torch.ones_like(t, dtype=torch.float64)


FAULTS = {
    WrongRate: "sigma' against",
    WrongSigma: "sigma' against",
    WrongAlpha: "alpha' against",
    WrongDiffusion: "sigma against quadrature of g",
    WrongDrift: "alpha against quadrature of f",
    WrongFlow: "flow's b",
    WrongInverse: "time of a relative noise",
    Rising: "does not fall",
    Coarse: "float32 against float64",
    Wide: "no float32",
}


def test_a_sound_schedule_of_ones_own_passes():
    assert verify_schedule(Mine()).passed


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_seen(fault):
    found = verify_schedule(fault())
    assert any(FAULTS[fault] in check.name for check in found.failures), [check.name for check in found.failures]


@pytest.mark.parametrize("fault", [WrongDiffusion, WrongDrift], ids=lambda fault: fault.__name__)
@pytest.mark.parametrize("check", ["Fokker-Planck", "entropy"])
def test_the_theory_sees_a_process_that_is_not_of_the_kernel(fault, check):
    assert any(check in one.name for one in verify_schedule(fault()).failures)


def test_a_kernel_that_is_sound_but_not_the_papers_is_seen(monkeypatch):
    monkeypatch.setattr(EDM, "sigma", lambda self, t: 1.001 * t)
    monkeypatch.setattr(EDM, "sigma_rate", lambda self, t: torch.full_like(t, 1.001))
    monkeypatch.setattr(EDM, "time_at_noise", lambda self, noise: noise / 1.001)
    names = [check.name for check in verify_schedule(EDM()).failures]
    assert names == [
        "g against the paper's",
        "noise at t_min against the paper's process from 0",
        "noise at t_max against the paper's process from 0",
    ]


class Undefined(Mine):
    def sigma(self, t):
        return torch.sqrt(t - 0.1)


class Constant(Mine):
    def sigma(self, t):
        return torch.full_like(t, 0.5)


@pytest.mark.parametrize("fault", [Undefined, Constant, Rising], ids=lambda fault: fault.__name__)
def test_without_a_kernel_nothing_more_is_measured(fault):
    found = verify_schedule(fault())
    assert not found.passed
    assert len(found.checks) == 2
    assert "Nothing more is measured" in summary(found)
    broken, level = found.checks
    assert (broken.verdict == "fail") == (fault is Undefined)
    assert level.verdict == "fail"


def test_what_is_no_schedule_is_refused():
    with pytest.raises(TypeError, match="schedule is a str, but a Schedule is needed"):
        verify_schedule("edm")
