"""Names of representations: read, written, read again; what cannot be read is answered with place and legal names."""

import random

import pytest

from equigen.groups.change_of_basis import change_basis
from equigen.groups.function_spaces import quotient, regular
from equigen.groups.induction import induce
from equigen.groups.naming import read_representation, read_terms, write_terms
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral, plane_group
from equigen.groups.representation import direct_sum, irreducible
from equigen.groups.restriction import restrict
from equigen.groups.tensor_products import tensor_product
from tests.groups.all_groups import PLANE_GROUPS
from tests.groups.every_representation import kinds, orthogonal

D4 = Dihedral(4)
MEANINGS = {
    "0o": irreducible(D4, "0o"),
    "regular": regular(D4),
    "regular(1)": regular(D4, 1),
    "quotient(C2)": quotient(D4, Cyclic(2)),
    "quotient(D1@45)": quotient(D4, plane_group("D1@45")),
    "quotient(C2, 1)": quotient(D4, Cyclic(2), 1),
    "tensor(quotient(C2), 1)": tensor_product(quotient(D4, Cyclic(2)), irreducible(D4, "1")),
    "restrict(D8, regular)": restrict(regular(Dihedral(8)), D4),
    "restrict(O2, restrict(O2, 3))": restrict(irreducible(O2(), "3"), D4),
    "induce(C2, 1e)": induce(irreducible(Cyclic(2), "1e"), D4),
    "0e + 1": direct_sum([irreducible(D4, "0e"), irreducible(D4, "1")]),
    "tensor(0e + 1, 1)": tensor_product(
        direct_sum([irreducible(D4, "0e"), irreducible(D4, "1")]), irreducible(D4, "1")
    ),
}


@pytest.mark.parametrize("text", MEANINGS)
def test_a_name_means_what_it_says(text):
    found = read_representation(D4, text)
    assert found == MEANINGS[text]
    assert read_representation(D4, str(MEANINGS[text])) == found
    assert read_representation(D4, f"  ( {text.replace(',', ' , ')} ) ") == found


def test_different_names_mean_different_representations():
    assert len(set(MEANINGS.values())) == len(MEANINGS)


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_what_is_written_reads_back(name):
    group = PLANE_GROUPS[name]
    terms = tuple((i + 1, rep) for i, (kind, rep) in enumerate(kinds(group).items()) if kind != "turned")
    text = write_terms(terms)
    assert read_terms(group, text) == terms
    assert write_terms(read_terms(group, text)) == text
    assert read_terms(group, text.replace(" ", "")) == terms


def test_a_name_of_ones_own_is_written_but_not_read():
    own = change_basis(regular(D4), orthogonal(8), "coefficients")
    text = write_terms([(2, own)])
    assert text == "2xcoefficients"
    with pytest.raises(ValueError, match="at character 3: 'coefficients' is no representation of D4"):
        read_terms(D4, text)


def test_reading_twice_gives_the_same_objects():
    assert read_terms(D4, "8xregular") is read_terms(D4, "8xregular")


