"""Slices with the outlines of reference and prediction: a PNG under two SVG paths, which are sharp at any zoom."""

import base64
import dataclasses
import io

import numpy as np

from cafct_keras.errors import UserError

KINDS = ("worst", "median", "false_positive", "missed_lesion")
SMALLEST_SIDE = 64  # pixels around a small structure, enough to see where it lies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Picture:
    """One slice of the report.

    Attributes:
        kind: one of `KINDS`, the section that shows it.
        case: its name.
        slice_name: of the slice.
        target: what the masks show.
        caption: one sentence.
        image: uint8 `(H, W)`, grey; None for masks alone.
        reference: bool `(H, W)`.
        prediction: bool `(H, W)`.

    Raises:
        UserError: the kind is unknown, or the arrays do not match.
    """

    kind: str
    case: str
    slice_name: str
    target: str
    caption: str
    image: np.ndarray | None
    reference: np.ndarray
    prediction: np.ndarray

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"kind={self.kind!r}: no such pictures; give one of {', '.join(KINDS)}")
        shapes = {np.shape(each) for each in (self.image, self.reference, self.prediction) if each is not None}
        if len(shapes) > 1 or len(next(iter(shapes))) != 2:
            raise UserError(f"{self.case}: a picture of arrays of shapes {sorted(shapes)}; give one shape (H, W)")
        if self.image is not None and self.image.dtype != np.uint8:
            raise UserError(f"{self.case}: a picture's image is {self.image.dtype}; give uint8, 0 to 255")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the slice."""
        return self.reference.shape

    @property
    def window(self) -> tuple[int, int, int, int]:
        """Top, left, height and width of the part shown: both masks with a margin, square if the slice allows."""
        either = np.argwhere(self.reference | self.prediction)
        if not len(either):
            return (0, 0, *self.size)
        low, high = either.min(axis=0), either.max(axis=0) + 1
        side = max(SMALLEST_SIDE, int(1.4 * (high - low).max()))
        lengths = np.minimum(side, self.size)
        start = np.clip((low + high - lengths) // 2, 0, np.subtract(self.size, lengths))
        return int(start[0]), int(start[1]), int(lengths[0]), int(lengths[1])

    @property
    def png(self) -> str | None:
        """The part of the image that is shown, as a data URI."""
        if self.image is None:
            return None
        from PIL import Image

        top, left, height, width = self.window
        file = io.BytesIO()
        Image.fromarray(self.image[top : top + height, left : left + width]).save(file, "PNG", optimize=True)
        return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()

    @property
    def outlines(self) -> dict[str, str]:
        """Path data of `"reference"` and `"prediction"` in pixels of the window."""
        return {name: self._outline(getattr(self, name)) for name in ("reference", "prediction")}

    def _outline(self, mask: np.ndarray) -> str:
        from contourpy import contour_generator

        top, left, height, width = self.window
        # Padded with background, so that an outline closes where a mask meets the edge.
        framed = np.pad(mask[top : top + height, left : left + width], 1).astype(float)
        path = []
        for loop in contour_generator(z=framed).lines(0.5):
            loop = np.asarray(loop)
            steps = np.diff(loop, axis=0)
            corners = loop[:-1][(steps != np.roll(steps, 1, axis=0)).any(axis=1)] - 0.5
            path.append(f"M{' '.join(f'{x:g},{y:g}' for x, y in corners)}Z")
        return "".join(path)
