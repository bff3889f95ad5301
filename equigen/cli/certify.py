"""`equigen certify`: what of its symmetry a trained model, or any network, keeps; exit code 1 if it is broken."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from pydantic import Field

from equigen.cli.foreign import is_foreign
from equigen.cli.options import Debug, Json, legal
from equigen.cli.outcome import Outcome
from equigen.cli.progress import Progress
from equigen.cli.runs import only_writer
from equigen.training.errors import ConfigError

__all__ = ["certify"]

_DIGITS = 9  # of a number of channels, rows or columns
_Items = Annotated[int, Parameter(converter=legal(Annotated[int, Field(ge=2, le=512)]))]
"""A number of images, 2 to 512."""
_Guidance = Annotated[float, Parameter(converter=legal(Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]))]
"""How much a condition counts, 0 to 100."""


def certify(
    what: str,
    /,
    *,
    group: str | None = None,
    items: _Items = 8,
    guidance: _Guidance = 1.0,
    shape: str | None = None,
    out: Path | None = None,
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Measure what of its symmetry a run's model keeps, or a network of your own.

    Of a model that generates each premise is tested alone: action, prior, noise, scale, denoiser, solver; then the
    law of its samples, and its likelihood. Of a classifier, and of any other network, every layer and the whole are.
    A network that gives several results is held to the group in each: maps have to turn, all else has to stay.
    Quarter turns and flips must change nothing but the last digits, in float64 and in float32; other angles are told
    beside what interpolation costs. The exit code is 1 if what is promised is broken, or cannot be told.

    Args:
        what: A run folder; or a network as PACKAGE.MODULE:NAME, found from the current folder, whose module is run.
        group: Group of the plane that it is held to, as C4, D4, C8, SO2 or O2; a run's own if left out.
        items: Held-out images of a run, evenly spread over the split; a model that generates takes 16 at most.
        guidance: Of a run with conditions: how much these count as law, paths and batches are tested.
        shape: Channels, rows and columns of the images that a network of your own takes, as 1,28,28.
        out: Folder for certificate.json and certificate.html; left out: the run's own, or none for a network of your
            own, for another group than that which the run was built for, and for a guidance other than 1.
    """
    from equigen.cli.certified import certified_module, certified_run, write_certificate

    is_run = not is_foreign(what)
    if not is_run and guidance != 1.0:
        raise ConfigError(f"--guidance {guidance:g} is for a run with conditions, not for a network of your own.")
    if is_run and shape is not None:
        raise ConfigError(f"--shape {shape} is for a network named as PACKAGE.MODULE:NAME; a run knows its own.")
    if not is_run and group is None:
        raise ConfigError(f"{what} does not say which group it is to keep: name one, as in --group C4.")
    own = _own(Path(what)) if is_run else None
    other = _unlike(what, own, group, guidance)  # the run's own certificate stays
    place = Path(what) if is_run and out is None and not other else out
    locked = only_writer(Path(what), is_written=is_run and place == Path(what))
    with locked, Progress(f"certify {what}", None, "stages") as progress:
        progress.count("premises, layers and elements")
        if is_run:
            found = certified_run(Path(what), group=group, items=items, guidance=guidance)
        else:
            found = certified_module(what, group or "", _shape(shape))
        written = [] if place is None else write_certificate(found, place, what)
    lines = [str(found), *([f"{written[-1]}: open it in a browser."] if written else [])]
    if other and not written:
        lines.append(f"Not written, since {other}: --out FOLDER writes it there.")
    named = {"run": what} if is_run else {"module": what}
    return Outcome({**named, **found.to_dict(), "files": written}, lines, code=0 if found.holds else 1)


def _unlike(what: str, own: str | None, group: str | None, guidance: float) -> str:
    """What sets a certificate apart from the run's own; "" where nothing does."""
    if own is not None and group not in (None, own):
        return f"{what} was built for {own}"
    return f"a certificate of {what} itself has guidance 1" if guidance != 1.0 else ""


def _own(folder: Path) -> str | None:
    """The group that a run's model was built for, by name."""
    from equigen.cli.runs import require_run
    from equigen.training.folder import recorded

    require_run(folder)
    config = recorded(folder)
    if config.task == "classify":
        return config.classifier.restrict or config.classifier.symmetry
    return config.model.symmetry


def _shape(text: str | None) -> tuple[int, int, int] | None:
    """Channels, rows and columns."""
    if text is None:
        return None
    words = [word.strip() for word in text.split(",")]
    digits = all(word.isascii() and word.isdigit() and len(word) <= _DIGITS and int(word) > 0 for word in words)
    if len(words) != 3 or not digits:
        raise ConfigError(f"--shape is {text!r}, but needs channels, rows and columns of one image: --shape 1,28,28.")
    channels, height, width = map(int, words)
    return channels, height, width
