"""Numbers that are not finite: noticed on the device, named on the processor.

Every step adds its loss and the norm of its gradient to a window that is read only when a line of metrics or a
checkpoint is due (on the processor: at each step). The first of them that is not finite raises a flag on the device,
and the optimiser takes no step from then on: when the window is read, the weights are still those before the fault,
and each item of the batch can be tried alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from equigen.spaces.batch import Batch
from equigen.training.errors import NonFiniteError

__all__ = ["Window", "blame", "require_finite_validation", "require_finite_weights", "rows_at_fault"]


class Window:
    """Loss and gradient norm of the steps since the last line of metrics.

    Args:
        device: where the numbers arise.
        values: (loss, gradient norm) of steps before, as a checkpoint kept them.

    Example:
        >>> window = Window("cpu")
        >>> window.add(torch.tensor(3.0), torch.tensor(1.0))
        >>> window.add(torch.tensor(5.0), torch.tensor(2.0))
        >>> window.read(), window.mean()
        (None, (4.0, 1.5))
    """

    def __init__(self, device: torch.device | str, values: Iterable[Iterable[float]] = ()) -> None:
        self.values = [(loss, norm) for loss, norm in values]
        self.skip = torch.zeros((), device=device)  # 1 once anything was not finite: no step is taken from then on
        self._pending: list[Tensor] = []

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """Take a step's numbers, without waiting for the device."""
        pair = torch.stack((loss.detach(), norm.to(loss.dtype)))
        self.skip.masked_fill_(~pair.isfinite().all(), 1.0)
        self._pending.append(pair)

    def read(self, over_processes: Callable[[Tensor], Tensor] = lambda pairs: pairs) -> int | None:
        """Wait for the device.

        Args:
            over_processes: mean over all processes of (K, 2) numbers.

        Returns:
            How many steps back the first number lies that is not finite (0: the last step); None if all are finite.
        """
        if self._pending:
            pairs = over_processes(torch.stack(self._pending)).tolist()
            self._pending = []
            self.values += [(loss, norm) for loss, norm in pairs]
        for index, pair in enumerate(self.values):
            if not all(map(math.isfinite, pair)):
                return len(self.values) - 1 - index
        return None

    def mean(self) -> tuple[float, float]:
        """Mean loss and gradient norm of what was read."""
        losses, norms = zip(*self.values, strict=True)
        return math.fsum(losses) / len(losses), math.fsum(norms) / len(norms)

    def clear(self) -> None:
        """Begin the next window."""
        self.values = []


def rows_at_fault(model: nn.Module, batch: Batch, loss: Callable[[Batch], Tensor]) -> list[int]:
    """Rows of a batch whose loss or gradient, taken alone, is not finite."""
    rows = []
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for row in range(len(batch)):
        value = loss(_one(batch, row))
        gradients = torch.autograd.grad(value, parameters, allow_unused=True)
        if not all(bool(tensor.isfinite().all()) for tensor in (value, *gradients) if tensor is not None):
            rows.append(row)
    return rows


def blame(
    step: int,
    numbers: tuple[float, float],
    rows: list[int],
    position: Tensor,
    *,
    noise: Tensor | None = None,
    items: Tensor | None = None,
) -> NonFiniteError:
    """Say which step, items and noise levels are at fault.

    Args:
        step: counted from 1.
        numbers: its loss and gradient norm.
        rows: of the batch, at fault.
        position: place of each row in the global batch, (B,).
        noise: relative noise level sigma/alpha of each row, (B,).
        items: index of each row in the data set, (B,).
    """
    loss, norm = numbers
    positions = tuple(int(position[row]) for row in rows)
    levels = tuple(float(noise[row]) for row in rows) if noise is not None else ()
    numbered = tuple(int(items[row]) for row in rows) if items is not None else ()
    what = f"loss ({loss})" if not math.isfinite(loss) else f"gradient (norm {norm})"
    shown = [f"batch item {place}" for place in positions]
    if numbered:
        shown = [f"{text} (training item {item})" for text, item in zip(shown, numbered, strict=True)]
    if levels:
        shown = [f"{text} at noise level {level:.3g}" for text, level in zip(shown, levels, strict=True)]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    where = ", ".join(shown[:3]) + more if shown else "no item of the batch alone"
    if not shown and noise is not None:
        where += f" (noise levels {float(noise.min()):.3g} to {float(noise.max()):.3g})"
    message = (
        f"step {step} was not taken, because its {what} is not finite; at fault: {where}; nothing saved was "
        "overwritten: lower learning_rate, or look at these items."
    )
    return NonFiniteError(message, step=step, positions=positions, items=numbered, noise=levels)


def require_finite_weights(step: int, *models: nn.Module) -> None:
    """Make sure that what is about to be saved after a step is worth it.

    Raises:
        NonFiniteError: a weight is not finite.
    """
    for model in models:
        if not all(bool(tensor.isfinite().all()) for tensor in model.state_dict().values()):
            raise NonFiniteError(
                f"the weights after step {step} are not finite; nothing saved was overwritten: lower learning_rate.",
                step=step,
            )


def require_finite_validation(step: int, found: Mapping[str, Any]) -> None:
    """Make sure that a validation gave numbers.

    Args:
        step: after which it was made.
        found: as from `validate`.

    Raises:
        NonFiniteError: a loss is not finite, at the noise levels it names.
    """
    levels = list(zip(found.get("noise", ()), found.get("level_loss", ()), strict=True))
    noise = tuple(level for level, loss in levels if not math.isfinite(loss))
    if noise or not math.isfinite(found["loss"]):
        where = f" at noise level {', '.join(f'{level:.3g}' for level in noise)}" if noise else ""
        raise NonFiniteError(
            f"the held-out loss after step {step} is not finite{where}; nothing saved was overwritten: lower "
            "learning_rate.",
            step=step,
            noise=noise,
        )


def _one(batch: Batch, row: int) -> Batch:
    """A batch of one item at its own place, twice: a normalisation over the batch needs two."""
    return batch.items([row, row])
