"""Self-attention on fields: every position looks at every other, by inner products that the group leaves alone."""

from __future__ import annotations

import math

from torch import Tensor, nn
from torch.nn import functional

from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.module import SteerableModule, check_channels

__all__ = ["PlainAttention", "SelfAttention"]


def _attend(y: Tensor, heads: int) -> Tensor:
    """Fields (B, C, H, W) from queries, keys and values (B, 3 C, H, W), each head by head."""
    rows = y.unflatten(1, (3, heads, -1)).flatten(-2).mT  # (B, 3, heads, H W, C / heads)
    query, key, value = rows.unbind(1)
    out = functional.scaled_dot_product_attention(query, key, value)
    return out.mT.flatten(1, 2).unflatten(-1, y.shape[-2:])


class SelfAttention(SteerableModule):
    """Attention between positions, with queries, keys and values that are fields.

        y_p = W_o sum_q softmax_q(k_q . q_p / sqrt(d)) v_q,   (q, k, v)_p = W x_p + b

    with the sum over all positions and W, W_o intertwiners (1 x 1 steerable convolutions). Queries and keys transform
    by the same orthogonal matrices, so their products, and the weights with them, are invariant; positions are not
    encoded, so moving them moves the result. Each head has an equal share of the fields of every term (d channels).
    There is no norm and no residual inside: write `x + attention(norm(x))`.

    Args:
        in_type: type of the fields, in and out.
        heads: number of heads; it divides the number of fields of every term.

    Raises:
        ValueError: the fields of a term cannot be shared evenly between the heads.

    Error: relative 1e-6 (float32), 1e-14 (float64).

    Source: A. Vaswani et al., Attention is all you need, 2017 (scaled dot products); on fields: D. W. Romero,
    J.-B. Cordonnier, Group Equivariant Stand-Alone Self-Attention For Vision, 2021.

    Example:
        >>> import torch
        >>> from equigen.groups.plane_groups import Cyclic
        >>> attention = SelfAttention(FieldType(Cyclic(4), "2x0e"), heads=2)
        >>> x = torch.randn(1, 2, 5, 5)
        >>> bool(torch.allclose(attention(x.rot90(1, (-2, -1))), attention(x).rot90(1, (-2, -1)), atol=1e-6))
        True
    """

    def __init__(self, in_type: FieldType, heads: int = 1) -> None:
        super().__init__(in_type, in_type)
        common = math.gcd(*(count for count, _ in in_type.terms))
        whole = isinstance(heads, int) and not isinstance(heads, bool)
        if not whole or heads < 1 or common % heads:
            legal = ", ".join(str(n) for n in range(1, common + 1) if common % n == 0)
            raise ValueError(
                f"heads is {heads!r}, but the fields of {in_type} are shared evenly by {legal} heads only: "
                f"SelfAttention(in_type, heads={common})."
            )
        self.heads = heads
        share = [(count // heads, rep) for count, rep in in_type.terms] if len(in_type.terms) > 1 else []
        joint, triple = ([(n * count, rep) for count, rep in in_type.terms] for n in (1, 3))
        joint, triple = (share * heads, share * (3 * heads)) if share else (joint, triple)
        self.inward = SteerableConv2d(in_type, FieldType(in_type.group, triple), 1)
        self.outward = SteerableConv2d(FieldType(in_type.group, joint), in_type, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W)."""
        check_channels(x, self.in_type, "SelfAttention")
        return self.outward(_attend(self.inward(x), self.heads))

    def plain(self) -> nn.Module:
        """The two plain convolutions with the attention between them."""
        return PlainAttention(self.inward.plain(), self.outward.plain(), self.heads).train(self.training)

    def extra_repr(self) -> str:
        """The type and the number of heads, for `print(network)`."""
        return f"{super().extra_repr()}, heads={self.heads}"


class PlainAttention(nn.Module):
    """`SelfAttention` made of plain convolutions.

    Args:
        inward: from C channels to queries, keys and values, 3 C.
        outward: from C channels to C.
        heads: number of heads; each has C / heads consecutive channels.
    """

    def __init__(self, inward: nn.Module, outward: nn.Module, heads: int) -> None:
        super().__init__()
        self.inward, self.outward, self.heads = inward, outward, heads

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) from (B, C, H, W)."""
        return self.outward(_attend(self.inward(x), self.heads))
