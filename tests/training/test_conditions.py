"""Training with conditions: what is learned, what a resume keeps, what validation and the grids of samples are told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from equigen.data.order import batch_indices
from equigen.diffusion import EDM, DiffusionModel, Givens, KarrasPreconditioning, NetworkDenoiser, Scale
from equigen.diffusion.conditions import withheld
from equigen.random import Stream, normal
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.training.callbacks import Callback, SampleGrid
from equigen.training.engine import Engine, _Loss
from equigen.training.errors import NonFiniteError
from equigen.training.trainer import Trainer
from equigen.training.validation import MOST, held_out_batch, validate
from tests.training.small import config

MEANS = torch.tensor([[-3.0, 0.0], [2.0, 1.0]])


class Network(nn.Module):
    """A dense network for points of the plane with two classes and one value."""

    classes, values = 2, 1

    def __init__(self) -> None:
        super().__init__()
        self.label = nn.Embedding(3, 8)
        self.layers = nn.Sequential(nn.Linear(2 + 1 + 8 + 2, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU())
        self.out = nn.Linear(48, 2)
        with torch.no_grad():
            for number, parameter in enumerate(self.parameters()):
                values = normal(parameter.shape, seed=0, stream=Stream.INITIALISATION, item=number)
                parameter.copy_(values / max(parameter.shape[-1], 1) ** 0.5)

    def forward(self, x, noise, label=None, value=None):
        label = torch.full((len(x),), -1) if label is None else label
        value = torch.full((len(x), 1), torch.nan, dtype=x.dtype) if value is None else value
        given = ~value.isnan()
        parts = [x, noise[:, None], self.label(label + 1), torch.where(given, value, 0.0), given.to(x)]
        return self.out(self.layers(torch.cat(parts, dim=1)))


class Points:
    """Two clouds of the plane in equal parts, with their classes (or those of others) and a value for each point."""

    def __init__(self, n: int = 512, shuffled: bool = False, values: bool = False) -> None:
        self.label = torch.arange(n) % 2
        self.x = MEANS[self.label] + 0.5 * normal((2,), seed=2, stream=Stream.LAW, item=torch.arange(n))
        self.told = (
            self.label[torch.randperm(n, generator=torch.Generator().manual_seed(0))] if shuffled else self.label
        )
        self.value = torch.linspace(-1, 1, n)[:, None] if values else None

    def condition(self, index: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"label": self.told[index]} | ({} if self.value is None else {"value": self.value[index]})

    def batch(self, size: int, seed: int, step: int, rank: int = 0, world: int = 1) -> Batch:
        index, position = batch_indices(len(self.x), size, seed=seed, step=step, rank=rank, world=world)
        return Batch(self.x[index], position, size, None, self.condition(index))

    def whole(self) -> Batch:
        return Batch.whole(self.x, **self.condition(torch.arange(len(self.x))))


def model(source: Points, dropout: float = 0.2) -> DiffusionModel:
    denoiser = NetworkDenoiser(Network(), EDM(t_max=20.0), KarrasPreconditioning())
    givens = Givens.fit(None, source.whole().condition)
    scale = Scale.fit(source.x, Euclidean(2))
    return DiffusionModel(Euclidean(2), denoiser, scale, condition_dropout=dropout, givens=givens)


def trained(folder, source: Points) -> DiffusionModel:
    settings = config(steps=200, batch_size=64, learning_rate=0.01, checkpoint_every=200, log_every=50)
    return Trainer(model(source), source, settings, folder).fit()


def share_of_class_1(x):
    return float(((x - MEANS[1]).square().sum(1) < (x - MEANS[0]).square().sum(1)).double().mean())


def test_the_class_that_is_asked_for_is_the_one_that_comes(tmp_path):
    found = trained(tmp_path / "right", Points())
    n, how = 400, {"seed": 0, "steps": 20, "batch_size": 400}
    for label in (0, 1):
        given = {"label": torch.full((n,), label)}
        for guidance in (1.0, 2.0):
            share = share_of_class_1(found.sample(n, condition=given, guidance=guidance, **how))
            assert abs(share - label) < 0.03
        free = found.sample(n, condition=given, guidance=0.0, **how)
        assert 0.35 < share_of_class_1(free) < 0.65
        assert float((found.sample(n, condition=given, **how).mean(0) - MEANS[label]).abs().max()) < 0.25
    # What is drawn from the givens is the class that its address says.
    drawn = found.givens.draw(seed=0, item=torch.arange(n))[1]["label"]
    x = found.sample(n, **how)
    assert abs(share_of_class_1(x[drawn == 1]) - 1.0) < 0.03
    assert share_of_class_1(x[drawn == 0]) < 0.03


def test_a_model_that_was_told_other_classes_does_not_know_them(tmp_path):
    """The control of the test above."""
    found = trained(tmp_path, Points(shuffled=True))
    given = {"label": torch.ones(400, dtype=torch.int64)}
    assert 0.3 < share_of_class_1(found.sample(400, seed=0, condition=given)) < 0.7


class Broken(Callback):
    def on_step(self, trainer):
        if trainer.step == 13:
            raise InterruptedError


def state(trainer):
    parts = {**trainer.model.state_dict(), **{f"average.{k}": v for k, v in trainer.average.model.state_dict().items()}}
    return {name: value.clone() for name, value in parts.items()}


def whole_and_resumed(folder):
    """The weights of a run left alone, and of one that broke at step 13 and went on from its checkpoint at 12."""
    source, ends = Points(values=True), []
    first = Trainer(model(source), source, config(), folder / "whole")
    first.fit()
    ends.append(state(first))
    with pytest.raises(InterruptedError):
        Trainer(model(source), source, config(), folder / "broken", callbacks=[Broken()]).fit()
    again = Trainer(model(source), source, config(), folder / "broken")
    again.fit(resume=True)
    return [*ends, state(again)]


def test_a_resumed_run_ends_in_the_same_bits(tmp_path):
    whole, resumed = whole_and_resumed(tmp_path)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert torch.equal(whole["givens.label"], Points().label)


def test_dropping_by_a_generator_of_its_own_would_not(tmp_path, monkeypatch):
    """The control: which conditions are dropped must come from an address, not from a state."""
    generator = torch.Generator().manual_seed(0)

    def dropped(condition, share, *, seed, step, position):
        return withheld(condition, torch.rand(len(position), generator=generator) < share)

    monkeypatch.setattr("equigen.diffusion.model.dropped", dropped)
    whole, resumed = whole_and_resumed(tmp_path)
    assert not all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_processes_together_see_the_gradient_of_one():
    source, found = Points(values=True), model(Points(values=True)).double()
    batch = Engine(config(precision="float64")).place_batch(source.batch(8, 5, 3))
    weight = found.denoiser.network.label.weight
    expected = torch.autograd.grad(found.loss(batch, 5, 3), weight)[0]

    def shared(parts):
        found_by_each = []
        for part in parts:
            condition = {name: value[part] for name, value in batch.condition.items()}
            slice_ = Batch(batch.x[part], batch.position[part], 8, None, condition)
            found_by_each.append(torch.autograd.grad(_Loss(found, 2)(slice_, 5, 3), weight)[0])
        return sum(found_by_each) / 2

    three_and_five = [torch.arange(3), torch.arange(3, 8)]
    torch.testing.assert_close(shared(three_and_five), expected, rtol=1e-12, atol=1e-14)
    same_twice = [torch.arange(3), torch.arange(5)]
    assert float((shared(same_twice) - expected).abs().max()) > 1e-6  # the control


def test_validation_is_told_the_conditions_and_counts_places_from_0():
    source = Points(n=MOST + 40)
    found, whole = model(source), source.whole()
    expected = found.loss_by_noise_level(Batch.whole(source.x[:MOST], label=source.label[:MOST]), seed=5).loss.tolist()
    assert validate(found, whole, 5)["level_loss"] == expected
    elsewhere = Batch(whole.x, whole.position.flip(0), 9999, None, whole.condition)
    assert validate(found, elsewhere, 5)["level_loss"] == expected
    assert validate(found, whole.x, 5)["level_loss"] != expected  # the control: not told
    assert len(held_out_batch(whole).condition["label"]) == MOST


def test_the_trainer_validates_on_the_average_with_conditions(tmp_path):
    source, told = Points(n=64, values=True), []

    class Listening(Callback):
        def on_metrics(self, trainer, record):
            if record["kind"] == "validation":
                whole = trainer.engine.place_batch(source.whole())
                right, bare = (validate(trainer.average.model, given, 5) for given in (whole, whole.x))
                told.append((record["level_loss"], right["level_loss"], bare["level_loss"]))

    settings = config(validate_every=10, precision="float64")
    held_out, listening = source.whole(), Listening()
    Trainer(model(source), source, settings, tmp_path, held_out=held_out, callbacks=[listening]).fit()
    assert len(told) == 2
    assert all(found == right != bare for found, right, bare in told)


def test_structures_reach_loss_and_validation(tmp_path):
    """A network that is exact where the mask says so; without its mask it fails."""

    class Seeing(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.ones(()))

        def forward(self, x, noise, structure):
            assert structure.shape == (len(x), 1, 4, 4)
            return self.weight * x * structure

    class Masks:
        def batch(self, size, seed, step, rank=0, world=1):
            mask = torch.arange(16).reshape(1, 1, 4, 4) <= torch.arange(1, size + 1).reshape(-1, 1, 1, 1)
            x = torch.where(mask, normal((1, 4, 4), seed=step, stream=Stream.LAW, item=torch.arange(size)), torch.nan)
            return Batch(x, torch.arange(size), size, mask)

    held_out = Masks().batch(10, 0, 99)
    scale = Scale.fit(held_out.x, Masked(1, 4, 4), held_out.structure)
    denoiser = NetworkDenoiser(Seeing(), EDM(), KarrasPreconditioning())
    givens = Givens.fit(held_out.structure, {})
    found = DiffusionModel(Masked(1, 4, 4), denoiser, scale, givens=givens)
    settings = config(validate_every=10, sample_every=10)
    Trainer(found, Masks(), settings, tmp_path, held_out=held_out, callbacks=[SampleGrid()]).fit()
    images = np.load(tmp_path / "progress" / "step-00000020.npz")["images"]
    masks = givens.draw(seed=5, item=torch.arange(32))[0].numpy()
    assert (images[~masks] == 0).all()
    assert (images[masks] != 0).all()


def test_an_item_whose_condition_is_at_fault_is_named(tmp_path):
    source = Points(n=16, values=True)
    source.value[11] = torch.inf
    with pytest.raises(NonFiniteError) as told:
        Trainer(model(source, dropout=0.0), source, config(batch_size=16), tmp_path).fit()
    index, position = batch_indices(16, 16, seed=5, step=0)
    assert told.value.positions == tuple(position[index == 11].tolist())
    source.value[11] = torch.nan  # the control: what is not given is no fault
    Trainer(model(source), source, config(batch_size=16), tmp_path / "fine").fit()


def test_conditions_go_into_the_precision_of_the_run():
    given = {"label": torch.tensor([0, 1]), "value": torch.zeros(2, 1)}
    mask = torch.ones(2, 1, 4, 4, dtype=torch.bool)
    batch = Batch(torch.zeros(2, 1, 4, 4), torch.arange(2), 2, mask, given)
    for precision, real in (("float32", torch.float32), ("float64", torch.float64)):
        placed = Engine(config(precision=precision)).place_batch(batch)
        assert placed.x.dtype == placed.condition["value"].dtype == real
        assert placed.condition["label"].dtype == torch.int64
        assert placed.structure.dtype == torch.bool


@pytest.mark.parametrize(
    ("classes", "rows"),
    [(2, [0, 0, 1, 1]), (4, [0, 1, 2, 3]), (7, [*range(7)]), (20, [*range(0, 20, 2)])],
)
def test_grids_of_samples_have_a_row_for_each_class(tmp_path, classes, rows):
    class Asked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(2))
            self.givens = Givens.fit(None, {"label": torch.arange(classes)})

        def loss(self, batch, seed, step):
            return (batch.x - self.weight).square().mean()

        def sample(self, n, *, seed, condition, steps):
            assert len(condition["label"]) == n
            return condition["label"].float().reshape(n, 1, 1, 1).expand(n, 1, 2, 2)

    settings = config(steps=2, sample_every=2)
    Trainer(Asked(), Points(), settings, tmp_path, callbacks=[SampleGrid(sampling={"steps": 3})]).fit()
    with np.load(tmp_path / "progress" / "step-00000002.npz") as found:
        assert found["labels"].tolist() == [label for label in rows for _ in range(8)]
        assert found["images"][:, 0, 0, 0].tolist() == found["labels"].tolist()
