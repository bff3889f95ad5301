"""The page of a run that classifies: data, learning, what is confused, what the angle does, and its certificate.

What the run folder does not hold is left out with a word, as on every page.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from equigen.metrics.classification import ClassifierEvaluation
from equigen.report.certificate_page import of_network
from equigen.report.classification.figures import (
    accuracy_against_angle,
    confusion_matrix,
    labelled_images,
    learning_curves,
    reliability,
)
from equigen.report.classification.words import (
    angle_rows,
    angles,
    calibrated,
    certified,
    class_rows,
    confused,
    in_short,
)
from equigen.report.contents import Contents
from equigen.report.document import Block, Chapter, Command, Document, Table
from equigen.report.grid import grid
from equigen.report.picture import TOGETHER, drawn_picture, grid_picture
from equigen.report.words import cost, facts
from equigen.symmetry.certificate import Certificate

__all__ = ["classification", "classifies"]

_SHOWN = 64


def classifies(contents: Contents) -> bool:
    """Whether a run is one that classifies, by its configuration."""
    return contents.config.get("task") == "classify"


def classification(contents: Contents) -> Document:
    """The page of what the folder of such a run holds."""
    found, absent = _read(contents.folder / "evaluation.json", ClassifierEvaluation.from_dict)
    certificate, uncertified = _read(contents.folder / "certificate.json", Certificate.from_dict)
    run = contents.folder
    lead = in_short(found) if found else [absent or f"The run has not been evaluated: equigen evaluate {run} does it."]
    pictures = contents.arrays if found else {}
    chapters = [
        Chapter("Data", list(_data(contents, pictures))),
        Chapter("Training", list(_training(contents))),
    ]
    if found:
        chapters += _evaluated(found, pictures)
    chapters.append(
        Chapter(
            "Certificate",
            list(_certificate(certificate))
            if certificate
            else [uncertified or f"The run has not been certified: equigen certify {run} does it."],
        )
    )
    chapters.append(Chapter("Configuration", [Command(contents.config_text.rstrip())]))
    named = [*facts(contents), *_own_facts(contents.config, found)]
    return Document(f"{_name(contents, found)}: how well its classes are told", named, lead, chapters)


def _read(path: Path, build: Any) -> tuple[Any, str]:
    """A record of the folder; None and why, where it cannot be used; None and nothing, where it is not there."""
    if not path.is_file():
        return None, ""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        return build(values if isinstance(values, dict) else {}), ""
    except (ValueError, OSError) as error:
        return None, f"{path.name} cannot be used: {error}"


def _name(contents: Contents, found: ClassifierEvaluation | None) -> str:
    data = contents.config.get("data")
    source = data.get("source") if isinstance(data, Mapping) else data
    return found.data if found else Path(str(source)).stem if source else contents.folder.name


def _own_facts(config: Mapping[str, Any], found: ClassifierEvaluation | None) -> Iterator[tuple[str, str]]:
    section, data = config.get("classifier"), config.get("data")
    if isinstance(section, Mapping):
        restricted = f", restricted to {section['restrict']}" if section.get("restrict") else ""
        yield "symmetry", f"{section.get('symmetry', '?')}{restricted}"
        yield "augmentation", str(section.get("augmentation", "none"))
    if isinstance(data, Mapping):
        yield "poses", str(data.get("pose", "none"))
    if found:
        yield "images", f"{found.train} to train on, {found.held_out} held out, {len(found.classes)} classes"


def _data(contents: Contents, pictures: Mapping[str, np.ndarray]) -> Iterator[Block]:
    x = pictures.get("data", contents.data.x if contents.data else None)
    if x is None or not x.size:
        yield contents.absent.get("data", "The data are not within reach.")
        return
    shown = grid(x[:_SHOWN], 16 if x.shape[1] in TOGETHER else 4, tile=32)
    caption = f"Training images, in the poses in which they are trained on; {shown.caption}."
    yield grid_picture(shown, "training images in a grid", caption)


def _training(contents: Contents) -> Iterator[Block]:
    if not contents.train and not contents.validation:
        yield contents.absent.get("training", "The run has not trained yet.")
        return
    caption = (
        "Cross entropy $-\\log p(y\\,|\\,x)$ of the true class y, mean over images; the held-out images are those "
    )
    caption += "of the validation, by the averaged weights."
    yield drawn_picture(learning_curves(contents.train, contents.validation), "learning curves", caption)
    if rows := cost(contents):
        yield Table(["cost", "estimated before training", "as it was"], rows)


def _evaluated(found: ClassifierEvaluation, pictures: Mapping[str, np.ndarray]) -> Iterator[Chapter]:
    heading = ["class", "held-out images", "called rightly [95 %]", "otherwise mostly"]
    matrix = confusion_matrix(found.confusion, found.classes)
    caption = "Rows are classes, columns what the images are called; shades are shares of the class, numbers images."
    yield Chapter(
        "What is confused",
        [
            confused(found),
            drawn_picture(matrix, "confusion matrix", caption),
            Table(heading, class_rows(found), words=(0, 3)),
            *_mistakes(found, pictures),
        ],
    )
    yield Chapter("What the angle does", [*_angles(found, pictures), *found.notes])
    caption = (
        "Images are put into bins by the probability that is given to what they are called. The band is where shares "
        "of so few images lie if the classifier is right exactly as often as it says."
    )
    picture = drawn_picture(reliability(found.calibration), "calibration", caption)
    yield Chapter("Is it right as often as it says?", [calibrated(found), picture])


def _mistakes(found: ClassifierEvaluation, pictures: Mapping[str, np.ndarray]) -> Iterator[Block]:
    x = pictures.get("mistakes")
    if x is None or not len(x) or not found.mistakes:
        return
    told = [
        (found.classes[one.label], found.classes[one.called], f"{100 * one.confidence:.0f}\N{NO-BREAK SPACE}%")
        for one in found.mistakes
    ]
    caption = (
        f"The {len(x)} mistakes that are made with most confidence: the class, what the image is called, and the "
        f"probability that is given to that; {grid(x).caption}."
    )
    yield drawn_picture(labelled_images(x, told), "most confident mistakes", caption)


def _angles(found: ClassifierEvaluation, pictures: Mapping[str, np.ndarray]) -> Iterator[Block]:
    if found.angles is None:
        return
    yield angles(found, found.angles)
    caption = (
        f"{found.angles.n} held-out images at each angle; bars are 95 % of the difference from the mean over angles on "
        "the same images. The band is as high as the spread that chance alone exceeds in one case of forty."
    )
    content = accuracy_against_angle(found.angles, found.accuracy.value)
    yield drawn_picture(content, "accuracy against angle", caption)
    turned = pictures.get("turned")
    if turned is not None and turned.ndim == 5 and turned.size and turned.shape[2] in TOGETHER:
        shown = grid(turned.reshape(-1, *turned.shape[2:]), turned.shape[1], tile=40)
        yield grid_picture(shown, "images at every angle", f"Two of the images at every angle; {shown.caption}.")
    heading = ["degrees", "accuracy", "from the mean over angles", "cross entropy (nats)"]
    yield Table(heading, angle_rows(found.angles), "Errors are standard errors of paired differences.", words=())


def _certificate(found: Certificate) -> Iterator[Block]:
    yield from certified(found)
    yield from of_network(found)
