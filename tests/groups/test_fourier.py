"""The Fourier transform on every group: its inverse, Parseval, shifts, convolution, and what it cannot see."""

import math

import pytest
import torch

from equigen.groups.fourier_transform import (
    field_to_spectrum,
    fourier,
    inner_product,
    inverse_fourier,
    spectrum_to_field,
)
from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import Representation, irreducible
from equigen.groups.symmetric import Symmetric, permutation
from tests.groups.all_groups import ALL_GROUPS, FINITE_GROUPS, PLANE_GROUPS, frequency

ROTATIONS = 9  # of the grid of a compact group: enough for the squares and products of frequencies up to 4


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def grid(group):
    return group.elements() if group.order else group.grid(ROTATIONS)


def drawn(group, *batch, seed=0):
    """A random spectrum, of frequencies up to 3 on a compact group."""
    elements = grid(group)
    values = noise(*batch, len(elements), seed=seed)
    return fourier(group, values, frequency(group))


def close(a, b, within=1e-12):
    if isinstance(a, dict):
        assert list(a) == list(b)
        for name in a:
            torch.testing.assert_close(a[name], b[name], rtol=0, atol=within, msg=name)
    else:
        torch.testing.assert_close(a, b, rtol=0, atol=within)


# --- the laws, each as a function of the transform, so that a faulty one can be held against it


def round_trip(group, forward=fourier, backward=inverse_fourier):
    values = backward(group, drawn(group, 2), grid(group))
    close(backward(group, forward(group, values, frequency(group)), grid(group)), values)
    if group.order:
        values = noise(2, group.order)
        close(backward(group, forward(group, values)), values)


def parseval(group, product=inner_product):
    f, h = drawn(group, 3, seed=1), drawn(group, 3, seed=2)
    values = [inverse_fourier(group, spectrum, grid(group)) for spectrum in (f, h)]
    close(product(group, f, h), (values[0] * values[1]).mean(-1))
    close(product(group, f, f), values[0].square().mean(-1))


def left_shift(group, turn=lambda matrix, spectrum: matrix @ spectrum):
    """(L_u f)(g) = f(u^-1 g) has the spectrum psi(u) F(psi)."""
    spectrum = drawn(group, 2)
    for u in group.sample(4, seed=7):
        moved = inverse_fourier(group, spectrum, group.compose(group.inverse(u), grid(group)))
        expected = {name: turn(group.irrep_matrix(group.irrep(name), u), matrix) for name, matrix in spectrum.items()}
        close(fourier(group, moved, frequency(group)), expected)


def right_shift(group, turn=lambda matrix, spectrum: spectrum @ matrix.mT):
    """f(g u) has the spectrum F(psi) psi(u)^T."""
    spectrum = drawn(group, 2)
    for u in group.sample(4, seed=8):
        moved = inverse_fourier(group, spectrum, group.compose(grid(group), u))
        expected = {name: turn(group.irrep_matrix(group.irrep(name), u), matrix) for name, matrix in spectrum.items()}
        close(fourier(group, moved, frequency(group)), expected)


def convolution(group, product=lambda f, h: f @ h):
    """(f * h)(g) = E_u f(u) h(u^-1 g), spelled out as a sum, has the spectrum F(psi) H(psi)."""
    f, h = drawn(group, seed=1), drawn(group, seed=2)
    elements = grid(group)
    quotients = group.compose(group.inverse(elements)[None], elements[:, None])  # u^-1 g at [g, u]
    at_u = inverse_fourier(group, f, elements)
    mean = torch.stack([(at_u * inverse_fourier(group, h, row)).mean() for row in quotients])
    close(fourier(group, mean, frequency(group)), {name: product(f[name], h[name]) for name in f})


LAWS = [round_trip, parseval, left_shift, right_shift, convolution]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@pytest.mark.parametrize("name", ALL_GROUPS)
def test_law(name, law):
    law(ALL_GROUPS[name])


# --- planted faults


def weighted(weight):
    """An inverse and a product whose sums weigh each matrix otherwise."""

    def scaled(group, spectrum):
        irreps = {name: group.irrep(name) for name in spectrum}
        return {n: m * weight(irreps[n]) * irreps[n].endomorphisms / irreps[n].size for n, m in spectrum.items()}

    def backward(group, spectrum, elements=None):
        return inverse_fourier(group, scaled(group, spectrum), elements)

    return backward, lambda group, a, b: inner_product(group, scaled(group, a), b)


