"""Slices as pictures, and outlines of masks on them."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

MIME = {"PNG": "image/png", "JPEG": "image/jpeg"}


def data_uri(image: np.ndarray, file_format: str = "PNG", **options: Any) -> str:
    """A picture as text that pages embed.

    Args:
        image: uint8 `(H, W)` grey, or `(H, W, 3)` RGB.
        file_format: one of `MIME`.
        **options: of Pillow's encoder.
    """
    file = io.BytesIO()
    Image.fromarray(image).save(file, file_format, optimize=True, **options)
    return f"data:{MIME[file_format]};base64,{base64.b64encode(file.getvalue()).decode()}"


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
