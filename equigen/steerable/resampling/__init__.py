"""Resampling: layers that make a map coarser or finer, and say on which sizes they keep the symmetry."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "AveragePool": "pool",
        "BlurPool": "blur",
        "Downsample": "downsample",
        "GlobalAveragePool": "pool",
        "MaxPool": "pool",
        "PixelShuffle": "shuffle",
        "PixelUnshuffle": "shuffle",
        "Upsample": "upsample",
        "block_type": "block",
    },
)
