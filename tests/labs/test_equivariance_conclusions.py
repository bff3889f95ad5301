"""The lab equivariance: what it concludes, faults that turn each conclusion round, and the lab as a whole."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from equigen.labs.digits_in_poses import posed_digits
from equigen.labs.equivariance import lab, splitting
from equigen.labs.equivariance.answering import paragraph
from equigen.labs.equivariance.concluding import Found, concluded
from equigen.labs.equivariance.continuous_digits import continuous_digits
from equigen.labs.equivariance.finer import finer_invariants
from equigen.labs.equivariance.lab import Equivariance
from equigen.labs.equivariance.measuring import (
    Repeated,
    Turning,
    drift,
    orbit,
)
from equigen.labs.equivariance.roster import PLAIN, REFERENCE, REPEATED, ROSTER, ROUND, resampled
from equigen.labs.equivariance.sizes import LAYERS, Cell, OnePixel, Step, cells, one_pixel
from equigen.labs.equivariance.splitting import (
    SOURCES,
    Border,
    Split,
    aliasing,
    some_angles,
)
from equigen.labs.writing import document, record
from equigen.report.document import render_document

# --- what is concluded


ANGLES = torch.tensor([0.0, 0.4, math.pi / 2, 2.0], dtype=torch.float64)
FOUR = torch.tensor([0.98, 1.0, 1.01, 1.01], dtype=torch.float64)  # digits that differ little, of mean 1
NAMES = [kind.name for kind in ROSTER]


def turned(name, trained):
    size = 0.3 if trained else 0.4
    exact = (0.2, 0.2) if name == PLAIN else (1e-6, 1e-14)
    some = ANGLES[[1, 3]]
    floors = (FOUR.expand(2, 4) * 1e-3, FOUR.expand(2, 4) * 0.1)
    return Turning(name, trained, ANGLES, size * FOUR.expand(4, 4), *floors, some, *exact, 0.5)


def repeated(name, untrained, trained):
    """Three networks that differ by a thousandth."""
    several = torch.tensor([0.999, 1.0, 1.001])[:, None] * FOUR
    return Repeated(name, untrained * several, trained * several)


def apart(trained, *, whole, border, pixels, samples, blurs, nothing, shears, linear):
    alone = {"border": border * FOUR, "pixels": pixels * FOUR, "samples": samples * FOUR, "blurs": blurs * FOUR}
    without = {name: 0.5 * whole * FOUR for name in SOURCES}
    return Split(trained, whole * FOUR, without, alone, nothing * FOUR, shears * FOUR, linear * FOUR)


@pytest.fixture(scope="module")
def found():
    """What a lab could have found: plain numbers, all of which differ."""
    trained = {PLAIN: 0.6, "C4": 0.5, "C8": 0.2, "C16": 0.3, REFERENCE: 0.3, ROUND: 0.1}
    several = [repeated(name, 0.25 if name == REFERENCE else 0.45, size) for name, size in trained.items()]
    uneven = torch.tensor([0.2, 0.3, 0.4])[:, None] * FOUR  # trainings that disagree
    several = [replace(one, trained=uneven) if one.name == "C16" else one for one in several]
    parts = {"border": 0.2, "pixels": 0.05, "samples": 0.01, "blurs": 0.008, "nothing": 0.004}
    splits = [
        apart(False, whole=0.3, shears=0.001, linear=0.1, **parts),
        apart(True, whole=0.2, shears=0.0005, linear=0.11, **{name: 0.9 * size for name, size in parts.items()}),
    ]
    elu = {8: 0.1 * FOUR, 16: 0.01 * FOUR, 32: 1e-4 * FOUR}
    sampled = {"elu": elu, "relu": {n: 3 * v for n, v in elu.items()}, "silu": elu}
    kept = {"SO(2) ELU 8": 0.1, REFERENCE: 0.009, "SO(2) ELU 32": 0.005, "SO(2) norm": 0.1, "SO(2) gated": 0.005}
    smooth = {name: size * FOUR for name, size in kept.items()}
    room = {(disk, wide): 0.1 * FOUR for disk in (False, True) for wide in (False, True)}
    edge = Border((0, 8), torch.stack([0.2 * FOUR, 0.1 * FOUR]), room)
    table = [Cell(name, size, size % 2 == 1, 1e-15 if size % 2 else 0.3) for name in LAYERS for size in (29, 30)]
    steps = [Step("0", "SteerableConv2d", 29, True, 1e-15, 1e-15), Step("1", "BlurPool", 26, False, 0.3, 0.2)]
    sizes = [OnePixel(29, steps[:1], 1e-15, 1e-15), OnePixel(30, steps, 0.2, 0.3)]
    turnings = [turned(name, word) for word in (False, True) for name in NAMES]
    return Found(turnings, several, splits, smooth, sampled, edge, table, sizes, (0.46 * FOUR, 7e-4 * FOUR.flip(0)))


VERDICTS = {
    "the untrained network SO(2) ELU 16 is invariant": "no",
    "the trained network SO(2) ELU 16 is invariant": "no",
    "training makes SO(2) ELU 16 less invariant": "yes",
    "in float64": "yes",
    "in float32": "yes",
    "quarter turns move the logits of the plain": "yes",
    "the plain network moves more than": "yes",
    "C4 moves more than": "yes",
    "C8 moves more than": "no",
    "C16 moves more than": "not resolved",
    "moves less with a round border": "yes",
    "the untrained network the border does more": "yes",
    "the untrained network the pixels of the filters do more": "yes",
    "the untrained network blurs": "yes",
    "the untrained network with all four removed": "yes",
    "the untrained network interpolation by three shears": "yes",
    "the untrained network bilinear": "yes",
    "the trained network the border does more": "yes",
    "the trained network the pixels of the filters do more": "yes",
    "the trained network blurs": "yes",
    "the trained network with all four removed": "yes",
    "the trained network interpolation by three shears": "yes",
    "the trained network bilinear": "yes",
    "8 samples alias more": "yes",
    "ReLU aliases more": "yes",
    "the norm activation leaves": "yes",
    "the gated activation leaves": "no",
    "the rule says": "yes",
    "at 29 pixels": "yes",
    "at 30 pixels": "no",
    "hides more than half": "yes",
}


def told(found, words):
    (one,) = [one for one in concluded(found) if words in one.claim]
    return one.verdict


def test_every_conclusion_is_drawn_from_its_numbers(found):
    assert {words: told(found, words) for words in VERDICTS} == VERDICTS
    assert len(concluded(found)) == len(VERDICTS)


def on(part, keys, **values):
    """A change of the numbers of one thing of a list: the first one that has these attributes."""

    def change(found):
        things = list(getattr(found, part))
        place = next(k for k, one in enumerate(things) if all(getattr(one, key) == v for key, v in keys.items()))
        things[place] = replace(things[place], **values)
        return replace(found, **{part: things})

    return change


def again(name, untrained=0.25, trained=0.3):
    one = repeated(name, untrained, trained)
    return on("repeated", {"name": name}, untrained=one.untrained, trained=one.trained)


def left(trained, name, size):
    def change(found):
        alone = next(one.alone for one in found.splits if one.trained == trained) | {name: size * FOUR}
        return on("splits", {"trained": trained}, alone=alone)(found)

    return change


def kept(name, size):
    return lambda found: replace(found, smooth=found.smooth | {name: size * FOUR})


def alias(function, count, size):
    def change(found):
        values = found.aliasing[function] | {count: size * FOUR}
        return replace(found, aliasing=found.aliasing | {function: values})

    return change


def scattered(found):
    """The reference's trainings disagree."""
    values = torch.tensor([0.1, 0.3, 0.5])[:, None] * FOUR
    return on("repeated", {"name": REFERENCE}, trained=values)(found)


