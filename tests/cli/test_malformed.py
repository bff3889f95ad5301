"""What is wrong with the input ends in one sentence and the right exit code, and nothing that was there is lost."""

from __future__ import annotations

import gzip
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import TINY, contents, require_one_sentence

FAILED, USAGE = 1, 2


def images(n=8, shape=(8, 8), dtype="uint8"):
    """Some images that are fine."""
    return (np.random.default_rng(0).random((n, *shape)) * 200).astype(dtype)


def save(path, array):
    np.save(path, array)
    return path


def picture(path, shape=(8, 8), seed=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.random.default_rng(seed).random(shape) * 255).astype(np.uint8)).save(path)


# --- data: each puts something wrong into the folder and gives the words after `equigen data` and `equigen train`


def empty_folder(at):
    (at / "d").mkdir()
    return ["d"]


def folder_without_images(at):
    (at / "d").mkdir()
    (at / "d" / "notes.txt").write_text("no images here")
    return ["d"]


def nothing_there(at):
    return ["nowhere/at/all"]


def mistyped_name(at):
    return ["digtis"]


def complex_values(at):
    return [save(at / "a.npy", images().astype(complex))]


def text_values(at):
    return [save(at / "a.npy", images().astype(str))]


def pickled_objects(at):
    np.save(at / "a.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    return ["a.npy"]


def truncated_npy(at):
    path = save(at / "a.npy", images(100))
    path.write_bytes(path.read_bytes()[:1000])
    return [path]


def empty_file(at):
    (at / "a.npy").touch()
    return ["a.npy"]


def a_checkpoint_offered_as_data(at):
    (at / "model.pt").write_bytes(b"PK\x03\x04 something")
    return ["model.pt"]


def truncated_gzip(at):
    name = "a-idx3-ubyte.gz"
    whole = gzip.compress(struct.pack(">HBBIII", 0, 8, 3, 50, 8, 8) + images(50).tobytes())
    (at / name).write_bytes(whole[: len(whole) // 2])
    return [name]


def truncated_set(at):
    folder = at / "mnist"
    folder.mkdir()
    for name in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (folder / f"{name}-ubyte.gz").write_bytes(gzip.compress(b"\x00\x00\x08\x03")[:-4])
    return ["mnist", "--data-dir", at]


def nan_pixels(at):
    array = images(dtype="float32")
    array[3, 2, 1] = np.nan
    return [save(at / "a.npy", array)]


def infinite_pixels(at):
    array = images(dtype="float64")
    array[0, 0, 0] = np.inf
    return [save(at / "a.npy", array)]


def one_image(at):
    return [save(at / "a.npy", images(1)), "--layout", "nhw"]


def no_image(at):
    return [save(at / "a.npy", images(0))]


def images_without_pixels(at):
    return [save(at / "a.npy", images(8, (0, 8)))]


def constant_data(at):
    return [save(at / "a.npy", np.full((8, 8, 8), 7, dtype=np.uint8))]


def vectors(at):
    return [save(at / "a.npy", images(8, ()))]


def too_many_axes(at):
    return [save(at / "a.npy", images(8, (2, 3, 4, 5)))]


def absurd_size(at):
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000, 1000, 1000), }"
    header = header.ljust(117) + b"\n"
    (at / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\x00" * 64)
    return ["a.npy"]


def decompression_bomb(at):
    with zipfile.ZipFile(at / "a.npz", "w", zipfile.ZIP_DEFLATED) as file:
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (900000000, 100, 100), }".ljust(117) + b"\n"
        file.writestr("images.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + bytes(10_000_000))
    return ["a.npz"]


def ambiguous_axes(at):
    return [save(at / "a.npy", images(8, (3, 8, 3)))]


def mixed_sizes(at):
    picture(at / "d" / "a.png", (8, 8))
    picture(at / "d" / "b.png", (9, 8))
    return ["d"]


def broken_png(at):
    picture(at / "d" / "a.png", seed=1)
    picture(at / "d" / "b.png", seed=2)
    (at / "d" / "b.png").write_bytes((at / "d" / "b.png").read_bytes()[:60])
    return ["d"]


def png_in_name_only(at):
    picture(at / "d" / "a.png")
    (at / "d" / "b.png").write_text("this is no picture")
    return ["d"]


def one_picture(at):
    picture(at / "a.png")
    return ["a.png"]


def several_arrays(at):
    np.savez(at / "a.npz", left=images(), right=images())
    return ["a.npz"]


def wrong_key(at):
    np.savez(at / "a.npz", left=images(), right=images())
    return ["a.npz", "--key", "lefd"]


def truncated_npz(at):
    np.savez(at / "a.npz", images=images(100))
    (at / "a.npz").write_bytes((at / "a.npz").read_bytes()[:500])
    return ["a.npz"]


def unknown_kind_of_file(at):
    (at / "a.csv").write_text("1,2,3\n")
    return ["a.csv"]


def layout_that_does_not_fit(at):
    return [save(at / "a.npy", images()), "--layout", "nhwc"]


def absurd_resize(at):
    return [save(at / "a.npy", images()), "--resize", "1000000"]


BAD_DATA = {
    empty_folder: "d",
    folder_without_images: "d",
    nothing_there: "nowhere/at/all",
    mistyped_name: "digits",
    complex_values: "complex",
    text_values: "a.npy",
    pickled_objects: "pickle",
    truncated_npy: "a.npy",
    empty_file: "a.npy",
    a_checkpoint_offered_as_data: ".pt",
    truncated_gzip: "a-idx3-ubyte.gz",
    truncated_set: "-ubyte.gz",
    nan_pixels: "nan",
    infinite_pixels: "inf",
    one_image: "1 image",
    no_image: "a.npy",
    images_without_pixels: "a.npy",
    constant_data: "a.npy",
    vectors: "a.npy",
    too_many_axes: "a.npy",
    absurd_size: "a.npy",
    decompression_bomb: "a.npz",
    ambiguous_axes: "layout",
    mixed_sizes: "resize",
    broken_png: "b.png",
    png_in_name_only: "b.png",
    one_picture: "folder",
    several_arrays: "key",
    wrong_key: "left",
    truncated_npz: "a.npz",
    unknown_kind_of_file: ".csv",
    layout_that_does_not_fit: "nhwc",
    absurd_resize: "resize",
}


@pytest.mark.parametrize("command", ["data", "train"])
@pytest.mark.parametrize("make", BAD_DATA, ids=lambda make: make.__name__)
def test_bad_data(equigen, tmp_path, make, command):
    words = make(tmp_path)
    before = contents(tmp_path)
    result = equigen(command, *words, *(["--out", "run"] if command == "train" else []))
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert BAD_DATA[make] in result.complaint.lower()
    assert contents(tmp_path) == before, "something was lost or left behind"
    assert not (tmp_path / "run").exists()


def test_the_matrix_would_notice_good_data(equigen, tmp_path):
    """The control: what is fine is read."""
    result = equigen("data", save(tmp_path / "a.npy", images()))
    assert (result.code, result.err) == (0, "")


# --- command line and configuration: exit code 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian", "digits"], '"train"'),
        (["train"], "equigen train digits"),
        (["train", "digits", "more"], "'more'"),
        (["train", "digits", "--step", "3"], "--steps"),
        (["train", "digits", "--learning-rat", "3"], "--learning-rate"),
        (["train", "digits", "--steps", "many"], "--steps"),
        (["train", "digits", "--steps", "2.5"], "--steps"),
        (["train", "digits", "--steps", "0"], "--steps"),
        (["train", "digits", "--steps", "-1"], "--steps"),
        (["train", "digits", "--steps"], "--steps"),
        (["train", "digits", "--batch-size", "0"], "--batch-size"),
        (["train", "digits", "--seed", "-1"], "--seed"),
        (["train", "digits", "--seed", str(2**63)], "--seed"),
        (["train", "digits", "--learning-rate", "nan"], "--learning-rate"),
        (["train", "digits", "--held-out", "1.5"], "--held-out"),
        (["train", "digits", "--precision", "half"], "float32"),
        (["train", "digits", "--device", "gpu"], "cuda"),
        (["train", "digits", "--layout", "hwc"], "nhwc"),
        (["train", "digits", "--set", "model.chanels=[8]"], "model.channels"),
        (["train", "digits", "--set", "model.channels=[]"], "model.channels"),
        (["train", "digits", "--set", "model.network=unett"], "unet"),
        (["train", "digits", "--set", "steps"], "key=value"),
        (["train", "digits", "--config", "nowhere.yaml"], "nowhere.yaml"),
        (["train", "digits", "--config", "."], "."),
        (["sample", "run", "--n", "0"], "--n"),
        (["sample", "run", "--n", "1.5"], "--n"),
        (["sample", "run", "--steps", "0"], "--steps"),
        (["sample", "run", "--solver", "hoin"], "heun"),
        (["sample", "run", "--formats", "png,gif"], "gif"),
        (["sample"], "RUN"),
        (["evaluate", "run", "--seeds", "0"], "--seeds"),
        (["evaluate", "run", "--sead", "0"], "--seed"),
        (["report"], "RUN"),
        (["--verson"], "--version"),
    ],
)
def test_bad_command_lines(equigen, words, said, tmp_path):
    result = equigen(*words)
    assert result.code == USAGE, (result.out, result.err)
    require_one_sentence(result)
    assert said in result.complaint
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steps: [1\n", "not YAML"),
        ("- steps\n", "list"),
        ("", "config.yaml"),
        ("\x00\x01", "config.yaml"),
        ("stepz: 5\n", "steps"),
        ("model:\n  chanels: [8]\n", "model.channels"),
        ("model: unet\n", "model"),
        ("data: 7\n", "data"),
        ("steps: 1e400\n", "steps"),
        ("seed: null\n", "seed"),
    ],
)
def test_bad_configuration_files(equigen, tmp_path, text, said):
    (tmp_path / "config.yaml").write_text(text)
    result = equigen("train", "--config", "config.yaml", *(["digits"] if "data" not in text else []))
    assert result.code == USAGE, (result.out, result.err)
    require_one_sentence(result)
    assert said in result.complaint
    assert contents(tmp_path).keys() == {"config.yaml"}


