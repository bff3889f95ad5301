"""Sets of signals on graphs: the karate club, the citations of Cora, and sources to be found on a random graph."""

from __future__ import annotations

import os
from pathlib import Path

import networkx
import numpy as np
import torch
from torch import Tensor

from equigen.data.errors import DataError
from equigen.data.graph_signals import GraphSignals
from equigen.graphs.graph import Graph
from equigen.graphs.shifts import normalised_adjacency
from equigen.random import Stream, integers, normal, permutation, uniform

__all__ = ["block_model", "cora", "karate", "source_localisation", "source_probabilities"]


def karate() -> GraphSignals:
    """The 34 members of a karate club and their 78 friendships; which of two clubs each chose when it broke up.

    Features are the nodes' numbers, one-hot. The two leaders, nodes 0 and 33, are the part "train"; the other 32
    members "test".

    Source: W. Zachary, An information flow model for conflict and fission in small groups, 1977; as networkx has it,
        without the weights.

    Example:
        >>> club = karate()
        >>> club.graph.nodes, club.graph.entries // 2, club.labels.sum().item()
        (34, 78, 17)
    """
    club = networkx.karate_club_graph()
    names = ("Mr. Hi", "Officer")
    labels = torch.tensor([names.index(club.nodes[node]["club"]) for node in range(len(club))])
    graph = Graph.from_edges(torch.tensor(list(club.edges)).T, len(club), undirected=True)
    train = torch.zeros(len(club), dtype=torch.bool)
    train[[0, len(club) - 1]] = True
    x = torch.eye(len(club))[None]
    return GraphSignals("karate", graph, x, labels[None], names, nodes={"train": train, "test": ~train})


def cora(data_dir: Path | str | None = None) -> GraphSignals:
    """The 2,708 papers of Cora in 7 fields, their 5,278 citations, and which of 1,433 words each holds.

    Features are divided by their number in each paper. The parts are the public split: 20 papers of each field for
    training, 500 for validation, 1,000 for testing.

    Args:
        data_dir: folder of `cora.npz`; None: $EQUIGEN_DATA/graphs.

    Raises:
        DataError: the file is not there, or is another.

    Source: Z. Yang, W. Cohen, R. Salakhutdinov, Revisiting semi-supervised learning with graph embeddings, 2016 (the
        split); features divided as by T. Kipf, M. Welling, 2017, section 5.1.

    Example:
        >>> cora("nowhere")
        Traceback (most recent call last):
            ...
        equigen.data.errors.DataError: nowhere has no cora.npz: cora(data_dir=...) reads it from another folder.
    """
    path = _located(data_dir)
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {name: torch.from_numpy(file[name].astype(np.int64)) for name in file.files}
        n = len(held["labels"])
        rows = torch.arange(n).repeat_interleave(held["indptr"].diff())
        graph = Graph.from_edges(torch.stack((held["indices"], rows)), n)
        words = torch.zeros(n, int(held["num_features"]))
        words[torch.arange(n).repeat_interleave(held["feat_indptr"].diff()), held["feat_indices"]] = 1.0
        nodes = {
            name: torch.zeros(n, dtype=torch.bool).index_fill(0, held[key], True)
            for name, key in (("train", "train_idx"), ("validation", "val_idx"), ("test", "test_idx"))
        }
    except (KeyError, OSError, ValueError, IndexError, RuntimeError) as error:
        raise DataError(f"{path} is not the Cora that is read here ({error}): fetch it again.") from error
    x = words / words.sum(1, keepdim=True).clamp(min=1.0)
    return GraphSignals("cora", graph, x[None], held["labels"][None], nodes=nodes)


def _located(data_dir: Path | str | None) -> Path:
    root = os.environ.get("EQUIGEN_DATA") if data_dir is None else None
    folder = Path(root) / "graphs" if root else Path(data_dir or ".")
    if not (folder / "cora.npz").is_file():
        raise DataError(f"{folder} has no cora.npz: cora(data_dir=...) reads it from another folder.")
    return folder / "cora.npz"


def block_model(nodes: int, communities: int, inside: float, between: float, *, seed: int) -> tuple[Graph, Tensor]:
    """A graph whose edges are independent: likely inside a community, less likely between two.

    Args:
        nodes: number of them, dealt out to the communities in turn, so that they differ in size by one at most.
        communities: number of them.
        inside: probability of an edge between two nodes of one community.
        between: the same for two communities.
        seed: the graph is a pure function of it and of the rest.

    Returns:
        The graph, undirected; and the community of each node, int64 (n,).

    Raises:
        ValueError: fewer nodes than communities, or no probabilities.

    Source: P. Holland, K. Laskey, S. Leinhardt, Stochastic blockmodels: first steps, 1983.

    Example:
        >>> graph, community = block_model(6, 2, inside=1.0, between=0.0, seed=0)
        >>> community.tolist(), graph.dense()[0].tolist()
        ([0, 1, 0, 1, 0, 1], [0.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    """
    if not 1 <= communities <= nodes or not (0.0 <= inside <= 1.0 and 0.0 <= between <= 1.0):
        raise ValueError(
            f"nodes={nodes}, communities={communities}, inside={inside}, between={between}, but a block model has a "
            "node or more for each community and probabilities in [0, 1]: block_model(100, 5, 0.8, 0.05, seed=0)."
        )
    community = torch.arange(nodes) % communities
    chance = torch.where(community[:, None] == community, inside, between)
    drawn = uniform((nodes,), seed=seed, stream=Stream.LAW, item=torch.arange(nodes), dtype=torch.float64)
    edges = (drawn < chance).triu(1).nonzero().T
    return Graph.from_edges(edges, nodes, undirected=True), community


