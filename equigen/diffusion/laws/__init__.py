"""Laws that are known exactly, with their denoisers."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Components": "components",
        "Covariance": "covariance",
        "Dense": "covariance",
        "Diagonal": "covariance",
        "Empirical": "empirical",
        "Gaussian": "gaussian",
        "GaussianDenoiser": "gaussian",
        "GaussianMixture": "mixture",
        "Isotropic": "covariance",
        "Law": "law",
        "MixtureDenoiser": "mixture",
    },
)
