from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from equigen.data.loading import load
from tests.data.conftest import pixels


def test_pixels_in_the_order_of_their_paths(folder):
    found = load(folder)
    assert found.x.shape == (3, 1, 8, 10)
    assert found.name == "pictures"
    assert (found.encoding.dtype, found.encoding.layout) == ("uint8", "nhwc")
    for place in range(3):
        assert (found.x[place, 0].numpy() == pixels(place, 8, 10) / np.float32(255)).all()
    assert found.labels is None
    assert found.notes == ()


def test_classes_come_from_subfolders(folder):
    for kind, name in (("cat", "a"), ("dog", "b"), ("cat", "c")):
        (folder / kind / "deep").mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.png").rename(folder / kind / "deep" / f"{name}.png")
    (folder / "empty").mkdir()
    found = load(folder)
    assert found.class_names == ("cat", "dog")
    assert found.labels is not None
    assert found.labels.tolist() == [0, 0, 1]
    assert (found.x[1, 0].numpy() == pixels(2, 8, 10) / np.float32(255)).all()  # cat/deep/c.png


def test_images_beside_subfolders_are_refused(folder, refused):
    (folder / "cat").mkdir()
    (folder / "a.png").rename(folder / "cat" / "a.png")
    refused(folder, "b.png", "'cat'")


def test_stray_files_are_left_out_and_noted(folder):
    (folder / "notes.txt").write_text("hello")
    (folder / ".hidden.png").write_text("hello")
    (folder / "._a.png").write_text("hello")
    (folder / "__MACOSX").mkdir()
    (folder / "__MACOSX" / "a.png").write_text("hello")
    found = load(folder)
    assert len(found) == 3
    assert found.notes == ("no images, left out: notes.txt",)


@pytest.mark.parametrize("name", ["x.webp", "x.GIF", "x.bmp"])
def test_images_of_other_kinds_are_not_left_out_quietly(folder, refused, name):
    (folder / name).write_bytes(b"II*\0")
    refused(folder, name, "not read")


def test_unreadable_image_is_named(folder, refused):
    data = (folder / "b.png").read_bytes()
    (folder / "b.png").write_bytes(data[:-30])
    refused(folder, "b.png")


def test_the_size_that_differs_is_named_or_resized(folder, refused):
    Image.fromarray(pixels(9, 12, 20)).save(folder / "aa.png")
    message = refused(folder, "aa.png", "12x20", "8x10", "3 of the 4", "--resize 8")
    assert "b.png" not in message
    found = load(folder, resize=8)
    assert found.x.shape == (4, 1, 8, 8)
    assert (found.x[0, 0].numpy() == pixels(0, 8, 10)[:, 1:9] / np.float32(255)).all()  # a.png: cropped, not scaled


def test_resized_values_stay_on_the_grey_levels(folder):
    levels = load(folder, resize=5).x * 255
    assert (levels - levels.round()).abs().max() < 1e-4


def test_bit_depths_that_differ_are_refused(folder, refused):
    Image.fromarray(pixels(9, 8, 10, dtype="uint16")).save(folder / "deep.png")
    refused(folder, "deep.png", "uint16", "uint8")


def test_16_bit_images_keep_all_bits(tmp_path):
    images = pixels(0, 4, 8, 8, dtype="uint16")
    for place, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{place}.png")
    found = load(tmp_path)
    assert found.encoding.dtype == "uint16"
    assert (found.encoding.encode(found.x)[..., 0] == images).all()


def test_grey_beside_colour_becomes_colour_without_loss(folder):
    colour = pixels(9, 8, 10, 3)
    Image.fromarray(colour).save(folder / "d.png")
    found = load(folder)
    assert found.x.shape == (4, 3, 8, 10)
    assert (found.x[0].numpy() == pixels(0, 8, 10) / np.float32(255)).all()
    assert (found.x[3].numpy() == colour.transpose(2, 0, 1) / np.float32(255)).all()
    assert found.notes == ("3 of 4 images were grey and became RGB",)


def test_one_grey_image_among_colour_ones_is_noted(folder):
    for name in "bc":
        Image.fromarray(pixels(9, 8, 10, 3)).save(folder / f"{name}.png")
    assert load(folder).notes == ("1 of 3 images were grey and became RGB",)


def test_limit_keeps_the_shares_of_classes(tmp_path):
    for kind, count in (("a", 12), ("b", 4)):
        (tmp_path / kind).mkdir()
        for place in range(count):
            Image.fromarray(pixels(place, 8, 8)).save(tmp_path / kind / f"{place:02d}.png")
    found = load(tmp_path, limit=8)
    assert found.labels is not None
    assert found.labels.bincount().tolist() == [6, 2]


def test_limit_reads_no_more_than_it_takes(folder):
    (folder / "c.png").write_text("broken")
    assert len(load(folder, limit=2)) == 2


def test_linked_folders_are_followed_but_not_in_circles(folder, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "one").symlink_to(folder)
    shutil.copytree(folder, root / "two")
    (root / "two" / "up").symlink_to(root)
    found = load(root)
    assert len(found) == 6
    assert found.class_names == ("one", "two")


@pytest.mark.parametrize("files", [[], ["notes.txt"], [".hidden.png"]])
def test_a_folder_without_images_is_refused(tmp_path, refused, files):
    for name in files:
        (tmp_path / name).write_text("text")
    refused(
        tmp_path, str(tmp_path), ".png, .jpg, .jpeg, .tif, .tiff", *[name for name in files if not name.startswith(".")]
    )


def test_a_set_of_one_image_is_refused(folder, refused):
    for name in "bc":
        (folder / f"{name}.png").unlink()
    refused(folder, "1 image,", "2 or more")


def test_one_picture_is_no_set(folder, refused):
    refused(folder / "a.png", "one image", "folder")


def test_flags_that_do_not_apply_are_refused(folder, refused):
    refused(folder, "--layout", layout="nhwc")
    refused(folder, "--key", key="images")


def test_relative_paths_and_home(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert load(".").name == "pictures"
    monkeypatch.setenv("HOME", str(folder.parent))
    assert len(load("~/pictures")) == 3
    assert len(load(Path("."))) == 3
