"""One conformance suite over every space, and what each has of its own."""

import pytest
import torch

from equigen.random import Stream
from equigen.spaces.batch import Batch
from equigen.spaces.centred import Centred
from equigen.spaces.euclidean import Euclidean
from equigen.spaces.masked import Masked

MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 1], [1, 0, 0, 0, 0]], dtype=torch.bool)
VALID = torch.tensor(
    [[[1, 1, 1], [1, 1, 1]], [[1, 1, 0], [1, 1, 0]], [[0, 1, 0], [0, 1, 1]], [[0, 0, 0], [0, 0, 1]]], dtype=torch.bool
)[:, None]
ALL_SPACES = [
    pytest.param(Euclidean(3), None, id="vectors"),
    pytest.param(Euclidean(2, 4, 3), None, id="images"),
    pytest.param(Centred(5, 3), None, id="clouds"),
    pytest.param(Centred(5, 3), MASK, id="ragged clouds"),
    pytest.param(Masked(2, 2, 3), None, id="whole images"),
    pytest.param(Masked(2, 2, 3), VALID, id="masked images"),
]


def noise(bound, items, step=0, dtype=torch.float64, **rest):
    return bound.noise(seed=5, stream=Stream.PRIOR, item=torch.as_tensor(items), step=step, dtype=dtype, **rest)


def points(space, items=4):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(items, *space.shape, dtype=torch.float64, generator=generator)


@pytest.mark.parametrize(("space", "structure"), ALL_SPACES)
class TestConformance:
    def test_the_projection_is_an_orthogonal_projection(self, space, structure):
        bound = space.at(structure)
        x, y = points(space), points(space).flip(0)
        torch.testing.assert_close(bound.project(bound.project(x)), bound.project(x), rtol=0, atol=1e-14)
        torch.testing.assert_close(bound.inner(x, y), (bound.project(x) * y).flatten(1).sum(1), rtol=0, atol=1e-13)
        torch.testing.assert_close(bound.inner(x, y), bound.inner(y, x))

    def test_the_degrees_of_freedom_are_the_rank(self, space, structure):
        bound, size = space.at(structure), torch.Size(space.shape).numel()
        unit = torch.eye(size, dtype=torch.float64).reshape(size, 1, *space.shape).expand(size, 4, *space.shape)
        columns = torch.stack([bound.project(e) for e in unit]).reshape(size, 4, size)
        trace = torch.einsum("iki->k", columns)
        torch.testing.assert_close(trace, bound.ndof.expand(4), rtol=0, atol=1e-12)

    def test_the_noise_is_the_standard_normal_of_the_space(self, space, structure):
        bound, size, n = space.at(structure), torch.Size(space.shape).numel(), 20000
        z = noise(bound, torch.arange(4), step=torch.arange(n)).reshape(n, 4, size)
        unit = torch.eye(size, dtype=torch.float64).reshape(size, 1, *space.shape).expand(size, 4, *space.shape)
        projection = torch.stack([bound.project(e) for e in unit]).reshape(size, 4, size).transpose(0, 1)
        covariance = torch.einsum("nki,nkj->kij", z, z) / n
        assert float((covariance - projection).abs().max()) < 5 * (2 / n) ** 0.5
        assert float(z.mean(0).abs().max()) < 5 / n**0.5

    def test_the_noise_is_addressed(self, space, structure):
        bound = space.at(structure)
        whole = noise(bound, [3, 8, 1, 7], step=torch.arange(6))
        assert torch.equal(noise(bound, [3, 8, 1, 7], step=4), whole[4])
        part = space.at(None if structure is None else structure[1:3])
        assert torch.equal(noise(part, [8, 1], step=4), whole[4, 1:3])
        assert not torch.equal(noise(bound, [3, 8, 1, 7], step=4, draw=1), whole[4])

    def test_the_noise_lies_in_the_space(self, space, structure):
        bound = space.at(structure)
        z = noise(bound, torch.arange(4))
        torch.testing.assert_close(bound.project(z), z, rtol=0, atol=1e-14)

    def test_blocks_project_as_their_batches_do(self, space, structure):
        bound = space.at(structure)
        x = torch.stack([points(space), points(space).flip(0)])
        assert torch.equal(bound.project(x)[1], bound.project(x[1]))

    def test_dtype_follows(self, space, structure):
        bound = space.at(structure)
        single = noise(bound, torch.arange(4), dtype=torch.float32)
        assert single.dtype == bound.project(single).dtype == bound.inner(single, single).dtype == torch.float32
        torch.testing.assert_close(single.double(), noise(bound, torch.arange(4)), rtol=0, atol=1e-6)

    def test_shapes_are_checked(self, space, structure):
        with pytest.raises(ValueError, match="shape"):
            space.check(torch.zeros(space.shape))
        space.check(torch.zeros(2, *space.shape))


