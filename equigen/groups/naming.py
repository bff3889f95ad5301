"""How representations of the plane groups are written, and how the text is read.

terms           4x0e + 4x1 + 8xregular       a number of fields, x, and a representation; one field without "4x"
irreducible     0e, 0o, 1, 2, ..., 2e        as the group lists them
functions       regular, regular(3), quotient(C2), quotient(D1@45, 3)      with a number: up to that frequency
products        tensor(regular, 1)
restrictions    restrict(D8, regular)        from a larger group
inductions      induce(C2, 1e)               from a subgroup
sums            (0e + 1)                     one field with both

A group has up to 10000 rotations, a frequency on an infinite group is up to 1024, a representation has up
to 1024 coordinates, and a term up to 999999999 fields: text that asks for more is refused before anything is computed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from functools import lru_cache

from equigen.groups.folding import fold
from equigen.groups.function_spaces import quotient, regular
from equigen.groups.induction import induce
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import plane_group
from equigen.groups.representation import Representation, direct_sum, irreducible
from equigen.groups.restriction import restrict
from equigen.groups.tensor_products import tensor_product

__all__ = ["read_representation", "read_terms", "write_terms"]

_FUNCTIONS = {
    "regular": "regular(3)",
    "quotient": "quotient(H, 3)",
    "tensor": "tensor(a, b)",
    "restrict": "restrict(G, a)",
    "induce": "induce(H, a)",
}
_WORDS = {"scalar": "0e", "trivial": "0e", "sign": "0o", "vector": "1"}
_HIGHEST = 1024
_COUNTED = re.compile(rf"([0-9]+)\s*(?:[*·×Xx]\s*([A-Za-z0-9]+|\()|({'|'.join((*_FUNCTIONS, *_WORDS))}|\())")


@lru_cache(maxsize=512)
def read_terms(group: PlaneGroup, text: str) -> tuple[tuple[int, Representation], ...]:
    """The terms of a field type, from text such as "4x0e + 4x1 + 8xregular".

    Args:
        group: whose representations are named.
        text: see the module for the ways of writing.

    Returns:
        Pairs (number of fields, representation), in order.

    Raises:
        ValueError: the text cannot be read; the message says at which character, and what is legal there.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> [(count, str(representation)) for count, representation in read_terms(Cyclic(4), "2x0e + regular")]
        [(2, '0e'), (1, 'regular')]
    """
    reader = _Reader(text)
    terms = [reader.term(group)]
    while reader.take("+"):
        terms.append(reader.term(group))
    reader.end()
    return tuple(terms)


@lru_cache(maxsize=512)
def read_representation(group: PlaneGroup, text: str) -> Representation:
    """One representation, from its name.

    Args:
        group: whose representation is named.
        text: such as "1", "regular", "quotient(C2)", "tensor(regular, 1)", "0e + 1".

    Raises:
        ValueError: the text cannot be read; the message says at which character, and what is legal there.

    Example:
        >>> from equigen.groups.plane_groups import Dihedral
        >>> read_representation(Dihedral(4), "tensor(quotient(C2), 1)").size
        8
    """
    reader = _Reader(text)
    representation = reader.sum(group)
    reader.end()
    return representation


def write_terms(terms: Sequence[tuple[int, Representation]]) -> str:
    """The text of a field type, which `read_terms` reads back.

    A representation of a name of one's own, as a change of basis has, is written by it, and cannot be read back.

    Example:
        >>> from equigen.groups.plane_groups import Cyclic
        >>> write_terms(read_terms(Cyclic(4), "2x(0e+1)+regular"))
        '2x(0e + 1) + 1xregular'
    """
    return " + ".join(f"{count}x{_in_brackets(str(representation))}" for count, representation in terms)


def _in_brackets(name: str) -> str:
    """A name that is a sum, in brackets; any other as it is."""
    bare = name
    while re.search(r"\([^()]*\)", bare):
        bare = re.sub(r"\([^()]*\)", "", bare)
    return f"({name})" if " + " in bare else name


class _Reader:
    """A place in a text, which moves on as the text is read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.failure: ValueError | None = None  # one in which the place is already said

    def take(self, mark: str) -> bool:
        self._skip()
        found = self.text.startswith(mark, self.place)
        self.place += len(mark) * found
        return found

    def match(self, pattern: str) -> str:
        self._skip()
        found = re.compile(pattern).match(self.text, self.place)
        self.place = found.end() if found else self.place
        return found[0] if found else ""

    def _skip(self) -> None:
        while self.text[self.place : self.place + 1].isspace():
            self.place += 1

    def fail(self, place: int, why: str) -> ValueError:
        self.failure = ValueError(f"{self.text!r} cannot be read at character {place + 1}: {why.rstrip('.')}.")
        return self.failure

    def need(self, mark: str, fix: str) -> None:
        if not self.take(mark):
            raise self.fail(self.place, f"{self._seen()} stands where {mark!r} was needed: {fix}")

    def _seen(self) -> str:
        return repr(self.text[self.place]) if self.place < len(self.text) else "the end"

    def end(self) -> None:
        self._skip()
        if self.place < len(self.text):
            why = f"{self._seen()} stands where the text should end or go on with '+'"
            raise self.fail(self.place, f'{why}: write terms as "4x0e + 4x1"')

    def term(self, group: PlaneGroup) -> tuple[int, Representation]:
        self._skip()
        start = self.place
        count = self.match(r"-?[0-9]+(?=\s*x)")
        if not count and (counted := self.counted(group)):
            raise self.fail(start, f"a number of fields and their representation are joined by 'x': write {counted!r}")
        if len(count) > 9:
            raise self.fail(start, f"a term has up to 999999999 fields, but {len(count)} digits are given: write fewer")
        if count and int(count) < 1:
            raise self.fail(start, f"a term has {count} fields, but needs one or more: leave the term out")
        if count:
            self.take("x")
        return int(count or 1), self.one(group)

    def counted(self, group: PlaneGroup) -> str:
        """How a number of fields and a representation that stand here, joined somehow, are written; "" for others."""
        found = _COUNTED.match(self.text, self.place)
        return f"{found[1]}x{_written(group, found[2] or found[3], self.text[found.end() :])}" if found else ""

    def sum(self, group: PlaneGroup) -> Representation:
        summands = [self.one(group)]
        while self.take("+"):
            summands.append(self.one(group))
        return direct_sum(summands) if len(summands) > 1 else summands[0]

    def one(self, group: PlaneGroup) -> Representation:
        self._skip()
        start = self.place
        if self.take("("):
            representation = self.sum(group)
            self.need(")", "close the sum")
            return representation
        if counted := self.counted(group):
            meant = counted.partition("x")[2]
            raise self.fail(start, f"fields are counted once, in front of a whole term: write {meant!r}")
        word = self.match(r"[\w@.]+")
        if group.rotations is None and word.isdecimal() and (len(word) > 9 or int(word) > _HIGHEST):
            raise self.fail(start, f"a frequency above {_HIGHEST} stands where a lower one was needed: write 3")
        try:
            return self.function(group, word) if word in _FUNCTIONS else irreducible(group, word)
        except ValueError as error:
            if error is self.failure:
                raise
            why = str(error) if word in _FUNCTIONS else _unknown(group, word, self._seen())
            raise self.fail(start, why) from None

    def function(self, group: PlaneGroup, word: str) -> Representation:
        form = f"write {_FUNCTIONS[word]}"
        if word == "regular":
            frequency = self.frequency(form) if self.take("(") else None
            return regular(group, frequency)
        self.need("(", form)
        if word == "tensor":
            first = self.sum(group)
            self.need(",", form)
            second = self.sum(group)
            self.need(")", form)
            return tensor_product(first, second)
        other = self.other_group()
        if word == "quotient":
            if self.take(","):
                return quotient(group, other, self.frequency(form))
            self.need(")", form)
            return quotient(group, other)
        self.need(",", form)
        inner = self.sum(other)
        self.need(")", form)
        return restrict(inner, group) if word == "restrict" else induce(inner, group)

    def frequency(self, form: str) -> int:
        digits = self.match(r"[0-9]+")
        if not digits:
            raise self.fail(self.place, f"{self._seen()} stands where a largest frequency was needed: {form}")
        self.need(")", form)
        return int(digits.lstrip("0")[:12] or 0)

    def other_group(self) -> PlaneGroup:
        self._skip()
        start = self.place
        try:
            return plane_group(self.match(r"[\w@.]+"))
        except ValueError as error:
            raise self.fail(start, str(error)) from None


