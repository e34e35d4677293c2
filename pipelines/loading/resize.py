"""Resizing of slices and masks."""

import numpy as np
from PIL import Image


def resize_images(images: np.ndarray, size: int, *, outside: float) -> np.ndarray:
    """Resizes slices with anti-aliased bilinear interpolation.

    Slices that are not square are padded to a square first, evenly on both sides, so that organs keep their shape.

    Args:
        images: `(N, H, W)`, int16 or uint8.
        size: height and width of the result in pixels.
        outside: value of the padding: air.

    Returns:
        `(N, size, size)` of the same dtype; `images` itself where it has that size.
    """
    if images.shape[1:] == (size, size):
        return images

    def resize(plane: np.ndarray) -> np.ndarray:
        return np.asarray(Image.fromarray(plane).resize((size, size), Image.Resampling.BILINEAR))

    square = _pad_to_square(images, outside)
    if images.dtype == np.uint8:
        return np.stack([resize(plane) for plane in square])
    # Pillow has no bilinear int16.
    return np.stack([np.rint(resize(plane.astype(np.float32))).astype(images.dtype) for plane in square])


def resize_masks(masks: np.ndarray, size: int) -> np.ndarray:
    """Resizes masks by nearest neighbour, padded like their images.

    Args:
        masks: `(N, H, W)` bool.
        size: height and width of the result in pixels.

    Returns:
        `(N, size, size)` bool; `masks` itself where it has that size.
    """
    if masks.shape[1:] == (size, size):
        return masks
    square = _pad_to_square(masks, False)
    planes = (Image.fromarray(plane.view(np.uint8)).resize((size, size), Image.Resampling.NEAREST) for plane in square)
    return np.stack([np.asarray(plane) != 0 for plane in planes])


def _pad_to_square(stack: np.ndarray, value: float) -> np.ndarray:
    _, height, width = stack.shape
    if height == width:
        return stack
    side = max(height, width)
    margins = [((side - length) // 2, side - length - (side - length) // 2) for length in (height, width)]
    return np.pad(stack, ((0, 0), *margins), constant_values=value)
