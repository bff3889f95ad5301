"""The lab irreps: its measurements against plain matrices and counts by hand, and faults that turn its conclusions."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from equigen.groups.irrep import Irrep
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral, plane_group
from equigen.labs.irreps import findings, functions, measuring, theorems
from equigen.labs.irreps.answering import answered_by
from equigen.labs.irreps.concluding import concluded
from equigen.labs.irreps.findings import measured, representatives
from equigen.labs.irreps.functions import GroupFunctions, evaluation, given, moved, spoiled_lists
from equigen.labs.irreps.lab import Irreps
from equigen.labs.irreps.measuring import column_spans, left_out, near_copies, numerical_rank, spoiled
from equigen.labs.irreps.theorems import convolved, products, weighed
from equigen.labs.writing import record, write
from equigen.report.document import Table
from equigen.training.errors import ConfigError

SPACES = [GroupFunctions(plane_group(name), None) for name in ("C2", "C5", "C8", "D1", "D3", "D4", "D4@30")]
SPACES += [GroupFunctions(SO2(), 3), GroupFunctions(O2(), 2)]
NAMES = [space.label for space in SPACES]
SMALL = ("C5", "D3", "SO2", "O2")


@pytest.fixture(scope="module")
def answer():
    return Irreps(groups=SMALL, frequency=2).run()


@pytest.fixture(scope="module")
def found():
    return Irreps(groups=SMALL, frequency=2).measure()


def plane_map(g):
    """The 2 x 2 matrix of an element."""
    a, flip = float(g[0]), int(g[1])
    turn = torch.tensor([[math.cos(a), -math.sin(a)], [math.sin(a), math.cos(a)]]).double()
    return turn @ torch.diag(torch.tensor([1.0, -1.0 if flip else 1.0]).double())


# --- functions and how they move


@pytest.mark.parametrize("space", SPACES[:7], ids=NAMES[:7])
def test_values_move_as_the_maps_of_the_plane_multiply(space):
    maps = torch.stack([plane_map(g) for g in space.elements])
    for u, matrix in zip(maps, moved(space, space.elements), strict=True):
        for i, h in enumerate(maps):
            source = int((maps - u.T @ h).abs().amax((1, 2)).argmin())  # u^-1 h
            assert matrix[i].tolist() == [float(k == source) for k in range(space.size)]


@pytest.mark.parametrize("space", SPACES[7:], ids=NAMES[7:])
def test_interpolation_is_exact_for_waves_of_the_space_and_not_beyond(space):
    at, places = space.elements, space.group.sample(20, seed=3)

    def wave(k, where):
        return torch.cos(k * where[:, 0] + 0.3) * (1 + 0.5 * where[:, 1])

    for k in range(space.frequency + 1):
        assert torch.allclose(evaluation(space, places) @ wave(k, at), wave(k, places), atol=1e-13)
    beyond = space.frequency + 1
    assert (evaluation(space, places) @ wave(beyond, at) - wave(beyond, places)).abs().max() > 0.1


@pytest.mark.parametrize("space", SPACES, ids=NAMES)
def test_the_complete_list_is_an_orthogonal_change_of_basis(space):
    table = space.table(space.complete)
    assert table.shape == (space.size, space.size)
    assert torch.allclose(table.mT @ table, torch.eye(space.size).double(), atol=1e-14)


def test_the_columns_of_a_cyclic_group_are_waves():
    space, angle = GroupFunctions(Cyclic(8), None), 2 * torch.pi * torch.arange(8).double() / 8
    waves = [torch.ones(8).double() / math.sqrt(8)]
    for k in (1, 2, 3):
        waves += [torch.cos(k * angle) / 2, torch.sin(k * angle) / 2]
    waves.append(torch.tensor([1.0, -1.0] * 4).double() / math.sqrt(8))
    assert torch.allclose(space.table(space.complete), torch.stack(waves, 1), atol=1e-15)


@pytest.mark.parametrize("space", SPACES, ids=NAMES)
def test_values_become_blocks_and_hold_the_irreps_by_count(space):
    told = measuring.agreement(space, 0)
    assert max(told.orthogonality, told.error) < 1e-14
    assert 0 <= told.error_float32 < 1e-6
    wanted = {irrep.name: irrep.size // irrep.endomorphisms for irrep in space.irreps}
    assert dict(told.found) == dict(told.expected) == wanted


# --- spoiled lists


@pytest.mark.parametrize("space", SPACES, ids=NAMES)
def test_a_pulse_loses_the_share_of_the_dimension(space):
    shares = []
    for irrep in space.irreps:
        lost = left_out(space, irrep, seed=1)
        held = irrep.size**2 / irrep.endomorphisms
        shares.append(held / space.size)
        assert lost.error["pulse"] == pytest.approx(held / space.size, abs=1e-13)
        assert lost.rank == space.size - held
        for name in ("pulse", "window", "random"):
            assert lost.error[name] == pytest.approx(lost.energy[name], abs=1e-13)
    assert sum(shares) == pytest.approx(1.0)


def test_a_window_without_its_mean_loses_it():
    lost = left_out(GroupFunctions(Cyclic(8), None), Cyclic(8).irrep("0e"), seed=0)
    assert lost.error["window"] == pytest.approx(0.5)  # (1/2)^2 of 1/2


def test_the_lists_of_c5_are_as_counted_by_hand():
    space = GroupFunctions(Cyclic(5), None)
    told = {name: spoiled(space, name, columns, 0) for name, columns in spoiled_lists(space).items()}
    # size, rank, dim Hom, dim End, rank of a map, lost, missed
    wanted = {
        "complete": (5, 5, 5, 5, 5, 0, 0),
        "without 2": (3, 3, 3, 3, 3, 2, 0),
        "2 twice": (7, 5, 7, 11, 5, 0, 2),
        "2 in place of 1": (5, 3, 5, 9, 3, 2, 2),
        "all d columns": (9, 5, 9, 17, 5, 0, 4),
    }
    assert told.keys() == wanted.keys()
    for name, (size, rank, maps, own, map_rank, lost, missed) in wanted.items():
        one = told[name]
        assert (one.size, one.rank, one.map_rank, one.lost, one.missed) == (size, rank, map_rank, lost, missed)
        assert (one.homomorphisms, one.endomorphisms) == pytest.approx((maps, own))
        assert one.by_schur == maps
        assert one.expected_rank == map_rank
        assert one.turning < 1e-14
        assert len(one.singular_values) == size
    assert told["2 twice"].singular_values == pytest.approx([2**0.5] * 2 + [1] * 3 + [0] * 2, abs=1e-12)


@pytest.mark.parametrize("space", [SPACES[1], SPACES[4], GroupFunctions(O2(), 1)], ids=["C5", "D3", "O2"])
def test_maps_are_as_many_as_the_equations_leave(space):
    """The null space of T S(u) = sigma(u) T, by elimination: neither characters nor Schur's lemma."""
    u = space.group.sample(4, seed=5)
    values = moved(space, u)
    for name, columns in spoiled_lists(space).items():
        psi = space.representation(columns).matrix(u)
        eye_n, eye_p = torch.eye(space.size).double(), torch.eye(psi.shape[-1]).double()
        law = torch.cat(
            [torch.kron(eye_p, s.T.contiguous()) - torch.kron(p, eye_n) for s, p in zip(values, psi, strict=True)]
        )
        one = spoiled(space, name, columns, 0)
        assert law.shape[1] - numerical_rank(law) == one.by_schur == one.size


