"""`equigen certify RUN`: what of its symmetry a trained network keeps, layer by layer; exit code 1 if broken."""

from __future__ import annotations

import json as json_
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from pydantic import Field

from equigen.cli.options import Debug, Json, legal
from equigen.cli.outcome import Outcome
from equigen.cli.progress import Progress
from equigen.cli.runs import ClassifierRun, only_writer, open_classifier
from equigen.training.errors import ConfigError

if TYPE_CHECKING:
    from equigen.symmetry.certificate import Certificate

__all__ = ["certify"]

_Images = Annotated[int, Parameter(converter=legal(Annotated[int, Field(ge=2, le=512)]))]
"""A number of images, 2 to 512."""


def certify(run: Path, /, *, images: _Images = 8, json: Json = False, debug: Debug = False) -> Outcome:
    """Measure what of its symmetry a run's network keeps: every layer and the whole, on held-out images.

    Quarter turns and flips of the network's group must change nothing but the last digits, in float64 and in float32;
    other angles are told beside what interpolation costs. The exit code is 1 if what the group promises is broken, or
    cannot be told, as where the network says the same of all images.

    Args:
        run: The run folder; certificate.json is written there.
        images: Held-out images, evenly spread over the split.
    """
    from equigen.training.files import write_whole

    with only_writer(run):
        opened = open_classifier(run, "cpu")
        with Progress(f"certify {run}", None, "stages") as progress:
            progress.count("layers and angles")
            found = _certified(opened, images)
        write_whole(run / "certificate.json", json_.dumps(found.to_dict(), indent=1, allow_nan=False).encode())
    return Outcome({"run": run, **found.to_dict()}, [str(found)], code=0 if found.holds else 1)


def _certified(opened: ClassifierRun, images: int) -> Certificate:
    """The certificate of a classifier on held-out images, under the group that is left at its end."""
    import torch

    from equigen.networks.steerable_classifier import SteerableClassifier
    from equigen.symmetry.certifying import certify as measured
    from equigen.training.classifiers import load_labelled

    _, _, held_out = load_labelled(opened.config.data, opened.config.seed)
    if len(held_out) < 2:
        raise ConfigError(
            "the run holds out one image, but a certificate needs two or more: train again with more images, as by a "
            "larger --limit, or with a larger part held out, as by --set data.held_out=0.5."
        )
    some = torch.linspace(0, len(held_out) - 1, min(images, len(held_out))).long()
    network = opened.model.network
    assert isinstance(network, SteerableClassifier)
    return measured(network, network.trunk.out_type.group, opened.model.scale.to_model(held_out.x[some].double()))
