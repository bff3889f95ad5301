"""The lab steerable-filters: its numbers against other ways to them, and faults that turn its conclusions over."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from equigen.groups.function_spaces import regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import irreducible, trivial
from equigen.labs.steerable_filters import aliasing, constraint, grid_filters, lab, layers, steering
from equigen.labs.steerable_filters.aliasing import Errors, Maps, angular_shares, between, measured, predicted
from equigen.labs.steerable_filters.concluding import concluded, paragraph, ratio
from equigen.labs.steerable_filters.constraint import counted, null_space, pairs_of
from equigen.labs.steerable_filters.lab import SteerableFilters
from equigen.labs.steerable_filters.measuring import SIZES, measure
from equigen.labs.steerable_filters.pixel_chapters import _largest_alias
from equigen.labs.steerable_filters.steering import oriented, resampled
from equigen.labs.steerable_filters.wording import square
from equigen.labs.writing import document
from equigen.report.document import render_document
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.kernels.angular import AngularBasis
from equigen.steerable.kernels.basis import pixel_places
from equigen.steerable.kernels.grid_basis import GridBasis
from equigen.steerable.kernels.ring_basis import RingBasis
from equigen.symmetry.error import equivariance_error
from equigen.symmetry.image_action import ImageAction

MAPS = Maps(2, 29, 0.5, 0)
SMALL = {"maps": 2, "size": 29, "draws": 3, "angles": 2}


@pytest.fixture(scope="module")
def found():
    """What the lab measures, at fewer sizes and frequencies."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "_WAVES", (0, 2, 3, 6))
        patch.setattr(grid_filters, "_SIZES", (2, 3, 5))
        return measure(MAPS, 3, SMALL["draws"], SMALL["angles"], lambda stage: None)


@pytest.fixture(scope="module")
def answer(found):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "measure", lambda *given: found)
        return SteerableFilters(**SMALL).run()


def told(found):
    """The paragraph of the lab, had it measured this."""
    return paragraph(found, concluded(found))


def verdicts(found, words):
    return {one.verdict for one in concluded(found) if words in one.claim}


# The constraint


@pytest.mark.parametrize("group", [SO2(), O2(), Cyclic(3), Cyclic(8), Dihedral(4), Dihedral(3, axis=0.2)], ids=str)
def test_null_space_and_characters_agree(group):
    for irrep in group.irreps(2):
        for other in group.irreps(2):
            reps = irreducible(group, irrep.name), irreducible(group, other.name)
            solved, gap = null_space(*reps, 4)
            assert len(solved) == counted(*reps, 4)
            assert gap > 0.1


def test_solutions_obey_the_constraint_in_between():
    reps = irreducible(SO2(), "1"), irreducible(SO2(), "2")
    kernels = null_space(*reps, 3)[0].reshape(-1, 7, 2, 2)
    waves = torch.tensor(
        [[1.0, *(f(mu * phi) for mu in (1, 2, 3) for f in (math.cos, math.sin))] for phi in (0.3, 1.0)]
    )
    start, moved = torch.einsum("njoi,pj->pnoi", kernels, waves.double())
    g = torch.tensor([0.7, 0.0], dtype=torch.float64)
    assert torch.allclose(moved, reps[1].matrix(g) @ start @ reps[0].matrix(g).T, atol=1e-6)
    assert not torch.allclose(moved, reps[1].matrix(g) @ start @ reps[0].matrix(g), atol=1e-2)


def mirrored(basis):
    return AngularBasis(-basis.frequencies, basis.cosine, basis.sine)


def halved(basis):
    n = (len(basis.frequencies) + 1) // 2
    return AngularBasis(basis.frequencies[:n], basis.cosine[:n], basis.sine[:n])


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (mirrored, ("spans all", "at random elements")),  # mu = m - n
        (halved, ("spans all", "count alike")),  # the half s = -1 forgotten
    ],
)
def test_a_wrong_closed_form_turns_the_conclusion(monkeypatch, found, fault, words):
    true = constraint.angular_basis
    monkeypatch.setattr(constraint, "angular_basis", lambda *given: fault(true(*given)))
    broken = replace(found, pairs=pairs_of(SO2(), 2, 0))
    for claim in words:
        assert verdicts(broken, claim) == {"no"}
        assert verdicts(found, claim) == {"yes"}
    assert "do not agree" in told(broken)


