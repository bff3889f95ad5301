"""The table of speed compares fairly: turns, batches, what its summary covers, what a file is continued with."""

from __future__ import annotations

import itertools
import json
import sys

import pytest
import torch

from benchmarks import steerable, steerable_memory
from benchmarks.steerable_networks import NAMES, REGULAR, fields_of, network, products

CELLS = list(itertools.product(steerable.CHANNELS, steerable.KERNELS, steerable.MAPS))


def taken(plain_seconds, budget=0.0):
    """The order of the pieces, and what they took."""
    order = []
    pieces = {name: (lambda name=name: order.append(name)) for name in NAMES}

    def clocked(work):
        work()
        return plain_seconds * (2 if order[-1] == "C16" else 1)

    return order, steerable.rounds(pieces, budget, clocked)


@pytest.mark.parametrize(("seconds", "least"), [(0.1, 5), (2.0, 3), (6.0, 2)])
def test_every_network_is_once_in_a_round_and_another_one_first(seconds, least):
    order, found = taken(seconds)
    each = [order[i : i + len(NAMES)] for i in range(0, len(order), len(NAMES))]
    assert [sorted(names) for names in each] == [sorted(NAMES)] * least
    assert [names[0] for names in each] == list(NAMES)[:least]
    compared = steerable.compared(found)
    assert compared["rounds"] == least
    assert compared["C16"] == {"median": 2.0, "spread": [2.0, 2.0], "least": 2.0}


def test_a_ratio_is_that_of_its_round():
    compared = steerable.compared({"plain": [1.0, 10.0, 2.0], "C4": [1.1, 12.0, 2.0]})
    assert compared["C4"]["median"] == pytest.approx(1.1)
    assert compared["C4"]["spread"] == pytest.approx([1.0, 1.2])


def test_small_batches_are_those_of_large_cells_on_processors():
    small = [cell for cell in CELLS if steerable.batch_of(cell, "cpu") == steerable.SMALL_BATCH]
    assert len(small) == 7
    assert min(products(cell) for cell in small) > max(products(cell) for cell in CELLS if cell not in small)
    assert {steerable.batch_of(cell, "cuda") for cell in CELLS} == {64}
    assert steerable.batch_of(steerable.BOTH_BATCHES, "cpu") == 64


def row(memory, batch=64):
    ratio = {name: {"median": 1.1, "spread": [1.0, 1.2], "least": 1.0} for name in NAMES[1:]}
    mode = {"rounds": 5, "plain_ms": {"median": 1.0, "least": 1.0}, **ratio}
    errors = {name: {"quarter_turn": 1e-7, "plain_module": 0.0} for name in NAMES[1:]}
    cell = {"channels": 64, "kernel": 3, "map": 14, "batch": batch}
    return {**cell, "errors": errors, "training": mode, "inference": mode, "memory": memory}


def test_the_summary_says_how_many_cells_it_covers():
    found = steerable.summed([row({"plain_mib": 1.0} | dict.fromkeys(NAMES[1:], 1.3)), row(None)])
    assert found["memory regular"]["cells"] == "1 of 2"
    assert found["memory regular"]["largest"] == 1.3
    assert found["training regular, median"]["cells"] == "2 of 2"
    assert found["training regular, median"]["promised"] == {"geometric_mean": 1.05, "largest": 1.2}
    assert "batch  8*" in steerable.told(row(None, batch=8))
    assert "(1.00-1.20)" in steerable.told(row(None))


def test_a_file_is_continued_by_the_same_question_alone(tmp_path):
    out = tmp_path / "found.json"
    assert steerable.begun(out, {"bf16": False}) == {"rows": [], "beside": []}
    out.write_text(json.dumps({"asked": {"bf16": False}, "rows": [1], "beside": [2]}))
    assert steerable.begun(out, {"bf16": False}) == {"rows": [1], "beside": [2]}
    with pytest.raises(SystemExit, match="bf16 False there and True here"):
        steerable.begun(out, {"bf16": True})


def test_networks_have_equal_channels():
    x = torch.randn(1, 64, 5, 5)
    for name in NAMES:
        assert network(name, 64, 3).eval()(x).shape == x.shape
    assert [fields_of(name, 64).size for name in NAMES[1:]] == [64] * 6
    assert set(REGULAR) < set(NAMES)


def test_long_steps_are_left_out_of_memory():
    assert steerable_memory.memory((448, 7, 56)) is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_peak_holds_the_maps_and_the_weights():
    """Two of 8 channels and 32 x 32 pixels: the map, what batch norm and activation keep, and slopes; not ten times."""
    found = steerable_memory.alone("plain", (32, 3, 32))
    one_map = 64 * 32 * 32**2 * 4 / 2**20
    assert 6 * one_map < found < 14 * one_map
