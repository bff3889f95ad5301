"""Training of classifiers: what is configured, refused, learned, validated and resumed, each with its planted fault."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import yaml
from torch import nn

from equigen import store
from equigen.data.dataset import DataSet
from equigen.data.encoding import Encoding
from equigen.data.errors import DataError
from equigen.data.loading import load
from equigen.diffusion.scale import Scale
from equigen.networks.classification_model import ClassificationModel
from equigen.random import Stream, normal
from equigen.spaces.batch import Batch
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked
from equigen.training import finite
from equigen.training.build import build_model, load_data
from equigen.training.callbacks import Callback
from equigen.training.classifier_config import ClassifierConfig
from equigen.training.classifiers import build_classifier, class_names, completed_classifier, load_labelled
from equigen.training.config import DataConfig, TrainConfig
from equigen.training.engine import Engine, _Loss
from equigen.training.errors import ConfigError, NonFiniteError
from equigen.training.folder import recorded
from equigen.training.metrics_log import MetricsLog
from equigen.training.run import train
from equigen.training.tasks import UNUSED
from equigen.training.trainer import Trainer
from equigen.training.validation import MOST, validate
from tests.training.small import config as small_config

SIZE = 6


def crosses_and_frames(n: int = 96) -> DataSet:
    """Two shapes in noise, which quarter turns leave what they are."""
    cross, frame = torch.zeros(2, 1, SIZE, SIZE)
    cross[:, 2:4], cross[:, :, 2:4] = 1.0, 1.0
    frame[:, [0, -1]], frame[:, :, [0, -1]] = 1.0, 1.0
    item = torch.arange(n)
    noise = 0.3 * normal((1, SIZE, SIZE), seed=0, stream=Stream.LAW, item=item)
    label = item % 2
    x = torch.stack([cross, frame])[label] + noise
    return DataSet(x, Euclidean(1, SIZE, SIZE), "shapes", Encoding(), label, ("cross", "frame"), condition="label")


def classifier(data: DataSet, **changes: object) -> ClassificationModel:
    return build_classifier(ClassifierConfig.parse({"width": 1, **changes}), data, seed=0)


def settings(folder, **changes: object) -> TrainConfig:
    """A run on 48 digits that takes a second or two."""
    values = {"data": {"source": "digits", "limit": 48}, "task": "classify", "classifier": {"width": 1}, "out": folder}
    few = {"steps": 6, "batch_size": 8, "checkpoint_every": 2, "log_every": 2, "threads": 1, "device": "cpu"}
    return TrainConfig.parse({**values, **few, **changes})


# --- configuration


def test_a_run_records_only_what_its_task_uses():
    for task, unused in UNUSED.items():
        written = yaml.safe_load(TrainConfig(data="digits", task=task).resolved().to_yaml())
        assert written["task"] == task
        assert not set(unused) & set(written)
    assert "classifier" in written
    assert "model" not in written  # of the last, which classifies


def test_yaml_gives_the_same_configuration_back(tmp_path):
    config = TrainConfig(data="digits", task="classify", steps=7, classifier={"symmetry": "D4@45", "width": 2})
    (tmp_path / "a.yaml").write_text(config.to_yaml())
    again = TrainConfig.read(tmp_path / "a.yaml")
    assert again == config
    assert again.differences(config) == []


def test_defaults_of_a_task_are_no_wishes_of_a_resume():
    then = TrainConfig(data="digits", task="classify", steps=33, batch_size=5)
    asked = TrainConfig(data="digits", task="classify")
    assert (asked.steps, asked.data.condition) != (33, "none")
    assert asked.differences(then) == []
    said = TrainConfig(data="digits", task="classify", steps=asked.steps)  # the control: now it is a wish
    assert said.differences(then) == [("steps", asked.steps, 33)]
    wish = TrainConfig.parse({"data": "digits", "task": "classify", "classifier": {"symmetry": "C8"}})
    assert wish.differences(then) == [("classifier.symmetry", "C8", "C4")]


@pytest.mark.parametrize("data", ["digits", {"source": "digits"}, DataConfig(source="digits")])
def test_a_classification_reads_labels_however_its_data_are_named(data):
    config = TrainConfig(data=data, task="classify")
    assert config.data.condition == "label"
    assert TrainConfig(data=data).data.condition == "none"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"task": "clasify"}, ["task='clasify'", "'classify'"]),
        ({"classifier": {"symmetry": "C4"}}, ["task=classify", "--task classify"]),
        ({"task": "classify", "model": {"blocks": 2}}, ["model=", "task=generate", "leave it out"]),
        ({"task": "classify", "sampling": {"steps": 2}}, ["sampling=", "task=generate"]),
        ({"task": "classify", "recipe": "song"}, ["recipe='song'", "task=generate"]),
        ({"task": "classify", "sample_every": 5}, ["sample_every", "leave that out"]),
        (
            {"task": "classify", "data": {"source": "d", "condition": "value"}},
            ["has data.condition='value', but it should be 'label'", "classify"],
        ),
        ({"task": "classify", "classifier": {"symmetry": "SO(2)"}}, ["'SO(2)'", "did you mean 'SO2'?"]),
        ({"task": "classify", "classifier": {"symmetry": "d4"}}, ["did you mean 'D4'?"]),
        ({"task": "classify", "classifier": {"symmetry": "C0"}}, ["'C0'", "no group of the plane"]),
        ({"task": "classify", "classifier": {"symmetry": "Z"}}, ["known are C1, C4"]),
        ({"task": "classify", "classifier": {"symmetry": 4}}, ["classifier.symmetry=4"]),
        ({"task": "classify", "classifier": {"restrict": "C"}}, ["classifier.restrict='C'"]),
        ({"task": "classify", "classifier": {"simmetry": "C4"}}, ["did you mean 'classifier.symmetry'?"]),
        ({"task": "classify", "classifier": {"width": 0}}, ["classifier.width=0"]),
        ({"task": "classify", "classifier": {"augmentation": "flips"}}, ["'flips'", "'quarter-turns'"]),
        ({"task": "classify", "classifier": "C4"}, ["section", "symmetry"]),
    ],
)
def test_what_cannot_be_used_ends_in_one_sentence(values, words):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.parse({"data": "digits", **values}, "the file")
    said = str(caught.value)
    assert said.startswith("the file ")
    assert said.count(". ") == 0
    assert said.endswith((".", "?"))
    assert [word for word in words if word not in said] == []


def test_a_group_that_the_section_takes_is_one_that_the_library_has():
    from equigen.groups.plane_groups import plane_group

    for name in ("C1", "C16", "D1@45", "D4@22.5", "SO2", "O2"):
        assert plane_group(ClassifierConfig(symmetry=name).symmetry).name
    for name in ("SO3", "C04", "C4@45", "D", "4", ""):
        with pytest.raises(ConfigError):
            ClassifierConfig.parse({"symmetry": name})
        with pytest.raises(ValueError, match="no group"):
            plane_group(name)


# --- data


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": None, "condition": "none"}, ["has no labels", "--labels"]),
        ({"labels": torch.ones(96, dtype=torch.int64)}, ["the class 'frame'", "two classes"]),
        (
            {"structure": torch.ones(96, 1, SIZE, SIZE, dtype=torch.bool), "space": Masked(1, SIZE, SIZE)},
            ["has masks", "--masks"],
        ),
    ],
)
def test_data_that_teach_no_classes_are_refused_in_one_sentence(monkeypatch, changes, words):
    bad = replace(crosses_and_frames(), **changes)
    monkeypatch.setattr("equigen.training.classifiers.load_data", lambda config, seed: (bad, *bad.split(seed)))
    with pytest.raises(DataError) as caught:
        load_labelled(DataConfig(source="shapes"), seed=0)
    assert [word for word in words if word not in str(caught.value)] == []
    assert str(caught.value).count(". ") == 0


def test_batches_hand_on_the_classes_of_the_same_split():
    config = DataConfig(source="digits", limit=60)
    plain, labelled = load_data(config, 3), load_labelled(config, 3)
    for one, other in zip(plain, labelled, strict=True):
        assert torch.equal(one.x, other.x)
        assert torch.equal(other.whole().condition["label"], one.labels)
        assert one.whole().condition == {}  # the control


def test_classes_without_names_are_numbered_and_those_without_images_kept():
    data = crosses_and_frames()
    assert class_names(replace(data, class_names=None)) == ("0", "1")
    assert class_names(replace(data, class_names=("cross", "frame", "none of these")))[-1] == "none of these"
    assert class_names(replace(data, labels=None, class_names=None, condition="none")) == ()


# --- the model


@pytest.mark.parametrize(("symmetry", "width"), [("C1", 16), ("C4", 4), ("C8", 2), ("SO2", 2), ("O2", 1), ("C16", 1)])
def test_every_group_gets_as_many_channels_as_its_fields_allow(symmetry, width):
    data = load("digits", limit=40)
    assert completed_classifier(ClassifierConfig(symmetry=symmetry), data).width == width
    assert completed_classifier(ClassifierConfig(symmetry=symmetry, width=3), data).width == 3


def test_the_model_is_that_of_the_configuration_and_of_the_seed():
    data = crosses_and_frames()
    model = classifier(data, symmetry="SO2", frequency=2, activation="norm", function="silu", augmentation="rotations")
    network = model.network
    assert (network.symmetry, network.frequency, network.activation, network.function) == ("SO2", 2, "norm", "silu")
    assert (model.augmentation, model.classes, model.shape) == ("rotations", ("cross", "frame"), (1, SIZE, SIZE))
    assert torch.equal(model.scale.factor, Scale.fit(data.x, data.space).factor)
    first, again, other = (build_classifier(ClassifierConfig(width=1), data, seed=seed) for seed in (1, 1, 2))
    weights = [torch.cat([p.flatten() for p in model.parameters()]) for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"symmetry": "D4", "restrict": "C8"}, "no subgroup"),
        ({"symmetry": "SO2", "activation": "pointwise"}, "SO2|SO\\(2\\)|pointwise"),
        ({"symmetry": "SO2", "samples": 7}, "samples"),
    ],
)
def test_parts_that_do_not_go_together_are_a_fault_of_the_configuration(changes, words):
    with pytest.raises(ConfigError, match=words) as caught:
        classifier(crosses_and_frames(), **changes)
    assert "the classifier cannot be built" in str(caught.value)


# --- training


def test_it_learns_the_classes_that_it_is_told(tmp_path):
    data = crosses_and_frames()
    train_part, held_out = data.split(seed=0)
    found = []
    for name, part in (("right", train_part), ("wrong", replace(train_part, labels=1 - train_part.labels))):
        how = small_config(steps=25, batch_size=24, learning_rate=0.02, checkpoint_every=25)
        model = Trainer(classifier(part), part, how, tmp_path / name).fit()
        found.append(validate(model, held_out.whole(), seed=0)["accuracy"])
    assert found[0] >= 0.95
    assert found[1] <= 0.05  # the control: told the other class


def test_validation_tells_the_cross_entropy_and_the_share_that_is_right():
    class Fixed(nn.Module):
        """Logits that are the image's two numbers."""

        def logits(self, x):
            return x.flatten(1)

    x = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 0.0], [0.0, 0.5]])
    label = torch.tensor([0, 1, 1, 1])
    found = validate(Fixed(), Batch.whole(x, label=label), seed=0)
    terms = [torch.tensor(-d).exp().log1p().item() for d in (2.0, 1.0, -3.0, 0.5)]
    assert found["loss"] == pytest.approx(sum(terms) / 4, rel=1e-6)
    assert found["accuracy"] == 0.75
    assert validate(Fixed(), Batch.whole(x, label=1 - label), seed=0)["accuracy"] == 0.25  # the control


