"""Conversion of Hounsfield units to 8-bit grey values."""

import numpy as np


def apply_window(images: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Maps an intensity window to 0..255.

    Args:
        images: `(slices, H, W)` int16, Hounsfield units.
        window: Hounsfield units that become 0 and 255; values outside are clipped.

    Returns:
        `(slices, H, W)` uint8, rounded.
    """
    low, high = window
    grey = np.empty(images.shape, np.uint8)
    for plane, out in zip(images, grey, strict=True):  # slice by slice: a scan in float32 takes gigabytes
        clipped = np.clip(plane.astype(np.float32), low, high)
        out[...] = np.rint(255.0 * (clipped - low) / (high - low))
    return grey


def change_window(images: np.ndarray, current: tuple[float, float], wanted: tuple[float, float]) -> np.ndarray:
    """Maps grey values of one intensity window to those of another.

    Args:
        images: `(slices, H, W)` uint8.
        current: Hounsfield units that 0 and 255 stand for.
        wanted: Hounsfield units that become 0 and 255. What lies outside of `current` is lost.

    Returns:
        `(slices, H, W)` uint8; `images` itself if the windows are equal.
    """
    if current == wanted:
        return images
    (low, high), (black, white) = current, wanted
    hounsfield = np.linspace(low, high, 256)
    table = np.rint(255 * np.clip((hounsfield - black) / (white - black), 0, 1)).astype(np.uint8)
    return table[images]


def rescale_slices(images: np.ndarray) -> np.ndarray:
    """Rescales each slice from its own minimum and maximum to 0..255, as PNG exports of LiTS do.

    Args:
        images: `(slices, H, W)` int16, Hounsfield units.

    Returns:
        `(slices, H, W)` uint8, rounded; 0 throughout a constant slice.
    """
    grey = np.empty(images.shape, np.uint8)
    for plane, out in zip(images, grey, strict=True):
        low, high = np.float32(plane.min()), np.float32(plane.max())
        out[...] = np.rint((plane.astype(np.float32) - low) * (255.0 / np.maximum(high - low, 1.0)))
    return grey
