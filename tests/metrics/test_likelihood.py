"""Bits per dimension: of laws whose entropy is known, by how the data were stored, beside the normal law's."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from equigen.data.dataset import DataSet
from equigen.data.encoding import Encoding
from equigen.data.loading import load
from equigen.diffusion.laws.covariance import Isotropic
from equigen.diffusion.laws.gaussian import Gaussian
from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.scale import Scale
from equigen.diffusion.schedules.edm import EDM
from equigen.metrics.likelihood import dequantised, held_out_likelihood, level_distance
from equigen.random import Stream, normal
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked

SHAPE, STD, N = (1, 3, 4), 0.25, 80


def entropy(std: float) -> float:
    """Bits of a normal number."""
    return 0.5 * math.log2(2.0 * math.pi * math.e * std**2)


def gaussian_set(encoding: Encoding, n: int = 4000, std: float = STD, structure=None) -> tuple[DataSet, DataSet]:
    """Normal items about 0.5, rounded to the levels of the encoding, if it has any."""
    x = 0.5 + std * normal(SHAPE, seed=3, stream=Stream.LAW, item=torch.arange(n))
    if encoding.bounds is not None:
        x = ((x * encoding.scale + encoding.offset).round() - encoding.offset) / encoding.scale
    space = Euclidean(*SHAPE) if structure is None else Masked(*SHAPE)
    x = x if structure is None else torch.where(structure, x, 0.0)
    return DataSet(x, space, "normal", encoding, structure=structure).split(seed=0)


def model_of(train: DataSet, std: float = STD, wrong: float = 1.0) -> DiffusionModel:
    """The exact model of such items; or one whose data are `wrong` times as wide."""
    law = Gaussian(torch.zeros(SHAPE), Isotropic(wrong**2))
    return DiffusionModel(train.space, law.denoiser(EDM()), Scale(torch.tensor([0.5]), torch.tensor([std])))


STORED = {"digits": Encoding("uint8", "nhw", scale=16.0), "8 bits": Encoding("uint8"), "counts": Encoding("int16")}


@pytest.mark.parametrize("name", STORED)
def test_the_bits_of_stored_numbers_are_their_entropy(name):
    """That of the normal law in stored units: log2 of the scale, no rote 8, and no level where there is none."""
    encoding = STORED[name]
    std = STD if encoding.scale > 1 else 40.0
    parts = gaussian_set(encoding, std=std)
    found = held_out_likelihood(model_of(parts[0], std), *parts, N, seed=0)
    stored = std * encoding.scale
    truth = entropy((stored**2 + 1.0 / 12.0) ** 0.5)
    assert found.quantised
    assert found.n == N
    assert found.bits == pytest.approx(truth, abs=4 * found.standard_error + found.solver_error)
    assert found.standard_error < 0.04
    assert found.probe_error == 0.0  # 12 numbers: the trace is exact
    assert found.solver_error < 1e-2 / math.log(2)
    assert found.baseline == pytest.approx(found.bits, abs=0.02)  # the model is that normal law
    assert abs(found.gain) < 0.02
    assert found.baseline_covariance == "full"
    assert found.noise == pytest.approx(max(0.002, 1.0 / 12**0.5 / stored))


def test_the_control_a_wrong_model_costs_what_it_must():
    """Twice as wide: the divergence ln 2 - 3/8 nats a number, by hand."""
    parts = gaussian_set(STORED["8 bits"])
    right, wrong = (held_out_likelihood(model_of(parts[0], wrong=w), *parts, N, seed=0) for w in (1.0, 2.0))
    cost = (math.log(2.0) - 0.375) / math.log(2.0)
    assert wrong.bits - right.bits == pytest.approx(cost, abs=0.05)
    assert wrong.gain == pytest.approx(-cost, abs=0.06)
    assert wrong.gain_error < 0.05


def test_floats_have_a_density_in_data_units():
    parts = gaussian_set(Encoding("float32"))
    found = held_out_likelihood(model_of(parts[0]), *parts, N, seed=0)
    assert not found.quantised
    assert found.bits == pytest.approx(entropy(STD), abs=4 * found.standard_error)
    assert found.noise == pytest.approx(0.002)


def test_pixels_that_are_not_valid_do_not_count():
    mask = torch.arange(12).reshape(1, 1, 3, 4) < torch.arange(1, 13).repeat(400)[:4000, None, None, None]
    parts = gaussian_set(STORED["digits"], structure=mask)
    found = held_out_likelihood(model_of(parts[0]), *parts, N, seed=0)
    truth = entropy(((STD * 16) ** 2 + 1.0 / 12.0) ** 0.5)
    assert found.bits == pytest.approx(truth, abs=4 * found.standard_error + found.solver_error)
    assert found.baseline_covariance == "diagonal"
    assert abs(found.gain) < 0.05


def test_levels_are_those_of_how_the_data_were_stored():
    rows = torch.arange(20)
    digits = load("digits")
    assert level_distance(digits, rows) == 1 / 16
    assert level_distance(replace(digits, encoding=Encoding("float32")), rows) is None
    resized = replace(digits, x=0.5 * (digits.x + digits.x.roll(1, 3)))
    assert level_distance(resized, rows) is None


def test_dequantisation_is_addressed_and_stays_in_its_level():
    x = torch.zeros(5, 1, 30, 30)
    spread = dequantised(x, 0.2, seed=0, item=torch.arange(5))
    torch.testing.assert_close(spread[3:], dequantised(x[3:], 0.2, seed=0, item=torch.arange(3, 5)))
    assert not torch.equal(spread, dequantised(x, 0.2, seed=1, item=torch.arange(5)))
    assert float(spread.abs().max()) < 0.1
    assert float(spread.mean()) == pytest.approx(0.0, abs=4 * 0.2 / (12 * 4500) ** 0.5)


def test_what_has_no_density_has_no_record():
    parts = gaussian_set(STORED["digits"], n=40)
    assert held_out_likelihood(object(), *parts, N, seed=0) is None
    assert held_out_likelihood(model_of(parts[0]), *parts, 1, seed=0) is None
    assert held_out_likelihood(model_of(parts[0]), *parts, N, seed=0).n == 10


def test_the_error_of_the_gain_is_that_of_the_difference():
    """Twice as wide, -log p differs by r^2 (1/8 - 1/2) / var over 12 numbers: its deviation is 3/8 sqrt(2 12) nats."""
    parts = gaussian_set(STORED["8 bits"])
    found = held_out_likelihood(model_of(parts[0], wrong=2.0), *parts, N, seed=0)
    expected = 0.375 * math.sqrt(24.0) / 12 / math.log(2.0) / N**0.5
    assert found.gain_error == pytest.approx(expected, rel=0.25)
