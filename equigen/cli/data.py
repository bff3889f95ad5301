"""`equigen data PATH`: what a set of images holds, as `equigen train` would read it."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from equigen.cli.options import Debug, Flags, Json, Seed, data_config, flags
from equigen.cli.outcome import Outcome, table
from equigen.training.config import DataConfig

__all__ = ["DataFlags", "data"]

_CLASSES = 20  # that are named
_READING = (
    *("layout", "key", "resize", "data_dir", "limit"),
    *("labels", "values", "masks", "condition", "pose"),
)

if TYPE_CHECKING:
    DataFlags = Flags
else:
    DataFlags = flags("DataFlags", __name__, data=(DataConfig, _READING))


def data(
    path: str,
    /,
    *,
    flags: Annotated[DataFlags | None, Parameter(name="*")] = None,
    seed: Seed = 0,
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Say what a set of images holds, as train would read it.

    Args:
        path: A bundled or known set (digits, mnist, fashion_mnist), a folder of images, or a .npy, .npz, .h5, TIFF or
            gzipped idx file.
        seed: Of the poses, as that of train.
    """
    from equigen.data.loading import load

    config = data_config(path, flags.given() if flags else {})
    found = load(config.source, **{key: getattr(config, key) for key in _READING}, seed=seed).describe()
    return Outcome(found, table([[name, text] for name, text in _rows(found)]))


def _digits(low: float, high: float) -> int:
    """Significant digits in which four of the spread are seen, whatever the offset."""
    largest = max(abs(low), abs(high))
    return min(17, 4 + max(0, round(log10(largest / (high - low))))) if high > low and largest > 0 else 4


def _rows(found: dict[str, Any]) -> list[list[str]]:
    """What `DataSet.describe` found, for a person."""
    channels, height, width = found["shape"]
    stored, digits = found["stored"], _digits(*found["range"])
    rows = [
        ["name", found["name"]],
        ["images", str(found["items"])],
        ["size", f"{height} x {width} pixels, {channels} {'channel' if channels == 1 else 'channels'}"],
        ["stored as", f"{stored['dtype']}, {stored['layout']}; {stored['offset'] + stored['scale']:g} becomes 1"],
        ["range", " to ".join(f"{value:.{digits}g}" for value in found["range"])],
        ["mean by channel", " ".join(f"{value:.{digits}g}" for value in found["mean"])],
        ["deviation by channel", " ".join(f"{value:.4g}" for value in found["std"])],
        ["repeated images", str(found["repeats"])],
    ]
    if found["classes"]:
        first = [f"{name} ({count})" for name, count in found["classes"].items()][:_CLASSES]
        more = len(found["classes"]) - len(first)
        rows += [["classes", ", ".join([*first, *[f"and {more} more"] * bool(more)])]]
    for name, (low, high) in (found["values"] or {}).items():
        rows += [[f"value {name.removeprefix('value').strip()}".strip(), f"{low:.4g} to {high:.4g}"]]
    if found["valid"] is not None:
        rows += [["valid pixels", f"{100 * found['valid']:.3g} %"]]
    if found["condition"] != "none":
        rows += [["conditioned on", found["condition"]]]
    rows += [["kept", "in memory" if found["in_memory"] else "in the file, read as needed"]]
    if found["held_out"]:
        rows += [["own test part", f"the last {found['held_out']}"]]
    return rows + [["note", note] for note in found["notes"]]
