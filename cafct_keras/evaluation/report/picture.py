"""Slices with the outlines of reference and prediction: a PNG under two SVG paths, which are sharp at any zoom."""

import dataclasses

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.pages.pictures import data_uri, path_data, surroundings

KINDS = ("worst", "median", "false_positive", "missed_lesion")


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
        return surroundings(self.reference | self.prediction)

    @property
    def png(self) -> str | None:
        """The part of the image that is shown, as a data URI."""
        if self.image is None:
            return None
        from PIL import Image  # scores without a report do without it

        return data_uri(Image.fromarray(self._shown(self.image)))

    @property
    def outlines(self) -> dict[str, str]:
        """Path data of `"reference"` and `"prediction"` in half pixels of the window."""
        return {name: path_data(self._shown(getattr(self, name))) for name in ("reference", "prediction")}

    def _shown(self, array: np.ndarray) -> np.ndarray:
        top, left, height, width = self.window
        return array[top : top + height, left : left + width]
