"""Rules of resizing masks: how far they shift, what a perfect network could score, and which lesions they lose.

By each rule masks are reduced from 512 to 256 pixels and brought back to their own pixels (bilinear, at least a half),
as a network's output is. Masks are those of the built-in phantom, and of paired folders of 512x512 slices where some
are given: `python benchmarks/mask_resizing.py [DIR ...]`, about two minutes.
"""

import sys
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image
from scipy import ndimage

from pipelines import open_source
from pipelines.grid import SquareGrid, covered
from pipelines.layouts.phantom import Phantom

NATIVE, SIZE = 512, 256  # pixels
SPACING = 0.7  # mm between pixels
THICKNESS = 2.5  # mm between slices
DIAMETERS = (2, 3, 5, 8, 10)  # mm
TILES, BATCHES = 8, 8  # 512 lesions of each diameter, in tiles
TILE = NATIVE // TILES
GRID = SquareGrid(height=NATIVE, width=NATIVE, size=SIZE)


def nearest(masks: np.ndarray) -> np.ndarray:
    """What versions before 2.0.0 of the dataset did: `(N, SIZE, SIZE)` float32, 0 or 1."""
    planes = (Image.fromarray(mask.view(np.uint8)).resize((SIZE, SIZE), Image.Resampling.NEAREST) for mask in masks)
    return np.stack([np.asarray(plane) for plane in planes]).astype(np.float32)


RULES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "nearest neighbour": nearest,
    "area, at least half": lambda masks: covered(GRID.coverage(masks)).astype(np.float32),
    "area, fractions": lambda masks: GRID.coverage(masks) / np.float32(255),
}


def dice(one: np.ndarray, other: np.ndarray) -> float:
    """Dice of two masks of which one is not empty."""
    return 2 * (one & other).sum() / (one.sum() + other.sum())


def ceilings(name: str, masks: Iterable[np.ndarray]) -> None:
    """Prints shift and Dice of masks `(N, 512, 512)` bool, slices without foreground left out."""
    stack = np.concatenate([mask[mask.any(axis=(1, 2))] for mask in masks])
    print(f"{name}, {len(stack)} masks")
    for rule, reduce in RULES.items():
        small = reduce(stack)
        back = GRID.restore(small) >= 0.5
        seen = [(mask, plane) for mask, plane in zip(stack, small, strict=True) if plane.any()]
        shifts = [
            (np.array(ndimage.center_of_mass(plane)) + 0.5) * GRID.step - (np.array(ndimage.center_of_mass(mask)) + 0.5)
            for mask, plane in seen
        ]
        down, across = np.mean(shifts, axis=0)
        mean = np.mean([dice(*pair) for pair in zip(stack, back, strict=True)])
        print(
            f"  {rule:20} Dice per slice {mean:.4f}, pooled {dice(stack, back):.4f}; "
            f"shift ({down:+.2f}, {across:+.2f}) pixels; {len(stack) - len(seen)} vanish"
        )


def lesions(diameter: float, rng: np.random.Generator) -> np.ndarray:
    """`(slices, NATIVE, NATIVE)` bool: spheres at random places between the voxels, one in each tile."""
    slices = int(diameter / THICKNESS) + 3
    places = np.array([slices, TILE, TILE])[:, None, None] / 2 + rng.uniform(-1, 1, (3, TILES, TILES))
    steps = np.array([THICKNESS, SPACING, SPACING])[:, None, None, None]
    voxels = (np.indices((slices, TILE, TILE)) + 0.5).reshape(3, -1)
    distance = np.sqrt((((voxels[:, None, None] - places[..., None]) * steps) ** 2).sum(axis=0))
    spheres = (distance < diameter / 2).reshape(TILES, TILES, slices, TILE, TILE)
    return spheres.transpose(2, 0, 3, 1, 4).reshape(slices, NATIVE, NATIVE)


def by_tile(stack: np.ndarray) -> np.ndarray:
    """`(slices, H, W)` as `(tiles, slices, pixels)`."""
    slices, side, _ = stack.shape
    tiles = stack.reshape(slices, TILES, side // TILES, TILES, side // TILES)
    return tiles.transpose(1, 3, 0, 2, 4).reshape(TILES**2, slices, -1)


def survival() -> None:
    """Prints how many spheres are there after reducing, and after the way back."""
    print(f"spheres at {SPACING} mm and slices of {THICKNESS} mm")
    rng = np.random.default_rng(0)
    for diameter in DIAMETERS:
        volumes = [lesions(diameter, rng) for _ in range(BATCHES)]
        for rule, reduce in RULES.items():
            small = [reduce(volume) for volume in volumes]
            back = [GRID.restore(volume) >= 0.5 for volume in small]
            drawn, reduced, restored = (
                np.concatenate([by_tile(one) for one in every]) for every in (volumes, small, back)
            )
            shown = drawn.any(axis=2)  # spheres that fall between two slices are none
            exists = shown.any(axis=1)
            scores = [dice(*pair) for pair in zip(drawn[exists], restored[exists], strict=True)]
            print(
                f"  {diameter:2} mm, {rule:20} {reduced.any(axis=(1, 2)).sum()} of {exists.sum()} lesions and "
                f"{reduced.any(axis=2).sum()} of {shown.sum()} slices of them at {SIZE} pixels; back at {NATIVE} "
                f"{restored.any(axis=(1, 2)).sum()} lesions, mean Dice {np.mean(scores):.3f}"
            )


def main(folders: list[str]) -> None:
    """Prints all tables."""
    cases = list(Phantom(size=NATIVE, cases=6, slices=10).cases())
    for target in ("lesion", "liver"):
        ceilings(f"phantom, {target}", [case.masks[target] for case in cases])
    for folder in folders:
        source = open_source(folder, layout="paired_folder", size=NATIVE)
        ceilings(folder, [case.masks["lesion"] for case in source.cases()])
    survival()


if __name__ == "__main__":
    main(sys.argv[1:])
