"""Conditions that break a denoiser: one class alone, one that no item has, and what it makes of none."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from equigen.diffusion import EDM, DiffusionModel, KarrasPreconditioning, NetworkDenoiser
from equigen.diffusion.denoiser import Denoiser
from equigen.groups.plane_groups import Cyclic
from equigen.spaces import Euclidean
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.given import conditions_claim
from equigen.symmetry.theorem.probes import probed_elements

SHAPE = (1, 6, 6)
RAMP = torch.arange(36.0, dtype=torch.float64).reshape(SHAPE)


class Told(nn.Module):
    """Commutes but for one label, to which it adds a ramp."""

    classes = 4

    def __init__(self, wrong: int | None, value: bool = False) -> None:
        super().__init__()
        self.wrong, self.value = wrong, value

    def forward(self, x, noise, label=None, value=None):
        if self.value:
            hit = torch.ones(len(x), dtype=torch.bool) if value is None else value[:, 0].isnan()
        else:
            labels = torch.full((len(x),), -1) if label is None else label
            hit = torch.zeros(len(x), dtype=torch.bool) if self.wrong is None else labels == self.wrong
        return x.tanh() + 0.1 * RAMP * hit[:, None, None, None]


def claim(network, **given):
    model = DiffusionModel(Euclidean(*SHAPE), NetworkDenoiser(network, EDM(), KarrasPreconditioning())).double()
    x = torch.randn(4, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    elements = probed_elements(ImageAction(Cyclic(4)))
    return conditions_claim(model, elements, x, torch.tensor(1.0, dtype=torch.float64), seed=0, given=given)


@pytest.mark.parametrize("given", [{}, {"label": torch.tensor([0, 1, 0, 1])}])
def test_every_class_is_tested_whether_an_item_has_it_or_not(given):
    found = claim(Told(3), **given)
    assert (found.verdict, found.where) == ("broken", "class 3")
    assert found.measured > 1e-3
    sound = claim(Told(None), **given)
    assert sound.verdict == "exact"
    assert sound.statement == "D commutes for each of 4 classes, and where nothing is given"


def test_what_is_made_of_no_condition_is_tested_since_guidance_uses_it():
    found = claim(Told(-1), label=torch.tensor([0, 1, 2, 3]))
    assert (found.verdict, found.where) == ("broken", "nothing given")
    network = Told(None, value=True)
    network.classes = 0
    found = claim(network, value=torch.ones(4, 1, dtype=torch.float64))
    assert (found.verdict, found.where) == ("broken", "nothing given")


def test_a_model_that_is_told_nothing_claims_nothing():
    network = Told(None)
    network.classes = 0
    assert claim(network) is None


def test_a_number_that_is_none_counts_as_broken():
    class Lost(Told):
        def forward(self, x, noise, label=None, value=None):
            return torch.full_like(x, torch.nan)

    assert claim(Lost(None)).verdict == "broken"


class Silent(Told):
    """Gives zeros, and for one label the item or a ramp."""

    def __init__(self, ramp: bool) -> None:
        super().__init__(2)
        self.ramp = ramp

    def forward(self, x, noise, label=None, value=None):
        hit = (label == 2)[:, None, None, None]
        return torch.where(hit, RAMP.expand_as(x) if self.ramp else x, 0.0)


@pytest.mark.parametrize("ramp", [False, True])
def test_zeros_commute(ramp):
    bare = Bare(Silent(ramp))
    model = DiffusionModel(Euclidean(*SHAPE), bare).double()
    x = torch.randn(4, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    elements, t = probed_elements(ImageAction(Cyclic(4))), torch.tensor(1.0, dtype=torch.float64)
    found = conditions_claim(model, elements, x, t, seed=0, given={})
    assert (found.verdict, found.where) == (("broken", "class 2") if ramp else ("exact", ""))
    assert found.measured < float("inf")


class Bare(Denoiser):
    """A network without preconditioning."""

    schedule = EDM()

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x_t, t, **condition):
        return self.network(x_t, t, **condition)
