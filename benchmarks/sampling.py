"""What does sampling cost beside the network? Noise, solver and loop, at 64 x 1 x 28 x 28 with the tutorial's network.

    python -m benchmarks.sampling --out benchmarks/results/sampling.json

Three ratios, all against network evaluations of the same run:
  noise     addressed normals, drawn in a block of 20 steps, over as many steps of Euler-Maruyama (target < 5 %)
  solver    a step's own arithmetic, with a denoiser that costs nothing, over one evaluation  (target < 2 %)
  sampling  64 images by 20 steps of DPM-Solver++ over 20 evaluations of the denoiser       (target < 1.05)
and the error achieved: samples in batches of 64 against batches of 16.
"""

from __future__ import annotations

import torch

from benchmarks.measure import arguments, interleaved, machine, ratios, record, summary
from equigen import random
from equigen.diffusion import (
    EDM,
    DiffusionModel,
    DPMSolver2M,
    Euler,
    EulerMaruyama,
    Heun,
    KarrasGrid,
    KarrasPreconditioning,
    NetworkDenoiser,
    integrate,
)
from equigen.diffusion.denoiser import Denoiser
from equigen.networks.tutorial_unet import TutorialUNet
from equigen.spaces.euclidean import Euclidean

SHAPE, ITEMS, STEPS = (1, 28, 28), 64, 20


class Free(Denoiser):
    """A denoiser that costs nothing, to lay a solver's own arithmetic bare."""

    schedule = EDM()

    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.value = value

    def forward(self, x_t: torch.Tensor, t: torch.Tensor, **condition: torch.Tensor) -> torch.Tensor:
        return self.value


@torch.no_grad()
def main() -> None:
    given = arguments(__doc__ or "")
    denoiser = NetworkDenoiser(TutorialUNet(SHAPE), EDM(), KarrasPreconditioning())
    model = DiffusionModel(Euclidean(*SHAPE), denoiser).to(given.device).eval()
    x, t = torch.randn(ITEMS, *SHAPE, device=given.device), torch.tensor(1.0, device=given.device)
    items, steps = torch.arange(ITEMS), torch.arange(STEPS)
    where = {"seed": 0, "stream": random.Stream.SOLVER, "item": items, "step": steps, "device": given.device}
    free, times = Free(torch.zeros_like(x)), KarrasGrid()(EDM(), STEPS)
    stochastic = {"seed": 0, "steps": STEPS, "solver": EulerMaruyama()}
    pieces = {
        "evaluations": lambda: [denoiser(x, t) for _ in range(STEPS)],
        "sampling": lambda: model.sample(ITEMS, seed=0, steps=STEPS),
        "euler-maruyama": lambda: model.sample(ITEMS, **stochastic),
        "noise": lambda: random.normal(SHAPE, **where),
        "dpm-solver-2m": lambda: integrate(DPMSolver2M(), free, x, times),
        "heun": lambda: integrate(Heun(), free, x, times),
        "euler": lambda: integrate(Euler(), free, x, times),
    }
    seconds = interleaved(pieces, given.repeats, given.device)
    whole = model.sample(ITEMS, seed=0, steps=STEPS)
    parts = model.sample(ITEMS, seed=0, steps=STEPS, batch_size=16)
    record(
        {
            "question": "what does sampling cost beside the network, at 64x1x28x28 with the tutorial network?",
            "machine": machine(given.device),
            "seconds_of_20_steps": {name: summary(values) for name, values in seconds.items()},
            "ratios": {
                "sampling over 20 evaluations (target 1.05)": ratios(seconds["sampling"], seconds["evaluations"]),
                "noise over an Euler-Maruyama step (target 0.05)": ratios(seconds["noise"], seconds["euler-maruyama"]),
                **{
                    f"own cost of {name} over an evaluation (target 0.02)": ratios(
                        [s / evaluations for s in seconds[name]], seconds["evaluations"]
                    )
                    for name, evaluations in (("dpm-solver-2m", 1), ("heun", 2), ("euler", 1))
                },
            },
            "largest difference between batches of 64 and of 16": float((whole - parts).abs().max()),
        },
        given.out,
    )


if __name__ == "__main__":
    main()
