"""What `equigen certify` measures: the certificate of a run, or of a network of the user's own; and its two files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from equigen.cli.runs import open_classifier, open_run, require_run
from equigen.training.errors import ConfigError, RunFolderError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from equigen.cli.runs import ClassifierRun, Run
    from equigen.data.dataset import DataSet
    from equigen.diffusion.model import DiffusionModel
    from equigen.symmetry.certificate import Certificate
    from equigen.symmetry.image_action import ImageAction
    from equigen.symmetry.theorem.certificate import ModelCertificate

__all__ = ["certified_module", "certified_run", "write_certificate"]

_MOST = 16  # items that a model is certified on: it is run at every noise level under every element


def certified_run(
    folder: Path, *, group: str | None = None, items: int = 8, guidance: float = 1.0
) -> Certificate | ModelCertificate:
    """The certificate of a run's averaged model, on held-out images spread evenly over the split.

    Args:
        folder: of a run of any task.
        group: name of the group; None: that which the network was built for.
        items: held-out images; a model that generates is certified on 16 at most.
        guidance: of a model with conditions, with which law, paths and batches are tested.

    Raises:
        RunFolderError: no finished run, or a network built for no group where none is named.
        ConfigError: no such group, fewer than two held-out images, or a guidance where nothing guides.
        ValueError: images or results on which nothing can be certified.
    """
    from equigen.training.folder import recorded

    require_run(folder)
    if recorded(folder).task == "classify":
        if guidance != 1.0:
            raise ConfigError(f"--guidance is {guidance:g}, but {folder} is a classifier and draws nothing: drop it.")
        return _of_classifier(open_classifier(folder, "cpu"), group, items)
    return _of_model(open_run(folder, "cpu"), group, min(items, _MOST), guidance)


def certified_module(name: str, group: str, shape: tuple[int, int, int] | None) -> Certificate | ModelCertificate:
    """The certificate of a network that the user names.

    Args:
        name: PACKAGE.MODULE:NAME.
        group: name of the group.
        shape: (C, H, W) of one image; None for a `DiffusionModel`, which knows its own.

    Raises:
        ConfigError: nothing of that name, no such group, or no shape where one is needed.
        ValueError: it cannot be imported, built or run, or nothing can be certified of it.
    """
    from equigen.cli.foreign import fault, foreign, foreign_code
    from equigen.diffusion.model import DiffusionModel
    from equigen.symmetry.foreign import certify_module
    from equigen.symmetry.image_action import ImageAction
    from equigen.symmetry.theorem.certifying import certify_model

    acting = _group(group)
    with foreign_code():
        network = foreign(name)
        if isinstance(network, DiffusionModel):
            if shape not in (None, tuple(network.space.shape)):
                raise ConfigError(f"{name} makes items of shape {tuple(network.space.shape)}: leave --shape out.")
            return certify_model(network, ImageAction(acting))
        if shape is None:
            raise ConfigError(f"{name} does not say what images it takes: give channels and pixels, --shape 1,28,28.")
        try:
            return certify_module(network, acting, shape)
        except (ValueError, TypeError):
            raise
        except SystemExit as error:
            raise ValueError(f"{name} leaves the program when it is run ({error.code}): take that out of it.") from None
        except Exception as error:
            what = f"{name} cannot be run on images of shape {','.join(map(str, shape))}: {fault(error)}"
            raise ValueError(f"{what}.") from error


def write_certificate(found: Certificate | ModelCertificate, folder: Path, title: str) -> list[Path]:
    """Write certificate.json and certificate.html into a folder, each as a whole.

    Args:
        found: the certificate.
        folder: made if it is not there.
        title: of the page.

    Returns:
        The paths of the two.

    Raises:
        RunFolderError: it cannot be written.
    """
    from equigen.report.certificate_page import page
    from equigen.report.plain import plain
    from equigen.training.files import one_sentence, write_whole

    with one_sentence(folder):
        folder.mkdir(parents=True, exist_ok=True)
    written = [folder / "certificate.json", folder / "certificate.html"]
    write_whole(written[0], json.dumps(plain(found.to_dict()), indent=1, allow_nan=False).encode())
    write_whole(written[1], page(found, title).encode())
    return written


def _of_classifier(opened: ClassifierRun, group: str | None, items: int) -> Certificate:
    """Under the group that is left at the network's end, unless one is named."""
    from equigen.networks.steerable_classifier import SteerableClassifier
    from equigen.symmetry.certifying import certify
    from equigen.training.classifiers import load_labelled

    _, _, held_out = load_labelled(opened.config.data, opened.config.seed)
    _require_two(held_out)
    network = opened.model.network
    assert isinstance(network, SteerableClassifier)
    acting = network.trunk.out_type.group if group is None else _group(group)
    x = held_out.x[_spread(held_out, items)].double()
    return certify(network, acting, opened.model.scale.to_model(x))


def _of_model(opened: Run, group: str | None, items: int, guidance: float) -> ModelCertificate:
    from equigen.cli.sampling import require_guidable
    from equigen.symmetry.theorem.certifying import certify_model
    from equigen.training.build import load_data

    require_guidable(opened.model, guidance)
    action = _action(opened, group)
    _, _, held_out = load_data(opened.config.data, opened.config.seed)
    _require_two(held_out)
    batch = held_out.whole(_spread(held_out, items))
    told = _condition(opened.model, batch.condition)
    return certify_model(opened.model, action, batch.x, guidance=guidance, **told)


def _condition(model: DiffusionModel, condition: Mapping[str, Tensor]) -> dict[str, Any]:
    """The condition of the items, for a model that takes one."""
    return {"condition": dict(condition)} if condition and model.givens is not None else {}


def _action(opened: Run, group: str | None) -> ImageAction:
    """How the group acts on the run's images: as its network was built for, else by moving pixels alone."""
    from equigen.networks.acting import action_of
    from equigen.symmetry.image_action import ImageAction

    own = action_of(opened.model)
    if own is not None and not isinstance(own, ImageAction):
        raise ValueError(f"{opened.folder} was built for {own.group.name} on what are no images: use certify_model.")
    if group is None:
        if own is None:
            raise RunFolderError(
                f"{opened.folder} has a network that was built for no symmetry, so that there is nothing it promises: "
                "name the group to hold it to, as in --group C4."
            )
        return own
    return ImageAction(_group(group)) if own is None else replace(own, group=_group(group))


def _group(name: str) -> Any:
    """The group of the plane of that name."""
    from equigen.groups.plane_groups import plane_group

    try:
        return plane_group(name)
    except ValueError as error:
        raise ConfigError(f"--group: {error}") from None


def _require_two(held_out: DataSet) -> None:
    if len(held_out) < 2:
        raise ConfigError(
            "the run holds out one image, but a certificate needs two or more: train again with more images, as by a "
            "larger --limit, or with a larger part held out, as by --set data.held_out=0.5."
        )


def _spread(held_out: DataSet, items: int) -> torch.Tensor:
    """Places of so many items, evenly spread."""
    import torch

    return torch.linspace(0, len(held_out) - 1, min(items, len(held_out))).long()
