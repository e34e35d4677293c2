"""Seeded pairs of masks that tools are compared on, and this project's scores of them."""

import dataclasses
import functools

import numpy as np
from scipy import ndimage

from cafct_keras import evaluation
from pipelines.layouts.phantom.phantom import Phantom

SHAPE = (11, 30, 28)
SPACINGS = [(1.0, 1.0, 1.0), (5.0, 0.7, 0.7), (0.8, 2.5, 0.6), (2.5, 0.83, 0.91)]


@dataclasses.dataclass(frozen=True)
class Pair:
    """Prediction and reference `(slices, H, W)` bool, mm along (slice, row, column)."""

    name: str
    prediction: np.ndarray
    reference: np.ndarray
    spacing: tuple[float, float, float]

    @property
    def both(self):
        """Whether both masks show something."""
        return self.prediction.any() and self.reference.any()


def ball(centre, radii, shape=SHAPE):
    grids = np.ogrid[tuple(slice(size) for size in shape)]
    return sum(((g - c) / r) ** 2 for g, c, r in zip(grids, centre, radii, strict=True)) <= 1


def boxes(*corners, shape=SHAPE):
    """Boxes from a corner to another, both included."""
    mask = np.zeros(shape, bool)
    for low, high in corners:
        mask[tuple(slice(a, b + 1) for a, b in zip(low, high, strict=True))] = True
    return mask


def several_lesions(generator):
    """Lesions found roughly, a little, not at all, and a false positive or two."""
    prediction, reference = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    for _ in range(generator.integers(2, 7)):
        centre, radii = generator.uniform(0, np.array(SHAPE) - 1), generator.uniform(1, (3, 6, 6))
        kind = generator.choice(["found", "touched", "missed", "spurious"], p=[0.5, 0.2, 0.15, 0.15])
        if kind != "spurious":
            reference |= ball(centre, radii)
        if kind != "missed":
            shift = {"found": 0.3, "touched": 0.9}.get(kind, 0)
            prediction |= ball(centre + generator.normal(size=3) * shift * radii, radii * generator.uniform(0.8, 1.2))
    return prediction, reference


def by_hand():
    """Lesions that touch, merge and split; structures missing on either side; the edge of the volume."""
    empty = np.zeros(SHAPE, bool)
    one, other = ((2, 4, 4), (5, 9, 9)), ((6, 10, 10), (8, 15, 14))  # a corner apart
    edge = ((2, 10, 4), (5, 15, 9))  # a face beside `one`, in rows
    bridge = ((3, 10, 6), (4, 17, 7))
    apart = ((2, 18, 4), (5, 23, 9))
    yield "corner", boxes(one, other), boxes(one, ((6, 10, 10), (8, 14, 14)))
    yield "diagonal", boxes(one, ((6, 10, 4), (8, 15, 9))), boxes(one, edge)
    yield "merged", boxes(one, bridge, apart), boxes(one, apart)
    yield "split", boxes(one, apart), boxes(one, bridge, apart)
    yield "split small", boxes(((2, 4, 4), (5, 5, 9)), ((2, 8, 4), (5, 9, 9))), boxes(one)
    yield "one and a bit", boxes(one, ((3, 10, 6), (4, 18, 7))), boxes(one, apart)
    yield "missed", empty, boxes(one)
    yield "spurious", boxes(one), empty
    yield "neither", empty, empty
    yield "apart", boxes(((0, 0, 0), (1, 3, 3))), boxes(((9, 26, 24), (10, 29, 27)))
    yield "corners of the volume", boxes(((0, 0, 0), (4, 9, 9))), boxes(((0, 0, 0), (3, 11, 8)))
    yield "a voxel", boxes(((5, 5, 5), (5, 5, 5))), boxes(((5, 5, 6), (5, 5, 6)))


@functools.cache
def pairs():
    """All pairs."""
    generator = np.random.default_rng(15)
    result = [Pair(name, *masks, SPACINGS[i % 4]) for i, (name, *masks) in enumerate(by_hand())]
    for index in range(36):
        result.append(Pair(f"lesions {index}", *several_lesions(generator), SPACINGS[index % 4]))
    for index, (p, g) in enumerate([(0.05, 0.02), (0.3, 0.3), (0.01, 0.4), (0.004, 0.004)]):
        noise = generator.random((2, *SHAPE)) < np.array([p, g])[:, None, None, None]
        result.append(Pair(f"noise {index}", *noise, SPACINGS[index]))
    for case in Phantom(cases=6, slices=12, size=96, seed=15).cases():
        for target, mask in case.masks.items():
            moved = ndimage.shift(mask.astype(float), generator.normal(size=3), order=1) > generator.uniform(0.3, 0.7)
            result.append(Pair(f"{case.name} {target}", moved, mask, case.spacing))
    return result


def overlapping():
    """The pairs of which both masks show something: what a distance is defined for."""
    return [pair for pair in pairs() if pair.both]


def scored(pair, options=None):
    return evaluation.score(pair.prediction, pair.reference, case=pair.name, spacing=pair.spacing, options=options)


@functools.cache
def rows(options=None):
    """Name of each pair to its row of `cases.csv`."""
    return {row["case"]: row for row in evaluation.case_rows([scored(pair, options) for pair in pairs()])}


def column(name, chosen=None, options=None):
    """A column of `cases.csv`, NaN where it is empty; of all pairs by default."""
    values = [rows(options)[pair.name][name] for pair in (pairs() if chosen is None else chosen)]
    return np.array([np.nan if value is None else value for value in values], float)


@functools.cache
def summary():
    """The summary of all pairs as one set of cases."""
    return evaluation.summarize([scored(pair) for pair in pairs()], resamples=10).targets["lesion"]


def edge(mask, structure=None):
    """The voxels of a mask that erosion takes away."""
    return mask & ~ndimage.binary_erosion(mask, structure)


def distances(pair, structure=None):
    """Distances between surfaces both ways, by dense maps: prediction to reference, and back."""
    edges = [edge(mask, structure) for mask in (pair.prediction, pair.reference)]
    maps = [ndimage.distance_transform_edt(~each, sampling=pair.spacing) for each in edges]
    return maps[1][edges[0]], maps[0][edges[1]]


class Slices:
    """Loose slices of one size, a third of them empty in a mask or both.

    Attributes:
        prediction: bool `(slices, H, W)`.
        reference: likewise.
        overlap: their scores, as `summarize` gives them.
    """

    def __init__(self):
        generator = np.random.default_rng(16)
        same = [pair for pair in pairs() if pair.reference.shape == SHAPE]
        self.prediction, self.reference = (
            np.concatenate([getattr(pair, side) for pair in same]) for side in ("prediction", "reference")
        )
        for mask in (self.prediction, self.reference):
            mask[generator.random(len(mask)) < 1 / 6] = False
        scores = evaluation.score(self.prediction, self.reference, case="slices", contiguous=False)
        self.overlap = evaluation.summarize([scores], resamples=2).targets["lesion"].overlap

    def ratios(self, measure, *, undefined):
        """A measure of every slice, by its definition, with a value for 0 / 0."""
        p, g = (mask.reshape(len(mask), -1) for mask in (self.prediction, self.reference))
        tp, predicted, truth = ((mask.sum(axis=1)) for mask in (p & g, p, g))
        above, below = {
            "dice": (2 * tp, predicted + truth),
            "iou": (tp, predicted + truth - tp),
            "precision": (tp, predicted),
            "recall": (tp, truth),
        }[measure]
        return np.divide(above, below, out=np.full(len(tp), float(undefined)), where=below > 0)
