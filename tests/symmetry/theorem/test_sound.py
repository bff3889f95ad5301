"""Models that keep their group pass, whatever their kind; the same ones asked for more do not."""

from __future__ import annotations

from operator import attrgetter

import pytest

from equigen.groups.plane_groups import O2, Dihedral
from equigen.symmetry.action import PointsAction
from equigen.symmetry.image_action import ImageAction
from tests.symmetry.theorem.certified_models import certified, without_consequences
from tests.symmetry.theorem.parts import C4, Built, Lengths, Net, built, steerable
from tests.symmetry.theorem.sound import SOUND, Sound, averaged, points


def test_there_are_many():
    assert len(SOUND) >= 25
    assert len({model.name for model in SOUND}) == len(SOUND)


@pytest.mark.parametrize("sound", SOUND, ids=attrgetter("name"))
def test_a_sound_model_passes(sound: Sound, monkeypatch: pytest.MonkeyPatch):
    without_consequences(monkeypatch)
    found = certified(sound.build())
    assert found.holds, found.sentence()
    assert found.verdict == "exact"
    assert found.broken == ()


def test_asked_for_more_than_they_keep_they_do_not(monkeypatch: pytest.MonkeyPatch):
    without_consequences(monkeypatch)
    for model, action in (
        (built(steerable(), ImageAction(C4)), ImageAction(Dihedral(4))),
        (averaged(PointsAction(C4), (3, 2)), PointsAction(O2())),
    ):
        assert certified(model).holds
        assert certified(Built(model.model, action, model.x)).broken[0] == "denoiser"


def test_the_law_and_the_likelihood_of_sound_models_hold():
    found = certified(points(Net(Lengths()), C4))
    assert found.holds
    assert [found.premise(name).verdict for name in ("law", "likelihood", "batch")] == ["exact"] * 3