# Steering


def test_a_turned_filter_is_its_samples_turned():
    filter, places = oriented(5, 2), pixel_places(5)
    assert torch.allclose(filter.at(places, math.pi / 2), filter.at(places).rot90(), atol=1e-12)
    assert not torch.allclose(filter.at(places, math.pi / 2), filter.at(places).rot90(-1), atol=1e-2)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest"])
@pytest.mark.parametrize("size", [3, 4])
def test_interpolation_makes_quarter_turns_of_pixels(mode, size):
    pixels = torch.arange(float(size**2)).double().reshape(size, size)
    for turns in range(4):
        assert torch.allclose(resampled(pixels, turns * math.pi / 2, mode), pixels.rot90(turns), atol=1e-9)
    assert not torch.allclose(resampled(pixels, math.pi / 4, mode), pixels, atol=1e-2)


def test_steering_the_wrong_way_turns_the_conclusion(monkeypatch, found):
    right = steering.Oriented.steering
    monkeypatch.setattr(steering.Oriented, "steering", lambda self, angle: right(self, -angle))
    broken = replace(found, steered=steering.steered((5,), 3, 0))
    assert verdicts(broken, "on the disk") == {"no"}
    assert verdicts(broken, "on pixels the combination") == {"no"}
    assert "does not turn a filter" in told(broken)


def test_a_frequency_too_many_is_counted(found):
    broken = replace(found, steered=replace(found.steered, highest=2))
    assert verdicts(broken, "combinations of 5 filters") == {"no"}


def test_the_norm_that_is_left_is_compared_at_the_same_angle():
    """At 3 x 3 the norm of the samples themselves wanders: the minima over angles stand at different ones."""
    one = steering.turned(oriented(3, 3))
    by_hand = min(b / s for b, s in zip(one.norm["bilinear"].tolist(), one.norm["steered"].tolist(), strict=True))
    assert one.norm_left("bilinear") == pytest.approx(by_hand)
    assert one.norm_left("bilinear") < float(one.norm["bilinear"].min() / one.norm["steered"].min()) - 0.02
    assert one.norm_left("steered") == 1.0


def test_reflections_halve_the_kernels_but_for_scalars(found):
    """What the page says of O(2)."""
    names = ("0e", "1", "2", "3")
    by = {(pair.group, pair.source, pair.target): pair.closed for pair in found.pairs}
    for source in names:
        for target in names:
            rotations, both = by["SO2", source, target], by["O2", source, target]
            assert both == (rotations if source == target == "0e" else rotations / 2)


# The grid


def test_filters_off_the_grid_turn_the_conclusion(monkeypatch, found):
    true = GridBasis.filters
    monkeypatch.setattr(GridBasis, "filters", lambda self, *given: true(self, *given).roll(1, -1))
    monkeypatch.setattr(grid_filters, "_SIZES", (3,))
    broken = replace(found, grid=replace(found.grid, sizes=grid_filters.grid_filters(2, 0).sizes))
    assert verdicts(broken, "quarter turns and flips keep") == {"no"}
    assert "do not keep filters" in told(broken)


def test_what_rings_hold_is_a_projection(found):
    held = found.grid.held
    assert (held.complete, held.rings, held.widest) == (100, 44, 84)
    assert float(held.pixels.sum()) * 4 == pytest.approx(44)  # the trace of the projection
    whole, inside, rest = held.example
    assert torch.allclose(whole, inside + rest)
    counts = {(one.group, one.kernel_size): one.complete for one in found.grid.sizes}
    assert (counts["C4", 5], counts["C4", 3], counts["D4", 5]) == (100, 36, 200)


def test_complete_rings_turn_the_conclusion(found):
    held = replace(found.grid.held, shares=torch.ones(50), rings=100)
    broken = replace(found, grid=replace(found.grid, held=held))
    assert verdicts(broken, "rings miss more") == {"no"}
    assert "little is lost" in told(broken)


# Aliasing