FAULTS = [
    ("untrained network SO(2)", again(REFERENCE, untrained=1e-5), "yes", None),
    ("the trained network SO(2) ELU 16 is", again(REFERENCE, trained=1e-5), "yes", "Yes, to the tolerance set here."),
    ("training makes", again(REFERENCE, untrained=0.4), "no", "by 0.4 of their spread before"),
    ("in float64", on("turnings", {"name": "C8"}, quarter64=1e-3), "no", "No: not even quarter turns are exact"),
    ("in float64", on("turnings", {"name": ROUND, "trained": True}, quarter64=1e-3), "no", "not even"),
    ("in float32", on("turnings", {"name": "SO(2) norm"}, quarter32=1e-3), "no", None),
    ("logits of the plain", on("turnings", {"name": PLAIN}, quarter64=1e-14), "no", None),
    ("the plain network moves", again(PLAIN, trained=0.2), "no", "plain and C8 moved less"),
    ("C4 moves", again("C4", trained=0.2), "no", "C4 and C8 moved less"),
    ("C8 moves", again("C8", trained=0.5), "yes", "plain, C4 and C8 moved more"),
    ("C16 moves", again("C16", trained=0.5), "yes", "plain, C4 and C16 moved more"),
    ("C4 moves", scattered, "not resolved", "plain, C4, C8 and C16 not resolved"),
    ("round border", again(ROUND, trained=0.5), "no", "no remedy here"),
    ("round border", scattered, "not resolved", "Whether after training SO(2) ELU 16 moves less"),
    ("untrained network the border", left(False, "border", 0.04), "no", None),
    ("untrained network the pixels", left(False, "samples", 0.06), "no", None),
    ("untrained network blurs", left(False, "blurs", 0.003), "no", None),
    ("untrained network with all", on("splits", {"trained": False}, nothing=0.04 * FOUR), "no", None),
    ("untrained network interpolation", on("splits", {"trained": False}, shears=0.04 * FOUR), "no", None),
    ("untrained network bilinear", on("splits", {"trained": False}, linear=1e-4 * FOUR), "no", None),
    ("the trained network the border", left(True, "border", 0.04), "no", "border of the frame alone makes 0.04"),
    ("the trained network the pixels", left(True, "samples", 0.06), "no", "16 samples in the activations 0.06"),
    ("the trained network blurs", left(True, "blurs", 0.003), "no", "nearly round 0.003"),
    ("the trained network with all", on("splits", {"trained": True}, nothing=0.04 * FOUR), "no", "is still left"),
    ("the trained network interpolation", on("splits", {"trained": True}, shears=0.04 * FOUR), "no", "shears 0.04"),
    ("the trained network bilinear", on("splits", {"trained": True}, linear=1e-4 * FOUR), "no", None),
    ("8 samples alias", alias("elu", 8, 1e-3), "no", None),
    ("ReLU aliases", alias("silu", 32, 1e-3), "no", None),
    ("norm activation", kept("SO(2) norm", 0.005), "no", "norm activations keeps 0.005"),
    ("gated activation", kept("SO(2) gated", 0.05), "yes", "gated activations keeps an error of 0.05"),
    ("the rule says", on("cells", {"size": 30}, planned=True), "no", "does not tell all layers rightly"),
    ("at 29 pixels", on("sizes", {"size": 29}, logits=0.1), "no", None),
    ("at 30 pixels", on("sizes", {"size": 30}, logits=1e-15), "yes", "stays exact on 30"),
    ("hides more", lambda found: replace(found, hidden=(found.hidden[0], 0.3 * FOUR)), "no", None),
]


