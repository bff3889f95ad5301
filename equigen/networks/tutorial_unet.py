"""The U-Net of the score-based tutorial: four resolutions, no padding, time added as a bias at each.

Convolutions are unpadded, so sides run 28 -> 26 -> 12 -> 5 -> 2 and back: only sides of 8 d + 12 pixels fit.

Source: Y. Song, public tutorial on score-based generative modeling, 2021; its layers as the course's text lists them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from equigen import random

__all__ = ["TutorialUNet"]

_FEATURES, _FEATURE_SCALE = 256, 30.0


class TutorialUNet(nn.Module):
    """F(x, t) for images (C, H, W) with sides of 8 d + 12 pixels, d >= 1: 20, 28, 36 and so on.

    The output is divided by sigma(t) by the preconditioning `ScaleBySigma`, not here.

    Args:
        shape: (C, H, W) of an image.
        channels: width at each of the four resolutions.
        seed: of the initial weights and the fixed Fourier frequencies, which are N(0, 30^2).

    Raises:
        ValueError: sides that do not fit.

    Example:
        >>> network = TutorialUNet((1, 28, 28))
        >>> network(torch.zeros(2, 1, 28, 28), torch.ones(2)).shape, sum(p.numel() for p in network.parameters())
        (torch.Size([2, 1, 28, 28]), 1115297)
    """

    frequencies: Tensor

    def __init__(self, shape: Sequence[int], channels: Sequence[int] = (32, 64, 128, 256), seed: int = 0) -> None:
        super().__init__()
        if len(shape) != 3 or len(channels) != 4 or any(side < 20 or (side - 12) % 8 for side in shape[1:]):
            raise ValueError(
                f"shape is {tuple(shape)} with {len(channels)} widths, but this network takes (channels, height, "
                "width) with sides of 8 d + 12 pixels and four widths: pad the images to 20, 28 or 36, or take UNet."
            )
        self.shape, self.channels, self.seed = tuple(shape), tuple(channels), seed
        with random.fork(seed=seed, stream=random.Stream.INITIALISATION):
            self._build(shape[0], *channels)

    def _build(self, image_channels: int, a: int, b: int, c: int, d: int) -> None:
        self.register_buffer("frequencies", torch.randn(_FEATURES // 2) * _FEATURE_SCALE)
        self.embedding = nn.Linear(_FEATURES, _FEATURES)
        self.down = nn.ModuleList(
            [
                nn.Conv2d(image_channels, a, 3, bias=False),
                nn.Conv2d(a, b, 3, stride=2, bias=False),
                nn.Conv2d(b, c, 3, stride=2, bias=False),
                nn.Conv2d(c, d, 3, stride=2, bias=False),
            ]
        )
        self.up = nn.ModuleList(
            [
                nn.ConvTranspose2d(d, c, 3, stride=2, bias=False),
                nn.ConvTranspose2d(2 * c, b, 3, stride=2, bias=False, output_padding=1),
                nn.ConvTranspose2d(2 * b, a, 3, stride=2, bias=False, output_padding=1),
            ]
        )
        self.outward = nn.ConvTranspose2d(2 * a, image_channels, 3)
        widths = (a, b, c, d, c, b, a)
        self.times = nn.ModuleList([nn.Linear(_FEATURES, width) for width in widths])
        self.norms = nn.ModuleList([nn.GroupNorm(4 if k == 0 else 32, width) for k, width in enumerate(widths)])

    def forward(
        self,
        x: Tensor,
        noise: Tensor,
        label: Tensor | None = None,
        value: Tensor | None = None,
        structure: Tensor | None = None,
    ) -> Tensor:
        """F at images (B, C, H, W) and times (B,).

        Raises:
            ValueError: a label, a value or a structure, none of which the tutorial's network takes.
        """
        given = [name for name, c in (("label", label), ("value", value), ("structure", structure)) if c is not None]
        if given:
            raise ValueError(
                f"{' and '.join(given)} given, but the tutorial's network takes no conditions and no masks: take UNet."
            )
        angle = math.tau * noise[:, None] * self.frequencies.to(noise)
        embedding = functional.silu(self.embedding(torch.cat((angle.sin(), angle.cos()), dim=1)))
        skips: list[Tensor] = []
        for k, layer in enumerate((*self.down, *self.up)):
            if k > len(self.down):
                x = torch.cat((x, skips.pop()), dim=1)
            x = layer(x) + self.times[k](embedding)[:, :, None, None]
            x = functional.silu(self.norms[k](x))
            if k < len(self.down) - 1:
                skips.append(x)
        return self.outward(torch.cat((x, skips.pop()), dim=1))
