"""The house rules hold for equigen, and each check finds a fault that is planted in a package of its own."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.files import machine_path_faults, name_faults, print_faults, size_faults
from tests.architecture.imports import FLOORS, arrow_faults, circle_faults, heavy_imports, imports
from tests.architecture.source import modules
from tests.architecture.surface import docstring_faults, doctest_faults, example_faults, export_faults, face_faults

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "equigen"
HEAVY = ("torch", "numpy", "matplotlib", "accelerate")
NOT_OURS = {".git", ".venv", "__pycache__", "runs", "_build", ".pytest_cache", ".ruff_cache", ".hypothesis", "LICENSE"}
LISTED = '"""A module."""\n\n__all__: list[str] = []\n'


def plant(folder: Path, files: dict[str, str]) -> Path:
    """A package `planted` with the given files; folders get an `__init__.py`."""
    package = folder / "planted"
    for name, text in {"__init__.py": '"""A package."""\n', **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        face = path.parent / "__init__.py"
        if not face.exists():
            face.write_text('"""A face."""\n', encoding="utf-8")
    return package


# --- imports


def test_no_circle():
    assert circle_faults(PACKAGE) == []


@pytest.mark.parametrize(
    "back",
    [
        "from planted.a import x\n",
        "import planted.a\n",
        "from . import a\n",
        "from .a import x\n",
        "def late():\n    from planted.a import x\n",
        "import importlib\n\nimportlib.import_module('planted.a')\n",
        "app.command('planted.a:x')\n",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    pass\nelse:\n    import planted.a\n",
    ],
)
def test_a_planted_circle_is_found(tmp_path, back):
    package = plant(tmp_path, {"a.py": "def f():\n    from planted.b import y\n", "b.py": back})
    assert circle_faults(package) == ["planted.a -> planted.b -> planted.a"]


def test_imports_for_types_alone_make_no_circle(tmp_path):
    back = "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from planted.a import x\n"
    assert circle_faults(plant(tmp_path, {"a.py": "import planted.b\n", "b.py": back})) == []


def test_arrows_run_as_drawn():
    assert arrow_faults(PACKAGE) == []


def test_the_checks_see_the_imports_they_judge():
    made = {(found.source, found.target) for found in imports(modules(PACKAGE))}
    assert ("equigen.diffusion.schedules.edm", "equigen.diffusion.schedules.schedule") in made


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("diffusion/a.py", "from planted.groups.b import x\n"),
        ("spaces/a.py", "import planted.diffusion.b\n"),
        ("steerable/a.py", "def f():\n    from ..diffusion import b\n"),
        ("random.py", "from planted.spaces.b import x\n"),
        ("training/a.py", "from planted.report import b\n"),
        ("training/a.py", "def f():\n    from planted.cli.b import x\n"),
        ("store.py", "import planted.data.b\n"),
    ],
)
def test_a_planted_arrow_up_is_found(tmp_path, name, text):
    others = {f"{floor}/b.py": "x = 1\n" for floor in ("groups", "diffusion", "spaces", "report", "cli", "data")}
    assert len(arrow_faults(plant(tmp_path, {**others, name: text}))) == 1


def test_arrows_down_are_allowed(tmp_path):
    files = {"spaces/b.py": "x = 1\n", "cli/a.py": "from planted.spaces.b import x\nfrom planted import __version__\n"}
    assert arrow_faults(plant(tmp_path, files)) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("from planted.spaces import Euclidean\n", "face"),
        ("from planted.misnamed.b import x\n", "does not exist"),
    ],
)
def test_planted_imports_through_a_face_or_of_nothing_are_found(tmp_path, text, word):
    faults = arrow_faults(plant(tmp_path, {"spaces/b.py": "x = 1\n", "diffusion/a.py": text}))
    assert len(faults) == 1
    assert word in faults[0]


def test_a_planted_floor_that_is_not_drawn_is_found(tmp_path):
    assert "'attic' is not drawn" in arrow_faults(plant(tmp_path, {"attic/a.py": LISTED}))[0]


def test_the_towers_stand_apart():
    assert not FLOORS["diffusion"] & {"groups", "steerable", "graphs", "symmetry"}
    assert not (FLOORS["steerable"] | FLOORS["graphs"]) & {"diffusion", "symmetry"}


@pytest.mark.parametrize("argv", [["--help"], ["train", "--help"], ["--version"]])
def test_help_and_version_import_nothing_heavy(argv):
    assert heavy_imports(ROOT, "equigen", argv, HEAVY) == []


def test_a_planted_heavy_import_is_found(tmp_path):
    package = plant(tmp_path, {"cli/main.py": "import wave\n\n\ndef main(argv):\n    return 0\n"})
    assert heavy_imports(package.parent, "planted", ["--help"], ("wave", "chunk")) == ["wave"]


# --- what a package shows


def test_all_lists_every_public_definition_and_nothing_else():
    assert export_faults(PACKAGE) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ('"""A."""\n\nx = 1\n', "no __all__"),
        ('"""A."""\n\n__all__ = ["x"]\n\nx = y = 1\n', "leaves out y"),
        ('"""A."""\n\n__all__ = []\n\n\ndef f(): ...\n', "leaves out f"),
        ('"""A."""\n\n__all__ = []\n\nif 1 > 0:\n    class C: ...\n', "leaves out C"),
        ('"""A."""\n\n__all__ = ["x", "gone"]\n\nx: int = 1\n', "lists gone"),
        ('"""A."""\n\n__all__ = []\n\nif TYPE_CHECKING:\n    x = 1\nelse:\n    y = 1\n', "leaves out y"),
        ('"""A."""\n\nfrom math import pi\n\n__all__ = ["pi"]\n', "lists pi"),
        ('"""A."""\n\nx = 1\n\n__all__ = ["x"]\n', "stands after line 3"),
    ],
)
def test_a_planted_false_all_is_found(tmp_path, text, word):
    faults = export_faults(plant(tmp_path, {"a.py": text}))
    assert len(faults) == 1
    assert word in faults[0]


def test_faces_hand_out_what_exists():
    assert face_faults(PACKAGE) == []


@pytest.mark.parametrize(
    ("face", "word"),
    [
        ('__getattr__, __dir__, __all__ = lazy(__name__, {"gone": "a"})\n', "does not define gone"),
        ('__getattr__, __dir__, __all__ = lazy(__name__, {"x": "nowhere"})\n', "does not exist"),
        ('__getattr__, __dir__, __all__ = lazy(__name__, {"nowhere": ""})\n', "does not exist"),
        ('__getattr__, __dir__, __all__ = lazy(__name__, {"x": "a"})\n\n\ndef f(): ...\n', "defines f"),
        ('__getattr__, __dir__, __all__ = lazy(__name__, {"y": "y"})\n', "is lost"),
    ],
)
def test_a_planted_false_face_is_found(tmp_path, face, word):
    files = {"b/__init__.py": face, "b/a.py": "x = 1\n", "b/y.py": "y = 1\n"}
    faults = face_faults(plant(tmp_path, files))
    assert len(faults) == 1
    assert word in faults[0]


def test_every_public_definition_is_documented():
    assert docstring_faults(PACKAGE) == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x = 1\n", "planted.a has"),
        ('"""A."""\n\n\ndef f(): ...\n', "planted.a.f has"),
        ('"""A."""\n\n\nclass C:\n    """C."""\n\n    def method(self): ...\n', "planted.a.C.method has"),
    ],
)
def test_a_planted_undocumented_definition_is_found(tmp_path, text, word):
    faults = docstring_faults(plant(tmp_path, {"a.py": text}))
    assert len(faults) == 1
    assert word in faults[0]


@pytest.mark.parametrize("module", sorted(modules(PACKAGE)))
def test_examples_give_what_they_show(module, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert doctest_faults(PACKAGE, module) == []


def test_a_planted_false_example_is_found(tmp_path, monkeypatch):
    text = '"""A.\n\n>>> 1 + 1\n3\n"""\n'
    package = plant(tmp_path, {"a.py": text})
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        assert "Expected" in doctest_faults(package, "planted.a")[0]
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "planted"]:
            del sys.modules[name]


def test_what_the_towers_hand_out_shows_an_example():
    assert example_faults(PACKAGE, {"spaces", "diffusion", "groups", "steerable", "graphs"}) == []


def test_a_planted_name_without_example_is_found(tmp_path):
    face = '__getattr__, __dir__, __all__ = lazy(__name__, {"f": "a"})\n'
    package = plant(tmp_path, {"spaces/__init__.py": face, "spaces/a.py": 'def f():\n    """F."""\n'})
    assert example_faults(package, {"spaces"}) == ["planted.spaces.a.f shows no example"]


# --- files


def test_files_are_named_for_what_they_hold():
    assert name_faults(PACKAGE) == []


def test_a_planted_file_for_anything_is_found(tmp_path):
    package = plant(tmp_path, {"utils.py": LISTED, "spaces/_util.py": LISTED, "futile.py": LISTED})
    assert name_faults(package) == ["spaces/_util.py", "utils.py"]


def test_the_library_never_prints():
    assert print_faults(PACKAGE, {"cli"}) == []


def test_a_planted_print_is_found(tmp_path):
    text = "def f():\n    print(1)\n"
    assert print_faults(plant(tmp_path, {"spaces/a.py": text, "cli/a.py": text}), {"cli"}) == ["planted.spaces.a:2"]


def test_no_file_names_a_folder_of_one_machine():
    assert machine_path_faults(ROOT, NOT_OURS) == []


def test_a_planted_machine_path_is_found(tmp_path):
    home = "/" + "home/me/data"  # in two parts, so that this file has no such path itself
    package = plant(tmp_path, {"a.py": f"DATA = '{home}'\n", "b.py": f"URL = 'https://example.org{home}'\n"})
    assert [fault.split(":")[0] for fault in machine_path_faults(package, set())] == ["a.py"]


def test_files_and_functions_can_be_read_in_one_go():
    assert size_faults(PACKAGE, 300, 40) == []


def test_a_planted_long_file_and_function_are_found(tmp_path):
    text = 'def f():\n    """F."""\n' + "    x = 1\n" * 41
    faults = size_faults(plant(tmp_path, {"a.py": text, "b.py": "x = 1\n" * 301}), 300, 40)
    assert faults == ["planted.a.f: 41 lines", "planted.b: 301 lines"]


def test_the_version_is_said_once():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert settings["project"]["dynamic"] == ["version"]
    assert "version" not in settings["project"]