@pytest.mark.parametrize(("words", "change", "verdict", "sentence"), FAULTS, ids=[one[0] for one in FAULTS])
def test_a_changed_number_turns_the_conclusion(found, words, change, verdict, sentence):
    faulty = change(found)
    assert told(found, words) != verdict
    assert told(faulty, words) == verdict
    if sentence is not None:
        assert sentence in paragraph(faulty, concluded(faulty))
        assert sentence not in paragraph(found, concluded(found))


def test_every_conclusion_has_a_fault():
    assert {words for words in VERDICTS if not any(fault[0] in words or words in fault[0] for fault in FAULTS)} == set()


def test_the_answer_stands(found):
    text = paragraph(found, concluded(found))
    assert text.startswith("No, except at quarter turns. At quarter turns all steerable networks are exact")
    assert "plain and C4 moved more; C8 moved less; C16 not resolved" in text
    assert "that network moves by 0.1 in place of 0.3" in text


# --- the lab as a whole


@pytest.fixture(scope="module")
def small_run():
    """The smallest lab, with little room around its frames, and the networks that it made."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (splitting, lab):
            patch.setattr(module, "MARGIN", 8)
        patch.setattr(splitting, "MARGINS", (0, 8))
        patch.setattr(lab, "_SOME", 3)
        patch.setattr(lab, "_SAMPLES", (8, 16, 32))
        patch.setattr(lab, "posed_digits", lambda seed: posed_digits(train=64, test=1, seed=seed))
        patch.setattr(lab, "cells", lambda seed: cells(sizes=(29, 30), seed=seed))
        right, networks = Equivariance._networks, []

        def spied(*args):
            networks.append(right(*args))
            return networks[-1]

        patch.setattr(Equivariance, "_networks", spied)
        measured, whole = [], Equivariance.measure

        def kept_whole(*args):
            measured.append(whole(*args))
            return measured[0]

        patch.setattr(Equivariance, "measure", kept_whole)
        answer = Equivariance(angles=8, images=4, taken_apart=2, channels=1, steps=1, trainings=2).run()
        return answer, measured[0], networks


def test_the_lab_measures_the_networks_that_it_says(small_run):
    _, made, networks = small_run
    assert [list(pair[0]) for pair in networks] == [NAMES, [name for name in NAMES if name in REPEATED]]
    pictures = orbit(continuous_digits(4), ANGLES[:2]).float()
    some = orbit(continuous_digits(2), some_angles(1)).float()
    eighth = orbit(continuous_digits(4), torch.tensor([0.0, math.pi / 4]).double()).float()
    of = [networks[0][word] for word in (0, 1)]
    with torch.no_grad():
        assert float((of[0][REFERENCE](pictures[0]) - of[1][REFERENCE](pictures[0])).norm()) > 1e-3
    for trained in (False, True):
        for name in ("C4", "SO(2) norm", ROUND):
            error = drift(of[trained][name], eighth)[1]
            assert torch.allclose(made.of(name, trained).error[1], error, atol=1e-5)
        whole = drift(finer_invariants(of[trained][REFERENCE], 1), some)[1]
        assert torch.allclose(made.splits[trained].whole, whole, atol=1e-5)
        assert made.splits[trained].trained == trained
    assert torch.equal(made.smooth[REFERENCE], made.splits[1].alone["samples"])
    assert list(made.smooth) == ["SO(2) ELU 8", REFERENCE, "SO(2) ELU 32", "SO(2) norm", "SO(2) gated"]
    assert torch.allclose(made.border.error[0], made.splits[1].whole, atol=1e-6)
    sampled = aliasing(of[1]["SO(2) ReLU 16"], continuous_digits(2), some_angles(1), (8,))
    assert torch.allclose(made.aliasing["relu"][8], sampled[8], atol=1e-5)
    still = continuous_digits(2).at(0.0, margin=0.5)
    logits = one_pixel(resampled(of[1][REFERENCE], 16).double(), still).logits
    assert made.sizes[1].logits == pytest.approx(logits, rel=1e-6)
    assert [one.size for one in made.sizes] == [29, 30, 45, 46]


def test_trainings_differ_and_stand_in_their_order(small_run):
    _, made, networks = small_run
    pictures = orbit(continuous_digits(4), some_angles(3)).float()
    for name in ("C4", ROUND):
        one = made.over(name)
        for k, pair in enumerate(networks):
            for network, values in zip(pair, (one.untrained[k], one.trained[k]), strict=True):
                assert torch.allclose(values, drift(network[name], pictures)[1:].mean(0), atol=1e-5)
        assert (one.trained[0] - one.trained[1]).abs().max() > 1e-4
        assert (one.untrained[0] - one.untrained[1]).abs().max() > 1e-4


def test_the_page_and_the_numbers_are_written(small_run):
    answer = small_run[0]
    page = render_document(document(answer))
    for words in ("One pixel more", "Where it comes from", "What this does not show", "BlurPool on 26", "round"):
        assert words in page
    told = record(answer)["numbers"]
    assert [(one["name"], one["trained"]) for one in told["networks"]] == [(n, t) for t in (False, True) for n in NAMES]
    assert [one["name"] for one in told["several trainings"]] == list(REPEATED)
    assert told["taken apart"][1]["alone"].keys() == set(SOURCES)
    assert len(told["hidden by a mean"]["map"]) == 2
