"""What makes a group and its irreducible representations, one function an axiom; each raises AssertionError."""

import torch

from tests.groups.all_groups import frequency

COUNT = 12
CLOSE = 1e-12


def drawn(group, seed=3, n=COUNT):
    return group.sample(n, seed=seed)


def listed(group, rotations=9):
    return group.elements() if group.order else group.grid(rotations)


def agree(group, a, b, what):
    assert bool(group.same(a, b).all()), what


def products_are_associative(group):
    g, h, k = (drawn(group, seed) for seed in (1, 2, 3))
    left = group.compose(group.compose(g, h), k)
    agree(group, left, group.compose(g, group.compose(h, k)), "(g h) k is not g (h k)")


def the_identity_is_neutral(group):
    g = drawn(group)
    for product in (group.compose(group.identity(), g), group.compose(g, group.identity())):
        assert product.shape == g.shape, "broadcasting"
        agree(group, product, g, "e g or g e is not g")


def inverses_undo(group):
    g = drawn(group)
    for product in (group.compose(group.inverse(g), g), group.compose(g, group.inverse(g))):
        agree(group, product, group.identity(), "g^-1 g or g g^-1 is not e")


def products_and_inverses_are_elements(group):
    g, h = drawn(group, 1), drawn(group, 2)
    for name, element in {
        "sample": g,
        "identity": group.identity(),
        "product": group.compose(g[:, None], h),
        "inverse": group.inverse(g),
        "grid": listed(group),
    }.items():
        assert bool(group.contains(element).all()), f"{name} is no element"
    foreign = torch.full_like(group.identity(), 2)
    if len(foreign) > 1:
        assert not bool(group.contains(foreign)), "a row that is no element is taken for one"


def elements_are_complete_and_distinct(group):
    if group.order is None:
        n = 9
        elements = group.grid(n)
        assert len(elements) in (n, 2 * n)
    else:
        elements = group.elements()
        assert len(elements) == group.order, "the number of elements is not the order"
    agree(group, elements[0], group.identity(), "the identity is not the first")
    assert bool((group.same(elements[:, None], elements).sum(1) == 1).all()), "an element is listed twice"
    products = group.compose(elements[:, None], elements)
    found = torch.stack([group.same(products, element) for element in elements]).sum(0)
    assert bool((found == 1).all()), "a product of elements is not in the list once"


def generators_generate(group):
    if group.order is None:
        return
    found, generators = group.identity()[None], group.generators()
    assert not bool(group.same(generators, group.identity()).any()), "the identity is a generator"
    size = 0
    while size < len(found):
        size = len(found)
        reached = group.compose(generators[:, None], found).flatten(0, 1)
        for g in reached:
            if not bool(group.same(found, g).any()):
                found = torch.cat((found, g[None]))
    assert size == group.order, f"the generators reach {size} elements of {group.order}"


def a_batch_is_its_items(group):
    g, h = drawn(group, 1, 3), drawn(group, 2, 4)
    together = group.compose(g[:, None], h)
    alone = torch.stack([torch.stack([group.compose(a, b) for b in h]) for a in g])
    assert torch.equal(together, alone), "products"
    assert torch.equal(group.inverse(together)[1, 2], group.inverse(together[1, 2])), "inverses"
    for irrep in group.irreps(frequency(group)):
        matrices = group.irrep_matrix(irrep, together)
        assert matrices.shape == (3, 4, irrep.size, irrep.size), "shape of the matrices"
        torch.testing.assert_close(matrices[1, 2], group.irrep_matrix(irrep, together[1, 2]), rtol=0, atol=1e-15)


def dtype_follows_the_input(group):
    g = drawn(group)
    kinds = [torch.float32, torch.float64] if g.is_floating_point() else [torch.int64]
    for kind in kinds:
        a = g.to(kind)
        assert group.compose(a, a).dtype == group.inverse(a).dtype == kind
        agree(group, group.compose(a, group.inverse(a)), group.identity().to(kind), "products in another dtype")
        for irrep in group.irreps(frequency(group)):
            found, exact = group.irrep_matrix(irrep, a), group.irrep_matrix(irrep, g)
            assert found.dtype == (kind if kind.is_floating_point else torch.float64)
            torch.testing.assert_close(found.double(), exact.double(), rtol=0, atol=3e-6)