def transposed(group, values, frequency=None):
    return {name: matrix.mT for name, matrix in fourier(group, values, frequency).items()}


FAULTS = {
    "the weight d of complex representations": lambda: round_trip(Cyclic(5), backward=weighted(lambda i: i.size)[0]),
    "no weight": lambda: round_trip(Dihedral(5), backward=weighted(lambda i: 1)[0]),
    "the matrices of the inverse": lambda: round_trip(Dihedral(5), forward=transposed),
    "Parseval with the weight d": lambda: parseval(Cyclic(5), weighted(lambda i: i.size)[1]),
    "Parseval without weight": lambda: parseval(O2(), weighted(lambda i: 1)[1]),
    "a left shift on the right": lambda: left_shift(Dihedral(8), lambda m, s: s @ m),
    "a left shift by the inverse": lambda: left_shift(SO2(), lambda m, s: m.mT @ s),
    "a right shift by the inverse": lambda: right_shift(Dihedral(8), lambda m, s: s @ m),
    "a right shift on the left": lambda: right_shift(Symmetric(4), lambda m, s: m.mT @ s),
    "a convolution in the other order": lambda: convolution(O2(), lambda f, h: h @ f),
    "an elementwise convolution": lambda: convolution(Cyclic(5), lambda f, h: f * h),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_found(name):
    with pytest.raises(AssertionError):
        FAULTS[name]()


# --- values known otherwise


def test_parseval_weighs_by_dimension_over_commutant():
    """On C5 the mean square of a function is missed by the weight d, which counts conjugate pairs twice."""
    values = noise(5, seed=4)
    spectrum = fourier(Cyclic(5), values)
    right = float(inner_product(Cyclic(5), spectrum, spectrum))
    wrong = sum(matrix.shape[-1] * float(matrix.square().sum()) for matrix in spectrum.values())
    assert right == pytest.approx(float(values.square().mean()), rel=1e-12)
    assert wrong > 1.2 * right


def test_on_rotations_it_is_the_discrete_fourier_transform():
    values = noise(7)
    transform = torch.fft.fft(values) / 7  # E f exp(-i k a)
    for k in range(1, 4):
        matrix = fourier(Cyclic(7), values)[str(k)]
        close(matrix[0, 0], transform[k].real)
        close(matrix[1, 0], -transform[k].imag)  # E f sin(k a)
        close(matrix, torch.stack((matrix[0], torch.stack((-matrix[0, 1], matrix[0, 0])))))


def test_by_hand_on_o2():
    """f = 2 + flip + cos(2 angle): mean 2.5, half of (-1)^flip subtracted, cos 2a = tr(R(2a) diag(1, s)^T F) with F."""
    elements = O2().grid(16)
    values = 2 + elements[:, 1] + torch.cos(2 * elements[:, 0])
    spectrum = fourier(O2(), values, 3)
    close(spectrum["0e"], torch.tensor([[2.5]], dtype=torch.float64))
    close(spectrum["0o"], torch.tensor([[-0.5]], dtype=torch.float64))
    close(spectrum["2"], torch.tensor([[0.5, 0.0], [0.0, 0.0]], dtype=torch.float64))
    close(spectrum["1"], torch.zeros(2, 2, dtype=torch.float64))
    angle, flip = torch.tensor([0.7, 2.1], dtype=torch.float64), torch.tensor([1.0, 0.0], dtype=torch.float64)
    found = inverse_fourier(O2(), spectrum, torch.stack((angle, flip), -1))
    close(found, 2 + flip + torch.cos(2 * angle))


@pytest.mark.parametrize("group", [SO2(), O2()], ids=str)
@pytest.mark.parametrize(("n", "top"), [(9, 2), (8, 2), (10, 4), (11, 4)])
def test_a_compact_grid_is_exact_below_its_number_and_aliases_above(group, n, top):
    """With n rotations, the spectrum up to `top` is right of functions below n - top; 6 is taken for n - 6."""
    wide = {"0e": noise(1, 1), "4": on_span(group, noise(2, 2)), "6": on_span(group, noise(2, 2))}
    found = fourier(group, inverse_fourier(group, wide, group.grid(n)), top)
    wrong = [name for name, matrix in found.items() if float((matrix - wide.get(name, 0.0)).abs().max()) > 1e-12]
    assert wrong == ([str(n - 6)] if n - 6 <= top else [])


@pytest.mark.parametrize("group", [SO2(), O2()], ids=str)
def test_the_fewest_rotations_are_enough(group):
    """2 K + 1 rotations hold a function up to the frequency K, and 2 K are refused."""
    wide = {"0e": noise(1, 1), "3": on_span(group, noise(2, 2))}
    found = fourier(group, inverse_fourier(group, wide, group.grid(7)), 3)
    for name, matrix in found.items():
        close(matrix, wide.get(name, torch.zeros_like(matrix)))
    with pytest.raises(ValueError, match=r"grid\(7\)"):
        fourier(group, noise(len(group.grid(6))), 3)


def test_a_frequency_beyond_all_values_is_refused_at_once():
    with pytest.raises(ValueError, match=r"need values at 2000000001 rotations"):
        fourier(SO2(), noise(8), 10**9)


def on_span(group, matrix):
    """The part of a (2, 2) matrix that a spectrum of the group can hold."""
    if group.irrep("1").endomorphisms == 1:
        return matrix
    a, b = (matrix[0, 0] + matrix[1, 1]) / 2, (matrix[1, 0] - matrix[0, 1]) / 2
    return torch.stack((torch.stack((a, -b)), torch.stack((b, a))))


def columns(group, names):
    """The functions sqrt(d) psi_ij of the named irreps as columns, one column of each conjugate pair."""
    found = []
    for name in names:
        irrep = group.irrep(name)
        matrices = group.irrep_matrix(irrep, group.elements()) * math.sqrt(irrep.size / group.order)
        found.append(matrices[:, :, : irrep.size // irrep.endomorphisms].flatten(1))
    return torch.cat(found, 1)


@pytest.mark.parametrize("name", FINITE_GROUPS)
def test_matrix_coefficients_are_an_orthonormal_basis(name):
    group = FINITE_GROUPS[name]
    basis = columns(group, [irrep.name for irrep in group.irreps()])
    close(basis.T @ basis, torch.eye(group.order, dtype=torch.float64))


def test_what_missing_and_repeated_irreps_do():
    """Without an irrep not all functions are reached: the rank falls. A second copy adds dependent columns."""
    group = Dihedral(8)
    names = [irrep.name for irrep in group.irreps()]
    missing = torch.linalg.svdvals(columns(group, [name for name in names if name != "3"]))
    assert len(missing) == 12
    assert float(missing.min()) > 1 - 1e-12
    values = noise(16)
    cut = {name: matrix for name, matrix in fourier(group, values).items() if name != "3"}
    lost = (inverse_fourier(group, cut) - values).square().mean()
    part = {"3": fourier(group, values)["3"]}
    close(lost, inner_product(group, part, part))
    twice = columns(group, [*names, "3"])
    gram = torch.linalg.eigvalsh(twice.T @ twice)
    assert gram.shape == (20,)
    assert int((gram > 1e-9).sum()) == 16


# --- spaces of functions


def spaces():
    for group in PLANE_GROUPS.values():
        yield regular(group, frequency(group, 2))
        yield regular(group, 1)
        if group.has_subgroup(Dihedral(1)):
            yield quotient(group, Dihedral(1), frequency(group, 3))
    yield quotient(Cyclic(8), Cyclic(2))
    yield quotient(Dihedral(8), Dihedral(2, axis=math.pi / 8))
    yield permutation(4)


SPACES = {f"{rep.group.name} {rep}": rep for rep in spaces()}


def at(rep, field, g):
    """The function of a vector of a space of functions, by its definition: (rho(g) v0) . x."""
    return torch.einsum("gij,j,...i->...g", rep.matrix(g), rep.origin, field)


@pytest.mark.parametrize("name", SPACES)
def test_fields_and_spectra_are_the_same_functions(name):
    rep = SPACES[name]
    g, field = rep.group.sample(10, seed=2), noise(3, rep.size)
    spectrum = field_to_spectrum(rep, field)
    close(inverse_fourier(rep.group, spectrum, g), at(rep, field, g))
    close(spectrum_to_field(rep, spectrum), field)
    elements = grid(rep.group)
    for irrep, matrix in fourier(rep.group, at(rep, field, elements), rep.frequency).items():
        close(matrix, spectrum.get(irrep, torch.zeros_like(matrix)))


@pytest.mark.parametrize("name", SPACES)
def test_unit_variance_of_coefficients_is_unit_variance_of_values(name):
    rep = SPACES[name]
    rows = torch.einsum("gij,j->gi", rep.matrix(rep.group.sample(10, seed=3)), rep.origin)
    close(rows.square().sum(-1), torch.ones(10, dtype=torch.float64))


def test_what_a_space_does_not_hold_is_left_out():
    """The field that comes nearest is that of the frequencies that the space holds."""
    values = noise(8)
    spectrum = fourier(Cyclic(8), values)
    rep = regular(Cyclic(8), 2)
    nearest = at(rep, spectrum_to_field(rep, spectrum), Cyclic(8).elements())
    close(nearest, inverse_fourier(Cyclic(8), {name: spectrum[name] for name in ("0e", "1", "2")}))
    assert spectrum_to_field(rep, {"1": spectrum["1"]}).shape == (5,)


def test_the_control_another_origin_is_seen():
    rep = regular(Dihedral(4))
    other = Representation(rep.group, rep.irreps, rep.change_of_basis, "other", rep.origin.flip(0))
    field, g = noise(8), Dihedral(4).elements()
    assert float((inverse_fourier(rep.group, field_to_spectrum(other, field)) - at(rep, field, g)).abs().max()) > 0.1


# --- dtype, derivatives, mistakes


@pytest.mark.parametrize("group", [Cyclic(8), Dihedral(8), O2(), Symmetric(4)], ids=str)
def test_float32(group):
    values = noise(2, len(grid(group)))
    single, double = (fourier(group, values.to(kind), frequency(group)) for kind in (torch.float32, torch.float64))
    assert all(matrix.dtype == torch.float32 for matrix in single.values())
    close({name: matrix.double() for name, matrix in single.items()}, double, 1e-6)
    back = inverse_fourier(group, single, grid(group))
    assert back.dtype == torch.float32
    close(back.double(), inverse_fourier(group, double, grid(group)), 3e-6)


def test_it_can_be_differentiated():
    spectrum = drawn(O2())
    g = O2().sample(3, seed=1)

    def f(angle, matrix):
        return inverse_fourier(O2(), {"2": matrix}, torch.stack((angle, g[:, 1]), -1))

    angle, matrix = g[:, 0].clone().requires_grad_(), spectrum["2"].clone().requires_grad_()
    assert torch.autograd.gradcheck(f, (angle, matrix))
    values = noise(8).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: tuple(fourier(Dihedral(4), v).values()), (values,))


MISTAKES = {
    "values": (lambda: fourier(Cyclic(4), torch.zeros(5)), "elements"),
    "a number": (lambda: fourier(Cyclic(4), torch.tensor(1.0)), "elements"),
    "frequency": (lambda: fourier(SO2(), torch.zeros(5)), "frequency=3"),
    "negative": (lambda: fourier(Cyclic(4), torch.zeros(4), -1), "0 or more"),
    "negative on permutations": (lambda: fourier(Symmetric(3), torch.zeros(6), -1), "0 or more"),
    "samples": (lambda: fourier(SO2(), torch.zeros(6), 3), r"grid\(7\)"),
    "odd samples": (lambda: fourier(O2(), torch.zeros(15), 3), r"grid\(7\)"),
    "empty": (lambda: inverse_fourier(Cyclic(4), {}), "empty"),
    "elements": (lambda: inverse_fourier(SO2(), {"0e": torch.ones(1, 1)}), r"elements=group.grid\(16\)"),
    "name": (lambda: inverse_fourier(Cyclic(4), {"2": torch.ones(1, 1)}), "2e"),
    "size": (lambda: inverse_fourier(Cyclic(4), {"1": torch.ones(1, 1)}), "size 2"),
    "nothing in common": (lambda: inner_product(Cyclic(4), {"0e": torch.ones(1, 1)}, {}), "in common"),
    "no origin": (lambda: field_to_spectrum(irreducible(Cyclic(4), "1"), torch.zeros(2)), "origin"),
    "field size": (lambda: field_to_spectrum(regular(Cyclic(4)), torch.zeros(3)), "size 4"),
    "another spectrum": (lambda: spectrum_to_field(regular(Cyclic(4)), {"7": torch.ones(2, 2)}), "holds"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_with_the_fix(name):
    mistake, words = MISTAKES[name]
    with pytest.raises(ValueError, match=words):
        mistake()


def test_integers_are_no_function_values():
    with pytest.raises(TypeError, match="double"):
        fourier(Cyclic(4), torch.zeros(4, dtype=torch.int64))
