"""Networks of anybody at other sizes of the images: what they refuse there is told, not left out."""

from __future__ import annotations

import json

from torch import Tensor

from equigen.groups.plane_groups import Cyclic
from equigen.symmetry.certificate import Certificate
from equigen.symmetry.foreign import certify_module
from tests.symmetry.test_called import Of


def test_sizes_of_images_that_are_refused_are_told():
    def picky(x: Tensor) -> Tensor:
        if x.abs().amax() > 8:
            raise RuntimeError("too large")
        return x

    found = certify_module(Of(picky), Cyclic(4), (1, 8, 8))
    small, large = (next(one for one in found.claims if f"at {size} times" in one.statement) for size in ("0.1", "10"))
    assert (small.promised, small.verdict) == (True, "exact")
    assert (large.promised, large.verdict) == (False, "not measured")
    assert "too large" in large.where
    assert found.holds
    assert Certificate.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False))) == found
