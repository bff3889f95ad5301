"""The page of the lab symmetry."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.extremes import largest
from equigen.labs.lab import Conclusion
from equigen.labs.symmetry import figures
from equigen.labs.symmetry.answering import LOSSES, Told
from equigen.labs.symmetry.breaking import Broken
from equigen.labs.symmetry.concluding import CLEAR, LEVEL
from equigen.labs.symmetry.findings import AUGMENTED, WRONG, Found
from equigen.labs.symmetry.theorem_chapters import (
    augmentation_chapter,
    linear_chapter,
    proof_chapter,
    question_chapter,
)
from equigen.labs.symmetry.turning import Turned
from equigen.report.document import Chapter, Formula, Table

__all__ = ["chapters"]


def chapters(found: Found, conclusions: Sequence[Conclusion], seed: int) -> list[Chapter]:
    """All chapters, each with what its numbers decide at its end.

    Args:
        found: by the lab.
        conclusions: about it.
        seed: of the lab.
    """
    told = Told(conclusions)
    return [
        question_chapter(found),
        proof_chapter(),
        linear_chapter(found, told),
        augmentation_chapter(found, told),
        _laws(found, told),
        _paths(found, told, seed),
        _starts(found, told, seed),
        _breaking(found, told),
        _risk(found, told),
        _networks(found, told),
        _limits(),
    ]


def _laws(found: Found, told: Told) -> Chapter:
    return Chapter(
        "A test of the law",
        [
            "Networks that are not linear have no law in closed form, but samples. If a law is invariant, each sample "
            "may be moved by an element of its own, and the set is as likely as before. So a statistic of the "
            "samples is compared with the same statistic of sets that are moved at random; the share of those that "
            "exceed it is a p-value, exact at any number of samples (Chiu and Bloem-Reddy 2023). The statistic is the "
            "maximum mean discrepancy with the distance as its kernel.",
            "A whole path is tested as one item, the group acting on all its iterates at once; if the law of paths is "
            "invariant, so is that of every iterate. The iterates are tested one by one as well. A good network may "
            "leave an asymmetry that is less than some hundred samples show. So many more are drawn and asked "
            "for their pose alone: D4 takes any one of the eight sectors of 45 degrees to the others, so that an "
            "invariant law has equally many in each. To take chance away, the noise of each sample is drawn in all "
            "eight poses, which leaves the law of each as it is; how uneven the sectors are is then compared with "
            "its scatter from one draw of the noise to the next (Hotelling 1931).",
            figures.tests(
                found,
                "Left, p-values of iterates on the way from noise to the samples, each tested alone. An invariant law "
                "lies below the dashed line, .05, in one case of twenty; all three scores are given the same noise. "
                "Right, samples in each sector against the mean of all, with two standard errors.",
            ),
            _laws_table(found),
            told.some(
                "worse score than the best linear one", "paths under the random network",
                "paths under the exact score", "augmented network in the plane has less than half",
                "fall on all sectors alike", "samples of the augmented network",
            ),
        ],
    )  # fmt: skip


def _laws_table(found: Found) -> Table:
    rows = [
        [
            one.name,
            f"{one.wrong:.3g}",
            f"{one.p_value:.3g}",
            f"{100 * one.detectable:.3g} %" if one.detectable <= 1.0 else "none",
            f"{one.sector_p_value:.2g}",
        ]
        for one in found.tested
    ]
    return Table(
        ["score", "loss above the least", "p-value of paths", "detectable", "p-value of poses"], rows,
        "The loss of the score above the least possible, relative to that (the best linear score has "
        f"{found.linear:.3g}); the p-value of whole paths; the smallest share of paths in one pose that this "
        "test finds in eight sets of ten; and the p-value of the sectors being alike.",
    )  # fmt: skip


def _paths(found: Found, told: Told, seed: int) -> Chapter:
    rows = [[one.denoiser, one.solver, f"{one.largest:.1e}", f"{one.prior_only:.1e}"] for one in found.turned]
    return Chapter(
        "Paths with turned prior and noise",
        [
            "The law says nothing of a path. The proof does: begin at $g x_T$, give every step $g z_k$, and the path "
            "is turned if the score commutes. One path suffices to see whether it is, and only rounding stands "
            "between: this is how the library certifies a sampler.",
            figures.paths(found, seed, _paths_caption(found.turned)),
            Table(
                ["score", "solver", "prior and noise", "prior only"], rows,
                "The largest relative distance, over the group and along the path, from the path turned; in the last "
                "column only the prior is turned, at the end of the path. A solver without noise has nothing else to "
                "turn.",
                words=(0, 1),
            ),
            told.some("every path turns with prior and noise", "do not turn with the prior alone",
                      "paths of the augmented network"),
        ],
    )  # fmt: skip


def _paths_caption(found: Sequence[Turned]) -> str:
    """What is drawn, and how far the same is from turning on all paths of the table."""
    averaged, learned = (
        next(one for one in found if one.denoiser == name and one.solver == "EulerMaruyama")
        for name in (WRONG, AUGMENTED)
    )
    return (
        "One path of Euler-Maruyama (orange) in the plane and those from its start in the seven other poses (blue), "
        "and the grey lines on which a score that commutes keeps them if the noise is moved as well: with the noise "
        "moved; with the noise left as drawn; and under the augmented score, with the noise moved. The largest "
        f"relative distances over all paths of the table are {averaged.largest:.0e}, {averaged.prior_only:.2g} and "
        f"{learned.largest:.2g}."
    )


def _starts(found: Found, told: Told, seed: int) -> Chapter:
    rows = [[one.denoiser, one.solver, one.noise, f"{one.largest:.1e}", f"{one.off[-1]:.1e}"] for one in found.kept]
    return Chapter(
        "A symmetric start",
        [
            "The first axis is a mirror line of D4, and a point on it is its own mirror image. A map that commutes "
            "with the mirror $g$ leaves it on the line: $\\Phi(x) = \\Phi(g x) = g\\,\\Phi(x)$. So a probability flow "
            "that commutes draws no item without symmetry from a start that has one. Almost no start has one, and "
            "this costs nothing; but whoever begins at $x_T = 0$, or at a start made symmetric, should know.",
            figures.mirror_line(
                found, seed,
                "Two hundred points that begin on the mirror line: at the end of the flow of a score that commutes, "
                "with noise, and at the end of the flow of the augmented score.",
            ),
            Table(
                ["score", "solver", "noise", "largest", "at the end"], rows,
                "Distance from the line over that from the middle, root mean square.", words=(0, 1, 2),
            ),
            told.some("symmetric start stays symmetric", "free noise breaks the symmetry of a start",
                      "augmented network breaks the symmetry of a start"),
        ],
    )  # fmt: skip


def _breaking(found: Found, told: Told) -> Chapter:
    rows = [
        [one.name, f"{one.quarters:.1e}", f"{one.eighths:.1e}", f"{one.p_value:.3g}", f"{one.company:.1e}"]
        for one in found.broken
    ]
    return Chapter(
        "What breaks the symmetry",
        [
            "The same sampler with the exact score of a law in the plane under the eight rotations of C8, and one "
            "premise broken at a time. Both ways of looking are taken: the path, with all normals turned, by quarters "
            "and by odd eighths of a turn; and the test of the samples' law. Beside them, whether an item comes out "
            "as it does alone.",
            Table(
                ["change", "quarter turns", "eighths", "p-value", "alone"], rows,
                "Largest relative error of the path; p-value of the samples' law; largest relative change of an item "
                "that is drawn alone instead of with others.",
            ),
            _seen_where(found.broken),
            "What a path shows its law need not: noise that is isotropic washes out what a prior was, and a "
            "step that knows a direction may change the law by less than some hundred samples tell.",
            "Clamping each coordinate is a rule about axes. Matrices that permute axes or change signs commute "
            "with it, as quarter turns of the plane do and as they do on the pixels of an image, where clamping values "
            "is harmless; a turn by 45 degrees does not. A corrector that measures its step over the batch is built of "
            "norms, which are invariants: no test of symmetry can see it, and it needs a check of its own.",
            told.some(
                "know a direction each break", "fail the test of an invariant law", "commute with quarter turns",
                "break eighths of a turn", "with clamped lengths, and with correctors",
                "step shared by the batch makes", "without a step shared by the batch",
            ),
        ],
    )  # fmt: skip


def _seen_where(found: Sequence[Broken]) -> str:
    """Which changes break paths, and which of them the test of the law rejects."""
    paths = [one for one in found if not largest((one.quarters, one.eighths)) <= CLEAR]

    def named(some: Sequence[Broken]) -> str:
        return "; ".join(one.name for one in some) or "none"

    return (
        f"The paths are off by more than {100 * CLEAR:g} % with {len(paths)} of these {len(found)}: {named(paths)}. "
        f"Of these the test of the law rejects, at the level {LEVEL:g}: "
        f"{named([one for one in paths if one.p_value <= LEVEL])}. It does not reject: "
        f"{named([one for one in paths if not one.p_value <= LEVEL])}."
    )


def _risk(found: Found, told: Told) -> Chapter:
    rows = [
        [one.name, f"{noise:g}", f"{loss:.4f}", f"{mean:.4f}", f"{rest:.4f}"]
        for one in found.recovered
        for noise, loss, mean, rest in zip(one.noise, one.loss, one.symmetrised, one.recoverable, strict=True)
    ]
    marks = [[one.name, f"{one.mismatch:.1e}", f"{one.fresh:.1e}"] for one in found.recovered]
    return Chapter(
        "The loss that is recoverable for certain",
        [
            "Let $Q D(x) = \\mathrm{mean}_g\\,g^{-1} D(g x)$ be the average over the group. On pairs of an item and "
            "its noise that come in all poses, $(g x_0, g z)$, $Q$ is an orthogonal projection, and $D - Q D$ is "
            "orthogonal to all that commutes, $Q D$ and the target $x_0$ among it. Hence (Elesedy and Zaidi 2021)",
            Formula(r"L(D) = L(Q D) + \mathrm{E}\,\| D - Q D \|^2"),
            "The last term is a loss that averaging takes away, whatever the data are; it can be measured on any "
            "model, without knowing the law. Here it is on the images of the next chapter:",
            Table(
                ["network", "noise", "loss", "of its average", "recoverable"], rows,
                "Mean squared errors over that of the best linear denoiser, at four noise levels.",
            ),
            Table(
                ["network", "mismatch", "with separate noise for each pose"], marks,
                "$|L(D) - L(Q D) - \\mathrm{E}\\,\\| D - Q D \\|^2| / L(D)$, the largest over noise levels.",
            ),
            told.some("plus the distance between network and average", "with separate noise for each pose",
                      "some loss is recoverable"),
        ],
    )  # fmt: skip


def _networks(found: Found, told: Told) -> Chapter:
    rows = []
    for one in found.learned:
        mean, error = one.mean
        doubt = f" ± {error:.3f}" if error == error else ""
        rows.append([one.kind, str(one.items), f"{one.work:,}", f"{mean:.3f}{doubt}", f"{max(one.asymmetry):.1e}"])
    return Chapter(
        "Networks against the exact score",
        [
            "Images of 8 x 8 pixels from a law whose exact denoiser is known: normal clouds about forty digits in "
            "four poses. Four networks, all made of one perceptron: plain; augmented, each image in a fresh pose "
            "each time; the same with four times the steps; and equivariant, the average of the perceptron over the "
            "four turns, trained as such, which evaluates it four times in a step. Equal work is what the last two "
            "have in common. On the test images the loss of each is its distance from the exact denoiser, plus a "
            "floor that none can beat.",
            figures.errors_of_networks(
                found,
                "Left, the loss above the least possible, relative to that, with two standard errors over trainings; "
                "right, the largest $\\|D(g x) - g D(x)\\| / \\|D(x)\\|$.",
            ),
            Table(
                ["network", "images", "evaluations", "loss above the least", "asymmetry"], rows,
                "Evaluations of the perceptron in training, in images; the loss ± a standard error.",
            ),
            "On few images a network that goes on learning comes to fit the images that it has seen, sooner if it is "
            "given more work for each step. Which kind is nearer to the exact denoiser may so depend on when the "
            "training ends: the sentences below are about the trainings of the table.",
            told.some(*LOSSES),
            told.some("equivariant networks commute", "no augmented network commutes"),
            "An average that is taken only after training commutes as exactly, and gains what the chapter above calls "
            "recoverable; it evaluates the network once for each pose in every step of the sampler.",
        ],
    )  # fmt: skip


def _limits() -> Chapter:
    return Chapter(
        "What is not shown here",
        [
            "The theorem goes one way. A law can be invariant under a sampler that breaks a premise: a random element "
            "of the group at each step has no path that turns, and an invariant law nonetheless. A test of a law, in "
            "turn, can only reject: what it does not see at this number of samples may be there, and the table "
            "names the smallest violation that it would have seen.",
            "On a grid of pixels only quarter turns and mirrors are orthogonal matrices that permute pixels. Other "
            "rotations interpolate, and every statement about them holds beside the error of the interpolation. And "
            "whether data are invariant is a question for the data: a symmetric model of data that have an up "
            "draws them upside down.",
        ],
    )