def four_pixels():
    """Outwards arrows on the four neighbours of the centre, (1, 2, 3, 3)."""
    x = torch.tensor([[0.0, 0, 0], [-1, 0, 1], [0, 0, 0]], dtype=torch.float64)
    return torch.stack((x, x.rot90()))[None]


def test_shares_are_those_of_bessel_functions():
    """sum_j exp(i phi_j + i r cos(theta - phi_j)) over quarter turns has the coefficients 4 i^n J_n(r), n = 1 + 4t."""
    r, weight = MAPS.spectrum()
    one = torch.special.bessel_j1(r)
    three = (8 / r**2 - 1) * one - 4 / r * torch.special.bessel_j0(r)
    shares = angular_shares(four_pixels(), MAPS)
    assert list(shares)[:2] == [1, -3]
    assert shares[-3] / shares[1] == pytest.approx(float((weight @ three**2) / (weight @ one**2)), rel=1e-6)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-5)


def test_the_integral_is_the_sum_over_aliases():
    """error^2 = sum of shares |1 - exp(i (n - mu) a)|^2, which quarter turns do not see."""
    source, target, filters = trivial(SO2()), irreducible(SO2(), "1"), four_pixels()[:, :, None]
    shares = angular_shares(four_pixels(), MAPS)
    for degrees in (20, 45, 90):
        g = torch.tensor([[math.radians(degrees), 0.0]], dtype=torch.float64)
        square = sum(share * (2 - 2 * math.cos((n - 1) * float(g[0, 0]))) for n, share in shares.items())
        goal = math.sqrt(max(square, 0.0))
        assert float(predicted(filters, source, target, MAPS, g)) == pytest.approx(goal, rel=1e-3, abs=1e-10)


def test_the_layer_of_the_library_errs_as_the_integral_says():
    fields = FieldType(SO2(), "1xregular(2)")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        conv = SteerableConv2d(fields, fields, 5).double()
    rep = regular(SO2(), 2)
    filters = conv.filter().detach()[None]
    error, floor = measured(filters, rep, rep, MAPS, between(4))
    assert float(error) == pytest.approx(float(predicted(filters, rep, rep, MAPS, between(4))), rel=0.2)
    assert 10 * float(floor) < float(error) < 0.1


def test_maps_turned_once_for_all_filters_give_the_errors_of_each():
    rep = regular(SO2(), 1)
    filters = RingBasis().filters(rep, rep, 3)[:3]
    action = ImageAction(SO2(), rep)
    for one, error, floor in zip(filters, *measured(filters, rep, rep, MAPS, between(3)), strict=True):
        found = equivariance_error(
            lambda x, one=one: functional.conv2d(x, one, padding=1), MAPS.drawn(3), action, action, between(3)
        )
        assert float(error) == pytest.approx(float(found.error.square().mean().sqrt()), rel=1e-12)
        assert float(floor) == pytest.approx(float(found.floor.square().mean().sqrt()), rel=1e-12)


def test_an_integral_that_turns_the_wrong_way_does_not_predict(monkeypatch):
    true = aliasing._mixed
    right = layers.frequencies((5,), MAPS, 2, 2)[1].errors
    monkeypatch.setattr(aliasing, "_mixed", lambda transfer, a, b: true(transfer, a.mT, b.mT))
    wrong = layers.frequencies((5,), MAPS, 2, 2)[1].errors
    assert torch.equal(right.measured, wrong.measured)
    assert torch.allclose(right.predicted, right.measured, rtol=0.3)
    assert bool((wrong.predicted > 5 * wrong.measured).all())


def test_an_integral_that_does_not_predict_turns_the_conclusion(found):
    rows = [replace(one, errors=replace(one.errors, predicted=2 * one.errors.predicted)) for one in found.cutoffs]
    broken = replace(found, cutoffs=rows)
    assert verdicts(broken, "those of the integral") == {"no"}
    assert "does not predict" in told(broken)


def test_high_frequencies_double_the_error_of_small_layers(monkeypatch, found):
    """With as many layers as the lab draws by default."""
    monkeypatch.setattr(layers, "_WAVES", (6,))
    small = layers.cutoffs((3,), MAPS, SteerableFilters().draws, 2)
    rows = [*small, *(one for one in found.cutoffs if one.kernel_size != 3)]
    assert verdicts(replace(found, cutoffs=rows), "3 x 3: with all frequencies up to 6") == {"yes"}


