"""How representations are shown, the trivial one of every kind of group, and sums of one and of more."""

import torch

from equigen.groups.function_spaces import quotient, regular
from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.groups.representation import direct_sum, trivial
from equigen.groups.symmetric import Symmetric


def test_it_is_shown_in_a_few_words():
    assert repr(regular(Dihedral(4))) == "Representation(D4, 'regular', size=8)"
    assert f"{[quotient(O2(), Dihedral(1), 2)]}" == "[Representation(O2, 'quotient(D1, 2)', size=5)]"


def test_the_trivial_one_of_every_kind_of_group():
    for group in (Cyclic(4), O2(), Symmetric(1), Symmetric(3)):
        rep = trivial(group)
        assert rep.is_trivial
        assert (rep.size, rep.origin.tolist()) == (1, [1.0])
        assert torch.equal(rep.matrix(group.sample(3, seed=0)), torch.ones(3, 1, 1, dtype=torch.float64))


def test_a_sum_of_one_is_that_one_and_a_sum_of_more_is_no_space_of_functions():
    functions = regular(SO2(), 2)
    assert direct_sum([functions]) == functions
    assert direct_sum([functions, trivial(SO2())]).origin is None
