"""What convolutions share: free numbers as parameters, and the filter and the bias that they stand for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from equigen.steerable.eager import untransformed
from equigen.steerable.expansion import (
    bias_table,
    blocks_between,
    expand_bias,
    expand_filter,
    filter_table,
    initial_scales,
    unreached_irreps,
)
from equigen.steerable.kernels.basis import KernelBasis
from equigen.steerable.kernels.default import default_basis
from equigen.steerable.modes import outside_modes
from equigen.steerable.module import SteerableModule, require_field_type

if TYPE_CHECKING:
    from equigen.steerable.field_type import FieldType

__all__ = ["SteerableFilter", "sampling_limit"]


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
        if bias is None or self.free_bias is None:
            return bias is self.free_bias
        return torch.equal(bias, self.free_bias)


class SteerableFilter(SteerableModule):
    """A layer whose filter commutes with the group: a sum of basis filters with free weights, and an invariant bias.

    Parameters are two rows of numbers: `weight`, one for each basis filter between each pair of fields, and `bias`, one
    for each direction of an output field that the group leaves alone (trivial irreps). Tables of the basis are shared
    between layers and follow the weights in dtype and device; they are no buffers, and no part of a state dict, a copy
    or a pickle: they are made again. A table takes memory once for each kind of filter, whatever the number of fields
    and layers: n d_out d_in k^2 numbers, 13.8 MiB in single precision for 7 x 7 between regular fields of C16.

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
        TypeError: a type is no field type, or the basis no kernel basis.
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
        require_field_type(in_type, "in_type", type(self).__name__)
        require_field_type(out_type, "out_type", type(self).__name__)
        _require_basis(basis, type(self).__name__)
        if in_type.group != out_type.group:
            raise ValueError(
                f"in_type is under {in_type.group.name} and out_type under {out_type.group.name}, but a filter "
                f"has one group: restrict the larger one, as in in_type.restrict(out_type.group)."
            )
        super().__init__(in_type, out_type)
        self.kernel_size = kernel_size
        with outside_modes():
            self.basis = default_basis(in_type.group) if basis is None else basis
            self._rows = blocks_between(in_type, out_type, kernel_size, self.basis)
            directions = sum(m * len(bias_table(rep)) for _, m, rep in out_type.parts())
        self._met = met
        self._expanded: _Expanded | None = None
        self.weight = nn.Parameter(torch.empty(sum(block.weights for row in self._rows for block in row)))
        self.bias = nn.Parameter(torch.empty(directions)) if bias and directions else None
        self._follow_weight()
        self.reset_parameters()

    def _follow_weight(self) -> None:
        """Hold the tables where the weights are and in their dtype, from float64, and let go of a kept filter."""
        self._expanded = None
        self._tables = self._tables_for(self.weight)

    def _tables_for(self, weight: Tensor) -> tuple[Tensor, ...]:
        """The filters of each block that has some, then the invariant vectors of each term of the output."""
        ins = [rep for _, _, rep in self.in_type.parts()]
        outs = [rep for _, _, rep in self.out_type.parts()]
        place = {"dtype": weight.dtype, "device": weight.device}
        used = [block for row in self._rows for block in row if block.filters]
        filters = [filter_table(self.basis, ins[b.column], outs[b.row], self.kernel_size, **place) for b in used]
        with outside_modes():
            return (*filters, *(bias_table(rep).to(**place) for rep in outs))

    def _tables_now(self) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Filters and invariant vectors for the weights as they are: another dtype may have been put in their place."""
        tables, weight, terms = self._tables, self.weight, len(self._rows)
        if tables[-1].dtype != weight.dtype or tables[-1].device != weight.device:
            compiled = torch.compiler.is_compiling()
            tables = tuple(table.to(weight) for table in tables) if compiled else self._tables_for(weight)
        return tables[:-terms], tables[-terms:]

    def reset_parameters(self) -> None:
        """Draw weights from torch's generator, and set the bias to zero.

        White input of unit variance gives output fields of unit variance on average over their channels, away from
        padding, in every basis: Var(w) = 1/(sum over input fields of their basis filters). An activation that halves
        second moments, such as ReLU, calls for weights sqrt(2) times as large.

        Maps inside a network are not white. `GridBasis` holds all frequencies alike and keeps the scale of smooth maps
        too. Rings hold low ones above all, and enlarge smooth maps with every layer; measured over 6 layers without
        activations, on maps of 24 x 24 with a Gaussian spectrum of 0.08 cycles per pixel, the standard deviation grew
        per layer by the factors

            GridBasis, kernels 3 and 5        1.0
            C8 regular, kernels 3, 5, 7       1.2, 1.6, 1.9
            SO2 regular(2), kernels 3, 5, 7   1.3, 1.8, 2.1

        with a spread of 0.05 over seeds; scalars alone under SO2 reach 2.7 at kernel 5. Put a norm between ring layers.
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
            return expand_filter(self.weight, self._rows, self._tables_now()[0], self.kernel_size)

    def bias_channels(self) -> Tensor | None:
        """The constant that is added to every channel, (C_out,), or None; differentiable in the bias."""
        if self.bias is None:
            return None
        fields = [m for _, m, _ in self.out_type.parts()]
        with self._own_precision():
            return expand_bias(self.bias, list(zip(fields, self._tables_now()[1], strict=True)))

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
            with outside_modes():
                bias = None if self.bias is None else self.bias.detach().clone()
                expanded = _Expanded(self.weight.detach().clone(), bias, self.filter(), self.bias_channels())
            self._expanded = expanded
        return expanded.filter, expanded.bias

    def _may_keep(self) -> bool:
        """Whether this is a plain evaluation on real weights, of which no derivative is asked."""
        if torch.compiler.is_compiling() or self.weight.device.type != "cpu" or not untransformed():
            return False
        asked = any(p.requires_grad for p in (self.weight, self.bias) if p is not None)
        return not (asked and torch.is_grad_enabled())

    def train(self, mode: bool = True) -> SteerableFilter:
        """Switch to training or evaluation, and let go of a kept filter."""
        self._expanded = None
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> SteerableFilter:
        super()._apply(fn, recurse)
        self._follow_weight()
        return self

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._follow_weight()  # assignment may have brought weights of another dtype or device

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_expanded": None, "_tables": ()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._follow_weight()

    def unreached(self) -> tuple[str, ...]:
        """The parts of output fields that stay zero, as "3 of regular(3)": no filter leads to these irreps.

        A filter of frequency mu in the angle leads from a frequency j to j - mu and j + mu alone, and small filters
        have few: take a larger kernel_size, `basis=RingBasis(cutoff=...)`, or more frequencies in `in_type`.
        """
        return unreached_irreps(self.in_type, self.out_type, self.kernel_size, self.basis)

    def extra_repr(self) -> str:
        """The types, the settings that differ from the default, and the parts of output fields that stay zero."""
        text = f"{super().extra_repr()}, kernel_size={self.kernel_size}"
        usual = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "padding_mode": "zeros"}
        for name, value in usual.items():
            given = getattr(self, name, value)
            text += "" if given == value else f", {name}={given!r}"
        missing = self.unreached()
        return f"{text}, never reached: {', '.join(missing)}" if missing else text

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


def _require_basis(basis: Any, layer: str) -> None:
    if basis is None or isinstance(basis, KernelBasis):
        return
    fix = f"{basis.__name__}()" if isinstance(basis, type) and issubclass(basis, KernelBasis) else "RingBasis()"
    raise TypeError(f"basis is {basis!r}, but {layer} takes a kernel basis: pass basis={fix}.")
