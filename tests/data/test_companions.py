"""Classes, values and masks beside the images: from entries, tables and arrays; what does not fit is one sentence."""

from __future__ import annotations

import gzip
from dataclasses import replace

import numpy as np
import pytest
import torch

from equigen.data.errors import DataError
from equigen.data.loading import load
from equigen.spaces.masked import Masked
from tests.data.conftest import pixels
from tests.data.test_idx import idx_bytes


@pytest.fixture
def images(tmp_path):
    """Four images of 8x9 pixels in a.npy and, with other entries, in a.npz."""
    np.save(tmp_path / "a.npy", pixels(0, 4, 8, 9))
    np.savez(tmp_path / "a.npz", images=pixels(0, 4, 8, 9), kind=[2, 0, 1, 1], angle=np.arange(8.0).reshape(4, 2))
    return tmp_path


def text(path, content: str):
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("content", "labels", "names"),
    [
        ("2\n0\n1\n1\n", [2, 0, 1, 1], ("0", "1", "2")),
        ("kind\n2\n0\n1\n1\n", [2, 0, 1, 1], ("0", "1", "2")),
        ("\ufeffkind\r\nb\r\na\r\n\r\nc\r\nb\r\n", [1, 0, 2, 1], ("a", "b", "c")),
        ('"b"\n"a, too"\n"a"\n"b"\n', [2, 1, 0, 2], ("a", "a, too", "b")),
        ("10\n9\nx\n9\n", [0, 1, 2, 1], ("10", "9", "x")),
    ],
)
def test_tables_of_labels(images, content, labels, names):
    found = load(images / "a.npy", labels=text(images / "labels.csv", content))
    assert (found.labels.tolist(), found.class_names) == (labels, names)  # type: ignore[union-attr]


def test_a_header_is_no_row_of_the_first_image(images):
    with pytest.raises(DataError, match="has 3 rows for 4 images"):
        load(images / "a.npy", labels=text(images / "labels.csv", "kind\n2\n0\n1\n"))
    found = load(
        images / "a.npy", labels=text(images / "labels.csv", "x\n2\ny\n1\n")
    )  # words among numbers are classes
    assert found.class_names == ("1", "2", "x", "y")


@pytest.mark.parametrize(
    "content",
    [
        "file,kind\nb.png,y\na.png,x\nc.png,x\n",
        "a,x\nc,x\nb,y\n",
        "./c.png;x\nb;y\na.png;x\n",
        "name\tkind\nc\tx\nb.png\ty\na\tx\n",
    ],
)
def test_tables_that_name_their_images(folder, content):
    found = load(folder, labels=text(folder / "labels.csv", content))
    assert (found.labels.tolist(), found.class_names) == ([0, 1, 0], ("x", "y"))  # type: ignore[union-attr]
    assert found.notes == ()  # the table is no file that was left out
    part = load(folder, labels=folder / "labels.csv", limit=2)
    assert part.labels.tolist() == [0, 1]  # type: ignore[union-attr]


def test_labels_and_values_from_entries_and_arrays(images):
    found = load(images / "a.npz", labels="kind", values="angle", condition="value")
    assert found.labels.tolist() == [2, 0, 1, 1]  # type: ignore[union-attr]
    assert found.batch(4, 0, 0).condition["value"].shape == (4, 2)
    assert found.notes == ()
    np.save(images / "v.npy", np.array([3, 1, 2, 5]))
    assert load(images / "a.npy", values=images / "v.npy").values.tolist() == [[3], [1], [2], [5]]  # type: ignore[union-attr]
    (images / "l.gz").write_bytes(gzip.compress(idx_bytes(np.array([1, 0, 0, 1], np.uint8))))
    assert load(images / "a.npy", labels=images / "l.gz").labels.tolist() == [1, 0, 0, 1]  # type: ignore[union-attr]


def test_values_take_their_names_from_the_header(images):
    path = text(images / "v.csv", "mass,age\n1,2\n3,4\n5,6\n7,8.5\n")
    found = load(images / "a.npy", values=path, condition="value")
    assert found.value_names == ("mass", "age")
    assert found.describe()["values"] == {"mass": [1.0, 7.0], "age": [2.0, 8.5]}
    assert found.whole([3]).condition["value"].tolist() == [[7.0, 8.5]]


