"""`equigen sample RUN`: new images, in the form of those that the run was trained on."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from equigen.cli.options import Count, Debug, Device, Json, Place, Seed
from equigen.cli.outcome import Outcome
from equigen.cli.progress import Progress
from equigen.store import SOLVERS, build
from equigen.training.errors import ConfigError, RunFolderError

if TYPE_CHECKING:
    from torch import Tensor

    from equigen.data.encoding import Encoding
    from equigen.diffusion.model import DiffusionModel

__all__ = ["sample"]

_FORMATS = ("png", "npz", "npy")
_COLUMNS = 8
_GRID = 64  # images of samples.png


def sample(
    run: Path,
    /,
    *,
    n: Count = 64,
    steps: Count = 20,
    seed: Seed = 0,
    first: Place = 0,
    solver: Annotated[str, Parameter(choices=tuple(SOLVERS))] = "dpm-solver-2m",
    batch_size: Count = 256,
    device: Device = "auto",
    out: Path | None = None,
    formats: str = "png,npz",
    overwrite: bool = False,
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Draw new images from a run.

    Sample i is a pure function of the seed and of its number, whatever else is drawn, in whatever batches.

    Args:
        run: The run folder.
        n: Number of samples.
        steps: Steps of the solver; one evaluation of the network each, two for heun.
        seed: Key of the randomness.
        first: Number of the first sample.
        solver: How to go from noise to image.
        batch_size: Samples drawn at once.
        device: Where to compute; auto: an accelerator if there is one.
        out: Folder to write to; left out: the run folder (samples/, samples.npz, samples.png, paths.npz).
        formats: Of png, npz and npy, separated by commas; arrays have the range and type of the run's data.
        overwrite: Replace samples that lie in --out.
    """
    from equigen.cli.runs import open_run, require_memory
    from equigen.report.record import write_paths

    wanted = _formats(formats)
    if out is not None:
        _require_free(out, overwrite)
    opened = open_run(run, device)
    require_memory(n, 4 * math.prod(opened.model.space.shape))
    if first + n > 2**32:
        raise ConfigError(f"first is {first} and n is {n}, but samples are numbered below {2**32}: use another --seed.")
    encoding = opened.encoding()
    _require_writable(out if out is not None else run)
    sampling: dict[str, Any] = {"seed": seed, "steps": steps, "solver": build(solver, SOLVERS), "first": first}
    x = _draw(opened.model, n, batch_size, sampling)
    if out is None:
        written = _write(x, encoding, tuple(dict.fromkeys((*wanted, "npz"))), run, run / "samples")
        write_paths(opened.model, run, **sampling)
    else:
        written = _write(x, encoding, wanted, out, out)
    values = {"run": run, "n": n, "seed": seed, "steps": steps, "first": first, "solver": solver, "files": written}
    place = out if out is not None else run
    return Outcome(values, [f"{n} samples of seed {seed} in {place}: {_listed(written, place)}"])


def _formats(text: str) -> tuple[str, ...]:
    wanted = tuple(dict.fromkeys(word.strip() for word in text.split(",")))
    for word in wanted:
        if word not in _FORMATS:
            raise ConfigError(f"--formats has {word!r}, but samples are written as {', '.join(_FORMATS)}.")
    return wanted


def _require_free(out: Path, overwrite: bool) -> None:
    """Refuse to replace samples that are there, before any time is spent."""
    if out.exists() and not out.is_dir():
        raise RunFolderError(f"{out} is no folder, but samples are written into one: choose another --out.")
    there = [*out.glob("sample-*.png"), *out.glob("samples.*")] if out.is_dir() else []
    if there and not overwrite:
        raise RunFolderError(f"{out} holds samples already: --overwrite replaces them, another --out keeps them.")


def _require_writable(folder: Path) -> None:
    """Find out before any time is spent that a folder takes files."""
    from equigen.training.files import one_sentence

    with one_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass


def _draw(model: DiffusionModel, n: int, batch_size: int, sampling: dict[str, Any]) -> Tensor:
    """The samples in data units, with progress over batches and steps."""
    total = -(-n // batch_size) * sampling["steps"]
    done = 0
    with Progress("sample", total, "steps") as progress:

        def count(k: int, x_t: Tensor) -> None:
            nonlocal done
            progress.reach(done)
            done += 1

        x = model.sample(n, batch_size=batch_size, on_step=count, **sampling).cpu()
        progress.reach(total)
    return x


def _write(x: Tensor, encoding: Encoding, formats: tuple[str, ...], folder: Path, pictures: Path) -> list[Path]:
    """Write samples in the user's form and a grid of the first; older ones go when all of the new are there."""
    from equigen.data.writing import write_samples
    from equigen.report.grid import grid
    from equigen.training.files import one_sentence, write_whole

    low, high = (0.0, 1.0) if encoding.has_white else (None, None)
    with one_sentence(folder):
        written = write_samples(x, encoding, folder, formats=[kind for kind in formats if kind != "png"])
        if "png" in formats:
            written += write_samples(x, encoding, pictures, formats=["png"])
        write_whole(folder / "samples.png", grid(x[:_GRID], columns=_COLUMNS, low=low, high=high).png())
        for old in [*pictures.glob("sample-*.png"), *folder.glob("samples.np[yz]")]:
            if old not in written:
                old.unlink()
    return [*written, folder / "samples.png"]


def _listed(written: list[Path], place: Path) -> str:
    pictures = [path for path in written if path.name.startswith("sample-")]
    others = [str(path.relative_to(place)) for path in written if path not in pictures]
    return ", ".join([f"{len(pictures)} PNG files"] * bool(pictures) + others)
