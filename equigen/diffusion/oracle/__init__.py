"""What is true of a law under a schedule: quantiles, information, loss floors, and identities that must hold."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Estimate": "estimate",
        "cdf": "line",
        "denoising_loss": "floor",
        "entropy": "information",
        "entropy_gap": "identities",
        "expectation": "estimate",
        "fisher_information": "information",
        "fokker_planck_residual": "identities",
        "loss_above_floor": "floor",
        "loss_floor": "floor",
        "martingale_gap": "identities",
        "prior_mismatch": "information",
        "quantile": "line",
        "quantile_map": "line",
    },
)
