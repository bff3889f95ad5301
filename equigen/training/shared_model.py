"""A model whose samples and losses are computed by all processes together and come out in process 0.

Process 0 does whatever is to be done with the model, inside `shared`; the others `follow`: they compute their share of
each call until process 0 is done. Items are divided by number, so that prior and solver noise are those of one process,
bit for bit, and the results differ by no more than the rounding of the network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from equigen.diffusion.model import DiffusionModel
from equigen.diffusion.noise_levels import NoiseLevelLoss
from equigen.spaces.batch import Batch
from equigen.training import processes

__all__ = ["SharedModel", "follow", "shared"]


class SharedModel(nn.Module):
    """Hands the calls of process 0 on to all processes; every other attribute is the model's own.

    Args:
        model: the same in every process.
    """

    def __init__(self, model: DiffusionModel) -> None:
        super().__init__()
        self.model = model

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("model"), name)

    def sample(self, n: int, *, on_step: Callable[[int, Tensor], None] | None = None, **sampling: Any) -> Tensor:
        """Draw n items as `DiffusionModel.sample` does, each process its share; `on_step` sees those of process 0."""
        processes.broadcast(("sample", n, sampling))
        return _gathered(_sample(self.model, n, on_step=on_step, **sampling), n)

    def loss_by_noise_level(self, x: Batch | Tensor, **how: Any) -> NoiseLevelLoss:
        """The loss as `DiffusionModel.loss_by_noise_level` gives it, each process its share of the items."""
        batch = (Batch.whole(x) if isinstance(x, Tensor) else x).to("cpu")
        if len(batch) < 2 * processes.world():  # a spread needs two items in every share
            return self.model.loss_by_noise_level(batch.to(_device(self.model)), **how)
        processes.broadcast(("loss", batch, how))
        rows = _gathered(_loss(self.model, batch, **how), processes.world())
        counts = [processes.share(len(batch), process)[1] for process in range(processes.world())]
        loss, error = _pooled(rows[:, 1], rows[:, 2], torch.tensor(counts, dtype=torch.float64)[:, None])
        return NoiseLevelLoss(rows[0, 0], loss, error)


@contextmanager
def shared(model: DiffusionModel) -> Iterator[DiffusionModel | SharedModel]:
    """Inside the block of process 0, a model that all processes compute; the model itself where there is one process.

    Example:
        >>> from equigen.diffusion import EDM, Gaussian, Isotropic
        >>> from equigen.spaces import Euclidean
        >>> law = Gaussian(torch.zeros(2), Isotropic(1.0))
        >>> with shared(DiffusionModel(Euclidean(2), law.denoiser(EDM()))) as model:
        ...     model.sample(3, seed=0).shape
        torch.Size([3, 2])
    """
    if processes.world() == 1:
        yield model
        return
    yield SharedModel(model)
    processes.broadcast(None)


def follow(model: DiffusionModel) -> None:
    """Compute this process's share of every call inside the block of process 0, until that ends."""
    while (call := processes.broadcast(None)) is not None:
        name, what, how = call
        if name == "sample":
            processes.gather(_sample(model, what, **how), what)
        else:
            processes.gather(_loss(model, what, **how), processes.world())


def _sample(model: DiffusionModel, n: int, *, first: int = 0, **sampling: Any) -> Tensor:
    """This process's share of the samples."""
    start, count = processes.share(n)
    if not count:
        return torch.empty(0)
    for name in sampling.keys() & {"structure", "condition"}:
        sampling[name] = _part(sampling[name], slice(start, start + count), _device(model))
    return model.sample(count, first=first + start, **sampling)


def _loss(model: DiffusionModel, batch: Batch, **how: Any) -> Tensor:
    """Noise, loss and its standard error over this process's share of a batch, (1, 3, levels)."""
    start, count = processes.share(len(batch))
    found = model.loss_by_noise_level(_part(batch, slice(start, start + count), _device(model)), **how)
    return torch.stack([found.noise, found.loss, found.standard_error])[None]


def _part(value: Any, items: slice, device: torch.device) -> Any:
    """Some items of a tensor, of a batch, or of every tensor of a mapping."""
    if isinstance(value, Mapping):
        return {name: _part(one, items, device) for name, one in value.items()}
    if isinstance(value, Batch):
        structure, condition = (_part(one, items, device) for one in (value.structure, value.condition))
        return Batch(value.x[items].to(device), value.position[items].to(device), value.size, structure, condition)
    return None if value is None else value[items].to(device)


def _pooled(mean: Tensor, error: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard error over all items from those of parts, (parts, levels), and the counts (parts, 1)."""
    n = count.sum()
    whole = (count * mean).sum(0) / n
    squares = (count * (count - 1) * error**2 + count * (mean - whole) ** 2).sum(0)
    return whole, (squares / ((n - 1) * n)) ** 0.5


def _gathered(x: Tensor, n: int) -> Tensor:
    whole = processes.gather(x, n)
    assert whole is not None, "process 0 alone hands calls on"
    return whole


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))
