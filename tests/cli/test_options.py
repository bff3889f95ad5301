"""Configuration from file, --set and flags: the later one wins, and nothing is taken that is not legal."""

from __future__ import annotations

import pytest

from equigen.cli.options import configuration, data_config
from equigen.training.errors import ConfigError


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some.yaml"
    path.write_text("data: digits\nsteps: 70\nbatch_size: 16\nmodel:\n  channels: [8]\n", encoding="utf-8")
    return path


def test_the_command_line_overrides_the_file(file):
    config = configuration(None, file, ["batch-size=17"], {"steps": 90})
    assert (config.steps, config.batch_size, config.model.channels) == (90, 17, (8,))
    config = configuration("mnist", file, [], {})
    assert (config.steps, config.data.source) == (70, "mnist")


@pytest.mark.parametrize(
    ("source", "sets", "given", "key"),
    [
        (None, ["steps=80"], {"steps": 90}, "steps"),
        (None, ["steps=80", "steps=81"], {}, "steps"),
        (None, ["data.layout=nhwc"], {"layout": "nhw"}, "data.layout"),
        ("digits", ["data.source=mnist"], {}, "data.source"),
    ],
)
def test_two_values_for_one_key_are_refused(file, source, sets, given, key):
    with pytest.raises(ConfigError, match=f"both set {key}: drop one"):
        configuration(source, file, sets, given)


def test_the_same_value_twice_is_no_contradiction(file):
    assert configuration(None, file, ["steps=80"], {"steps": 80}).steps == 80


def test_a_section_is_overridden_key_by_key(file):
    config = configuration(None, file, ["model.blocks=2"], {"layout": "nhw"})
    assert (config.model.channels, config.model.blocks) == ((8,), 2)
    assert (config.data.source, config.data.layout) == ("digits", "nhw")


def test_what_a_run_recorded_about_itself_is_no_setting(file):
    file.write_text(file.read_text() + "equigen:\n  version: 9\n", encoding="utf-8")
    assert configuration(None, file, [], {}).steps == 70


def test_only_what_was_given_counts_as_set(file):
    config = configuration("digits", None, [], {"steps": 5})
    assert config.model_fields_set == {"data", "steps"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stepz: 3\ndata: digits\n", ["some.yaml", "'stepz'", "'steps'"]),
        ("data: digits\nmodel:\n  chanels: [8]\n", ["some.yaml", "'model.chanels'", "'model.channels'"]),
        ("data: digits\nsteps: many\n", ["some.yaml", "steps='many'"]),
        ("- a\n- b\n", ["some.yaml", "list"]),
        ("data: [\n", ["some.yaml", "not YAML", "line"]),
        ("", ["some.yaml"]),
    ],
)
def test_a_fault_in_the_file_is_the_files(file, text, words):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        configuration(None, file, [], {})
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (["model.chanels=[8]"], ["the command line", "'model.channels'"]),
        (["steps"], ["--set", "key=value"]),
        (["=3"], ["--set", "key=value"]),
        (["steps=[1"], ["--set steps", "YAML"]),
        (["steps.deep=1"], ["steps.deep", "no section"]),
        (["steps=0"], ["the command line", "steps=0", "1"]),
    ],
)
def test_a_fault_in_set_is_the_command_lines(file, sets, words):
    with pytest.raises(ConfigError) as error:
        configuration(None, file, sets, {})
    for word in words:
        assert word in str(error.value)


def test_without_data_there_is_nothing_to_train():
    with pytest.raises(ConfigError, match="equigen train digits"):
        configuration(None, None, [], {})


def test_reading_flags_are_checked():
    with pytest.raises(ConfigError, match="limit"):
        data_config("digits", {"limit": 1})