def test_a_near_copy_has_its_condition_number():
    for copy in near_copies(GroupFunctions(Dihedral(3), None)):
        if copy.angle > 0:
            assert copy.condition == pytest.approx(copy.expected, rel=1e-8)
            assert copy.smallest == pytest.approx(math.sqrt(2) * math.sin(copy.angle / 2), rel=1e-8)
            assert copy.rank == 6
        else:
            assert copy.rank == 5
            assert copy.smallest < 1e-15


@pytest.mark.parametrize(("name", "commutant", "both"), [("C5", 2, 2), ("D5", 1, 4), ("SO2", 2, 2), ("O2", 1, 4)])
def test_the_second_column_is_new_with_reflections_only(name, commutant, both):
    group = plane_group(name)
    for span in column_spans(GroupFunctions(group, None if group.order else 2)):
        assert (span.commutant, span.one, span.both) == (commutant, 2, both)


# --- the Fourier transform


def test_the_weight_of_c5_as_published():
    """Five numbers of which the sum with the weight d is .2949 and the mean square .1483."""
    values = torch.tensor([0.12573022, -0.13210486, 0.64042265, 0.10490012, -0.53566937]).double()
    told = weighed(GroupFunctions(Cyclic(5), None), "five", values)
    assert told.by_commutant == pytest.approx(float(values.square().mean()), rel=1e-12)
    assert told.by_commutant == pytest.approx(0.1483, abs=5e-5)
    assert told.by_dimension == pytest.approx(0.2949, abs=5e-5)
    assert told.excess == pytest.approx(told.expected_excess)