def test_a_value_may_be_unknown_but_not_all_of_them(images):
    found = load(
        images / "a.npy", values=text(images / "v.csv", "mass,age\n1,nan\n3,4\nNaN,6\n7,8\n"), condition="value"
    )
    assert found.describe()["values"] == {"mass": [1.0, 7.0], "age": [4.0, 8.0]}
    assert found.whole([0]).condition["value"].isnan().tolist() == [[False, True]]
    assert (
        load(images / "a.npy", values=text(images / "c.csv", "t\n3\n3\n3\nnan\n")).notes[-1].startswith("t is the same")
    )
    with pytest.raises(DataError, match="no number in column 1"):
        load(images / "a.npy", values=text(images / "v.csv", "1,nan\n3,nan\n2,nan\n7,nan\n"))
    with pytest.raises(DataError, match="holds inf for image 1"):
        load(images / "a.npy", values=text(images / "v.csv", "1\ninf\n2\n7\n"))


def test_conditions_and_masks_go_with_their_items(images):
    masks = pixels(1, 4, 8, 9) > 100
    np.save(images / "m.npy", masks)
    found = load(images / "a.npz", labels="kind", masks=images / "m.npy", condition="label")
    assert found.space == Masked(1, 8, 9)
    assert torch.equal(found.structure[:, 0], torch.from_numpy(masks))  # type: ignore[index]
    assert (found.x[~found.structure] == 0).all()  # type: ignore[operator]
    batch = found.batch(4, seed=0, step=0)
    order = [int((found.x == item).flatten(1).all(1).nonzero()) for item in batch.x]
    assert batch.condition["label"].tolist() == found.labels[order].tolist()  # type: ignore[index]
    assert torch.equal(batch.structure, found.structure[order])  # type: ignore[arg-type, index]
    for part in found.split(seed=0):
        assert part.structure is not None
        assert len(part.structure) == len(part) == len(part.whole().condition["label"])


def test_one_mask_serves_all_and_stays_one_in_memory(images):
    disc = np.zeros((8, 9), bool)
    disc[2:6, 3:8] = True
    np.save(images / "m.npy", disc)
    found = load(images / "a.npy", masks=images / "m.npy")
    part = found.subset([2, 0, 0])
    for one in (found, part):
        assert one.structure.stride(0) == 0  # type: ignore[union-attr]
    assert found.describe()["valid"] == pytest.approx(20 / 72)
    each = replace(found, structure=found.structure.clone())  # type: ignore[union-attr]
    assert each.describe() == found.describe()


def test_what_a_mask_excludes_may_be_anything_and_counts_nowhere(images, refused):
    numbers = np.random.default_rng(0).random((4, 8, 9))
    masks = np.ones((4, 8, 9), np.uint8)
    masks[2, 3, 4] = 0
    np.savez(images / "plain.npz", images=numbers, masks=masks)
    clean = load(images / "plain.npz").describe()
    numbers[2, 3, 4] = np.nan
    np.savez(images / "holes.npz", images=numbers, masks=masks)
    holes = load(images / "holes.npz").describe()
    assert {**holes, "name": ""} == {**clean, "name": ""}
    assert clean["mean"][0] == pytest.approx(np.nanmean(numbers), rel=1e-6)
    np.savez(images / "bare.npz", images=numbers)
    refused(images / "bare.npz", "nan in image 2")


def test_masks_are_cropped_and_scaled_with_their_images(images):
    masks = np.ones((4, 8, 9), bool)
    masks[1, :4] = False
    np.savez(images / "m.npz", images=pixels(0, 4, 8, 9), masks=masks)
    found = load(images / "m.npz", resize=4)
    assert (
        found.structure[1, 0].tolist() == [[False] * 4, [False] * 4, [True] * 4, [True] * 4]
        or (  # type: ignore[index]
            not found.structure[1, 0, :2].any() and found.structure[1, 0, 3].all()  # type: ignore[index]
        )
    )


def test_entries_that_cannot_be_what_they_are_called_are_left_out_with_a_note(images):
    np.savez(images / "b.npz", images=pixels(0, 4, 8, 9), values=["a", "b", "c", "d"], masks=np.zeros(4))
    found = load(images / "b.npz")
    assert (found.values, found.structure) == (None, None)
    assert sum("left out" in note for note in found.notes) == 2


