"""Field types: channels, matrices, restriction, and their text."""

import pytest
import torch

from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import O2, Cyclic, Dihedral
from equigen.groups.representation import irreducible
from equigen.groups.symmetric import Symmetric
from equigen.steerable.field_type import FieldType


def by_hand(terms, g):
    """The matrices of all channels, one field after another."""
    fields = [rep for count, rep in terms for _ in range(count)]
    return torch.stack([torch.block_diag(*(rep.matrix(one) for rep in fields)) for one in g])


def test_channels_are_field_major():
    group = Dihedral(4)
    fields = FieldType(group, "2x0e + 3x1 + regular")
    assert (fields.size, fields.fields) == (2 + 6 + 8, 6)
    assert [(part.start, part.stop, count, str(rep)) for part, count, rep in fields.parts()] == [
        (0, 2, 2, "0e"),
        (2, 8, 3, "1"),
        (8, 16, 1, "regular"),
    ]


@pytest.mark.parametrize("text", ["2x0e + 3x1", "2xregular", "0o + 2xquotient(D1@45) + tensor(1, 1)"])
def test_matrices_act_field_by_field(text):
    group = Dihedral(4)
    fields = FieldType(group, text)
    expected = by_hand(fields.terms, group.elements())
    torch.testing.assert_close(fields.matrix(group.elements()), expected, rtol=0, atol=1e-14)
    assert fields.matrix(group.elements().float()).dtype == torch.float32


def test_a_planted_interleaved_layout_is_seen():
    group = Cyclic(4)
    fields = FieldType(group, "2x1")
    interleaved = torch.kron(irreducible(group, "1").matrix(group.elements()[1]), torch.eye(2).double())
    assert float((fields.matrix(group.elements()[1]) - interleaved).abs().max()) == 1.0


@pytest.mark.parametrize(
    ("group", "text", "printed"),
    [
        (Cyclic(8), "8xregular", "8xregular"),
        (Cyclic(8), "4x0e+4x1 +4x2", "4x0e + 4x1 + 4x2"),
        (Cyclic(4), "4x0e + 4x1 + 2x2e", "4x0e + 4x1 + 2x2e"),
        (O2(), "2xregular(3) + 1", "2xregular(3) + 1x1"),
        (Dihedral(4), "3x(0e + 1)", "3x(0e + 1)"),
    ],
    ids=str,
)
def test_text_goes_round(group, text, printed):
    fields = FieldType(group, text)
    assert str(fields) == printed
    assert FieldType(group, printed) == fields
    assert hash(FieldType(group, printed)) == hash(fields)
    assert repr(fields) == f"FieldType({group.name}, {printed!r})"


def test_a_restricted_type_keeps_channels_and_matrices_and_reads_back():
    fields = FieldType(O2(), "2xregular(2) + 0o + 3")
    for subgroup in (Cyclic(4), Dihedral(3), Dihedral(4, axis=0.3)):
        restricted = fields.restrict(subgroup)
        g = subgroup.elements()
        torch.testing.assert_close(restricted.matrix(g), fields.matrix(g), rtol=0, atol=1e-13)
        assert FieldType(subgroup, str(restricted)) == restricted
        assert restricted.fields == fields.fields


def test_invariants_are_channel_vectors_left_alone():
    group = Dihedral(4)
    fields = FieldType(group, "2x0e + 1 + 2xregular")
    columns = fields.invariants()
    assert columns.shape == (2 + 2 + 16, 4)
    torch.testing.assert_close(columns.T @ columns, torch.eye(4).double(), rtol=0, atol=1e-14)
    moved = fields.matrix(group.elements()) @ columns
    torch.testing.assert_close(moved, columns.expand_as(moved), rtol=0, atol=1e-14)


def test_types_are_equal_by_their_terms():
    group = Dihedral(4)
    assert FieldType(group, [(2, regular(group))]) == FieldType(group, "2xregular")
    assert FieldType(group, "2x1") != FieldType(group, "1 + 1 + 1")
    assert FieldType(group, "1x0e") != FieldType(Cyclic(4), "1x0e")
    assert FieldType(group, "0e + 1") == FieldType(group, "0e") + FieldType(group, "1")
    assert len({FieldType(group, "2xregular"), FieldType(group, "2 xregular"), FieldType(group, "regular")}) == 2


def test_bad_terms_are_refused():
    group = Cyclic(4)
    with pytest.raises(ValueError, match=r"^'4x0e \+ 4x0' cannot be read at character 10: .* '0' is written '0e'\.$"):
        FieldType(group, "4x0e + 4x0")
    with pytest.raises(ValueError, match=r"no terms, .* FieldType\(group, \"1x0e\"\)"):
        FieldType(group, [])
    with pytest.raises(ValueError, match=r"a term has 0 fields"):
        FieldType(group, [(0, regular(group))])
    with pytest.raises(ValueError, match=r"quotient\(C2\) belongs to C8, not to C4"):
        FieldType(group, [(1, quotient(Cyclic(8), Cyclic(2)))])


@pytest.mark.parametrize(
    ("attempt", "message"),
    [
        (lambda: FieldType("C4", "8xregular"), r"group is 'C4', .*: pass plane_group\(\"C4\"\)"),  # type: ignore[arg-type]
        (
            lambda: FieldType(Symmetric(3), "1x0e"),  # type: ignore[arg-type]
            r"group is S3, which does not act on the plane, .*: pass Cyclic\(4\)",
        ),
        (lambda: FieldType(Cyclic(4), 8), r'terms is 8, .*: write FieldType\(group, "8xregular"\)'),  # type: ignore[arg-type]
        (lambda: FieldType(Cyclic(4), None), r'terms is None, .*: write FieldType\(group, "8xregular"\)'),  # type: ignore[arg-type]
        (lambda: FieldType(Cyclic(4), [(2, "regular")]), r'a term is \(2, \'regular\'\), .*"2xregular"\)'),  # type: ignore[list-item]
        (lambda: FieldType(Cyclic(4), [(regular(Cyclic(4)), 2)]), r"number comes first: write \(2, regular\)"),  # type: ignore[list-item]
        (lambda: FieldType(Cyclic(4), [regular(Cyclic(4))]), r"a term is regular alone, .* \(1, regular\)"),  # type: ignore[list-item]
        (lambda: FieldType(Cyclic(4), [(1, 2, 3)]), r"a term is \(1, 2, 3\), .* \(number of fields, representation\)"),  # type: ignore[list-item]
        (lambda: FieldType(Cyclic(4), "1") + "1x0e", r"'1x0e' is added .* fields \+ FieldType\(group, '1x0e'\)"),  # type: ignore[operator]
        (lambda: FieldType(Cyclic(4), "1").restrict("C2"), r"subgroup is 'C2', .*plane_group\(\"C2\"\)"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_group_and_no_term_is_refused(attempt, message):
    with pytest.raises(TypeError, match=message + r"\.$"):
        attempt()
