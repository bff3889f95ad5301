from __future__ import annotations

import gzip
import hashlib
import time
import urllib.error
import urllib.request
from dataclasses import replace
from importlib.resources import files

import pytest

import equigen.data.named as named
from equigen.data.download import download
from equigen.data.loading import load
from equigen.data.readers.idx import FILES
from tests.data.test_idx import write_set


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No set on the machine and no network."""

    def refuse(*_args: object, **_options: object) -> None:
        raise urllib.error.URLError("Network is unreachable")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    monkeypatch.delenv("EQUIGEN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "equigen"


def test_digits_are_the_uci_test_set():
    """Known: 1797 images, 178 182 177 183 181 182 181 179 174 180 of the classes, the first picture a zero."""
    digits = load("digits")
    assert digits.x.shape == (1797, 1, 8, 8)
    assert digits.labels is not None
    assert digits.labels.bincount().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (digits.x[0, 0, 0] * 16).tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert (digits.x[-1, 0, -1] * 16).tolist() == [0, 1, 8, 12, 14, 12, 1, 0]
    assert (digits.x.min().item(), digits.x.max().item()) == (0.0, 1.0)
    assert (digits.encoding.encode(digits.x).max(), digits.encoding.dtype) == (16, "uint8")
    assert [len(part) for part in digits.split(seed=0)] == [1347, 450]


def test_digits_load_fast_and_carry_their_attribution():
    load("digits")
    times = []
    for _ in range(5):
        start = time.perf_counter()
        load("digits")
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05
    assert "CC BY 4.0" in files("equigen.data").joinpath("digits.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "mean"), [("mnist", (33.3184, 33.7912)), ("fashion_mnist", None)])
def test_real_sets(data_root, name, mean):
    """Known of MNIST: class counts of the training part, and the mean grey level of both parts."""
    found = load(name, data_dir=data_root)
    assert (len(found), found.held_out, found.space.shape) == (70_000, 10_000, (1, 28, 28))
    train, test = found.split(seed=0)
    if mean is not None:
        assert train.labels is not None
        assert train.labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
        assert train.x.double().mean().item() * 255 == pytest.approx(mean[0], abs=5e-5)
        assert test.x.double().mean().item() * 255 == pytest.approx(mean[1], abs=5e-5)
    for file in FILES.values():
        data = (data_root / name / file).read_bytes()
        assert hashlib.sha256(data).hexdigest() == named.NAMED[name].sha256[file]  # type: ignore[attr-defined]


def test_blood_cells(data_root):
    """Known: mean and deviation of the channels, counts of the classes, 17 repeated pictures."""
    found = load(data_root / "images" / "blood_cells_32.npz")
    told = found.describe()
    assert [255 * m for m in told["mean"]] == pytest.approx([203.01, 168.21, 177.58], abs=5e-3)
    assert [255 * s for s in told["std"]] == pytest.approx([55.55, 63.02, 23.75], abs=5e-3)
    assert told["classes"]["neutrophil"] == 3329
    assert told["repeats"] == 17


def test_folders_are_searched_in_order(offline, tmp_path, monkeypatch):
    given, variable = tmp_path / "given", tmp_path / "variable"
    sizes = {offline: 4, variable: 5, given: 6}
    for root, size in sizes.items():
        write_set(root / "mnist", train=size)
        if root == variable:
            monkeypatch.setenv("EQUIGEN_DATA", str(variable))
        assert len(load("mnist", data_dir=given if root == given else None)) == size + 2
    assert len(load("mnist", data_dir=given / "mnist")) == 8  # the folder of the files itself


def test_without_network_the_message_names_the_files_and_the_folder(offline, refused):
    message = refused("mnist", "unreachable", "--data-dir", "EQUIGEN_DATA", str(offline / "mnist"), *FILES.values())
    assert len(message) < 1200


def test_the_users_folder_is_not_passed_over(offline, tmp_path, refused):
    write_set(offline / "mnist")
    refused("mnist", str(tmp_path / "mine" / "mnist"), data_dir=tmp_path / "mine")
    assert len(load("mnist")) == 8


def test_download_is_checked_and_kept(tmp_path, monkeypatch):
    served = tmp_path / "served"
    write_set(served)
    sums = {name: hashlib.sha256((served / name).read_bytes()).hexdigest() for name in FILES.values()}
    mirrors = (f"{(tmp_path / 'gone').as_uri()}/", f"{served.as_uri()}/")
    monkeypatch.setitem(named.NAMED, "mnist", replace(named._MNIST, mirrors=mirrors, sha256=sums))
    monkeypatch.delenv("EQUIGEN_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert len(load("mnist")) == 8
    kept = tmp_path / "cache" / "equigen" / "mnist"
    assert sorted(path.name for path in kept.iterdir()) == sorted(FILES.values())
    for path in served.iterdir():
        path.unlink()
    assert len(load("mnist")) == 8  # from the cache


def test_planted_other_bytes_are_not_kept(tmp_path):
    source, target = tmp_path / "source", tmp_path / "deep" / "target"
    source.write_bytes(gzip.compress(b"other"))
    with pytest.raises(OSError, match="checksum"):
        download([source.as_uri()], "0" * 64, target)
    assert list(target.parent.iterdir()) == []
    download([source.as_uri()], hashlib.sha256(source.read_bytes()).hexdigest(), target)
    assert target.read_bytes() == source.read_bytes()


def test_an_answer_that_breaks_off_leaves_nothing(tmp_path, monkeypatch):
    class Broken:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            return None

        def read(self, _size):
            raise TimeoutError("timed out")

    monkeypatch.setattr(urllib.request, "urlopen", lambda *_args, **_options: Broken())
    with pytest.raises(OSError, match="timed out"):
        download(["http://example.org/a", "http://example.org/b"], "0" * 64, tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_name_goes_before_a_folder_and_says_so(tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    folder.rename(tmp_path / "digits")
    found = load("digits")
    assert len(found) == 1797
    assert "./digits" in found.notes[0]
    assert len(load("./digits")) == 3


def test_unknown_sources_are_refused(tmp_path, refused):
    refused("digit", "'digit'", "did you mean 'digits'")
    refused("nowhere/at/all", "digits, mnist, fashion_mnist")
    refused(tmp_path / "a.npy", "no file")
    (tmp_path / "a.pt").write_bytes(b"PK")
    refused(tmp_path / "a.pt", "never", ".npy")
    (tmp_path / "noend").write_bytes(b"PK")
    refused(tmp_path / "noend", "nothing")
    refused("/dev/null", "neither a file nor a folder")
    refused("", "digits")
    refused("a\0b.npy", "digits")
    refused("digits", "--key", key="images")
    refused("digits", "--layout", layout="nhwc")