def test_the_fingerprint_changes_with_values_and_masks(images):
    found = load(images / "a.npz", values="angle")
    half = torch.ones(4, 1, 8, 9, dtype=torch.bool)
    half[:, :, 4:] = False
    others = [
        found,
        replace(found, values=None, value_names=None),
        replace(found, values=found.values + 1),  # type: ignore[operator]
        replace(found, structure=half),
        replace(found, structure=~half),
    ]
    assert len({other.describe()["fingerprint"] for other in others}) == 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("x\ny\n", ("2 rows for 4 images",)),
        ("x\ny\nx\ny\nx\ny\n", ("6 rows for 4 images",)),
        ("1\n2\n3\n4\n5\n", ("5 rows for 4 images",)),
        ("", ("is empty",)),
        ("a,b\nx,y\nx\nx,y\n", ("1 cells in line 3", "2 in line 1")),
        ("a,b\nx,y\nx,\nx,y\n", ("empty cell in line 3, column 2",)),
        ("a,b\nx,y\nx,y\nx,y\n", ("2 columns", "one")),
        ("0\n1\n70000\n2\n", ("from 0 to 70000", "0 .. 65535")),
    ],
)
def test_broken_tables_of_labels_are_refused(images, refused, content, words):
    path = text(images / "labels.csv", content)
    refused(images / "a.npy", str(path), *words, labels=path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("a,x\nb,y\nc,x\nd,x\n", ("'d' in line 4", "none of the 3 images")),
        ("a,x\nb,y\nb.png,x\nc,x\n", ("b.png in line 2", "again in line 3")),
        ("a,x\nc,y\n", ("no row for b.png",)),
    ],
)
def test_tables_that_name_other_images_are_refused(folder, refused, content, words):
    path = text(folder / "labels.csv", content)
    refused(folder, str(path), *words, labels=path)


def test_a_name_that_two_images_share_is_refused(folder, tmp_path, refused):
    root = tmp_path / "root"
    for kind in ("u", "v"):
        (root / kind).mkdir(parents=True)
        (root / kind / "a.png").write_bytes((folder / f"{'a' if kind == 'u' else 'b'}.png").read_bytes())
    path = text(tmp_path / "labels.csv", "u/a.png,x\na.png,y\n")
    refused(root, "'a.png' in line 2", "more than one", labels=path)
    text(path, "v/a,x\nu/a.png,y\n")
    assert load(root, labels=path).labels.tolist() == [1, 0]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(3, int), ("3 labels for 4 images",)),
        (np.zeros((4, 2), int), ("(4, 2)",)),
        (np.zeros(4), ("float64", "--values")),
        (np.array([0, -1, 0, 0]), ("-1",)),
        (np.array([None] * 4), ("a.labels.npy",)),
    ],
)
def test_arrays_that_are_no_labels_are_refused(images, refused, array, words):
    np.save(images / "a.labels.npy", array)
    refused(images / "a.npy", *words, labels=images / "a.labels.npy")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("1\n2\nx\n4\n", ("'x'", "numbers")),
        ("1\n2\ninf\n4\n", ("inf", "image 2")),
        ("1\n2\n1e39\n4\n", ("1e+39", "image 2")),
        ("1\n2\n", ("2 rows for 4 images",)),
    ],
)
def test_values_that_are_no_numbers_are_refused(images, refused, content, words):
    path = text(images / "v.txt", content)
    refused(images / "a.npy", str(path), *words, values=path)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((4, 9, 8), bool), ("masks of 9x8 pixels", "8x9")),
        (np.ones((3, 8, 9), bool), ("3 masks for 4 images",)),
        (np.ones((4, 8, 9)) * np.arange(4)[:, None, None], ("image 0 without a valid pixel",)),
        (np.zeros((8, 9)), ("every image without a valid pixel",)),
        (np.full((8, 9), np.nan), ("float64",)),
        (np.ones(72), ("(72,)",)),
    ],
)
def test_masks_that_do_not_fit_are_refused(images, refused, array, words):
    np.save(images / "m.npy", array)
    refused(images / "a.npy", *words, masks=images / "m.npy")


def test_names_of_nothing_and_of_other_files_are_refused(images, refused):
    refused(images / "a.npy", "'nowhere.csv'", "--labels", labels="nowhere.csv")
    refused(images / "a.npz", "'color'", "kind, angle", labels="color")
    refused(images / "a.npy", "masks is", ".npy", masks=text(images / "m.csv", "1"))
    refused(images / "a.npy", "labels.bin", ".csv", labels=text(images / "labels.bin", "1"))
    (images / "latin.csv").write_bytes("ä\nö\nü\nß\n".encode("latin-1"))
    refused(images / "a.npy", "UTF-8", labels=images / "latin.csv")


@pytest.mark.parametrize(
    ("condition", "word"), [("label", "--labels"), ("value", "--values"), ("angle", "none, label")]
)
def test_conditions_that_are_not_known_are_refused(images, refused, condition, word):
    refused(images / "a.npy", word, f"condition is {condition!r}", condition=condition)


def test_parts_of_a_set_must_fit(images):
    found = load(images / "a.npz", values="angle")
    for change in (
        {"values": torch.zeros(3, 2)},
        {"values": torch.full((4, 2), torch.inf)},
        {"value_names": ("one",)},
        {"structure": torch.ones(4, 8, 9, dtype=torch.bool)},
        {"structure": torch.ones(4, 1, 8, 9)},
        {"condition": "label"},
    ):
        with pytest.raises(DataError):
            replace(found, **change)