LEGAL = "regular, quotient(H), regular(3), quotient(H, 3), tensor(a, b), restrict(G, a), induce(H, a)"
REFUSED = [
    (
        Cyclic(4),
        "4x0e + 4x0",
        10,
        f"'0' is no representation of C4, which has 0e, 1, 2e, {LEGAL}: '0' is written '0e'.",
    ),
    (Cyclic(4), "2", 1, "'2' is written '2e'."),
    (D4, "2x2", 3, "'2' is written '2e' or '2o'."),
    (D4, "1e", 1, "'1e' is written '1'."),
    (Cyclic(4), "0o", 1, "without reflections there is no 'o', write '0e'."),
    (Cyclic(4), "3x3", 3, "frequency 3 acts as '1', write that."),
    (Dihedral(3), "1 + 3", 5, "frequency 3 acts as '0e' or '0o', write that."),
    (O2(), "regulr", 1, "has 0e, 0o, 1, 2, 3, ..., regular(3), quotient(H, 3), tensor(a, b)"),
    (O2(), "regulr", 1, ": write regular(3)."),
    (Cyclic(4), "regulr", 1, ": write regular."),
    (D4, "quotint(C2)", 1, ": write quotient(H)."),
    (Cyclic(4), "8regular", 1, "a number of fields and their representation are joined by 'x': write '8xregular'."),
    (Cyclic(4), "8 regular", 1, "write '8xregular'."),
    (Cyclic(4), "8*regular", 1, "write '8xregular'."),
    (Cyclic(4), "8 · regular", 1, "write '8xregular'."),
    (Cyclic(4), "8Xregular", 1, "write '8xregular'."),
    (Cyclic(4), "0e + 4*1", 6, "write '4x1'."),
    (SO2(), "8 regular", 1, "write '8xregular(3)'."),
    (SO2(), "8 regular(2)", 1, "write '8xregular(2)'."),
    (D4, "8quotient(D1@45)", 1, "write '8xquotient(D1@45)'."),
    (D4, "8 quotient", 1, "write '8xquotient(H)'."),
    (Cyclic(4), "8 tensor(quotient(C2), 1)", 1, "write '8xtensor(...)'."),
    (Cyclic(4), "2(0e + 1)", 1, "write '2x(0e + 1)'."),
    (Cyclic(4), "2((0e + 1) + 1)", 1, "write '2x(...)'."),
    (Cyclic(4), "8 vector", 1, "write '8x1'."),
    (Cyclic(4), "2x8 regular", 3, "fields are counted once, in front of a whole term: write 'regular'."),
    (Cyclic(4), "tensor(8regular, 1)", 8, "in front of a whole term: write 'regular'."),
    (Cyclic(4), "(2x1 + 0e)", 2, "in front of a whole term: write '1'."),
    (Cyclic(4), "8xA1", 3, "'A1' is no representation of C4: write one of 0e, 1, 2e, regular"),
    (Cyclic(4), "8xB1", 3, "'B1' is no representation of C4: write one of 0e, 1, 2e, regular"),
    (Cyclic(4), "8xscalar", 3, ": write 0e."),
    (O2(), "8xtrivial", 3, ": write 0e."),
    (O2(), "8xsign", 3, ": write 0o."),
    (Cyclic(4), "8xsign", 3, "'sign' is no representation of C4: write one of 0e, 1, 2e, regular"),
    (D4, "8xvector", 3, ": write 1."),
    (Cyclic(2), "8xvector", 3, "'vector' is no representation of C2: write one of 0e, 1e, regular"),
    (SO2(), "regular(1000000000)", 1, "frequency is 1000000000, but a whole number, from 0 to 1024, was needed"),
    (SO2(), "regular(" + "9" * 5000 + ")", 1, "from 0 to 1024, was needed: write regular(3)."),
    (SO2(), "1000000000", 1, "a frequency above 1024 stands where a lower one was needed: write 3."),
    (SO2(), "9" * 5000, 1, "a frequency above 1024 stands where a lower one was needed: write 3."),
    (SO2(), "9" * 5000 + "x1", 1, "a term has up to 999999999 fields, but 5000 digits are given: write fewer."),
    (SO2(), "quotient(C999999999, 3)", 10, "n is 999999999, but a whole number, from 1 to 10000, was needed"),
    (Cyclic(5000), "regular", 1, "regular of C5000 has 5000 coordinates, but representations have up to 1024"),
    (SO2(), "tensor(regular(100), regular(100))", 1, "has 40401 coordinates, but representations have up to 1024"),
    (O2(), "induce(SO2, regular(500))", 1, "of O2 has 2002 coordinates, but representations have up to 1024"),
    (
        SO2(),
        "0e + regular",
        6,
        "SO2 has infinitely many elements, but a largest frequency was needed: write regular(3).",
    ),
    (Cyclic(4), "", 1, "the end stands where a representation was needed of C4: write one of 0e, 1, 2e, regular"),
    (Cyclic(4), "2x", 3, "the end stands where a representation was needed"),
    (Cyclic(4), "0e + + 1", 6, "'+' stands where a representation was needed"),
    (Cyclic(4), "2x0e +", 7, "the end stands where a representation was needed"),
    (Cyclic(4), "nonsense", 1, "'nonsense' is no representation of C4: write one of 0e, 1, 2e"),
    (Cyclic(4), "1 1", 3, "'1' stands where the text should end or go on with '+'"),
    (Cyclic(4), "0x1", 1, "a term has 0 fields, but needs one or more: leave the term out."),
    (Cyclic(4), "1 + -2x1", 5, "a term has -2 fields"),
    (Cyclic(4), "quotient(D1)", 1, "D1 is no subgroup of C4, but cosets need one: pass a subgroup."),
    (Cyclic(4), "quotient(D)", 10, "'D' is no group of the plane: write C4, D4, D1@45 (axis in degrees), SO2 or O2."),
    (Cyclic(4), "quotient(C2", 12, "the end stands where ')' was needed: write quotient(H, 3)."),
    (Cyclic(4), "quotient(C2, x)", 14, "'x' stands where a largest frequency was needed"),
    (Cyclic(4), "tensor(1)", 9, "')' stands where ',' was needed: write tensor(a, b)."),
    (Cyclic(4), "tensor(1, 7)", 11, "frequency 7 acts as '1'"),
    (Cyclic(4), "regular(x)", 9, "'x' stands where a largest frequency was needed: write regular(3)."),
    (Cyclic(4), "restrict(C6, 1)", 1, "C4 is no subgroup of C6"),
    (Cyclic(4), "restrict(D4, 2)", 14, "'2' is no representation of D4"),
    (SO2(), "induce(C2, 1e)", 1, "C2 has infinitely many cosets in SO2"),
    (Cyclic(4), "2x(0e + 1", 10, "the end stands where ')' was needed: close the sum."),
]


@pytest.mark.parametrize(("group", "text", "place", "why"), REFUSED, ids=lambda value: str(value)[:40])
def test_a_bad_name_is_answered_with_its_place_and_the_legal_ones(group, text, place, why):
    with pytest.raises(ValueError, match="cannot be read") as caught:
        read_terms(group, text)
    message = str(caught.value)
    assert message.startswith(f"{text!r} cannot be read at character {place}: ")
    assert why in message
    assert message.endswith(".")
    assert "\n" not in message
    assert caught.type is ValueError
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_texts_with_a_slip_are_read_or_refused_and_nothing_else():
    draw = random.Random(0)
    text = "2x(0e + 1) + 3xtensor(quotient(C2), 1) + restrict(D8, 2)"
    refused = 0
    for _ in range(300):
        place = draw.randrange(len(text))
        slip = text[:place] + draw.choice(["", "(", ")", ",", "+", "x", "1", "e", "@", "²", " "]) + text[place + 1 :]
        try:
            terms = read_terms(D4, slip)
        except ValueError as error:
            refused += 1
            assert "cannot be read at character" in str(error)  # noqa: PT017
        else:
            assert read_terms(D4, write_terms(terms)) == terms
    assert 150 < refused < 300
