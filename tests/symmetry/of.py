"""A network of one function."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn


class Of(nn.Module):
    """What a function says of images."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)
