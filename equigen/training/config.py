"""The typed configuration of a run: every key, its meaning, its range and its default. Imports no torch.

`TrainerConfig` is what the training loop needs, whatever the model; `TrainConfig` adds what a run from data needs.
A key that does not exist is answered with the nearest one that does. `None` means "decided from the rest" and is
filled in by `resolved()`, which is what a run writes to its `config.yaml`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, ModelWrapValidatorHandler, ValidationInfo, field_validator, model_validator

from equigen.training.classifier_config import ClassifierConfig
from equigen.training.errors import ConfigError
from equigen.training.model_config import ModelConfig, SamplingConfig
from equigen.training.recipes import RECIPES, beneath
from equigen.training.section import Section, refused
from equigen.training.tasks import UNUSED, Task, require_used, with_defaults

__all__ = ["DataConfig", "TrainConfig", "TrainerConfig", "read_yaml"]

_Every = Annotated[int, Field(ge=0)]


class TrainerConfig(Section):
    """What the training loop needs, whatever the model is.

    Example:
        >>> TrainerConfig(steps=500).resolved().checkpoint_every
        25
    """

    steps: int = Field(2500, ge=1, le=2**32 - 1)
    """Number of training steps of the whole run."""
    batch_size: int = Field(128, ge=1)
    """Items of the global batch of one step, over all processes."""
    seed: int = Field(0, ge=0, lt=2**63)
    """Key of all randomness: split, initialisation, batches, noise, samples."""
    learning_rate: float = Field(2e-3, gt=0)
    """Peak learning rate of Adam."""
    beta2: float = Field(0.99, ge=0, lt=1)
    """How much of its mean square of the gradient Adam keeps in a step."""
    epsilon: float = Field(1e-8, gt=0)
    """What Adam adds to the root of that mean square."""
    warmup: float = Field(0.02, ge=0, lt=1)
    """Part of the run over which the learning rate rises linearly from 0."""
    decay: Literal["cosine", "constant"] = "cosine"
    """What the learning rate does after the warm-up: fall to 0 along a cosine, or stay."""
    clip: float | None = Field(1.0, gt=0)
    """Largest norm of the gradient; a longer one is scaled down to it. None: never."""
    ema: float = Field(0.03, ge=0, le=1)
    """Half-life of the averaged weights, as a part of the run; 0: no average."""
    validate_every: _Every | None = None
    """Steps between validations; 0: never; None: ten in the run, 50 steps or more
    apart. The last step is always validated unless 0."""
    checkpoint_every: _Every | None = None
    """Steps between checkpoints; 0: only at the end; None: twenty in the run, 10 steps or more apart."""
    sample_every: _Every | None = None
    """Steps between sample grids; 0: never; None: five in the run, 50 steps or more apart."""
    log_every: int = Field(10, ge=1)
    """Steps between lines of training metrics; each is the mean over these steps."""
    precision: Literal["float32", "float64", "bfloat16"] = "float32"
    """Arithmetic of the network; bfloat16 keeps the weights in float32 and lowers only products (autocast)."""
    threads: int | None = Field(None, ge=1, le=1024)
    """Threads of the processor, part of what fixes the last bit; None: as many as torch takes."""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; auto: an accelerator if there is one."""

    def resolved(self) -> Self:
        """The same configuration with every interval that was left open filled in (threads are the trainer's)."""

        def part(given: int | None, times: int, least: int) -> int:
            return max(least, self.steps // times) if given is None else given

        return self.model_copy(
            update={
                "validate_every": part(self.validate_every, 10, 50),
                "checkpoint_every": part(self.checkpoint_every, 20, 10),
                "sample_every": part(self.sample_every, 5, 50),
            }
        )

    def differences(self, recorded: Self) -> list[tuple[str, Any, Any]]:
        """Keys set here that a run recorded otherwise and that would change its weights.

        Args:
            recorded: the configuration the run was started with.

        Returns:
            (key, value here, value recorded); a key that was left at its default here asks for nothing.

        Example:
            >>> TrainerConfig(steps=9, device="cpu").differences(TrainerConfig(steps=7))
            [('steps', 9, 7)]
        """
        then = dict(_leaves(recorded.model_dump(mode="json")))
        asked = dict(_leaves(self.model_dump(mode="json", exclude_unset=True)))
        return [(key, value, then.get(key)) for key, value in asked.items() if _matters(key, value, then.get(key))]

    def following(self, asked: Self) -> Self:
        """This configuration with those keys of another that were set there and change no weight.

        Example:
            >>> recorded = TrainerConfig(steps=7).following(TrainerConfig(steps=9, device="cpu"))
            >>> recorded.steps, recorded.device
            (7, 'cpu')
        """
        keys = asked.model_fields_set & _CHANGES_NO_WEIGHT - {"out"}
        return self.model_copy(update={key: getattr(asked, key) for key in keys})


class DataConfig(Section):
    """Where the data come from and how they are read."""

    source: str
    """A bundled or known set (digits, mnist, fashion_mnist), or a path to a folder or a file."""
    layout: Literal["nhw", "nhwc", "nchw"] | None = None
    """Order of the axes of an array; None: recognised, and refused where ambiguous."""
    key: str | None = None
    """Name of the array in a file that holds several."""
    resize: int | None = Field(None, ge=1)
    """Side in pixels to which images are resized; None: they must all be of one size."""
    data_dir: Path | None = None
    """Folder of the known sets; None: EQUIGEN_DATA or the cache."""
    limit: int | None = Field(None, ge=2)
    """Use only so many items, evenly spread over the set; None: all."""
    held_out: float = Field(0.25, gt=0, lt=1)
    """Part of the items that is kept from training, unless the set has a test part of its own."""
    labels: str | None = None
    """Where the classes are: a key of the file, or a .csv, .txt, .npy or idx file; None: with the images."""
    values: str | None = None
    """Where numbers that describe each image are, in the same way."""
    masks: str | None = None
    """Where masks of the valid pixels are, in the same way."""
    condition: Literal["none", "label", "value"] = "none"
    """What the model is told of an image: nothing, the classes, or the values; a
    classifier learns the classes (label)."""
    pose: Literal["none", "quarter-turns", "rotations"] = "none"
    """Put every image into a random pose that is its own: a quarter turn, or any angle."""


class TrainConfig(TrainerConfig):
    """What a run from data needs: `equigen train DATA` fills this and nothing else.

    Example:
        >>> config = TrainConfig(data="digits", steps=100)
        >>> config.data.source, config.run_folder.as_posix()
        ('digits', 'runs/digits')
        >>> config = TrainConfig(data="digits", task="classify", classifier={"symmetry": "C8"})
        >>> config.steps, config.data.condition
        (600, 'label')
    """

    task: Task = "generate"
    """What the model is for: to generate images, or to classify them (by default in 600
    steps of 64 images at a learning rate of 5e-3)."""
    data: DataConfig
    """The data; a plain string is the source."""
    out: Path | None = None
    """The run folder; None: runs/ and the data's name."""
    model: ModelConfig = Field(default_factory=lambda: ModelConfig.model_validate({}))
    """The model."""
    sampling: SamplingConfig = Field(default_factory=lambda: SamplingConfig.model_validate({}))
    """How samples are drawn."""
    classifier: ClassifierConfig = Field(default_factory=lambda: ClassifierConfig.model_validate({}))
    """The classifier."""
    recipe: str = "default"
    """A named set of values beneath all others: default, or song for the classic tutorial on MNIST."""

    @model_validator(mode="wrap")
    @classmethod
    def _fill(cls, values: object, read: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(values, Mapping):
            return read(values)
        name = values.get("recipe", "default")
        if isinstance(name, str) and name in RECIPES and values.get("task", "generate") == "generate":
            values = beneath(values, RECIPES[name])  # what is wrong with others is said by the fields
        values, filled, filled_data = with_defaults(values)
        config = read(values)
        config.model_fields_set.difference_update(filled)
        config.data.model_fields_set.difference_update(filled_data)
        return config

    @field_validator("task")
    @classmethod
    def _task(cls, value: Task, info: ValidationInfo) -> Task:
        if value == "classify" and info.data.get("sample_every"):
            raise ValueError("should not go with sample_every, because a classifier draws nothing: leave that out")
        return value

    @field_validator("recipe")
    @classmethod
    def _recipe(cls, value: str) -> str:
        if value not in RECIPES:
            near = difflib.get_close_matches(value, RECIPES, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(RECIPES)}"
            raise ValueError(f"is no recipe: {hint}")
        return value

    @field_validator("model", "sampling", "classifier", "recipe")
    @classmethod
    def _used(cls, value: Any, info: ValidationInfo) -> Any:
        if value != "default" and (not isinstance(value, Section) or value.model_fields_set) and "task" in info.data:
            require_used(info.data["task"], str(info.field_name))
        return value

    @field_validator("data")
    @classmethod
    def _labelled(cls, value: DataConfig, info: ValidationInfo) -> DataConfig:
        if info.data.get("task") == "classify" and value.condition != "label":
            need = "should be 'label', because the task is classify: leave condition out"
            raise refused(cls, ("condition",), value.condition, need)
        return value

    @field_validator("data", mode="before")
    @classmethod
    def _source(cls, value: object) -> object:
        if isinstance(value, str | Path):
            return {"source": str(value)}
        if not isinstance(value, Mapping | DataConfig):
            raise ValueError("should be the name of a set, a path, or a section with the key 'source'")
        return value

    @field_validator("model", "sampling", "classifier", mode="before")
    @classmethod
    def _section(cls, value: object, info: ValidationInfo) -> object:
        kind = {"model": ModelConfig, "sampling": SamplingConfig, "classifier": ClassifierConfig}[str(info.field_name)]
        if not isinstance(value, Mapping | kind):
            raise ValueError(f"should be a section with keys such as {', '.join(list(kind.model_fields)[:3])}")
        return value

    @property
    def run_folder(self) -> Path:
        """Where the run is written."""
        if self.out is not None:
            return self.out
        return Path("runs") / (Path(self.data.source).expanduser().resolve().stem or "run")

    def to_yaml(self) -> str:
        """The keys that the task uses as YAML, without the run folder's own name: a folder may be moved."""
        values = self.model_dump(mode="json", exclude={"out", *UNUSED[self.task]})
        return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)

    @classmethod
    def read(cls, path: Path) -> TrainConfig:
        """Read a YAML file; what a run recorded about its circumstances (key `equigen`) is passed over.

        Raises:
            ConfigError: no such file, no YAML, or not a configuration.
        """
        return cls.parse({k: v for k, v in read_yaml(path).items() if k != "equigen"}, str(path))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigError: no such file, no YAML, or no mapping.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): give the path of a YAML file.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{path} is not YAML{line}: a configuration is lines of 'key: value'.") from None
    if not isinstance(values, dict) or not all(isinstance(key, str) for key in values):
        raise ConfigError(f"{path} holds {type(values).__name__}, but a configuration is lines of 'key: value'.")
    return values


_KINDS = {
    *("model.schedule", "model.preconditioning", "model.weight", "model.times"),
    *("sampling.solver", "sampling.grid"),
}
_CHANGES_NO_WEIGHT = {"out", "device", "validate_every", "checkpoint_every", "sample_every", "log_every"}


def _leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and plain values; a mere name of a kind is its section without parameters."""
    for key, value in values.items():
        if f"{prefix}{key}" in _KINDS and isinstance(value, str):
            yield f"{prefix}{key}.kind", value
        elif isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _matters(key: str, value: object, recorded: object) -> bool:
    """Whether a value asked for contradicts the one recorded."""
    left_open = key == "threads" and value is None
    return value != recorded and not left_open and key not in _CHANGES_NO_WEIGHT