def test_the_padding_changes_nothing_even_if_it_is_nan():
    bound = Centred(5, 3).at(MASK)
    x, y = points(Centred(5, 3)), points(Centred(5, 3))
    y[~MASK] = torch.nan
    x[~MASK] = 7.0
    assert torch.equal(bound.project(x), bound.project(y))
    assert torch.equal(bound.inner(x, x), bound.inner(y, y))
    assert bool((bound.project(y)[~MASK] == 0).all())


def test_the_control_a_mean_over_padding_is_seen():
    """A projection that averages over all rows is not one on ragged clouds."""
    x = torch.where(MASK[..., None], points(Centred(5, 3)), 0.0)
    wrong = torch.where(MASK[..., None], x - x.mean(1, keepdim=True), 0.0)
    right = Centred(5, 3).at(MASK).project(x)
    assert float((wrong - right).abs().max()) > 0.1
    again = torch.where(MASK[..., None], wrong - wrong.mean(1, keepdim=True), 0.0)
    assert float((again - wrong).abs().max()) > 1e-2  # it is not even a projection


@pytest.mark.parametrize("there", [torch.nan, torch.inf, 1e30])
def test_what_stands_in_invalid_pixels_changes_nothing(there):
    space = Masked(2, 2, 3)
    bound, x = space.at(VALID), points(space)
    y = torch.where(VALID, x, there)
    assert torch.equal(bound.project(x), bound.project(y))
    assert torch.equal(bound.inner(x, x), bound.inner(y, y))
    assert bool((bound.project(y)[~VALID.expand_as(y)] == 0).all())
    assert bound.ndof.tolist() == [12.0, 8.0, 6.0, 2.0]


def test_the_control_a_product_with_the_mask_keeps_what_is_not_a_number():
    x = torch.where(VALID, points(Masked(2, 2, 3)), torch.nan)
    assert bool((x * VALID).isnan().any())
    assert not bool(Masked(2, 2, 3).at(VALID).project(x).isnan().any())


def test_a_mask_of_ones_is_no_mask():
    space, ones = Masked(2, 2, 3), torch.ones(4, 1, 2, 3, dtype=torch.bool)
    assert torch.equal(noise(space.at(ones), torch.arange(4)), noise(Euclidean(2, 2, 3).at(), torch.arange(4)))
    assert torch.equal(space.at(ones).ndof, space.at().ndof.expand(4))


def test_a_longer_padding_changes_nothing():
    short, long = Centred(5, 3).at(MASK), Centred(8, 3).at(torch.nn.functional.pad(MASK, (0, 3)))
    z = noise(long, torch.arange(4))
    torch.testing.assert_close(z[:, :5], noise(short, torch.arange(4)), rtol=0, atol=1e-15)
    assert torch.equal(long.ndof, short.ndof)


def test_clouds_are_centred_and_translations_vanish():
    space = Centred(5, 3).at(MASK)
    x = points(Centred(5, 3))
    torch.testing.assert_close(space.project(x + 3.0), space.project(x), rtol=0, atol=1e-14)
    assert space.ndof.tolist() == [12.0, 3.0, 6.0, 0.0]


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: Euclidean(0, 3),
        lambda: Euclidean(2.5),
        lambda: Euclidean(3).at(torch.ones(2, 3)),
        lambda: Centred(0, 3),
        lambda: Centred(5, 3).at(torch.ones(2, 5)),
        lambda: Centred(5, 3).at(torch.ones(2, 4, dtype=torch.bool)),
        lambda: Centred(5, 3).at(torch.zeros(2, 5, dtype=torch.bool)),
        lambda: Masked(28, 28),
        lambda: Masked(1, 0, 28),
        lambda: Masked(1, 2.0, 28),
        lambda: Masked(2, 2, 3).at(VALID.float()),
        lambda: Masked(2, 2, 3).at(VALID[:, 0]),
        lambda: Masked(2, 2, 3).at(VALID.expand(4, 2, 2, 3)),
        lambda: Masked(2, 2, 3).at(VALID.mT),
        lambda: Masked(2, 2, 3).at(torch.zeros(1, 1, 2, 3, dtype=torch.bool)),
        lambda: Batch(torch.zeros(3, 2), torch.arange(2), 3),
    ],
)
def test_what_does_not_fit_is_refused(mistake):
    with pytest.raises(ValueError, match=r"need|must|has"):
        mistake()


def test_a_batch_moves_whole():
    batch = Batch.whole(torch.zeros(2, 3), structure=torch.ones(2, 3, dtype=torch.bool), label=torch.arange(2))
    moved = batch.to("meta")
    assert {moved.x.device.type, moved.structure.device.type, moved.condition["label"].device.type} == {"meta"}
    assert len(moved) == moved.size == 2
