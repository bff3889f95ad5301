"""What `equigen.graphs` and its folders hand out is what was asked for, whatever was imported before."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import pytest

import equigen.graphs

FOLDERS = ("filters", "layers", "realizations", "stability")


@pytest.mark.parametrize("package", ["equigen.graphs", *(f"equigen.graphs.{folder}" for folder in FOLDERS)])
def test_no_name_is_lost_to_a_module(package):
    """A module that is imported takes its name in the package, where a function of that name would be lost."""
    face = importlib.import_module(package)
    for found in pkgutil.iter_modules(face.__path__):
        importlib.import_module(f"{package}.{found.name}")
    assert {name for name in face.__all__ if isinstance(getattr(face, name), ModuleType)} <= set(FOLDERS)


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_name_means_the_same_in_both_faces(folder):
    inner = importlib.import_module(f"equigen.graphs.{folder}")
    for name in set(inner.__all__) & set(equigen.graphs.__all__):
        assert getattr(inner, name) is getattr(equigen.graphs, name)


def test_every_layer_is_handed_out():
    layers = set(importlib.import_module("equigen.graphs.layers").__all__)
    assert layers <= set(equigen.graphs.__all__)
