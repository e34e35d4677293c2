"""What tells masks from images: their names and their values."""

import re

import numpy as np

MASK_NAME = re.compile(
    r"seg|mask|label|contour|annotation|ground.?truth|(^|[_. -])(gt|rad\d*|roi)([_. -]|$)", re.IGNORECASE
)
_FEW = 8  # values, that no image has
_LABELS = 150  # most labels of a mask, of which TotalSegmentator has 117
_FLAT = 0.9  # fraction of neighbours inside a mask's labels that are alike; of noise, far fewer are


def mask_labels(images: np.ndarray) -> list[int]:
    """The values of a mask; none for an image.

    A mask has very few values, or few that are those of their neighbours inside its structures.

    Args:
        images: `(slices, H, W)`, int16 or uint8.
    """
    values: set[int] = set()
    for plane in (images[len(images) // 2], *images):  # the middle one tells of most images
        values.update(np.unique(plane).tolist())
        if len(values) > _LABELS:
            return []
    background = images.min()
    inside = alike = 0
    for plane in images:
        one, other = plane[:, :-1], plane[:, 1:]
        within = (one != background) & (other != background)
        inside += int(np.count_nonzero(within))
        alike += int(np.count_nonzero(within & (one == other)))
    return sorted(values) if len(values) <= _FEW or alike >= _FLAT * inside else []