def _unknown(group: PlaneGroup, word: str, seen: str) -> str:
    """Why a word names no representation of the group, what is legal, and what was probably meant."""
    names = [irrep.name for irrep in group.irreps(3 if group.rotations is None else None)]
    more = ["..."] if group.rotations is None else ["regular", "quotient(H)"]
    legal = [*names, *more, *_FUNCTIONS.values()]
    said = f"{word!r} is no representation of" if word else f"{seen} stands where a representation was needed of"
    meant = _meant(group, word, names)
    if not meant:
        return f"{said} {group.name}: write one of {', '.join(legal)}"
    return f"{said} {group.name}, which has {', '.join(legal)}: {meant}"


def _meant(group: PlaneGroup, word: str, names: list[str]) -> str:
    number = re.fullmatch(r"([0-9]{1,9})([eo]?)", word)
    if _WORDS.get(word) in names:
        return f"write {_WORDS[word]}"
    if number is None:
        # Of two letters one alone is no likeness: "A1" is not meant for "1".
        near = difflib.get_close_matches(word, [*names, *_FUNCTIONS], n=1, cutoff=0.6 if len(word) > 2 else 0.75)
        return f"write {_written(group, near[0], '')}" if near else ""
    k, letter = int(number[1]), number[2]
    at_end = k == 0 or 2 * k == group.rotations
    if letter == "o" and at_end:
        return f"without reflections there is no 'o', write '{k}e'"
    kinds = dict.fromkeys(irrep.name for irrep in fold(group, k)[0])
    same = " or ".join(f"'{name}'" for name in kinds)
    if at_end or letter:
        return f"{word!r} is written {same}"
    return f"frequency {k} acts as {same}, write that"


def _written(group: PlaneGroup, name: str, rest: str) -> str:
    """How a name is to be written: with its brackets, as they stand in the rest of the text, or what belongs there."""
    if name == "(" or (name in _FUNCTIONS and rest.lstrip().startswith("(")):
        inside = re.match(r"([^()]*)\)" if name == "(" else r"\s*\(([^()]*)\)", rest)
        return f"{name.rstrip('(')}({inside[1] if inside else '...'})"
    if group.order is not None and name in ("regular", "quotient"):
        return {"regular": "regular", "quotient": "quotient(H)"}[name]
    irreps = [irrep.name for irrep in group.irreps(1)]
    return _WORDS[name] if _WORDS.get(name) in irreps else _FUNCTIONS.get(name, name)
