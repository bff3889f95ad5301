"""The chapters of the lab realizations on what networks of these layers learn."""

from __future__ import annotations

import math
from collections.abc import Sequence

from equigen.labs.extremes import largest
from equigen.labs.on_the_line import cautious_error
from equigen.labs.realizations.competitors import KINDS, ORDER
from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.learned_figures import accuracies
from equigen.labs.realizations.learning import NOISE, REMOVED, SPREAD
from equigen.labs.realizations.tasks import LearnedNetwork, TaskFound
from equigen.labs.realizations.wording import told
from equigen.report.document import Block, Chapter, Formula, Table

__all__ = ["learned_chapters", "limits_chapter"]

_SHORT = {"source-localisation": "sources", "karate": "karate", "cora": "Cora"}

_ABOUT = {
    "source-localisation": "A signal that was 1 at one node and 0 elsewhere has spread for an unknown time $t$, 0 to "
    f"{SPREAD} steps, and has noise of {NOISE:g}: $x = S^t \\delta_s + n$. From which of 4 communities did it come? "
    "The network gives each node a number, the softmax over nodes says how likely each is the source, and the nodes "
    "of a community are added up, so that the network without the graph, too, is told which nodes form a community. "
    "With the law of the signals known, the exact posterior is a sum over all $s$ and "
    "$t$; no network can be right more often on average.",
    "karate": "The 34 members of a karate club (Zachary, 1977) chose one of two clubs when theirs broke up. The two "
    "leaders' choices are given, the other 32 are asked for. The features are the members' numbers, one-hot, so that "
    "without the graph nothing is known of those who were not seen; they are carried along when nodes are renumbered.",
    "cora": "2,708 papers, 5,278 citations, the words in each paper; which of 7 fields is it of? 140 labels are given, "
    "1,000 are asked for (the public split). Trained with dropout 0.5 and weight decay 5e-4 (Kipf and Welling, 2017).",
}


def learned_chapters(found: Found) -> list[Chapter]:
    """What was trained, one table, and a picture."""
    if not found.tasks:
        return []
    return [_tasks(found), _table(found)]


def _tasks(found: Found) -> Chapter:
    blocks: list[Block] = [
        "Networks that differ in their layer alone: two layers (one for nodes that are told apart) of the same width "
        f"with a rectifier after each, then one more to the result; where a kind lets one choose, of order {ORDER}. "
        "All are trained by Adam at 0.01 for the same number of steps.",
    ]
    for task in found.tasks:
        blocks.append(f"{task.title}. {_ABOUT[task.name]}")
    blocks.append(
        "Two networks stand beside them. One is a GCN to which the graph is not shown. The other, edge-varying with a "
        "free number on each edge, knows each edge of its graph by name. Ranked "
        "are those that see the graph and commute with renumbering, which leaves out both."
    )
    return Chapter("What they learn", blocks)


def _table(found: Found) -> Chapter:
    rows = [_row(task, one) for task in found.tasks for one in task.networks]
    rows += [
        _reference(_SHORT[task.name], one.name, one.value, one.error) for task in found.tasks for one in task.references
    ]
    seeds = len(found.tasks[0].networks[0].trials)
    return Chapter(
        "One table",
        [
            accuracies(
                found.tasks,
                f"Accuracy on the test part: mean (dot) and each training (strokes, {seeds}). Squares: the network "
                "without the graph, and the one that does not commute with renumbering.",
            ),
            "Equivariance is asked of every trained network: nodes are renumbered at random, and its results have to "
            "be renumbered alike,",
            Formula(r"\dfrac{|f(P S P^T, P x) - P f(S, x)|}{|f(S, x)|}"),
            f"Stability is how far logits move, against their size, when {100 * REMOVED:.0f} % of the edges are "
            "removed at random, and what that costs in accuracy.",
            Table(
                ["task and network", "accuracy (%)", "parameters", "ms", "equivariance", "moved", "lost"],
                rows,
                "Accuracy with its error over trainings and test items; ms: median time of a training step; "
                "equivariance: largest relative error in double precision over 4 renumberings and all trainings; "
                "moved: relative change of the logits, their mean over classes taken off, and lost: points of "
                "accuracy, means over 5 draws of removed edges and all trainings, with the error over trainings where "
                "there are several. A dash where it cannot be asked: "
                "free weights belong to edges, and there are fewer.",
                words=(0,),
            ),
            _kinds(),
        ],
    )  # fmt: skip


def _row(task: TaskFound, one: LearnedNetwork) -> list[str]:
    count = len(one.trials)
    moved, lost = [trial.moved for trial in one.trials], [100 * trial.lost for trial in one.trials]
    asked = one.kind.any_graph
    return [
        f"{_SHORT[task.name]}: {one.kind.title}",
        str(one.accuracy),
        f"{one.parameters:,}",
        f"{sum(trial.milliseconds for trial in one.trials) / count:.1f}",
        told(largest(trial.equivariance for trial in one.trials)),
        _mean(moved, 3) if asked else "-",
        _mean(lost, 1) if asked else "-",
    ]


def _mean(values: Sequence[float], digits: int) -> str:
    """Over trainings, with its error where there are several."""
    mean, error = round(sum(values) / len(values), digits) + 0.0, cautious_error(values)
    if mean == 0.0 == error:
        return "0"
    return f"{mean:.{digits}f} ± {error:.{digits}f}" if math.isfinite(error) else f"{mean:.{digits}f}"


def _reference(title: str, name: str, value: float, error: float) -> list[str]:
    return [f"{title}: {name}", f"{100 * value:.2f} ± {100 * error:.2f}", *["-"] * 5]


def _kinds() -> str:
    kinds: dict[str, list[str]] = {}
    for one in KINDS.values():
        if one.sees_graph:
            kinds.setdefault(one.nesting, []).append(one.title)
    return "By kind: " + "; ".join(f"{kind}: {', '.join(names)}" for kind, names in kinds.items()) + "."


def limits_chapter(found: Found) -> Chapter:
    """What none of this shows."""
    reach = (
        f" Nor are they equal in reach: three layers of order {ORDER} hear over {3 * ORDER} edges, three of a kind "
        f"without an order over 3, while a signal spreads over up to {SPREAD}: a network may be ahead for that alone."
    )
    asked = any(task.name == "source-localisation" for task in found.tasks)
    return Chapter(
        "What this does not show",
        [
            "Errors of single precision are those of a few signals on graphs of some dozens of nodes; their order of "
            "growth is a law, their size is not. The costs count what a form does, not what a processor does at a "
            "time: which form is fastest on a large graph is measured by the benchmark of graph filters. The tasks "
            "are small, the networks are equal in width and training and not in parameters, cost or tuning, and the "
            "best of several looks a little better than it is because it was chosen among them: a ranking on these "
            f"tasks is no ranking of layers.{reach if asked else ''} Nothing here asks what happens on a graph that "
            "was not trained on."
        ],
    )
