"""Typed configuration, one trainer for whatever has `.loss(batch, seed, step)`, atomic checkpoints, exact resume."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Average": "average",
        "BatchSource": "trainer",
        "Callback": "callbacks",
        "Checkpoints": "checkpoint",
        "ClassifierConfig": "classifier_config",
        "ConfigError": "errors",
        "Cost": "cost",
        "DataConfig": "config",
        "Interrupted": "errors",
        "MetricsLog": "metrics_log",
        "ModelConfig": "model_config",
        "NonFiniteError": "errors",
        "RunFolderError": "errors",
        "SampleGrid": "callbacks",
        "SamplingConfig": "model_config",
        "Snapshot": "checkpoint",
        "TrainConfig": "config",
        "Trainer": "trainer",
        "TrainerConfig": "config",
        "build_classifier": "classifiers",
        "build_model": "build",
        "estimate": "cost",
        "load_data": "build",
        "load_labelled": "classifiers",
        "recorded": "folder",
        "train": "run",
    },
)
