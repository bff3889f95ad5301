"""Does a generated digit still show that it came from noise?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field

from equigen.data.dataset import DataSet
from equigen.labs.lab import Answer, Lab, Tell
from equigen.labs.mnist_diffusion import chapters, concluding, sample_chapters, wording
from equigen.labs.mnist_diffusion.ablation import ByNoise
from equigen.labs.mnist_diffusion.measuring import Samples, kinds, process, samples
from equigen.labs.mnist_diffusion.process import Process
from equigen.labs.mnist_diffusion.variants import Training, fitted, karras_model
from equigen.training.build import load_data
from equigen.training.config import DataConfig

__all__ = ["MnistDiffusion"]

_Widths = Annotated[tuple[Annotated[int, Field(ge=1, le=512)], ...], Field(min_length=1, max_length=4)]


class MnistDiffusion(Lab):
    """Diffusion of digits, measured from the process to the samples.

    Networks are small and trained here: minutes on the bundled digits, a few times as many with data=mnist.

    Example:
        >>> MnistDiffusion(base=9.0).base
        9.0
    """

    name: ClassVar[str] = "mnist-diffusion"
    question: ClassVar[str] = "Does a generated digit still show that it came from noise?"

    data: str = "digits"
    """The images: digits, mnist, fashion_mnist, or a path to a folder or a file."""
    base: float = Field(25.0, gt=1.0, le=1e6)
    """lambda in dx = lambda^t dw."""
    steps: int = Field(700, ge=1, le=1_000_000)
    """Steps of the training that gives the samples."""
    channels: _Widths = (24, 48, 48)
    """Widths of its network, from fine to coarse."""
    compared_steps: int = Field(200, ge=1, le=1_000_000)
    """Steps of each training that is compared with others."""
    compared_channels: _Widths = (16, 32)
    """Widths of the networks that are compared."""
    trainings: int = Field(3, ge=2, le=20)
    """Trainings of each kind that is compared, from seeds of their own."""
    levels: int = Field(8, ge=4, le=40)
    """Noise levels at which they are compared."""
    n: int = Field(450, ge=20, le=1000)
    """Images on each side of the two-sample test; fewer where the data hold fewer, and the page says so."""
    n_solvers: int = Field(256, ge=8, le=1000)
    """Samples of each solver at each budget, at most n."""
    sets: int = Field(5, ge=2, le=50)
    """Sets of n samples."""
    budgets: Annotated[tuple[Annotated[int, Field(ge=3, le=1000)], ...], Field(min_length=1)] = (5, 10, 20, 40)
    """Evaluations of the network for each sample at which solvers are compared."""
    budget: int = Field(20, ge=3, le=1000)
    """Evaluations for each sample in pictures and tests."""

    def run(self, tell: Tell = lambda stage: None) -> Answer:
        """Measure and answer.

        Args:
            tell: called with a few words before each stage.

        Raises:
            DataError: images that cannot be read.
            ValueError: images that do not fit the networks.
        """
        _, train, held_out = load_data(DataConfig.parse({"source": self.data}), self.seed)
        n = min(self.n, len(train), len(held_out))
        some = torch.arange(n) * len(held_out) // n
        tell("the process")
        x = held_out.x[some]
        way = process(train, x, self.base, self.seed)
        by_kind = kinds(
            train,
            x,
            self.base,
            [Training(self.compared_steps, 64, self.compared_channels, self.seed + k) for k in range(self.trainings)],
            levels=self.levels,
            seed=self.seed,
            tell=tell,
        )
        on_trial = self._trial(train, held_out, n, tell)
        of_time = concluding.of_time(by_kind)
        decided = [
            *concluding.of_process(way),
            *of_time,
            *concluding.of_the_division(by_kind),
            *concluding.of_samples(on_trial),
        ]
        dimension = x[0].numel()
        return self.answered(
            wording.answer(decided, on_trial),
            decided,
            [
                chapters.of_process(way, self.base, held_out),
                chapters.of_time(by_kind, of_time, dimension, self.trainings, self.compared_steps),
                chapters.of_the_division(by_kind, self.base),
                sample_chapters.of_samples(on_trial, self.steps),
                sample_chapters.of_trial(on_trial, decided, held_out, self.n),
            ],
            {"n": n, "n_solvers": on_trial.comparison.n} | _numbers(way, by_kind, on_trial),
        )

    def _trial(self, train: DataSet, held_out: DataSet, n: int, tell: Tell) -> Samples:
        """Train the network that gives the samples, draw them and put them on trial."""
        tell("training for the samples")
        training = Training(self.steps, 128, self.channels, self.seed)
        model = fitted(karras_model(train, training, self.base, alike=False), train, training)
        return samples(
            model,
            train,
            held_out,
            n=n,
            n_solvers=min(self.n_solvers, n),
            sets=self.sets,
            budgets=self.budgets,
            budget=self.budget,
            seed=self.seed,
            tell=tell,
        )


def _numbers(way: Process, by_kind: Mapping[str, ByNoise], on_trial: Samples) -> dict[str, Any]:
    """What was measured, JSON-plain."""
    first = next(iter(by_kind.values()))
    return {
        "process": {
            "t": way.t.tolist(),
            "diffusion": way.diffusion.tolist(),
            "variance": way.variance.tolist(),
            "measured": way.measured.tolist(),
            "error": way.error.tolist(),
            "pixels": way.marginal.tolist(),
        },
        "noise": first.noise.tolist(),
        "loss": {name: one.loss.mean(2).tolist() for name, one in by_kind.items()},
        "spread": {name: one.spread().tolist() for name, one in by_kind.items()},
        "leaving": first.leaving.mean(1).tolist(),
        "mean_image": first.mean_image.mean(1).tolist(),
        "distance": {name: one.tolist() for name, one in on_trial.same.distance.items()},
        "solvers": {
            curve.solver: {
                "evaluations": list(curve.evaluations),
                "distance": list(curve.distance),
                "frechet": list(curve.frechet),
            }
            for curve in on_trial.comparison.curves
        },
        "frechet": {"sets": list(on_trial.frechet.values), "real": list(on_trial.frechet.floors)},
        "two_sample": {
            name: {
                "sets": list(test.accuracy.values),
                "real": list(test.accuracy.floors),
                "p_values": list(test.p_values),
                "real_p_values": list(test.floor_p_values),
                "n": test.n,
            }
            for name, test in on_trial.tests.items()
        },
        "visible": [list(one) for one in on_trial.visible],
        "grain": list(on_trial.grain),
    }
