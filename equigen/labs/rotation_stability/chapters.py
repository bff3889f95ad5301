"""The page of the lab rotation-stability: what was asked, what was measured, and what it means."""

from __future__ import annotations

from collections.abc import Sequence

from equigen.labs.lab import Conclusion
from equigen.labs.rotation_stability.competitors import KINDS
from equigen.labs.rotation_stability.concluding import EXACT, estimate, most_stable, spread
from equigen.labs.rotation_stability.figures import accuracies, changing, digits, logits_moved, one_digit, told_apart
from equigen.labs.rotation_stability.measuring import COARSE, FINE, QUARTERS, Found, Network
from equigen.report.document import Chapter, Formula, Table

__all__ = ["chapters"]


def chapters(found: Found, conclusions: Sequence[Conclusion]) -> list[Chapter]:
    """All chapters.

    Args:
        found: by the lab.
        conclusions: about it.
    """
    parts = [_promise(), _data(found), _training(found), _quarters(found), _between(found)]
    return [*parts, _accuracy(found), _mind(found, conclusions), _limits(found)]


def _promise() -> Chapter:
    return Chapter(
        "What a group promises",
        [
            "A classifier $f$ gives a number, a logit, for each class. It keeps its answer under a group of rotations "
            "if it is invariant,",
            Formula(r"f(g\,x) = f(x) \qquad \mathrm{for\ all\ } g \in G"),
            "A steerable network has this by its construction, whatever its weights: each layer commutes with the "
            "group, and the last one forgets where the image pointed. The rotations of $C_4$ and $D_4$ "
            "move pixels onto pixels, and for them it is exact. At other angles it cannot be: the image is known on "
            "a square grid, and the filters are sampled on it. What is left of the promise depends on the group. A "
            "$C_N$ network answers for multiples of $360/N$ degrees only, so that its logits are a function of the "
            "angle with that period, up to the pixels,",
            Formula(r"f(R_{a + 2\pi/N}\,x) \approx f(R_a\,x)"),
            "and they move most half-way between. An $SO(2)$ network answers for every angle. A plain "
            "network promises nothing; it can learn from rotated examples what it is not told, and it sees most of "
            "them where each image is rotated afresh whenever it is seen (augmentation).",
            "How stable a classifier is, is counted here by its changes of mind: of one image in $A$ poses, $n_c$ are "
            "given the class $c$, and",
            Formula(r"u = 1 - \sum_c \dfrac{n_c\,(n_c - 1)}{A\,(A - 1)}"),
            "is the share of pairs of poses that are given different classes. It is 0 for an invariant classifier, "
            "right or wrong, and 0.9 for one that guesses among ten classes.",
        ],
    )


def _data(found: Found) -> Chapter:
    data = found.data
    size, error = data.test.shape[-1], 100 * data.interpolation
    return Chapter(
        "Digits that can be turned",
        [
            f"An image that is damaged by its own rotation says little of a network. The images are therefore read on "
            f"a finer grid first, {size} x {size} pixels, by the trigonometric polynomial through their pixels (zeros "
            "appended to their Fourier coefficients), and cut to the disk that no rotation carries out of the frame. "
            "They are then rotated by three shears, each a shift of whole rows or columns in Fourier space (Unser, "
            f"Thévenaz and Yaroslavsky, 1995). Turning them by 45 degrees, the worst angle, and back costs "
            f"{error:.2g} % of their norm.",
            digits(
                data,
                "Three of the test digits, upright and in seven of the poses in which they are judged. Angles run "
                "counterclockwise.",
            ),
            f"{len(data.train)} digits train the networks, each rotated by one angle that was drawn for it. "
            f"{len(data.test)} others, upright, are turned to {COARSE} angles, and {_finely(found)} of them to "
            f"{FINE}.",
        ],
    )


