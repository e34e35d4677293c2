"""Cost of scoring: counts of many slices, and a large scan as a whole and in parts, each in its own process.

Prints one line for each, with CPU-seconds and peak memory, within about a minute: `python benchmarks/evaluation.py`.
The scan is 512x512x800 at 0.8 x 0.7 x 0.7 mm, with a liver of about 2.5 litres whose prediction is off by some voxels
and strays into every corner of the scan, and forty lesions of which some are missed. "Predicted" is what `evaluate`
does once a network has seen the scan at 256x256: probabilities to masks on the scan's own pixels, calibration and
scores.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from cafct_keras.evaluation import ScoreOptions, score
from cafct_keras.evaluation.accumulator import Accumulator
from cafct_keras.evaluation.metrics.lesions import match_lesions
from cafct_keras.evaluation.metrics.overlap import count
from cafct_keras.evaluation.metrics.surface import surface_distances
from cafct_keras.evaluation.predicted import predicted_masks
from cafct_keras.packed import PackedMask
from cafct_keras.prediction import CasePrediction
from pipelines.case import Case
from pipelines.grid import SquareGrid
from pipelines.probability import PredictedProbability

SHAPE = (800, 512, 512)
SPACING = (0.8, 0.7, 0.7)


def paint(mask: np.ndarray, centre, radii) -> None:
    """Adds an ellipsoid; centre and radii are in voxels."""
    box = [slice(max(int(c - r), 0), int(c + r) + 2) for c, r in zip(centre, radii, strict=True)]
    sides = [np.arange(size)[side] for size, side in zip(mask.shape, box, strict=True)]
    grids = np.meshgrid(*sides, indexing="ij", sparse=True)
    mask[tuple(box)] |= sum(((g - c) / r) ** 2 for g, c, r in zip(grids, centre, radii, strict=True)) <= 1


def livers() -> tuple[np.ndarray, np.ndarray]:
    """Prediction and reference of a liver, bool `SHAPE`."""
    masks = np.zeros((2, *SHAPE), bool)
    for mask, shift in zip(masks, (0, 3), strict=True):
        paint(mask, (160 + shift, 250, 200 + shift), (85, 120, 140 - shift))
        paint(mask, (190, 230 + shift, 330), (50, 80 + shift, 90))
    for corner in np.ndindex(2, 2, 2):
        paint(masks[0], [8 + place * (size - 17) for place, size in zip(corner, SHAPE, strict=True)], (3, 5, 5))
    return masks[0], masks[1]


def lesions() -> tuple[np.ndarray, np.ndarray]:
    """Prediction and reference of lesions, bool `SHAPE`."""
    generator = np.random.default_rng(0)
    masks = np.zeros((2, *SHAPE), bool)
    for index in range(40):
        centre, radius = generator.uniform((90, 150, 100), (240, 350, 380)), generator.uniform(3, 40)
        paint(masks[1], centre, np.divide(radius, SPACING) * 0.8)
        if index % 4:
            paint(masks[0], centre + generator.uniform(-3, 3, 3), np.divide(radius, SPACING) * 0.7)
    for corner in np.ndindex(2, 2, 2):
        paint(masks[0], [8 + place * (size - 17) for place, size in zip(corner, SHAPE, strict=True)], (3, 5, 5))
    return masks[0], masks[1]


def scan() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Prediction and reference of both."""
    pairs = {"liver": livers(), "lesion": lesions()}
    both = tuple({name: pair[side] | False for name, pair in pairs.items()} for side in (0, 1))  # in memory, all of it
    return both[0], both[1]


def slices() -> tuple[np.ndarray, np.ndarray]:
    """Prediction and reference of 10,000 slices of 256x256."""
    masks = np.zeros((2, 10_000, 256, 256), bool)
    masks[0, :, 60:180, 70:190] = masks[1, :, 64:186, 66:180] = True
    return masks[0], masks[1]


def predicted() -> tuple[list[CasePrediction]]:
    """The scan with its reference masks and the probabilities of a network, in a list to be emptied."""
    grid, masks, probability = SquareGrid(height=SHAPE[1], width=SHAPE[2], size=256), {}, {}
    for target, make in (("liver", livers), ("lesion", lesions)):
        prediction, reference = make()
        stack = np.maximum(grid.coverage(prediction) / np.float32(255), np.float32(1e-4))
        masks[target] = PackedMask(reference)
        probability[target] = PredictedProbability(predicted=stack, grid=grid, seen="SPL", orientation="SPL")
    case = Case(
        name="scan",
        patient="scan",
        split="test",
        images=np.full(SHAPE, 100, np.int16),
        masks={},
        slice_names=tuple(map(str, range(SHAPE[0]))),
        spacing=SPACING,
    )
    return ([CasePrediction(case=case, intensity="hu", masks=masks, probability=probability)],)


def evaluate(cases: list[CasePrediction]) -> None:
    """What `evaluate` does with a predicted case; the probabilities are gone before the masks are scored."""
    accumulator = Accumulator(targets=("liver", "lesion"), calibrate=True, grid="native")
    masks = predicted_masks(cases.pop(), threshold=0.5, calibrations=accumulator.calibrations)
    accumulator.add(**vars(masks), intensity="HU", window=(-200.0, 250.0))


WORK: dict[str, tuple[Callable, Callable, dict[str, Any]]] = {
    "counts of 10,000 slices of 256x256": (slices, count, {}),
    "scan, liver and lesions": (scan, score, {"spacing": SPACING, "case": "scan"}),
    "scan, with the LiTS sheet": (
        scan,
        score,
        {"spacing": SPACING, "case": "scan", "options": ScoreOptions(sheet="lits")},
    ),
    "scan, predicted": (predicted, evaluate, {}),
    "surfaces of the liver": (livers, surface_distances, {"spacing": SPACING}),
    "surfaces of the lesions": (lesions, surface_distances, {"spacing": SPACING}),
    "lesion matching": (lesions, match_lesions, {"spacing": SPACING}),
}


def measure(name: str) -> None:
    """Does one piece of work and prints what it cost."""
    make, function, options = WORK[name]
    given = make()
    before = _peak()
    start = time.process_time()
    function(*given, **options)
    seconds = time.process_time() - start
    print(f"{name}: {seconds:.2f} CPU-seconds, peak {_peak():.2f} GB ({before:.2f} GB before)", flush=True)


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # Linux counts in kB


if __name__ == "__main__":
    for each in WORK:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=(each,))
        process.start()
        process.join()
