"""Does the reversed diffusion recover the data, and where does its error come from?"""

from __future__ import annotations

from dataclasses import asdict
from itertools import pairwise
from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from equigen.diffusion.schedules.geometric_noise import GeometricNoise
from equigen.diffusion.solvers.rk45 import RK45
from equigen.labs.lab import Answer, Conclusion, Lab, Tell
from equigen.labs.on_the_line import mixture, standard_error
from equigen.labs.reversal.findings import Found, forgetting, order_of, ratio, resolved, times
from equigen.labs.reversal.measuring import (
    SOLVERS,
    Parts,
    Problem,
    Sampled,
    draws_of_data,
    ends,
    overshoot,
    parts,
    recursion,
    sampled,
)
from equigen.labs.reversal.page import chapters
from equigen.labs.reversal.sweeps import sweeps

__all__ = ["Reversal"]

_PROCESS, _FLOW = "Euler-Maruyama", "Heun"
_MOST = 5_000_000  # samples in all sets: a few gigabytes
_POINTS = (50, 100, 200, 500, 1000)  # of the tutorial's grid


class Reversal(Lab):
    """Samples a known law by the reversed diffusion and accounts for the distance to it.

    Example:
        >>> Reversal.parse({"steps": [-10, 20]}, "lab reversal")
        Traceback (most recent call last):
        ...
        equigen.training.errors.ConfigError: lab reversal has steps[0]=-10, but it should be greater than or equal to 2.
    """

    name: ClassVar[str] = "reversal"
    question: ClassVar[str] = "Does the reversed diffusion recover the data, and where does its error come from?"

    base: float = Field(25.0, gt=0.0, le=1e4)
    """Lambda of the process dx = lambda^t dw."""
    t_min: float = Field(1e-3, gt=0.0, lt=0.1)
    """Time at which the solvers stop."""
    t_max: float = Field(1.0, gt=0.1)
    """Time at which the process ends and the prior stands."""
    weights: tuple[float, ...] = Field((0.3, 0.7), min_length=1, max_length=20)
    """Weights of the components of the data law, summing to 1."""
    means: tuple[float, ...] = (-1.4, 0.6)
    """Their means."""
    stds: tuple[Annotated[float, Field(gt=0.0)], ...] = (0.3, 0.4)
    """Their standard deviations."""
    steps: tuple[Annotated[int, Field(ge=2, le=2000)], ...] = Field(
        (10, 20, 40, 80, 160, 320), min_length=2, max_length=12
    )
    """Evaluations of the denoiser, a sample: steps of a solver, half as many where a step takes two."""
    items: int = Field(2000, ge=2, le=1_000_000)
    """Samples in a set."""
    sets: int = Field(20, ge=2, le=1000)
    """Sets, whose spread gives the errors."""

    @field_validator("weights")
    @classmethod
    def _sums_to_one(cls, weights: tuple[float, ...]) -> tuple[float, ...]:
        if min(weights) <= 0.0:
            raise ValueError("should hold positive weights only: leave out the components of the others")
        if abs(sum(weights) - 1.0) > 1e-6:
            raise ValueError(f"should sum to 1, and not to {sum(weights):g}: divide each weight by the sum")
        return weights

    @field_validator("means", "stds")
    @classmethod
    def _as_many(cls, values: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        if len(values) != len(info.data.get("weights", values)):
            raise ValueError(f"should have as many numbers as there are weights, {len(info.data['weights'])}")
        return values

    @field_validator("steps")
    @classmethod
    def _ascending(cls, steps: tuple[int, ...]) -> tuple[int, ...]:
        if any(b <= a for a, b in pairwise(steps)):
            raise ValueError("should ascend: sort the numbers and leave out repeated ones")
        return steps

    @field_validator("sets")
    @classmethod
    def _bounded(cls, sets: int, info: ValidationInfo) -> int:
        items = info.data.get("items", 1)
        if sets * items > _MOST:
            raise ValueError(f"should be {_MOST // items} at most with items={items}: fewer sets or fewer items")
        return sets

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Sample, compute the parts, and answer."""
        found = self.measure(tell)
        made = self.conclusions(found)
        tell("drawing")
        return self.answered(self.text(found, made), made, chapters(found, self.items), _numbers(found))

    def measure(self, tell: Tell = lambda stage: None) -> Found:
        """All numbers of the lab."""
        schedule = GeometricNoise(self.base, self.t_min, self.t_max)
        problem = Problem(mixture(self.weights, self.means, self.stds), schedule)
        tell("exact laws")
        laws = ends(problem)
        real = draws_of_data(problem, self.items, self.sets, self.seed)
        results: dict[str, dict[int, Sampled]] = {}
        computed: dict[str, dict[int, Parts]] = {}
        for name, solver in SOLVERS.items():
            tell(name)
            counts = [steps // solver.evaluations for steps in self.steps]
            results[name] = {n: sampled(problem, laws, solver, n, real, self.seed) for n in counts}
            if solver.draws < 2:
                computed[name] = {n: parts(problem, laws, solver, n) for n in counts}
        tell("prior, stopping and sampling noise")
        adaptive = sampled(problem, laws, RK45(), 1, real, self.seed)
        around = sweeps(problem, schedule, self.seed)
        tell("the overshooting last step")
        overshoots = [overshoot(n, self.items * self.sets // 2, self.seed) for n in _POINTS]
        lines = {n: recursion(n) for n in range(_POINTS[0], _POINTS[-1] + 1)}
        return Found(problem, laws, results, computed, adaptive, around, overshoots, lines)

    def conclusions(self, found: Found) -> list[Conclusion]:
        """What the numbers decide."""
        few, many = self.steps[0], self.steps[-1]
        process, flow = found.results[_PROCESS], list(found.results[_FLOW].values())
        over = {one.points: one for one in found.overshoots}
        first, late, last = over[100], over[500], found.overshoots[-1]
        made, exact = found.computed[_PROCESS], found.computed[_FLOW]
        forgets = forgetting(exact[many // 2], made[many])
        return [
            Conclusion.within(
                f"the reversed process ({_PROCESS}, {many} evaluations) ends as near the data law as real draws do, to "
                "half the floor", *ratio(process[many]), 1.0, 0.5,
            ),
            Conclusion.within(
                f"the probability flow ({_FLOW}, {many} evaluations) ends as near the data law as real draws do, to "
                "half the floor", *ratio(flow[-1]), 1.0, 0.5,
            ),
            Conclusion.above(
                f"with {few} evaluations the reversed process ({_PROCESS}) ends further from the data law than real "
                "draws do", *ratio(process[few]), 1.0,
            ),
            Conclusion.within(f"discretisation of {_PROCESS} falls as 1/n", *order_of(made), 1.0, 0.2),
            Conclusion.within(f"discretisation of {_FLOW} falls as 1/n squared", *order_of(exact), 2.0, 0.2),
            Conclusion.above("the reversed process forgets a wrong prior better than the flow does", *forgets, 0.0),
            Conclusion.within(
                "the overshooting last step does to the variance what its recursion says, at N = 500",
                late.overshot / late.predicted, late.error * late.overshot / late.predicted, 1.0, 0.1,
            ),
            Conclusion.within(
                "with the overshooting last step at N = 100 the samples have the variance of the data",
                100.0 * first.overshot, 100.0 * first.error * first.overshot, 1.0, 0.1,
            ),
            Conclusion.within(
                f"ended at t_min, at N = {last.points}, the samples have the variance of x at that time",
                last.noisy / last.right, last.error * last.noisy / last.right, 1.0, 0.15,
            ),
        ]  # fmt: skip

    def text(self, found: Found, conclusions: list[Conclusion]) -> str:
        """The answer in a paragraph."""
        few, many = self.steps[0], self.steps[-1]
        process, flow, coarse = conclusions[:3]
        both = {process.verdict, flow.verdict}
        start = {
            frozenset(("yes",)): f"Yes, as far as {self.items} samples can tell.",
            frozenset(("no",)): "No, not with these settings.",
        }.get(
            frozenset(both),
            f"Not resolved with {self.sets} sets of {self.items} samples."
            if "not resolved" in both
            else f"Only by one of the two ways ({'the process' if process.holds else 'the flow'}).",
        )
        floor = found.adaptive.transport.floor
        seen = found.results[_PROCESS][few].transport.value
        made, exact = found.computed[_PROCESS][many], found.computed[_FLOW][many // 2]
        shares = {
            "discretisation": made.discretisation[0], "stopping": made.stopping[0], "the wrong prior": made.prior[0],
        }  # fmt: skip
        largest = max(shares, key=lambda part: shares[part])
        hundred, thick = found.overshoots[1], found.overshoots[3]
        beside = {"yes": "well above", "no": "not above", "not resolved": "not clearly above"}[coarse.verdict]
        most = "mostly" if shares[largest] > 0.5 * sum(shares.values()) else "for its largest part"
        return (
            f"{start} Distances between laws are told as Wasserstein-1 distances, which say how far the mass of one "
            f"must be carried on average to become the other. At {many} evaluations of the denoiser that of samples to "
            f"the data law is {times(process.measured)} ({_PROCESS}, the reversed process) and "
            f"{times(flow.measured)} ({_FLOW}, the probability flow) times that of real draws, which is {floor:.2g}. "
            f"At {few} evaluations {_PROCESS} leaves {seen:.2g}, {beside} that of real draws. Computed without "
            f"sampling noise, the error of {_PROCESS} at {many} steps is {most} {largest}: "
            f"{made.discretisation[0]:.2g} from discretisation and {made.stopping[0]:.2g} from stopping at t_min = "
            f"{self.t_min:g}. The prior, a normal law from which sampling starts, is not quite the law at the end of "
            f"the process: that costs the reversed process {resolved(made.prior[0])}, and the flow, which forgets "
            f"nothing, {resolved(exact.prior[0])}. The classic tutorial's last step, which overshoots time 0, turns "
            f"the variance 0.01 of normal data into {hundred.overshot:.2g} with 100 grid points and "
            f"{thick.overshot:.2g} with 500."
        )


def _numbers(found: Found) -> dict[str, object]:
    return {
        "samples": {
            name: [
                {"steps": steps, "evaluations": one.evaluations, **_told(one)} for steps, one in of.items()
            ]
            for name, of in found.results.items()
        },
        "rk45": {"evaluations": found.adaptive.evaluations, **_told(found.adaptive)},
        "parts": {name: {str(n): asdict(one) for n, one in of.items()} for name, of in found.computed.items()},
        "prior": [asdict(one) for one in found.around.prior],
        "stopping": [asdict(one) for one in found.around.stopping],
        "sampling noise": [asdict(one) for one in found.around.noise],
        "overshoot": [asdict(one) for one in found.overshoots],
    }  # fmt: skip


def _told(one: Sampled) -> dict[str, object]:
    return {
        key: {
            "value": measured.value,
            "standard_error": standard_error(measured.values),
            "floor": measured.floor,
            "floor_standard_error": standard_error(measured.floors),
        }
        for key, measured in (("wasserstein_1", one.transport), ("kolmogorov_smirnov", one.gap))
    }