# --- run folders


def a_file_in_its_place(at):
    (at / "out").write_text("mine")
    return "out"


def a_file_above_it(at):
    (at / "file").write_text("mine")
    return "file/out"


def no_folder_can_be_made_there(at):
    return "/proc/equigen"


def someone_elses_folder(at):
    (at / "out").mkdir()
    (at / "out" / "thesis.txt").write_text("mine")
    return "out"


def someone_elses_folder_with_a_config(at):
    (at / "out").mkdir()
    (at / "out" / "config.yaml").write_text("mine: true\n")
    return "out"


def a_run(at):
    return "run"


NO_PLACES = [
    a_file_in_its_place,
    a_file_above_it,
    no_folder_can_be_made_there,
    someone_elses_folder,
    someone_elses_folder_with_a_config,
]


@pytest.mark.parametrize(
    ("place", "words"),
    [(a_run, [])] + [(place, words) for place in NO_PLACES for words in ([], ["--overwrite"])],
    ids=lambda value: "".join(value) if isinstance(value, list) else value.__name__,
)
def test_places_that_a_run_must_not_take(equigen, run, tmp_path, place, words):
    out = place(tmp_path)
    before = contents(tmp_path)
    result = equigen("train", "digits", "--out", out, *words, *TINY)
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert Path(out).name in result.complaint
    assert contents(tmp_path) == before


