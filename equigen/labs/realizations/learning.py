"""Graph networks that differ in one thing, the layer, trained on the same tasks and judged alike.

Tasks: the community that a spreading signal came from, on a graph with communities; which side each member of a karate
club took; the fields of papers (Cora). All networks have the same widths, function and training. Besides being right,
each is asked how far it is from commuting with a renumbering of the nodes, in double precision, and how far its logits
move when a share of the edges is removed.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from equigen import random
from equigen.data.graph_sets import cora, karate, source_localisation, source_probabilities
from equigen.data.graph_signals import GraphSignals
from equigen.graphs.graph import Graph
from equigen.graphs.permuted import renumbered
from equigen.labs.realizations.competitors import KINDS, Competitor, built
from equigen.labs.realizations.tasks import LearnedNetwork, Reference, TaskFound, TaskTrial, Training
from equigen.networks.graph_model import GraphModel
from equigen.spaces.batch import Batch
from equigen.symmetry.permuting import permutation_error

__all__ = ["NOISE", "REMOVED", "SPREAD", "graph_without", "task_found", "trained"]

REMOVED = 0.05
"""Share of the edges that is removed."""

_DRAWS = 5  # of removed edges
_PERMUTATIONS = 4
_ANEW = 20  # renumberings after which features are made anew
_BATCH = 32  # signals of a step, at most
_SIGNALS = 16  # on which a network is asked whether it commutes
SPREAD, NOISE = 8, 0.005
"""Longest time of a spreading signal, and the standard deviation of its noise."""


def task_found(name: str, layers: Sequence[str], plan: Training) -> TaskFound:
    """Train and judge all networks on one task.

    Args:
        name: of the task.
        layers: names of networks; the one without the graph comes last.
        plan: how.
    """
    data = _data(name, plan)
    kind = "communities" if data.community is not None else "nodes"
    networks = []
    for layer in layers:
        trials, parameters = [], 0
        for k in range(plan.seeds):
            model, milliseconds, loss = trained(data, kind, KINDS[layer], plan, plan.seed + k)
            trials.append(_judged(model, data, KINDS[layer], milliseconds, loss, plan.seed + k))
            parameters = sum(one.numel() for one in model.parameters())
        networks.append(LearnedNetwork(layer, parameters, tuple(trials)))
    seen = data.part("train")
    count = len(seen) if kind == "communities" else int(_counted(seen.whole()).sum())
    return TaskFound(
        name, data.graph.nodes, data.graph.entries // 2, count, tuple(networks), _references(data, plan, kind)
    )


def _data(name: str, plan: Training) -> GraphSignals:
    if name == "source-localisation":
        return source_localisation(
            60, 4, inside=0.3, between=0.06, signals=plan.signals, steps=SPREAD, noise=NOISE, seed=plan.seed
        )
    return karate() if name == "karate" else cora()


def trained(
    data: GraphSignals, kind: str, competitor: Competitor, plan: Training, seed: int
) -> tuple[GraphModel, float, list[float]]:
    """A network after training, the median milliseconds of a step, and the losses.

    Adam at 0.01; on Cora with the weight decay and dropout of Kipf and Welling, 2017.
    """
    out = 1 if kind == "communities" else int(data.labels.max()) + 1  # type: ignore[union-attr]
    classes = int(data.labels.max()) + 1  # type: ignore[union-attr]
    widths = (plan.width, plan.width) if kind == "communities" else (plan.width,)
    dropout, decay = (0.5, 5e-4) if data.name == "cora" else (0.0, 0.0)
    network = built(competitor, data.graph, data.x.shape[-1], out, widths, dropout, seed)
    model = GraphModel(network, kind, [str(k) for k in range(classes)])  # type: ignore[arg-type]
    source = data.part("train")
    size = min(len(source), _BATCH)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=decay)
    losses, times = [], []
    model.train()
    with random.fork(seed=seed, stream=random.Stream.DROPOUT):
        for step in range(plan.steps):
            batch = _seen(source.batch(size, seed, step), competitor)
            start = time.perf_counter()
            loss = model.loss(batch, seed, step)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            times.append(time.perf_counter() - start)
            losses.append(float(loss.detach()))
    return model.eval(), 1e3 * float(torch.tensor(times).median()), losses


def _seen(batch: Batch, competitor: Competitor) -> Batch:
    """The batch, without edges for the network that does not see the graph."""
    if competitor.sees_graph:
        return batch
    return replace(batch, structure=Graph.from_edges([[], []], batch.structure.nodes))


@torch.no_grad()
def _judged(
    model: GraphModel, data: GraphSignals, competitor: Competitor, milliseconds: float, loss: list[float], seed: int
) -> TaskTrial:
    test = _seen(data.part("test").whole(), competitor)
    logits = model(test.structure, test.x, test.condition.get("community"))
    right = _right(logits, test)
    last = loss[-max(1, len(loss) // 10) :]
    moved, lost = math.nan, math.nan
    if competitor.any_graph:
        moved, lost = _without_edges(model, test, logits, right, seed, competitor)
    commuting, anew = _commuting(model, test, seed), _anew(model, test, seed)
    return TaskTrial(right, sum(last) / len(last), milliseconds, commuting, moved, lost, anew)


def _anew(model: GraphModel, test: Batch, seed: int) -> Tensor | None:
    """How often each test item is told rightly if the numbers of renumbered nodes are their features, (M,).

    None where the features are not the nodes' numbers, one-hot.
    """
    n = test.structure.nodes
    if test.x.shape != (1, n, n) or not torch.equal(test.x[0], torch.eye(n)):
        return None
    told = []
    for draw in range(_ANEW):
        g = random.permutation(n, seed=seed, stream=random.Stream.ELEMENT, item=2, draw=draw)
        told.append(_right(model(renumbered(test.structure, g), test.x)[:, g], test))
    return torch.stack(told).mean(0)


def _right(logits: Tensor, test: Batch) -> Tensor:
    """Whether each test item is told rightly, float64 (M,)."""
    same = logits.argmax(-1) == test.condition["label"]
    return (same[_counted(test)] if same.ndim > 1 else same).double()


def _counted(batch: Batch) -> Tensor:
    return (
        batch.condition["counted"]
        if "counted" in batch.condition
        else torch.ones_like(batch.x[..., 0], dtype=torch.bool)
    )


def _commuting(model: GraphModel, test: Batch, seed: int) -> float:
    """Relative error over renumberings of what the network gives the nodes, in double precision."""
    exact: nn.Module = copy.deepcopy(model.network).double()
    found = permutation_error(exact, test.structure, test.x[:_SIGNALS].double(), permutations=_PERMUTATIONS, seed=seed)
    return found.largest


def _without_edges(
    model: GraphModel, test: Batch, logits: Tensor, right: Tensor, seed: int, competitor: Competitor
) -> tuple[float, float]:
    """Relative change of the centred logits when edges are removed, and the accuracy lost."""
    if not competitor.sees_graph:
        return 0.0, 0.0
    centred = logits - logits.mean(-1, keepdim=True)
    moved, lost = [], []
    for draw in range(_DRAWS):
        graph = graph_without(test.structure, REMOVED, seed, draw)
        there = model(graph, test.x, test.condition.get("community"))
        apart = there - there.mean(-1, keepdim=True) - centred
        moved.append(float(apart.norm() / centred.norm()))
        lost.append(float(right.mean() - _right(there, test).mean()))
    return sum(moved) / _DRAWS, sum(lost) / _DRAWS


def graph_without(graph: Graph, share: float, seed: int, draw: int = 0) -> Graph:
    """A graph with a share of its undirected edges removed at random, one at least if there is one.

    Args:
        graph: symmetric, without loops.
        share: in [0, 1].
        seed: of the draw.
        draw: which of several.

    Example:
        >>> from equigen.labs.realizations.setting import ring
        >>> graph_without(ring(20), 0.1, seed=0).entries
        36
    """
    rows, columns = graph.rows.long(), graph.columns.long()
    above = (rows < columns).nonzero()[:, 0]
    gone = math.ceil(share * len(above))
    order = random.permutation(len(above), seed=seed, stream=random.Stream.ELEMENT, item=1, draw=draw)
    kept = above[order[gone:].sort().values]
    weights = None if graph.weights is None else graph.weights[kept]
    return Graph.from_edges(torch.stack((columns[kept], rows[kept])), graph.nodes, weights, undirected=True)


def _references(data: GraphSignals, plan: Training, kind: str) -> tuple[Reference, ...]:
    test = data.part("test").whole()
    label = test.condition["label"]
    label = label if kind == "communities" else label[_counted(test)]
    most = label.bincount().argmax()
    made = [Reference("the most frequent class", (label == most).double())]
    if data.community is not None:
        loudest = data.community[test.x[..., 0].argmax(1)]
        made.append(Reference("the community of the loudest node", (loudest == label).double()))
        p = source_probabilities(test.x, data.graph, data.community, steps=SPREAD, noise=NOISE)
        made.append(Reference("the exact posterior", (p.argmax(1) == label).double(), exact=True))
    return tuple(made)
