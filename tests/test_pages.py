"""What README and docs tell a reader to type works: commands parse, Python runs, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from cyclopts import CycloptsError

from equigen.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
TYPED = [page for page in PAGES if page.name != "design.md"]  # the plan shows commands that are still to come


def blocks(text: str, language: str) -> list[str]:
    """The fenced code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[list[str]]:
    """The words of every `equigen` command in the shell blocks."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[1:] for line in words if line and Path(line[0]).name == "equigen"]


def command_faults(text: str) -> list[str]:
    """Commands of a page that the command line would not understand."""
    faults = []
    for words in commands(text):
        try:
            app.parse_args(words, exit_on_error=False, print_error=False)
        except CycloptsError as error:
            error.verbose = False
            faults.append(f"equigen {' '.join(words)}: {error}")
    return faults


def link_faults(page: Path) -> list[str]:
    """Links of a page to files that are not there."""
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    return [target for target in targets if not (page.parent / target).exists()]


@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.name)
def test_commands_are_understood(page):
    assert command_faults(page.read_text(encoding="utf-8")) == []


def test_the_pages_show_commands():
    assert len(commands((ROOT / "README.md").read_text(encoding="utf-8"))) >= 5


def test_a_planted_false_command_is_found():
    assert "--steps" in command_faults("```sh\nequigen train digits --stps 3\n```\n")[0]


@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.name)
def test_python_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for block in blocks(page.read_text(encoding="utf-8"), "python"):
        exec(compile(block, str(page), "exec"), {})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    assert link_faults(page) == []


def test_a_planted_dead_link_is_found(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("[here](a.md), [there](b.md), [far](https://example.org/c)", encoding="utf-8")
    assert link_faults(page) == ["b.md"]


def test_ci_runs_what_the_readme_shows():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    marked = "".join(re.findall(r"^<!-- run by \.ci/run -->\n```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL))
    for command in ("make demo", "make test", "make check"):
        assert re.search(rf"^{command}\b", marked, flags=re.MULTILINE)