def samples_are_uniform(group):
    """Of uniform elements, the mean of a nontrivial irrep has E |mean|^2 = d/n; of no others for all irreps."""
    n = 3000
    g = drawn(group, 5, n)
    for irrep in group.irreps(frequency(group, 6)):
        mean = group.irrep_matrix(irrep, g).mean(0)
        if irrep.frequency or irrep.parity:
            assert n * float(mean.square().sum()) / irrep.size < 12, f"the mean of {irrep} is {mean}"
        else:
            torch.testing.assert_close(mean, torch.ones(1, 1, dtype=mean.dtype), rtol=0, atol=1e-12)


def samples_have_addresses(group):
    assert torch.equal(group.sample(8, seed=1)[3:], group.sample(5, seed=1, first=3))
    if group.order is None or group.order > 1:
        assert not torch.equal(group.sample(32, seed=1), group.sample(32, seed=2))


def irreps_are_homomorphisms(group):
    g, h = drawn(group, 1, 60), drawn(group, 2, 60)
    for irrep in group.irreps(frequency(group)):
        a, b = group.irrep_matrix(irrep, g), group.irrep_matrix(irrep, h)
        product = group.irrep_matrix(irrep, group.compose(g, h))
        torch.testing.assert_close(a @ b, product, rtol=0, atol=CLOSE)


def irreps_are_orthogonal(group):
    g = drawn(group, 4)
    for irrep in group.irreps(frequency(group)):
        matrix = group.irrep_matrix(irrep, g)
        eye = torch.eye(irrep.size, dtype=matrix.dtype).expand_as(matrix)
        torch.testing.assert_close(matrix.mT @ matrix, eye, rtol=0, atol=CLOSE)


def irreps_are_irreducible_and_inequivalent(group):
    """The characters satisfy E chi_a chi_b = dim End if a = b, and 0 otherwise."""
    irreps = group.irreps(frequency(group))
    elements = listed(group)
    traces = [torch.diagonal(group.irrep_matrix(irrep, elements), dim1=-2, dim2=-1).sum(-1) for irrep in irreps]
    characters = torch.stack(traces)
    expected = torch.diag(torch.tensor([float(irrep.endomorphisms) for irrep in irreps], dtype=torch.float64))
    torch.testing.assert_close(characters @ characters.T / len(elements), expected, rtol=0, atol=1e-12)


def irreps_are_all_there_is(group):
    """Peter and Weyl: the order is the sum of d^2 / dim End. A compact group has those of D_n up to below n/2."""
    if group.order is None:
        names = {False: ["0e", "1", "2", "3"], True: ["0e", "0o", "1", "2", "3"]}[group.reflections]
        assert [irrep.name for irrep in group.irreps(3)] == names
    else:
        found = sum(irrep.size**2 // irrep.endomorphisms for irrep in group.irreps())
        assert found == group.order, f"the irreps span {found} functions of {group.order}"


def irreps_are_found_by_name(group):
    irreps = group.irreps(frequency(group))
    assert [group.irrep(irrep.name) for irrep in irreps] == list(irreps)
    assert len({irrep.name for irrep in irreps}) == len(irreps)
    assert [irrep.frequency for irrep in irreps] == sorted(irrep.frequency for irrep in irreps)
    for top in (0, 1):
        kept = [irrep for irrep in irreps if irrep.frequency <= top]
        assert list(group.irreps(top)) == kept, f"up to frequency {top}"


AXIOMS = [
    products_are_associative,
    the_identity_is_neutral,
    inverses_undo,
    products_and_inverses_are_elements,
    elements_are_complete_and_distinct,
    generators_generate,
    a_batch_is_its_items,
    dtype_follows_the_input,
    samples_are_uniform,
    samples_have_addresses,
    irreps_are_homomorphisms,
    irreps_are_orthogonal,
    irreps_are_irreducible_and_inequivalent,
    irreps_are_all_there_is,
    irreps_are_found_by_name,
]