def _training(found: Found) -> Chapter:
    plan = found.plan
    rows = [
        [
            one.kind.title,
            str(one.channels),
            str(one.parameters),
            f"{sum(trial.seconds for trial in one.trials) / len(one.trials):.0f}",
            f"{sum(float(trial.loss[-10:].mean()) for trial in one.trials) / len(one.trials):.3f}",
        ]
        for one in found.networks
    ]
    epochs = plan.steps * plan.batch_size / len(found.data.train)
    return Chapter(
        "Equal compute",
        [
            "All networks are one: six convolutions of kernels 7 and 5 with batch normalisation and ELU between them, "
            "two blurred halvings, invariants, a linear layer: the layers of the course's text, after the example "
            "network of M. Weiler and G. Cesa (General E(2)-equivariant steerable CNNs, 2019). Every map is cut to its "
            "largest disk, whose border all rotations leave where it is. "
            "What differs is the group that ties the weights. Channels are equal, to whole fields: one "
            "field of $C_N$ is $N$ channels, of $D_4$ 8, of $SO(2)$ with frequencies 0 to 3, 7. The convolutions then "
            "cost the same, and the same number of steps is the same compute but for the activations. A "
            "plain network spends its channels on more parameters instead.",
            f"Each is trained for {plan.steps} steps of {plan.batch_size} images ({epochs:.1f} passes) by Adam, in "
            "the same order for all, with batch "
            "order and first weights drawn anew for each training. Augmentation rotates each image by a fresh "
            "angle each time; that is not counted as compute here.",
            Table(
                ["network", "channels", "parameters", "seconds", "last loss"], rows,
                "Channels of the first convolution; seconds for one training, rotations included; loss: cross entropy "
                "over the last 10 steps, mean of the trainings. Without augmentation a low loss may be memory.",
            ),
        ],
    )  # fmt: skip


def _quarters(found: Found) -> Chapter:
    rows = [
        [one.kind.title, *(f"{max(t.quarters[k] for t in one.trials):.1e}" for k in EXACT)] for one in found.networks
    ]
    return Chapter(
        "At quarter turns",
        [
            "Here nothing is interpolated: pixels move onto pixels. The largest relative change of the logits, "
            "$|f(g x) - f(x)| / |f(x)|$ over the batch, for trained networks, is rounding where a group holds the "
            "quarter turns and every layer fits its map, and nothing of the kind where it does not:",
            Table(
                ["network", "single precision", "double precision"], rows,
                f"Of {min(QUARTERS, len(found.data.test))} test digits, over the three quarter turns and all "
                "trainings. Bounds in the conclusions: "
                f"{EXACT['float32']:g} and {EXACT['float64']:g}.",
            ),
        ],
    )  # fmt: skip


def _between(found: Found) -> Chapter:
    rows = []
    for one in found.networks:
        mean = one.moved.mean((0, 2))
        rows.append([one.kind.title, *(f"{float(mean[k]):.3f}" for k in (1, 2, 3)), f"{float(mean[1:].max()):.3f}"])
    return Chapter(
        "Between them",
        [
            "How far the logits of the same digits move when the digits turn:",
            logits_moved(
                found,
                f"Relative change of the logits of {_finely(found)} digits against the same digits upright, at "
                f"{FINE} angles: mean of the trainings (line) and all they reach (band).",
            ),
            "By their promise the logits of $C_4$ and $D_4$ come back every 90 degrees exactly and move most between, "
            "those of $C_8$ come back every 45 degrees to what pixels allow, and those of $SO(2)$ stay where they are "
            "to what pixels allow; all steerable curves have to fall to zero at quarter turns, up to "
            "the rounding in the table above.",
            Table(
                ["network", "22.5 degrees", "45 degrees", "67.5 degrees", "largest of 16"], rows,
                "Relative change of the logits, $|f(g x) - f(x)| / |f(x)|$, mean over all test digits and trainings.",
            ),
        ],
    )  # fmt: skip


