"""The chapters of the lab symmetry on the question, the theorem with its proof, and laws in closed form."""

from __future__ import annotations

from equigen.labs.symmetry import figures
from equigen.labs.symmetry.answering import Told
from equigen.labs.symmetry.findings import Found
from equigen.report.document import Chapter, Formula, Table

__all__ = ["augmentation_chapter", "linear_chapter", "proof_chapter", "question_chapter"]


def question_chapter(found: Found) -> Chapter:
    """What is asked, and of which laws."""
    return Chapter(
        "A law without an up",
        [
            "Some pictures have no up: cells under a microscope, galaxies, tiles of tissue. In whatever pose one of "
            "them comes, each other pose $g x$, with $g$ of a group $G$ of rotations and reflections, is as likely: "
            "$p(g x) = p(x)$. Such a law is called invariant. A model that samples from it by a diffusion should have "
            "this property, too. There are two ways to that. One makes the denoiser commute with the group, "
            "$D(g x, t) = g\\,D(x, t)$, by its construction or by averaging over the group. The other shows it all "
            "poses in training and hopes that it learns: augmentation. The question is what each of them guarantees.",
            "The laws on this page are averages over an orbit,",
            Formula(r"p(x) = \frac{1}{|G|} \sum_{g \in G}\,q(g^{-1} x)"),
            "of a mixture $q$ of normal laws. They are invariant exactly, and so is all that noise makes of them; "
            "their denoiser is known in closed form and commutes exactly. In the plane, $q$ is one cloud and $G$ the "
            "group D4 of the eight turns and mirrors of a square. On images of 8 x 8 pixels, $q$ has a component "
            "about each of some digits, and $G$ the four quarter turns.",
            figures.clouds(
                found,
                "Samples by Euler-Maruyama in 20 steps under three scores: the exact one; that of a network with "
                "random weights, averaged over D4; and that of a network which learned from points in random poses.",
            ),
        ],
    )


def proof_chapter() -> Chapter:
    """The theorem and its proof."""
    return Chapter(
        "The theorem, and why it holds",
        [
            "A sampler begins at $x_T = s z_T$, with $z_T$ standard normal, and goes on by steps",
            Formula(r"x_{k+1} = \Phi_k(x_k, z_k), \qquad k = 0, 1, \ldots"),
            "Euler-Maruyama, for one, has $\\Phi(x, z) = x + h\\,(f x - \\gamma^2 s(x, t)) + \\gamma \\sqrt{-h}\\,z$ "
            "with the score $s = (\\alpha D - x) / \\sigma^2$, a drift $f x$, and a step $h$ that is negative.",
            "Theorem. Let $G$ act by orthogonal matrices. If (a) the law of the prior is invariant; (b) the noise of "
            "every step has an invariant law and is independent of all that came before; (c) the denoiser commutes "
            "with the group; and (d) steps are chosen from invariants only; then the law of every iterate is "
            "invariant, at any size of the steps and whether the denoiser is right or not.",
            "Proof. One: the step commutes. Each term of $\\Phi$ is a multiple of $x$, of $D(x, t)$ or of $z$, with "
            "factors that $g$ does not change, by premise (d); with premise (c),",
            Formula(r"\Phi_k(g x, g z) = g\,\Phi_k(x, z)"),
            "Two: the path turns. Begin at $g x_T$, give each step $g z_k$ instead of $z_k$, and by induction the "
            "whole path is $g x_0, g x_1, \\ldots$. This holds for each path alone. Three: the law. "
            "Suppose that the law of $x_k$ is invariant; by premise (a) that of $x_0$ is. By premise (b) $z_k$ is "
            "independent of $x_k$ and has the law of $g z_k$; so the pair $(g x_k, g z_k)$ has the law of "
            "$(x_k, z_k)$. Hence",
            Formula(r"g\,x_{k+1} = \Phi_k(g x_k, g z_k) \; \sim \; \Phi_k(x_k, z_k) = x_{k+1}"),
            "where $\\sim$ says that two have the same law: that of $x_{k+1}$ is invariant. This was to be shown. The "
            "same holds for all iterates together, the path as one item.",
            "Nowhere does the proof ask whether $D$ is the denoiser of the data, or whether $h$ is small. It asks "
            "that noise be isotropic: $g z$ has the law of $z$ for a normal $z$ with covariance $C$ where "
            "$g C g^T = C$, which $C = I$ satisfies for all orthogonal $g$. And it is about laws. A single path under "
            "one draw of the noise has no symmetry at all, and neither has a finite set of samples.",
            "Without noise, $\\Phi$ is a map that commutes, and such maps keep what an item is symmetric under: if "
            "$h x = x$, then $h\\,\\Phi(x) = \\Phi(h x) = \\Phi(x)$. What comes out is at least as symmetric as what "
            "went in. Only the draw of $x_T$, or noise, makes an item that has no symmetry of its own.",
        ],
    )


