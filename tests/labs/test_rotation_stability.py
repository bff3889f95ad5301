"""The lab rotation-stability: its measure in closed form, and verdicts that turn round where the networks do."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor

from equigen.labs.digits_in_poses import posed_digits
from equigen.labs.lab import Answer
from equigen.labs.rotation_stability import figures
from equigen.labs.rotation_stability.chapters import chapters
from equigen.labs.rotation_stability.competitors import Terms
from equigen.labs.rotation_stability.concluding import concluded, estimate, most_stable, paragraph, spread
from equigen.labs.rotation_stability.figures import changing
from equigen.labs.rotation_stability.measuring import (
    COARSE,
    FINE,
    Found,
    Network,
    Trial,
    changes_of_mind,
    moved,
)
from equigen.labs.writing import document
from equigen.report.document import Table, render_document

DATA = posed_digits(train=4, test=40)
PLAN = Terms(steps=1, batch_size=2, channels=8, images=20)
EXACT = {"float32": 3e-7, "float64": 1e-15}


def drawn(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def trial(seed: int, doubt: float, wave: int = 0, quarters: dict[str, float] = EXACT) -> Trial:
    """A training whose classes are right but for a share of random ones, and whose logits move with a period."""

    def told(angles: int, labels: Tensor) -> Tensor:
        guess = torch.randint(10, (angles, len(labels)), generator=drawn(seed))
        return torch.where(torch.rand(angles, len(labels), generator=drawn(seed + 99)) < doubt, guess, labels)

    angle = math.tau * torch.arange(COARSE) / COARSE
    size = (1 - torch.cos(wave * angle)) / 2 + 0.01
    spread = 1 + 0.1 * torch.rand(COARSE, 40, generator=drawn(seed), dtype=torch.float64)
    return Trial(
        seed=seed,
        seconds=1.0,
        loss=torch.ones(10, dtype=torch.float64),
        told=told(COARSE, DATA.test_labels),
        moved=size[:, None] * spread,
        fine=told(FINE, DATA.test_labels[:20]),
        fine_moved=torch.full((FINE,), 0.1, dtype=torch.float64),
        back=0.01,
        quarters=quarters,
    )


def network(name: str, doubt: float, seeds: int = 3, wave: int = 0, quarters: dict[str, float] = EXACT) -> Network:
    trials = tuple(trial(1000 * len(name) + seed, doubt, wave, quarters) for seed in range(seeds))
    return Network(name, 8, 100, trials, DATA.test_labels)


BROKEN = {"float32": 0.5, "float64": 0.5}


def found(*networks: Network) -> Found:
    return Found(list(networks), DATA, PLAN)


@pytest.fixture(scope="module")
def usual() -> Found:
    return found(
        network("C4", 0.2, wave=4),
        network("C8", 0.2, wave=8),
        network("SO2", 0.02),
        network("plain", 0.6, quarters=BROKEN),
        network("plain-augmented", 0.4, quarters=BROKEN),
    )


def verdicts(given: Found) -> dict[str, str]:
    return {one.claim: one.verdict for one in concluded(given)}


# --- the measure


def test_a_classifier_that_guesses_changes_its_mind_as_often_as_the_formula_says():
    told = torch.randint(10, (FINE, 2000), generator=drawn(0))
    assert float(changes_of_mind(told).mean()) == pytest.approx(0.9, abs=0.002)
    biased = 1 - torch.nn.functional.one_hot(told[:4]).double().mean(0).square().sum(-1)  # a pose paired with itself
    assert abs(float(biased.mean()) - 0.9) > 0.1
    assert float(changes_of_mind(told[:4]).mean()) == pytest.approx(0.9, abs=0.01)


def test_one_that_is_wrong_but_sure_never_does():
    assert changes_of_mind(torch.full((FINE, 3), 7)).abs().max() == 0
    assert changes_of_mind(torch.tensor([[1], [2]])).item() == 1


def test_two_poses_of_three_that_agree_leave_two_pairs_of_three():
    pairs = torch.tensor([[7, 1, 4], [7, 1, 3], [7, 4, 2]])
    assert changes_of_mind(pairs).tolist() == pytest.approx([0, 2 / 3, 1])


def test_logits_move_relative_to_themselves():
    x = torch.randn(5, 10, generator=drawn(1), dtype=torch.float64)
    assert torch.allclose(moved(1.1 * x, x), torch.full((5,), 0.1, dtype=torch.float64))


def test_the_error_of_a_mean_covers_trainings_and_images():
    random, hits, forgetful = drawn(3), 0, 0
    for _ in range(300):
        values = torch.randn(3, 1, generator=random) + torch.randn(1, 50, generator=random)
        one = estimate(values + 0.1 * torch.randn(3, 50, generator=random))
        hits += abs(one.value) <= 2 * one.error
        forgetful += abs(one.value) <= 2 * one.from_images
    assert hits / 300 > 0.93
    assert forgetful / 300 < 0.6  # the fault: as if the next training were this one


def test_one_training_resolves_nothing():
    assert math.isinf(estimate(torch.rand(1, 9, generator=drawn(0))).error)
    alone = found(network("SO2", 0.0, seeds=1), network("plain", 0.9, seeds=1, quarters=BROKEN))
    assert verdicts(alone)["SO(2) changes its mind less often than the plain network"] == "not resolved"
    text = paragraph(alone, concluded(alone))
    assert "One training of each cannot rank networks." in text
    assert "of items alone" in text


# --- verdicts, and that they turn round


def test_the_stabler_network_is_named_and_what_it_is_ahead_of(usual):
    decided = verdicts(usual)
    assert most_stable(usual).name == "SO2"
    for other in ("C4", "C8", "the plain network", "the augmented plain network"):
        assert decided[f"SO(2) changes its mind less often than {other}"] == "yes"
    assert decided["augmentation makes the plain network more stable"] == "yes"
    assert decided["C4 is more stable than the augmented plain network"] == "yes"
    assert decided["SO(2) tells more digits rightly than C4"] == "yes"
    text = paragraph(usual, concluded(usual))
    assert text.startswith("SO(2) changes its mind least often")
    assert "Every steerable network is more stable than the augmented plain network." in text
    assert "those of the plain network move by 50 % and those of the augmented plain network move by 50 %" in text
    assert "The augmented plain network tells more digits rightly than the plain network, by" in text


def test_a_broken_network_turns_the_verdicts_round(usual):
    swapped = found(
        network("C4", 0.2, wave=8),
        network("C8", 0.9, wave=4),
        network("SO2", 0.6, quarters=BROKEN),
        network("plain", 0.02, quarters=BROKEN),
        network("plain-augmented", 0.4, quarters=BROKEN),
    )
    decided = verdicts(swapped)
    assert decided["the plain network changes its mind less often than SO(2)"] == "yes"
    assert decided["augmentation makes the plain network more stable"] == "no"
    assert decided["C8 is more stable than the augmented plain network"] == "no"
    assert decided["SO(2) tells more digits rightly than C4"] == "no"
    assert decided["SO(2): the logits are the same at quarter turns in double precision"] == "no"
    assert decided["C8: the logits move farther at 22.5 than at 45 degrees"] == "no"
    text = paragraph(swapped, concluded(swapped))
    assert "the logits of SO(2) are not the same, which is a fault" in text
    assert "does not make the plain network more stable" in text
    assert "C4 is more stable than the augmented plain network and C8 and SO(2) are not more stable than it." in text


def test_networks_that_differ_by_chance_alone_are_not_ranked():
    level = found(network("C4", 0.3), network("SO2", 0.3))
    (claim,) = [one for one in concluded(level) if "changes its mind" in one.claim]
    assert claim.verdict == "not resolved"
    assert "is not told apart" in paragraph(level, concluded(level))


def test_what_is_not_resolved_is_said_in_points():
    level = found(network("C4", 0.3), network("plain-augmented", 0.3), network("plain", 0.3))
    text = paragraph(level, concluded(level))
    whether = re.findall(r"Whether (.*?) is not resolved: the difference is (\S+) ± (\S+) points", text)
    claims = {claim: (float(gap), float(error)) for claim, gap, error in whether}
    pair = (level["plain-augmented"].right - level["plain"].right).mean(1)
    expected = (100 * estimate(pair).value, 100 * estimate(pair).error)
    told = claims["the augmented plain network tells more digits rightly than the plain network"]
    assert told == pytest.approx(expected, abs=0.051)
    assert "against 0" not in text


def test_accuracies_are_those_of_all_angles_and_their_spread_is_within_each_training():
    upright, sides = network("SO2", 0.0), network("C4", 0.0)
    asleep = (upright.labels + 1) % 10
    rows = [upright.labels if k == 0 else asleep for k in range(COARSE)]
    upright = replace(upright, trials=tuple(replace(one, told=torch.stack(rows)) for one in upright.trials))
    rows = [torch.where(torch.arange(40) < 30, sides.labels, asleep) for _ in range(COARSE)]
    sides = replace(sides, trials=tuple(replace(one, told=torch.stack(rows)) for one in sides.trials))
    given = found(sides, upright)
    (claim,) = [one for one in concluded(given) if one.claim == "SO(2) tells more digits rightly than C4"]
    assert (claim.verdict, claim.measured) == ("no", pytest.approx(1 / COARSE - 0.75))
    (table,) = [
        part
        for chapter in chapters(given, concluded(given))
        for part in chapter.blocks
        if isinstance(part, Table) and "spread of 16" in part.heading
    ]
    columns = [dict(zip(table.heading, row, strict=True)) for row in table.rows]
    assert [row["spread of 16"] for row in columns] == ["0.00", "100.00"]
    assert [(row["least"], row["largest"]) for row in columns] == [("75.00", "75.00"), ("0.00", "100.00")]


def test_a_spread_that_other_trainings_even_out_is_a_spread():
    waves = torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)[:, :, None].expand(2, 2, 5)
    assert spread(waves) == 1
    assert float(waves.mean((0, 2)).max() - waves.mean((0, 2)).min()) == 0  # the fault: of the mean curve


def test_the_period_of_the_logits_is_that_of_the_group(usual):
    decided = verdicts(usual)
    assert decided["C4: the logits move farther at 45 than at 22.5 degrees"] == "yes"
    assert decided["C8: the logits move farther at 22.5 than at 45 degrees"] == "yes"


def test_networks_that_are_steady_to_the_last_pose_are_equal_and_not_ahead():
    sure = found(network("C4", 0.0), network("SO2", 0.0))
    assert [one.verdict for one in concluded(sure) if "changes its mind" in one.claim] == ["no"]
    assert "ahead of no other network" in paragraph(sure, concluded(sure))


# --- the page


def pages(given: Found) -> str:
    made = concluded(given)
    return render_document(
        document(Answer("rotation-stability", "Which?", paragraph(given, made), made, chapters(given, made), {}, {}))
    )


def test_the_page_is_whole():
    page = pages(found(network("C4", 0.2), network("SO2", 0.1), network("plain", 0.5, quarters=BROKEN)))
    assert "$" not in page
    assert page.count("<img") == 5
    assert " nan" not in page


@pytest.mark.parametrize("picture", ["logits_moved", "accuracies", "told_apart"])
def test_all_that_was_measured_lies_in_its_picture(usual, picture, monkeypatch):
    quiet = [replace(one, fine_moved=0.01 * one.fine_moved) for one in usual["C4"].trials]
    given = found(replace(usual["C4"], trials=tuple(quiet)), *usual.networks[1:])
    drawn: list[Figure] = []
    monkeypatch.setattr(figures, "png", lambda figure: drawn.append(figure) or figures.canvas(1, 1))
    monkeypatch.setattr(figures, "drawn_picture", lambda *given: given)
    getattr(figures, picture)(given, "")
    shown = [axes for axes in drawn[0].axes if axes.get_visible()]
    assert len(shown) == (1 if picture == "told_apart" else 5)
    for axes in shown:
        low, high = axes.get_ylim()
        heights = torch.cat([torch.from_numpy(np.asarray(line.get_ydata(), dtype=np.float64)) for line in axes.lines])
        assert low <= float(heights.min()) <= float(heights.max()) <= high


def test_the_digit_that_is_shown_is_one_over_which_minds_change(usual):
    sure = [replace(one, trials=(trial(0, 0.0), *one.trials[1:])) for one in usual.networks]
    told = sure[0].trials[0].told.clone()
    told[::2, 17] += 1
    sure[0] = replace(sure[0], trials=(replace(sure[0].trials[0], told=told), *sure[0].trials[1:]))
    assert changing(found(*sure)) == 17
