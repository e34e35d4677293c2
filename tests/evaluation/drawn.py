"""Random masks for the tests, in which empty slices and empty cases are common."""

import dataclasses

import numpy as np
from hypothesis import strategies as st

from cafct_keras import evaluation

SPACING = (2.5, 0.7, 0.9)


@st.composite
def stacks(draw, most_slices=4, shape=(5, 6)):
    """A pair of bool stacks `(slices, H, W)`: prediction and reference."""
    slices = draw(st.integers(1, most_slices))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    pair = []
    for _ in range(2):
        shares = np.array(draw(st.lists(st.sampled_from([0.0, 0.0, 0.1, 0.5, 1.0]), min_size=slices, max_size=slices)))
        pair.append(generator.random((slices, *shape)) < shares[:, None, None])
    return tuple(pair)


@st.composite
def blobs(draw, shape=(5, 12, 13)):
    """A pair of bool volumes with a few boxes each, so that components meet, merge and miss each other."""
    pair = []
    for _ in range(2):
        mask = np.zeros(shape, bool)
        for _ in range(draw(st.integers(0, 4))):
            start = [draw(st.integers(0, size - 1)) for size in shape]
            mask[tuple(slice(low, low + draw(st.integers(1, 4))) for low in start)] = True
        pair.append(mask)
    return tuple(pair)


def sets(most_cases=4, **options):
    """Lists of pairs of stacks, one a case."""
    return st.lists(stacks(**options), min_size=1, max_size=most_cases)


def scored(pairs, *, spacing=SPACING, **options):
    """A `CaseScore` for each pair of prediction and reference."""
    return [
        evaluation.score(prediction, reference, case=f"case {index}", spacing=spacing, **options)
        for index, (prediction, reference) in enumerate(pairs)
    ]


def summarize(cases, **options):
    """The summary of scored cases, as `evaluation.json` holds it."""
    return dataclasses.asdict(evaluation.summarize(cases, **options))


def compare(a, b, **options):
    """The comparison of two runs, as `evaluation.json` holds it."""
    return dataclasses.asdict(evaluation.compare(a, b, **options))


def summary(pairs, *, resamples=5, **options):
    """The summary of the lesions of these pairs."""
    return summarize(scored(pairs, **options), resamples=resamples)["targets"]["lesion"]


def figures(tree, path=()):
    """Every figure of a summary with its path, flattened."""
    for name, branch in tree.items():
        if isinstance(branch, dict) and "value" in branch:
            yield (*path, name), branch
        elif isinstance(branch, dict):
            yield from figures(branch, (*path, name))


def higher_is_better(path):
    """Whether a figure, by its path, is a score rather than an error."""
    name = path[-1]
    return not name.startswith(("hd", "assd", "rmsd", "false_positives", "absolute_error"))
