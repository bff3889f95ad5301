"""From a configuration to a classifier: labelled data, what depends on them, and the model."""

from __future__ import annotations

from dataclasses import replace

from equigen import store
from equigen.data.dataset import DataSet
from equigen.data.errors import DataError
from equigen.groups.function_spaces import regular
from equigen.groups.plane import PlaneGroup
from equigen.groups.plane_groups import plane_group
from equigen.networks.classification_model import ClassificationModel
from equigen.training.build import fitted_scale, load_data
from equigen.training.classifier_config import ClassifierConfig
from equigen.training.config import DataConfig
from equigen.training.errors import ConfigError

__all__ = ["build_classifier", "class_names", "completed_classifier", "load_labelled"]

_CHANNELS = ((5_000, 16), (100_000, 32))  # of the first convolution, for fewer images than these; 64 beyond


def load_labelled(config: DataConfig, seed: int) -> tuple[DataSet, DataSet, DataSet]:
    """Load the data of a classification, whose batches hand on the classes.

    Args:
        config: where they come from.
        seed: of the run; decides the split.

    Returns:
        All items, the training part and the held-out part.

    Raises:
        DataError: the data cannot be used, have no classes or only one, or have masks.

    Example:
        >>> train = load_labelled(DataConfig(source="digits"), seed=0)[1]
        >>> train.batch(4, seed=0, step=0).condition["label"].shape
        torch.Size([4])
    """
    parts = load_data(config.model_copy(update={"condition": "none"}), seed)
    _require_labelled(parts[0])
    everything, train, held_out = (replace(part, condition="label") for part in parts)
    return everything, train, held_out


def class_names(data: DataSet) -> tuple[str, ...]:
    """The names of a set's classes; their numbers where it has none.

    Example:
        >>> from equigen.data.loading import load
        >>> class_names(load("digits"))[:3]
        ('0', '1', '2')
    """
    if data.class_names is not None:
        return data.class_names
    return () if data.labels is None else tuple(str(number) for number in range(int(data.labels.max()) + 1))


def _require_labelled(data: DataSet) -> None:
    if data.labels is None:
        raise DataError(
            f"{data.name} has no labels, but a classifier learns them: give them by labels='labels.csv' "
            "(--labels labels.csv), or put the images of each class into a subfolder."
        )
    if len(data.labels.unique()) < 2:
        raise DataError(
            f"every image of {data.name} is of the class {class_names(data)[int(data.labels[0])]!r}, but a classifier "
            "needs two classes or more: look at the labels."
        )
    if data.structure is not None:
        raise DataError(
            f"{data.name} has masks, but a classifier takes whole images: leave masks (--masks) out, or fill in the "
            "invalid pixels."
        )


def completed_classifier(config: ClassifierConfig, data: DataSet) -> ClassifierConfig:
    """The configuration with the width filled in: as many channels for every group, more for more images.

    Args:
        config: as asked.
        data: the training part.

    Raises:
        ConfigError: a group with too many elements for a field.

    Example:
        >>> data = load_labelled(DataConfig(source="digits"), seed=0)[1]
        >>> [completed_classifier(ClassifierConfig(symmetry=name), data).width for name in ("C1", "C4", "D8")]
        [16, 4, 1]
    """
    if config.width is not None:
        return config
    group = plane_group(config.symmetry)
    try:
        field = regular(group, config.frequency if group.order is None else None).size
    except ValueError as error:
        raise ConfigError(_mended(str(error), group)) from None
    channels = next((count for images, count in _CHANNELS if len(data) < images), 64)
    return config.model_copy(update={"width": max(1, round(channels / field))})


def build_classifier(config: ClassifierConfig, data: DataSet, seed: int) -> ClassificationModel:
    """The untrained classifier: its scale is that of the training data, its initial weights follow from the seed.

    Args:
        config: of the section `classifier`.
        data: the training part, with labels.
        seed: of the run.

    Raises:
        ConfigError: what is asked of the network does not go together, or does not fit the images.

    Example:
        >>> data = load_labelled(DataConfig(source="digits", limit=40), seed=0)[1]
        >>> build_classifier(ClassifierConfig(symmetry="C8"), data, seed=0).network.group.name
        'C8'
    """
    config, names, group = completed_classifier(config, data), class_names(data), plane_group(config.symmetry)
    asked = config.model_dump(exclude={"augmentation"})
    try:
        network = store.build("steerable-classifier", shape=data.space.shape, classes=len(names), seed=seed, **asked)
    except store.StoreError as error:
        raise ConfigError(_mended(str(error).replace("'steerable-classifier'", "the classifier", 1), group)) from None
    return ClassificationModel(network, fitted_scale(data), names, augmentation=config.augmentation)


def _mended(said: str, group: PlaneGroup) -> str:
    """What a network says of its arguments, with a mend that the configuration of a run has."""
    if group.order is not None:
        said = said.replace("take a lower frequency, or a smaller group", "take a smaller group, as C16, or SO2")
    return said.replace("shape=(1, 28, 28)", "resize the images, resize=28 (--resize 28)")
