"""Synthetic liver lesions painted into training slices.

What a network learns of lesions from a few patients is those patients. Lesions that are drawn at random into real
livers, with their outlines known, have carried over to real ones (Hu et al., "Label-free liver tumor segmentation",
CVPR 2023). Here a lesion is an ellipsoid with an uneven outline and a blurred rim that is darker than the liver around
it, seldom brighter, and keeps the liver's own texture.
"""

import math
from typing import NamedTuple

import numpy as np

from pipelines.grid import FULL
from pipelines.loading.order import uniform_draws

MOST = 4  # lesions in a slice
_SMALLEST, _LARGEST = 0.006, 0.06  # radii, fractions of the side: 2 to 24 mm where a slice is 400 mm wide
_DEPTH = 0.06, 0.42  # fractions of the grey range: 12 to 84 HU where a window is 200 HU wide
_BRIGHTER = 0.06  # fraction of lesions
_STREAM = np.uint64(0x1E5105)  # draws other numbers of a key than other augmentations do
_WAVES = (2, 3, 4, 5)  # of the outline, per turn


class _Draws(NamedTuple):
    """Random numbers of a lesion, 0..1; the waves take two each, from `waves` on."""

    place: float
    radius: float
    elongation: float
    angle: float
    depth: float
    sign: float
    rim: float
    core: float
    thickness: float
    level: float


_COUNT = len(_Draws._fields) + 2 * len(_WAVES)


def paint_lesions(image: np.ndarray, mask: np.ndarray, key: int) -> tuple[np.ndarray, np.ndarray]:
    """Paints one to four lesions into the liver of a slice.

    Args:
        image: `(H, W, K)` uint8, a slice among its neighbours, which show the same lesions, smaller or larger.
        mask: `(H, W, 2)` uint8, how much of each pixel liver and lesion cover, 0 to 255; as everywhere, the liver
            includes its lesions.
        key: the same key gives the same lesions.

    Returns:
        Image and mask with the lesions: copies, or the arguments themselves where no liver is free of lesions.
    """
    liver, lesion = mask[..., 0], mask[..., 1]
    places = np.flatnonzero((liver == FULL) & (lesion == 0))
    if not len(places):
        return image, mask
    numbers = uniform_draws(np.array([key], np.uint64) ^ _STREAM, 1 + MOST * _COUNT)[0].tolist()
    image, mask = image.copy(), mask.copy()
    for number in range(1 + int(MOST * numbers[0])):
        start = 1 + number * _COUNT
        draws = _Draws(*numbers[start : start + len(_Draws._fields)])
        waves = np.array(numbers[start + len(_Draws._fields) : start + _COUNT]).reshape(-1, 2)
        center = np.unravel_index(places[int(draws.place * len(places))], liver.shape)
        _paint(image, mask, (int(center[0]), int(center[1])), draws, waves)
    return image, mask


def _paint(image: np.ndarray, mask: np.ndarray, center: tuple[int, int], draws: _Draws, waves: np.ndarray) -> None:
    """Paints one lesion in place."""
    side = min(mask.shape[:2])
    radius = side * _SMALLEST * (_LARGEST / _SMALLEST) ** draws.radius
    rim = 1 + draws.rim * (1 + radius / 8)  # pixels over which it fades
    reach = math.ceil(2 * radius + rim) + 1
    top, left = (max(middle - reach, 0) for middle in center)
    window = slice(top, center[0] + reach + 1), slice(left, center[1] + reach + 1)
    shape = mask[window].shape[:2]
    down, across = (
        np.arange(size)[axis] + first - middle
        for size, first, middle, axis in zip(
            shape, (top, left), center, ((slice(None), None), (None, slice(None))), strict=True
        )
    )
    # Distance from the center in units of the radius, in the lesion's own axes.
    angle, elongation = math.pi * draws.angle, math.exp(0.4 * (2 * draws.elongation - 1))
    major = (math.cos(angle) * down + math.sin(angle) * across) * elongation / radius
    minor = (math.cos(angle) * across - math.sin(angle) * down) / elongation / radius
    distance, direction = np.hypot(major, minor), np.arctan2(minor, major)
    outline = 1 + sum(
        0.3 * strength / math.sqrt(wave) * np.cos(wave * direction + 2 * math.pi * phase)
        for wave, (strength, phase) in zip(_WAVES, waves, strict=True)
    )
    inside = (outline - distance) * radius  # pixels from the rim, negative outside

    # Where the liver ends, the lesion ends.
    liver = mask[window][..., 0].astype(np.float32)
    covered = np.minimum(np.clip(inside + 0.5, 0, 1) * FULL, liver)
    np.maximum(mask[window][..., 1], np.round(covered).astype(np.uint8), out=mask[window][..., 1])

    low, high = _DEPTH
    depth = FULL * (low + (high - low) * draws.depth) * (-0.5 if draws.sign < _BRIGHTER else 1)
    profile = 1 + 0.5 * draws.core * np.clip(1 - distance, 0, 1)  # some are darkest in the middle
    for channel, section in enumerate(_sections(image.shape[-1], draws)):
        fade = np.clip((inside + (section - 1) * radius) / rim + 0.5, 0, 1) if section else 0.0
        pixels = image[window][..., channel] - depth * fade * profile * (liver / FULL)
        image[window][..., channel] = np.clip(np.round(pixels), 0, FULL)


def _sections(count: int, draws: _Draws) -> list[float]:
    """Radius of an ellipsoid in each of the slices around the middle one, relative to that in the middle one."""
    half_thickness = 1 + 4 * draws.thickness  # in slices
    level = half_thickness * 0.8 * (2 * draws.level - 1)  # of its center
    squares = [1 - ((slice_ - count // 2 - level) / half_thickness) ** 2 for slice_ in range(count)]
    return [math.sqrt(max(square, 0) / squares[count // 2]) for square in squares]
