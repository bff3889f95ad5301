"""From a configuration to a run folder: data, model, training, and the averaged model stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from equigen import store
from equigen.data.dataset import DataSet
from equigen.networks.acting import action_of
from equigen.symmetry.image_action import ImageAction
from equigen.training.build import build_model, completed, load_data, located
from equigen.training.callbacks import Callback, SampleGrid
from equigen.training.classifiers import build_classifier, completed_classifier, load_labelled
from equigen.training.config import TrainConfig
from equigen.training.cost import Cost, estimate
from equigen.training.engine import pinned_threads
from equigen.training.errors import ConfigError, RunFolderError
from equigen.training.files import one_sentence
from equigen.training.folder import begin, circumstances, recorded, require_free, require_same
from equigen.training.symmetric import promise, require_poses
from equigen.training.trainer import Trainer
from equigen.training.validation import MOST

__all__ = ["train"]


def train(
    config: TrainConfig,
    *,
    resume: bool = False,
    overwrite: bool = False,
    callbacks: Sequence[Callback] = (),
    command: Sequence[str] = (),
) -> Path:
    """Train a model on a data set, or go on with a run.

    Args:
        config: what to do; with `resume`, keys left at their defaults ask for nothing.
        resume: go on with the run in the folder, which ends in the weights it would have had without a break (bit for
            bit on the same machine, processor and number of threads).
        overwrite: replace the run in the folder; only once the data are loaded and the model is built.
        callbacks: are told how it goes.
        command: the command line, for the record.

    Returns:
        The run folder: config.yaml, metrics.jsonl, checkpoints/, progress/, and model/ with the averaged weights.

    Raises:
        ConfigError: the configuration cannot be used, or differs from that of the run to be resumed.
        RunFolderError: the folder cannot be written, or holds what must not be touched.
        DataError: the data cannot be used.
        StoreError: an unknown name in the section `model`, or parts that do not fit the images.
        Interrupted: Ctrl-C or SIGTERM; all is saved.
        NonFiniteError: a loss or gradient is not finite.
    """
    if resume and overwrite:
        raise ConfigError("resume and overwrite were both given, but a run either goes on or begins anew: drop one.")
    config = config.model_copy(update={"data": located(config.data)})
    folder = config.run_folder
    if resume:
        config = require_same(config, recorded(folder))
    else:
        require_free(folder, overwrite=overwrite)
        config = config.model_copy(update={"threads": config.threads or torch.get_num_threads()})
    with pinned_threads(config.threads):
        _train(config, folder, resume, callbacks, command)
    return folder


def _train(
    config: TrainConfig, folder: Path, resume: bool, callbacks: Sequence[Callback], command: Sequence[str]
) -> None:
    load = load_labelled if config.task == "classify" else load_data
    everything, training, held_out = load(config.data, config.seed)
    marks = _marks(everything)
    if resume:
        _require_same_data(folder, marks)
    config, model = _built(config, training)
    promised = promise(model)
    callbacks = [SampleGrid(), *callbacks] if config.task == "generate" else callbacks
    trainer = Trainer(
        model,
        training,
        config,
        folder,
        held_out=held_out.whole(torch.arange(min(MOST, len(held_out)))),
        callbacks=callbacks,
    )
    _require_enough(config, trainer.engine.world)
    trainer.engine.wait()  # until every process has looked at the folder
    if not resume:
        cost = _cost(trainer)
        if trainer.engine.writes:
            symmetry = None if promised is None else promised.to_dict()
            begin(folder, config.resolved(), marks, command, cost.to_dict(), symmetry)
        if promised is not None:
            trainer.notice(promised.sentence())
        trainer.notice(cost.sentence(config.steps))
    if resume and (other := _other_version(folder)):
        trainer.notice(other)
    if config.task == "classify" and trainer.engine.world > 1:
        trainer.notice(
            f"each of {trainer.engine.world} processes normalises over its own part of a batch, so the weights will "
            "not be those of one process."
        )
    trainer.engine.wait()
    average = trainer.fit(resume=resume)
    if trainer.engine.writes:
        with one_sentence(folder / "model"):
            store.save(average, folder / "model")
    trainer.engine.wait()


def _built(config: TrainConfig, training: DataSet) -> tuple[TrainConfig, nn.Module]:
    """The configuration with what depends on the data filled in, and the untrained model."""
    if config.task == "classify":
        classifier = completed_classifier(config.classifier, training)
        return config.model_copy(update={"classifier": classifier}), build_classifier(classifier, training, config.seed)
    require_poses(config, training.space)
    filled = completed(config.model, training)
    model = build_model(filled, training, config.seed)
    _require_unposed(config, model)
    return config.model_copy(update={"model": filled}), model


def _require_unposed(config: TrainConfig, model: nn.Module) -> None:
    """Refuse poses of images whose channels turn with them: a pose moves pixels and mixes no channels."""
    action = action_of(model)
    if config.data.pose != "none" and isinstance(action, ImageAction) and action.channels is not None:
        raise ConfigError(
            f"pose is {config.data.pose!r} and model.fields {config.model.fields!r}, but a pose moves pixels and "
            "leaves vectors as they are: leave pose (--pose) out, or give data in poses."
        )


def _require_enough(config: TrainConfig, world: int) -> None:
    """Refuse batches of which a process would see one image: a classifier's normalisation needs two."""
    if config.task == "classify" and config.batch_size < 2 * world:
        raise ConfigError(
            f"batch_size is {config.batch_size} for {world} process{'es' if world > 1 else ''}, but a classifier is "
            f"normalised over two images or more in each: batch_size={2 * world} or more (--batch-size)."
        )


def _cost(trainer: Trainer) -> Cost:
    """What the steps will take, measured before the first one."""
    config, engine = trainer.config, trainer.engine
    batch = trainer.source.batch(config.batch_size, config.seed, 0, engine.rank, engine.world)
    return estimate(trainer.model, batch, config, engine)


def _marks(data: DataSet) -> dict[str, Any]:
    """By what a data set is known again, and how its images are stored."""
    found = data.describe()
    marks = {name: found[name] for name in ("name", "items", "shape", "stored", "fingerprint")}
    names = {"class_names": data.class_names, "value_names": data.value_names}
    return marks | {name: list(value) for name, value in names.items() if value is not None}


def _require_same_data(folder: Path, now: dict[str, Any]) -> None:
    then = circumstances(folder).get("data", {})
    marks = [name for name in ("items", "shape", "fingerprint") if then.get(name) != now[name]]
    if marks:
        changed = ", ".join(f"{name} {then.get(name)} then and {now[name]} now" for name in marks)
        raise RunFolderError(
            f"the data are not those that the run in {folder} was begun with ({changed}): restore them, or train into "
            "another folder with --out."
        )


def _other_version(folder: Path) -> str:
    """What is to be said if the run was begun with another torch."""
    then = circumstances(folder).get("torch")
    if then in (None, str(torch.__version__)):
        return ""
    return f"the run was begun with torch {then} and goes on with {torch.__version__}: its last bits may differ."
