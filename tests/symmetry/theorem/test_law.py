"""The law of samples is bounded by a coupling and tested on samples, which say different things: both are told."""

from __future__ import annotations

import pytest
import torch

from equigen.diffusion.denoiser import Denoiser
from equigen.diffusion.givens import Givens
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.schedules.edm import EDM
from equigen.groups.plane_groups import SO2, Cyclic
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.space import BoundSpace
from equigen.symmetry import invariance
from equigen.symmetry.image_action import ImageAction
from equigen.symmetry.invariance import invariance_test
from equigen.symmetry.orbit_law import OrbitLaw
from equigen.symmetry.random_element import RandomElement
from equigen.symmetry.theorem import law
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


@pytest.fixture
def few(monkeypatch):
    """Fewer draws of a test at a higher level, whose power nobody looks at."""
    monkeypatch.setattr(law, "_DRAWS", 99)
    monkeypatch.setattr(law, "_LEVEL", 0.01)
    monkeypatch.setattr(law, "_TOLD_DRAWS", 99)
    monkeypatch.setattr(law, "_TOLD_LEVEL", 0.01)
    monkeypatch.setattr(invariance, "_REPEATS", 1)


class Told(Denoiser):
    """Draws for class k the picture k; without a class one that is the same all over."""

    schedule, classes = EDM(), 4

    def __init__(self, *pictures: torch.Tensor, free: torch.Tensor | None = None) -> None:
        super().__init__()
        self.pictures = torch.stack(pictures)
        self.free = torch.zeros(SHAPE).double() if free is None else free

    def forward(self, x_t, t, label):
        known = (label >= 0)[:, None, None, None]
        goal = torch.where(known, self.pictures[label.clamp_min(0)], self.free).to(x_t)
        return goal + 0.1 * (x_t - goal) / (1.0 + t**2)


FLAT = [torch.full(SHAPE, float(k), dtype=torch.float64) for k in range(4)]
POSES = [torch.rot90(MEAN, k, (-2, -1)) for k in range(4)]
LABELS = {"label": torch.arange(4)}


def told(*pictures, condition=None, givens=None, guidance=1.0, free=None):
    model = DiffusionModel(Euclidean(*SHAPE), Told(*pictures, free=free), givens=givens, condition_dropout=0.1)
    return law_premise(model, TURNS, seed=1, samples=48, condition=condition, guidance=guidance)


@pytest.mark.usefixtures("few")
def test_each_class_must_keep_the_group_though_all_classes_together_do():
    found = told(*POSES, condition=LABELS)
    assert found.verdict == "broken"
    assert told(*FLAT, condition=LABELS).verdict == "exact"
    # The planted fault of a test that leaves the classes aside: the samples of all of them are invariant.
    x = torch.cat(POSES * 16).reshape(64, *SHAPE)
    assert invariance_test(x, TURNS, seed=1).p_value > 0.05


@pytest.mark.usefixtures("few")
def test_what_was_drawn_is_named():
    found = told(*FLAT, condition=LABELS, guidance=2.0)
    assert found.claims[0].statement.startswith("moved samples for class 0, 1, 2, 3 with guidance 2 have the law of")
    assert found.statement == "the law of the samples for class 0, 1, 2, 3 with guidance 2 is invariant under C4"
    drawn = told(*FLAT, givens=Givens.fit(None, {"label": torch.tensor([3, -1])}))
    assert drawn.statement == "the law of the samples for class none, 3 is invariant under C4"


@pytest.mark.usefixtures("few")
def test_guidance_is_that_of_the_samples():
    pattern = {"free": MEAN, "condition": LABELS}
    assert told(*FLAT, **pattern).verdict == "exact"  # what it makes of no class does not count
    assert told(*FLAT, **pattern, guidance=2.0).verdict == "broken"
    with pytest.raises(ValueError, match="guidance is 2, but no condition is given"):
        law_premise(DiffusionModel(Euclidean(*SHAPE), UPRIGHT.denoiser(EDM())), TURNS, seed=1, guidance=2.0)


@pytest.mark.usefixtures("few")
@pytest.mark.parametrize("wrong", [1, 3])
def test_every_class_is_coupled(wrong):
    slightly = [picture + (k == wrong) * 1e-6 * MEAN for k, picture in enumerate(FLAT)]
    found = told(*slightly, condition={"label": torch.tensor([0, 0, 1, 1, 2, 2, 3])})
    assert found.verdict == "not told apart"  # far below what samples could show
    assert 1e-8 < found.claims[0].measured < 1e-4


class Valued(Denoiser):
    """Draws for the value v the picture times v, which has both signs; for none the flat one."""

    schedule = EDM()

    def __init__(self, picture: torch.Tensor) -> None:
        super().__init__()
        self.picture = picture

    def forward(self, x_t, t, value):
        return torch.where(value.isnan(), 0.0, value).reshape(-1, 1, 1, 1) * self.picture.to(x_t) + 0.0 * x_t


@pytest.mark.usefixtures("few")
def test_values_stand_beside_the_items_as_well():
    odd = MEAN - torch.rot90(MEAN, 2, (-2, -1))  # turned by half a turn it is what the other sign gives
    value = torch.tensor([[1.0], [-1.0], [torch.nan], [2.0], [-2.0]])
    for picture, verdict in ((odd, "broken"), (FLAT[1], "exact")):
        model = DiffusionModel(Euclidean(*SHAPE), Valued(picture))
        half = ImageAction(Cyclic(2))
        found = law_premise(model, half, seed=1, samples=60, condition={"value": value})
        assert (found.verdict, "for value " in found.statement) == (verdict, True)


@pytest.mark.usefixtures("few")
def test_conditions_stand_beside_coefficients_on_the_disk():
    model = DiffusionModel(Euclidean(1, 8, 8), Told(*(torch.full((1, 8, 8), float(k)) for k in range(4))))
    model.denoiser.free = torch.zeros(1, 8, 8)
    found = law_premise(model, ImageAction(SO2()), seed=1, samples=48, condition=LABELS)
    assert found.claims[-1].statement.startswith("samples for class 0, 1, 2, 3 under SO2, on the disk")
    assert found.verdict == "exact"
    assert found.claims[-1].verdict == "not told apart"
    ramp = torch.linspace(-1.0, 1.0, 8).expand(1, 8, 8)
    poses = [torch.rot90(ramp, k, (-2, -1)) for k in range(4)]
    model.denoiser = Told(*poses, free=torch.zeros(1, 8, 8))
    found = law_premise(model, ImageAction(SO2()), seed=1, samples=48, condition=LABELS)
    assert found.claims[-1].verdict == "broken"


def test_items_with_masks_are_refused():
    masks = Givens.fit(torch.ones(3, 6, dtype=torch.bool), {})
    model = DiffusionModel(Euclidean(*SHAPE), UPRIGHT.denoiser(EDM()), givens=masks)
    with pytest.raises(ValueError, match="structures of their own"):
        law_premise(model, TURNS, seed=1)


@pytest.mark.usefixtures("few")
def test_the_coupling_is_the_largest_distance_over_elements_relative_to_the_samples():
    found = told(*(MEAN for _ in range(4)), condition=LABELS)
    apart = [(MEAN - torch.rot90(MEAN, k, (-2, -1))).norm() / MEAN.norm() for k in range(1, 4)]
    assert float(max(apart)) > 1.05 * float(min(apart))
    assert found.claims[0].measured == pytest.approx(float(max(apart)), rel=1e-2)  # the samples are the picture, nearly
