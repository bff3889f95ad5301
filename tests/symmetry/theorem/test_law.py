"""The law of samples is bounded by a coupling and tested on samples, which say different things: both are told."""

from __future__ import annotations

import pytest
import torch

from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.plane_groups import SO2, Cyclic
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.space import BoundSpace
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_law import OrbitLaw
from equigen.symmetry.random_element import RandomElement
from equigen.symmetry.theorem.law import law_premise

TURNS, SHAPE = ImageAction(Cyclic(4)), (1, 6, 6)
MEAN = 2.0 * normal(SHAPE, seed=4, stream=Stream.LAW, dtype=torch.float64)
UPRIGHT = Gaussian(MEAN, Isotropic(0.3))


def test_an_averaged_law_is_exact():
    found = law_premise(DiffusionModel(Euclidean(*SHAPE), OrbitLaw(UPRIGHT, TURNS).denoiser(EDM())), TURNS, seed=1)
    assert found.verdict == "exact"
    assert found.claims[0].measured < 1e-9
    assert "would be found" in found.claims[0].statement


def test_an_upright_law_is_told_by_its_samples():
    found = law_premise(DiffusionModel(Euclidean(*SHAPE), UPRIGHT.denoiser(EDM())), TURNS, seed=1)
    assert found.verdict == "broken"
    assert "p = 0.001" in found.claims[0].statement


def test_a_random_element_a_step_has_another_path_and_no_other_law():
    denoiser = RandomElement(UPRIGHT.denoiser(EDM()), TURNS)
    found = law_premise(DiffusionModel(Euclidean(*SHAPE), denoiser), TURNS, seed=1)
    assert found.verdict == "not told apart"
    assert found.claims[0].measured > 0.01


class Patterned(Euclidean):
    """A space whose noise has a pattern: moved as a whole it is a moved pattern, and no path tells."""

    def at(self, structure=None):
        return _Patterned(self.shape)


class _Patterned(BoundSpace):
    def __init__(self, shape):
        self.shape = shape

    def project(self, x):
        return x

    @property
    def ndof(self):
        return Euclidean(*self.shape).at().ndof

    def noise(self, **address):
        z = super().noise(**address)
        return z + torch.linspace(0.0, 2.0, self.shape[-1]).to(z)


def test_a_planted_prior_is_found_by_the_samples_though_paths_agree():
    found = law_premise(
        DiffusionModel(Patterned(*SHAPE), Gaussian(MEAN * 0, Isotropic(1.0)).denoiser(EDM())), TURNS, seed=1
    )
    assert found.claims[0].measured < 1e-9
    assert found.verdict == "broken"


@pytest.mark.parametrize("group", [Cyclic(3), SO2()], ids=["C3", "SO2"])
def test_what_lies_between_the_grid_is_told_and_not_promised(group):
    model = DiffusionModel(Euclidean(1, 8, 8), Gaussian(torch.zeros(1, 8, 8), Isotropic(1.0)).denoiser(EDM()))
    found = law_premise(model, ImageAction(group), seed=1, samples=48)
    told = found.claims[-1]
    assert (told.promised, told.verdict) == (False, "not told apart")
    assert found.verdict == ("not measured" if group == Cyclic(3) else "exact")
