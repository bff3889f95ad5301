"""Self-attention for the conformance suite: one head and several, one term and several."""

from __future__ import annotations

from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import O2, Cyclic, Dihedral
from equigen.steerable.attention import SelfAttention
from equigen.steerable.field_type import FieldType
from tests.steerable.cases.case import Case

__all__ = ["CASES"]


def _case(name: str, group: PlaneGroup, fields: str, heads: int, size=(4, 4)):
    return Case(name, lambda: SelfAttention(FieldType(group, fields), heads), size=size)


CASES = [
    _case("attention", Cyclic(4), "2x0e + 2x1 + 2xregular", 2),
    _case("attention/one-head", Dihedral(4), "1xregular + 1x0o", 1, size=(3, 5)),
    _case("attention/one-term", Cyclic(8), "2xregular", 2),
    _case("attention/reflections", O2(), "2x0e + 2x1", 2),
]
