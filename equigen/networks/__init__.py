"""Networks assembled from the towers."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "ClassificationModel": "classification_model",
        "Disk": "disk",
        "GraphCovariance": "graph_covariance",
        "GraphDenoiser": "graph_denoiser",
        "GraphModel": "graph_model",
        "GraphNetwork": "graph_network",
        "SteerableClassifier": "steerable_classifier",
        "SteerableUNet": "steerable_unet",
        "TutorialUNet": "tutorial_unet",
        "UNet": "unet",
        "measured_response": "graph_denoiser",
    },
)
