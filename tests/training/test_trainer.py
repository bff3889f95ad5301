"""The loop: it is the textbook's loop, it tells what it does, and it leaves the process as it found it."""

from __future__ import annotations

import threading

import pytest
import torch
from torch import nn

from equigen.data.order import batch_indices
from equigen.random import Stream, normal
from equigen.spaces.batch import Batch
from equigen.training.average import keep
from equigen.training.callbacks import Callback, SampleGrid, due
from equigen.training.config import TrainerConfig
from equigen.training.engine import Engine
from equigen.training.errors import ConfigError, RunFolderError
from equigen.training.metrics_log import MetricsLog
from equigen.training.optimiser import learning_rate
from equigen.training.trainer import Trainer
from equigen.training.validation import MOST, validate
from tests.training.small import WIDTH, Points, Small, config


class Plain(nn.Module):
    """A model without dropout."""

    def __init__(self, scale: float = 0.5) -> None:
        super().__init__()
        self.layer = nn.Linear(WIDTH, WIDTH)
        with torch.no_grad():
            for number, parameter in enumerate(self.parameters()):
                parameter.copy_(scale * normal(parameter.shape, seed=1, stream=Stream.LAW, item=number))

    def loss(self, batch: Batch, seed: int, step: int) -> torch.Tensor:
        noise = normal((WIDTH,), seed=seed, stream=Stream.TRAINING_NOISE, item=batch.position, step=step)
        return (self.layer(batch.x + noise) - batch.x).square().mean()


def by_hand(settings: TrainerConfig, betas: tuple[float, float] = (0.9, 0.99), wrong: str = "") -> list[torch.Tensor]:
    """The same training in double precision, Adam, clipping and average written out."""
    model, x = Plain().double(), Points().x.double()
    parameters = list(model.parameters())
    first, second = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    average = [p.detach().clone() for p in parameters]
    for step in range(1, settings.steps + 1):
        index = step - 1 if wrong != "step" else step
        items, position = batch_indices(50, settings.batch_size, seed=settings.seed, step=index)
        noise = normal((WIDTH,), seed=settings.seed, stream=Stream.TRAINING_NOISE, item=position, step=index)
        loss = (model.layer(x[items] + noise.double()) - x[items]).square().mean()
        gradients = torch.autograd.grad(loss, parameters)
        norm = torch.sqrt(sum(g.square().sum() for g in gradients))
        factor = min(1.0, settings.clip / float(norm)) if settings.clip and wrong != "clip" else 1.0
        for k, (p, g) in enumerate(zip(parameters, gradients, strict=True)):
            first[k] = betas[0] * first[k] + (1 - betas[0]) * factor * g
            second[k] = betas[1] * second[k] + (1 - betas[1]) * (factor * g) ** 2
            root = (second[k] / (1 - betas[1] ** step)).sqrt() + 1e-8
            rate = learning_rate(step, settings)
            p.data -= rate * first[k] / (1 - betas[0] ** step) / root
            kept = keep(step, settings.steps, settings.ema)
            average[k] = kept * average[k] + (1 - kept) * p.detach()
    return [*(p.detach() for p in parameters), *average]


def distance(settings: TrainerConfig, folder, wrong: str = "") -> float:
    trainer = Trainer(Plain(), Points(), settings, folder)
    trainer.fit()
    found = [*trainer.model.parameters(), *trainer.average.model.parameters()]
    return max(float((a.detach() - b).abs().max()) for a, b in zip(found, by_hand(settings, wrong=wrong), strict=True))


@pytest.mark.parametrize("clip", [0.3, None])
def test_it_is_the_textbooks_loop(tmp_path, clip):
    assert distance(config(clip=clip), tmp_path) < 1e-5


@pytest.mark.parametrize("wrong", ["step", "clip"])
def test_another_loop_is_told_apart(tmp_path, wrong):
    assert distance(config(clip=0.3), tmp_path, wrong) > 1e-4


