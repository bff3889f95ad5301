"""The configuration: typed, closed to unknown keys, the same after YAML, and importable without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from equigen.training.config import DataConfig, TrainConfig, TrainerConfig, read_yaml
from equigen.training.errors import ConfigError
from equigen.training.model_config import ModelConfig


def test_imports_no_torch():
    check = "import equigen.training.config, sys; sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_yaml_gives_the_same_configuration_back(tmp_path):
    config = TrainConfig(
        data=DataConfig(source="digits", limit=10, data_dir=Path("/data")),
        steps=7,
        learning_rate=1e-5,
        clip=None,
        model=ModelConfig(channels=(8, 16), schedule={"kind": "geometric-noise", "base": 25.0}),
    ).resolved()
    (tmp_path / "a.yaml").write_text(config.to_yaml())
    assert TrainConfig.read(tmp_path / "a.yaml") == config
    assert TrainConfig.read(tmp_path / "a.yaml").differences(config) == []


def test_the_run_folder_is_not_recorded_and_circumstances_are_passed_over(tmp_path):
    config = TrainConfig(data="digits", out=Path("runs/a"))
    text = config.to_yaml() + yaml.safe_dump({"equigen": {"torch": "0"}})
    (tmp_path / "a.yaml").write_text(text)
    assert "runs" not in text
    assert TrainConfig.read(tmp_path / "a.yaml").out is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"data": "d", "stepz": 3}, ["'stepz'", "did you mean 'steps'?"]),
        ({"data": "d", "batchsize": 3}, ["did you mean 'batch_size'?"]),
        ({"data": {"source": "d", "resiz": 3}}, ["'data.resiz'", "did you mean 'data.resize'?"]),
        ({"data": "d", "resize": 8}, ["did you mean 'data.resize'?"]),
        ({"data": "d", "model": {"chanels": [8]}}, ["did you mean 'model.channels'?"]),
        ({"data": "d", "qqqqq": 1}, ["'qqqqq'", "steps", "data.layout"]),
        ({}, ["lacks the key 'data'"]),
        ({"data": 3}, ["data=3", "the name of a set"]),
        ({"data": "d", "model": "unet"}, ["model='unet'", "section"]),
        ({"data": "d", "steps": 0}, ["steps=0", "greater than or equal to 1"]),
        ({"data": "d", "steps": 2.5}, ["steps=2.5", "integer"]),
        ({"data": "d", "seed": -1}, ["seed=-1"]),
        ({"data": "d", "learning_rate": float("nan")}, ["learning_rate=nan", "finite"]),
        ({"data": "d", "warmup": 100}, ["warmup=100", "less than 1"]),
        ({"data": "d", "precision": "float16"}, ["'float16'", "'bfloat16'"]),
        ({"data": "d", "model": {"schedule": "edn"}}, ["'edn'", "did you mean 'edm'?"]),
        ({"data": "d", "model": {"schedule": {"base": 3}}}, ["model.schedule", "'kind'"]),
        ({"data": "d", "model": {"channels": [8, 0]}}, ["model.channels[1]=0"]),
    ],
)
def test_what_cannot_be_used_ends_in_one_sentence(values, words):
    with pytest.raises(ConfigError) as caught:
        TrainConfig.parse(values, "the file")
    said = str(caught.value)
    assert said.startswith("the file ")
    assert "\n" not in said
    assert said.count(". ") == 0
    assert said.endswith((".", "?"))
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("text", ["", "- 1\n- 2\n", "a: [1\n", "3: 4\n", "\x00"])
def test_a_file_that_is_no_configuration(tmp_path, text):
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"a\.yaml"):
        read_yaml(path)


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    for name in ("a.yaml", "b.yaml", "."):
        with pytest.raises(ConfigError, match=r"a configuration is lines|cannot be read"):
            read_yaml(tmp_path / name)


def test_intervals_left_open_are_filled_in_and_zero_means_never():
    config = TrainerConfig(steps=1000, validate_every=0).resolved()
    assert (config.validate_every, config.checkpoint_every, config.sample_every) == (0, 50, 200)
    short = TrainerConfig(steps=30).resolved()
    assert (short.validate_every, short.checkpoint_every, short.sample_every) == (50, 10, 50)


def test_a_resume_asks_only_for_what_was_set():
    then = TrainConfig(data="digits", steps=9, seed=4, model=ModelConfig(channels=(8, 16)), threads=2).resolved()
    assert TrainConfig(data="digits").differences(then) == []
    assert TrainConfig(data="digits", threads=None, device="cpu", validate_every=1).differences(then) == []
    asked = TrainConfig.parse({"data": {"source": "digits", "limit": 5}, "steps": 8, "model": {"channels": [8]}})
    assert asked.differences(then) == [
        ("steps", 8, 9),
        ("data.limit", 5, None),
        ("model.channels", [8], [8, 16]),
    ]


def test_following_takes_intervals_and_device_alone():
    then = TrainConfig(data="digits", steps=9, out=Path("a")).resolved()
    now = then.following(TrainConfig(data="digits", steps=5, checkpoint_every=3, device="cpu", out=Path("b")))
    assert (now.steps, now.checkpoint_every, now.device, now.out) == (9, 3, "cpu", Path("a"))


@pytest.mark.parametrize(
    ("source", "folder"), [("digits", "digits"), ("a/b.npz", "b"), ("a/b/", "b"), ("a/../c", "c"), ("/", "run")]
)
def test_the_run_folder_is_named_after_the_data(source, folder):
    assert TrainConfig(data=source).run_folder == Path("runs") / folder
