"""Slices as pictures, and outlines of masks on them."""

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

SMALLEST_SIDE = 64  # pixels around a small structure, enough to see where it lies
MIME = {"PNG": "image/png", "JPEG": "image/jpeg"}


def data_uri(image: "Image.Image", file_format: str = "PNG", **options: Any) -> str:
    """A picture as text that pages embed.

    Args:
        image: the picture.
        file_format: one of `MIME`.
        **options: of Pillow's encoder.
    """
    file = io.BytesIO()
    image.save(file, file_format, optimize=True, **options)
    return f"data:{MIME[file_format]};base64,{base64.b64encode(file.getvalue()).decode()}"


def surroundings(mask: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, height and width of the part of a slice that shows a mask with a margin.

    It is square if the slice allows, and the whole slice if the mask is empty.

    Args:
        mask: bool `(H, W)`.
    """
    shown = np.argwhere(mask)
    if not len(shown):
        return (0, 0, *mask.shape)
    low, high = shown.min(axis=0), shown.max(axis=0) + 1
    lengths = np.minimum(max(SMALLEST_SIDE, int(1.4 * (high - low).max())), mask.shape)
    top, left = np.clip((low + high - lengths) // 2, 0, np.subtract(mask.shape, lengths)).tolist()
    height, width = lengths.tolist()
    return top, left, height, width


def outlines(mask: np.ndarray) -> list[np.ndarray]:
    """Closed outlines of a mask's components and of their holes, along the edges of pixels.

    Args:
        mask: bool `(H, W)`.

    Returns:
        The corners `(N, 2)` of each, as (x, y) in pixels from the outer corner of the first pixel. Corners of pixels
        are cut by half a pixel.
    """
    from contourpy import contour_generator  # of the extra `report`, which pictures without masks do not need

    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return []
    top, left = rows[0], columns[0]
    # Padded with background, so that an outline closes where a mask meets the edge.
    framed = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1).astype(float)
    found = []
    for line in contour_generator(z=framed).lines(0.5):
        loop = np.asarray(line)
        steps = np.diff(loop, axis=0)
        found.append(loop[:-1][(steps != np.roll(steps, 1, axis=0)).any(axis=1)] + (left - 0.5, top - 0.5))
    return found


def path_data(mask: np.ndarray) -> str:
    """The outlines of a mask as data of an SVG path, in half pixels and by steps, so that numbers are short."""
    path, at = [], np.zeros(2)
    for loop in outlines(mask):
        steps = 2 * np.diff(loop, axis=0, prepend=at[None])
        path.append("m" + " ".join(map(str, steps.astype(int).ravel().tolist())).replace(" -", "-") + "z")
        at = loop[0]  # where a closed path leaves the pen
    return "".join(path)