def test_double_precision_agrees_to_its_last_digits(tmp_path):
    class Double(Plain):
        def loss(self, batch: Batch, seed: int, step: int) -> torch.Tensor:
            assert batch.x.dtype == torch.float64
            noise = normal((WIDTH,), seed=seed, stream=Stream.TRAINING_NOISE, item=batch.position, step=step)
            return (self.layer(batch.x + noise.double()) - batch.x).square().mean()

    trainer = Trainer(Double(), Points(), config(precision="float64", clip=0.3), tmp_path)
    trainer.fit()
    expected = by_hand(config(clip=0.3))
    found = [*trainer.model.parameters(), *trainer.average.model.parameters()]
    # torch divides by the norm plus 1e-6
    assert max(float((a.detach() - b).abs().max()) for a, b in zip(found, expected, strict=True)) < 1e-5


def test_bfloat16_lowers_products_and_keeps_weights(tmp_path):
    seen = []

    class Watching(Plain):
        def loss(self, batch: Batch, seed: int, step: int) -> torch.Tensor:
            seen.append(self.layer(batch.x).dtype)
            return super().loss(batch, seed, step)

    average = Trainer(Watching(), Points(), config(precision="bfloat16"), tmp_path / "a").fit()
    assert set(seen) == {torch.bfloat16}
    assert {p.dtype for p in average.parameters()} == {torch.float32}
    # A second run of the same process is not held to the precision of the first.
    seen.clear()
    Trainer(Watching(), Points(), config(), tmp_path / "b").fit()
    assert set(seen) == {torch.float32}


def test_the_process_is_left_as_it_was(tmp_path):
    model = Small()
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    Trainer(model, Points(), config(threads=threads + 1), tmp_path).fit()
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    torch.rand(1)
    assert not torch.equal(torch.get_rng_state(), state)


def test_it_trains_outside_the_main_thread(tmp_path):
    threads = [threading.Thread(target=Trainer(Small(), Points(), config(), tmp_path).fit)]
    for thread in threads:
        thread.start()
        thread.join()
    assert (tmp_path / "checkpoints" / "latest").read_text() == "step-00000020\n"


def test_dropout_differs_from_step_to_step_and_not_from_run_to_run():
    engine, draws = Engine(config()), []
    with engine.surroundings():
        for step in (0, 1, 0, 1023, 1024, 2048, 1023):
            engine.seed_step(step)
            draws.append(torch.rand(1).item())
    assert draws[0] == draws[2]
    assert draws[3] == draws[6]
    assert len(set(draws)) == 5


class Listing(Callback):
    def __init__(self) -> None:
        self.events = []

    def on_start(self, trainer):
        self.events.append(("start", trainer.step))

    def on_step(self, trainer):
        self.events.append(("step", trainer.step))

    def on_metrics(self, trainer, record):
        self.events.append((record["kind"], record["step"]))

    def on_checkpoint(self, trainer, folder):
        self.events.append(("checkpoint", int(folder.name.removeprefix("step-"))))

    def on_end(self, trainer):
        self.events.append(("end", trainer.step))


def test_callbacks_are_told_in_order(tmp_path):
    listing = Listing()
    settings = config(steps=5, log_every=2, checkpoint_every=3, validate_every=4)
    Trainer(Small(), Points(), settings, tmp_path, held_out=Points().x[:5], callbacks=[listing]).fit()
    assert listing.events == [
        *(("start", 0), ("step", 1), ("train", 2), ("step", 2), ("step", 3), ("checkpoint", 3)),
        *(("train", 4), ("validation", 4), ("step", 4), ("train", 5), ("validation", 5), ("step", 5)),
        *(("checkpoint", 5), ("end", 5)),
    ]
    resumed = Listing()
    Trainer(Small(), Points(), settings, tmp_path, callbacks=[resumed]).fit(resume=True)
    assert resumed.events == [("start", 5), ("end", 5)]


