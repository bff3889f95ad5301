"""What the lab symmetry concludes and says: each turns with each of its numbers, each sentence reads alone."""

from __future__ import annotations

import importlib
import json
import math
import re
from dataclasses import replace
from itertools import pairwise

import pytest

from equigen.labs.lab import Conclusion
from equigen.labs.symmetry import figures, laws
from equigen.labs.symmetry.answering import LOSSES, answered_by
from equigen.labs.symmetry.chapters import chapters
from equigen.labs.symmetry.concluding import CLEAR, concluded
from equigen.labs.symmetry.findings import AUGMENTED, EXACT, WRONG
from equigen.labs.symmetry.lab import Symmetry
from equigen.labs.symmetry.learning import KINDS
from equigen.labs.symmetry.sentences import SENTENCES
from equigen.labs.writing import record, write
from equigen.report.document import Table

TINY = {
    "samples": 16, "draws": 19, "fits": 2, "items": (6, 8), "trainings": 2, "steps": 4, "width": 8, "batch_size": 8,
}  # fmt: skip


@pytest.fixture(scope="module")
def measured():
    """Everything, at the least expense; what a test of a law could have found is not asked here."""
    patch = pytest.MonkeyPatch()
    patch.setattr(importlib.import_module("equigen.symmetry.invariance"), "_REPEATS", 1)
    patch.setattr(laws, "LOOKS", 2)
    yield Symmetry(**TINY).measure()
    patch.undo()


@pytest.fixture(scope="module")
def found(measured):
    """The same with numbers under which every conclusion holds."""
    exact, random, augmented = measured.stepped
    sound = {"sound": (0.0, 0.0), "batch": (0.0, 0.0), "eighths": (0.0, 0.2), "broken": (0.5, 0.3)}
    loss = {KINDS[0]: 0.5, KINDS[1]: 0.4, KINDS[2]: 0.35, KINDS[3]: 0.3}
    return replace(
        measured,
        linear=0.23,
        stepped=[
            replace(exact, wrong=0.0, asymmetry=[0.0, 1e-16]),
            replace(random, wrong=0.9, asymmetry=[0.0, 1e-16]),
            replace(augmented, wrong=0.03, asymmetry=[0.0, 0.09]),
        ],
        fitted=[
            replace(one, wrong=0.1, moments=2.0, moments_error=0.01, expected=2.0, asymmetry=one.items**-0.5,
                    asymmetry_error=1e-4 * one.items**-0.5)
            for one in measured.fitted
        ],
        tested=[
            replace(one, wrong={EXACT: 0.0, WRONG: 0.6, AUGMENTED: 0.05}[one.name], p_value=0.5,
                    shares=[0.03 if one.name == AUGMENTED else 0.0] * 8,
                    sector_p_value=1e-9 if one.name == AUGMENTED else 1.0)
            for one in measured.tested
        ],
        turned=[
            replace(one, errors=[0.0, 0.06 if one.denoiser == AUGMENTED else 1e-16],
                    prior_only=2.0 if one.noisy or one.denoiser == AUGMENTED else 1e-16)
            for one in measured.turned
        ],
        kept=[
            replace(one, off=[0.0, 0.04 if one.denoiser == AUGMENTED or one.noise == "free" else 1e-17])
            for one in measured.kept
        ],
        broken=[
            replace(one, quarters=sound[one.expected][0], eighths=sound[one.expected][1],
                    p_value=0.005 if "noise wider" in one.name or "shift" in one.name else 0.5,
                    company=1.0 if one.expected == "batch" else 0.0)
            for one in measured.broken
        ],
        recovered=[
            replace(one, mismatch=1e-16, fresh=1e-3, recoverable=[0.0, 0.02, 0.0, 0.0]) for one in measured.recovered
        ],
        learned=[
            replace(one, above=[loss[one.kind] if one.items == 6 or "plain" in one.kind else 0.3] * 2,
                    asymmetry=[1e-16 if one.kind == KINDS[3] else 0.02] * 2)
            for one in measured.learned
        ],
    )  # fmt: skip


def verdicts(it):
    made = concluded(it)
    return {words: next(one for one in made if words in one.claim).verdict for words in SENTENCES}


