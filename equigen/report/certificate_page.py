"""The page of a certificate: what a model keeps of a group, premise by premise, with curves; it opens offline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from equigen import __version__
from equigen.report.certificate_figures import denoiser_between, denoiser_on_grid, losses, paths_by_solver
from equigen.report.certificate_tables import claim_table, layer_table, level_table, number, path_table, premise_table
from equigen.report.classification.figures import error_by_element
from equigen.report.document import Block, Chapter, Document, Formula, render_document
from equigen.report.picture import Picture, drawn_picture
from equigen.symmetry.certificate import Certificate
from equigen.symmetry.theorem.certificate import ModelCertificate, Premise, RecoverableLevel

__all__ = ["figures", "of_network", "page"]

_BESIDE = ("law", "likelihood", "batch")  # what follows from the premises, and what no test of symmetry sees
_THEOREM = (
    "If a group acts by isometries, if the prior, the noise and the scale of the data stay the same under it, and if "
    "the denoiser and the solver commute with it, then the law of every iterate of the sampler, and so that of the "
    "samples, is invariant: at every number of steps, and however good or bad the denoiser is. Each premise is "
    "measured alone."
)
_LIMITS = (
    "What was measured was measured on these items, noise levels, elements and steps: a fault that shows elsewhere "
    "only is not seen. Exact means up to rounding in float64; at the floor, up to what pixels cost, which the column "
    '"holds up to" names; not told apart, that a fault of that size would not show. What is not promised decides '
    "nothing."
)


_LEVEL = r"E(g, t) = \|D(g\,x_t, t) - g\,D(x_t, t)\| \;/\; \|D(x_t, t)\|"
_PATH = r"\Phi(g\,x_T, g\,\varepsilon) = g\,\Phi(x_T, \varepsilon)"
_IDENTITY = r"L(D) = L(Q D) + \mathrm{E}\,\|D - Q D\|^2"
_NO_SHARE = 1e-9  # of the loss: below it is rounding


def page(found: ModelCertificate | Certificate, title: str) -> str:
    """The page as self-contained HTML.

    Args:
        found: the certificate of a model, or of any other network.
        title: what was certified.
    """
    return render_document(_document(found, title))


def figures(found: ModelCertificate | Certificate) -> list[Picture]:
    """The pictures of the page, in their order.

    Args:
        found: the certificate of a model, or of any other network.
    """
    return _document(found, "").pictures


def of_network(found: Certificate) -> list[Block]:
    """What a certificate of a network rests on: its errors under the elements, its claims, its layers.

    Args:
        found: of a classifier, or of a network of the user's own.
    """
    blocks: list[Block] = []
    if any(one.angle or one.flipped for one in found.elements):
        caption = "Dotted: what rounding may do in float32 and in float64; an error of exactly 0 stands at the foot."
        if not all(one.on_grid for one in found.elements):
            caption += " Dashed: twice what interpolating the images costs; below it nothing can be told."
        blocks.append(drawn_picture(error_by_element(found), "error under each element of the group", caption))
    if found.claims:
        blocks.append(claim_table(found.claims))
    if found.layers:
        blocks.append(layer_table(found.layers))
    return blocks


def _document(found: ModelCertificate | Certificate, title: str) -> Document:
    heading = f"{title}: what it keeps of {found.group}"
    shape = (" x ".join(map(str, found.shape)), found.group, found.on_grid)
    facts = list(zip(("shape of an item", "group", "exact on the grid"), shape, strict=True))
    if isinstance(found, Certificate):
        facts += [("images", str(found.images)), ("certificate", "holds" if found.holds else "does not hold")]
        told = (
            f"Measured on {found.images} images. What the network says of different images lies "
            f"{number(found.contrast)} apart, relative to its size; rounding to float32 alone moves it by "
            f"{number(found.rounding)}."
        )
        chapters = [Chapter("What was found", of_network(found)), Chapter("What it does not say", [_LIMITS])]
        return Document(heading, [*facts, ("equigen", __version__)], [found.sentence(), told], chapters)
    facts += [("items", str(found.items)), ("verdict", found.verdict), ("equigen", __version__)]
    return Document(heading, facts, [found.sentence()], list(_chapters(found)))


def _chapters(found: ModelCertificate) -> Iterator[Chapter]:
    premises = [one for one in found.premises if one.name not in _BESIDE]
    beside = [one for one in found.premises if one.name in _BESIDE]
    yield Chapter("The premises", [_THEOREM, premise_table(premises)])
    if found.levels:
        yield Chapter("The denoiser, by noise level and element", list(_denoiser(found)))
    if found.layers:
        yield Chapter("Its network, layer by layer", [layer_table(found.layers)])
    if found.paths:
        yield Chapter("The sampler, from noise to data", list(_sampler(found)))
    if beside:
        told = "The first two follow from the premises and are measured all the same; that items do not depend on what "
        told += "else is in their batch is no matter of symmetry, and no test of symmetry could see it."
        yield Chapter("Law, likelihood, and items apart", [told, *_claims(beside)])
    if found.risk:
        yield Chapter("What symmetry would take off the loss", list(_risk(found.risk)))
    yield Chapter("Every claim on the premises", list(_claims(premises)))
    yield Chapter("What it does not say", [_LIMITS])


def _claims(premises: Sequence[Premise]) -> Iterator[Block]:
    """Every claim of some premises, if there is any."""
    pairs = [(one.name, claim) for one in premises for claim in one.claims]
    if pairs:
        names, claims = zip(*pairs, strict=True)
        yield claim_table(claims, names)


def _denoiser(found: ModelCertificate) -> Iterator[Block]:
    yield "Noisy items are moved and denoised, and denoised and moved; the two are compared at each noise level."
    yield Formula(_LEVEL)
    if any(level.on_grid for level in found.levels):
        caption = (
            "Motions that move pixels onto pixels. An error of exactly 0 stands at the foot. Rounding: the same "
            "network in float32 against float64, without any motion; float32 may show four times as much."
        )
        yield drawn_picture(denoiser_on_grid(found), "error of the denoiser on the grid", caption)
        yield level_table([level for level in found.levels if level.on_grid])
    if not all(level.on_grid for level in found.levels):
        caption = (
            "Elements between, each a line. Noisy items are of a low band and cut to a disk with a soft rim, so that "
            "rotating them costs little (dashed). A network does more on pixels than to rotate images, so that some "
            "error is allowed (dotted); a model that breaks its group by less is not told from one that keeps it."
        )
        yield drawn_picture(denoiser_between(found), "error of the denoiser between the grid", caption)
        yield level_table([level for level in found.levels if not level.on_grid])


def _sampler(found: ModelCertificate) -> Iterator[Block]:
    yield (
        "Prior and noise are moved, and the trajectory must move with them: at each time it is compared with the moved "
        "trajectory of the prior and the noise as they were."
    )
    yield Formula(_PATH)
    caption = (
        "Each line is one element of the group, from noise (left) to data (right); dotted, the largest error at which "
        "it holds. An error of exactly 0 stands at the foot."
    )
    if any(path.verdict == "told" for path in found.paths):
        caption += " What is told goes beyond, and is not promised."
    yield drawn_picture(paths_by_solver(found), "error along the path of each solver", caption)
    yield path_table(found.paths)


def _risk(rows: Sequence[RecoverableLevel]) -> Iterator[Block]:
    shares = [(row.recoverable / row.loss if row.loss else 0.0, row.noise) for row in rows]
    mean, (most, noise) = sum(share for share, _ in shares) / len(shares), max(shares)
    yield "With $Q D$ the average of the denoiser over the group, the loss on items in all their poses falls apart into"
    yield Formula(_IDENTITY)
    error = max(row.identity_error for row in rows)
    if most < _NO_SHARE:
        told = f"The last term is rounding (at most {number(most)} of the loss): there is nothing to recover."
    else:
        told = (
            f"The last term, which averaging over the group is sure to take off, is {_percent(mean)} of the loss in "
            f"the mean over noise levels, at most {_percent(most)} (at noise {number(noise)})."
        )
    yield f"{told} The equation was found to hold to {number(error)} of the loss."
    caption = "Loss by noise level, of the model and of its average over the group; what lies between is recoverable."
    yield drawn_picture(losses(rows), "loss that symmetry would take off", caption)


def _percent(share: float) -> str:
    return f"{100 * share:.2g}\N{NO-BREAK SPACE}%"