def test_validation_is_neither_turned_nor_divided_into_other_numbers():
    data = crosses_and_frames(MOST // 2)
    model = classifier(data, augmentation="rotations").eval()
    whole = data.whole()
    with torch.no_grad():
        logits = model.logits(whole.x).double()
    found = validate(model, whole, seed=0)
    assert found["loss"] == pytest.approx(float(nn.functional.cross_entropy(logits, data.labels)), rel=1e-5)
    turned = model.train().loss(whole, 0, 0)
    assert abs(turned.item() - found["loss"]) > 1e-4  # the control: a training step sees others


def with_a_hole(folder):
    """Training on images of which one is not finite."""
    data = crosses_and_frames()
    x = data.x.clone()
    x[17, 0, 2, 3] = torch.nan
    Trainer(classifier(data), replace(data, x=x), small_config(steps=9, batch_size=96), folder).fit()


def test_an_image_that_is_not_finite_is_named(tmp_path):
    with pytest.raises(NonFiniteError) as caught:
        with_a_hole(tmp_path)
    assert caught.value.items == (17,)


def test_one_image_alone_could_not_be_normalised(tmp_path, monkeypatch):
    """The control: each image is tried alone, which a normalisation over the batch takes only twice."""
    twice = finite._one

    def once(batch, row):
        found = twice(batch, row)
        condition = {name: value[:1] for name, value in found.condition.items()}
        return replace(found, x=found.x[:1], position=found.position[:1], condition=condition)

    monkeypatch.setattr("equigen.training.finite._one", once)
    with pytest.raises(ValueError, match="more than 1 value"):
        with_a_hole(tmp_path)


def test_processes_are_told_classes_and_need_two_images_each():
    data = crosses_and_frames()
    model = classifier(data).double().eval()
    batch = Engine(small_config(precision="float64")).place_batch(data.batch(8, 5, 3))
    weight = model.network.head[-1].weight
    expected = torch.autograd.grad(model.loss(batch, 5, 3), weight)[0]
    shares = []
    for rank in (0, 1):
        part = Engine(small_config(precision="float64")).place_batch(data.batch(8, 5, 3, rank, 2))
        shares.append(torch.autograd.grad(_Loss(model, 2)(part, 5, 3), weight)[0])
    torch.testing.assert_close(sum(shares) / 2, expected, rtol=1e-12, atol=1e-14)
    assert float((shares[0] - expected).abs().max()) > 1e-6  # the control


# --- runs


class Stop(Callback):
    def on_step(self, trainer):
        if trainer.step == 3:
            raise InterruptedError


def weights(folder):
    return {name: value.clone() for name, value in store.load(folder).state_dict().items()}


def resumed_as_whole(folder, symmetry):
    """Whether a run that broke at step 3 and went on ends in the bits of one that was left alone."""
    how = {"classifier": {"symmetry": symmetry, "width": 1, "augmentation": "rotations"}}
    train(settings(folder / "whole", **how))
    with pytest.raises(InterruptedError):
        train(settings(folder / "broken", **how), callbacks=[Stop()])
    train(TrainConfig.parse({"data": {"source": "digits"}, "out": folder / "broken"}), resume=True)
    whole, resumed = weights(folder / "whole"), weights(folder / "broken")
    return all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize("symmetry", ["C4", "SO2"])
def test_a_resumed_run_ends_in_the_same_bits(tmp_path, symmetry):
    assert resumed_as_whole(tmp_path, symmetry)


def test_angles_from_a_generator_of_its_own_would_not(tmp_path, monkeypatch):
    """The control: how a training image is turned must come from an address, not from a state."""
    generator = torch.Generator().manual_seed(0)

    def drawn(shape, *, item, dtype, **where):
        return torch.rand(len(item), generator=generator, dtype=dtype)

    monkeypatch.setattr("equigen.networks.classification_model.uniform", drawn)
    assert not resumed_as_whole(tmp_path, "C4")


def test_a_run_folder_holds_what_a_classification_has(tmp_path):
    folder = train(settings(tmp_path / "run"))
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoints", "config.yaml", "metrics.jsonl", "model"]
    last = MetricsLog(folder / "metrics.jsonl").read()[-1]
    assert set(last) == {"kind", "step", "loss", "accuracy"}
    then, model = recorded(folder), store.load(folder)
    assert (then.task, then.classifier.width) == ("classify", 1)
    assert isinstance(model, ClassificationModel)
    _, training, held_out = load_labelled(then.data, then.seed)
    assert validate(model, held_out.whole(), then.seed)["accuracy"] == last["accuracy"]
    with torch.no_grad():
        expected = model.logits(held_out.x)
        assert torch.allclose(model.logits(held_out.x.rot90(1, (2, 3))), expected, atol=1e-5)
    assert build_model(TrainConfig(data="digits").model, training, 0) is not None  # a diffusion on the same data


def test_a_batch_of_one_image_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"batch_size is 1 for 1 process.*batch_size=2"):
        train(settings(tmp_path / "run", batch_size=1))
    assert not (tmp_path / "run").exists()
