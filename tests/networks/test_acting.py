"""Which action a model promises: that of its network or of its average, through wrappers, and no more than it keeps."""

from __future__ import annotations

import pytest

from equigen.diffusion import EDM, DiffusionModel, KarrasPreconditioning, NetworkDenoiser
from equigen.diffusion.guidance import GuidedDenoiser
from equigen.groups.plane_groups import SO2, Cyclic, Dihedral
from equigen.networks.acting import action_of
from equigen.networks.steerable_unet import SteerableUNet
from equigen.networks.unet import UNet
from equigen.spaces import Euclidean
from equigen.symmetry import ImageAction, RandomElement, Symmetrised

SHAPE = (1, 8, 8)


@pytest.fixture(scope="module")
def plain():
    return NetworkDenoiser(UNet(SHAPE, channels=(8, 8)), EDM(), KarrasPreconditioning())


@pytest.fixture(scope="module")
def steerable():
    return NetworkDenoiser(SteerableUNet("C4", SHAPE, channels=(8, 8)), EDM(), KarrasPreconditioning())


def group(model) -> str | None:
    action = action_of(model)
    return None if action is None else action.group.name


def whole(denoiser) -> DiffusionModel:
    return DiffusionModel(Euclidean(*SHAPE), denoiser)


def test_a_network_promises_its_group_bare_in_a_denoiser_and_in_a_model(steerable):
    for model in (steerable.network, steerable, whole(steerable), whole(GuidedDenoiser(steerable, 2.0))):
        assert group(model) == "C4"


def test_an_average_promises_its_own_group_and_not_that_of_what_it_averages(plain, steerable):
    action = ImageAction(Dihedral(4))
    for inner in (plain, steerable):
        for made in (Symmetrised(inner, action), RandomElement(inner, action)):
            assert group(made) == group(whole(made)) == group(whole(GuidedDenoiser(made, 2.0))) == "D4"


def test_nothing_is_promised_of_a_plain_network_or_of_an_average_over_a_part(plain):
    part = Symmetrised(plain, ImageAction(Dihedral(4)), Cyclic(4).elements())
    for model in (plain, plain.network, whole(plain), part, Symmetrised(plain, ImageAction(SO2()))):
        assert action_of(model) is None
