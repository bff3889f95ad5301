"""Tables: constant matrices of a layer, which follow it through dtypes and devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from equigen.steerable.modes import outside_modes

__all__ = ["Tables"]


class Tables(nn.Module):
    """Constant tensors that are kept in float64 and handed out in the module's dtype, outside of checkpoints.

    A buffer that is rounded to float32 and cast to float64 later has lost digits; here each move of the module rounds
    the float64 table anew, also where it comes from a device without memory ("meta"). The tables are no buffers, so
    nothing that writes to the weights and buffers of a network (averaging, filling) changes them. Whole numbers are
    moved and keep their dtype.

    Args:
        tables: float64, or whole numbers.

    Example:
        >>> tables = Tables([torch.full((1, 1), 0.1, dtype=torch.float64)])
        >>> tables.double().table(0).item(), list(tables.state_dict()), list(tables.buffers())
        (0.1, [], [])
    """

    def __init__(self, tables: Sequence[Tensor]) -> None:
        super().__init__()
        self._exact = tuple(tables)
        self._tabulate(torch.get_default_device(), torch.get_default_dtype())

    def table(self, index: int) -> Tensor:
        """One table, in the module's dtype and on its device."""
        return getattr(self, f"table{index}")

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Tables:
        super()._apply(fn, recurse)
        with outside_modes():
            moved = fn(self._like.clone())
        self._tabulate(moved.device, moved.dtype)
        return self

    def _load_from_state_dict(self, state_dict: Any, prefix: str, local_metadata: Any, *args: Any, **kw: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args, **kw)
        if self._like.is_meta and local_metadata.get("assign_to_params_buffers"):  # its network gets memory just now
            self._tabulate(torch.get_default_device(), self._like.dtype)

    def _tabulate(self, device: torch.device, dtype: torch.dtype) -> None:
        with outside_modes():
            self._like = torch.zeros(1, device=device, dtype=dtype)
            for index, table in enumerate(self._exact):
                kind = dtype if table.is_floating_point() else table.dtype
                setattr(self, f"table{index}", table.to(device, kind, copy=True))
