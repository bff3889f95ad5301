"""Data sets that are called by name: digits lie in the package, idx sets on the machine or in the network.

An idx set NAME is looked for in `data_dir`, or else in $EQUIGEN_DATA and the cache ($XDG_CACHE_HOME/equigen, usually
~/.cache/equigen), each time in the folder NAME. What is found nowhere is downloaded into `data_dir` or the cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

import numpy as np

from equigen.data.download import download
from equigen.data.errors import DataError
from equigen.data.readers.idx import FILES, read_idx_folder
from equigen.data.source import Source

__all__ = ["NAMED", "IdxSet", "read_digits"]


def read_digits(data_dir: Path | None = None) -> Source:
    """The bundled digits, 1797 grey images of 8x8 pixels with values 0 .. 16 and their classes.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998, CC BY 4.0 (digits.txt).
    """
    with files("equigen.data").joinpath("digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"]
    return Source(images, layout="nhw", scale=16.0, labels=labels, class_names=tuple("0123456789"))


@dataclass(frozen=True)
class IdxSet:
    """A set of four gzipped idx files; called, it finds or downloads them and reads them.

    Args:
        name: of the set and of its folder.
        class_names: of its classes.
        mirrors: addresses of folders that hold the files.
        sha256: checksum of each file.
    """

    name: str
    class_names: tuple[str, ...]
    mirrors: tuple[str, ...]
    sha256: dict[str, str]

    def __call__(self, data_dir: Path | None = None) -> Source:
        """Read the set.

        Raises:
            DataError: the files are not on the machine and cannot be downloaded, or are broken.
        """
        return replace(read_idx_folder(self.locate(data_dir)), class_names=self.class_names)

    def locate(self, data_dir: Path | None = None) -> Path:
        """The folder that holds the files, downloaded first where they are nowhere.

        Raises:
            DataError: they are nowhere and cannot be downloaded.
        """
        if data_dir is not None:
            if _has_files(data_dir):
                return data_dir
            roots = [data_dir]
        else:
            given = os.environ.get("EQUIGEN_DATA")
            roots = [*([Path(given)] if given else []), _cache()]
        for root in roots:
            if _has_files(root / self.name):
                return root / self.name
        target = roots[-1] / self.name
        try:
            for name in FILES.values():
                if not (target / name).is_file():
                    download([mirror + name for mirror in self.mirrors], self.sha256[name], target / name)
        except OSError as error:
            raise DataError(
                f"{self.name} is not on this machine and cannot be downloaded ({error}): put "
                f"{', '.join(FILES.values())} into {target}, or name the folder above it by data_dir=… (--data-dir …) "
                "or EQUIGEN_DATA."
            ) from error
        return target


def _has_files(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES.values())


def _cache() -> Path:
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "equigen"


def _by_file(train_images: str, train_labels: str, test_images: str, test_labels: str) -> dict[str, str]:
    return dict(zip(FILES.values(), (train_images, train_labels, test_images, test_labels), strict=True))


_MNIST = IdxSet(
    "mnist",
    tuple("0123456789"),
    ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/"),
    _by_file(
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
)

_FASHION_MNIST = IdxSet(
    "fashion_mnist",
    (
        *("t-shirt or top", "trouser", "pullover", "dress", "coat"),
        *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
    ),
    ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
    _by_file(
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
    ),
)

NAMED: dict[str, Callable[[Path | None], Source]] = {
    "digits": read_digits,
    "mnist": _MNIST,
    "fashion_mnist": _FASHION_MNIST,
}
"""The sets that `load` knows by name."""