@pytest.mark.parametrize("space", SPACES, ids=NAMES)
def test_the_weight_d_counts_irreps_of_complex_type_twice(space):
    told = weighed(space, "pulse", given(space, 0)["pulse"])
    wrong = sum(irrep.size**2 for irrep in space.irreps) / space.size**2
    assert told.by_commutant == pytest.approx(1 / space.size)
    assert told.by_dimension == pytest.approx(wrong)
    assert (told.wrong_inverse > 0.1) == (wrong > 1.01 / space.size)


@pytest.mark.parametrize("space", SPACES, ids=NAMES)
def test_shifts_and_convolutions_are_products(space):
    told = products(space, seed=2)
    assert max(told.left_shift, told.right_shift, told.convolution) < 1e-14
    commutes = not space.group.reflections or space.size == 2
    assert (told.commutator < 1e-14) == (told.other_order < 1e-14) == commutes


def test_a_convolution_on_a_cyclic_group_is_circular():
    f, h = torch.arange(1.0, 6.0).double(), torch.tensor([1.0, 0.0, 2.0, 0.0, 0.0]).double()
    by_hand = [sum(float(f[u] * h[(g - u) % 5]) for u in range(5)) / 5 for g in range(5)]
    assert convolved(GroupFunctions(Cyclic(5), None), f, h).tolist() == pytest.approx(by_hand)


# --- conclusions


def test_the_answer_stands(answer):
    assert [one.verdict for one in answer.conclusions] == ["yes"] * 21
    assert len({one.claim for one in answer.conclusions}) == 21
    assert "leaves over at least 2 dimensions on each of 14 lists" in answer.answer
    assert "for a pulse on C5 it gives 0.36 in place of 0.2. " in answer.answer
    json.dumps(record(answer), allow_nan=False)


def test_the_page_is_written(answer, tmp_path):
    page = write(answer, tmp_path).read_text(encoding="utf-8")
    assert "Traceback" not in page
    assert len(list((tmp_path / "irreps").iterdir())) == 10


@pytest.mark.parametrize("names", [("C2",), ("D2",), ("C2", "C7"), ("C24",)])
def test_any_groups_make_a_page(names, tmp_path):
    answer = Irreps(groups=names, frequency=1).run()
    assert {one.verdict for one in answer.conclusions} == {"yes"}
    assert write(answer, tmp_path).exists()


def spoil(found, part, numbers):
    """The findings with some numbers of a part of the first group changed."""
    held = getattr(found[0], part)
    if isinstance(held, list):
        changed = [replace(held[-1], **numbers), *held[1:]] if part == "lists" else [replace(held[0], **numbers)]
    else:
        changed = replace(held, **numbers)
    return [replace(found[0], **{part: changed}), *found[1:]]


ABSENT = {"pulse": 0.5, "window": 0.5, "random": 0.5}
FAULTS = [
    ("agreement", {"error": 1e-9}, "values turn as", "do not become the blocks"),
    ("agreement", {"found": {"0e": 1, "1": 2, "2": 0}}, "hold each irrep as often", "does not hold each irrep"),
    ("agreement", {"found": {"0e": 1, "1": 1, "2": 1, "7": 1}}, "each irrep as often", "does not hold each irrep"),
    ("left_out", {"rank": 5}, "as many functions are lost", "does not lose the functions"),
    ("left_out", {"error": ABSENT}, "error of the best reconstruction", "is not the energy"),
    ("lists", {"name": "2 twice", "rank": 6}, "held twice adds no function", "too often adds functions"),
    ("copies", {"angle": 0.0, "smallest": 1e-3}, "smallest singular value is 0", "no singular value is 0"),
    ("copies", {"condition": 1.9}, "has the condition number", "does not bring the condition"),
    ("columns", {"commutant": 1}, "measured commutants", "has not dimension 2"),
    ("columns", {"both": 4}, "span the same functions", "second column of an irrep of complex type adds functions"),
    ("columns", {"endomorphisms": 1, "both": 2}, "span different functions", "one column is enough"),
    ("lists", {"turning": 1e-3}, "turn as they should", "do not turn as they should"),
    ("lists", {"lost": 1}, "the complete list is the regular", "columns is not the regular"),
    ("lists", {"map_rank": 4}, "reach the rank", "rank of such maps is not"),
    ("lists", {"by_schur": 4}, "as many independent maps", "is not the number of coefficients"),
    ("weighings", {"by_commutant": 1.0}, "Parseval's identity", "does not give the mean square"),
    ("weighings", {"by_dimension": 0.2}, "weight $d$ the identity fails", "serves as well"),
    ("products", {"left_shift": 1e-6}, "a shift multiplies", "A shift does not multiply"),
    ("products", {"convolution": 1e-6}, "a convolution is the product", "is not the product of their matrices"),
    ("products", {"commutator": 0.1}, "can be swapped", "Not even on commutative"),
]