def turned_by(found, group, k, **changed):
    """The conclusions that do not hold when one member of a group is changed."""
    members = list(getattr(found, group))
    members[k] = replace(members[k], **changed)
    return {words for words, verdict in verdicts(replace(found, **{group: members})).items() if verdict != "yes"}


def places(found, group, which):
    rows = [k for k, one in enumerate(getattr(found, group)) if which(one)]
    assert rows
    return rows


# --- every conclusion turns with every one of its numbers


def test_every_conclusion_has_sentences_and_can_hold(found):
    assert len(SENTENCES) == len(concluded(found))
    assert set(verdicts(found).values()) == {"yes"}
    for words in SENTENCES:
        assert sum(words in one.claim for one in concluded(found)) == 1, words
    assert set(LOSSES) < set(SENTENCES)


NOISY = ("noise wider along one axis", "a shift to one side")
SPOILT = [
    ("stepped", lambda one: one.name.startswith("random"), {"wrong": 0.4}, {"random linear score is wrong"}),
    ("stepped", lambda one: one.name.startswith("random"), {"asymmetry": [1e-11, 0.0]},
     {"law of every step is invariant"}),
    ("stepped", lambda one: one.name.startswith("fitted"), {"wrong": 0.3}, {"is nearly the exact one"}),
    ("stepped", lambda one: one.name.startswith("fitted"), {"asymmetry": [0.5, 0.009]},
     {"law of the last step is not invariant"}),
    ("fitted", lambda one: one.items == 12_800, {"asymmetry": 0.5}, {"falls as one over the root"}),
    ("fitted", lambda one: one.items == 200, {"moments": 2.5}, {"is that of the closed form"}),
    ("fitted", lambda one: one.items == 200, {"moments": math.nan}, {"is that of the closed form"}),
    ("tested", lambda one: one.name == WRONG, {"wrong": 0.2}, {"worse score than the best linear one"}),
    ("tested", lambda one: one.name == WRONG, {"p_value": 0.009}, {"paths under the random network"}),
    ("tested", lambda one: one.name == EXACT, {"p_value": 0.009}, {"paths under the exact score"}),
    ("tested", lambda one: one.name == AUGMENTED, {"wrong": 0.12},
     {"augmented network in the plane has less than half"}),
    ("tested", lambda one: one.name != AUGMENTED, {"shares": [0.0] * 7 + [-1e-9]}, {"fall on all sectors alike"}),
    ("tested", lambda one: one.name == AUGMENTED, {"sector_p_value": 0.02}, {"samples of the augmented network"}),
    ("turned", lambda one: one.denoiser != AUGMENTED, {"errors": [1e-8, 0.0]},
     {"every path turns with prior and noise"}),
    ("turned", lambda one: one.denoiser != AUGMENTED and one.noisy, {"prior_only": 0.009},
     {"do not turn with the prior alone"}),
    ("turned", lambda one: one.denoiser == AUGMENTED, {"errors": [0.0, 0.009]}, {"paths of the augmented network"}),
    ("kept", lambda one: one.denoiser != AUGMENTED and one.noise != "free", {"off": [1e-8, 0.0]},
     {"symmetric start stays symmetric"}),
    ("kept", lambda one: one.denoiser != AUGMENTED and one.noise == "free", {"off": [1.0, 0.009]},
     {"free noise breaks the symmetry of a start"}),
    ("kept", lambda one: one.denoiser == AUGMENTED and one.noise == "none", {"off": [0.0, 0.009]},
     {"augmented network breaks the symmetry of a start"}),
    ("broken", lambda one: one.expected == "broken", {"quarters": 0.009}, {"know a direction each break"}),
    ("broken", lambda one: one.expected == "broken", {"eighths": 0.009}, {"know a direction each break"}),
    ("broken", lambda one: one.name in NOISY, {"p_value": 0.02}, {"fail the test of an invariant law"}),
    ("broken", lambda one: one.expected == "eighths", {"quarters": 1e-8}, {"commute with quarter turns"}),
    ("broken", lambda one: one.expected == "eighths", {"eighths": 0.009}, {"break eighths of a turn"}),
    ("broken", lambda one: one.expected in ("sound", "batch"), {"quarters": 1e-8},
     {"with clamped lengths, and with correctors"}),
    ("broken", lambda one: one.expected in ("sound", "batch"), {"eighths": 1e-8},
     {"with clamped lengths, and with correctors"}),
    ("broken", lambda one: one.expected == "batch", {"company": 1e-7}, {"step shared by the batch makes"}),
    ("broken", lambda one: one.expected != "batch", {"company": 1e-8}, {"without a step shared by the batch"}),
    ("recovered", lambda one: True, {"mismatch": 1e-9}, {"plus the distance between network and average"}),
    ("recovered", lambda one: one.name != KINDS[3], {"fresh": 1e-7}, {"with separate noise for each pose"}),
    ("recovered", lambda one: one.name != KINDS[3], {"recoverable": [9e-4, 0.0, 0.0, 0.0]},
     {"some loss is recoverable"}),
    ("learned", lambda one: (one.kind, one.items) == (KINDS[0], 6), {"above": [0.2, 0.2]}, {LOSSES[0]}),
    ("learned", lambda one: (one.kind, one.items) == (KINDS[1], 6), {"above": [0.2, 0.2]}, {LOSSES[1]}),
    ("learned", lambda one: (one.kind, one.items) == (KINDS[2], 6), {"above": [0.2, 0.2]}, {LOSSES[2]}),
    ("learned", lambda one: (one.kind, one.items) == (KINDS[2], 8), {"above": [0.4, 0.4]}, {LOSSES[3]}),
    ("learned", lambda one: (one.kind, one.items) == (KINDS[3], 8), {"above": [0.4, 0.4]}, {LOSSES[3]}),
    ("learned", lambda one: one.kind == KINDS[3], {"asymmetry": [1e-16, 1e-8]}, {"equivariant networks commute"}),
    ("learned", lambda one: one.kind in KINDS[1:3], {"asymmetry": [0.02, 0.009]}, {"no augmented network commutes"}),
]  # fmt: skip


