"""A classifier that tells samples from real items above chance has found a difference between the two laws.

n samples and n real items are pooled and dealt into folds with as many of each in every fold. For each fold a kernel
classifier is fitted to the others and asked about the items of this one; its accuracy over all folds is 1/2 where the
laws agree and 1 where every item betrays where it comes from. The classifier is kernel ridge regression on labels
+1 and -1 over standardised features,

    f(z) = k(z, Z) (K + lambda I)^-1 y,      k(z, z') = exp(-|z - z'|^2 / median squared distance of the pool),

so the answers on held-out folds are a fixed matrix, which knows the pool and the folds but no label, times the labels.
That makes the test exact at little cost: if the laws agree, exchanging labels inside a fold changes nothing, so the
accuracy is one of those that random exchanges give, and

    p = (1 + number of exchanges with at least this accuracy) / (1 + number of exchanges)

is at most a with probability at most a, at any n, in any features.

Source: D. Lopez-Paz, M. Oquab, Revisiting classifier two-sample tests, 2017, section 3; the p-value by permutation, as
the answers of one pool are not independent: B. Phipson, G. Smyth, Permutation p-values should never be zero, 2010.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from equigen.metrics.addresses import Use
from equigen.metrics.floor import Measured, Metric, Rows, beside_floor
from equigen.random import Stream, permutation, uniform

__all__ = ["TwoSample", "TwoSampleTest", "classifier_two_sample", "two_sample_beside_floor"]

_RIDGE = 0.1
_MOST = 1000  # items on each side: the classifier takes the cube of their number


@dataclass(frozen=True)
class TwoSample:
    """Accuracy of telling two samples apart, and how often chance alone does as well.

    Args:
        accuracy: share of items whose side is guessed rightly by a classifier that did not see them.
        p_value: of the hypothesis that both samples follow one law.
        n: items on each side.
    """

    accuracy: float
    p_value: float
    n: int


def classifier_two_sample(x: Tensor, y: Tensor, *, seed: int = 0, folds: int = 5, exchanges: int = 999) -> TwoSample:
    """Test whether two samples follow one law, by the held-out accuracy of a classifier between them.

    Args:
        x: (n, d) features.
        y: (n, d) features.
        seed: of the folds and the exchanges.
        folds: parts of which one at a time is held out; at most n.
        exchanges: of labels; the least p-value is 1 / (exchanges + 1).

    Returns:
        Accuracy, p-value, and n; at most 1000 items of each side are used.

    Raises:
        ValueError: samples of different size or width, or fewer than 2 items.

    Example:
        >>> x = torch.linspace(0, 1, 50)[:, None]
        >>> classifier_two_sample(x, x + 9)
        TwoSample(accuracy=1.0, p_value=0.001, n=50)
        >>> classifier_two_sample(x, x).p_value > 0.5
        True
    """
    if x.ndim != 2 or x.shape != y.shape or len(x) < 2:
        raise ValueError(
            f"samples have shapes {tuple(x.shape)} and {tuple(y.shape)}, but two matrices (n, d) of one shape with "
            "n >= 2 are needed: take as many items of each and flatten them."
        )
    n = min(len(x), _MOST)
    fold = _folds(n, min(folds, n), seed)
    answers = _answers(torch.cat((x[:n], y[:n])).double(), fold)
    true = torch.cat((torch.ones(n), -torch.ones(n))).double()
    labels = torch.cat((true[:, None], _exchanged(fold, true, exchanges, seed)), dim=1)
    right = (answers @ labels) * labels  # (2n, 1 + exchanges), positive where the answer is right
    accuracy = ((right > 0).double() + 0.5 * (right == 0).double()).mean(0)
    reached = int((accuracy[1:] >= accuracy[0] - 1e-12).sum())
    return TwoSample(float(accuracy[0]), (1 + reached) / (1 + exchanges), n)


def _folds(n: int, folds: int, seed: int) -> Tensor:
    """The fold of each of 2n pooled items; each fold has as many items of one side as of the other."""
    sides = [permutation(n, seed=seed, stream=Stream.METRIC, item=side, step=int(Use.FOLDS)) for side in range(2)]
    return torch.cat([order.argsort() % folds for order in sides])


def _answers(z: Tensor, fold: Tensor) -> Tensor:
    """The matrix that takes labels (2n,) to the answers on each item of a classifier that saw the other folds alone."""
    std = z.std(0, correction=0)
    z = (z - z.mean(0)) / torch.where(std > 0, std, 1.0)
    square = torch.cdist(z, z, compute_mode="donot_use_mm_for_euclid_dist").square()
    apart = square[square > 0]
    kernel = torch.exp(-square / (apart.median() if len(apart) else 1.0))
    answers = torch.zeros_like(kernel)
    for one in fold.unique():
        asked, seen = (fold == one).nonzero()[:, 0], (fold != one).nonzero()[:, 0]
        between = kernel[seen][:, seen]
        between.diagonal().add_(_RIDGE)
        answers[asked[:, None], seen] = torch.linalg.solve(between, kernel[seen][:, asked]).T
    return answers


def _exchanged(fold: Tensor, labels: Tensor, exchanges: int, seed: int) -> Tensor:
    """Labels (2n, exchanges) with those of each fold in random order."""
    address = {"seed": seed, "stream": Stream.METRIC, "step": int(Use.LABELS), "dtype": torch.float64}
    keys = uniform((len(fold),), item=torch.arange(exchanges), **address).T  # (2n, exchanges)
    found = torch.empty_like(keys)
    for one in fold.unique():
        places = (fold == one).nonzero()[:, 0]
        found[places] = labels[places][keys[places].argsort(dim=0)]
    return found


@dataclass(frozen=True)
class TwoSampleTest:
    """The classifier two-sample test of generated sets, beside that of real draws of the same size.

    Args:
        accuracy: of telling samples from held-out items, beside that of telling training from held-out items.
        p_values: of each generated set.
        floor_p_values: of each real draw.
        n: items on each side; at most 1000.
    """

    accuracy: Measured
    p_values: tuple[float, ...]
    floor_p_values: tuple[float, ...]
    n: int


def two_sample_beside_floor(
    features: Callable[[Tensor], Tensor],
    generated: Sequence[Tensor],
    train: Rows,
    held_out: Rows,
    *,
    n: int,
    seed: int,
    draws: int,
    space: str,
) -> TwoSampleTest:
    """Test generated sets and real draws against the same held-out draws.

    Args:
        features: items (n, ...) to (n, d).
        generated: sets of at least n items.
        train: (N, ...), N >= n.
        held_out: (H, ...), H >= n.
        n: items on each side.
        seed: of draws, folds and exchanges.
        draws: number of real draws.
        space: name of the features, for the record.

    Returns:
        Accuracies and p-values.
    """
    found: list[TwoSample] = []

    def measure(samples: Tensor, real: Tensor) -> list[float]:
        found.append(classifier_two_sample(features(samples), features(real), seed=seed))
        return [found[-1].accuracy]

    metric = Metric("two-sample accuracy", "lower", most=1.0)
    (accuracy,) = beside_floor(measure, [metric], generated, train, held_out, n=n, seed=seed, draws=draws, space=space)
    p_values = [one.p_value for one in found]
    return TwoSampleTest(accuracy, tuple(p_values[: len(generated)]), tuple(p_values[len(generated) :]), found[0].n)