@pytest.mark.parametrize(("part", "numbers", "words", "sentence"), FAULTS, ids=[fault[2] for fault in FAULTS])
def test_a_changed_number_turns_the_conclusion(found, part, numbers, words, sentence):
    faulty = spoil(found, part, numbers)
    if part == "lists" and "name" not in numbers:
        first = replace(found[0].lists[0], **numbers)
        faulty = [replace(found[0], lists=[first, *found[0].lists[1:]]), *found[1:]]
    conclusions = concluded(faulty)
    told = [one for one in conclusions if words in one.claim]
    assert [one.verdict for one in told] == ["no"]
    assert sentence in answered_by(faulty, conclusions)
    assert sentence not in answered_by(found, concluded(found))


def test_a_spoiled_list_that_were_regular_turns_the_conclusion(found):
    lists = [found[0].lists[0], replace(found[0].lists[1], lost=0, missed=0)]
    conclusions = concluded([replace(found[0], lists=lists), *found[1:]])
    assert next(one for one in conclusions if "no spoiled list" in one.claim).verdict == "no"
    assert "A spoiled list is still the regular" in answered_by(found, conclusions)


def test_swapped_factors_on_a_dihedral_group_turn_the_conclusion(found):
    same = replace(found[1].products, commutator=1e-16)
    told = concluded([found[0], replace(found[1], products=same), *found[2:]])
    assert next(one for one in told if "cannot be swapped" in one.claim).verdict == "no"
    assert "can be swapped all the same" in answered_by(found, told)


def test_each_conclusion_has_a_sentence_of_its_own(found):
    """With one verdict turned, one sentence changes, and another for each conclusion."""
    conclusions = concluded(found)
    before, texts = answered_by(found, conclusions), set()
    for k, one in enumerate(conclusions):
        for verdict in ("no", "not resolved"):
            turned = [*conclusions[:k], replace(one, verdict=verdict), *conclusions[k + 1 :]]
            text = answered_by(found, turned)
            assert text != before
            assert (one.claim in text) == (verdict == "not resolved")
            texts.add(text)
    assert len(texts) == 2 * len(conclusions) == 42


@pytest.mark.parametrize("left", [(0, 1), (0, 2)])
def test_what_the_best_map_leaves_over_is_counted_in_words(found, left):
    lost, missed = left
    complete, first, *rest = found[0].lists
    faulty = [replace(found[0], lists=[complete, replace(first, lost=lost, missed=missed), *rest])]
    words = f"leaves over at least {missed} dimension{'s' * (missed > 1)} on each of 4 lists."
    assert words in answered_by(faulty, concluded(faulty))


def test_irreps_are_named_before_they_stand_in_a_table(answer):
    blocks = [(chapter, block) for chapter in answer.chapters for block in chapter.blocks]
    named = next(
        k for k, (_, block) in enumerate(blocks) if isinstance(block, str) and "has its frequency for a name" in block
    )
    tables = {k: block for k, (_, block) in enumerate(blocks) if isinstance(block, Table)}
    cells = {k: " ".join(cell for row in table.rows for cell in row) for k, table in tables.items()}
    assert all(k > named for k, text in cells.items() if "0e" in text)
    assert "0e, 0o, 1 (twice)" in cells[min(cells)]
    assert "×" not in cells[min(cells)]


