"""Augmenting slices and their masks, each as a pure function of its key."""

import functools
import math
from typing import NamedTuple

import numpy as np
from PIL import Image
from scipy.special import ndtri

from pipelines.loading.augmentation import Augmentation
from pipelines.loading.order import uniform_draws

_QUARTER = np.array([[0, -1], [1, 0]])  # on (x, y), y downwards: what `np.rot90` does
_LEVELS = 1 << 16


class _Draws(NamedTuple):
    """What is drawn for a slice, 0..1; every number has its own place, whether it is used or not."""

    flip_across: float
    flip_down: float
    turns: float
    rotation: float
    scale: float
    shift_across: float
    shift_down: float
    contrast: float
    brightness: float
    noise: float


def augment(
    images: np.ndarray, masks: np.ndarray, keys: np.ndarray, augmentation: Augmentation
) -> tuple[np.ndarray, np.ndarray]:
    """Changes slices at random, their masks with them.

    Switching one option on leaves what the others draw as it was.

    Args:
        images: `(B, H, W, K)` uint8, a slice's channels moved and changed alike.
        masks: `(B, H, W, C)` uint8, 0 or 1.
        keys: `(B,)` uint64; the same key makes the same change.
        augmentation: what to do.

    Returns:
        Images of that shape, float32 in 0..1, and masks of that shape, float32, 0 or 1. What comes in from outside is 0
        (air, background).
    """
    changed, moved = np.empty(images.shape, np.float32), np.empty(masks.shape, np.float32)
    for row, (key, numbers) in enumerate(zip(keys, uniform_draws(keys, len(_Draws._fields)), strict=True)):
        draws = _Draws(*numbers.tolist())
        image, moved[row] = _move(images[row], masks[row], draws, augmentation)
        np.divide(image, np.float32(255), out=changed[row])
        _change_grey(changed[row], int(key), draws, augmentation)
    return changed, moved


def _either_way(draw: float) -> float:
    """0..1 to -1..1."""
    return 2 * draw - 1


def _move(image: np.ndarray, mask: np.ndarray, draws: _Draws, augmentation: Augmentation):
    """Flips, turns and resamples `(H, W, ...)` uint8, all in one go."""
    height, width = image.shape[:2]
    across, down = (augmentation.flip and draw < 0.5 for draw in (draws.flip_across, draws.flip_down))
    turns = augmentation.quarter_turns * (int(4 * draws.turns) if height == width else 2 * int(2 * draws.turns))
    if not augmentation.resamples:  # nor is a value touched
        order = (slice(None, None, -1 if down else 1), slice(None, None, -1 if across else 1))
        return tuple(np.rot90(pixels[order], turns) for pixels in (image, mask))
    # From output to input pixels. Angles are even-handed and flips their own inverses, so drawing the inverse map is
    # drawing the map itself; only the scale is inverted by hand.
    angle = math.radians(augmentation.rotation) * _either_way(draws.rotation)
    factor = 1 + augmentation.scale * _either_way(draws.scale)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / factor
    matrix = np.diag([-1 if across else 1, -1 if down else 1]) @ np.linalg.matrix_power(_QUARTER, turns) @ turn
    sides = np.array([width, height])
    shift = augmentation.shift * sides * _either_way(np.array([draws.shift_across, draws.shift_down]))
    offsets = sides / 2 - matrix @ (sides / 2 + shift)
    transform = (*matrix[0], offsets[0], *matrix[1], offsets[1])
    return (
        _resample(image, transform, Image.Resampling.BILINEAR),
        _resample(mask, transform, Image.Resampling.NEAREST),
    )


def _resample(pixels: np.ndarray, transform: tuple[float, ...], how: Image.Resampling) -> np.ndarray:
    height, width, channels = pixels.shape
    planes = (Image.fromarray(pixels[..., channel]) for channel in range(channels))
    moved = [plane.transform((width, height), Image.Transform.AFFINE, transform, how) for plane in planes]
    return np.stack(moved, axis=-1)


def _change_grey(image: np.ndarray, key: int, draws: _Draws, augmentation: Augmentation) -> None:
    """Changes `(H, W, K)` float32 in 0..1 in place."""
    if augmentation.contrast or augmentation.brightness:
        # About the middle of the range, not the slice's mean: a mean would depend on how much air is in view.
        gain = 1 + augmentation.contrast * _either_way(draws.contrast)
        image *= gain
        image += 0.5 * (1 - gain) + augmentation.brightness * _either_way(draws.brightness)
    if augmentation.noise:
        # Bits as NumPy promises them for ever, each 16 of them a level: a tenth of the time of drawing normal numbers.
        bits = np.random.SFC64(key).random_raw(-(-image.size // 4)).view(np.uint16)[: image.size]
        levels = np.float32(augmentation.noise * draws.noise) * _normal_levels()
        image += levels.take(bits, mode="wrap").reshape(image.shape)
    if augmentation.contrast or augmentation.brightness or augmentation.noise:
        np.clip(image, 0, 1, out=image)


@functools.cache
def _normal_levels() -> np.ndarray:
    """`(65536,)` float32, equally likely values of the standard normal distribution."""
    return ndtri((np.arange(_LEVELS) + 0.5) / _LEVELS).astype(np.float32)
