"""Dropout of fields: whole fields fall, as torch's channels do, and the draw commutes with the group."""

import pytest
import torch
from torch import nn

from equigen.groups.plane_groups import Cyclic, Dihedral
from equigen.steerable.dropout import FieldDropout
from equigen.steerable.field_type import FieldType

MIXED = FieldType(Dihedral(4), "8x0e + 8x1 + 8xregular")


def seeded(layer, x):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return layer(x)


def test_scalar_fields_fall_as_torchs_channels_do():
    x = torch.rand(3, 16, 4, 4) + 0.5
    ours = seeded(FieldDropout(FieldType(Cyclic(4), "16x0e"), 0.3), x)
    assert torch.equal(ours, seeded(nn.Dropout2d(0.3), x))
    assert not torch.equal(ours, seeded(nn.Dropout2d(0.4), x))


def test_fields_fall_whole_or_are_scaled():
    x = torch.rand(64, MIXED.size, 2, 3) + 0.5
    ratio = FieldDropout(MIXED, 0.25)(x) / x
    fallen = []
    for channels, count, rep in MIXED.parts():
        field = ratio[:, channels].unflatten(1, (count, rep.size)).flatten(2)
        assert bool((field == 0).all(2).logical_or((field - 4 / 3).abs().amax(2) < 1e-6).all())
        fallen.append((field[..., 0] == 0).double().mean())
    assert abs(float(torch.stack(fallen).mean()) - 0.25) < 3 * (0.25 * 0.75 / (64 * 24)) ** 0.5
    planted = nn.Dropout2d(0.25)(x) / x
    assert any(len(set((f == 0).tolist())) == 2 for f in planted[:, 8:10, 0, 0])  # half a vector


def test_one_draw_commutes_with_the_group():
    x = torch.randn(4, MIXED.size, 3, 3, dtype=torch.float64)

    def asymmetry(layer):
        return max(
            float(
                (
                    seeded(layer, torch.einsum("ij,bjhw->bihw", m, x))
                    - torch.einsum("ij,bjhw->bihw", m, seeded(layer, x))
                ).norm()
            )
            for m in MIXED.matrix(MIXED.group.elements())
        )

    assert asymmetry(FieldDropout(MIXED, 0.5)) <= 1e-13
    assert asymmetry(nn.Dropout2d(0.5)) > 1.0


def test_it_does_nothing_in_evaluation_or_without_probability():
    x = torch.rand(2, MIXED.size, 2, 2)
    assert torch.equal(FieldDropout(MIXED, 0.9).eval()(x), x)
    assert torch.equal(FieldDropout(MIXED, 0.0)(x), x)


@pytest.mark.parametrize("p", [-0.1, 1.0])
def test_a_wrong_probability_is_refused(p):
    with pytest.raises(ValueError, match=rf"p is {p}, but .*FieldDropout\(in_type, 0.1\)"):
        FieldDropout(MIXED, p)
