"""Moved items have the density of the items if the trace is exact or its probes are moved, and not otherwise."""

from __future__ import annotations

import pytest
import torch

from equigen.diffusion.denoiser import BoundDenoiser, Denoiser
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.likelihood import log_likelihood, normal_log_prob, rademacher
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.plane_groups import Cyclic
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.symmetry.action import PointsAction
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.orbit_law import OrbitLaw
from equigen.symmetry.theorem.likelihood import likelihood_premise


def drawn(*shape: int) -> torch.Tensor:
    return normal(shape, seed=4, stream=Stream.LAW, dtype=torch.float64)


def model(action, shape, averaged=True, space=Euclidean) -> DiffusionModel:
    law = Gaussian(drawn(*shape), Isotropic(1.0))
    return DiffusionModel(space(*shape), (OrbitLaw(law, action) if averaged else law).denoiser(EDM()))


CASES = [(PointsAction(Cyclic(5)), (3, 2), "an exact trace"), (ImageAction(Cyclic(4)), (1, 5, 5), "moved probes")]


@pytest.mark.parametrize(("action", "shape", "trace"), CASES, ids=["exact", "probes"])
def test_an_averaged_law_keeps_its_density_and_another_does_not(action, shape, trace):
    x = drawn(3, *shape)
    sound, broken = (
        likelihood_premise(model(action, shape, averaged), action, action.group.elements(), x, 0)
        for averaged in (True, False)
    )
    assert (sound.verdict, broken.verdict) == ("exact", "broken")
    assert trace in sound.claims[0].statement
    assert sound.claims[0].measured < 1e-9
    assert broken.claims[0].measured > 0.01


def test_planted_probes_that_stay_where_they_are_give_another_density():
    action, shape = ImageAction(Cyclic(4)), (1, 5, 5)
    D = BoundDenoiser(model(action, shape).denoiser, Euclidean(*shape).at(), {})
    x, g = drawn(2, *shape), Cyclic(4).elements()[1]
    e = rademacher(D.space, 1, seed=0, item=torch.arange(2), dtype=x.dtype, device=None)

    def density(x, probes):
        prior = lambda x: normal_log_prob(D.space, x, 80.0)  # noqa: E731
        return log_likelihood(D, x, prior=prior, t=1.0, probes=probes, tolerance=0.1).value

    start = density(x, e)
    assert float((density(action(g, x), action(g, e[0])[None]) - start).abs().max()) < 1e-9
    assert float((density(action(g, x), e) - start).abs().max()) > 1e-3
    assert torch.equal(start, density(x, 1))  # those it draws itself


@pytest.mark.parametrize("probes", [torch.zeros(0, 2, 3), torch.ones(1, 3, 3), torch.ones(2, 3)])
def test_probes_that_do_not_fit_are_refused(probes):
    D = BoundDenoiser(Gaussian(torch.zeros(3), Isotropic(1.0)).denoiser(EDM()), Euclidean(3).at(), {})
    with pytest.raises(ValueError, match="probes has shape"):
        log_likelihood(D, torch.zeros(2, 3), prior=lambda x: x[:, 0], probes=probes)


def test_elements_that_interpolate_are_not_measured():
    action = ImageAction(Cyclic(3))
    found = likelihood_premise(
        model(ImageAction(Cyclic(4)), (1, 5, 5)), action, action.group.elements(), drawn(2, 1, 5, 5), 0
    )
    assert found.verdict == "not measured"
    assert not found.claims[0].promised


def test_masks_move_with_their_items():
    action, shape = ImageAction(Cyclic(4)), (1, 5, 5)
    mask = torch.ones(2, 1, 5, 5, dtype=torch.bool)
    mask[1, :, :2] = False
    given = (action, Cyclic(4).elements(), drawn(2, *shape), 0)
    sound = likelihood_premise(model(action, shape, space=Masked), *given, structure=mask)
    assert sound.verdict == "exact"


class Still(Denoiser):
    """Gives one picture, whatever it is given."""

    schedule = EDM()

    def __init__(self, picture: torch.Tensor) -> None:
        super().__init__()
        self.picture = picture

    def forward(self, x_t, t, **condition):
        return self.picture.to(x_t).expand_as(x_t)


@pytest.mark.parametrize("shape", [(1, 4, 4), (1, 5, 5)], ids=["exact", "probes"])
def test_a_denoiser_that_does_not_look_at_its_items_has_a_density(shape):
    action, x = ImageAction(Cyclic(4)), drawn(2, *shape)
    for picture, verdict in ((torch.zeros(shape), "exact"), (drawn(*shape), "broken")):
        space = DiffusionModel(Euclidean(*shape), Still(picture))
        assert likelihood_premise(space, action, action.group.elements(), x, 0).verdict == verdict


def test_a_flow_that_cannot_be_followed_is_not_measured():
    action, x = ImageAction(Cyclic(4)), drawn(2, 1, 5, 5)
    lost = DiffusionModel(Euclidean(1, 5, 5), Still(torch.full((1, 5, 5), torch.nan)))
    found = likelihood_premise(lost, action, action.group.elements(), x, 0)
    assert (found.verdict, found.holds) == ("not measured", False)
    assert found.claims[0].where == "a flow that cannot be followed"


def test_one_element_that_changes_the_density_is_enough():
    action, picture = ImageAction(Cyclic(4)), drawn(1, 4, 4)
    half = Still(picture + torch.rot90(picture, 2, (-2, -1)))  # half turns leave it as it is
    found = likelihood_premise(
        DiffusionModel(Euclidean(1, 4, 4), half), action, action.group.elements(), drawn(2, 1, 4, 4), 0
    )
    assert found.verdict == "broken"
