"""Who imports whom: circles, the floors of docs/design.md, and what a command drags in."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.architecture.source import Module, is_type_checking, modules

__all__ = ["FLOORS", "Import", "arrow_faults", "circle_faults", "heavy_imports", "imports"]

GROUND = {"random", "spaces", "groups"}
TOWERS = {"diffusion", "steerable", "graphs"}
# Each may import what stands before it.
USE = ("table", "store", "data", "metrics", "training", "report", "verify", "labs", "cli")


def _floors() -> dict[str, set[str]]:
    below = {
        "_lazy": set[str](),
        "random": set[str](),
        "groups": {"random"},
        "spaces": {"random"},
        "diffusion": {"random", "spaces"},
        "steerable": {"random", "groups"},
        "graphs": {"random", "groups"},
        "symmetry": GROUND | TOWERS,
    }
    below["networks"] = GROUND | TOWERS | {"symmetry"}
    below["testing"] = set(below["networks"])
    standing = below["networks"] | {"networks"}
    for name in USE:
        below[name] = set(standing)
        standing.add(name)
    below["__main__"] = {"cli"}
    return below


FLOORS: dict[str, set[str]] = _floors()
"""Folder or module at the package's top -> the others that it may import, as docs/design.md draws the arrows."""


@dataclass(frozen=True)
class Import:
    """One import of one module by another."""

    source: str
    target: str  # the module, as deep as it exists in the package
    line: int
    through_face: str | None  # the name taken from a package's face, if that is how it was imported


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """Every node that runs, those inside functions included; what stands under TYPE_CHECKING is left out."""
    yield node
    for child in ast.iter_child_nodes(node):
        if is_type_checking(child):
            assert isinstance(child, ast.If)
            for other in child.orelse:
                yield from _running(other)
        else:
            yield from _running(child)


def _named(node: ast.AST, module: Module) -> Iterator[tuple[str, str | None]]:
    """(module, name taken from it or None) for each import that a node makes."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, None) for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            stem = module.name.split(".")
            stem = stem[: len(stem) - node.level + module.is_face]
            base = ".".join([*stem, base] if base else stem)
        yield from ((base, alias.name) for alias in node.names)
    elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        value = node.args[0].value
        if called in ("import_module", "__import__") and isinstance(value, str):
            yield value, None
        elif called == "command" and isinstance(value, str) and ":" in value:  # cyclopts' lazy commands
            yield value.split(":")[0], None


def imports(found: dict[str, Module]) -> list[Import]:
    """Every import of the package by itself, those inside functions included."""
    root = next(iter(found)).split(".")[0]
    made = []
    for module in found.values():
        for node in _running(module.tree):
            for base, name in _named(node, module):
                if base.split(".")[0] != root:
                    continue
                if name is not None and f"{base}.{name}" in found:
                    base, name = f"{base}.{name}", None
                face = name if name is not None and base in found and found[base].is_face else None
                made.append(Import(module.name, base, getattr(node, "lineno", 0), face))
    return made


def circle_faults(package: Path) -> list[str]:
    """Circles of imports, each as 'a -> b -> a'. A face's lazy table makes no import of its own."""
    edges: dict[str, set[str]] = {}
    for made in imports(modules(package)):
        edges.setdefault(made.source, set()).add(made.target)
    faults, done = [], set[str]()

    def walk(name: str, trail: list[str]) -> None:
        if name in trail:
            faults.append(" -> ".join([*trail[trail.index(name) :], name]))
        elif name not in done:
            for target in sorted(edges.get(name, ())):
                walk(target, [*trail, name])
            done.add(name)

    for name in sorted(edges):
        walk(name, [])
    return faults


def arrow_faults(package: Path, floors: dict[str, set[str]] = FLOORS) -> list[str]:
    """Imports that run up or across the floors, names taken through a face, and floors that are not drawn."""
    found = modules(package)
    faults = [f"{m.name}: '{m.floor}' is not drawn" for m in found.values() if m.floor and m.floor not in floors]
    for made in imports(found):
        where = f"{made.source}:{made.line}: "
        below = made.target.split(".")[1] if "." in made.target else ""
        own = found[made.source].floor
        if made.target not in found:
            faults.append(f"{where}{made.target} does not exist")
        elif made.through_face and not made.through_face.startswith("__"):
            faults.append(f"{where}takes {made.through_face} through the face {made.target}")
        elif own and below and below not in (own, "_lazy") and below not in floors.get(own, set()):
            faults.append(f"{where}{own} imports {below}, which does not stand below it")
    return faults


def heavy_imports(root: Path, package: str, argv: list[str], heavy: tuple[str, ...]) -> list[str]:
    """Which of the heavy modules the command `package argv` has imported when it ends, in a process of its own."""
    code = (
        "import sys\n"
        f"from {package}.cli.main import main\n"
        "try:\n    code = main(sys.argv[1:])\n"
        "except SystemExit as stop:\n    code = stop.code\n"
        f"assert not code, code\nprint('HEAVY', *(name for name in {heavy!r} if name in sys.modules))\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code, *argv], capture_output=True, text=True, env=environment, timeout=120, check=False
    )
    if done.returncode:
        return [f"{' '.join(argv)} failed: {done.stderr}"]
    return done.stdout.split("HEAVY")[-1].split()
