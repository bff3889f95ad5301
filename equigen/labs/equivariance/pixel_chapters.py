"""The chapters of the lab equivariance on sizes, strides and one pixel more."""

from __future__ import annotations

from equigen.labs.equivariance.concluding import EXACT64, Found
from equigen.labs.equivariance.figures import layers_at_sizes, one_pixel_figure
from equigen.report.document import Chapter, Table

__all__ = ["one_pixel_more", "sizes_and_strides"]


def sizes_and_strides(found: Found) -> Chapter:
    """Which layers are exact at which size."""
    wrong = sum(one.planned != (one.error <= EXACT64) for one in found.cells)
    return Chapter(
        "Sizes and strides",
        [
            "The rule of whole numbers makes a layer exact at some sizes and not at others. Here is every size from 27 "
            "to 36 under ten layers of $C_4$ that make a map coarser. The library's plan of a network applies the rule "
            "to all layers before it runs.",
            layers_at_sizes(
                found.cells,
                "The largest error over the three quarter turns on white noise in float64, relative to the map's norm; "
                "exact: up to rounding. An exclamation mark would stand where the rule says otherwise.",
            ),
            f"The rule and the measurement disagree in {wrong} of {len(found.cells)} cases. Two by two windows need "
            "even "
            "maps; windows of odd sides with a stride of two need odd ones; a stride of three fits one size in three.",
        ],
    )


def one_pixel_more(found: Found) -> Chapter:
    """What a frame of one pixel more does to a network of exact layers."""
    on_map, after_mean = found.hidden
    rows = [
        [
            str(one.size),
            ", ".join(f"{step.kind} on {step.size}" for step in one.broken) or "none",
            f"{max((step.own for step in one.broken), default=0.0):.2g}",
            f"{one.maps:.2g}",
            f"{one.invariants:.2g}",
            f"{one.logits:.2g}",
        ]
        for one in found.sizes
    ]
    return Chapter(
        "One pixel more",
        [
            f"The trained network was built for {found.sizes[0].size} pixels, with windows that fit. Given one row and "
            "one column more, one of its layers does not fit any longer: its windows start at the first pixel and "
            "leave the last one over, so that the map after a quarter turn of the picture is read half a step aside.",
            one_pixel_figure(
                found.sizes,
                "Layer by layer in float64: the equivariance error at quarter turns of each layer on the map that it "
                "is given (squares), that of the network up to there (line), and what arrives in the logits (cross).",
            ),
            Table(
                ["pixels", "broken layer", "its error", "last map", "invariants", "logits"],
                rows,
                "Error of the broken layer on its own map, of the last map, and of what comes out of the mean over it. "
                "Maps relative to their norm, invariants and logits in units of their spread.",
                words=(0, 1),
            ),
            "A map that is read half a step aside is nearly a shifted map, and a mean over all positions does not see "
            "shifts. So a broken layer can look harmless at the end, all the more the smoother the map and the farther "
            f"its border: one strided convolution on {found.sizes[1].size} pixels errs by {float(on_map.mean()):.2g} "
            f"on its map and by {float(after_mean.mean()):.1g} after a mean over it, relative to the norm of the map "
            f"and to that of the mean ({len(on_map)} digits). Test the layer, not the end.",
        ],
    )
