"""Documents: text is escaped, formulas become outlines of the right size, tables are rectangular."""

from __future__ import annotations

import re

import pytest

from equigen.report.document import Chapter, Command, Document, Formula, Table, render_document
from equigen.report.drawing import canvas, png
from equigen.report.formula import displayed, inline
from equigen.report.picture import drawn_picture


def size(svg: str) -> tuple[float, float, float]:
    """Width, height and drop below the baseline, in em."""
    width, height = (float(re.search(rf"{side}:([0-9.]+)em", svg)[1]) for side in ("width", "height"))
    drop = re.search(r"vertical-align:(-?[0-9.]+)em", svg)
    return width, height, -float(drop[1]) if drop else 0.0


def test_a_formula_has_the_size_of_its_content():
    one, two = size(inline("$x$")), size(inline("$xx$"))
    assert two[0] > 1.7 * one[0]
    assert size(inline(r"$\frac{a}{b}$"))[1] > 1.5 * one[1]
    assert size(inline("$x_k$"))[2] > one[2] + 0.05  # a subscript hangs below the line of text
    assert size(displayed("x"))[2] == 0.0


def test_what_it_says_is_there_for_those_who_do_not_see_it():
    assert 'aria-label="x &lt; y"' in str(displayed("x < y"))


@pytest.mark.parametrize("text", ["a $x", r"$\nonsense{x}$", r"$\frac{a}$"])
def test_what_is_not_understood_is_told(text):
    with pytest.raises(ValueError, match=r", but formulas stand|is not understood"):
        inline(text)


def test_text_is_escaped_and_formulas_are_not():
    shown = str(inline("<b>5 & 6</b> and $a<b$"))
    assert shown.startswith("&lt;b&gt;5 &amp; 6&lt;/b&gt; and <svg")


def test_blocks_come_in_their_order_each_in_its_own_form():
    figure = drawn_picture(png(canvas(2, 1)), "a figure", "Its caption with $x$.")
    blocks = [
        "First.",
        Formula("x"),
        figure,
        Table(["a", "b"], [["1", "2"]], "Under it."),
        Command("a  b <c>"),
        "Last.",
    ]
    document = Document("T", [("k", "v")], ["Lead."], [Chapter("H", blocks)])
    text = render_document(document)
    marks = [
        "<p>Lead.",
        "<h2>H",
        "<p>First.",
        'class="formula"',
        "<img",
        "<table",
        "Under it.",
        "a  b &lt;c&gt;",
        "Last.",
    ]
    places = [text.index(mark) for mark in marks]
    assert places == sorted(places)
    assert document.pictures == [figure]


def test_a_table_is_rectangular():
    with pytest.raises(ValueError, match="a row has 1 cells and the heading 2"):
        Table(["a", "b"], [["1"]])
