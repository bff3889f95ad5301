"""The page of a certificate: every part and verdict is told, nothing is fetched, and what is named is escaped."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from equigen.report.certificate_page import figures, page
from equigen.report.certificate_tables import claim_table, layer_table, level_table, number, path_table, premise_table
from equigen.symmetry.certificate import Certificate, CertifiedElement, Claim
from equigen.symmetry.theorem.certificate import ModelCertificate
from tests.report.certificates import SOLVERS, certificate
from tests.report.test_page import Parsed

KINDS = ("exact", "at the floor", "broken")


@cache
def text_of(kind: str) -> str:
    """The page of a made-up certificate; drawing takes a second."""
    return page(certificate(kind), "<script>alert(1)</script>")


def shown(text: str) -> Parsed:
    parsed = Parsed(text)
    assert parsed.open == []
    return parsed


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_says_what_was_found_and_shows_every_part(kind):
    found = certificate(kind)
    text = text_of(kind)
    parsed = shown(text)
    assert re.findall(r"<h2>(.*?)</h2>", text) == [
        "The premises",
        "The denoiser, by noise level and element",
        "Its network, layer by layer",
        "The sampler, from noise to data",
        "Law, likelihood, and items apart",
        "What symmetry would take off the loss",
        "Every claim on the premises",
        "What it does not say",
    ]
    assert found.sentence() in parsed.words
    assert all(one.statement in parsed.words for one in found.premises)
    assert all(solver in parsed.words for solver in SOLVERS)
    images = [attrs for tag, attrs in parsed.tags if tag == "img"]
    assert len(images) == (4 if kind == "at the floor" else 3)
    assert all(attrs["alt"] and attrs["width"] and attrs["height"] for attrs in images)


def test_pages_of_other_certificates_are_others():
    assert len({text_of(kind) for kind in KINDS}) == len(KINDS)


def test_nothing_is_fetched_and_names_are_escaped():
    text = text_of("broken")
    parsed = shown(text)
    assert not {tag for tag, _ in parsed.tags} & {"script", "iframe", "object", "embed"}
    for _, attrs in parsed.tags:
        assert all((attrs.get(name) or "data:").startswith("data:") for name in ("src", "href", "srcset", "action"))
    assert not re.search(r"https?:|//[a-z]|url\(|@import", re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))
    assert "<down>.0" in parsed.words  # a layer's name


@pytest.mark.parametrize(
    ("kind", "word"), [("exact", "there is nothing to recover"), ("broken", "10\xa0% of the loss")]
)
def test_what_symmetry_would_take_off_the_loss_is_told(kind, word):
    assert word in shown(text_of(kind)).words


def test_what_was_not_measured_has_no_chapter():
    bare = replace(certificate("exact"), levels=(), layers=(), paths=(), risk=())
    text = page(bare, "model")
    assert re.findall(r"<h2>(.*?)</h2>", text) == [
        "The premises",
        "Law, likelihood, and items apart",
        "Every claim on the premises",
        "What it does not say",
    ]
    assert figures(bare) == []
    nothing = page(ModelCertificate("C1", "C1", (2,), 4, (), (), (), (), ()), "model")
    assert "Nothing is promised under C1." in nothing


def test_numbers_that_are_not_finite_stand_as_none():
    """Also after they went through JSON, which has none of them."""
    found = certificate("broken")
    path = replace(found.paths[0], errors=(0.0, float("nan")), times=(2.0, 1.0), final=float("inf"))
    level = replace(found.levels[0], error=float("nan"))
    claim = replace(found.premises[0].claims[0], promised=False, measured=float("nan"))
    premises = (replace(found.premises[0], claims=(claim,)), *found.premises[1:])
    odd = replace(found, paths=(path,), levels=(level, *found.levels[1:]), premises=premises, layers=(), risk=())
    for one in (odd, ModelCertificate.from_dict(odd.to_dict())):
        assert {"nan", "inf"}.isdisjoint(re.findall(r"\w+", shown(page(one, "a")).words))
    assert number(float("inf")) == "-"


def test_the_worst_of_an_element_and_of_a_solver_is_told():
    found = certificate("at the floor")
    worse = replace(found.levels[-1], error=0.3, verdict="broken")
    row = level_table([*found.levels[:-1], worse]).rows[-1]
    assert row[0] == worse.element
    assert (row[1], row[-1]) == ("0.3", "broken")
    path = replace(found.paths[-1], final=0.4, verdict="broken")
    row = path_table([*found.paths[:-1], path]).rows[-1]
    assert row[0] == SOLVERS[-1]
    assert row[2:] == ["0.4", "0.03", path.element, "broken"]
    # A larger error that its floor allows is not the worst.
    allowed = replace(found.levels[-2], error=0.5)
    assert level_table([*found.levels[:-2], allowed, worse]).rows[-1][1] == "0.3"


def test_tables_leave_out_columns_that_say_nothing():
    exact, broken = certificate("exact"), certificate("broken")
    assert "where it breaks" not in premise_table(exact.premises).heading
    assert premise_table(broken.premises).rows[4][2:] == ["broken", "conv_in, <down>.0"]
    assert "planned" not in layer_table(exact.layers).heading
    table = layer_table(broken.layers)
    assert table.heading[3:] == ["planned", "on the grid", "verdict"]  # all are of one group
    assert table.rows[1][3:] == ["broken", "0.2", "broken (1)"]
    assert table.caption.endswith("(1) one row is left over.")
    other = replace(broken.layers[1], group="C1", between=0.1, floor=0.2)
    assert layer_table([broken.layers[0], other]).heading[3:] == [
        *("group", "planned", "on the grid", "verdict", "between", "floor")
    ]
    unknown = [replace(one, planned=None, reason="by energy alone") for one in broken.layers]
    assert "planned" not in layer_table(unknown).heading
    assert [row[-1] for row in layer_table(unknown).rows] == ["exact (1)", "broken (1)"]
    bare = layer_table([replace(one, error=None, verdict="not measured") for one in unknown])
    assert bare.caption.startswith("Layers that are not measured by themselves")
    assert "interpolation" not in level_table(exact.levels).heading
    assert claim_table(broken.premises[4].claims).heading[-1] == "where"
    assert claim_table(exact.premises[0].claims, ["action"]).rows[0][1] == "action"


def test_paths_that_are_told_stand_apart_from_those_that_are_promised():
    found = certificate("at the floor")
    between = [path for path in found.paths if path.bound == 0.03]
    beyond = [replace(path, final=0.2, verdict="told") if path in between else path for path in found.paths]
    table = path_table(beyond)
    assert [row[0] for row in table.rows] == [*SOLVERS, *SOLVERS]
    assert {row[-1] for row in table.rows[: len(SOLVERS)]} == {"exact"}
    assert {row[-1] for row in table.rows[len(SOLVERS) :]} == {"told"}
    assert table.caption.startswith("Told, and not promised")
    assert path_table(certificate("exact").paths).caption == ""


def test_the_figure_between_the_grid_shows_what_is_allowed():
    parsed = shown(text_of("at the floor"))
    assert "some error is allowed (dotted)" in parsed.words


@pytest.mark.parametrize("holds", [True, False])
def test_a_network_of_the_users_own_has_a_page(holds):
    claim = Claim("invariance", True, 0.0 if holds else 0.3, 1e-12, "exact" if holds else "broken")
    elements = tuple(
        CertifiedElement(angle, False, True, claim.measured, 0.0, claim.verdict, 2e-7, "exact") for angle in (0.0, 90.0)
    )
    found = Certificate("C4", "C4", 4, (1, 8, 8), 0.5, 1e-7, (claim,), (), elements)
    parsed = shown(page(found, "nets:Net"))
    assert found.sentence() in parsed.words
    assert ("does not hold" in parsed.words) is not holds
    assert [picture.name for picture in figures(found)] == ["error-under-each-element-of-the-group"]
