from __future__ import annotations

import numpy as np
import pytest
import torch

from equigen.data.statistics import digests, moments


def test_moments_are_numpys_over_several_chunks():
    x = torch.from_numpy(np.random.default_rng(0).normal(1000.0, 0.1, (2500, 3, 4, 5)).astype(np.float32))
    found = moments(x)
    exact = x.double().numpy()
    assert found.mean == pytest.approx(exact.mean((0, 2, 3)), rel=1e-12)
    assert found.std == pytest.approx(exact.std((0, 2, 3)), rel=1e-9)
    assert (found.low, found.high) == (exact.min(), exact.max())


def test_planted_float32_sums_would_miss():
    x = torch.full((2000, 1, 8, 8), 1000.0)
    x[::2] += 0.125
    naive = (x.square().mean() - x.mean() ** 2).abs().sqrt().item()
    assert moments(x).std[0] == pytest.approx(0.0625, rel=1e-12)
    assert naive != pytest.approx(0.0625, rel=1e-2)


def test_digests_are_equal_exactly_where_items_are():
    x = torch.arange(12.0).reshape(3, 1, 2, 2)
    marks = digests(torch.cat([x, x[1:2], x[1:2].transpose(2, 3)]))
    assert marks[3] == marks[1]
    assert len(set(marks)) == 4
