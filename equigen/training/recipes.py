"""Recipes: named sets of values for a run's configuration, beneath whatever else is set.

`song` is the classic tutorial on MNIST: geometric noise of base 25, images in [0, 1] as they are, a U-Net whose output
is divided by sigma(t), the sigma^2-weighted loss at uniform times, Adam at a constant rate, batches of 32, and 500
steps of predictor and corrector down to 1e-3. Its `steps` are 50 epochs of 60,000 images. The loss is a mean over the
784 pixels and not a sum, which divides the gradient, and with it Adam's epsilon, by 784. What differs from the public
text: times are uniform but stratified over the batch; the last step is a denoising one that ends where it should
(`sampling.final=overstep` is the text's own, which ends at a negative time); the corrector takes the expected norm
(`norm: batch-mean` is the text's); the prior has the variance of the data added.

Source: Y. Song, public tutorial on score-based generative modeling, 2021.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["RECIPES", "beneath"]

RECIPES: dict[str, dict[str, Any]] = {
    "default": {},
    "song": {
        "steps": 93_750,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "beta2": 0.999,
        "epsilon": 1e-8 / 784,
        "warmup": 0.0,
        "decay": "constant",
        "clip": None,
        "ema": 0.0,
        "model": {
            "network": "tutorial-unet",
            "channels": [32, 64, 128, 256],
            "schedule": {"kind": "geometric-noise", "base": 25.0, "t_min": 1e-5},
            "preconditioning": "scale-by-sigma",
            "weight": "noise-weight",
            "times": "uniform-times",
            "scale": "none",
        },
        "sampling": {
            "solver": {"kind": "predictor-corrector", "snr": 0.16},
            "steps": 500,
            "grid": {"kind": "uniform-grid", "end": 1e-3},
        },
    },
}
"""Name -> values, nested as in the configuration."""


def beneath(values: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Values with those of a recipe where none are set; sections are filled key by key, a section with a kind is whole.

    Example:
        >>> beneath({"steps": 3, "model": {"blocks": 2}}, {"steps": 9, "clip": None, "model": {"scale": "none"}})
        {'steps': 3, 'clip': None, 'model': {'scale': 'none', 'blocks': 2}}
    """
    filled = dict(recipe)
    for key, value in values.items():
        below = recipe.get(key)
        nested = isinstance(value, Mapping) and isinstance(below, Mapping) and "kind" not in value
        filled[key] = beneath(value, below) if nested else value  # pyright: ignore[reportArgumentType]
    return filled