def linear_chapter(found: Found, told: Told) -> Chapter:
    """The law of every step in closed form."""
    rows = [[one.name, f"{one.wrong:.3g}", f"{one.largest:.1e}", f"{one.asymmetry[-1]:.1e}"] for one in found.stepped]
    return Chapter(
        "The law of every step, in closed form",
        [
            "Where the denoiser is linear, a step is linear in $x$ and in the noise, $x_s = M x_t + N z$, and from a "
            "centred normal law every law is centred and normal,",
            Formula(r"C_s = M\,C_t\,M^T + N N^T"),
            "$M$ and $N$ are read off the library's own step, which is given the unit vectors. With $R$ the matrix of "
            "a quarter turn on images of 4 x 4 pixels, a law is invariant exactly where $R\\,C\\,R^T = C$; no sample "
            "is drawn and nothing is tested. Three scores: the exact one of a random invariant law; a wrong one, a "
            "random matrix averaged over the four turns; and the exact one of the second moments of "
            f"{found.fitted[2].items:,} items in random poses, which is the best that a linear network can learn from "
            "them.",
            figures.steps(
                found,
                "How far the law of each iterate is from invariant. Both scores that commute keep it to rounding, the "
                "right one and the wrong one.",
            ),
            Table(
                ["score", "error of the score", "largest asymmetry", "of the last law"], rows,
                "The error is the root mean square of $D - D^*$ over that of the exact $D^*$, over noise levels from "
                "0.1 to 5. Asymmetry is $\\|R\\,C\\,R^T - C\\| / \\|C\\|$, the largest over the quarter turns.",
            ),
            told.some("wrong linear score is wrong", "law of every step is invariant"),
        ],
    )  # fmt: skip


def augmentation_chapter(found: Found, told: Told) -> Chapter:
    """What augmentation leaves."""
    rows = [
        [
            f"{one.items:,}", f"{one.wrong:.3f}", f"{one.moments / one.expected:.2f} ± "
            f"{one.moments_error / one.expected:.2f}", f"{one.asymmetry:.3f} ± {one.asymmetry_error:.3f}",
        ]
        for one in found.fitted
    ]  # fmt: skip
    return Chapter(
        "Good, augmented, and not invariant",
        [
            "A law of random poses is invariant; a finite number of items from it is not. The second moments "
            "$S' = \\sum x x^T / n$ of $n$ normal items scatter about $S$, and with them the score. With the matrix "
            "$R$ of a turn,",
            Formula(
                r"\mathrm{E}\,\| R\,S' R^T - S' \|^2 = \frac{2}{n} \left( (\mathrm{tr}\,S)^2 + \mathrm{tr}\,S^2 - "
                r"(\mathrm{tr}\,R S)^2 - \mathrm{tr}\,R^2 S^2 \right)"
            ),
            "since $\\mathrm{E}\\,(x^T A x)^2 = (\\mathrm{tr}\\,A S)^2 + \\mathrm{tr}\\,A S A S + "
            "\\mathrm{tr}\\,A S A^T S$ and $R$ commutes with $S$. To see each item in all poses $g x$ and not in one "
            "makes $S'$ commute, and the bracket vanish: that is the average over the group.",
            figures.fits(
                found,
                "Scores fitted to ever more items in random poses: their error, and the asymmetry of the law that "
                "they sample, with two standard errors.",
            ),
            Table(
                ["items", "error of the score", "asymmetry of moments, over closed form", "asymmetry of the last law"],
                rows,
                "Means over sets of items, ± a standard error.",
            ),
            told.some(
                "is nearly the exact one", "last step is not invariant", "falls as the root",
                "is that of the closed form",
            ),
        ],
    )  # fmt: skip