def test_a_line_of_metrics_is_the_mean_over_its_steps(tmp_path):
    for name, every in (("each", 1), ("four", 4)):
        Trainer(Plain(), Points(), config(steps=10, log_every=every, clip=0.1), tmp_path / name).fit()
    each, four = (MetricsLog(tmp_path / name / "metrics.jsonl").read() for name in ("each", "four"))
    assert [record["step"] for record in four] == [4, 8, 10]
    for record, steps in zip(four, (each[:4], each[4:8], each[8:]), strict=True):
        for key in ("loss", "gradient_norm"):
            assert record[key] == pytest.approx(sum(step[key] for step in steps) / len(steps), rel=1e-12)
        assert record["learning_rate"] == steps[-1]["learning_rate"]
    assert set(four[0]) == {"kind", "step", "loss", "gradient_norm", "learning_rate", "seconds"}
    assert min(step["gradient_norm"] for step in each) > 0.1  # as it was before it was clipped


def test_a_checkpoint_of_another_model_is_refused(tmp_path):
    Trainer(Small(), Points(), config(), tmp_path).fit()
    with pytest.raises(RunFolderError, match="belongs to another model"):
        Trainer(Plain(), Points(), config(), tmp_path).fit(resume=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here")
def test_a_device_that_is_not_there():
    with pytest.raises(ConfigError, match="device is 'cuda', but there is none here"):
        Engine(config(device="cuda"))


def test_a_folder_below_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="cannot be written"):
        Trainer(Small(), Points(), config(), tmp_path / "file" / "run").fit()


def test_the_last_step_is_due_and_never_is_never():
    assert [step for step in range(1, 11) if due(step, 4, 10)] == [4, 8, 10]
    assert not any(due(step, every, 10) for step in range(1, 11) for every in (0, None))


def test_parts_of_a_batch_count_by_their_size():
    # Two processes with 3 and 5 of 8 items: the mean of their gradients is that of the whole batch.
    from equigen.training.engine import _Loss

    model, whole = Plain(), Points().batch(8, 5, 0)
    expected = torch.autograd.grad(model.loss(whole, 5, 0), model.layer.weight)[0]
    parts = [Batch(whole.x[rows], whole.position[rows], 8) for rows in (slice(0, 3), slice(3, 8))]
    shared = [torch.autograd.grad(_Loss(model, 2)(part, 5, 0), model.layer.weight)[0] for part in parts]
    assert torch.allclose((shared[0] + shared[1]) / 2, expected, atol=1e-6)
    plain = [torch.autograd.grad(model.loss(part, 5, 0), model.layer.weight)[0] for part in parts]
    assert not torch.allclose((plain[0] + plain[1]) / 2, expected, atol=1e-3)


def test_validation_looks_at_the_average_and_at_so_many_items():
    class Counting(nn.Module):
        def loss(self, batch: Batch, seed: int, step: int) -> torch.Tensor:
            assert not torch.is_grad_enabled()
            return torch.tensor(float(len(batch)))

    assert validate(Counting(), torch.zeros(MOST + 9, 2), seed=0) == {"loss": MOST}


def test_sample_grids_come_when_they_are_due_and_show_one_noise(tmp_path):
    import numpy as np

    class Sampling(Plain):
        def sample(self, n: int, *, seed: int, steps: int) -> torch.Tensor:
            return normal((1, 2, 2), seed=seed, stream=Stream.PRIOR, item=torch.arange(n)) + self.layer.bias[0]

    settings = config(steps=10, sample_every=4)
    Trainer(Sampling(), Points(), settings, tmp_path, callbacks=[SampleGrid()]).fit()
    grids = {path.name: np.load(path)["images"] for path in (tmp_path / "progress").iterdir()}
    assert sorted(grids) == ["step-00000004.npz", "step-00000008.npz", "step-00000010.npz"]
    first, last = grids["step-00000004.npz"], grids["step-00000010.npz"]
    assert first.shape == (32, 1, 2, 2)
    assert first.dtype == np.float32
    assert np.ptp(last - first) < 1e-6 < np.abs(last - first).min()  # the weights moved, the noise did not