@pytest.mark.parametrize(("group", "which", "changed", "turned"), SPOILT)
def test_a_conclusion_turns_with_each_of_its_numbers_and_no_other_does(found, group, which, changed, turned):
    """One member is changed at a time: the worst of all decides, be it the least or the largest."""
    for k in places(found, group, which):
        assert turned_by(found, group, k, **changed) == turned


def test_all_conclusions_are_turned_by_some_number():
    assert set().union(*(turned for *_, turned in SPOILT)) == set(SENTENCES)


def test_numbers_that_no_conclusion_is_about_turn_none(found):
    (plain,) = places(found, "learned", lambda one: (one.kind, one.items) == (KINDS[0], 8))
    assert turned_by(found, "learned", plain, above=[9.0, 9.0], asymmetry=[0.0, 0.0]) == set()
    for k in places(found, "turned", lambda one: one.denoiser != AUGMENTED and not one.noisy):
        assert turned_by(found, "turned", k, prior_only=5.0) == set()


def test_a_number_that_is_none_resolves_nothing(found):
    made = verdicts(replace(found, turned=[replace(one, errors=[math.nan]) for one in found.turned]))
    assert made["every path turns with prior and noise"] == "not resolved"
    assert made["paths of the augmented network"] == "not resolved"


# --- every sentence reads alone

_FIRST = "it its they their them those these this that nor so too yet though since hence both neither such one another"
_ANYWHERE = r"\b(it|they|them|those|these|this|nor|too|also|such|latter|former|nonetheless|as well|so)\b"
_ELLIPSIS = r"\b(does|do|did|is|are)( not)?[.,;:]"


def dangling(sentence):
    """Words that stand for something said before."""
    words = re.findall(r"[a-z']+", sentence.lower())
    found = [] if words[0] not in _FIRST.split() else [words[0]]
    return found + [one[0] for one in re.finditer(f"{_ANYWHERE}|{_ELLIPSIS}", sentence.lower())]


def sentences(text):
    return [one for one in re.split(r"(?<=[.!])\s+(?=[A-Z])", text) if one]


@pytest.mark.parametrize("pair", SENTENCES.values(), ids=range(len(SENTENCES)))
def test_both_sentences_of_a_conclusion_read_alone(pair):
    yes, no = pair
    assert yes != no
    for one in pair:
        assert one.endswith(".")
        assert len(sentences(one)) == 1
        assert dangling(one) == []


