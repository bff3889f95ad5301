"""Wrong labels, values, masks and files, wrong flags of sampling, and what would run code if it were opened."""

from __future__ import annotations

import io
import pickle
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from equigen.cli.main import main
from equigen.training.lock import LOCK, locked
from tests.cli.conftest import TINY, contents, require_one_sentence
from tests.cli.test_malformed import FAILED, USAGE, images, save

N = 48


class Payload:
    """Leaves a mark when it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def pickled() -> bytes:
    return pickle.dumps({"weight": Payload()})


def saved_by_torch() -> bytes:
    buffer = io.BytesIO()
    torch.save({"weight": Payload()}, buffer)
    return buffer.getvalue()


def test_the_payload_would_leave_a_mark(tmp_path, monkeypatch):
    """The control: opened, both kinds of file do what must never be done."""
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickled())
    assert Path("executed").exists()
    Path("executed").unlink()
    torch.load(io.BytesIO(saved_by_torch()), weights_only=False)
    assert Path("executed").exists()


# --- data: each writes a.npy or another file, and gives the words after `equigen data` and `equigen train`


def good(at):
    return [save(at / "a.npy", images(N))]


def labels_too_few(at):
    (at / "l.csv").write_text("1\n" * (N - 1))
    return [*good(at), "--labels", "l.csv"]


def labels_too_many(at):
    save(at / "l.npy", np.zeros(N + 1, dtype=np.int64))
    return [*good(at), "--labels", "l.npy"]


def labels_nowhere(at):
    return [*good(at), "--labels", "l.csv"]


def labels_of_no_entry(at):
    np.savez(at / "a.npz", images=images(N), labels=np.zeros(N, dtype=int))
    return ["a.npz", "--labels", "klass"]


def labels_in_two_columns(at):
    (at / "l.csv").write_text("1,2\n" * N)
    return [*good(at), "--labels", "l.csv"]


def labels_between_classes(at):
    save(at / "l.npy", np.linspace(0, 1, N))
    return [*good(at), "--labels", "l.npy"]


def labels_below_zero(at):
    save(at / "l.npy", np.arange(N) - 1)
    return [*good(at), "--labels", "l.npy"]


def labels_in_a_pickle(at):
    np.save(at / "l.npy", np.array([Payload()] * N, dtype=object), allow_pickle=True)
    return [*good(at), "--labels", "l.npy"]


def labels_in_a_checkpoint(at):
    (at / "l.pt").write_bytes(saved_by_torch())
    return [*good(at), "--labels", "l.pt"]


def labels_wanted_but_none(at):
    return [*good(at), "--condition", "label"]


def values_wanted_but_none(at):
    return [*good(at), "--condition", "value"]


def values_too_few(at):
    save(at / "v.npy", np.zeros((N - 1, 2)))
    return [*good(at), "--values", "v.npy"]


def values_not_finite(at):
    save(at / "v.npy", np.full(N, np.inf))
    return [*good(at), "--values", "v.npy"]


def values_in_words(at):
    (at / "v.csv").write_text("big\n" * N)
    return [*good(at), "--values", "v.csv"]


def masks_of_another_size(at):
    save(at / "m.npy", np.ones((N, 9, 8), dtype=bool))
    return [*good(at), "--masks", "m.npy"]


def masks_too_few(at):
    save(at / "m.npy", np.ones((N - 1, 8, 8), dtype=bool))
    return [*good(at), "--masks", "m.npy"]


def masks_of_text(at):
    save(at / "m.npy", np.full((8, 8), "x"))
    return [*good(at), "--masks", "m.npy"]


def masks_of_nothing(at):
    save(at / "m.npy", np.zeros((8, 8), dtype=bool))
    return [*good(at), "--masks", "m.npy"]


def h5_with(at, **arrays):
    with h5py.File(at / "a.h5", "w") as file:
        for name, array in arrays.items():
            file[name] = array
    return ["a.h5"]


def h5_without_the_key(at):
    return [*h5_with(at, left=images(N)), "--key", "right"]


def h5_without_arrays(at):
    return h5_with(at)


def h5_with_labels_too_few(at):
    return h5_with(at, images=images(N), labels=np.zeros(N - 1, dtype=int))


def h5_truncated(at):
    h5_with(at, images=images(N))
    (at / "a.h5").write_bytes((at / "a.h5").read_bytes()[:700])
    return ["a.h5"]


def h5_in_name_only(at):
    (at / "a.h5").write_text("no HDF5 at all")
    return ["a.h5"]


def tiff_truncated(at):
    import tifffile

    tifffile.imwrite(at / "a.tif", images(N, dtype="uint16"))
    (at / "a.tif").write_bytes((at / "a.tif").read_bytes()[:900])
    return ["a.tif"]


def a_pickle(at):
    (at / "a.pkl").write_bytes(pickled())
    return ["a.pkl"]


def a_torch_checkpoint(at):
    (at / "a.pt").write_bytes(saved_by_torch())
    return ["a.pt"]


def a_pickle_called_npy(at):
    (at / "a.npy").write_bytes(pickled())
    return ["a.npy"]


def a_pickle_in_an_npz(at):
    np.savez(at / "a.npz", images=np.array([Payload()] * N, dtype=object))
    return ["a.npz"]


BAD_DATA = {
    labels_too_few: "l.csv",
    labels_too_many: "l.npy",
    labels_nowhere: "l.csv",
    labels_of_no_entry: "klass",
    labels_in_two_columns: "2 columns",
    labels_between_classes: "l.npy",
    labels_below_zero: "-1",
    labels_in_a_pickle: "l.npy",
    labels_in_a_checkpoint: "l.pt",
    labels_wanted_but_none: "label",
    values_wanted_but_none: "value",
    values_too_few: "v.npy",
    values_not_finite: "finite",
    values_in_words: "'big'",
    masks_of_another_size: "9x8",
    masks_too_few: "m.npy",
    masks_of_text: "m.npy",
    masks_of_nothing: "mask",
    h5_without_the_key: "'right'",
    h5_without_arrays: "a.h5",
    h5_with_labels_too_few: "labels",
    h5_truncated: "a.h5",
    h5_in_name_only: "a.h5",
    tiff_truncated: "a.tif",
    a_pickle: "pickle",
    a_torch_checkpoint: "checkpoint",
    a_pickle_called_npy: "a.npy",
    a_pickle_in_an_npz: "a.npz",
}


@pytest.mark.parametrize("command", ["data", "train"])
@pytest.mark.parametrize("make", BAD_DATA, ids=lambda make: make.__name__)
def test_bad_data(equigen, tmp_path, make, command):
    words = make(tmp_path)
    before = contents(tmp_path)
    result = equigen(command, *words, *(["--out", "run", "--steps", "1"] if command == "train" else []))
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert BAD_DATA[make] in result.complaint
    assert contents(tmp_path) == before, "something was executed, lost or left behind"
    assert not (tmp_path / "run").exists()


# --- a model that is no model


def weights_by_pickle(run):
    (run / "model" / "model.safetensors").write_bytes(pickled())
    return run


def weights_by_torch(run):
    (run / "model" / "model.safetensors").write_bytes(saved_by_torch())
    return run


def a_checkpoint_for_a_run(run):
    (run.parent / "run.pt").write_bytes(saved_by_torch())
    return run.parent / "run.pt"


def a_folder_with_a_checkpoint(run):
    (run.parent / "folder").mkdir()
    (run.parent / "folder" / "model.pt").write_bytes(saved_by_torch())
    return run.parent / "folder"


def a_configuration_that_calls(run):
    path = run / "config.yaml"
    path.write_text("out: !!python/object/apply:os.system ['touch executed']\n" + path.read_text())
    return run


def a_class_that_is_not_in_the_table(run):
    path = run / "model" / "config.json"
    path.write_text(path.read_text().replace('"diffusion-model"', '"os:system"'))
    return run


BAD_MODELS = [
    weights_by_pickle,
    weights_by_torch,
    a_checkpoint_for_a_run,
    a_folder_with_a_checkpoint,
    a_configuration_that_calls,
    a_class_that_is_not_in_the_table,
]


@pytest.mark.parametrize("command", ["sample", "evaluate"])
@pytest.mark.parametrize("make", BAD_MODELS, ids=lambda make: make.__name__)
def test_bad_models(equigen, run, tmp_path, make, command):
    folder = make(run)
    before = contents(tmp_path)
    result = equigen(command, folder)
    assert result.code == (USAGE if make is a_configuration_that_calls else FAILED), (result.out, result.err)
    require_one_sentence(result)
    assert contents(tmp_path) == before, "something was executed, lost or left behind"


def test_a_pickle_among_the_checkpoints_is_torn(equigen, run, tmp_path):
    newest = sorted((run / "checkpoints").glob("step-*"))[-1]
    (newest / "model.safetensors").write_bytes(pickled())
    result = equigen("train", "--resume", run)
    assert result.code == 0, result.err
    assert "torn" in result.err
    assert not (tmp_path / "executed").exists()


# --- flags of sampling, before any work


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    """A run that was trained with ten labels."""
    folder = tmp_path_factory.mktemp("labelled") / "run"
    assert main(["train", "digits", "--out", str(folder), "--condition", "label", *TINY]) == 0
    return folder


@pytest.fixture(scope="module")
def valued(tmp_path_factory):
    """A run that was trained with two numbers for each image, and without dropout of them."""
    folder = tmp_path_factory.mktemp("valued")
    values = np.random.default_rng(1).random((N, 2))
    np.savez(folder / "a.npz", images=images(N), values=values, value_names=np.array(["age", "size"]))
    words = ["--out", str(folder / "run"), "--condition", "value", "--set", "model.condition_dropout=0", *TINY]
    assert main(["train", str(folder / "a.npz"), *words]) == 0
    return folder / "run"


@pytest.fixture
def forbidden(monkeypatch):
    """No sample may be drawn."""

    def drawn(*_, **__):
        raise AssertionError("samples were drawn first")

    monkeypatch.setattr("equigen.diffusion.model.DiffusionModel.sample", drawn)


def refused(equigen, run, words, said, command="sample"):
    before = contents(run)
    result = equigen(command, run, *words)
    assert result.code == USAGE, (result.out, result.err)
    require_one_sentence(result)
    assert said in result.complaint
    assert contents(run) == before


@pytest.mark.parametrize("command", ["sample", "evaluate"])
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--solver", "hoin"], "'hoin'"),
        (["--solver", "{kind: heun, chun: 40}"], "churn"),
        (["--solver", "{kind: heun"], "{kind: heun"),
        (["--solver", "{churn: 40}"], "kind"),
        (["--tolerance", "0.01"], "--solver rk45"),
        (["--tolerance", "0.01", "--solver", "heun"], "--solver rk45"),
        (["--tolerance", "0", "--solver", "rk45"], "--tolerance"),
        (["--tolerance", "nan", "--solver", "rk45"], "--tolerance"),
        (["--steps", "7", "--solver", "rk45"], "--tolerance"),
        (["--guidance", "2"], "without labels"),
        (["--guidance", "-1"], "--guidance"),
        (["--guidance", "inf"], "--guidance"),
        (["--batch-size", "0"], "--batch-size"),
    ],
)
def test_flags_of_sampling(equigen, run, forbidden, command, words, said):
    refused(equigen, run, words, said, command)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--label", "3"], "without labels"),
        (["--label", "all"], "without labels"),
        (["--value", "0.5"], "without values"),
    ],
)
def test_conditions_of_a_run_without(equigen, run, forbidden, words, said):
    refused(equigen, run, words, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--label", "10"], "one of 0, 1, "),
        (["--label", "-1"], "one of 0, 1, "),
        (["--label", "three"], "one of 0, 1, "),
        (["--label", "3,4"], "3,4"),
        (["--value", "0.5"], "without values"),
    ],
)
def test_labels_that_a_run_does_not_know(equigen, labelled, forbidden, words, said):
    refused(equigen, labelled, words, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--value", "0.5"], "2 finite numbers"),
        (["--value", "1,2,3"], "2 finite numbers"),
        (["--value", "1,nan"], "2 finite numbers"),
        (["--value", "1,big"], "2 finite numbers"),
        (["--label", "1"], "without labels"),
        (["--guidance", "2"], "condition_dropout=0"),
    ],
)
def test_values_that_do_not_fit(equigen, valued, forbidden, words, said):
    refused(equigen, valued, words, said)


def test_solvers_to_compare_that_do_not_exist(equigen, run, forbidden):
    refused(equigen, run, ["--solvers", "heun,oiler"], "'euler'", "evaluate")


# --- runs and their folders


def test_a_run_does_not_go_on_with_another_set(equigen, run):
    before = contents(run)
    result = equigen("train", "mnist", "--resume", run)
    assert result.code == USAGE, (result.out, result.err)
    require_one_sentence(result)
    assert "data.source" in result.complaint
    assert contents(run) == before


def test_a_run_does_not_go_on_with_other_labels(equigen, tmp_path):
    rows = np.arange(N) % 2
    np.savez(tmp_path / "a.npz", images=images(N), labels=rows)
    assert equigen("train", "a.npz", "--out", "mine", "--condition", "label", *TINY).code == 0
    np.savez(tmp_path / "a.npz", images=images(N), labels=1 - rows)
    before = contents(tmp_path)
    result = equigen("train", "--resume", "mine")
    assert result.code == FAILED, (result.out, result.err)
    require_one_sentence(result)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "words",
    [
        *(["train", "--resume", "run"], ["train", "digits", "--out", "run", "--overwrite"]),
        *(["sample", "run"], ["evaluate", "run"]),
    ],
    ids=" ".join,
)
def test_two_writers_of_one_folder(equigen, run, words):
    with locked(run):
        before = contents(run)
        result = equigen(*words)
        assert result.code == FAILED, (result.out, result.err)
        require_one_sentence(result)
        assert "run is being written by process" in result.complaint
        assert contents(run) == before
    assert not (run / LOCK).exists()


def test_two_runs_begun_in_one_new_folder(equigen, tmp_path):
    with locked(tmp_path / "new"):
        result = equigen("train", "digits", "--out", "new", *TINY)
        assert result.code == FAILED, (result.out, result.err)
        require_one_sentence(result)
    assert not (tmp_path / "new").exists()


def test_samples_of_a_run_that_is_written_may_go_elsewhere(equigen, run):
    with locked(run):
        assert equigen("sample", run, "--n", "1", "--steps", "1", "--out", "new").code == 0


def test_a_lock_left_by_a_killed_process_is_none(equigen, run):
    (run / LOCK).write_text("process 1 on nowhere\n")
    result = equigen("sample", run, "--n", "1", "--steps", "1")
    assert result.code == 0, result.err
    assert not (run / LOCK).exists()


def test_someone_elses_folder_gets_no_lock(equigen, tmp_path):
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "thesis.txt").write_text("mine")
    (tmp_path / "theirs").chmod(0o555)
    before = contents(tmp_path)
    result = equigen("train", "digits", "--out", "theirs", *TINY)
    assert (result.code, "no equigen run" in result.complaint) == (FAILED, True)
    assert contents(tmp_path) == before
    shutil.rmtree(tmp_path / "theirs")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "steps=7", "--steps", "3"], "steps"),
        (["--set", "steps=7", "--set", "steps=8"], "steps"),
        (["--condition", "klass"], "label"),
        (["--pose", "upright"], "quarter-turns"),
        (["--recipe", "sung"], "song"),
        (["--set", "sampling.solver=hoin"], "heun"),
    ],
)
def test_bad_command_lines(equigen, tmp_path, words, said):
    result = equigen("train", "digits", *words)
    assert result.code == USAGE, (result.out, result.err)
    require_one_sentence(result)
    assert said in result.complaint
    assert contents(tmp_path) == {}
