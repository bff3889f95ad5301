"""A graph network and what it is for: what is trained, stored and judged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen.graphs.structure import Graphs
from equigen.spaces.batch import Batch

__all__ = ["GraphModel", "GraphTask"]

GraphTask = Literal["nodes", "graphs", "communities", "regression"]


class GraphModel(nn.Module):
    """Classes of nodes, of whole graphs or signals, or numbers, from the features of the nodes of a graph.

        nodes          p(label_i) = softmax(f(x)_i)                 cross entropy, over the nodes that count
        graphs         p(label) = softmax(f(x))                     of a network with a readout
        communities    p(label = c) = sum over i in c of p_i,       p = softmax(f(x)) over the nodes, one feature each
        regression     y = f(x)                                     mean square error, over the nodes that count

    The third says which node a signal came from and adds up the nodes of each community: a function of the graph that
    does not change with the numbers of the nodes cannot tell communities apart by a readout, since nothing names them.

    What is not known of a node that does not count may be anything: -1 for a label, NaN for a value.

    Args:
        network: f, called as network(graph, x); a `GraphNetwork`, with a readout for "graphs", without one for "nodes"
            and "communities", and either way for regression.
        task: "nodes", "graphs", "communities" or "regression".
        classes: names of the classes, in the order of the logits; () for regression.

    Raises:
        ValueError: an unknown task, or fewer than two classes where there are some.

    Source: the third as the marginal of a posterior over sources; the others as usual.

    Example:
        >>> from equigen.graphs.graph import Graph
        >>> from equigen.networks.graph_network import GraphNetwork
        >>> model = GraphModel(GraphNetwork("gcn", 1, 2), "nodes", classes=["a", "b"]).eval()
        >>> path = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> model.predict(path, torch.zeros(1, 3, 1)).tolist()                       # no features: equal logits
        [[0, 0, 0]]
    """

    def __init__(self, network: nn.Module, task: GraphTask, classes: Sequence[str] = ()) -> None:
        super().__init__()
        if task not in get_args(GraphTask):
            raise ValueError(f"task is {task!r}, but it is one of {', '.join(get_args(GraphTask))}: task='nodes'.")
        if (len(classes) > 0) == (task == "regression") or len(classes) == 1:
            raise ValueError(
                f"classes is {list(classes)} for the task {task!r}, but two names or more tell classes apart, and "
                "regression has none."
            )
        self.network, self.task, self.classes = network, task, tuple(str(name) for name in classes)

    def forward(self, graph: Graphs, x: Tensor, community: Tensor | None = None) -> Tensor:
        """What the network says of signals on a graph.

        Args:
            graph: the one that all signals live on, or padded graphs, one for each.
            x: features (B, n, F).
            community: of each node, int64 (B, n), for the task "communities".

        Returns:
            Logits (B, n, classes) of nodes, or (B, classes); for "communities" log p. For regression the numbers,
            (B, n, k) or with a readout (B, k).

        Raises:
            ValueError: no communities where they are needed, or another shape than the task has.
        """
        y = self.network(graph, x)
        if self.task == "communities":
            return self._by_community(graph, y, community)
        one_graph = y.ndim == x.ndim and y.shape[-2] == 1 and (self.task == "graphs" or x.shape[-2] > 1)
        y = y.squeeze(-2) if one_graph else y  # the readout of a graph that all signals live on
        if self.classes:
            self._require_logits(y, x)
        return y

    def _require_logits(self, y: Tensor, x: Tensor) -> None:
        """A logit for each class, of each node or of each signal."""
        of, readout = (x.shape[:-1], "no readout") if self.task == "nodes" else (x.shape[:-2], "a readout")
        needed = (*of, len(self.classes))
        if tuple(y.shape) != needed:
            raise ValueError(
                f"the network gives {tuple(y.shape)}, but the task {self.task!r} needs {needed}: a network with "
                f"{readout} and out_features={len(self.classes)}, on one graph or on padded graphs, one for each "
                "signal."
            )

    def _by_community(self, graph: Graphs, y: Tensor, community: Tensor | None) -> Tensor:
        """log p of each community, (B, classes)."""
        fits = y.ndim == 3 and community is not None and y.shape == (*community.shape, 1)
        if community is None or not fits:
            raise ValueError(
                f"the network gives {tuple(y.shape)} and community is "
                f"{None if community is None else tuple(community.shape)}, but the source is told from one number for "
                "each node, (B, n, 1), and the nodes' communities, (B, n): a network with out_features=1 and no "
                "readout, and community=community.expand(len(x), -1)."
            )
        there = y[..., 0] if graph.real is None else y[..., 0].masked_fill(~graph.real, -torch.inf)
        log_p = torch.log_softmax(there, dim=-1)
        of = community[..., None] == torch.arange(len(self.classes), device=y.device)
        return torch.where(of, log_p[..., None], -torch.inf).logsumexp(-2)

    def logits(self, graph: Graphs, x: Tensor, community: Tensor | None = None) -> Tensor:
        """The same as calling the model.

        Raises:
            ValueError: the model has no classes.
        """
        if not self.classes:
            raise ValueError("the task is 'regression', which has no logits: call the model, or predict.")
        return self(graph, x, community)

    @torch.no_grad()
    def predict(self, graph: Graphs, x: Tensor, community: Tensor | None = None) -> Tensor:
        """Class numbers int64 (B, n) of nodes or (B,), the largest logit; for regression the numbers."""
        found = self(graph, x, community)
        return found.argmax(-1) if self.classes else found

    def loss(self, batch: Batch, seed: int, step: int) -> Tensor:
        """The mean over the items of their mean loss: cross entropy in nats, or square error.

        Args:
            batch: signals (B, n, F); its structure is the graph; conditions `label` or `value`, and where there are
                some `counted`, bool (B, n), and `community`, int64 (B, n).
            seed: not used; dropout draws from torch's generator, which the trainer seeds for each step.
            step: not used.

        Raises:
            ValueError: a batch without a graph, without labels or values, with others than the network gives, or with
                labels that count and name no class (on an accelerator, which is not waited for, the loss is NaN).
        """
        return self._measured(batch)[0]

    @torch.no_grad()
    def validation(self, batch: Batch) -> dict[str, Any]:
        """The loss in evaluation mode, and where there are classes the accuracy, over the nodes that count."""
        before = self.training
        self.eval()
        loss, right = self._measured(batch)
        self.train(before)
        return {"loss": float(loss)} | ({} if right is None else {"accuracy": float(right)})

    def _measured(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """The loss, and the share of right classes."""
        needed = "label" if self.classes else "value"
        if needed not in batch.condition or not isinstance(batch.structure, Graphs):
            raise ValueError(
                f"the batch has the conditions {sorted(batch.condition)} and the structure "
                f"{type(batch.structure).__name__}, but the task {self.task!r} learns from a {needed} on a graph: "
                f"Batch.whole(x, structure=graph, {needed}=...)."
            )
        target = batch.condition[needed]
        found = self(batch.structure, batch.x, batch.condition.get("community"))
        if not self.classes:
            return self._mean(batch, self._square(batch, found, target)), None
        each, right = self._entropy(batch, found, target)
        return self._mean(batch, each), self._mean(batch, right)

    def _entropy(self, batch: Batch, found: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Cross entropy and whether the largest logit is the label's, for each label."""
        if target.shape != found.shape[:-1] or target.dtype != torch.int64:
            raise ValueError(
                f"label is {target.dtype} {tuple(target.shape)}, but the network gives {tuple(found.shape)}: int64 "
                f"{tuple(found.shape[:-1])}."
            )
        counted = self._counted(batch, target)
        target = target if counted is None else torch.where(counted, target, 0)
        known = (target >= 0) & (target < len(self.classes))
        if target.device.type == "cpu" and not bool(known.all()):  # nothing waits for an accelerator: there NaN tells
            raise ValueError(
                f"labels that count run from {int(target.min())} to {int(target.max())}, but there are "
                f"{len(self.classes)} classes: number them from 0 to {len(self.classes) - 1}, and leave unknown ones "
                "out by counted=."
            )
        target = torch.where(known, target, 0)
        each = functional.cross_entropy(found.flatten(0, -2), target.flatten(), reduction="none").reshape(target.shape)
        return torch.where(known, each, torch.nan), (found.argmax(-1) == target).to(each.dtype)

    def _square(self, batch: Batch, found: Tensor, target: Tensor) -> Tensor:
        """The mean square error of each node, or of each signal."""
        if found.shape != target.shape or found.ndim < 2:
            raise ValueError(
                f"value has shape {tuple(target.shape)}, but the network gives {tuple(found.shape)}: values (B, n, k) "
                "of nodes go with no readout, (B, k) of signals with readout='mean', say, and k is out_features."
            )
        counted = self._counted(batch, target[..., 0])
        target = target if counted is None else torch.where(counted[..., None], target, 0.0)
        return (found - target).square().mean(-1)

    def _counted(self, batch: Batch, each: Tensor) -> Tensor | None:
        """Which nodes count and are there, bool (B, n); None where all do, and where signals are judged."""
        if each.ndim == 1:
            return None
        counted, real = batch.condition.get("counted"), batch.structure.real
        for name, mask in (("counted", counted), ("real", real)):
            if mask is not None and mask.shape != each.shape:
                raise ValueError(
                    f"{name} has shape {tuple(mask.shape)}, but {tuple(each.shape)} nodes are judged: a mask (B, n)."
                )
        return real if counted is None else counted if real is None else counted & real

    def _mean(self, batch: Batch, each: Tensor) -> Tensor:
        """The mean over items of the mean over their nodes that count and that there are."""
        counted = self._counted(batch, each)
        if counted is None:
            return each.mean()
        share = counted / counted.sum(1, keepdim=True).clamp(min=1)
        return torch.where(counted, each, 0.0).mul(share.to(each.dtype)).sum(1).mean()