def missing_folder(run):
    return run.parent / "nowhere"


def folder_without_a_run(run):
    (run.parent / "empty").mkdir()
    return run.parent / "empty"


def file_for_a_folder(run):
    return run / "config.yaml"


def model_missing(run):
    for path in (run / "model").iterdir():
        path.unlink()
    (run / "model").rmdir()
    return run


def model_truncated(run):
    path = run / "model" / "model.safetensors"
    path.write_bytes(path.read_bytes()[:200])
    return run


def model_described_by_no_json(run):
    (run / "model" / "config.json").write_text("{")
    return run


def model_of_another_version(run):
    path = run / "model" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    return run


def model_of_an_unknown_class(run):
    path = run / "model" / "config.json"
    path.write_text(path.read_text().replace('"diffusion-model"', '"difusion-model"'))
    return run


def configuration_torn(run):
    path = run / "config.yaml"
    path.write_bytes(b"steps: 4\ndata: [\n")
    return run


def configuration_with_a_strange_key(run):
    path = run / "config.yaml"
    path.write_text("stepz: 4\n" + path.read_text())
    return run


BAD_RUNS = {
    missing_folder: "nowhere",
    folder_without_a_run: "empty",
    file_for_a_folder: "config.yaml",
    model_missing: "--resume",
    model_truncated: "model.safetensors",
    model_described_by_no_json: "config.json",
    model_of_another_version: "99",
    model_of_an_unknown_class: "diffusion-model",
    configuration_torn: "config.yaml",
    configuration_with_a_strange_key: "steps",
}


