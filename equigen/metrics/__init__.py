"""Metrics, each with its floor: the same metric between two real samples of the same size."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Evaluation": "evaluation",
        "Features": "features",
        "Measured": "floor",
        "Metric": "floor",
        "beside_floor": "floor",
        "classifier_features": "features",
        "compare_neighbours": "neighbours",
        "density_and_coverage": "density_coverage",
        "evaluate": "evaluating",
        "expected_coverage": "density_coverage",
        "features_for": "features",
        "frechet_distance": "frechet",
        "frechet_from_moments": "frechet",
        "judge": "evaluating",
        "nearest": "neighbours",
        "random_features": "features",
        "sliced_wasserstein": "wasserstein",
        "wasserstein_1d": "wasserstein",
    },
)
