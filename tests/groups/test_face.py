"""What `equigen.groups` hands out is what was asked for, whatever was imported before."""

import importlib
import pkgutil
from types import ModuleType

import equigen.groups

MODULES = [found.name for found in pkgutil.iter_modules(equigen.groups.__path__)]


def test_no_name_is_lost_to_a_module():
    """A module that is imported takes its name in the package, where a function of that name would be lost."""
    for name in MODULES:
        importlib.import_module(f"equigen.groups.{name}")
    lost = [name for name in dir(equigen.groups) if isinstance(getattr(equigen.groups, name), ModuleType)]
    assert lost == []


def test_all_that_people_build_with_is_handed_out():
    """Every public name of the folder, but for what only other files of the package need."""
    inner = {"commutant", "fold", "fold_line", "is_cyclic", "read_terms", "roots_of_unity", "write_terms"}
    inner |= {"require_few", "require_plane_group", "require_whole"}
    public = {name for module in MODULES for name in importlib.import_module(f"equigen.groups.{module}").__all__}
    assert sorted(public - inner - set(dir(equigen.groups))) == []
