"""What changes when one graph filter takes another form, and which graph network learns best?"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from equigen.labs.lab import Answer, Lab, Tell
from equigen.labs.realizations.answering import answered_by
from equigen.labs.realizations.chapters import chapters
from equigen.labs.realizations.competitors import KINDS
from equigen.labs.realizations.concluding import concluded
from equigen.labs.realizations.findings import Found
from equigen.labs.realizations.forms import FormFound, forms_found
from equigen.labs.realizations.learning import task_found
from equigen.labs.realizations.nesting import nesting_found
from equigen.labs.realizations.orders import bases_found, fits_found, rounding_found
from equigen.labs.realizations.setting import setting
from equigen.labs.realizations.shifting import shifts_found
from equigen.labs.realizations.tasks import TaskFound, Training
from equigen.training.engine import pinned_threads

__all__ = ["Realizations"]

_Layer = Literal[
    "gcn", "graphsage", "gin", "gat", "gatv2", "graph-convolution", "chebyshev", "arma", "edge-varying",
    "edge-varying-free",
]  # fmt: skip
_Task = Literal["source-localisation", "karate", "cora"]


class Realizations(Lab):
    """Computes one filter in every form and with several shifts, and trains graph networks that differ in their layer.

    Example:
        >>> Realizations(order=99)
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab realizations has order=99, but it should be less than or equal to 12.
    """

    name: ClassVar[str] = "realizations"
    question: ClassVar[str] = "What does a graph filter's form change, and which graph network learns best?"

    nodes: int = Field(64, ge=64, le=512)
    """Of the graphs on which one filter is computed."""
    order: int = Field(8, ge=2, le=12)
    """Of the polynomial that is shown in every form."""
    orders: int = Field(30, ge=12, le=30)
    """Highest order of which conditioning and rounding are measured."""
    psi: float = Field(0.8, ge=0.5, le=0.8)
    """Probability that a walk goes on."""
    data: tuple[_Task, ...] = ("source-localisation", "karate")
    """What is learned; "cora" is read from $EQUIGEN_DATA/graphs."""
    layers: tuple[_Layer, ...] = (
        "gcn", "graphsage", "gin", "gat", "chebyshev", "arma", "edge-varying", "edge-varying-free",
    )  # fmt: skip
    """Networks to compare, beside the one without the graph."""
    seeds: int = Field(5, ge=1, le=20)
    """Trainings of each."""
    steps: int = Field(160, ge=1, le=10_000)
    """Of training."""
    width: int = Field(16, ge=1, le=256)
    """Features between layers."""
    signals: int = Field(2000, ge=50, le=100_000)
    """Of source localisation, for training, validation and test."""

    @field_validator("data", mode="before")
    @classmethod
    def _one(cls, data: object) -> object:
        return (data,) if isinstance(data, str) else data

    @field_validator("data", "layers")
    @classmethod
    def _distinct(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) != len(names) or not names:
            raise ValueError("should be one or more distinct names")
        return names

    @field_validator("layers")
    @classmethod
    def _ranked(cls, layers: tuple[_Layer, ...]) -> tuple[_Layer, ...]:
        if not any(KINDS[name].equivariant for name in layers):
            raise ValueError("should hold a layer that commutes with renumbering, such as gcn")
        return layers

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Measure, train, and answer: with one thread, since products of this size gain nothing by a second."""
        with pinned_threads(1):
            found = self.measure(tell)
        made = concluded(found)
        tell("drawing")
        return self.answered(answered_by(found, made), made, chapters(found, made), _numbers(found))

    def measure(self, tell: Tell = lambda stage: None) -> Found:
        """All numbers of the lab."""
        shown = setting(self.nodes, self.order, self.psi, self.seed)
        orders = list(range(1, self.orders + 1))
        tell("one filter in every form")
        forms = forms_found(shown)
        tell("orders and shifts")
        bases = (bases_found(shown.graph, "communities", orders), bases_found(shown.ring, "ring", orders))
        parts = (fits_found(shown, orders), bases, rounding_found(shown, orders), shifts_found(shown))
        nesting = nesting_found(shown, self.seed)
        plan = Training(self.steps, self.width, self.seeds, self.seed, self.signals)
        tasks = []
        for name in self.data:
            tell(f"training on {name}")
            tasks.append(task_found(name, (*self.layers, "no-graph"), plan))
        return Found(shown, forms, *parts, nesting, tasks)


def _numbers(found: Found) -> dict[str, Any]:
    return {
        "forms": {one.form: _form(one) for one in found.forms},
        "fits": asdict(found.fits),
        "conditioning": {one.graph: asdict(one) for one in found.bases},
        "rounding": asdict(found.rounding),
        "shifts": {
            one.name: {
                "eigenvalues": one.eigenvalues.tolist(),
                "gain": one.gain,
                "norm": one.norm,
                "output over input": one.grown,
                "error in float32": one.error32,
                "left over": one.left,
                "left over at any order": one.left_of_all,
                "left over on the ring": one.left_on_ring,
            }
            for one in found.shifts
        },
        "nesting": asdict(found.nesting),
        "tasks": {one.name: _task(one) for one in found.tasks},
    }


def _form(one: FormFound) -> dict[str, Any]:
    return {
        "filter": one.filter,
        "formula": one.realization.formula,
        "cost": asdict(one.cost),
        "counted products": one.counted,
        "error in float64": one.error64,
        "error in float32": one.error32,
        "from the rational filter": one.from_rational,
        "seconds": one.seconds,
    }


def _task(task: TaskFound) -> dict[str, Any]:
    return {
        "nodes": task.nodes,
        "edges": task.edges,
        "labels seen": task.trained_on,
        "references": {one.name: {"accuracy": one.value, "error": one.error} for one in task.references},
        "networks": {
            one.name: {
                "parameters": one.parameters,
                "accuracy": one.accuracy.value,
                "error": one.accuracy.error,
                "accuracies": one.right.mean(1).tolist(),
                "loss": [trial.loss for trial in one.trials],
                "milliseconds": [trial.milliseconds for trial in one.trials],
                "equivariance": [trial.equivariance for trial in one.trials],
                "moved": [trial.moved for trial in one.trials],
                "lost": [trial.lost for trial in one.trials],
                "accuracies with features made anew": None if one.anew is None else one.anew.mean(1).tolist(),
            }
            for one in task.networks
        },
    }
