"""A document in chapters of paragraphs, formulas, pictures and tables, as one self-contained page that opens offline.

Paragraphs, captions and cells are text in which `$...$` is mathematics.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from equigen.report.formula import displayed, inline
from equigen.report.picture import Picture, pictures

__all__ = ["Block", "Chapter", "Command", "Document", "Formula", "Table", "render_document", "style"]


@dataclass(frozen=True)
class Formula:
    """A formula on a line of its own.

    Args:
        tex: as matplotlib's mathtext has it, without dollars.
    """

    tex: str


@dataclass(frozen=True)
class Command:
    """What is typed, as it is typed.

    Args:
        text: one line or several.
    """

    text: str


@dataclass(frozen=True)
class Table:
    """Rows under a heading.

    Args:
        heading: a name for each column.
        rows: cells, as many in each row as the heading has.
        caption: the words under it.
        words: places of the columns of text, which stand left and wrap; the others are numbers, which stand right.

    Raises:
        ValueError: rows of another length than the heading.
    """

    heading: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    words: Sequence[int] = (0,)

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.heading):
                raise ValueError(
                    f"a row has {len(row)} cells and the heading {len(self.heading)}, but a table needs as many: "
                    "give a cell for each column."
                )


Block = str | Formula | Command | Table | Picture
"""What a chapter is made of; a str is a paragraph."""


@dataclass(frozen=True)
class Chapter:
    """A heading and what stands under it.

    Args:
        heading: its words.
        blocks: paragraphs, formulas, tables and pictures in their order.
    """

    heading: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Document:
    """A page.

    Args:
        title: of the page.
        facts: (name, value) pairs under the title.
        lead: what it comes to, in a paragraph or a few.
        chapters: the rest.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    lead: Sequence[str]
    chapters: Sequence[Chapter]

    @property
    def pictures(self) -> list[Picture]:
        """All pictures, in their order."""
        return list(pictures([list(chapter.blocks) for chapter in self.chapters]))


def render_document(document: Document) -> str:
    """The page as HTML.

    Raises:
        ValueError: a formula that is not understood.

    Example:
        >>> page = render_document(Document("Noise", [], ["It grows as $t$."], [Chapter("Why", ["Because."])]))
        >>> "<h2>Why</h2>" in page, "$" in page
        (True, False)
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"inline": inline, "displayed": displayed}
    environment.tests |= {
        "paragraph": lambda block: isinstance(block, str),
        "command": lambda block: isinstance(block, Command),
        "formula": lambda block: isinstance(block, Formula),
        "table": lambda block: isinstance(block, Table),
    }
    text = files("equigen.report").joinpath("document.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(text).render(document=document, style=style())


def style() -> Markup:
    """The style sheet of all pages."""
    return Markup(files("equigen.report").joinpath("style.css").read_text(encoding="utf-8"))
