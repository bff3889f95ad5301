"""Addressed noise: known answers, laws, and independence of batch, block and order."""

import math

import pytest
import torch

from equigen import random
from equigen.random import Stream
from tests.oracles import kolmogorov_distance

WHERE = {"seed": 12345678901234567890, "stream": Stream.PRIOR}


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ("00000000 00000000 00000000 00000000", "0000000000000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffffffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "299f31d0a4093822", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_known_answers(counter, key, answer):
    words = [torch.tensor([int(word, 16)]) for word in counter.split()]
    assert " ".join(f"{int(word):08x}" for word in random.philox(words, int(key, 16))) == answer


def scalar_philox(counter, seed):
    """Philox4x32-10 in Python integers: an independent spelling of the paper's figure."""
    key = [seed % 2**32, seed // 2**32]
    for _ in range(10):
        a, b = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = [b // 2**32 ^ counter[1] ^ key[0], b % 2**32, a // 2**32 ^ counter[3] ^ key[1], a % 2**32]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def test_the_address_is_the_counter():
    """Element e of (item, step, stream, draw) is word e mod 4 of block e div 4."""
    found = random.normal((6,), seed=77, stream=Stream.SOLVER, item=5, step=9, draw=3, dtype=torch.float64)
    for pair in range(3):
        words = scalar_philox([pair // 2, 5, 9, int(Stream.SOLVER) + 256 * 3], 77)[2 * (pair % 2) :][:2]
        radius = math.sqrt(-2 * math.log((words[0] + 0.5) / 2**32))
        angle = 2 * math.pi * words[1] / 2**32
        expected = torch.tensor([radius * math.cos(angle), radius * math.sin(angle)], dtype=torch.float64)
        torch.testing.assert_close(found[2 * pair : 2 * pair + 2], expected, rtol=1e-14, atol=1e-15)


def test_uniforms_and_integers_are_the_words():
    words = [scalar_philox([0, 5, 9, int(Stream.METRIC)], 77)[i] for i in range(4)]
    where = {"seed": 77, "stream": Stream.METRIC, "item": 5, "step": 9}
    double = random.uniform((4,), dtype=torch.float64, **where)
    assert double.tolist() == [(word + 0.5) / 2**32 for word in words]
    single = random.uniform((4,), **where)
    assert single.tolist() == [(word // 512 + 0.5) / 2**23 for word in words]
    assert random.integers(1000, (4,), **where).tolist() == [1000 * word // 2**32 for word in words]


def test_no_two_uses_share_a_number():
    draws = [
        random.uniform((64,), seed=seed, stream=stream, item=item, step=step, draw=draw, dtype=torch.float64)
        for seed in (0, 1, 2**32)
        for stream in Stream
        for item in (0, 1)
        for step in (0, 1)
        for draw in (0, 1)
    ]
    every = torch.cat(draws)
    # 92,160 words of 32 bits: one chance coincidence is expected, shared streams would give at least 64.
    assert len(every) - len(every.unique()) < 10


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (1, 28, 28), (2, 5, 7)])
def test_bit_equal_whatever_the_batch_and_block(shape, dtype):
    items, steps = torch.arange(100, 164), torch.arange(3, 40)
    whole = random.normal(shape, item=items, step=steps, dtype=dtype, **WHERE)
    assert whole.shape == (37, 64, *shape)
    for k, i in [(0, 0), (5, 63), (36, 17)]:
        alone = random.normal(shape, item=int(items[i]), step=int(steps[k]), dtype=dtype, **WHERE)
        assert torch.equal(alone, whole[k, i])
    part = random.normal(shape, item=items[7:20], step=int(steps[8]), dtype=dtype, **WHERE)
    assert torch.equal(part, whole[8, 7:20])


def test_bit_equal_whatever_the_number_of_threads():
    threads = torch.get_num_threads()
    draw = lambda: random.normal((3, 32, 32), item=torch.arange(300), dtype=torch.float64, **WHERE)  # noqa: E731
    try:
        torch.set_num_threads(1)
        one = draw()
        torch.set_num_threads(2)
        assert torch.equal(one, draw())
    finally:
        torch.set_num_threads(threads)


def test_padding_at_the_end_keeps_the_beginning():
    short = random.normal((5, 3), item=1, **WHERE)
    assert torch.equal(random.normal((9, 3), item=1, **WHERE)[:5], short)


def test_normals_have_the_normal_law():
    x = random.normal((1000,), item=torch.arange(1000), dtype=torch.float64, **WHERE)
    n = x.numel()
    for power, moment in [(1, 0.0), (2, 1.0), (3, 0.0), (4, 3.0), (6, 15.0)]:
        spread = math.sqrt((math.prod(range(1, 2 * power, 2)) - moment**2) / n)
        assert abs(float((x**power).mean()) - moment) < 5 * spread
    distance = kolmogorov_distance(x.flatten(), torch.special.ndtr)
    assert distance < 1.95 / math.sqrt(n)  # probability 1e-3 of a larger one
    # The tail: as many beyond 4 and 4.5 as there should be.
    for bound in (3.0, 4.0, 4.5):
        expected = 2 * n * float(torch.special.ndtr(torch.tensor(-bound, dtype=torch.float64)))
        assert abs(int((x.abs() > bound).sum()) - expected) < 5 * math.sqrt(expected) + 1


def test_normals_of_neighbouring_addresses_are_uncorrelated():
    x = random.normal((64,), item=torch.arange(200), step=torch.arange(50), dtype=torch.float64, **WHERE)
    n = x.numel()
    for shifted in (x.roll(1, 0), x.roll(1, 1), x.roll(1, 2)):
        assert abs(float((x * shifted).mean())) < 5 / math.sqrt(n)
        assert abs(float(((x**2 - 1) * (shifted**2 - 1)).mean())) < 5 * 2 / math.sqrt(n)


def test_the_control_a_wrong_law_is_seen():
    x = random.uniform((10000,), dtype=torch.float64, **WHERE)
    assert kolmogorov_distance(1.02 * (12**0.5) * (x - 0.5), torch.special.ndtr) > 1.95 / 100
    assert kolmogorov_distance(x**1.05, lambda u: u) > 1.95 / 100


def test_the_tail_reaches_as_far_as_the_docs_say():
    smallest = math.sqrt(-2 * math.log(0.5 * 2.0**-32))
    assert smallest == pytest.approx(6.76, abs=0.01)


def test_uniforms_have_the_uniform_law_in_the_open_interval():
    for dtype in (torch.float32, torch.float64):
        u = random.uniform((1000,), item=torch.arange(1000), dtype=dtype, **WHERE)
        assert 0 < float(u.min()) < 1e-5
        assert 1 - 1e-5 < float(u.max()) < 1
        assert kolmogorov_distance(u.flatten().double(), lambda v: v) < 1.95 / 1000


def test_the_float32_uniform_never_rounds_to_one():
    top = torch.tensor((2**23 - 1 + 0.5) * 2.0**-23, dtype=torch.float64)
    assert float(top.float()) < 1.0
    assert float(top.float()) == float(top)


@pytest.mark.parametrize("high", [1, 2, 3, 10, 1797, 2**31])
def test_integers_are_uniform(high):
    values = random.integers(high, (40000,), **WHERE)
    assert int(values.min()) >= 0
    assert int(values.max()) < high
    spread = (high**2 - 1) / 12
    assert abs(float(values.double().mean()) - (high - 1) / 2) <= 5 * math.sqrt(spread / 40000)
    if high <= 10:
        counts = torch.bincount(values, minlength=high).double()
        chi = float(((counts - 40000 / high) ** 2).sum() * high / 40000)
        assert chi < high + 5 * math.sqrt(2 * high)


def test_permutations_are_uniform_over_all_orders():
    counts = {}
    for step in range(6000):
        order = tuple(random.permutation(3, step=step, **WHERE).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert sum((c - 1000) ** 2 / 1000 for c in counts.values()) < 20.5  # chi^2 with 5 degrees, 1e-3
    assert random.permutation(0, **WHERE).tolist() == []
    assert sorted(random.permutation(1001, **WHERE).tolist()) == list(range(1001))


def test_fork_is_an_address_and_leaves_the_global_generator_alone():
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    with random.fork(seed=1, stream=Stream.INITIALISATION, item=2):
        first = torch.rand(3)
    random.normal((4,), **WHERE)
    assert torch.equal(torch.rand(3), expected)
    with random.fork(seed=1, stream=Stream.INITIALISATION, item=2):
        assert torch.equal(torch.rand(3), first)
    with random.fork(seed=1, stream=Stream.INITIALISATION, item=3):
        assert not torch.equal(torch.rand(3), first)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"item": -1}, "item"),
        ({"item": torch.tensor([0, 2**32])}, "item"),
        ({"step": 2**32}, "step"),
        ({"step": torch.zeros(2, 2, dtype=torch.int64)}, "step"),
        ({"draw": 2**24}, "draw"),
    ],
)
def test_an_address_that_does_not_fit_is_refused(change, word):
    with pytest.raises(ValueError, match=word):
        random.normal((2,), **{**WHERE, **change})


def test_other_refusals():
    with pytest.raises(ValueError, match="dtype"):
        random.uniform((2,), dtype=torch.float16, **WHERE)
    with pytest.raises(ValueError, match="high"):
        random.integers(0, (2,), **WHERE)


def test_empty_batches_have_their_shape():
    assert random.normal((3,), item=torch.arange(0), **WHERE).shape == (0, 3)
    assert random.normal((0,), item=torch.arange(2), **WHERE).shape == (2, 0)
