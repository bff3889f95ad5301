"""Signals on one graph with what is known of them: of every node, or of every signal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations

import torch
from torch import Tensor

from equigen.data.errors import DataError
from equigen.data.order import batch_indices
from equigen.graphs.graph import Graph
from equigen.spaces.batch import Batch

__all__ = ["GraphSignals"]

_PARTS = ("train", "validation", "test")


@dataclass(frozen=True, eq=False)
class GraphSignals:
    """N signals (N, n, F) on the n nodes of one graph, with labels or values to be learned.

    Node classification has one signal, the features of the nodes, and a label for each node; its parts for training and
    testing are sets of nodes. Where signals are told apart or mapped, the parts are sets of signals. The parts "train",
    "validation" and "test" have nothing in common.

    Of nodes that are in no part and do not count, what is not known may be anything: -1 for a label, NaN for a value.

    Args:
        name: what the set is called.
        graph: that all signals live on.
        x: signals, float32 (N, n, F).
        labels: class numbers, int64 (N, n) of nodes or (N,) of signals; or None.
        class_names: one name for each class number, or None.
        values: numbers to be predicted, float32 (N, n, k) of nodes or (N, k) of signals; or None.
        community: which community each node is of, int64 (n,); or None. It is handed on with every signal.
        nodes: name of a part -> its nodes, bool (n,).
        items: name of a part -> its signals, bool (N,).
        counted: the nodes whose labels or values count, bool (n,); None: all.

    Raises:
        DataError: parts that do not fit each other, or what counts and is no class or not finite.

    Example:
        >>> graph = Graph.from_edges([[0, 1], [1, 2]], 3, undirected=True)
        >>> half = torch.tensor([True, False, False])
        >>> known = GraphSignals("path", graph, torch.eye(3)[None], torch.tensor([[0, 0, 1]]), nodes={"train": half})
        >>> batch = known.part("train").batch(1, seed=0, step=0)
        >>> batch.structure is graph, batch.condition["counted"].tolist()
        (True, [[True, False, False]])
    """

    name: str
    graph: Graph
    x: Tensor
    labels: Tensor | None = None
    class_names: tuple[str, ...] | None = None
    values: Tensor | None = None
    community: Tensor | None = None
    nodes: Mapping[str, Tensor] = field(default_factory=dict)
    items: Mapping[str, Tensor] = field(default_factory=dict)
    counted: Tensor | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.graph, Graph):
            raise DataError(
                f"graph is a {type(self.graph).__module__.partition('.')[0]} {type(self.graph).__name__}, but signals "
                "live on an equigen.graphs.Graph: graph=equigen.graphs.as_graph(graph)."
            )
        n = self.graph.nodes
        if self.x.dtype != torch.float32 or self.x.ndim != 3 or self.x.shape[1] != n or not len(self.x):
            raise DataError(
                f"x is {tuple(self.x.shape)} {self.x.dtype}, but signals on {n} nodes are float32 (N, {n}, F), one or "
                "more: x[None].float() for one."
            )
        count = len(self.x)
        self._require("labels", self.labels, torch.int64, [(count, n), (count,)])
        if self.values is not None:
            k = self.values.shape[-1] if self.values.ndim else 0
            self._require("values", self.values, torch.float32, [(count, n, k), (count, k)])
        self._require("community", self.community, torch.int64, [(n,)])
        for name, part in {**self.nodes, "counted": self.counted}.items():
            self._require(f"the nodes of {name!r}", part, torch.bool, [(n,)])
        for name, part in self.items.items():
            self._require(f"the items of {name!r}", part, torch.bool, [(count,)])
        for parts in (self.nodes, self.items):
            self._require_apart(parts)
        self._require_numbers()

    def _require(self, what: str, given: Tensor | None, dtype: torch.dtype, shapes: list[tuple[int, ...]]) -> None:
        """One of the shapes, the dtype, and of a mask one True or more."""
        if given is None:
            return
        needed = f"{str(dtype).removeprefix('torch.')} {' or '.join(map(str, shapes))}"
        if given.dtype != dtype or tuple(given.shape) not in shapes:
            raise DataError(
                f"{what} is {given.dtype} {tuple(given.shape)}, but {self.name} needs {needed}: convert it."
            )
        if dtype == torch.bool and not bool(given.any()):
            raise DataError(f"{what} is empty, but a part has one or more: leave the part out.")

    def _require_apart(self, parts: Mapping[str, Tensor]) -> None:
        """No node, or signal, that is both trained on and tested."""
        for one, other in combinations([name for name in _PARTS if name in parts], 2):
            common = int((parts[one] & parts[other]).sum())
            if common:
                raise DataError(
                    f"the parts {one!r} and {other!r} of {self.name} have {common} of {len(parts[one])} in common, but "
                    "what is judged must not have been trained on: make them disjoint."
                )

    def _judged(self) -> Tensor:
        """The nodes that count, or are in a part; all where none are named, bool (n,)."""
        named = [*self.nodes.values(), *([] if self.counted is None else [self.counted])]
        return torch.stack(named).any(0) if named else torch.ones_like(self.x[0, :, 0], dtype=torch.bool)

    def _require_numbers(self) -> None:
        if not bool(self.x.isfinite().all()):
            raise DataError(
                f"x of {self.name} has numbers that are not finite, but every node has features: fill them."
            )
        if self.values is not None:
            values = self.values[:, self._judged()] if self.values.ndim == 3 else self.values
            if not bool(values.isfinite().all()):
                raise DataError(
                    f"values of {self.name} are not finite where they count, but they are to be learned: leave unknown "
                    "ones out by counted=."
                )
        if self.labels is None:
            return
        labels = self.labels[:, self._judged()] if self.labels.ndim == 2 else self.labels
        low, high = int(labels.min()), int(labels.max())
        if low < 0 or (self.class_names is not None and high >= len(self.class_names)):
            names = "0, 1, ..." if self.class_names is None else f"0 to {len(self.class_names) - 1}"
            raise DataError(f"labels run from {low} to {high}, but classes are numbered {names}: renumber them.")

    def __len__(self) -> int:
        return len(self.x)

    def part(self, name: str) -> GraphSignals:
        """The signals, or the nodes that count, of a part such as "train", "validation" or "test".

        Raises:
            DataError: there is no part of this name.
        """
        if name not in self.nodes and name not in self.items:
            known = ", ".join(dict.fromkeys([*self.nodes, *self.items])) or "none"
            raise DataError(f"{name!r} is no part of {self.name}, but known are: {known}.")
        counted = self.nodes.get(name, self.counted)
        if name not in self.items:
            return replace(self, counted=counted)
        rows = self.items[name]
        labels, values = (None if part is None else part[rows] for part in (self.labels, self.values))
        return replace(self, x=self.x[rows], labels=labels, values=values, items={}, counted=counted)

    def batch(self, size: int, seed: int, step: int, rank: int = 0, world: int = 1) -> Batch:
        """One process's part of a step's batch, a pure function of (seed, step): see `DataSet.batch`.

        A batch that is larger than the set takes signals several times: size=1 where there is one signal.
        """
        rows, position = batch_indices(len(self), size, seed=seed, step=step, rank=rank, world=world)
        return self._batch(rows.to(self.x.device), position, size)

    def whole(self) -> Batch:
        """All signals as one batch."""
        rows = torch.arange(len(self), device=self.x.device)
        return self._batch(rows, rows, len(rows))

    def _batch(self, rows: Tensor, position: Tensor, size: int) -> Batch:
        condition = {}
        if self.labels is not None:
            condition["label"] = self.labels[rows]
        if self.values is not None:
            condition["value"] = self.values[rows]
        for name, each in (("counted", self.counted), ("community", self.community)):
            if each is not None:
                condition[name] = each.expand(len(rows), -1)
        return Batch(self.x[rows], position.to(self.x.device), size, self.graph, condition)
