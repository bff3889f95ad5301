"""Sphinx settings: the docs build offline, without downloads and without outside requests from the pages."""

import re
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from equigen.cli.main import app as equigen_command

project = "equigen"
author = "The equigen authors"
copyright = "The equigen authors, Apache-2.0"
version = release = installed_version("equigen")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build", "api/commands.md"]  # the latter is part of another page
myst_enable_extensions = ["deflist", "fieldlist"]
myst_heading_anchors = 3

smartquotes = False  # they would make a dash of the two hyphens of a flag

html_theme = "furo"
html_title = f"equigen {release}"
html_show_sourcelink = False
toc_object_entries = False  # thousands of members, which the navigation of every page would be copied from

autodoc_default_options = {"show-inheritance": True}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
highlight_language = "none"  # formulae are no Python
default_role = "code"  # docstrings write `names` as Markdown does

_SECTION = re.compile(r"^[A-Z][A-Za-z ]+:(\s|$)")
_CODE = re.compile(r"(``.+?``|`[^`]+`)")


def _plain_words(line: str) -> str:
    """Take what reStructuredText would read as markup, outside of `code`, as it is written."""
    parts = _CODE.split(line)
    for place in range(0, len(parts), 2):
        parts[place] = re.sub(r"(?<!\\)([*|])", r"\\\1", parts[place])
        parts[place] = re.sub(r"(\w)_(?=\W|$)", r"\1\\_", parts[place])
    return "".join(parts)


def _as_written(app: object, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Let docstrings be read as they are written: stars and bars are themselves, indented lines are formulae."""
    out: list[str] = []
    in_section = in_formula = in_example = False
    for line in lines:
        indented = line.startswith("    ")
        if line.strip() and not indented:
            in_formula = in_example = False
            in_section = bool(_SECTION.match(line)) and line.rstrip().endswith(":")
        if line.lstrip().startswith(">>>"):
            in_example = True
        elif not line.strip():
            in_example = False
        if indented and not in_section and not in_formula and not in_example and out and not out[-1].strip():
            in_formula = True
            out += ["::", ""]
        out.append(line if in_formula or in_example else _plain_words(line))
    if out and what in ("attribute", "data"):
        out[0] = out[0].replace(": ", " – ", 1)  # napoleon would take what stands before the colon for a type
    lines[:] = out


def _write_pages(app: object) -> None:
    """Write one page per floor of the package: its modules in order, each with all it defines."""
    package = Path(__file__).resolve().parents[1] / "equigen"
    pages = Path(__file__).parent / "api"
    pages.mkdir(exist_ok=True)
    wanted = {}
    for floor in sorted(path for path in package.iterdir() if not path.name.startswith("_")):
        files = sorted(floor.rglob("*.py")) if floor.is_dir() else [floor] if floor.suffix == ".py" else []
        name = f"equigen.{floor.stem}"
        text = f"{name}\n{'=' * len(name)}\n\n"
        for file in sorted(files, key=lambda path: (path.parent, path.name != "__init__.py", path.name)):
            module = ".".join(file.relative_to(package.parent).with_suffix("").parts)
            if file.name == "__init__.py":  # a face: its words, not its members, which stand with their modules
                text += f".. automodule:: {module.removesuffix('.__init__')}\n\n"
                continue
            if module != name:
                text += f"{module}\n{'-' * len(module)}\n\n"
            text += f".. automodule:: {module}\n   :members:\n   :undoc-members:\n\n"
        if files:
            wanted[f"{floor.stem}.rst"] = text
    wanted["index.rst"] = "Modules\n=======\n\n.. toctree::\n\n" + "".join(
        f"   {name.removesuffix('.rst')}\n" for name in sorted(wanted)
    )
    commands = equigen_command.generate_docs("markdown", heading_level=2)
    wanted["commands.md"] = commands[commands.index("### ") :]
    for old in pages.glob("*"):
        if old.name not in wanted:
            old.unlink()
    for name, text in wanted.items():
        page = pages / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Write the pages of the modules before Sphinx reads, and read docstrings before napoleon does."""
    app.connect("builder-inited", _write_pages)
    app.connect("autodoc-process-docstring", _as_written, priority=400)