def source_localisation(
    nodes: int = 100,
    communities: int = 5,
    *,
    inside: float = 0.8,
    between: float = 0.05,
    signals: int = 2000,
    steps: int = 10,
    noise: float = 0.01,
    seed: int = 0,
) -> GraphSignals:
    """Find the community that a spreading signal came from: x = S^t delta_s + noise z, and the label is that of s.

    S is the normalised adjacency of a block model, s a node and t in 0, ..., `steps` a time, all alike likely. Nothing
    but the graph tells communities apart, and a function of the whole graph that does not change when nodes are
    renumbered cannot name one: the communities of the nodes are given with the signals, and a model says how likely
    each node is the source (`GraphModel` with the task "communities").

    The parts "train", "validation" and "test" are 70, 10 and 20 % of the signals, at random.

    Args:
        nodes: of the graph.
        communities: of the graph.
        inside: probability of an edge inside a community.
        between: probability of one between two.
        signals: number of them, 10 or more.
        steps: longest time.
        noise: standard deviation of the noise of each node.
        seed: the set is a pure function of it and of the rest.

    Raises:
        ValueError: numbers out of range.

    Source: the task as F. Gama, A. Marques, G. Leus, A. Ribeiro, Convolutional neural network architectures for signals
        supported on graphs, IEEE TSP 2019, section V-A, there with one source in each community and S = A / lambda_max.

    Example:
        >>> found = source_localisation(20, 2, signals=50)
        >>> found.x.shape, found.labels.shape, len(found.part("train"))
        (torch.Size([50, 20, 1]), torch.Size([50]), 35)
    """
    if signals < 10 or steps < 0 or noise < 0:
        raise ValueError(
            f"signals={signals}, steps={steps}, noise={noise}, but 10 signals, 0 steps and no noise are the least."
        )
    graph, community = block_model(nodes, communities, inside, between, seed=seed)
    item = torch.arange(signals)
    source = integers(nodes, (), seed=seed, stream=Stream.LAW, item=item, draw=1)
    time = integers(steps + 1, (), seed=seed, stream=Stream.LAW, item=item, draw=2)
    z = normal((nodes,), seed=seed, stream=Stream.LAW, item=item, draw=3, dtype=torch.float64)
    x = _spread(graph, steps)[time, source] + noise * z
    order = permutation(signals, seed=seed, stream=Stream.SPLIT)
    ends = [0, signals * 7 // 10, signals * 8 // 10, signals]
    parts = {
        name: torch.zeros(signals, dtype=torch.bool).index_fill(0, order[ends[k] : ends[k + 1]], True)
        for k, name in enumerate(("train", "validation", "test"))
    }
    return GraphSignals(
        "source-localisation", graph, x.float()[..., None], community[source], community=community, items=parts
    )


def source_probabilities(x: Tensor, graph: Graph, community: Tensor, *, steps: int, noise: float) -> Tensor:
    """The exact probability of each community given a signal: what no model of `source_localisation` can better.

    p(s, t | x) is proportional to exp(-|x - S^t delta_s|^2 / (2 noise^2)), summed over t and over s in a community.

    Args:
        x: signals (B, n, 1).
        graph: that they live on.
        community: of each node, int64 (n,).
        steps: as they were made with.
        noise: as they were made with, positive.

    Returns:
        float64 (B, communities).

    Raises:
        ValueError: no noise.

    Example:
        >>> found = source_localisation(20, 2, signals=50)
        >>> p = source_probabilities(found.x, found.graph, found.community, steps=10, noise=0.01)
        >>> p.shape, bool((p.sum(1) - 1).abs().max() < 1e-12)
        (torch.Size([50, 2]), True)
    """
    if not noise > 0:
        raise ValueError(f"noise is {noise}, but without noise a signal has no probability: noise=0.01, say.")
    centres = _spread(graph, steps).reshape(-1, graph.nodes)
    distance = torch.cdist(x[..., 0].double(), centres, compute_mode="donot_use_mm_for_euclid_dist")
    by_node = torch.log_softmax(-0.5 * (distance / noise) ** 2, dim=1).exp()
    by_node = by_node.reshape(len(x), steps + 1, graph.nodes).sum(1)
    return by_node.new_zeros(len(x), int(community.max()) + 1).index_add(1, community, by_node)


def _spread(graph: Graph, steps: int) -> Tensor:
    """S^t delta_s for every time and source, float64 (steps + 1, n, n)."""
    shift = normalised_adjacency(graph)
    at = [torch.eye(graph.nodes, dtype=torch.float64)]
    for _ in range(steps):
        at.append(shift.product(at[-1]))
    return torch.stack(at).mT
