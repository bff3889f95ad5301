"""Pools, blurs, up- and downsampling and pixel shuffles for the conformance suite."""

from __future__ import annotations

from equigen.groups.plane_groups import O2, SO2, Cyclic, Dihedral
from equigen.steerable.field_type import FieldType
from equigen.steerable.resampling.block import block_type
from equigen.steerable.resampling.blur import BlurPool
from equigen.steerable.resampling.downsample import Downsample
from equigen.steerable.resampling.pool import AveragePool, GlobalAveragePool, MaxPool
from equigen.steerable.resampling.shuffle import PixelShuffle, PixelUnshuffle
from equigen.steerable.resampling.upsample import Upsample
from tests.steerable.cases.case import Case

__all__ = ["CASES"]

_C4, _D4 = Cyclic(4), Dihedral(4)
_MIXED = FieldType(_D4, "1x0o + 1x1 + 1xregular")
_TURNED = FieldType(_C4, "1x1 + 1xregular")
_CORNERS = FieldType(_D4, "1x0o + 1x1 + 1xquotient(D1@45)")

CASES = [
    Case("average-pool", lambda: AveragePool(_MIXED), size=(6, 8)),
    Case(
        "average-pool/padded", lambda: AveragePool(FieldType(SO2(), "1x0e + 1x2"), 3, stride=2, padding=1), size=(7, 9)
    ),
    Case("max-pool", lambda: MaxPool(FieldType(_D4, "1x0e + 1xregular")), size=(6, 8), smooth=False),
    Case(
        "max-pool/padded",
        lambda: MaxPool(FieldType(_C4, "1xregular"), 3, stride=2, padding=1),
        size=(7, 9),
        smooth=False,
    ),
    Case("global-average-pool", lambda: GlobalAveragePool(FieldType(_C4, "1x0e + 1xregular")), size=(5, 8)),
    Case("downsample", lambda: Downsample(_MIXED), size=(6, 8)),
    Case("downsample/odd", lambda: Downsample(_MIXED), size=(5, 6)),
    Case("blur-pool", lambda: BlurPool(_MIXED), size=(6, 8)),
    Case("blur-pool/odd", lambda: BlurPool(FieldType(O2(), "1x0o + 1x1"), 5, padding_mode="circular"), size=(7, 9)),
    Case("blur-pool/zeros", lambda: BlurPool(_MIXED, 3, stride=1, padding_mode="zeros"), size=(5, 6)),
    Case("upsample", lambda: Upsample(_MIXED), size=(4, 5)),
    Case("upsample/nearest", lambda: Upsample(_MIXED, 3, mode="nearest"), size=(4, 5)),
    Case("pixel-unshuffle", lambda: PixelUnshuffle(_TURNED), size=(6, 8)),
    Case("pixel-unshuffle/diagonal", lambda: PixelUnshuffle(_CORNERS), size=(6, 8)),
    Case("pixel-unshuffle/thirds", lambda: PixelUnshuffle(FieldType(_D4, "2x0e"), 3), size=(6, 9)),
    Case("pixel-shuffle", lambda: PixelShuffle(block_type(_TURNED), _TURNED), size=(3, 4)),
    Case("pixel-shuffle/diagonal", lambda: PixelShuffle(block_type(_CORNERS), _CORNERS), size=(3, 4)),
]