def test_layers_that_high_frequencies_do_not_harm_turn_the_conclusion(found):
    usual = {k: found.cutoff(k, None).errors for k in SIZES}
    rows = [replace(one, errors=usual[one.kernel_size]) for one in found.cutoffs]
    rows = [replace(one, errors=replace(one.errors, floor=one.errors.measured)) for one in rows]
    broken = replace(found, cutoffs=rows)
    assert "yes" not in verdicts(broken, "all frequencies up to 6")
    assert "more than doubles them" not in told(broken)
    assert "yes" not in verdicts(broken, "above twice the floor")


@pytest.mark.parametrize(
    ("verdicts_of", "sentence"),
    [
        (("yes", "yes", "not resolved"), "more than doubles them for filters of 3 x 3 and 5 x 5 pixels. Whether l"),
        (("yes", "yes", "yes"), "more than doubles them for filters of 3 x 3, 5 x 5 and 7 x 7 pixels."),
        (("no", "not resolved", "no"), "does not double them for filters of 3 x 3 and 7 x 7 pixels. Whether l"),
        (("no", "not resolved", "yes"), "doubles them for filters of 5 x 5 pixels is not resolved here."),
    ],
)
def test_every_size_stands_in_the_answer_by_its_verdict(found, verdicts_of, sentence):
    by_size = {f"{k} x {k}: with": verdict for k, verdict in zip(SIZES, verdicts_of, strict=True)}
    made = [
        replace(one, verdict=by_size[one.claim[:11]]) if one.claim[:11] in by_size else one for one in concluded(found)
    ]
    text = paragraph(found, made)
    assert sentence in text.replace("\N{NO-BREAK SPACE}", " ")
    assert all(square(k) in text for k in SIZES)


# Errors of few filters

FEW = Errors(torch.tensor([1.0, 2.0, 3.0]).double(), torch.ones(3).double(), torch.ones(3).double() / 10)
ALIKE = replace(FEW, measured=torch.full((3,), 4.0).double())
STUDENT = 4.303 / 2 / math.sqrt(3)  # half the interval of three values of deviation 1, by the table, over two


def test_the_error_of_few_filters_is_half_their_interval():
    assert FEW.doubt == pytest.approx(STUDENT, rel=1e-6)
    assert ALIKE.doubt == 0.0


def test_a_ratio_has_the_errors_of_both():
    assert ratio(FEW, ALIKE) == pytest.approx((0.5, 0.5 * STUDENT / 2))
    assert ratio(ALIKE, FEW) == pytest.approx((2.0, 2.0 * STUDENT / 2))
    assert ratio(FEW, FEW)[1] == pytest.approx(math.sqrt(2) * STUDENT / 2)


