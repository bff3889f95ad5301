"""Metrics, each with its floor: the same metric between two real samples of the same size."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Evaluation": "evaluation",
        "Features": "features",
        "LineLaw": "line",
        "Memorisation": "memorising",
        "Measured": "floor",
        "Metric": "floor",
        "beside_floor": "floor",
        "classifier_features": "features",
        "classifier_two_sample": "two_sample",
        "compare_neighbours": "neighbours",
        "compare_solvers": "by_evaluations",
        "copying_statistic": "memorising",
        "density_and_coverage": "density_coverage",
        "evaluate": "evaluating",
        "expected_coverage": "density_coverage",
        "features_for": "features",
        "frechet_distance": "frechet",
        "frechet_from_moments": "frechet",
        "judge": "judging",
        "kolmogorov_smirnov": "line",
        "line_beside_floor": "line",
        "memorisation": "memorising",
        "nearest": "neighbours",
        "random_features": "features",
        "sliced_wasserstein": "wasserstein",
        "wasserstein_1": "line",
        "wasserstein_1d": "wasserstein",
    },
)
