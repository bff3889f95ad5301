"""`equigen train DATA`: trains a model and leaves a run folder; `equigen train --resume RUN` goes on with one."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from equigen.cli.options import Debug, Flags, Json, configuration, flags
from equigen.cli.outcome import Outcome
from equigen.cli.progress import duration
from equigen.training import processes
from equigen.training.classifier_config import ClassifierConfig
from equigen.training.config import DataConfig, TrainConfig
from equigen.training.errors import ConfigError
from equigen.training.model_config import ModelConfig

__all__ = ["TrainFlags", "train"]

_ELSEWHERE = ("data", "model", "sampling", "classifier", "beta2", "epsilon")
_TRAINING = [name for name in TrainConfig.model_fields if name not in _ELSEWHERE]
_CLASSIFIER = {"augment": "augmentation"}
_DATA = [name for name in DataConfig.model_fields if name != "source"]

if TYPE_CHECKING:
    TrainFlags = Flags
else:
    TrainFlags = flags(
        *("TrainFlags", __name__),
        training=(TrainConfig, _TRAINING),
        data=(DataConfig, _DATA),
        model=(ModelConfig, ["symmetry", "orbit_target"]),
        classifier=(ClassifierConfig, _CLASSIFIER),
    )


def train(
    data: str | None = None,
    /,
    *,
    resume: Path | None = None,
    overwrite: bool = False,
    config: Path | None = None,
    set_: Annotated[list[str] | None, Parameter(name="--set")] = None,
    flags: Annotated[TrainFlags | None, Parameter(name="*")] = None,
    json: Json = False,
    debug: Debug = False,
) -> Outcome:
    """Train a model on images, to generate others or (--task classify) to tell their classes, or go on with a run.

    Ctrl-C and SIGTERM finish the step and save; --resume goes on from there, or from the last checkpoint after a crash,
    and ends in the weights that an unbroken run has.

    Args:
        data: A bundled or known set (digits, mnist, fashion_mnist), a folder of images, or a .npy, .npz, .h5, idx or
            TIFF file.
        resume: Go on with the run in this folder; no DATA is needed.
        overwrite: Replace the run in the folder, if there is one.
        config: YAML file with any of the keys of the configuration, as a run's config.yaml; flags override it.
        set_: Any key of the configuration, as in --set model.channels=[32,64]; may be given more than once.
    """
    given = flags.given() if flags else {}
    if resume is not None:
        data, given = _resumed(data, resume, given)
    asked = configuration(data, config, set_ or (), given)

    from equigen.cli.following import Following
    from equigen.cli.own_certificate import certified_after
    from equigen.cli.runs import only_writer
    from equigen.training.folder import require_free
    from equigen.training.run import train as run

    processes.start()
    if resume is None:
        require_free(asked.run_folder, overwrite=overwrite)  # else the lock would be the first to write there
    with only_writer(asked.run_folder):
        with Following() as following:
            folder = run(
                asked,
                resume=resume is not None,
                overwrite=overwrite,
                callbacks=[following],
                command=["equigen", *sys.argv[1:]],
            )
        if processes.rank():
            return Outcome({}, ())
        values = following.values
        certificate = None if asked.task == "classify" else certified_after(folder, trained=values["steps_taken"] > 0)
    done, then = _lines(folder, values, classify=asked.task == "classify")
    if certificate is None:
        return Outcome({"run": folder, **values}, [done, then])
    return Outcome({"run": folder, **values, **certificate.values}, [done, certificate.line, then])


def _resumed(data: str | None, folder: Path, given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The data and the flags of a run that goes on."""
    from equigen.training.folder import recorded

    if given.get("out", folder) != folder:
        raise ConfigError(f"--resume {folder} goes on in that folder, but --out names {given['out']}: drop --out.")
    then = recorded(folder)
    if given.get("recipe") == then.recipe:  # what lies beneath is in the record already
        given = {name: value for name, value in given.items() if name != "recipe"}
    task = {} if then.task == "generate" else {"task": then.task}  # it decides which other keys there are
    return data or then.data.source, {**task, **given, "out": folder}


def _lines(folder: Path, values: Mapping[str, Any], *, classify: bool) -> list[str]:
    done = f"{folder}: {values['steps']} steps"
    done += f" in {duration(values['seconds'])}" if values["steps_taken"] else ", finished before"
    loss = values.get("validation_loss")
    done += f", held-out loss {loss:.4g}" if loss is not None else ""
    accuracy = values.get("validation_accuracy")
    done += f", accuracy {100 * accuracy:.1f} %" if accuracy is not None else ""
    then = ("evaluate", "certify", "report") if classify else ("sample", "evaluate", "report")
    return [done, f"Next: {', '.join(f'equigen {command} {folder}' for command in then)}"]
