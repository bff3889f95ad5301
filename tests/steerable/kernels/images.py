"""Whether a filter commutes with quarter turns and flips of images, by torch's own rot90 and flip."""

import math

import torch
from torch.nn.functional import conv2d


def moved(image, rep, element):
    """(g f)(p) = rho(g) f(g^-1 p) for an element of D4 and images (B, d, H, W)."""
    out = image.flip(-2) if element[1] == 1 else image
    out = torch.rot90(out, round(element[0].item() / (math.pi / 2)), (-2, -1))
    return torch.einsum("oi,bihw->bohw", rep.matrix(element).to(image), out)


def largest_error(weight, in_rep, out_rep, image):
    """The largest difference between filtering what was moved and moving what was filtered, over on-grid elements."""
    filtered = conv2d(image, weight, padding=weight.shape[-1] // 2)
    square = torch.tensor([[k * math.pi / 2, flip] for k in range(4) for flip in (0.0, 1.0)], dtype=torch.float64)
    errors = [
        (conv2d(moved(image, in_rep, g), weight, padding=weight.shape[-1] // 2) - moved(filtered, out_rep, g))
        .abs()
        .max()
        for g in square[in_rep.group.contains(square)]
    ]
    return float(max(errors) / filtered.abs().max())