@pytest.mark.parametrize("name", ["C5", "D4", "SO2", "O2"])
def test_the_character_of_values_is_as_the_page_says(name):
    space = GroupFunctions(plane_group(name), 3 if name in ("SO2", "O2") else None)
    u = space.elements if space.frequency is None else space.group.sample(30, seed=1)
    traces = torch.diagonal(moved(space, u), dim1=1, dim2=2).sum(-1)
    if space.frequency is None:
        goal = space.size * ((u[:, 0] == 0) & (u[:, 1] == 0)).double()
    else:
        waves = torch.cos(u[:, :1] * torch.arange(1, 4)).sum(1)
        goal = (1 + 2 * waves) * (1 - u[:, 1]) * (2 if name == "O2" else 1)
    assert torch.allclose(traces, goal, atol=1e-12)


# --- broken ingredients


def verdicts(names):
    """The claims that are not so on some groups, as freshly measured."""
    return {one.claim for one in concluded(Irreps(groups=names).measure()) if one.verdict != "yes"}


def any_of(claims, words):
    return any(words in claim for claim in claims)


def test_values_moved_the_wrong_way_are_found(monkeypatch):
    """f(u h) in place of f(u^-1 h)."""

    def backwards(space, u):
        return evaluation(space, space.group.compose(u[:, None], space.elements))

    for module in (measuring, theorems):
        monkeypatch.setattr(module, "moved", backwards)
    wrong = verdicts(("C5",))
    assert any_of(wrong, "values turn as the irreps do")
    assert any_of(wrong, "turn as they should")
    assert any_of(wrong, "a shift multiplies")


def test_irreps_turned_the_wrong_way_are_found(monkeypatch):
    right = PlaneGroup.irrep_matrix
    monkeypatch.setattr(functions.GroupFunctions, "table", lambda self, columns, elements=None: _table(self, columns))

    def _table(space, columns):
        parts = [right(space.group, psi, space.elements).mT[..., place] for psi, place in columns]
        return torch.cat(parts, dim=1) / math.sqrt(space.size / 2)

    assert any_of(verdicts(("C5",)), "values turn as the irreps do")


def test_a_list_that_keeps_both_columns_of_complex_type_is_found(monkeypatch):
    both = lambda irrep: tuple((irrep, place) for place in range(irrep.size))  # noqa: E731
    for module in (functions, measuring):
        monkeypatch.setattr(module, "columns_of", both)
    wrong = verdicts(("C5",))
    assert any_of(wrong, "hold each irrep as often")
    assert any_of(wrong, "the complete list is the regular representation")


def test_a_transform_with_another_weight_is_found(monkeypatch):
    """Irreps of complex type taken for real ones: the weight d, in the transform and in the list alike."""

    def real(irrep: Irrep):
        return replace(irrep, endomorphisms=1)

    right = GroupFunctions.irreps.fget
    monkeypatch.setattr(GroupFunctions, "irreps", property(lambda self: tuple(real(one) for one in right(self))))
    space = GroupFunctions(Cyclic(5), None)
    told = weighed(space, "pulse", given(space, 0)["pulse"])
    assert told.by_commutant == pytest.approx(0.36)


def test_a_lossy_transform_is_found(monkeypatch):
    right = theorems.fourier

    def lossy(group, values, frequency=None):
        return {
            name: matrix * (1.001 if name == "1" else 1.0) for name, matrix in right(group, values, frequency).items()
        }

    monkeypatch.setattr(theorems, "fourier", lossy)
    wrong = verdicts(("D3",))
    assert any_of(wrong, "Parseval's identity")
    assert any_of(wrong, "a convolution is the product")


def test_one_address_one_answer():
    space = GroupFunctions(Cyclic(5), None)
    assert measured(space, 3) == measured(space, 3)
    assert (
        findings.left_out(space, space.irreps[1], 3).error["random"]
        != left_out(space, space.irreps[1], 4).error["random"]
    )


def test_pictures_show_one_group_of_each_kind(found):
    assert [one.functions.group.name for one in representatives(found)] == ["C5", "D3"]
    assert [one.functions.group.name for one in representatives(found[2:])] == ["SO2", "O2"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": ["D4x"]}, "'D4x' is none"),
        ({"groups": ["C1"]}, "2 to 32 elements"),
        ({"groups": ["D17"]}, "D17 has 34"),
        ({"groups": ["D4", "D4@90"]}, "distinct groups"),
        ({"groups": []}, "groups"),
        ({"frequency": 0}, "greater than or equal to 1"),
        ({"group": ["C4"]}, "did you mean 'groups'"),
    ],
)
def test_impossible_settings_get_one_sentence(settings, words):
    with pytest.raises(ConfigError, match=words):
        Irreps.parse(settings)
