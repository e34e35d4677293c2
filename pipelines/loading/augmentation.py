"""Random augmentation of slices and their masks, each a pure function of a slice's key."""

import dataclasses
import functools
import math
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from pipelines.errors import DataError
from pipelines.loading.order import uniform_draws
from pipelines.loading.synthetic_lesions import paint_lesions

_MAXIMA = {
    "rotation": 180.0,
    "scale": 0.9,
    "shift": 1.0,
    "window_level": 1000.0,
    "window_width": 0.9,
    "gamma": 2.0,
    "brightness": 1.0,
    "contrast": 1.0,
    "noise": 1.0,
    "lesions": 1.0,
}
_QUARTER = np.array([[0, -1], [1, 0]])  # on (x, y), y downwards: what `np.rot90` does
_LEVELS = 1 << 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes to training slices, all off by default. Geometric ones apply to image and mask alike.

    Attributes:
        flip: flip left-right and top-bottom, each with probability 1/2. A single flip mirrors the patient, so that the
            network cannot learn on which side the liver lies; quarter turns do not mirror.
        quarter_turns: rotate by 0, 90, 180 or 270 degrees; by 0 or 180 where a slice is not square.
        rotation: degrees, 0..180; rotate by an angle in [-rotation, rotation].
        scale: 0..0.9; magnify by a factor in [1 - scale, 1 + scale].
        shift: fraction of the side, 0..1; translate along each axis by a fraction in [-shift, shift].
        window_level: Hounsfield units; move the window's level, which is its middle, by a number of HU in
            [-window_level, window_level] (Østmo et al., "View it like a radiologist", arXiv 2311.14990, 2023).
        window_width: 0..0.9; widen the window by a factor in [1 - window_width, 1 + window_width]. What lies outside
            the window stays black or white (Østmo et al., "Random window augmentations", arXiv 2510.08116, 2025).
        gamma: 0..2; raise grey values to a power in [e^-gamma, e^gamma], uniform in its logarithm (Isensee et al.,
            Nature Methods 18, 2021).
        brightness: fraction of the grey range, 0..1; add a value in [-brightness, brightness].
        contrast: 0..1; scale grey values about mid-grey by a factor in [1 - contrast, 1 + contrast].
        noise: fraction of the grey range, 0..1; add Gaussian noise with a standard deviation in [0, noise].
        lesions: fraction of slices, 0..1; paint synthetic lesions into the liver, see `synthetic_lesions`. Needs both
            targets.
        crop: pixels; cut a square of this side out of each slice, 0 for whole slices. Half of the squares lie about a
            pixel of the last target, a quarter about one of the first and a quarter about one that is not air, as far
            as a slice has any, up to a third of the side off center. nnU-Net (Isensee et al., Nature Methods 18, 2021)
            trains on patches, a third of them about the target: details are seen at full size at a part of the cost.

    Raises:
        DataError: a value is out of range.
    """

    flip: bool = False
    quarter_turns: bool = False
    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    window_level: float = 0.0
    window_width: float = 0.0
    gamma: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0
    lesions: float = 0.0
    crop: int = 0

    def __post_init__(self) -> None:
        for name, maximum in _MAXIMA.items():
            value = getattr(self, name)
            if not 0 <= value <= maximum:
                raise DataError(f"`{name}` {value}: give a number in 0..{maximum:g}")
        if self.crop < 0:
            raise DataError(f"`crop` {self.crop}: give pixels, or 0 for whole slices")

    @property
    def interpolates(self) -> bool:
        """Whether pixels land between pixels and have to be interpolated."""
        return bool(self.rotation or self.scale or self.shift)


class _Draws(NamedTuple):
    """Random numbers of a slice, 0..1. All are always drawn, so that one option does not change what others draw."""

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
    lesions: float
    crop_kind: float
    crop_place: float
    crop_across: float
    crop_down: float
    window_level: float
    window_width: float
    gamma: float


def augment(
    images: np.ndarray,
    masks: np.ndarray,
    keys: np.ndarray,
    augmentation: Augmentation,
    *,
    window: tuple[float, float] = (0.0, 255.0),
) -> tuple[np.ndarray, np.ndarray]:
    """Augments a batch of slices and their masks.

    Args:
        images: `(B, H, W, K)` uint8; all channels of a slice are changed alike.
        masks: `(B, H, W, C)` uint8, how much of each pixel is covered, 0 to 255.
        keys: `(B,)` uint64; the same key gives the same change.
        augmentation: the changes to make.
        window: Hounsfield units that are 0 and 255 in the images, for `window_level`.

    Returns:
        Images `(B, H, W, K)` and masks `(B, H, W, C)`, both float32 in [0, 1] and moved by the same interpolation;
        H and W are `crop` if it is not 0. Pixels from outside a slice are 0 in both (air, background).
    """
    plane = (augmentation.crop,) * 2 if augmentation.crop else images.shape[1:3]
    new_images, new_masks = (np.empty((len(each), *plane, each.shape[-1]), np.float32) for each in (images, masks))
    for row, (key, numbers) in enumerate(zip(keys, uniform_draws(keys, len(_Draws._fields)), strict=True)):
        draws = _Draws(*numbers.tolist())
        image, mask = images[row], masks[row]
        if draws.lesions < augmentation.lesions:
            image, mask = paint_lesions(image, mask, int(key))
        image, mask = _transform(image, mask, draws, augmentation)
        if augmentation.window_level or augmentation.window_width or augmentation.gamma:
            _grey_values(draws, augmentation, window).take(image, out=new_images[row], mode="clip")
        else:
            np.divide(image, np.float32(255), out=new_images[row])
        np.divide(mask, np.float32(255), out=new_masks[row])
        _change_intensity(new_images[row], int(key), draws, augmentation)
    return new_images, new_masks


def _symmetric(draw: Any) -> Any:
    """Maps a number or an array in 0..1 to -1..1."""
    return 2 * draw - 1


def _transform(
    image: np.ndarray, mask: np.ndarray, draws: _Draws, augmentation: Augmentation
) -> tuple[np.ndarray, np.ndarray]:
    """Flips, rotates, scales, shifts and crops `(H, W, channels)` uint8 in one interpolation."""
    height, width = image.shape[:2]
    across, down = (augmentation.flip and draw < 0.5 for draw in (draws.flip_across, draws.flip_down))
    turns = augmentation.quarter_turns * (int(4 * draws.turns) if height == width else 2 * int(2 * draws.turns))
    if not (augmentation.interpolates or augmentation.crop):  # pixels move, their values stay
        order = (slice(None, None, -1 if down else 1), slice(None, None, -1 if across else 1))
        return np.rot90(image[order], turns), np.rot90(mask[order], turns)
    # From output to input pixels. Angles are symmetric and flips their own inverses, so drawing the inverse map is
    # drawing the map itself; only the scale is inverted explicitly.
    angle = math.radians(augmentation.rotation) * _symmetric(draws.rotation)
    factor = 1 + augmentation.scale * _symmetric(draws.scale)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]]) / factor
    matrix = np.diag([-1 if across else 1, -1 if down else 1]) @ np.linalg.matrix_power(_QUARTER, turns) @ turn
    sides = np.array([width, height])
    shift = augmentation.shift * sides * _symmetric(np.array([draws.shift_across, draws.shift_down]))
    center, moved = sides / 2, sides
    if augmentation.crop:
        center, moved = _crop_center(image, mask, draws), np.full(2, augmentation.crop)
        # Whole pixels, so that a crop alone does not interpolate.
        shift = shift + np.round(augmentation.crop / 3 * _symmetric(np.array([draws.crop_across, draws.crop_down])))
    offsets = center - matrix @ (moved / 2 + shift)
    return _interpolate(image, matrix, offsets, moved), _interpolate(mask, matrix, offsets, moved)


def _crop_center(image: np.ndarray, mask: np.ndarray, draws: _Draws) -> np.ndarray:
    """The place (x, y) in a slice that a crop lies about."""
    kinds = [mask[..., -1] > 0, mask[..., 0] > 0, image[..., image.shape[-1] // 2] > 0]
    kinds = kinds[0 if draws.crop_kind < 0.5 else 1 if draws.crop_kind < 0.75 else 2 :]
    places = next((places for kind in kinds if len(places := np.flatnonzero(kind))), np.arange(mask[..., 0].size))
    row, column = divmod(int(places[int(draws.crop_place * len(places))]), mask.shape[1])
    return np.array([column, row], float)


def _interpolate(pixels: np.ndarray, matrix: np.ndarray, offsets: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Moves `(H, W, channels)` uint8 bilinearly by a map from output to input places (x, y)."""
    moved = [_move(pixels[..., channel], matrix, offsets, sides) for channel in range(pixels.shape[-1])]
    return np.stack(moved, axis=-1)


