"""Tables keep their digits, follow their module, and are changed by nothing that goes over weights and buffers."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch import nn

from equigen.steerable.tables import Tables

THIRD = torch.full((1, 1), 1 / 3, dtype=torch.float64)


@pytest.mark.parametrize(
    "way", [copy.deepcopy, lambda module: pickle.loads(pickle.dumps(module))], ids=["copy", "pickle"]
)
def test_tables_keep_their_digits_on_every_way(way):
    tables = way(Tables([THIRD]).float().half()).double()
    assert torch.equal(tables.table(0), THIRD)
    plain = nn.Module()
    plain.register_buffer("table", THIRD.clone())
    assert not torch.equal(plain.half().double().table, THIRD)  # type: ignore[arg-type]


def test_tables_are_not_in_checkpoints():
    assert not Tables([THIRD]).state_dict()
    assert Tables([]).double().state_dict() == {}


def test_a_table_that_is_overwritten_leaves_the_table_alone():
    tables = Tables([THIRD]).double()
    tables.table(0).zero_()
    assert torch.equal(tables.float().double().table(0), THIRD)


def test_whole_numbers_keep_their_dtype():
    order = Tables([torch.tensor([2, 0, 1])])
    assert order.half().double().table(0).dtype == torch.int64
    assert order.table(0).tolist() == [2, 0, 1]


@pytest.mark.parametrize("assign", [False, True])
def test_tables_come_back_from_a_device_without_memory(assign):
    """Built without memory, then given some and filled from a checkpoint, by either way of torch."""
    with torch.device("meta"):
        network = nn.Sequential(Tables([THIRD]), nn.Linear(1, 1))
    assert network[0].table(0).is_meta  # type: ignore[operator]
    weights = nn.Linear(1, 1).state_dict(prefix="1.")
    if not assign:
        network.to_empty(device="cpu")
    network.load_state_dict(weights, assign=assign)
    assert torch.equal(network[0].table(0), THIRD.float())  # type: ignore[operator]


def test_nothing_that_goes_over_buffers_finds_them():
    tables = Tables([THIRD])
    assert not list(tables.buffers())
    assert not list(tables.parameters())
