"""One question each, answered by a measurement: what is measured, drawn and concluded stands on a page."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Answer": "lab",
        "Conclusion": "lab",
        "Denoising": "denoising",
        "Equivariance": "equivariance",
        "Irreps": "irreps",
        "Lab": "lab",
        "MixtureScore": "mixture_score",
        "MnistDiffusion": "mnist_diffusion",
        "NoiseScale": "noise_scale",
        "Permutation": "permutation",
        "Realizations": "realizations",
        "Reversal": "reversal",
        "RotationStability": "rotation_stability",
        "SteerableFilters": "steerable_filters",
        "Symmetry": "symmetry",
        "answer": "lab",
        "write": "writing",
    },
)
