"""What each conclusion of the lab symmetry is called in a text: a sentence if it holds, and one if it does not.

Each sentence reads alone: it names what it is about, since whichever stands before it may be another one.
"""

from __future__ import annotations

from equigen.labs.symmetry.concluding import CLEAR, LEVEL, NAMES

__all__ = ["SENTENCES"]

_CLOSE = f"to within {100 * CLEAR:g} %"
_PLAIN, _STEPS, _WORK = (f"{name} is farther" for name in NAMES)

SENTENCES = {
    "random linear score is wrong": (
        "The random linear score is far from the exact one.",
        "The random linear score is not far from the exact one.",
    ),
    "law of every step is invariant": (
        "Under the random linear score, which commutes, the law of every step is invariant to rounding.",
        "Under the random linear score, which commutes, the law of some step is not invariant to rounding.",
    ),
    "is nearly the exact one": (
        "The linear score fitted to items in random poses is nearly the exact one.",
        "The linear score fitted to items in random poses is not near the exact one.",
    ),
    "law of the last step is not invariant": (
        "Under the linear score fitted to items in random poses the law of the last step is not invariant.",
        f"Under the linear score fitted to items in random poses the law of the last step is invariant {_CLOSE}.",
    ),
    "falls as one over the root": (
        "The asymmetry of the law under fitted linear scores falls as one over the root of the number of items.",
        "The asymmetry of the law under fitted linear scores does not fall as one over the root of the number of "
        "items.",
    ),
    "is that of the closed form": (
        "The asymmetry of the second moments of items in random poses is that of the closed form.",
        "The asymmetry of the second moments of items in random poses is not that of the closed form.",
    ),
    "worse score than the best linear one": (
        "The random network, averaged over the group, is a worse score than the best linear one.",
        "The random network, averaged over the group, is not a worse score than the best linear one.",
    ),
    "paths under the random network": (
        "The test of an invariant law finds nothing against the paths of the random network, averaged over the group.",
        f"The test of an invariant law rejects the paths of the random network, averaged over the group (p-value not "
        f"above {LEVEL:g}).",
    ),
    "paths under the exact score": (
        "The test of an invariant law finds nothing against the paths of the exact score.",
        f"The test of an invariant law rejects the paths of the exact score (p-value not above {LEVEL:g}).",
    ),
    "augmented network in the plane has less than half": (
        "The augmented network in the plane is a good score: the best linear one has more than twice the loss above "
        "the least.",
        "The augmented network in the plane is not a good score: the best linear one has at most twice the loss above "
        "the least.",
    ),
    "fall on all sectors alike": (
        "Samples of scores that commute, with noise drawn in all poses, fall on all sectors alike.",
        "Samples of scores that commute, with noise drawn in all poses, do not fall on all sectors alike.",
    ),
    "samples of the augmented network": (
        "Samples of the augmented network, with noise drawn in all poses, fall on some sectors more often than on "
        "others.",
        "Samples of the augmented network, with noise drawn in all poses, do not show that sectors differ.",
    ),
    "every path turns with prior and noise": (
        "Where the score commutes, each path turns with its prior and noise, to rounding, with each solver measured.",
        "Some path does not turn with its prior and noise, although the score commutes.",
    ),
    "do not turn with the prior alone": (
        "Where only the prior is turned and the noise left as drawn, paths end elsewhere, although the score commutes.",
        f"Where only the prior is turned and the noise left as drawn, paths of some solver turn {_CLOSE}.",
    ),
    "paths of the augmented network": (
        "Paths of the augmented network do not turn with prior and noise.",
        f"Paths of the augmented network turn with prior and noise {_CLOSE}, with some solver.",
    ),
    "symmetric start stays symmetric": (
        "Under a score that commutes a symmetric start stays symmetric as long as the noise is symmetric.",
        "Under a score that commutes a symmetric start does not stay symmetric.",
    ),
    "free noise breaks the symmetry of a start": (
        "Free noise breaks the symmetry of a start.",
        f"Under free noise a symmetric start stays symmetric {_CLOSE}.",
    ),
    "augmented network breaks the symmetry of a start": (
        "The augmented network breaks the symmetry of a start without any noise.",
        f"Without noise a symmetric start stays symmetric {_CLOSE} under the augmented network.",
    ),
    "know a direction each break": (
        "Noise, a prior, a shift and a step that know a direction each break the turning of paths.",
        "Of noise, a prior, a shift and a step that know a direction, some do not clearly break the turning of paths.",
    ),
    "fail the test of an invariant law": (
        "Samples under wider noise and under a shift fail the test of an invariant law.",
        "Samples under wider noise or under a shift do not fail the test of an invariant law.",
    ),
    "commute with quarter turns": (
        "Clamping coordinates commutes with quarter turns.", "Clamping coordinates breaks quarter turns.",
    ),
    "break eighths of a turn": (
        "Clamping coordinates breaks eighths of a turn: only permutations of axes and changes of sign commute with "
        "clamping.",
        "Clamping coordinates does not clearly break eighths of a turn.",
    ),
    "with clamped lengths, and with correctors": (
        "Clamped lengths, and correctors whatever their step, leave paths turning with prior and noise.",
        "A clamped length or a corrector breaks the turning of paths.",
    ),
    "step shared by the batch makes": (
        "A step shared by the batch makes items depend on each other, which no test of symmetry sees.",
        "A step shared by the batch leaves every item as if drawn alone.",
    ),
    "without a step shared by the batch": (
        "Samplers without a step shared by the batch draw every item as if alone.",
        "Some sampler without a step shared by the batch makes items depend on each other.",
    ),
    "plus the distance between network and average": (
        "The loss of a network is that of its average over the group plus the squared distance between network and "
        "average, to rounding.",
        "The loss of a network is not that of its average over the group plus the squared distance between network "
        "and average.",
    ),
    "with separate noise for each pose": (
        "With separate noise for each pose the loss does not split exactly.",
        "Even with separate noise for each pose the loss splits exactly.",
    ),
    "some loss is recoverable": (
        "Every network that does not commute has a loss that its average over the group would not have.",
        "Not every network that does not commute has a loss that is clearly recoverable.",
    ),
    _PLAIN: (
        "On the fewest images the plain network is farther from the exact score than the equivariant one.",
        "On the fewest images the plain network is not farther from the exact score than the equivariant one.",
    ),
    _STEPS: (
        "On the fewest images the augmented network, after as many steps, is farther from the exact score than the "
        "equivariant one.",
        "On the fewest images the augmented network, after as many steps, is not farther from the exact score than "
        "the equivariant one.",
    ),
    _WORK: (
        "On the fewest images the augmented network is farther from the exact score than the equivariant one even "
        "after equal work.",
        "On the fewest images the augmented network, after equal work, is not farther from the exact score than the "
        "equivariant one.",
    ),
    "has the equivariant one's loss above the least": (
        "On the most images the augmented network, after equal work, is about as far from the exact score as the "
        "equivariant one.",
        "On the most images the augmented network, after equal work, and the equivariant one are not about equally "
        "far from the exact score.",
    ),
    "equivariant networks commute": (
        "The equivariant networks commute with the group to rounding.",
        "The equivariant networks do not commute with the group to rounding.",
    ),
    "no augmented network commutes": (
        "None of the augmented networks commutes with the group.",
        f"Some augmented network commutes with the group {_CLOSE}.",
    ),
}  # fmt: skip
"""Words of one claim each, and the sentences for yes and no."""
