"""Who may begin a run where, what is removed, and what is never."""

from __future__ import annotations

from pathlib import Path

import pytest

from equigen.training.config import TrainConfig, read_yaml
from equigen.training.errors import ConfigError, RunFolderError
from equigen.training.folder import begin, circumstances, is_run, recorded, require_free, require_same

CONFIG = TrainConfig(data="digits", steps=9, threads=1).resolved()


def make(folder: Path) -> Path:
    begin(folder, CONFIG, {"name": "digits"}, ["equigen", "train", "digits"])
    for name in ("checkpoints/step-00000001/state.json", "model/config.json", "metrics.jsonl", "report.html"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("old")
    return folder


def files(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_run_records_its_configuration_and_circumstances(tmp_path):
    folder = make(tmp_path / "a" / "run")
    assert is_run(folder)
    assert recorded(folder) == CONFIG.model_copy(update={"out": folder})
    found = circumstances(folder)
    assert found["command"] == ["equigen", "train", "digits"]
    assert {"version", "python", "torch", "accelerate", "machine", "begun", "data"} <= set(found)
    assert read_yaml(folder / "config.yaml")["threads"] == 1


def test_a_run_that_was_moved_is_known_under_its_new_name(tmp_path):
    make(tmp_path / "run").rename(tmp_path / "moved")
    assert recorded(tmp_path / "moved").run_folder == tmp_path / "moved"


def test_free_folders(tmp_path):
    require_free(tmp_path / "absent" / "below")
    require_free(tmp_path)
    (tmp_path / ".config.yaml.partial").write_text("left by a process that was killed before it began")
    require_free(tmp_path)


def test_a_run_is_refused_and_both_ways_out_are_named(tmp_path):
    folder = make(tmp_path / "run")
    with pytest.raises(RunFolderError, match=r"--resume .* --overwrite"):
        require_free(folder)
    require_free(folder, overwrite=True)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("content", ["thesis.tex", "config.yaml", "data/image.png"])
def test_what_is_no_run_is_never_taken(tmp_path, overwrite, content):
    path = tmp_path / "mine" / content
    path.parent.mkdir(parents=True)
    path.write_text("steps: 3\n")
    with pytest.raises(RunFolderError, match="no equigen run"):
        require_free(tmp_path / "mine", overwrite=overwrite)
    assert files(tmp_path / "mine") == {content: "steps: 3\n"}


def test_a_file_and_a_broken_link_are_no_folders(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("file", "link"):
        with pytest.raises(RunFolderError, match="is no folder"):
            require_free(tmp_path / name, overwrite=True)


def test_overwriting_removes_what_equigen_wrote_and_nothing_else(tmp_path):
    folder = make(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text("linked")
    (folder / "samples").symlink_to(tmp_path / "elsewhere")
    begin(folder, CONFIG.model_copy(update={"steps": 5}), {}, [])
    assert sorted(files(folder)) == ["config.yaml", "notes.txt"]
    assert recorded(folder).steps == 5
    assert (tmp_path / "elsewhere" / "a").read_text() == "linked"


def test_there_must_be_a_run_to_resume(tmp_path):
    with pytest.raises(RunFolderError, match="no run to resume"):
        recorded(tmp_path)
    (tmp_path / "config.yaml").write_text("steps: 3\n")
    with pytest.raises(RunFolderError, match="not written by an equigen run"):
        recorded(tmp_path)
    (tmp_path / "config.yaml").write_text("steps: [3\n")
    with pytest.raises(ConfigError, match="not YAML"):
        recorded(tmp_path)


def test_a_changed_configuration_is_refused_and_every_key_named(tmp_path):
    then = recorded(make(tmp_path / "run"))
    asked = TrainConfig.parse({"data": {"source": "mnist"}, "steps": 5, "model": {"blocks": 2}, "device": "cpu"})
    with pytest.raises(ConfigError) as caught:
        require_same(asked, then)
    said = str(caught.value)
    for words in ("steps: 9 there, 5 now", "data.source: digits there, mnist now", "model.blocks: 1 there, 2 now"):
        assert words in said
    assert "device" not in said
    assert require_same(TrainConfig(data="digits", device="cpu"), then).device == "cpu"


def test_an_unwritable_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RunFolderError, match="whose parents are folders"):
        begin(tmp_path / "file" / "run", CONFIG, {}, [])