def _accuracy(found: Found) -> Chapter:
    return Chapter(
        "How many digits are told rightly, over the angle",
        [
            accuracies(
                found,
                f"Accuracy on {_finely(found)} digits at {FINE} angles: mean of the trainings (line) and "
                f"all they reach (band). Circles: on all {len(found.data.test)} test digits at 16 angles.",
            ),
            Table(
                ["network", "mean of 16", "least", "largest", "spread of 16", "mean of 100", "spread of 100"],
                [_accuracies(one) for one in found.networks],
                "In per cent. Mean: over angles, digits and trainings, ± its error of digits and trainings. Least, "
                "largest: of the angles, averaged over the trainings. Spread: the largest less the least, in each "
                "training, then averaged; 0 for an invariant network. One digit is "
                f"{100 / len(found.data.test):.2f} of the 16, {100 / _finely(found):.2g} of the 100.",
            ),
            "For MNIST with random rotations, trained on 12,000 digits for 21 epochs, the course's text has 94.98 for "
            f"$SO(2)$ and 93.84 for $C_4$: with these layers and 8 fields in the first convolution, where they have "
            f"{KINDS['SO2'].width(found.plan.channels)} and {KINDS['C4'].width(found.plan.channels)} here.",
        ],
    )  # fmt: skip


def _accuracies(one: Network) -> list[str]:
    angle = 100 * one.right.mean((0, 2))
    spreads = [100 * spread(right) for right in (one.right, one.fine_right)]
    mean = f"{100 * float(one.fine_right.mean()):.2f}"
    ends = [f"{float(angle.min()):.2f}", f"{float(angle.max()):.2f}"]
    return [one.kind.title, str(estimate(one.right.mean(1))), *ends, f"{spreads[0]:.2f}", mean, f"{spreads[1]:.2f}"]


def _finely(found: Found) -> int:
    """How many digits are judged at the many angles."""
    return found.networks[0].changes.shape[1]


def _mind(found: Found, conclusions: Sequence[Conclusion]) -> Chapter:
    number, best = changing(found), most_stable(found)
    rows = []
    for one in found.networks:
        gap = "" if one is best else str(estimate(one.changes - best.changes))
        verdict = next(
            (made.verdict for made in conclusions if made.claim.endswith(f"less often than {one.kind.noun}")), ""
        )
        floor = 100 * sum(trial.back for trial in one.trials) / len(one.trials)
        rows.append([one.kind.title, str(estimate(one.changes)), f"{floor:.2f}", gap, verdict])
    return Chapter(
        "Changes of mind",
        [
            "An accuracy that is the same at all angles may still be made of different digits at each. The changes of "
            "mind $u$, on the same digits and angles for all networks, see this.",
            told_apart(
                found,
                "Changes of mind over 100 angles: mean and two errors, of trainings and digits together, cut at 0; "
                "dots: each training. Grey bars: share of the digits whose class changes when they are turned and "
                "turned back.",
            ),
            Table(
                ["network", "changes of mind", "turned back", f"more than {best.kind.noun}", "resolved"], rows,
                f"In per cent, ± an error. Fourth column: the paired difference to {best.kind.noun}, on the same "
                "digits and seeds, whose error is smaller than that of either number where they share their difficult "
                'digits. "Turned back": the share of digits whose class interpolation alone changes, over four '
                "angles.",
                words=(0, 4),
            ),
            one_digit(
                found,
                number,
                f"The test digit over which minds change most (a {int(found.data.test_labels[number])}), in 16 "
                "poses, and what each network says of it in its first training. In boxes: wrong.",
            ),
        ],
    )  # fmt: skip


def _limits(found: Found) -> Chapter:
    seeds = found.networks[0].changes.shape[0]
    few = "One training says nothing of the next" if seeds == 1 else f"{seeds} trainings are few"
    return Chapter(
        "What this does not show",
        [
            f"{few}; the errors say so, at the price of differences that stay unresolved. The best "
            "network was picked by the numbers that it is then compared with, which flatters it a little. All "
            f"are small and trained for {found.plan.steps} steps: how long a plain network with "
            "augmentation goes on improving is not asked, and its distance here is one of equal compute, not of "
            "what it can reach. Stability under rotation is worth having only where the class does "
            "not depend on the pose: a 6 and a 9 are told apart here only because digits are written so that "
            "a turned 6 is no 9 (Larochelle et al., 2007, use the same kind of test). "
            "$D_4$ is invariant to mirror images besides, which no test here rewards.",
            "Why an $SO(2)$ network is not perfectly invariant, and which part of the error is due to what, is the "
            "subject of the lab equivariance.",
        ],
    )
