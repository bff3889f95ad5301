"""Networks assembled from the towers."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "ClassificationModel": "classification_model",
        "Disk": "disk",
        "SteerableClassifier": "steerable_classifier",
        "TutorialUNet": "tutorial_unet",
        "UNet": "unet",
    },
)