def _move(plane: np.ndarray, matrix: np.ndarray, offsets: np.ndarray, sides: np.ndarray) -> np.ndarray:
    moved = np.zeros(sides[::-1], plane.dtype)
    picture = Image.fromarray(plane)
    if (box := picture.getbbox()) is None:
        return moved
    # Masks fill a small part of a slice: only where they come to lie is there anything to interpolate.
    left, top, right, bottom = box
    across, down = (left - 1, right + 1), (top - 1, bottom + 1)
    corners = np.array([(x, y) for x in across for y in down], float).T
    reached = np.linalg.solve(matrix, corners - offsets[:, None])
    (left, top), (right, bottom) = (
        np.clip(np.array(edges), 0, sides).astype(int)
        for edges in (np.floor(reached.min(axis=1)), np.ceil(reached.max(axis=1)))
    )
    if left < right and top < bottom:
        offsets = offsets + matrix @ (left, top)
        coefficients = (*matrix[0], offsets[0], *matrix[1], offsets[1])
        affine, bilinear = Image.Transform.AFFINE, Image.Resampling.BILINEAR
        moved[top:bottom, left:right] = np.asarray(
            picture.transform((right - left, bottom - top), affine, coefficients, bilinear)
        )
    return moved


def _grey_values(draws: _Draws, augmentation: Augmentation, window: tuple[float, float]) -> np.ndarray:
    """`(256,)` float32 in [0, 1], what each grey value becomes in another window and by another gamma."""
    moved = augmentation.window_level * _symmetric(draws.window_level) / (window[1] - window[0])
    widened = 1 + augmentation.window_width * _symmetric(draws.window_width)
    values = np.clip((np.linspace(0, 1, 256) - 0.5 - moved) / widened + 0.5, 0, 1)
    values[0], values[-1] = 0, 1  # air and bone, far outside
    return (values ** math.exp(augmentation.gamma * _symmetric(draws.gamma))).astype(np.float32)


