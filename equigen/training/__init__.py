"""Typed configuration, one trainer for whatever has `.loss(batch, seed, step)`, atomic checkpoints, exact resume."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Average": "average",
        "BatchSource": "trainer",
        "Callback": "callbacks",
        "Checkpoints": "checkpoint",
        "ConfigError": "errors",
        "DataConfig": "config",
        "Interrupted": "errors",
        "MetricsLog": "metrics_log",
        "ModelConfig": "config",
        "NonFiniteError": "errors",
        "RunFolderError": "errors",
        "SampleGrid": "callbacks",
        "Snapshot": "checkpoint",
        "TrainConfig": "config",
        "Trainer": "trainer",
        "TrainerConfig": "config",
        "build_model": "build",
        "load_data": "build",
        "recorded": "folder",
        "train": "run",
    },
)
