"""Items are made alone as in their batch; what a batch shares is found where no motion could find it."""

from __future__ import annotations

import pytest
import torch

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.schedules.edm import EDM
from equigen.diffusion.solvers.predictor_corrector import PredictorCorrector
from equigen.diffusion.solvers.rk45 import RK45
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
        batch_premise(model(denoiser), X, 0, solvers=[], condition={"label": label}).claims[0].verdict
        for denoiser in (ByLabel(), Sorted())
    ]
    assert found == ["exact", "broken"]
