"""What convolutions share: free numbers as parameters, and the filter and the bias that they stand for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

from equigen.steerable.expansion import (
    bias_table,
    blocks_between,
    expand_bias,
    expand_filter,
    filter_table,
    initial_scales,
    on_cpu,
)
from equigen.steerable.kernels.default import default_basis
from equigen.steerable.module import SteerableModule

if TYPE_CHECKING:
    from equigen.steerable.field_type import FieldType
    from equigen.steerable.kernels.basis import KernelBasis

__all__ = ["SteerableFilter", "require_whole", "sampling_limit"]


@dataclass(frozen=True)
class _Expanded:
    """A filter and bias, beside copies of the weights that they were made from."""

    weight: Tensor
    free_bias: Tensor | None
    filter: Tensor
    bias: Tensor | None

    def stands_for(self, weight: Tensor, bias: Tensor | None) -> bool:
        if weight.dtype != self.weight.dtype or not torch.equal(weight, self.weight):
            return False
        return bias is None or (self.free_bias is not None and torch.equal(bias, self.free_bias))


class SteerableFilter(SteerableModule):
    """A layer whose filter commutes with the group: a sum of basis filters with free weights, and an invariant bias.

    Parameters are two rows of numbers: `weight`, one for each basis filter between each pair of fields, and `bias`, one
    for each direction of an output field that the group leaves alone (trivial irreps). Tables of the basis are no part
    of a state dict, a copy or a pickle: they are made again.

    While no gradient of the weights is asked for on the CPU, the filter is kept, and used as long as the weights equal
    those that it was made from. The comparison is by value, so a weight changed by whatever way is seen. On an
    accelerator, where such a comparison waits for the device and costs more than the expansion, the filter is
    expanded at every call; `plain()` fixes it for good.

    Args:
        in_type: fields that come in.
        out_type: fields that go out, under the same group.
        kernel_size: side of the filter in pixels.
        bias: whether invariant constants are added.
        basis: which filters; the default of the group if None.
        met: share of the filter's entries that meet at one output pixel: 1, or 1/s^2 in a transposed convolution of
            stride s.

    Raises:
        ValueError: the groups differ, or some output field would be zero because no filter leads to it.
    """

    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        in_type: FieldType,
        out_type: FieldType,
        kernel_size: int,
        *,
        bias: bool,
        basis: KernelBasis | None,
        met: float = 1.0,
    ) -> None:
        if in_type.group != out_type.group:
            raise ValueError(
                f"in_type is under {in_type.group.name} and out_type under {out_type.group.name}, but a filter "
                f"has one group: restrict the larger one, as in in_type.restrict(out_type.group)."
            )
        super().__init__(in_type, out_type)
        self.kernel_size = kernel_size
        with on_cpu():
            self.basis = default_basis(in_type.group) if basis is None else basis
            self._rows = blocks_between(in_type, out_type, kernel_size, self.basis)
            directions = [m * len(bias_table(rep)) for _, m, rep in out_type.parts()]
        self._met = met
        self._expanded: _Expanded | None = None
        self.weight = nn.Parameter(torch.empty(sum(block.weights for row in self._rows for block in row)))
        self.bias = nn.Parameter(torch.empty(sum(directions))) if bias and sum(directions) else None
        self._filter_names = [f"_filters_{block.row}_{block.column}" for block in self._used_blocks()]
        self._bias_names = [f"_invariants_{row}" for row in range(len(directions))] if self.bias is not None else []
        for name in (*self._filter_names, *self._bias_names):
            self.register_buffer(name, None, persistent=False)
        self._make_tables()
        self.reset_parameters()

    def _used_blocks(self) -> list[Any]:
        return [block for row in self._rows for block in row if block.filters]

    def _make_tables(self) -> None:
        """Put the tables where the weights are, from float64."""
        dtype, device = self.weight.dtype, self.weight.device
        ins = [rep for _, _, rep in self.in_type.parts()]
        outs = [rep for _, _, rep in self.out_type.parts()]
        for name, block in zip(self._filter_names, self._used_blocks(), strict=True):
            reps = ins[block.column], outs[block.row]
            self._buffers[name] = filter_table(self.basis, *reps, self.kernel_size, dtype=dtype, device=device)
        for name, rep in zip(self._bias_names, outs, strict=False):
            with on_cpu():
                self._buffers[name] = bias_table(rep).to(device, dtype)

    def reset_parameters(self) -> None:
        """Draw weights from torch's generator, and set the bias to zero.

        White input of unit variance gives output fields of unit variance on average over their channels, away from
        padding: Var(w) = 1/(sum over input fields of their basis filters). An activation that halves second moments,
        such as ReLU, calls for weights sqrt(2) times as large.
        """
        with torch.no_grad():
            start = 0
            for row, scale in zip(self._rows, initial_scales(self._rows), strict=True):
                count = sum(block.weights for block in row)
                self.weight[start : start + count].normal_(0, scale / self._met**0.5)
                start += count
            if self.bias is not None:
                self.bias.zero_()

    def filter(self) -> Tensor:
        """The filter that the weights stand for, (C_out, C_in, k, k), differentiable in them.

        Entry (i, j) stands at x = j - (k - 1)/2, y = (k - 1)/2 - i. Products are taken in the dtype of the weights,
        under autocast too.
        """
        with self._own_precision():
            tables = [self._buffers[name] for name in self._filter_names]
            return expand_filter(self.weight, self._rows, tables, self.kernel_size)  # type: ignore[arg-type]

    def bias_channels(self) -> Tensor | None:
        """The constant that is added to every channel, (C_out,), or None; differentiable in the bias."""
        if self.bias is None:
            return None
        fields = [m for _, m, _ in self.out_type.parts()]
        with self._own_precision():
            tables = [self._buffers[name] for name in self._bias_names]
            return expand_bias(self.bias, list(zip(fields, tables, strict=True)))  # type: ignore[arg-type]

    def _own_precision(self) -> Any:
        kind = self.weight.device.type
        lowered = kind != "meta" and torch.is_autocast_enabled(kind)
        return torch.autocast(kind, enabled=False) if lowered else nullcontext()

    def filter_and_bias(self) -> tuple[Tensor, Tensor | None]:
        """What `forward` uses: the filter and the bias of each channel, kept while the weights stand still."""
        if not self._may_keep():
            return self.filter(), self.bias_channels()
        expanded = self._expanded
        if expanded is None or not expanded.stands_for(self.weight, self.bias):
            with on_cpu():
                bias = None if self.bias is None else self.bias.detach().clone()
                expanded = _Expanded(self.weight.detach().clone(), bias, self.filter(), self.bias_channels())
            self._expanded = expanded
        return expanded.filter, expanded.bias

    def _may_keep(self) -> bool:
        """Whether this is a plain evaluation on real weights, of which no derivative is asked."""
        if torch.compiler.is_compiling() or self.weight.device.type != "cpu":
            return False
        if torch.is_grad_enabled() and any(p.requires_grad for p in (self.weight, self.bias) if p is not None):
            return False
        if _get_current_dispatch_mode() is not None or torch._C._get_tracing_state() is not None:
            return False
        transformed = torch._C._functorch.maybe_current_level()  # pyright: ignore[reportAttributeAccessIssue]
        return transformed is None and forward_ad._current_level < 0

    def train(self, mode: bool = True) -> SteerableFilter:
        """Switch to training or evaluation, and let go of a kept filter."""
        self._expanded = None
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SteerableFilter:
        self._drop_tables()
        super()._apply(fn, recurse)
        self._make_tables()
        return self

    def _drop_tables(self) -> None:
        self._expanded = None
        for name in (*self._filter_names, *self._bias_names):
            self._buffers[name] = None

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._expanded = None
        self._make_tables()  # assignment may have brought weights of another dtype or device

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        state["_expanded"] = None
        tables = {*self._filter_names, *self._bias_names}
        state["_buffers"] = {name: None if name in tables else tensor for name, tensor in self._buffers.items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._make_tables()

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """Filter the fields `x` (B, C_in, H, W)."""


def sampling_limit(kernel_size: int, stride: int, padding: int) -> str:
    """What limits a convolution under angles that do not move the grid onto itself, "" if nothing does.

    Example:
        >>> sampling_limit(5, 1, 0), sampling_limit(1, 1, 0)
        ('filters are sampled on the grid of pixels', '')
    """
    limits = ["filters are sampled on the grid of pixels"] if kernel_size > 1 else []
    limits += ["pixels are left out"] if stride > kernel_size else []
    return ", ".join([*limits, *(["the border is square"] if padding else [])])


def require_whole(layer: str, least: int = 1, **settings: int) -> None:
    """Refuse settings that are not whole numbers from `least` on.

    Args:
        layer: whose settings they are, for the message.
        least: the smallest that is allowed.
        settings: numbers by name.

    Raises:
        TypeError: one is not a whole number.
        ValueError: one is too small.

    Example:
        >>> require_whole("SteerableConv2d", stride=0)
        Traceback (most recent call last):
        ValueError: stride is 0, but SteerableConv2d takes whole numbers from 1 on: pass stride=1.
    """
    for name, value in settings.items():
        fix = 3 if name == "kernel_size" else least
        wanted = f"but {layer} takes whole numbers from {least} on: pass {name}={fix}."
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} is {value!r}, {wanted}")
        if value < least:
            raise ValueError(f"{name} is {value}, {wanted}")
