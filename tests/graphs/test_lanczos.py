"""Ends of spectra by products alone, where they are known."""

import pytest
import torch

from equigen.graphs.lanczos import extreme_values


def nearly(different, apart):
    """1500 eigenvalues in a few bunches, each as wide as said beside its value."""
    generator = torch.Generator().manual_seed(0)
    spread = apart * torch.rand(1500, generator=generator, dtype=torch.float64)
    return torch.tensor(different, dtype=torch.float64).repeat(1500 // len(different)) * (1.0 + spread)


@pytest.mark.parametrize(
    "values",
    [
        nearly([1.0, 2.0, 3.0], 1e-5),
        nearly([1.0, 2.0, 3.0], 1e-9),
        nearly([-1.0, 1.0], 1e-5),
        nearly([-1.0, 1.0], 1e-12),
        torch.linspace(0.0, 1.0, 1200, dtype=torch.float64) ** 2,
        torch.cat((torch.linspace(0.0, 1.0, 1200).double() ** 2, torch.tensor([1e5]).double())),
    ],
    ids=["three", "three-narrow", "two", "two-narrow", "crowded", "crowded-beside-a-large-one"],
)
def test_ends_are_right_to_a_few_times_1e14_of_the_larger(values):
    """What is nearly invariant leaves little to go on with, and loses orthogonality where it is made so once."""
    found = extreme_values(lambda x: values * x, len(values))
    off = (found - torch.stack((values.min(), values.max()))).abs().max() / values.abs().max()
    assert float(off) < 3e-14


def test_few_different_eigenvalues_end_the_method_early():
    identity = extreme_values(lambda x: 3.0 * x, 2000)
    torch.testing.assert_close(identity, torch.tensor([3.0, 3.0]).double())
    calls = []

    def two(x):
        calls.append(1)
        return torch.where(torch.arange(2000) % 3 == 0, -1.0, 2.0) * x

    torch.testing.assert_close(extreme_values(two, 2000), torch.tensor([-1.0, 2.0]).double())
    assert len(calls) <= 3
    torch.testing.assert_close(extreme_values(lambda x: 0.0 * x, 3), torch.zeros(2).double())


def test_ends_that_do_not_stand_are_not_told(monkeypatch):
    monkeypatch.setattr("equigen.graphs.lanczos._ROUNDS", 2)
    spread = torch.linspace(-1.0, 1.0, 3000, dtype=torch.float64)
    crowded = spread.sign() * (1.0 - (1.0 - spread.abs()) ** 4)
    with pytest.raises(RuntimeError, match="after 2 rounds"):
        extreme_values(lambda x: crowded * x, 3000)
