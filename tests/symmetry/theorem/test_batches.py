"""Items are made alone as in their batch; what a batch shares is found where no motion could find it."""

from __future__ import annotations

import pytest
import torch

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.solvers.euler import Euler
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.rk45 import RK45
from equigen.diffusion.solvers.solver import State
from equigen.groups.plane_groups import Cyclic
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.theorem.batches import batch_premise
from equigen.symmetry.theorem.paths import certified_paths
from equigen.symmetry.theorem.solvers import Radial

X = normal((1, 4, 4), seed=0, stream=Stream.LAW, item=torch.arange(6))


class Shared(Denoiser):
    """What it makes of an item depends on the norm of the whole batch, which every motion leaves as it is."""

    schedule = EDM()

    def forward(self, x_t, t, **condition):
        return x_t / (1.0 + x_t.square().mean())


def model(denoiser: Denoiser) -> DiffusionModel:
    return DiffusionModel(Euclidean(1, 4, 4), denoiser)


def test_a_denoiser_of_single_items_is_exact_with_every_solver():
    premise = batch_premise(model(Radial(EDM())), X, 0)
    assert premise.verdict == "exact"
    assert max(claim.measured for claim in premise.claims) <= 1e-12


def test_a_planted_norm_of_the_batch_is_found_though_it_is_equivariant():
    premise = batch_premise(model(Shared()), X, 0, solvers=[PredictorCorrector()])
    assert [claim.verdict for claim in premise.claims] == ["broken", "exact", "broken"]
    assert premise.claims[0].where == premise.claims[2].where == "the denoiser"
    _, paths = certified_paths(
        model(Shared()), ImageAction(Cyclic(4)), Cyclic(4).elements(), seed=0, solvers=[PredictorCorrector()]
    )
    assert paths.verdict == "exact"


class SharedSteps(RK45):
    """The adaptive solver for the batch as one sample, with one step for all."""

    def run(self, denoiser, x, times):
        class Whole(Denoiser):
            schedule = denoiser.schedule

            def forward(self, x_t, t, **condition):
                return denoiser(x_t[0], t[0])[None]

        return super().run(Whole(), x[None], times)[:, 0]


@pytest.mark.parametrize(
    ("solver", "name"), [(PredictorCorrector(norm="batch-mean"), "PredictorCorrector"), (SharedSteps(), "SharedSteps")]
)
def test_planted_steps_that_a_batch_shares_are_named(solver, name):
    premise = batch_premise(model(Radial(EDM())), X, 0, solvers=[PredictorCorrector(), solver])
    assert premise.verdict == "broken"
    assert premise.claims[1].where == name


def test_conditions_go_with_their_items():
    class ByLabel(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, label):
            return x_t * 0.0 + label.to(x_t).reshape(-1, 1, 1, 1)

    class Sorted(ByLabel):
        def forward(self, x_t, t, label):
            return super().forward(x_t, t, label.sort().values)

    label = torch.tensor([5, 1, 4, 2, 3, 0])
    found = [
        batch_premise(model(denoiser), X, 0, solvers=[Euler()], condition={"label": label}).claims[0].verdict
        for denoiser in (ByLabel(), Sorted())
    ]
    assert found == ["exact", "broken"]


def test_of_two_solvers_of_one_class_neither_hides_the_other():
    solvers = [Euler(), PredictorCorrector(norm="batch-mean"), PredictorCorrector()]
    claims = batch_premise(model(Radial(EDM())), X, 0, solvers=solvers).claims
    assert [claim.verdict for claim in claims] == ["exact", "broken", "exact"]
    assert claims[1].where == "PredictorCorrector"


class OverBatch(Denoiser):
    """Divides by the standard deviation over the batch, which a batch of one does not have."""

    schedule = EDM()

    def forward(self, x_t, t, **condition):
        return x_t / (1.0 + (x_t / (1e-9 + x_t.std(0))).square())


@pytest.mark.filterwarnings("ignore:std")
@pytest.mark.parametrize("solver", [Euler(), RK45()], ids=["euler", "rk45"])
def test_what_is_no_number_for_a_batch_of_one_is_broken(solver):
    claims = batch_premise(model(OverBatch()), X, 0, solvers=[solver]).claims
    assert [claim.verdict for claim in claims] == ["broken", "exact", "broken"]
    assert claims[0].measured == claims[2].measured == float("inf")


class SecondWithFirst(Euler):
    """The second of four items is made from the first as well."""

    def step(self, denoiser, state, t, s, noise):
        x = super().step(denoiser, state, t, s, noise).x
        return State(torch.cat((x[:1], x[1:2] + 1e-6 * x[:1], x[2:])) if len(x) == 4 else x)


def test_every_item_is_taken_alone():
    claims = batch_premise(model(Radial(EDM())), X, 0, solvers=[SecondWithFirst()]).claims
    assert [claim.verdict for claim in claims] == ["exact", "broken", "broken"]


@pytest.mark.parametrize("items", [6, 3])
def test_the_sampler_is_given_the_conditions(items):
    class ByLabel(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, **condition):
            return x_t / (1.0 + t.reshape(-1, 1, 1, 1) ** 2) + condition["label"].to(x_t).reshape(-1, 1, 1, 1)

    class Shuffled(ByLabel):
        def forward(self, x_t, t, **condition):
            label = condition["label"]  # at no level at which the denoiser is tested
            return super().forward(x_t, t, label=label.flip(0) if t.max() < 1e-2 else label)

    label = torch.tensor([5, 1, 4, 2, 3, 0])[:items]
    found = [
        batch_premise(model(one), X[:items], 0, solvers=[Euler()], condition={"label": label}).claims
        for one in (ByLabel(), Shuffled())
    ]
    assert [[claim.verdict for claim in claims] for claims in found] == [["exact"] * 3, ["exact", "exact", "broken"]]


def test_no_solver_is_refused():
    with pytest.raises(ValueError, match="solvers is empty"):
        batch_premise(model(Radial(EDM())), X, 0, solvers=[])


def test_the_sampler_is_that_of_the_guidance():
    class Free(Denoiser):
        schedule = EDM()

        def forward(self, x_t, t, **condition):
            free = (condition["label"] < 0)[:, None, None, None]
            return x_t / (1.0 + x_t.square().mean() * free + t.reshape(-1, 1, 1, 1) ** 2)

    one = DiffusionModel(Euclidean(1, 4, 4), Free(), condition_dropout=0.1)
    found = [
        batch_premise(one, X, 0, solvers=[Euler()], condition={"label": torch.zeros(6).long()}, guidance=w).claims
        for w in (1.0, 2.0)
    ]
    assert [[claim.verdict for claim in claims] for claims in found] == [["exact"] * 3, ["exact", "exact", "broken"]]
