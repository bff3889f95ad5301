"""Symmetry: how groups act on data, and how far functions are from commuting with them."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Action": "action",
        "Certificate": "certificate",
        "CertifiedElement": "certificate",
        "CertifiedLayer": "certificate",
        "Claim": "certificate",
        "EquivarianceError": "error",
        "ExactAction": "action",
        "ImageAction": "image_action",
        "LinearAction": "action",
        "PermutationAction": "action",
        "PointsAction": "action",
        "TrivialAction": "action",
        "certify": "certifying",
        "disk_mask": "rotation",
        "elements_of": "elements",
        "equivariance_error": "error",
        "is_quarter_turn": "rotation",
        "isometry_error": "isometry",
        "permutation_error": "permuting",
        "rotate": "rotation",
        "rotate_back": "rotation",
        "rounding": "error",
        "upsampled": "upsampling",
    },
)
