"""Laws that are known exactly, with their denoisers."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Covariance": "covariance",
        "Dense": "covariance",
        "Diagonal": "covariance",
        "Gaussian": "gaussian",
        "GaussianDenoiser": "gaussian",
        "Isotropic": "covariance",
        "Law": "law",
    },
)
