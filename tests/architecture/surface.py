"""What a package shows: `__all__`, faces, docstrings and examples."""

from __future__ import annotations

import ast
import doctest
import importlib
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.source import Module, assigned, definitions, is_type_checking, modules

__all__ = ["docstring_faults", "doctest_faults", "example_faults", "export_faults", "face_faults"]


def _listed(tree: ast.Module) -> tuple[list[str] | None, int]:
    """What `__all__` lists, and its place among the statements; (None, -1) where there is none."""
    for place, node in enumerate(tree.body):
        if "__all__" in assigned(node) and isinstance(node, ast.Assign | ast.AnnAssign):
            try:
                return list(ast.literal_eval(node.value or ast.Constant(()))), place
            except ValueError:
                return None, place
    return None, -1


def export_faults(package: Path) -> list[str]:
    """`__all__` that is missing, late (after anything but docstring and imports), short, or too long."""
    faults = []
    for module in modules(package).values():
        if module.is_face or module.name.endswith(".__main__"):
            continue
        listed, place = _listed(module.tree)
        if listed is None:
            faults.append(f"{module.name}: no __all__ that lists names")
            continue
        for node in module.tree.body[:place]:
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not (is_docstring or isinstance(node, ast.Import | ast.ImportFrom) or is_type_checking(node)):
                faults.append(f"{module.name}: __all__ stands after line {node.lineno}")
                break
        public = {name for name in definitions(module.tree.body) if not name.startswith("_")}
        faults += [f"{module.name}: __all__ leaves out {name}" for name in sorted(public - set(listed))]
        faults += [f"{module.name}: __all__ lists {name}, not defined here" for name in sorted(set(listed) - public)]
    return faults


def _handed_out(face: Module) -> Iterator[tuple[str, str]]:
    """(name, module) for each name in a face's lazy table."""
    for node in ast.walk(face.tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "lazy":
            yield from ast.literal_eval(node.args[1]).items()


def face_faults(package: Path) -> list[str]:
    """Faces that hold more than the lazy table, or name what does not exist."""
    found = modules(package)
    faults = []
    for module in (m for m in found.values() if m.is_face):
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                faults.append(f"{module.name}: a face defines {node.name}")
        for name, where in _handed_out(module):
            target = f"{module.name}.{where or name}"
            if where and f"{module.name}.{name}" in found:
                faults.append(f"{module.name}: {name} is lost when the module of that name is imported")
            if target not in found:
                faults.append(f"{module.name}: {name} is to come from {target}, which does not exist")
            elif where and not found[target].is_face and name not in set(definitions(found[target].tree.body)):
                faults.append(f"{module.name}: {target} does not define {name}")
    return faults


def docstring_faults(package: Path) -> list[str]:
    """Modules, public classes, functions and methods without a docstring."""
    faults = []

    def look(node: ast.AST, name: str) -> None:
        assert isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if not ast.get_docstring(node):
            faults.append(f"{name} has no docstring")
        if isinstance(node, ast.Module | ast.ClassDef):
            for child in node.body:
                if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                    marks = {getattr(mark, "attr", getattr(mark, "id", "")) for mark in child.decorator_list}
                    if not child.name.startswith("_") and not marks & {"overload", "setter", "override"}:
                        look(child, f"{name}.{child.name}")

    for module in modules(package).values():
        look(module.tree, module.name)
    return faults


def doctest_faults(package: Path, module: str) -> list[str]:
    """Examples of one module that do not give what they show."""
    path = package.parent.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if ">>>" not in path.read_text(encoding="utf-8"):  # of the one module: to parse all for each would take minutes
        return []
    reports: list[str] = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE, verbose=False)
    imported = importlib.import_module(module)
    for test in doctest.DocTestFinder(exclude_empty=True).find(imported, module):
        runner.run(test, out=reports.append)
    return reports


def example_faults(package: Path, faces: set[str]) -> list[str]:
    """Names that the given faces hand out and whose docstring shows no example."""
    found = modules(package)
    faults = []
    for module in (m for m in found.values() if m.is_face and m.floor in faces):
        for name, where in _handed_out(module):
            for node in ast.walk(found[f"{module.name}.{where}"].tree) if where else ():
                is_it = isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name
                if is_it and ">>>" not in (ast.get_docstring(node) or ""):
                    faults.append(f"{module.name}.{where}.{name} shows no example")
    return faults
