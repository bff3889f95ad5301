"""What a certificate says in words follows from its claims."""

from __future__ import annotations

import pytest

from equigen.symmetry.certificate import Certificate, CertifiedLayer, Claim

WHOLE = "equivariance of the whole under the motions of the grid"
GRID = Claim(WHOLE, True, 3e-13, 1e-12, "exact")


def found(*claims: Claim, contrast: float = 0.5, group: str = "SO2", layers: tuple[CertifiedLayer, ...] = ()):
    return Certificate(group, "C4", 4, (1, 8, 8), contrast, 2e-7, claims, layers, ())


def other(measured: float, bound: float, verdict: str) -> Claim:
    return Claim("equivariance of the whole under the other elements", True, measured, bound, verdict)


SENTENCES = [
    (
        found(GRID, group="C4"),
        "All that C4 promises on pixels is kept: the largest relative error is 3e-13, which is rounding.",
    ),
    (
        found(GRID, other(0.03, 0.05, "at the floor")),
        "All that SO2 promises on pixels (C4) is kept: the largest relative error is 3e-13, which is rounding; under "
        "the other elements it is 0.03, of 0.05 that interpolating explains.",
    ),
    (
        found(other(0.03, 0.05, "at the floor")),
        "All that SO2 promises on pixels (C4) is kept: the largest relative error is 0.03, of 0.05 that interpolating "
        "explains.",
    ),
    (
        found(GRID, other(0.3, 0.05, "broken")),
        "What SO2 promises on pixels (C4) is broken: equivariance of the whole under the other elements is off by 0.3, "
        "but at most 0.05 is what interpolating these images explains.",
    ),
    (
        found(Claim(WHOLE, True, 0.3, 1e-3, "broken", "conv")),
        f"What SO2 promises on pixels (C4) is broken by conv: {WHOLE} is off by 0.3, but at most 0.001 is rounding.",
    ),
    (
        found(GRID, other(0.2, 0.3, "not told apart")),
        "What SO2 promises on pixels (C4) cannot be told: equivariance of the whole under the other elements is off by "
        "0.2, but interpolating these images may cost 0.3, too much to tell it from.",
    ),
    (
        found(Claim(WHOLE, True, 2e-3, 1e-3, "not told apart")),
        f"What SO2 promises on pixels (C4) cannot be told: {WHOLE} is off by 0.002, but rounding alone moves the "
        "results by 2e-07 in float32.",
    ),
    (
        found(GRID, Claim(WHOLE, True, 0.0, 1e-12, "not told apart")),
        f"What SO2 promises on pixels (C4) cannot be told: {WHOLE} is off by 0, but this result is the same for all "
        "images.",
    ),
    (
        found(Claim(WHOLE, True, 0.0, 1e-12, "not told apart"), contrast=1e-7),
        "The network says the same of all images; nothing can be told of what SO2 promises.",
    ),
    (
        found(Claim(WHOLE, True, 0.0, 1e-12, "not told apart"), GRID, Claim(WHOLE, True, 1.0, 1e-12, "broken")),
        f"What SO2 promises on pixels (C4) is broken: {WHOLE} is off by 1, but at most 1e-12 is rounding.",
    ),
]


@pytest.mark.parametrize(("certificate", "sentence"), SENTENCES)
def test_the_sentence_names_the_worst_claim_and_why(certificate, sentence):
    assert certificate.sentence() == sentence
    assert certificate.holds == sentence.startswith("All that")


def test_what_is_not_promised_changes_no_sentence():
    told = Claim(WHOLE, False, 1.0, 1e-12, "broken")
    assert found(told, GRID).sentence() == found(GRID).sentence()


def layer(name: str, planned: bool | None, reason: str, between: float | None = None) -> CertifiedLayer:
    return CertifiedLayer(name, "Conv", (8, 8), "C4", planned, reason, 0.0, "exact", between, between)


def test_the_table_of_layers_tells_each_reason_once_and_leaves_out_what_says_nothing():
    lines = str(found(GRID, layers=(layer("0", None, "why"), layer("1", None, "why")))).splitlines()
    at = next(k for k, line in enumerate(lines) if line.startswith("layer"))
    assert lines[at : at + 4] == [
        "layer  kind  pixels  group  error on the grid  verdict",
        "0      Conv  8 x 8   C4     0                  exact",
        "1      Conv  8 x 8   C4     0                  exact",
        "every layer: why",
    ]
    lines = str(found(GRID, layers=(layer("0", True, "", 0.25), layer("1", False, "odd"), layer("2", None, "new"))))
    at = lines.splitlines().index("1: odd")
    assert lines.splitlines()[at - 4 : at + 2] == [
        "layer  kind  pixels  group  planned    error on the grid  verdict  between  floor there",
        "0      Conv  8 x 8   C4     exact      0                  exact    0.25     0.25",
        "1      Conv  8 x 8   C4     broken     0                  exact    -        -",
        "2      Conv  8 x 8   C4     not known  0                  exact    -        -",
        "1: odd",
        "2: new",
    ]
