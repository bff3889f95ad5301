"""What the lab realizations trains: tasks, networks, and the verdicts on them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from equigen.graphs.graph import Graph
from equigen.graphs.permuted import renumbered
from equigen.labs.realizations import learning
from equigen.labs.realizations.answering import answered_by
from equigen.labs.realizations.competitors import KINDS, ORDER, built
from equigen.labs.realizations.concluding import concluded
from equigen.labs.realizations.endings import endings
from equigen.labs.realizations.lab import Realizations
from equigen.labs.realizations.learning import graph_without, task_found
from equigen.labs.realizations.setting import ring
from equigen.labs.realizations.tasks import (
    LearnedNetwork,
    Reference,
    TaskFound,
    TaskTrial,
    Training,
    best,
    compared,
)

SHORT = Training(steps=2, width=4, seeds=1, seed=0, signals=60)


def drawn(share: float, seed: int, items: int = 200) -> torch.Tensor:
    return (torch.rand(items, generator=torch.Generator().manual_seed(seed)) < share).double()


def network(name: str, share: float, equivariance: float = 1e-15) -> LearnedNetwork:
    trials = tuple(TaskTrial(drawn(share, 10 * len(name) + k), 0.1, 1.0, equivariance, 0.1, 0.01) for k in range(3))
    return LearnedNetwork(name, 100, trials)


def task(*networks: LearnedNetwork, exact: float = 0.95) -> TaskFound:
    references = (Reference("the exact posterior", drawn(exact, 5), exact=True),)
    return TaskFound("source-localisation", 40, 100, 140, networks, references)


USUAL = task(
    network("gcn", 0.8),
    network("gat", 0.5),
    network("edge-varying-free", 0.9, 0.5),
    network("no-graph", 0.3),
    exact=0.999,
)


@pytest.fixture(scope="module")
def base():
    """Findings on one filter, to which tasks are added."""
    return Realizations(orders=12, data="karate", layers=("gcn",), steps=1, seeds=1, width=2).measure()


def decided(base, *tasks):
    given = replace(base, tasks=tasks)
    made = concluded(given)
    text = " ".join([answered_by(given, made), *endings(given, made).values()])
    return {one.claim: one.verdict for one in made if one.claim.startswith(tasks[0].place)}, text


# --- tasks and networks


@pytest.mark.parametrize("name", list(KINDS))
def test_every_network_is_trained_and_asked(name):
    found = task_found("karate", [name, "no-graph"] if name != "no-graph" else [name], SHORT)
    one = found.networks[0].trials[0]
    assert (one.equivariance < 1e-11) == KINDS[name].equivariant
    assert one.right.shape == (32,)
    if name not in ("no-graph", "edge-varying-free"):
        assert one.moved > 1e-6


def test_source_localisation_is_asked_of_signals_and_has_its_posterior():
    found = task_found("source-localisation", ["gcn", "no-graph"], SHORT)
    assert found.networks[0].right.shape == (1, 12)
    assert [one.name for one in found.references][-1] == "the exact posterior"
    assert found.references[-1].value >= found.references[0].value
    assert found.trained_on == 42


def test_the_network_without_the_graph_sees_no_edges():
    found = task_found("karate", ["no-graph"], SHORT)
    assert (found.blind.trials[0].moved, found.blind.trials[0].lost) == (0.0, 0.0)
    model, _, _ = learning.trained(learning._data("karate", SHORT), "nodes", KINDS["no-graph"], SHORT, 0)
    data = learning._data("karate", SHORT)
    lone = Graph.from_edges([[], []], 34)
    assert not torch.equal(model(lone, data.x), model(data.graph, data.x))  # it could, were it shown them


def test_a_graph_convolution_learns_the_karate_club():
    plan = Training(steps=60, width=8, seeds=2, seed=0, signals=60)
    found = task_found("karate", ["gcn", "no-graph"], plan)
    assert found.networks[0].accuracy.value > 0.85
    assert found.blind.accuracy.value < 0.8


def test_training_leaves_the_global_generator_and_repeats():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    data = learning._data("karate", SHORT)
    first, again = (learning.trained(data, "nodes", KINDS["gat"], SHORT, 0)[2] for _ in range(2))
    assert first == again
    assert torch.equal(torch.rand(1), expected)


def test_edges_are_removed_in_both_directions():
    graph = graph_without(ring(40), 0.05, seed=0)
    assert (graph.entries, graph.symmetric) == (76, True)
    gone = ring(40).dense() - graph.dense()
    assert gone.min() == 0
    assert not torch.equal(graph.dense(), graph_without(ring(40), 0.05, seed=0, draw=1).dense())


def test_free_weights_belong_to_one_graph_in_one_order():
    graph, x = ring(6), torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    free = built(KINDS["edge-varying-free"], graph, 2, 1, (3,), 0.0, 0)
    with torch.no_grad():
        free.layers[0].factors.copy_(torch.rand(free.layers[0].factors.shape))
    g = torch.tensor([1, 2, 3, 4, 0, 5])
    assert not torch.allclose(free(renumbered(graph, g), x[g.argsort()])[g], free(graph, x), atol=1e-4)
    same = built(KINDS["edge-varying"], graph, 2, 1, (3,), 0.0, 0)
    assert torch.allclose(same(renumbered(graph, g), x[g.argsort()])[g], same(graph, x), atol=1e-5)


# --- verdicts


def test_those_that_do_not_commute_are_not_ranked():
    assert best(USUAL).name == "gcn"
    assert compared(best(USUAL), USUAL.blind).value > 0.3


def test_the_usual_verdicts(base):
    verdicts, text = decided(base, USUAL)
    free = "on source localisation GCN is more accurate than Edge-varying, free (in points)"
    assert verdicts.pop(free) == "no"
    assert set(verdicts.values()) == {"yes"}
    assert len(verdicts) == 5
    assert "Of the networks that commute with renumbering GCN is right most often" in text
    assert "It is ahead of GAT, the next." in text
    assert "free weights on edges, which is not ranked, is right more often, " in text


@pytest.mark.parametrize(
    ("given", "words", "sentence"),
    [
        (task(network("gcn", 0.8, 0.1), network("no-graph", 0.3)), "trained networks commute", "not all networks"),
        (
            task(network("gcn", 0.8), network("edge-varying-free", 0.9), network("no-graph", 0.3)),
            "free weights on edges",
            "on edges commutes, too",
        ),
        (task(network("gcn", 0.3), network("no-graph", 0.8)), "than the network without", "which is no more than the"),
        (task(network("gcn", 0.9), network("no-graph", 0.3), exact=0.5), "the exact posterior is", "GCN is as good as"),
        (
            task(network("gcn", 0.8), network("edge-varying-free", 1.0, 0.5), network("no-graph", 0.3)),
            "the exact posterior is",
            "Edge-varying, free is as good as",
        ),
        (
            task(network("gcn", 0.5), network("edge-varying-free", 0.9, 0.5), network("no-graph", 0.3)),
            "GCN is more accurate than Edge-varying, free",
            "is right more often",
        ),
    ],
    ids=["commute", "free", "blind", "posterior", "posterior of a free network", "free and right"],
)
def test_a_changed_number_turns_the_verdict(base, given, words, sentence):
    verdicts, text = decided(base, given)
    assert [verdict for claim, verdict in verdicts.items() if words in claim] == ["no"]
    assert sentence in text


def test_near_networks_are_not_told_apart(base):
    verdicts, _ = decided(base, task(network("gcn", 0.8), network("gat", 0.79), network("no-graph", 0.3)))
    assert verdicts["on source localisation GCN is more accurate than GAT (in points)"] == "not resolved"


def test_accuracies_are_compared_in_points(base):
    given = task(network("gcn", 0.8), network("gat", 0.79), network("no-graph", 0.3))
    first, second = given.networks[:2]
    made = concluded(replace(base, tasks=[given]))
    told = next(one for one in made if one.claim.endswith("than GAT (in points)"))
    assert told.measured == pytest.approx(100 * (first.accuracy.value - second.accuracy.value))
    assert 0.5 < told.error < 10


def test_of_two_networks_the_one_named_alike_is_not_taken(base):
    """GAT's sentence is not GATv2's, nor the edge-varying network's the free one's."""
    given = task(network("gcn", 0.9), network("gatv2", 0.3), network("gat", 0.6), network("no-graph", 0.3))
    assert "It is ahead of GAT, the next." in decided(base, given)[1]


def test_an_equivariance_that_is_no_number_decides_nothing(base):
    nan = float("nan")
    given = task(network("gcn", 0.8), network("gat", 0.5, nan), network("edge-varying-free", 0.9, 0.5),
                 network("no-graph", 0.3))  # fmt: skip
    commuting = "on source localisation trained networks commute with renumbering in double precision"
    assert decided(base, given)[0][commuting] == "not resolved"
    first, free, last = network("gcn", 0.8), network("edge-varying-free", 0.9, 0.5), network("no-graph", 0.3)
    lost = replace(free, trials=(*free.trials[:2], replace(free.trials[2], equivariance=nan)))
    verdicts, _ = decided(base, task(first, lost, last))
    assert verdicts["on source localisation free weights on edges do not commute with it"] == "not resolved"


def test_features_that_are_numbers_are_asked_anew(base):
    """On the karate club alone: made anew they cost accuracy; where they do not the verdict turns."""
    found = task_found("karate", ["gcn", "no-graph"], Training(steps=60, width=16, seeds=3, seed=0, signals=60))
    verdicts, text = decided(base, found)
    claim = "on the karate club features made anew after a renumbering cost GCN accuracy (in points)"
    assert verdicts[claim] == "yes"
    assert "Made anew after a renumbering they cost GCN accuracy" in text
    kept = [replace(trial, anew=trial.right) for trial in found.networks[0].trials]
    same = replace(found, networks=(replace(found.networks[0], trials=tuple(kept)), found.networks[1]))
    verdicts, text = decided(base, same)
    assert verdicts[claim] == "no"
    assert "they cost GCN nothing" in text
    assert task_found("source-localisation", ["gcn", "no-graph"], SHORT).networks[0].anew is None


@pytest.mark.parametrize(("name", "hops"), [("gcn", 3), ("gat", 3), ("gin", 3), ("chebyshev", 6), ("edge-varying", 6)])
def test_the_reach_that_the_limits_name(name, hops):
    """On a chain, how far from its source a node's result still moves with the features."""
    n = 12
    chain = Graph.from_edges([list(range(n - 1)), list(range(1, n))], n, undirected=True)
    network = built(KINDS[name], chain, 1, 1, (8, 8), 0.0, 0).double()
    x = (1.0 + torch.rand(n, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)).requires_grad_()
    network(chain, x)[0, 0].backward()
    assert int(x.grad[:, 0].nonzero().max()) == hops
    assert hops in (3, 3 * ORDER)


def test_one_training_ranks_nothing(base):
    lone = task(*(replace(one, trials=one.trials[:1]) for one in USUAL.networks))
    verdicts, _ = decided(base, lone)
    assert verdicts["on source localisation GCN is more accurate than GAT (in points)"] == "not resolved"


def test_a_network_that_looks_at_the_order_of_nodes_is_found(base, monkeypatch):
    class Ordered(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.network = network

        def forward(self, graph, x):
            return self.network(graph, x + 0.1 * torch.arange(x.shape[-2]).to(x)[:, None])

    right = learning.built
    monkeypatch.setattr(learning, "built", lambda *args: Ordered(right(*args)))
    verdicts, text = decided(base, task_found("karate", ["gcn", "no-graph"], SHORT))
    assert verdicts["on the karate club trained networks commute with renumbering in double precision"] == "no"
    assert "not all networks" in text
