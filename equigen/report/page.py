"""`write`: one self-contained page of a run, report.html, which opens offline and reads well on paper.

Pictures are part of the page; nothing is fetched. What the run folder does not hold is left out with a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined

from equigen.metrics.loss import LossByNoise
from equigen.report.classification.page import classification, classifies
from equigen.report.contents import Contents, Images, Paths, read
from equigen.report.document import render_document, style
from equigen.report.figures import loss_by_noise, noise_to_image, training_curves
from equigen.report.grid import Level, grid, stretch
from equigen.report.picture import TOGETHER, Picture, drawn_picture, grid_picture, pictures
from equigen.report.sections import evaluated
from equigen.report.symmetric import symmetry
from equigen.report.words import cost, facts, in_short
from equigen.training.files import one_sentence, write_whole

__all__ = ["render", "write"]


def write(run: Path, figures: Path | None = None) -> Path:
    """Write report.html into a run folder, from what the folder holds.

    Args:
        run: with any of config.yaml, metrics.jsonl, evaluation.json and .npz, samples.npz, progress/, paths.npz,
            certificate.json.
        figures: folder for the page's pictures as PNG files, named after what they show; None: none.

    Returns:
        The path of the page.

    Raises:
        RunFolderError: no such folder, nothing of a run in it, or it cannot be written.
    """
    path = run / "report.html"
    text, shown = _page(read(run))
    write_whole(path, text.encode())
    if figures is not None:
        with one_sentence(figures):
            figures.mkdir(parents=True, exist_ok=True)
        for picture in shown:
            write_whole(figures / f"{picture.name}.png", picture.png())
    return path


def render(contents: Contents) -> str:
    """The page of what a run folder holds, as HTML."""
    return _page(contents)[0]


def _page(contents: Contents) -> tuple[str, list[Picture]]:
    """The page of a run of any task, as HTML, and its pictures."""
    if classifies(contents):
        document = classification(contents)
        return render_document(document), document.pictures
    context = _context(contents)
    return _render(context), list(pictures(context))


def _render(context: Mapping[str, Any]) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = files("equigen.report").joinpath("page.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(text).render(context, style=style())


def _context(contents: Contents) -> dict[str, Any]:
    """What the page's template is filled with."""
    evaluation = contents.evaluation
    low, high = _value_range(contents)
    return {
        "title": f"{_data_name(contents)}: what the model learned",
        "facts": facts(contents),
        "short": in_short(evaluation) if evaluation else [],
        "absent": contents.absent,
        "data": _images(contents.data, "Data", low, high),
        "samples": _images(contents.samples, "Samples", low, high),
        "paths": _paths(contents.paths, low, high) if contents.paths else None,
        "curves": _curves(contents),
        "loss": _loss(contents),
        "config_text": contents.config_text,
        "cost": cost(contents),
        "symmetry": symmetry(contents),
        **evaluated(evaluation, contents.arrays, low, high),
    }


def _data_name(contents: Contents) -> str:
    if contents.evaluation:
        return contents.evaluation.data
    data = contents.config.get("data")
    source = data.get("source") if isinstance(data, Mapping) else data
    return Path(str(source)).stem if source else contents.folder.name


def _value_range(contents: Contents) -> tuple[Level, Level]:
    """Black and white of all grids: one range, so that data and samples can be compared.

    Channels that are shown side by side may hold different quantities: each has the range of its own data, unless the
    data are stored with a white.
    """
    evaluation, shown = contents.evaluation, contents.data or contents.samples
    if evaluation and (evaluation.shape[0] in TOGETHER or evaluation.value_range == (0.0, 1.0) or shown is None):
        return evaluation.value_range
    if shown is None or not np.isfinite(shown.x).any():
        return 0.0, 1.0
    x = np.where(np.isfinite(shown.x), shown.x, np.nan)
    over = None if x.shape[1] in TOGETHER else (0, 2, 3)
    return np.nanmin(x, axis=over), np.nanmax(x, axis=over)


def _images(images: Images | None, title: str, low: Level, high: Level) -> Picture | None:
    if images is None:
        return None
    channels = images.x.shape[1]
    columns = 8 if channels in TOGETHER else max(1, 8 // channels)
    x = images.x[: 8 * columns]
    shown = grid(x, columns, low=low, high=high)
    caption = f"{title}, from {images.origin}: {len(x)} images, {shown.caption}."
    return grid_picture(shown, f"{title.lower()} in a grid", caption)


def _paths(paths: Paths, low: Level, high: Level) -> Picture:
    """Rows are samples, columns moments; all but the last column are shown within 2.5 of their own deviations."""
    columns = []
    for x in paths.x[:-1]:
        over = None if x.shape[1] in TOGETHER else (0, 2, 3)
        centre, deviation = x.mean(axis=over), x.std(axis=over)
        columns.append(stretch(x, centre - 2.5 * deviation, centre + 2.5 * deviation))
    columns.append(stretch(paths.x[-1], low, high))
    spread = [float(np.sqrt(np.square(x).mean())) for x in paths.x]
    rows = np.stack(columns, axis=1)  # (n, S, C, H, W)
    rows = rows if rows.shape[2] in TOGETHER else rows[:, :, :1]
    shown = grid(rows.reshape(-1, *rows.shape[2:]), len(columns), low=0, high=255)
    caption = (
        "Each row is one sample. Columns before the last are shown within 2.5 standard deviations of their own mean, "
        "since noise is far larger than data; the last one on the scale of the data."
    )
    if paths.x.shape[2] not in TOGETHER:
        caption += f" Shown is the first of {paths.x.shape[2]} channels."
    return drawn_picture(noise_to_image(shown, paths.steps, spread), "samples from noise to image", caption)


def _curves(contents: Contents) -> Picture | None:
    if not contents.train and not contents.validation:
        return None
    content = training_curves(contents.train, contents.validation)
    caption = (
        "Thin lines are recorded values, thick ones their running mean over a twentieth of the run. The held-out loss "
        "is the mean over noise levels, so its scale differs from that of the training loss."
    )
    return drawn_picture(content, "training curves", caption)


def _loss(contents: Contents) -> Picture | None:
    """The evaluation's loss by noise level, else that of the last validation."""
    loss = contents.evaluation.loss if contents.evaluation else None
    gap = "Held-out above training is overfitting." if loss else ""
    what = f"{loss.n} held-out and {loss.n} training items on the same noise; bars are 95 %." if loss else ""
    if loss is None:
        last = next((one for one in reversed(contents.validation) if one.get("noise") and one.get("level_loss")), None)
        if last is None:
            return None
        errors = last.get("standard_error") or [0.0] * len(last["noise"])
        loss = LossByNoise(tuple(last["noise"]), tuple(last["level_loss"]), tuple(errors), (), (), 0)
        what = f"Held-out items at training step {last['step']}; bars are 95 %."
    caption = f"{what} The loss is weighted so that knowing only mean and variance scores 1 at every level. {gap}"
    return drawn_picture(loss_by_noise(loss), "denoising loss against noise level", caption.strip())
