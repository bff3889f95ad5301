"""Folders of pictures and a bound on what an error may look like."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from equigen.data.errors import DataError
from equigen.data.loading import load


def pixels(seed: int, *shape: int, dtype: str = "uint8") -> np.ndarray:
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype=dtype, endpoint=True)


def sentence_faults(message: str) -> list[str]:
    """What keeps a message from being one sentence that names a fix."""
    faults = []
    if "\n" in message:
        faults.append("several lines")
    if not message.endswith("."):
        faults.append("no full stop")
    if ". " in message.replace("1 .. ", "").replace("0 .. ", ""):
        faults.append("several sentences")
    if ":" not in message:
        faults.append("no fix after a colon")
    return faults


@pytest.fixture
def refused() -> Callable[..., str]:
    """Load, expect a DataError of one sentence that holds all the given words, and return it."""

    def check(source: object, *words: str, **options: object) -> str:
        with pytest.raises(DataError) as caught:
            load(source, **options)  # type: ignore[arg-type]
        message = str(caught.value)
        assert not sentence_faults(message), message
        for word in words:
            assert word in message, (word, message)
        return message

    return check


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three grey 8-bit pictures of 8x10 pixels: a.png, b.png, c.png."""
    path = tmp_path / "pictures"
    path.mkdir()
    for place, name in enumerate("abc"):
        Image.fromarray(pixels(place, 8, 10)).save(path / f"{name}.png")
    return path


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of real sets, or the test is skipped."""
    given = os.environ.get("EQUIGEN_DATA")
    if not given or not (Path(given) / "mnist").is_dir():
        pytest.skip("EQUIGEN_DATA names no folder with real sets")
    return Path(given)
