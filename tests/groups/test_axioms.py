"""Every group satisfies every axiom, and each axiom finds the fault that is planted against it."""

from dataclasses import replace

import pytest
import torch

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.symmetric import Symmetric
from tests.groups import axioms
from tests.groups.all_groups import ALL_GROUPS, PLANE_GROUPS, plane_matrix


@pytest.mark.parametrize("axiom", axioms.AXIOMS, ids=lambda axiom: axiom.__name__)
@pytest.mark.parametrize("name", ALL_GROUPS)
def test_axiom(name, axiom):
    axiom(ALL_GROUPS[name])


@pytest.mark.parametrize("name", PLANE_GROUPS)
def test_elements_of_the_plane_are_maps_of_the_plane(name):
    group = PLANE_GROUPS[name]
    g, h = group.sample(20, seed=1), group.sample(20, seed=2)
    torch.testing.assert_close(plane_matrix(group.compose(g, h)), plane_matrix(g) @ plane_matrix(h), rtol=0, atol=1e-14)
    torch.testing.assert_close(plane_matrix(group.inverse(g)), plane_matrix(g).mT, rtol=0, atol=1e-14)
    if group.axis == 0 and (group.rotations is None or group.rotations >= 3):
        torch.testing.assert_close(group.irrep_matrix(group.irrep("1"), g), plane_matrix(g), rtol=0, atol=1e-14)


# --- planted faults


def plant(base, **methods):
    """A group of the class `base` in which some methods are replaced."""
    return type(f"Faulty{base.__name__}", (base,), methods)


def unsigned(self, g, h):  # a reflection does not turn the following rotation round
    return self._snapped(g[..., 0] + h[..., 0], (g[..., 1] - h[..., 1]).abs())


def subtracting(self, g, h):
    return self._snapped(g[..., 0] - h[..., 0], (g[..., 1] - h[..., 1]).abs())


def backward(self, g, h):  # associative, but not the order of g[h]
    return Symmetric.compose(self, h, g)


def matrices(change):
    def irrep_matrix(self, irrep, g):
        return change(Dihedral.irrep_matrix(self, irrep, g), irrep, g)

    return irrep_matrix


FAULTS = {
    "a product that subtracts": (plant(Cyclic, compose=subtracting)(5), axioms.products_are_associative),
    "an identity that is another": (
        plant(Cyclic, identity=lambda self: self.elements()[1])(4),
        axioms.the_identity_is_neutral,
    ),
    "an inverse that does nothing": (plant(Cyclic, inverse=lambda self, g: g)(4), axioms.inverses_undo),
    "an inverse that forgets that reflections undo themselves": (
        plant(Dihedral, inverse=lambda self, g: self._snapped(-g[..., 0], g[..., 1]))(4),
        axioms.inverses_undo,
    ),
    "an inverse of permutations that does nothing": (
        plant(Symmetric, inverse=lambda self, g: g)(3),
        axioms.inverses_undo,
    ),
    "samples outside": (
        plant(Cyclic, sample=lambda self, n, *, seed, first=0: O2().sample(n, seed=seed, first=first))(4),
        axioms.products_and_inverses_are_elements,
    ),
    "anything is an element": (
        plant(Cyclic, contains=lambda self, g: torch.ones(g.shape[:-1], dtype=torch.bool))(4),
        axioms.products_and_inverses_are_elements,
    ),
    "an element that is missing": (
        plant(Dihedral, elements=lambda self: Dihedral.elements(self)[:-1])(3),
        axioms.elements_are_complete_and_distinct,
    ),
    "an element that is listed twice": (
        plant(Dihedral, elements=lambda self: Dihedral.elements(self)[[0, 1, 2, 3, 4, 4]])(3),
        axioms.elements_are_complete_and_distinct,
    ),
    "elements that are no group": (
        plant(Cyclic, elements=lambda self: Cyclic(5).elements()[:4], order=4)(5),
        axioms.elements_are_complete_and_distinct,
    ),
    "generators that lack the reflection": (
        plant(Dihedral, generators=lambda self: Dihedral.generators(self)[:1])(4),
        axioms.generators_generate,
    ),
    "a product that looks at the batch": (
        plant(
            Cyclic,
            compose=lambda self, g, h: (
                Cyclic.compose(self, g.flatten(0, -2)[:1], h) if g.ndim > 1 else Cyclic.compose(self, g, h)
            ),
        )(4),
        axioms.a_batch_is_its_items,
    ),
    "a product in float64": (
        plant(SO2, compose=lambda self, g, h: SO2.compose(self, g.double(), h.double()))(),
        axioms.dtype_follows_the_input,
    ),
    "samples that prefer a half": (
        plant(
            Cyclic,
            sample=lambda self, n, *, seed, first=0: self.elements()[
                Cyclic.sample(self, n, seed=seed)[:, 0].long() % 3
            ],
        )(4),
        axioms.samples_are_uniform,
    ),
    "samples without reflections": (
        plant(O2, sample=lambda self, n, *, seed, first=0: O2.sample(self, n, seed=seed) * torch.tensor([1.0, 0.0]))(),
        axioms.samples_are_uniform,
    ),
    "samples that ignore their number": (
        plant(Cyclic, sample=lambda self, n, *, seed, first=0: Cyclic.sample(self, n, seed=seed))(4),
        axioms.samples_have_addresses,
    ),
    "reflections the other way round": (plant(Dihedral, compose=unsigned)(5), axioms.irreps_are_homomorphisms),
    "permutations composed backward": (plant(Symmetric, compose=backward)(4), axioms.irreps_are_homomorphisms),
    "matrices that are not orthogonal": (
        plant(Dihedral, irrep_matrix=matrices(lambda m, irrep, g: m * (1 + 1e-6 * irrep.frequency)))(5),
        axioms.irreps_are_orthogonal,
    ),
    "one frequency twice": (
        plant(
            Dihedral,
            irrep_matrix=lambda self, irrep, g: Dihedral.irrep_matrix(
                self, replace(irrep, frequency=min(irrep.frequency, 1)), g
            ),
        )(5),
        axioms.irreps_are_irreducible_and_inequivalent,
    ),
    "a commutant counted wrong": (
        plant(Cyclic, irreps=lambda self, f=None: tuple(replace(i, endomorphisms=1) for i in Cyclic.irreps(self, f)))(
            5
        ),
        axioms.irreps_are_irreducible_and_inequivalent,
    ),
    "an irrep that is missing": (
        plant(Dihedral, irreps=lambda self, f=None: Dihedral.irreps(self, f)[:-1])(4),
        axioms.irreps_are_all_there_is,
    ),
    "irreps in another order": (
        plant(Dihedral, irreps=lambda self, f=None: Dihedral.irreps(self, f)[::-1])(4),
        axioms.irreps_are_found_by_name,
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    group, axiom = FAULTS[name]
    with pytest.raises((AssertionError, RuntimeError, ValueError)):
        axiom(group)


def test_every_axiom_has_a_planted_fault():
    assert {axiom for _, axiom in FAULTS.values()} == set(axioms.AXIOMS)
