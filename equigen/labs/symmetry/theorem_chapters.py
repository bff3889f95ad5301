"""The chapters of the lab symmetry on the question, the theorem with its proof, and laws in closed form."""

from __future__ import annotations

from equigen.labs.symmetry import figures
from equigen.labs.symmetry.answering import Told
from equigen.labs.symmetry.findings import Found
from equigen.report.document import Block, Chapter, Formula, Table

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
    return Chapter("The theorem, and why it holds", [*_theorem(), *_proof()])


def _theorem() -> list[Block]:
    return [
        "On this page $x_0$ is an item of the data, $x_t$ the same with noise, and $D(x_t, t)$ the mean of $x_0$ "
        "given $x_t$, or what a network gives for it. A sampler begins at an $x_T = b\\,z$ with a number $b$ and "
        "$z$ standard normal. Its iterates are $y_0 = x_T, y_1, y_2, \\ldots$, and with them it keeps a memory "
        "$v_k$:",
        Formula(r"(y_{k+1}, v_{k+1}) = \Phi_k(y_k, v_k, z_k), \qquad k = 0, 1, \ldots"),
        "where $z_k$ are the normals of a step. Euler-Maruyama, for one, remembers nothing and has $y_{k+1} = y_k "
        "+ h\\,(f y_k - \\gamma^2 s(y_k, t)) + \\gamma \\sqrt{-h}\\,z_k$ with the score $s = (\\alpha D - y) / "
        "\\sigma^2$, a drift $f y$, and a step $h$ that is negative. Heun's step asks for $D$ twice. DPM-Solver++ "
        "(2M) remembers the last $D$ and its time. A solver that chooses its own steps remembers the time that it "
        "has reached and the length of its next step. The state is iterate and memory together, and $g$ moves "
        "what is a point of the space in it, and leaves numbers:",
        Formula(r"g\,(y, v) = (g y, g v), \qquad g v = v \ \mathrm{for\ numbers}"),
        "Theorem. Let $G$ act by orthogonal matrices. If (a) the law of the prior is invariant; (b) the noise of "
        "every step has an invariant law and is independent of all that came before; (c) the denoiser commutes "
        "with the group; and (d) every step is made of sums of $y$, $z$, the points in $v$ and $D$ at such sums, "
        "with factors, lengths of steps and a first memory that are functions of time and of invariants only, "
        "such as norms; then the law of every state, and of every iterate, is invariant, at any size of the steps "
        "and whether the denoiser is right or not.",
    ]


def _proof() -> list[Block]:
    return [
        "Proof. One: the step commutes. A sum with factors that $g$ does not change is moved as its terms are, by "
        "premise (d). $D$ of a sum that is moved is moved, by premise (c). So is what is composed of them, and a "
        "choice between steps by invariants is the same choice:",
        Formula(r"\Phi_k(g y, g v, g z) = g\,\Phi_k(y, v, z)"),
        "Two: the path turns. Begin at $g x_T$, give each step $g z_k$ instead of $z_k$, and by induction the states "
        "are $g (y_0, v_0), g (y_1, v_1), \\ldots$. This holds for each path alone. Three: the law. Suppose that the "
        "law of the state $u_k = (y_k, v_k)$ is invariant; by premises (a) and (d) that of $u_0$ is. By premise (b) "
        "$z_k$ is independent of $u_k$ and has the law of $g z_k$; so the pair $(g u_k, g z_k)$ has the law of $(u_k, "
        "z_k)$. Hence",
        Formula(r"g\,u_{k+1} = \Phi_k(g u_k, g z_k) \; \sim \; \Phi_k(u_k, z_k) = u_{k+1}"),
        "where $\\sim$ says that two have the same law: that of $u_{k+1}$ is invariant, and with it that of "
        "$y_{k+1}$. This was to be shown. The same holds for all iterates together, the path as one item. That an "
        "iterate alone has an invariant law would not be enough where there is a memory: the next one depends on "
        "both.",
        "Nowhere does the proof ask whether $D$ is the denoiser of the data, or whether steps are small. It asks "
        "that noise be isotropic: $g z$ has the law of $z$ for a normal $z$ with covariance $C$ where "
        "$g C g^T = C$, which $C = I$ satisfies for all orthogonal $g$. And it is about laws. A single path under "
        "one draw of the noise has no symmetry at all, and neither has a finite set of samples.",
        "Without noise, the whole sampler is a map $\\Phi(x_T)$ that commutes, and such maps keep what an item is "
        "symmetric under: if $g x_T = x_T$, then $g\\,\\Phi(x_T) = \\Phi(g x_T) = \\Phi(x_T)$. What comes out is "
        "at least as symmetric as what went in. Only the draw of $x_T$, or noise, makes an item that has "
        "no symmetry of its own.",
    ]


def linear_chapter(found: Found, told: Told) -> Chapter:
    """The law of every step in closed form."""
    rows = [[one.name, f"{one.wrong:.3g}", f"{one.largest:.1e}", f"{one.asymmetry[-1]:.1e}"] for one in found.stepped]
    return Chapter(
        "The law of every step, in closed form",
        [
            "Where the denoiser is linear, a step of Euler-Maruyama is linear in the iterate and in the noise, "
            "$y_{k+1} = M_k y_k + N_k z_k$, and from a centred normal law every law is centred and normal, with the "
            "covariance",
            Formula(r"C_{k+1} = M_k\,C_k\,M_k^T + N_k N_k^T"),
            "$M_k$ and $N_k$ are read off the library's own step, which is given the unit vectors. With $R$ the matrix "
            "of a quarter turn on images of 4 x 4 pixels, a law is invariant exactly where $R\\,C\\,R^T = C$; no "
            "sample is drawn and nothing is tested. Three scores: the exact one of a random invariant law; a random "
            "one, a matrix of normals averaged over the four turns; and the exact one of the second moments of "
            f"{found.fitted[2].items:,} items in random poses, which is the best that a linear network can learn from "
            "them.",
            figures.steps(
                found,
                "How far the law of each iterate is from invariant. The largest on the way: "
                + "; ".join(f"{one.name}, {one.largest:.0e}" for one in found.stepped) + ".",
            ),
            Table(
                ["score", "error of the score", "largest asymmetry", "of the last law"], rows,
                "The error is the root mean square of $D - D^*$ over that of the exact $D^*$, over noise levels from "
                "0.1 to 5. Asymmetry is $\\|R\\,C\\,R^T - C\\| / \\|C\\|$, the largest over the quarter turns.",
            ),
            told.some("random linear score is wrong", "law of every step is invariant"),
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
        "Scores learned from random poses",
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
                "is nearly the exact one", "law of the last step is not invariant", "falls as one over the root",
                "is that of the closed form",
            ),
        ],
    )  # fmt: skip