def test_three_filters_seldom_give_a_false_verdict():
    """Of many means of three, as often as two errors promise: 5 %. With standard errors it is 18 %."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        drawn = torch.randn(2000, 3, dtype=torch.float64)
    missed = [abs(float(x.mean())) > 2 * replace(FEW, measured=x).doubt for x in drawn]
    assert sum(missed) / len(missed) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize(
    ("words", "base"),
    [("bilinear copies of a smooth", "bilinear"), ("bicubic copies of a smooth", "bicubic"), ("free pixels", "free")],
)
def test_errors_over_filters_stand_beside_the_conclusions_on_copies(found, words, base):
    steered = replace(FEW, measured=torch.ones(3).double())
    by_key = {("smooth", "steered"): steered, ("smooth", base): FEW, (base, "bilinear"): FEW}
    rows = [replace(one, errors=by_key.get((one.base, one.way), steered)) for one in found.copied]
    made = next(one for one in concluded(replace(found, copied=rows)) if words in one.claim)
    assert (made.measured, made.error) == pytest.approx((2.0, STUDENT), rel=1e-6)


def test_the_floor_is_compared_on_the_same_filters(found):
    rows = [replace(one, errors=replace(FEW, floor=FEW.measured / 10)) for one in found.cutoffs]
    made = next(one for one in concluded(replace(found, cutoffs=rows)) if "above twice the floor" in one.claim)
    assert (made.measured, made.error, made.verdict) == (pytest.approx(10.0), pytest.approx(0.0, abs=1e-12), "yes")


def test_one_kind_of_layer_that_the_integral_misses_is_enough(found):
    kinds = list(found.frequencies)
    off = replace(kinds[3].errors, predicted=0.7 * kinds[3].errors.predicted)
    broken = replace(found, frequencies=[*kinds[:3], replace(kinds[3], errors=off), *kinds[4:]])
    assert verdicts(broken, "those of the integral") == {"no"}
    assert abs(sum(broken.ratios()) / len(broken.ratios()) - 1) < 0.05  # their mean would not tell


# Copies


def test_copies_are_looked_at_between_quarter_turns(monkeypatch):
    asked = []
    monkeypatch.setattr(layers, "errors", lambda *given: asked.append(given[-1]))
    layers.copied(Maps(1, 25, 0.5, 0), 2)
    odd = torch.tensor([45.0, 135.0, 225.0, 315.0]).double()
    assert asked
    assert all(torch.allclose(one[:, 0].rad2deg(), odd) for one in asked)
    assert all(not bool(one[:, 1].any()) for one in asked)


def test_copies_that_are_steered_turn_the_conclusion(found):
    steered = found.copies("smooth", "steered").errors
    rows = [replace(one, errors=steered) if one.way == "bilinear" else one for one in found.copied]
    broken = replace(found, copied=rows)
    assert verdicts(broken, "eight bilinear copies of a smooth") == {"no"}
    assert "not twice what steering has" in told(broken)


def test_free_pixels_that_could_be_turned_turn_the_conclusion(found):
    small = replace(found.copies("free", "bilinear").errors, measured=torch.tensor([0.01, 0.02]))
    rows = [replace(one, errors=small) if (one.base, one.way) == ("free", "bilinear") else one for one in found.copied]
    broken = replace(found, copied=rows)
    assert verdicts(broken, "free pixels err") == {"no"}
    assert "err by a tenth at most" in told(broken)


def test_unrelated_filters_err_by_the_root_of_two(found):
    """Independent filters: the squares of two of them add."""
    assert found.copies("free", "not at all").errors.mean == pytest.approx(math.sqrt(2), rel=0.1)


# The answer


def test_the_answer_stands(found, answer):
    sure = (
        "spans all", "count alike", "at random elements", "on the disk", "combinations of 7 filters",
        "on pixels the combination", "7 convolutions", "bilinear interpolation of a 7 x 7", "in float64", "in float32",
        "filters on the grid", "rings miss", "ratio of the dimensions", "those of the integral",
        "above twice the floor",
        "3 x 3 pixels make", "free pixels err",
    )  # fmt: skip
    assert {words: answer[words].verdict for words in sure} == dict.fromkeys(sure, "yes")
    assert answer["those of the integral"].measured == pytest.approx(1.0, abs=0.15)
    assert "Rings hold 44 of the 100" in answer.answer
    assert all(one.floor.max() < 0.15 * one.measured.mean() for one in (row.errors for row in found.cutoffs))


def test_the_page_shows_every_part(answer):
    page = render_document(document(answer))
    assert page.count("<img") == 11
    assert "0e is the trivial representation" in page
    assert page.index("0e is the trivial representation") < page.index("to, from (SO2)")
    assert "not at all" in page
    assert {row["kernel_size"] for row in answer.numbers["cut-offs"]} == set(SIZES)


def test_both_signs_of_an_alias_of_real_filters_are_one(found):
    for row in found.frequencies:
        name, share = _largest_alias(row)
        others = {mu: part for mu, part in row.shares.items() if mu != row.mu}
        if row.mu == 0:
            assert name == "±4"
            assert share == pytest.approx(2 * row.shares[4])
        else:
            assert share == others[int(name)] == max(others.values())


def test_measuring_leaves_the_global_generator_alone():
    torch.manual_seed(3)
    before = torch.get_rng_state()
    layers.copied(Maps(1, 25, 0.5, 0), 2)
    grid_filters.held_by_rings(2, 0)
    assert torch.equal(before, torch.get_rng_state())
