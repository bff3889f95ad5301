"""Which filters the steerable U-Net has: those of the grid where the group is one of it, round ones elsewhere.

Quarter turns and flips permute the pixels of a filter, so every filter on the grid has a place in the complete basis.
Of other rotations a filter is a sample, and maps alias unless everything about it is smooth. What the error under
rotations between quarter turns comes from was measured on networks of random weights on images of 28 pixels in the
lower half of the band (relative error of F under SO(2), the largest of three angles, the geometric mean of five
seeds; interpolating the same images costs .02):

    3 x 3, windows of stride 2, repeated pixels           .83
    3 x 3, blurs before thinning, straight lines back     .15
    5 x 5 in place of 3 x 3                               .12
    5 x 5, of frequencies 0 and 1 in the angle            .03
    that, with a square border in place of a disk         .20

So outside of the grid filters have 5 x 5 pixels, rings that overlap, and the two lowest frequencies of the angle;
maps are blurred before they are thinned, interpolated by straight lines, and cut to their disk before every filter. Of
images of less than 20 pixels a disk would leave too little (digits of 8 pixels in all poses, SO(2), 150 steps: a
held-out loss of .83 with it, .77 without). Under a group of few rotations 1 x 1 suffices for the second filter of a
residual block. Under others fields hold the low frequencies alone, and are gated (`equigen.networks.steerable_gate`).
What that and the second filter bring under SO(2): time, that of a step over a plain network's step, taken by turns;
loss, held out, and error, the largest of the denoiser under four angles at relative noise of .3 to 10, on MNIST in all
poses after 150 steps of 24 images; losses on digits of 8 pixels in all poses after 120 steps of 64, two seeds.

                                               28 pixels                  8 pixels
                                               time    loss    error      time    losses
    SiLU of 8 samples, second filter 5 x 5     2.0     .632    .023       2.0     .782, .811
    gated, 5 x 5                               1.9     .614    .027       1.8     .763, .786
    gated, 3 x 3                               1.6     .601    .032       1.5     .754, .759
    gated, 1 x 1                               1.5     .642    .037       1.4     .765, .778
    SiLU of 8 samples, 1 x 1                   1.6                        1.6     .826, .835

Filters of 5 x 5 pixels span 7 dimensions here, but 7 filters of each channel and then 1 x 1, or the other way round,
take 1.2 to 6 times as long as one dense convolution, on maps of 8 to 28 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

from equigen.groups.function_spaces import regular
from equigen.groups.plane import PlaneGroup
from equigen.groups.representation import Representation
from equigen.networks.disk import Disk
from equigen.networks.steerable_resampling import Finer
from equigen.steerable.conv import SteerableConv2d
from equigen.steerable.field_type import FieldType
from equigen.steerable.kernels.basis import KernelBasis
from equigen.steerable.kernels.ring_basis import RingBasis
from equigen.steerable.module import SteerableModule
from equigen.steerable.resampling.blur import BlurPool
from equigen.steerable.resampling.downsample import Downsample
from equigen.steerable.sequential import SteerableSequential

__all__ = ["ROOMY", "FieldFilters", "field_of", "filters_of"]

_FEW = 8  # rotations up to which a field holds all functions on the group
ROOMY = 20  # sides from which on a disk leaves enough of an image, and rotations between quarter turns are kept


@dataclass(frozen=True)
class FieldFilters:
    """How the layers of a network that look beyond a pixel are built.

    Args:
        kernel: side of a filter in pixels, odd.
        second: side of the second filter of a residual block.
        basis: which filters; None: the complete basis of the grid.
        round: whether maps are blurred before they are thinned, and interpolated by straight lines.
        disk: whether maps are cut to their largest disk before every filter.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> filters_of(Cyclic(4), (28, 28)).kernel, filters_of(SO2(), (28, 28)).kernel
        (3, 5)
    """

    kernel: int
    second: int
    basis: KernelBasis | None
    round: bool
    disk: bool

    def conv(self, in_type: FieldType, out_type: FieldType, kernel: int | None = None) -> SteerableModule:
        """A filter that keeps the size of a map; of `kernel` pixels a side if they are given.

        Example:
            >>> from equigen.groups.plane_groups import SO2
            >>> fields = FieldType(SO2(), "2xregular(1)")
            >>> [type(layer).__name__ for layer in filters_of(SO2(), (28, 28)).conv(fields, fields)]
            ['Disk', 'SteerableConv2d']
        """
        kernel = self.kernel if kernel is None else kernel
        conv = SteerableConv2d(in_type, out_type, kernel, padding=kernel // 2, basis=self.basis)
        return SteerableSequential(Disk(in_type), conv) if self.disk and kernel > 1 else conv

    def coarser(self, fields: FieldType, size: tuple[int, int]) -> SteerableModule:
        """A learned layer to half the sides, rounded up, exact under the motions of the grid.

        Args:
            fields: in and out.
            size: (rows, columns) of the map that comes.

        Example:
            >>> from equigen.groups.plane_groups import Cyclic
            >>> fields = FieldType(Cyclic(4), "1xregular")
            >>> layers = [filters_of(Cyclic(4), (n, n)).coarser(fields, (n, n)) for n in (8, 9)]
            >>> [(layer.kernel_size, layer.grid_step(n, n).quarter_turns) for layer, n in zip(layers, (8, 9))]
            [(4, True), (3, True)]
        """
        odd = [side % 2 == 1 for side in size]
        if odd[0] != odd[1]:
            return SteerableSequential(Downsample(fields), self.conv(fields, fields))
        if not self.round:
            return SteerableConv2d(fields, fields, 3 if odd[0] else 4, stride=2, padding=1, size=size)
        blur = BlurPool(fields, 5 if odd[0] else 4, padding_mode="zeros", size=size)
        return SteerableSequential(blur, self.conv(fields, fields))

    def finer(self, fields: FieldType, size: tuple[int, int]) -> SteerableModule:
        """A learned layer to twice the sides, exact under the motions of the grid.

        Args:
            fields: in and out.
            size: (rows, columns) of the finer map.

        Example:
            >>> from equigen.groups.plane_groups import Cyclic
            >>> fields = FieldType(Cyclic(4), "1xregular")
            >>> filters_of(Cyclic(4), (9, 9)).finer(fields, (9, 9)).grid_step(5, 5).height
            9
        """
        between = Finer(fields, (size[0] % 2 == 1, size[1] % 2 == 1), smooth=self.round)
        conv = self.conv(fields, fields)
        return SteerableSequential(conv, between) if self.round else SteerableSequential(between, conv)


def filters_of(group: PlaneGroup, size: tuple[int, int]) -> FieldFilters:
    """The filters for a group: those of the grid if all of it moves pixels onto pixels, else round ones.

    Args:
        group: of the plane.
        size: (rows, columns) of an image; a disk leaves too little of small ones.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> [filters_of(group, (28, 28)).round for group in (Cyclic(4), Cyclic(8), SO2())]
        [False, True, True]
        >>> [filters_of(SO2(), (n, n)).disk for n in (8, 28)]
        [False, True]
    """
    if group.on_grid() == group:
        return FieldFilters(3, 3, None, round=False, disk=False)
    second, basis = 1 if _few(group) else 5, RingBasis(cutoff=1, width=0.7)
    return FieldFilters(5, second, basis, round=True, disk=min(size) >= ROOMY)


def field_of(group: PlaneGroup, frequency: int) -> Representation:
    """The functions on a group of up to 8 rotations; those up to a frequency on a larger one.

    Example:
        >>> from equigen.groups.plane_groups import SO2, Cyclic
        >>> [str(field_of(group, 2)) for group in (Cyclic(4), Cyclic(8), Cyclic(16), SO2())]
        ['regular', 'regular', 'regular(2)', 'regular(2)']
    """
    return regular(group, None if _few(group) else frequency)


def _few(group: PlaneGroup) -> bool:
    return group.rotations is not None and group.rotations <= _FEW
