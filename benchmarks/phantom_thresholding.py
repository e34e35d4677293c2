"""Thresholding of the phantom: the best pooled lesion Dice on its test cases.

The intervals, and the blur, are chosen with hindsight on the test cases themselves, so no threshold can do better; a
network should. Prints three lines within about ten seconds: `python benchmarks/phantom_thresholding.py`.
"""

import numpy as np
from scipy import ndimage

from pipelines.layouts.phantom import Phantom

LOWEST, HIGHEST = -200, 300  # HU; no lesion's mean lies outside
SIGMAS = (1.0, 1.5, 2.0, 3.0, 4.0)  # pixels


def best_interval(values: np.ndarray, lesion: np.ndarray) -> tuple[float, int, int]:
    """The best Dice of one closed interval of HU, and the interval.

    Args:
        values: `(n,)` Hounsfield units, rounded to integers here.
        lesion: `(n,)` bool truth.
    """
    levels = np.clip(np.rint(values), LOWEST - 1, HIGHEST + 1).astype(np.int64) - (LOWEST - 1)
    size = HIGHEST - LOWEST + 3
    taken, hits = (np.cumsum(np.bincount(v, minlength=size)) for v in (levels, levels[lesion]))
    # Row: the level below the interval; column: its last level.
    dice = 2.0 * (hits[None] - hits[:, None]) / np.maximum(taken[None] - taken[:, None] + lesion.sum(), 1)
    below, last = np.unravel_index(np.argmax(dice), dice.shape)
    return float(dice[below, last]), int(below) + LOWEST, int(last) + LOWEST - 1


def main() -> None:
    """Prints the three scores."""
    cases = [case for case in Phantom().cases() if case.split == "test"]
    images, liver, lesion = (
        np.stack(stacks)
        for stacks in zip(*((c.images, c.masks["liver"], c.masks["lesion"]) for c in cases), strict=True)
    )
    report = "{}: Dice {:.3f} with {}..{} HU".format
    print(report("whole image", *best_interval(images.ravel(), lesion.ravel())))
    print(report("inside the true liver", *best_interval(images[liver], lesion[liver])))
    scores = {}
    for sigma in SIGMAS:
        blurred = ndimage.gaussian_filter(images.astype(np.float32), (0.0, 0.0, sigma, sigma))
        scores[sigma] = best_interval(blurred[liver], lesion[liver])
    best = max(scores, key=scores.get)
    print(report(f"inside the true liver, blurred by {best:g} pixels", *scores[best]))


if __name__ == "__main__":
    main()
