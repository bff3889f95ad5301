"""Self-attention: every pixel looks at every other, as a residual that starts as nothing.

Source: A. Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.2; in the place that P. Dhariwal,
A. Nichol, Diffusion models beat GANs on image synthesis, NeurIPS 2021, section 3, give it: between residual blocks.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from equigen.networks.blocks import group_norm, zero
from equigen.networks.masked_layers import MaskedGroupNorm

__all__ = ["SelfAttention"]

_HEAD = 32


class SelfAttention(nn.Module):
    """x + attention(norm(x)) over the pixels of an image, invalid ones left out.

    Args:
        channels: of the image; heads have 32 channels each, or somewhat more where that does not divide.

    Example:
        >>> import torch
        >>> x = torch.arange(128.0).reshape(1, 8, 4, 4)
        >>> bool((SelfAttention(8)(x) == x).all())                     # it starts as the identity
        True
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = next(n for n in range(max(1, channels // _HEAD), 0, -1) if channels % n == 0)
        self.norm: MaskedGroupNorm = group_norm(channels)
        self.inward = nn.Linear(channels, 3 * channels)
        self.outward = zero(nn.Linear(channels, channels))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """(B, C, H, W) from (B, C, H, W) and a bool mask (B, 1, H, W) of its valid pixels."""
        y = self.inward(self.norm(x, mask).flatten(2).mT).unflatten(-1, (3, self.heads, -1))
        query, key, value = y.permute(2, 0, 3, 1, 4)
        seen = None
        if mask is not None:
            valid = mask.flatten(2)
            seen = (valid | ~valid.any(-1, keepdim=True))[:, :, None]  # a softmax over nothing has no value
        y = functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        return x + self.outward(y.transpose(1, 2).flatten(2)).mT.unflatten(2, x.shape[2:])