@pytest.mark.parametrize(
    "said",
    [
        "Nor of those of the exact score.", "So is the augmented one, after as many steps.", "Free noise breaks it.",
        "The augmented network does not: its law is not invariant.", "The augmented network keeps it, too.",
        "It is farther even where it is given equal work.", "None of the augmented networks does.",
        "Yet under it the law is not invariant.", "They do not clearly break the turns between.",
    ],
)  # fmt: skip
def test_sentences_that_lean_on_another_are_seen(said):
    assert dangling(said)


def failed(made, words, verdict="no"):
    return [replace(one, verdict=verdict) if any(each in one.claim for each in words) else one for one in made]


def test_the_answer_reads_whatever_fails(found):
    """Each conclusion fails in turn, alone and with its neighbour; is not resolved; and all fail."""
    made = concluded(found)
    names = list(SENTENCES)
    cases = [failed(made, [words], verdict) for words in names for verdict in ("no", "not resolved")]
    cases += [failed(made, words) for words in pairwise(names)] + [made, failed(made, names)]
    for case in cases:
        text = answered_by(found, case)
        intro, *rest = sentences(text)
        assert intro.startswith("If the prior")
        for one in rest:
            assert dangling(one) == [], one
        for one in case:
            if not one.holds:
                (words,) = (each for each in names if each in one.claim)
                assert one.told(*SENTENCES[words]) in text
    assert SENTENCES["every path turns with prior and noise"][1] not in answered_by(found, made)


def test_claims_read_alone(found):
    for one in concluded(found):
        assert dangling(one.claim + " holds.") == [], one.claim
        unsure = Conclusion(one.claim, "not resolved", 1.0, 2.0, 3.0).told("", "")
        assert dangling(unsure) == []


# --- the page


@pytest.fixture
def texts(monkeypatch):
    """All words of the page, no figure drawn."""
    for name in figures.__all__:
        monkeypatch.setattr(figures, name, lambda *given: given[-1])

    def of(found):
        blocks = [
            block for chapter in chapters(found, concluded(found), 0) for block in (chapter.heading, *chapter.blocks)
        ]
        return " ".join(
            block if isinstance(block, str) else block.caption if isinstance(block, Table) else block.tex
            for block in blocks
        )

    return of


def test_the_page_is_written(found, monkeypatch, tmp_path):
    monkeypatch.setattr(Symmetry, "measure", lambda self, tell: found)
    answer = Symmetry(**TINY).run()
    for words in SENTENCES:
        assert answer[words].claim
    json.dumps(record(answer), allow_nan=False)
    page = write(answer, tmp_path).read_text(encoding="utf-8")
    assert "Theorem." in page
    assert len(list((tmp_path / "symmetry").iterdir())) == 7


def test_every_verdict_is_told_on_the_page(found, texts):
    good, bad = texts(found), failed(concluded(found), SENTENCES)
    for yes, no in SENTENCES.values():
        assert yes in good
        assert no not in good
    for group, which, changed, turned in SPOILT:
        k = places(found, group, which)[0]
        members = list(getattr(found, group))
        members[k] = replace(members[k], **changed)
        said = texts(replace(found, **{group: members}))
        for words in turned:
            assert SENTENCES[words][0] not in said
    assert all(one.verdict == "no" for one in bad)


def test_captions_follow_the_numbers(found, texts):
    told = texts(found)
    assert "random, commutes, 1e-16" in told
    assert "are 1e-16, 2 and 0.06." in told
    other = replace(
        found,
        stepped=[replace(one, asymmetry=[0.25] * len(one.asymmetry)) for one in found.stepped],
        turned=[replace(one, errors=[0.5], prior_only=0.125) for one in found.turned],
    )
    told = texts(other)
    assert "random, commutes, 2e-01" in told
    assert "are 5e-01, 0.12 and 0.5." in told


def test_what_shows_in_path_and_law_is_read_off_the_numbers(found, texts):
    told = texts(found)
    assert "with 5 of these 9: noise wider along one axis;" in told
    assert "at the level 0.01: noise wider along one axis; a shift to one side. It does not reject: prior" in told
    none = texts(replace(found, broken=[replace(one, quarters=CLEAR, eighths=0.0) for one in found.broken]))
    assert "with 0 of these 9: none. Of these the test of the law rejects, at the level 0.01: none." in none
    unknown = texts(replace(found, broken=[replace(one, eighths=math.nan) for one in found.broken]))
    assert "with 9 of these 9" in unknown
