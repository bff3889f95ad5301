"""No sample depends on its batch, whatever the solver: a batch of one against sixteen, in float64."""

import pytest
import torch

from equigen import random
from equigen.diffusion import (
    EDM,
    RK45,
    BoundDenoiser,
    Denoiser,
    DiffusionModel,
    Euler,
    Gaussian,
    Isotropic,
    KarrasGrid,
    PredictorCorrector,
    VariancePreserving,
    flow,
    integrate,
)
from equigen.diffusion.denoiser import per_item
from equigen.diffusion.solvers.solver import AddressedNoise, State
from equigen.spaces import Centred, Euclidean
from equigen.testing import assert_batch_independent
from tests.diffusion.methods import ALL_SOLVERS
from tests.diffusion.mixture import MixtureDenoiser

SCHEDULES = {"edm": EDM(), "vp": VariancePreserving()}


def drawing(solver, denoiser, space, given=lambda item: (None, {})):
    """item -> samples, from the addressed prior; `given` says what the items are bound to."""
    times = KarrasGrid()(denoiser.schedule, 12)
    spread = torch.hypot(denoiser.schedule.alpha(times[0]), denoiser.schedule.sigma(times[0]))

    def draw(item):
        structure, condition = given(item)
        bound = space.at(structure)
        z = bound.noise(seed=0, stream=random.Stream.PRIOR, item=item, dtype=torch.float64)
        noise = AddressedNoise(bound, 0, item, 12, z)
        return integrate(solver, BoundDenoiser(denoiser, bound, condition), spread * z, times, noise)

    return draw


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("method", ALL_SOLVERS)
def test_a_sample_does_not_depend_on_its_batch(method, name):
    """On a mixture, where the paths part and an adaptive step differs from sample to sample."""
    assert_batch_independent(drawing(ALL_SOLVERS[method], MixtureDenoiser(SCHEDULES[name]), Euclidean(1)))


class Centres(Denoiser):
    """Each item's data are normal about its own centre, with its own variance: two conditions and a structure."""

    schedule = EDM()

    def forward(self, x_t, t, centre, variance, **rest):
        share = variance / (variance + t**2)
        return centre + per_item(share, x_t) * (x_t - centre)


def conditions(item):
    """A mask, a centre and a variance that are the item's own."""
    mask = torch.arange(5) < 2 + item[:, None] % 4
    centre = random.normal((5, 2), seed=1, stream=random.Stream.LAW, item=item, dtype=torch.float64)
    return mask, {"centre": centre, "variance": 0.05 * (1.0 + item.double()) ** 2}


@pytest.mark.parametrize("method", ALL_SOLVERS)
def test_nor_where_each_item_has_conditions_and_a_structure_of_its_own(method):
    assert_batch_independent(drawing(ALL_SOLVERS[method], Centres(), Centred(5, 2), conditions))


def test_samples_of_unequal_cost_share_a_batch():
    """What the test above rests on: in it, samples arrive at different times."""
    item = torch.arange(16)
    mask, condition = conditions(item)
    space = Centred(5, 2).at(mask)
    x = 80.0 * space.noise(seed=0, stream=random.Stream.PRIOR, item=item, dtype=torch.float64)
    found = RK45().solve(BoundDenoiser(Centres(), space, condition), x, torch.tensor([80.0, 0.002]))
    assert len(found.evaluations.unique()) > 3


@pytest.mark.parametrize("method", ["dpm++2m", "ancestral", "rk45"])
def test_nor_through_the_model(method):
    law = Gaussian(torch.zeros(3), Isotropic(0.5))
    model = DiffusionModel(Euclidean(3), law.denoiser(EDM()))
    assert_batch_independent(
        lambda item: model.sample(len(item), seed=0, first=int(item[0]), steps=8, solver=ALL_SOLVERS[method]),
        within=1e-5,  # float32
    )


# --- planted couplings


class Coupled(Euler):
    """The planted fault: a step whose length is the batch's."""

    def step(self, denoiser, state, t, s, noise):
        velocity = denoiser.velocity(state.x, t)
        return State(state.x + (s - t) * velocity * (1 + 1e-6 * velocity.norm()))


@pytest.mark.parametrize("solver", [Coupled(), PredictorCorrector(norm="batch-mean")], ids=["step", "norm"])
def test_the_control_a_number_of_the_batch_is_seen(solver):
    with pytest.raises(AssertionError, match="shared by the batch"):
        assert_batch_independent(drawing(solver, MixtureDenoiser(EDM()), Euclidean(1)))


def test_the_control_an_adaptive_step_shared_by_the_batch_is_seen(monkeypatch):
    own = flow._Run._size
    monkeypatch.setattr(flow._Run, "_size", lambda run, *parts: own(run, *parts).max().expand(len(run.rows)).clone())
    with pytest.raises(AssertionError, match="shared by the batch"):
        assert_batch_independent(drawing(RK45(), MixtureDenoiser(EDM()), Euclidean(1)))
