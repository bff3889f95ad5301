"""A number that is not finite stops the run at its step, names what is at fault and leaves the weights before it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from torch import nn

from equigen.data.dataset import DataSet
from equigen.data.order import batch_indices
from equigen.diffusion.model import NoiseLevelLoss
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean
from equigen.training import trainer as trainer_module
from equigen.training.errors import NonFiniteError
from equigen.training.finite import Window, blame, require_finite_validation
from equigen.training.trainer import Trainer
from tests.training.small import Points, Small, config

POISON = 31
SETTINGS = {"clip": 1.0, "checkpoint_every": 1, "log_every": 4}


class Telling(Small):
    def training_noise(self, batch: Batch, seed: int, step: int) -> torch.Tensor:
        return 0.5 + batch.position.double()


class Kink(Small):
    """Its loss is finite, but the gradient of the square root at zero is not."""

    def loss(self, batch: Batch, seed: int, step: int) -> torch.Tensor:
        weight = self.network[0].weight.sum()
        far = (batch.x.abs().amax(1) > 1e3).to(batch.x)
        smooth = super().loss(replaced(batch, batch.x * (1 - far[:, None])), seed, step)
        return smooth + torch.sqrt((0 * far * weight)[far > 0]).sum()


def replaced(batch: Batch, x: torch.Tensor) -> Batch:
    return Batch(x, batch.position, batch.size)


def poisoned(value: float) -> Points:
    points = Points()
    points.x = points.x.clone()
    points.x[POISON] = value
    return points


def first_meeting() -> tuple[int, int]:
    """The step that first meets the poisoned item, counted from 0, and its place in the batch."""
    for step in range(20):
        indices, _ = batch_indices(50, 8, seed=5, step=step)
        if POISON in indices:
            return step, indices.tolist().index(POISON)
    raise AssertionError


def stopped(model: nn.Module, source, folder: Path, **changes: object) -> tuple[NonFiniteError, Trainer]:
    trainer = Trainer(model, source, config(**{**SETTINGS, **changes}), folder)
    with pytest.raises(NonFiniteError) as caught:
        trainer.fit()
    return caught.value, trainer


def test_the_first_step_is_not_the_one_at_fault():
    assert first_meeting()[0] > 1  # or the tests below would show nothing


@pytest.mark.parametrize("value", [1e30, math.inf, math.nan])
def test_step_and_items_are_named(tmp_path, value):
    step, place = first_meeting()
    error, _ = stopped(Telling(), poisoned(value), tmp_path)
    assert (error.step, error.positions, error.noise) == (step + 1, (place,), (place + 0.5,))
    said = str(error)
    assert f"step {step + 1} " in said
    assert f"batch item {place} at noise level {place + 0.5:.3g}" in said
    assert "\n" not in said


def test_of_a_data_set_the_index_is_named_too(tmp_path):
    data = DataSet(poisoned(math.inf).x.reshape(50, 4), Euclidean(4), "points")
    error, _ = stopped(Small(), data, tmp_path)
    assert error.items == (POISON,)
    assert error.noise == ()
    assert f"training item {POISON}" in str(error)


def test_a_gradient_is_enough(tmp_path):
    step, place = first_meeting()
    error, _ = stopped(Kink(), poisoned(1e4), tmp_path)
    assert (error.step, error.positions) == (step + 1, (place,))
    assert "gradient (norm nan)" in str(error)


def weights(model: nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in model.parameters()]


def same(a: list[torch.Tensor], b: list[torch.Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("read_every", [1, 4, 20])
@pytest.mark.parametrize("clip", [1.0, None])
def test_the_weights_before_it_are_left_however_late_it_is_read(tmp_path, read_every, clip):
    step, place = first_meeting()
    changes = {"clip": clip, "checkpoint_every": 0, "log_every": 20}
    until = Trainer(Small(), Points(), config(**changes), tmp_path / "until")
    before = []
    take = until._take_step
    until._take_step = lambda: (before.append(weights(until.model)), take())  # type: ignore[method-assign]
    until.fit()
    trainer = Trainer(Small(), poisoned(math.inf), config(**changes), tmp_path / "run")
    trainer._read_every = read_every
    with pytest.raises(NonFiniteError) as caught:
        trainer.fit()
    assert (caught.value.step, caught.value.positions) == (step + 1, (place,))
    assert same(weights(trainer.model), before[step])


def test_without_the_guard_the_weights_would_be_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(Window, "read", lambda self, mean: None)
    monkeypatch.setattr(Window, "mean", lambda self: (0.0, 0.0))
    monkeypatch.setattr(trainer_module, "require_finite_weights", lambda step, *models: None)
    trainer = Trainer(Small(), poisoned(math.inf), config(checkpoint_every=0), tmp_path / "a")
    trainer.fit()
    assert all(bool(value.isfinite().all()) for value in weights(trainer.model))
    add = Window.add
    monkeypatch.setattr(Window, "add", lambda self, loss, norm: (add(self, loss, norm), self.skip.zero_())[0])
    trainer = Trainer(Small(), poisoned(math.inf), config(checkpoint_every=0), tmp_path / "b")
    trainer.fit()
    assert not all(bool(value.isfinite().all()) for value in weights(trainer.model))


def test_nothing_saved_is_touched(tmp_path):
    step, _ = first_meeting()
    _, trainer = stopped(Small(), poisoned(math.nan), tmp_path)
    assert trainer.checkpoints.steps() == [step - 1, step]
    assert trainer.checkpoints.newest().step == step
    assert all(math.isfinite(record["loss"]) for record in trainer.log.read())
    assert (tmp_path / "checkpoints" / "latest").read_text() == f"step-{step:08d}\n"
    json.loads((tmp_path / "checkpoints" / f"step-{step:08d}" / "state.json").read_text())


def test_a_fault_that_no_item_shows_alone_is_said_so():
    error = blame(3, (math.inf, 1.0), [], torch.arange(4), noise=torch.tensor([0.1, 2.0, 0.5, 0.2]))
    assert "no item of the batch alone (noise levels 0.1 to 2)" in str(error)
    assert error.positions == ()


def test_many_items_are_counted():
    assert "and 5 more" in str(blame(3, (math.nan, 1.0), list(range(8)), torch.arange(8)))


def test_a_window_reads_means_and_places():
    window = Window("cpu", [(1.0, 2.0)])
    for loss in (3.0, 5.0):
        window.add(torch.tensor(loss), torch.tensor(2 * loss, dtype=torch.float64))
    assert window.read() is None
    assert window.mean() == (3.0, 6.0)
    for loss in (1.0, math.nan, 1.0, 1.0):
        window.add(torch.tensor(loss), torch.tensor(1.0))
    assert window.read() == 2
    assert window.skip.item() == 1.0


def test_weights_that_overflow_are_not_saved(tmp_path):
    # The step itself is finite: only what it leads to is not.
    error, trainer = stopped(Small(), Points(), tmp_path, learning_rate=1e39, warmup=0.0)
    assert "the weights after step 1 are not finite" in str(error)
    assert (error.step, trainer.checkpoints.steps()) == (1, [])


def test_a_held_out_loss_that_is_not_finite_stops_the_run_before_it_is_saved(tmp_path):
    class Levels(Small):
        def loss_by_noise_level(self, x, *, seed):
            return NoiseLevelLoss(torch.tensor([0.1, 1.0]), torch.tensor([2.0, math.inf]), torch.zeros(2))

    trainer = Trainer(Levels(), Points(), config(validate_every=2, checkpoint_every=1), tmp_path, held_out=Points().x)
    with pytest.raises(NonFiniteError, match="held-out loss after step 2 is not finite at noise level 1;") as caught:
        trainer.fit()
    assert (caught.value.step, caught.value.noise) == (2, (1.0,))
    assert trainer.checkpoints.steps() == [1]
    assert all(record["kind"] == "train" for record in trainer.log.read())
    with pytest.raises(NonFiniteError, match=r"is not finite; nothing"):
        require_finite_validation(3, {"loss": math.nan})
    require_finite_validation(3, {"loss": 1.0})
