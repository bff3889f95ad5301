"""What a network is asked for, and in which units."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Coefficients": "preconditioning",
        "KarrasPreconditioning": "karras",
        "NoisePrediction": "noise_prediction",
        "Preconditioning": "preconditioning",
        "ScaleBySigma": "scale_by_sigma",
        "VelocityPrediction": "velocity_prediction",
    },
)