def _change_intensity(image: np.ndarray, key: int, draws: _Draws, augmentation: Augmentation) -> None:
    """Changes `(H, W, K)` float32 in [0, 1] in place."""
    if augmentation.contrast or augmentation.brightness:
        # About mid-grey, not the slice's mean, which would depend on how much air is in view.
        gain = 1 + augmentation.contrast * _symmetric(draws.contrast)
        image *= gain
        image += 0.5 * (1 - gain) + augmentation.brightness * _symmetric(draws.brightness)
    if augmentation.noise:
        # Random bits are stable across NumPy versions, and looking up 16 of them takes a tenth of the time of
        # drawing normal numbers.
        bits = np.random.SFC64(key).random_raw(-(-image.size // 4)).view(np.uint16)[: image.size]
        levels = np.float32(augmentation.noise * draws.noise) * _normal_levels()
        image += levels.take(bits, mode="wrap").reshape(image.shape)
    if augmentation.contrast or augmentation.brightness or augmentation.noise:
        np.clip(image, 0, 1, out=image)


@functools.cache
def _normal_levels() -> np.ndarray:
    """`(65536,)` float32, equally likely values of the standard normal distribution."""
    from scipy.special import ndtri

    return ndtri((np.arange(_LEVELS) + 0.5) / _LEVELS).astype(np.float32)
