"""Stability: how far a filter or a network of filters moves when the shift does, beside what theorems allow."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Additive": "perturbation",
        "Dilation": "perturbation",
        "FilterNetwork": "filter_network",
        "Perturbation": "perturbation",
        "Premise": "measured",
        "Relative": "perturbation",
        "Stability": "measured",
        "integral_lipschitz_penalty": "penalty",
        "stability_of": "measured",
    },
)
