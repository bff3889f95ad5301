"""The certificate of a model: its verdicts, its words, and the way to JSON and back."""

from __future__ import annotations

import json

import pytest

from equigen.symmetry.certificate import CertifiedLayer, Claim
from equigen.symmetry.theorem.certificate import (
    CertifiedLevel,
    CertifiedPath,
    ModelCertificate,
    Premise,
    RecoverableLevel,
)


def claim(verdict: str, promised: bool = True, measured: float = 0.5, where: str = "") -> Claim:
    return Claim("turns change nothing", promised, measured, 0.25, verdict, where)


def certificate(*premises: Premise) -> ModelCertificate:
    level = CertifiedLevel("90 degrees", True, 0.5, 0.0, 0.0, 1e-12, "exact", 1e-7, 1e-7)
    path = CertifiedPath("Heun", "90 degrees", (80.0, 1.0), (0.0, 1e-15), 1e-15, 1e-9, "exact")
    layer = CertifiedLayer("0", "AveragePool", (9, 9), "C4", False, "a row is left", 0.2, "broken")
    risk = RecoverableLevel(1.0, 0.8, 0.7, 0.1, 0.0)
    return ModelCertificate("C8", "C4", (1, 9, 9), 4, premises, (level,), (layer,), (path,), (risk,))


@pytest.mark.parametrize(
    ("verdicts", "worst", "holds"),
    [
        (["exact", "exact"], "exact", True),
        (["exact", "at the floor"], "at the floor", True),
        (["at the floor", "not measured"], "not measured", False),
        (["not measured", "not told apart"], "not told apart", False),
        (["broken", "not told apart", "exact"], "broken", False),
        ([], "not measured", True),
    ],
)
def test_a_premise_is_as_good_as_its_worst_promised_claim(verdicts, worst, holds):
    premise = Premise("prior", "it is isotropic", tuple(map(claim, verdicts)))
    assert (premise.verdict, premise.holds) == (worst, holds)
    found = certificate(premise)
    assert found.verdict == worst
    assert found.holds == (holds and bool(verdicts))  # what promises nothing keeps nothing
    assert found.broken == (() if holds else ("prior",))


def test_what_is_not_promised_is_told_and_does_not_count():
    premise = Premise("solver", "it commutes", (claim("exact"), claim("broken", promised=False)))
    assert (premise.verdict, certificate(premise).holds) == ("exact", True)
    assert "no        0.5" in str(certificate(premise))


def test_the_sentence_names_the_first_of_the_worst():
    weak = Premise("prior", "", (claim("not told apart"),))
    wrong = Premise("denoiser", "", (claim("broken", where="layer 2"),))
    found = certificate(Premise("action", "", (claim("exact"),)), weak, wrong)
    expected = (
        "The model does not keep C8: the denoiser is broken (layer 2), the error of 'turns change nothing' is 0.5, but "
        "at most 0.25 is allowed; nor was shown to hold: prior."
    )
    assert found.sentence() == expected
    assert certificate(weak).sentence() == (
        "Whether the model keeps C8 is not told: the error of 'turns change nothing' is 0.5, but what is measured "
        "there could not be told from 0.25 for a model that does."
    )
    floor = certificate(Premise("denoiser", "", (claim("at the floor"),)))
    assert floor.sentence() == (
        "The model keeps C8: every premise holds, up to what pixels cost (0.5, where 0.25 is allowed, C4 exactly)."
    )
    assert "layer 0 (AveragePool): broken, error 0.2; a row is left" in str(floor)


def test_the_sentence_gives_the_figure_that_most_is_allowed_for():
    acting = Claim("acts as a group", True, 7e-4, 1.3e-3, "at the floor")
    learned = Claim("D commutes", True, 1e-3, 0.05, "at the floor")
    found = certificate(Premise("action", "", (acting,)), Premise("denoiser", "", (learned,)))
    assert "up to what pixels cost (0.001, where 0.05 is allowed, C4 exactly)" in found.sentence()


def test_the_record_is_plain_and_comes_back():
    found = certificate(Premise("prior", "it is isotropic", (claim("exact"),)))
    again = ModelCertificate.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
    assert str(again) == str(found)
    endless = certificate(Premise("prior", "", (claim("broken", measured=float("inf")),)))
    values = json.loads(json.dumps(endless.to_dict(), allow_nan=False))
    assert (values["verdict"], values["holds"]) == ("broken", False)
    assert "is -, but at most" in ModelCertificate.from_dict(values).sentence()


@pytest.mark.parametrize("change", [{"premises": None}, {"group": ...}, {"more": 1}, {"paths": [{"solver": "Heun"}]}])
def test_what_is_no_certificate_is_refused(change):
    values = certificate().to_dict() | change
    values = {name: value for name, value in values.items() if value is not ...}
    with pytest.raises(ValueError, match="no certificate of a model of this version"):
        ModelCertificate.from_dict(values)


def test_a_premise_is_found_by_its_name():
    found = certificate(Premise("prior", "it is isotropic", ()))
    assert found.premise("prior").statement == "it is isotropic"
    with pytest.raises(KeyError, match="no premise 'noise', but prior"):
        found.premise("noise")
