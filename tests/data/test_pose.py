"""Poses: exact turns, rotations against a rotated function, one pose for each place in the set."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from equigen.data.loading import load
from equigen.data.pose import Poses
from equigen.data.spline import resample


def blob(side: int, width: float, angle: float) -> torch.Tensor:
    """A Gaussian beside the centre, rotated counterclockwise (rows go down)."""
    place = torch.arange(side, dtype=torch.float64) - (side - 1) / 2
    up, right = -place[:, None], place[None, :]
    u, v = side / 8, side / 16
    x, y = u * math.cos(angle) - v * math.sin(angle), u * math.sin(angle) + v * math.cos(angle)
    return torch.exp(-((right - x) ** 2 + (up - y) ** 2) / (2 * width**2))[None, None]


def rotation_error(width: float, sign: int = 1, linear: bool = False) -> float:
    angles = [0.1, 1.0, 2.5, 4.0, 6.0]
    nothing = torch.zeros(1, 1)
    return max(
        float(
            (resample(blob(40, width, 0.0), torch.tensor([sign * a]).double(), nothing, linear) - blob(40, width, a))
            .abs()
            .max()
        )
        for a in angles
    )


def test_rotations_are_those_of_the_function():
    assert rotation_error(3.0) < 2.5e-4
    assert rotation_error(2.0) < 1.3e-3
    assert rotation_error(3.0, linear=True) > 1e-2  # what the spline is for
    assert rotation_error(3.0, sign=-1) > 0.1  # a wrong sign is found


def test_the_error_falls_with_the_fourth_power_of_the_pixel():
    assert math.log(rotation_error(2.0) / rotation_error(3.0)) / math.log(1.5) > 3.5


@pytest.mark.parametrize("side", [8, 9])
def test_a_rotation_by_a_quarter_is_a_quarter_turn(side):
    x = torch.rand(4, 2, side, side, dtype=torch.float64)
    for turns in range(4):
        angles = torch.full((4,), turns * math.pi / 2, dtype=torch.float64)
        turned = resample(x, angles, torch.zeros(4, 2))
        torch.testing.assert_close(turned, torch.rot90(x, turns, (-2, -1)), rtol=0, atol=1e-9)


def turned_by_hand(x: torch.Tensor, turns: torch.Tensor, sign: int = 1, shared: bool = False) -> torch.Tensor:
    return torch.stack(
        [
            torch.from_numpy(np.rot90(image.numpy(), sign * int(turns[0 if shared else place]), (-2, -1)).copy())
            for place, image in enumerate(x)
        ]
    )


def test_a_posed_set_is_the_turned_original():
    plain, posed = load("digits"), load("digits", pose="quarter-turns", seed=3)
    turns = Poses("quarter-turns", 3).turns(torch.arange(len(plain)))
    assert torch.equal(posed.x, turned_by_hand(plain.x, turns))
    assert not torch.equal(posed.x, turned_by_hand(plain.x, turns, sign=-1))
    assert not torch.equal(posed.x, turned_by_hand(plain.x, turns, shared=True))
    assert torch.equal(posed.labels, plain.labels)  # type: ignore[arg-type]
    assert "quarter turns" in posed.notes[-1]
    assert "seed 3" in posed.notes[-1]


@pytest.mark.parametrize("kind", ["quarter-turns", "rotations"])
def test_a_pose_belongs_to_its_place_in_the_set(kind, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    np.save(tmp_path / "a.npy", rng.random((40, 2, 12, 12)))
    everything = load(tmp_path / "a.npy", pose=kind)
    assert torch.equal(load(tmp_path / "a.npy", pose=kind, limit=10).x, everything.x[::4])
    assert not torch.equal(load(tmp_path / "a.npy", pose=kind, seed=1).x, everything.x)
    monkeypatch.setattr("equigen.data.memory.SHARE", 0.0)
    large = load(tmp_path / "a.npy", pose=kind)
    assert large.describe()["in_memory"] is False
    for size in (1, 3, 40):
        batch = large.batch(size, seed=0, step=1)
        assert torch.equal(batch.x, everything.batch(size, seed=0, step=1).x)
    assert torch.equal(large.subset([7, 3]).x[:], everything.x[[7, 3]])


def test_turns_and_angles_are_spread_evenly():
    item = torch.arange(4000)
    counts = Poses("quarter-turns").turns(item).bincount()
    assert (counts - 1000).abs().max() < 100
    angles = Poses("rotations").angles(item)
    assert 0 < angles.min() < 0.01
    assert abs(float(angles.cos().mean())) < 0.05


def test_outside_is_the_border_and_no_number_leaves_the_range():
    x = torch.full((30, 1, 16, 16), 0.25)
    x[:, :, 5:11, 5:11] = torch.rand(30, 1, 6, 6)
    turned, _ = Poses("rotations")(x, torch.arange(30))
    assert (turned.amin((1, 2, 3)) >= x.amin((1, 2, 3))).all()
    assert (turned.amax((1, 2, 3)) <= x.amax((1, 2, 3))).all()
    assert (turned[:, 0, 0, 0] - 0.25).abs().max() < 1e-3


@pytest.mark.parametrize("kind", ["quarter-turns", "rotations"])
def test_masks_go_with_their_images_and_hide_what_they_exclude(kind):
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.random((30, 1, 16, 16), dtype=np.float32))
    valid = torch.zeros(30, 1, 16, 16, dtype=torch.bool)
    valid[..., 2:9, 3:14] = True
    poses, item = Poses(kind), torch.arange(30)
    turned, seen = poses(torch.where(valid, x, 0.0), item, valid)
    other, _ = poses(torch.where(valid, x, 0.0) + 9.0 * ~valid, item, valid)
    if kind == "quarter-turns":
        assert torch.equal(seen, turned_by_hand(valid, poses.turns(item)))  # type: ignore[arg-type]
    else:
        assert torch.equal(turned, other)
    share = seen.float().mean() / valid.float().mean()  # type: ignore[union-attr]
    assert 0.9 < share < 1.1
    assert turned[seen].min() >= 0.0
    assert (turned[~seen] == 0).all()  # type: ignore[operator]


def test_turns_of_oblong_images_are_refused(tmp_path, refused):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).random((4, 8, 12)))
    refused(tmp_path / "a.npy", "8x12", "--resize 8", pose="quarter-turns")
    assert load(tmp_path / "a.npy", pose="quarter-turns", resize=8).x.shape == (4, 1, 8, 8)
    assert load(tmp_path / "a.npy", pose="rotations").x.shape == (4, 1, 8, 12)
    refused("digits", "pose is 'flips'", "rotations", pose="flips")
