"""`equigen sample RUN`: new images, in the form of those that the run was trained on."""

from __future__ import annotations

import math
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from equigen.cli.options import Count, Debug, Json, Place, Seed
from equigen.cli.outcome import Outcome
from equigen.cli.progress import Progress
from equigen.cli.runs import Run, only_writer, open_run, require_memory, require_run
from equigen.cli.sampling import SamplingFlags, condition_asked, require_guidable, sampling_asked
from equigen.store import to_config
from equigen.training import processes
from equigen.training.errors import ConfigError, RunFolderError

if TYPE_CHECKING:
    from torch import Tensor

    from equigen.data.encoding import Encoding

__all__ = ["sample"]

_FORMATS = ("png", "tif", "npz", "npy")
_PICTURES = ("png", "tif")  # one file each
_COLUMNS = 8
_GRID = 64  # images of samples.png
_PATHS = 6  # samples of paths.npz


def sample(
    run: Path,
    /,
    *,
    n: Count = 64,
    seed: Seed = 0,
    first: Place = 0,
    label: str | None = None,
    value: str | None = None,
    flags: Annotated[SamplingFlags | None, Parameter(name="*")] = None,
    out: Path | None = None,
    formats: str = "png,npz",
    overwrite: bool = False,
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Draw new images from a run.

    Sample i is a pure function of the seed and of its number, whatever else is drawn, in whatever batches, by however
    many processes.

    Args:
        run: The run folder.
        n: Number of samples.
        seed: Key of the randomness.
        first: Number of the first sample.
        label: A class by its name or number, or all for each class in turn; left out: as frequent as in the data.
        value: Numbers to draw samples for, separated by commas; left out: as frequent as in the data.
        out: Folder to write to; left out: the run folder (samples/, samples.npz, samples.png, paths.npz).
        formats: Of png, tif, npz and npy, separated by commas; all but png keep the range and type of the run's data.
        overwrite: Replace samples that lie in --out.
    """
    flags = flags or SamplingFlags()
    wanted = _formats(formats)
    if out is not None:
        _require_free(out, overwrite)
    require_run(run)
    processes.start()
    with only_writer(run, is_written=out is None):
        opened = open_run(run, flags.device)
        asked = {"seed": seed, "first": first, **sampling_asked(flags, opened.config)}
        _require_possible(opened, n, first)
        require_guidable(opened.model, asked["guidance"])
        condition = condition_asked(opened, label, value, n, first)
        encoding, place = opened.encoding(), out or run
        x = _draw(opened, n, {**asked, "condition": condition}, place)
        if x is None:
            return Outcome({}, ())
        beside = _drawn_for(opened, condition, asked, n)
        if out is None:
            written = _write(x, beside, encoding, tuple(dict.fromkeys((*wanted, "npz"))), run, run / "samples")
            _write_paths(opened, label, value, asked)
        else:
            written = _write(x, beside, encoding, wanted, out, out)
    told = {"run": run, "n": n, "label": label, "value": value, "files": written}
    told |= {name: asked[name] for name in ("seed", "first", "steps", "guidance")}
    told["solver"] = to_config(asked["solver"])["kind"]
    return Outcome(told, [f"{n} samples of seed {seed} in {place}: {_listed(written, place)}"])


def _require_possible(opened: Run, n: int, first: int) -> None:
    """Refuse more samples than the machine holds or than have a number."""
    require_memory(n, 4 * math.prod(opened.model.space.shape))
    if first + n > 2**32:
        raise ConfigError(f"first is {first} and n is {n}, but samples are numbered below {2**32}: use another --seed.")


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
    there = [*out.glob("sample-*.*"), *out.glob("samples.*")] if out.is_dir() else []
    if there and not overwrite:
        raise RunFolderError(f"{out} holds samples already: --overwrite replaces them, another --out keeps them.")


def _require_writable(folder: Path) -> None:
    """Find out before any time is spent that a folder takes files."""
    from equigen.training.files import one_sentence

    with one_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass


def _draw(opened: Run, n: int, asked: dict[str, Any], place: Path) -> Tensor | None:
    """The samples in data units, drawn by all processes, in process 0; None in the others."""
    from equigen.training.shared_model import follow, shared

    if processes.rank():
        follow(opened.model)
        return None
    _require_writable(place)
    batches = -(-processes.share(n)[1] // asked["batch_size"])
    done = 0
    with Progress("sample", batches * asked["steps"], "steps") as progress, shared(opened.model) as model:

        def count(k: int, x_t: Tensor) -> None:
            nonlocal done
            progress.reach(done)
            done += 1

        return model.sample(n, on_step=count, **asked).cpu()


def _write_paths(opened: Run, label: str | None, value: str | None, asked: dict[str, Any]) -> None:
    from equigen.report.record import write_paths

    condition = condition_asked(opened, label, value, _PATHS, asked["first"])
    write_paths(opened.model, opened.folder, n=_PATHS, condition=condition, **asked)


def _drawn_for(opened: Run, condition: dict[str, Tensor], asked: dict[str, Any], n: int) -> dict[str, Tensor]:
    """What the samples were drawn for, by the names under which it is read again: as asked, or as the model drew it."""
    import torch

    givens = opened.model.givens
    if givens is None:
        return {}
    item = torch.arange(asked["first"], asked["first"] + n)
    masks, drawn = givens.draw(seed=asked["seed"], item=item, label=condition.get("label"))
    told = {} if asked["guidance"] == 0 else condition or drawn
    found = {f"{name}s": told[name] for name in ("label", "value") if name in told}
    return found if masks is None else {**found, "masks": masks[:, 0]}


def _write(
    x: Tensor, beside: dict[str, Tensor], encoding: Encoding, formats: tuple[str, ...], folder: Path, pictures: Path
) -> list[Path]:
    """Write samples in the user's form and a grid of the first; older ones go when all of the new are there."""
    from equigen.data.writing import write_samples
    from equigen.report.grid import grid
    from equigen.training.files import one_sentence, write_whole

    low, high = (0.0, 1.0) if encoding.has_white else (None, None)
    with one_sentence(folder):
        arrays, images = ([k for k in formats if (k in _PICTURES) == pictured] for pictured in (False, True))
        written = write_samples(x, encoding, folder, formats=arrays, beside=beside)
        written += write_samples(x, encoding, pictures, formats=images) if images else []
        write_whole(folder / "samples.png", grid(x[:_GRID], columns=_COLUMNS, low=low, high=high).png())
        for old in [
            *(p for kind in _PICTURES for p in pictures.glob(f"sample-*.{kind}")),
            *folder.glob("samples.np[yz]"),
        ]:
            if old not in written:
                old.unlink()
    return [*written, folder / "samples.png"]


def _listed(written: list[Path], place: Path) -> str:
    counts = {
        kind: sum(path.name.startswith("sample-") and path.suffix == f".{kind}" for path in written)
        for kind in _PICTURES
    }
    others = [str(path.relative_to(place)) for path in written if not path.name.startswith("sample-")]
    return ", ".join([f"{count} {kind.upper()} files" for kind, count in counts.items() if count] + others)