@pytest.mark.parametrize("command", ["sample", "evaluate"])
@pytest.mark.parametrize("make", BAD_RUNS, ids=lambda make: make.__name__)
def test_bad_runs(equigen, run, tmp_path, make, command):
    folder = make(run)
    before = contents(tmp_path)
    result = equigen(command, folder)
    assert result.code == (USAGE if make.__name__.startswith("configuration") else FAILED), (result.out, result.err)
    require_one_sentence(result)
    assert BAD_RUNS[make] in result.complaint
    assert contents(tmp_path) == before


@pytest.mark.parametrize("make", [missing_folder, folder_without_a_run, file_for_a_folder])
def test_bad_runs_to_report(equigen, run, tmp_path, make):
    folder = make(run)
    before = contents(tmp_path)
    result = equigen("report", folder)
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert contents(tmp_path) == before


# --- going on with a run


def tear(folder: Path) -> None:
    """Cut the weights of a checkpoint in half, as a crash of the machine might."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def checkpoints(run):
    return sorted((run / "checkpoints").glob("step-*"))


def test_a_torn_checkpoint_is_named_and_the_one_before_is_used(equigen, run):
    weights = contents(run / "model")
    tear(checkpoints(run)[-1])
    result = equigen("train", "--resume", run, "--json")
    assert result.code == 0, result.err
    assert json.loads(result.out)["steps_taken"] >= 1
    assert "torn" in result.err
    assert contents(run / "model") == weights


def test_without_a_whole_checkpoint_there_is_nothing_to_go_on_from(equigen, run):
    for folder in checkpoints(run):
        tear(folder)
    before = contents(run)
    result = equigen("train", "--resume", run)
    assert result.code == FAILED, (result.out, result.err)
    assert "no checkpoint that is whole" in result.complaint
    assert contents(run) == before


def test_a_checkpoint_of_another_version_is_refused(equigen, run):
    for folder in checkpoints(run):
        path = folder / "manifest.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))
    before = contents(run)
    result = equigen("train", "--resume", run)
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert "99" in result.complaint
    assert contents(run) == before


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--steps", "9"], USAGE, "steps"),
        (["--set", "model.channels=[8]"], USAGE, "model.channels"),
        (["--limit", "40"], USAGE, "limit"),
        (["--overwrite"], USAGE, "overwrite"),
        (["--out", "elsewhere"], USAGE, "--out"),
    ],
)
def test_a_run_goes_on_as_it_was_begun(equigen, run, tmp_path, words, code, said):
    before = contents(tmp_path)
    result = equigen("train", "--resume", run, *words)
    assert result.code == code, (result.out, result.err)
    require_one_sentence(result)
    assert said in result.complaint
    assert contents(tmp_path) == before


def test_a_run_does_not_go_on_with_other_data(equigen, tmp_path):
    save(tmp_path / "a.npy", images(48))
    assert equigen("train", "a.npy", "--out", "mine", *TINY).code == 0
    save(tmp_path / "a.npy", images(48)[::-1])
    before = contents(tmp_path)
    result = equigen("train", "--resume", "mine")
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("command", ["evaluate", "train"])
def test_data_that_are_gone_are_named(equigen, tmp_path, command):
    path = save(tmp_path / "a.npy", images(48))
    assert equigen("train", "a.npy", "--out", "mine", *TINY).code == 0
    path.unlink()
    before = contents(tmp_path)
    result = equigen(*(["evaluate", "mine"] if command == "evaluate" else ["train", "--resume", "mine"]))
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert "a.npy" in result.complaint
    assert contents(tmp_path) == before


# --- sampling


def test_samples_that_are_there_are_kept(equigen, run, tmp_path):
    assert equigen("sample", run, "--n", "2", "--steps", "1", "--out", "new").code == 0
    before = contents(tmp_path)
    result = equigen("sample", run, "--n", "1", "--steps", "1", "--out", "new")
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert contents(tmp_path) == before
    assert equigen("sample", run, "--n", "1", "--steps", "1", "--out", "new", "--overwrite").code == 0
    assert len(list((tmp_path / "new").glob("sample-*.png"))) == 1


@pytest.mark.parametrize("n", [10**9, 10**13])
def test_more_samples_than_the_machine_holds(equigen, run, n):
    result = equigen("sample", run, "--n", n)
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert "--first" in result.complaint


def test_more_samples_than_there_are_numbers(equigen, run):
    result = equigen("sample", run, "--n", "2", "--first", 2**32 - 1)
    assert result.code == USAGE, (result.out, result.err)
    require_one_sentence(result)


def test_samples_into_a_place_that_is_no_folder(equigen, run, tmp_path):
    for out in ("run/config.yaml", "run/config.yaml/new", "/proc/new"):
        before = contents(tmp_path)
        result = equigen("sample", run, "--n", "1", "--steps", "1", "--out", out)
        assert result.code == FAILED, (result.out, result.err)
        require_one_sentence(result)
        assert contents(tmp_path) == before


def test_a_device_that_is_not_there(equigen, run):
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is one")
    for words in (["sample", run], ["train", "digits", "--out", "new", *TINY]):
        result = equigen(*words, "--device", "cuda")
        assert result.code == USAGE, (result.out, result.err)
        require_one_sentence(result)


def test_a_training_that_diverges_says_where_and_keeps_what_was_saved(equigen, tmp_path):
    words = ["--learning-rate", "1e30", "--set", "clip=null", "--set", "warmup=0"]
    result = equigen("train", "digits", "--out", "run", *TINY, *words)
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert "step" in result.complaint
    assert not (tmp_path / "run" / "model").exists()


# --- how a failure is told


def test_json_is_one_object_also_when_it_fails(equigen):
    result = equigen("sample", "nowhere", "--json")
    found = json.loads(result.out)
    assert (result.code, found["exit_code"]) == (FAILED, FAILED)
    assert found["error"] == result.complaint


def test_debug_shows_the_traceback(equigen):
    assert "Traceback" in equigen("sample", "nowhere", "--debug").err
    assert "Traceback" not in equigen("sample", "nowhere").err


def test_what_nobody_foresaw_is_a_sentence_too(equigen, monkeypatch):
    def broken(*args, **rest):
        raise KeyError("gone")

    monkeypatch.setattr("equigen.data.loading.load", broken)
    result = equigen("data", "digits")
    assert result.code == FAILED
    assert result.complaint == "unexpected KeyError: 'gone' (--debug shows where)."
