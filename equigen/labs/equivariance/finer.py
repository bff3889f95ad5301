"""The same network on a finer grid: its continuous kernels summed over denser points, with the weights that it has.

A filter of `RingBasis` is a continuous kernel K(x) read at pixels, and a convolution on pixels is a sum that stands
for an integral,

    integral K(x) f(p + x) dx  ~  h^2 sum_i K(h i) f(p + h i),        h the distance between points.

On pixels h = 1, which is coarse for rings .4 to .6 pixels wide: the sum depends on how the grid lies. At h = 1/2 it is
the integral up to 3e-6. The single point in the middle of a filter is a point mass and keeps its weight. Blurs read the
points that they read before, at more places, or, where they are to be round, all points with the weights of a Gaussian
of the same variance; normalisations and activations act on each point alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from equigen.groups.representation import Representation
from equigen.networks.disk import Disk
from equigen.networks.steerable_classifier import SteerableClassifier
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.kernels.ring_basis import RingBasis
from equigen.steerable.module import SteerableModule
from equigen.steerable.resampling.blur import BlurPool, binomial

__all__ = ["finer_filter", "finer_invariants"]

_REACH = 1.5
"""Pixels beyond the outermost ring that a finer filter covers: 4 of its widths."""
_WIDTHS = 5.0  # of a Gaussian, beyond which a round blur reads nothing


def finer_invariants(
    network: SteerableClassifier, finer: int, *, round_blurs: bool = False
) -> Callable[[Tensor], Tensor]:
    """The invariant numbers of a network, computed on grids that are some times denser than pixels.

    Args:
        network: whose kernels are rings, in evaluation mode, with odd sides of all maps.
        finer: points per pixel along an axis; 1 is the network itself.
        round_blurs: whether Gaussians of the same variance, which have no direction, stand for binomial blurs.

    Returns:
        A function of images (B, C, s, s) read at the denser points of their frame, s = finer (n - 1) + 1, that gives
        (B, numbers). Images must lie within the disk that the network sees.
    """
    steps = [_finer(layer, finer, round_blurs) for layer in network.trunk if not isinstance(layer, Disk)]

    def function(x: Tensor) -> Tensor:
        with torch.no_grad():
            for step in steps:
                x = step(x)
            return network.invariants(x).flatten(1)

    return function


def finer_filter(conv: SteerableConv2d, finer: int) -> Tensor:
    """A layer's filter on a denser grid, reaching further out than on pixels.

    Its weights in the basis are read off the filter on pixels, and the kernels of the basis are taken at denser points.

    Args:
        conv: with an odd kernel of rings.
        finer: points per pixel along an axis; 1 gives the kernel on pixels, beyond the border of the filter too.

    Returns:
        (C_out, C_in, s, s), of the layer's dtype.

    Raises:
        TypeError: filters that are samples of no continuous kernel.
    """
    basis = conv.basis
    if not isinstance(basis, RingBasis):
        raise TypeError(f"the filters are of {basis}, which has no kernels between pixels: take RingBasis().")
    weight = conv.filter().detach().double()
    points = _points(conv.kernel_size, finer)
    out = weight.new_zeros(*weight.shape[:2], *points.shape[:2])
    for rows, m_out, out_rep in conv.out_type.parts():
        for columns, m_in, in_rep in conv.in_type.parts():
            coarse = basis.filters(in_rep, out_rep, conv.kernel_size)
            if not len(coarse):
                continue
            part = weight[rows, columns].unflatten(0, (m_out, -1)).unflatten(2, (m_in, -1)).transpose(1, 2)
            right = part.flatten(2).flatten(0, 1)
            weights = torch.linalg.lstsq(coarse.flatten(1).T, right.T).solution
            dense = _dense(basis, in_rep, out_rep, conv.kernel_size, points, finer)
            block = (weights.T @ dense.flatten(1)).unflatten(0, (m_out, m_in)).unflatten(2, dense.shape[1:])
            out[rows, columns] = block.transpose(1, 2).flatten(2, 3).flatten(0, 1)
    return out.to(conv.weight.dtype)


def _points(kernel_size: int, finer: int) -> Tensor:
    """Where the points of a finer filter stand, (x, y) in pixels with y up, (s, s, 2)."""
    reach = math.ceil(((kernel_size - 1) / 2 + _REACH) * finer)
    along = torch.arange(-reach, reach + 1, dtype=torch.float64) / finer
    return torch.stack(torch.meshgrid(along, -along, indexing="xy"), dim=-1)


def _dense(
    basis: RingBasis, in_rep: Representation, out_rep: Representation, size: int, points: Tensor, finer: int
) -> Tensor:
    """The kernels at points, times the area that each stands for; (n, d_out, d_in, s, s)."""
    kernels = basis.at(in_rep, out_rep, size, points)
    middle = (points == 0).all(dim=-1)
    mass = (kernels * ~middle).flatten(1).abs().amax(dim=1) == 0
    return torch.where(mass.reshape(-1, 1, 1, 1, 1), kernels, kernels / finer**2)


def _finer(layer: SteerableModule, finer: int, round_blurs: bool) -> Callable[[Tensor], Tensor]:
    if isinstance(layer, BlurPool) and round_blurs:
        return lambda x: _blurred_roundly(layer, x, finer)
    if finer == 1:
        return layer
    if isinstance(layer, SteerableConv2d):
        weight, bias = finer_filter(layer, finer), layer.bias_channels()
        padding = finer * layer.padding - finer * (layer.kernel_size - 1) // 2 + weight.shape[-1] // 2
        return lambda x: functional.conv2d(x, weight, bias, padding=padding)
    if isinstance(layer, BlurPool):
        return lambda x: _blurred(layer, x, finer)
    return layer


def _blurred(layer: BlurPool, x: Tensor, finer: int) -> Tensor:
    """What the blur gives, at denser places: the points between the windows are windows' middles too."""
    weight = binomial(layer.kernel_size).to(x).expand(x.shape[1], 1, -1, -1)
    x = functional.pad(x, [finer * layer.padding] * 4, mode=layer.padding_mode)
    return functional.conv2d(x, weight, None, layer.stride, dilation=finer, groups=x.shape[1])


def _blurred_roundly(layer: BlurPool, x: Tensor, finer: int) -> Tensor:
    """The blur with a Gaussian of the binomial's variance, (k - 1)/4 along an axis, at the same places; k odd."""
    variance = (layer.kernel_size - 1) / 4
    reach = min(math.ceil(_WIDTHS * math.sqrt(variance) * finer), x.shape[-1] - 1)
    along = torch.arange(-reach, reach + 1, dtype=torch.float64) / finer
    line = torch.exp(-(along**2) / (2 * variance))
    weight = (line[:, None] * line / line.sum() ** 2).to(x).expand(x.shape[1], 1, -1, -1)
    x = functional.pad(x, [reach] * 4, mode=layer.padding_mode)
    return functional.conv2d(x, weight, None, layer.stride, groups=x.shape[1])
