"""Names, lengths and contents of files."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.architecture.source import modules

__all__ = ["machine_path_faults", "name_faults", "print_faults", "size_faults"]


def name_faults(package: Path) -> list[str]:
    """Files that are named for nothing in particular."""
    return [
        str(p.relative_to(package)) for p in sorted(package.rglob("*")) if re.fullmatch(r"_?util(s|ities)?", p.stem)
    ]


def print_faults(package: Path, allowed: set[str]) -> list[str]:
    """Calls of print outside the floors that may talk to a terminal."""
    return [
        f"{module.name}:{node.lineno}"
        for module in modules(package).values()
        if module.floor not in allowed
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]


def machine_path_faults(root: Path, skipped: set[str]) -> list[str]:
    """Lines of text files that name a folder of one machine."""
    homes = re.compile(
        "|".join(rf"(?<![\w.])/{name}/[\w.-]" for name in ("home", "root", "Users", "work", "mnt", "opt"))
    )
    faults = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        if skipped & set(path.relative_to(root).parts):
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        faults += [
            f"{path.relative_to(root)}:{i}: {line.strip()}" for i, line in enumerate(lines, 1) if homes.search(line)
        ]
    return faults


def size_faults(package: Path, lines: int, function_lines: int) -> list[str]:
    """Files and functions (docstrings not counted) that are too long to be read in one go."""
    faults = []
    for module in modules(package).values():
        length = len(module.path.read_text(encoding="utf-8").splitlines())
        if length > lines:
            faults.append(f"{module.name}: {length} lines")
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
                code = (node.end_lineno or 0) - first.lineno + 1
                if code > function_lines:
                    faults.append(f"{module.name}.{node.name}: {code} lines")
    return faults
