"""The radiologist's view of a segmented scan: windowed grey values, the front of the patient at the top."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from cafct_keras.measurement.measurements import Measurements
from cafct_keras.packed import Masks
from cafct_keras.pages.pictures import surroundings
from pipelines.case import Case
from pipelines.intensity import apply_window
from pipelines.orientation import RADIOLOGICAL, reorient

COLORS = {"liver": "#4cc3ff", "lesion": "#ffa62b"}  # also apart to color-blind eyes, and on any grey


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScanView:
    """A segmented scan.

    Slices are shown in their order, each as a radiologist sees it: the patient's front at the top, the right side at
    the left. Where the orientation is unknown they are shown as they are.

    Attributes:
        name: of the scan.
        case: the scan.
        masks: target to bool `(slices, H, W)`.
        measurements: of the masks.
        window: Hounsfield units shown as black and white; unused for grey images.
        orientation: of images and masks, see `pipelines.orientation`; None if unknown.
        warnings: what is doubtful about the scan, a sentence each.
    """

    name: str
    case: Case
    masks: Masks
    measurements: Measurements
    window: tuple[float, float]
    orientation: str | None
    warnings: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.case.images)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of a slice in pixels."""
        height, width = self.case.images.shape[1:]
        return height, width

    @property
    def stretch(self) -> float:
        """Height of a pixel over its width; 1 where unknown."""
        return self.case.spacing[1] / self.case.spacing[2] if self.case.spacing else 1.0

    @property
    def has_hu(self) -> bool:
        """Whether the images are in Hounsfield units, which `window` makes grey."""
        return self.case.images.dtype == np.int16

    @property
    def is_volume(self) -> bool:
        """Whether other sections than the slices can be shown."""
        return len(self) > 1 and self.case.contiguous and self.case.spacing is not None

    @property
    def sides(self) -> dict[str, str]:
        """Letter of the patient's side at each edge of a slice; empty if unknown."""
        return {"top": "A", "right": "L", "bottom": "P", "left": "R"} if self.orientation else {}

    @property
    def from_feet(self) -> bool:
        """Whether the first slice is the one nearest the feet; False also where that is unknown."""
        return self.orientation is not None and self.orientation[0] == "S"

    def grey(self, index: int) -> np.ndarray:
        """Slice `index`: uint8 `(H, W)`."""
        return self._seen(self._windowed(self.case.images[index]))

    def mask(self, target: str, index: int) -> np.ndarray:
        """A target in slice `index`: bool `(H, W)`."""
        return self._seen(np.asarray(self.masks[target][index]))

    def coronal_grey(self, row: int) -> np.ndarray:
        """The section through row `row` of the slices as seen: uint8 `(slices, W)`, the head at the top."""
        row = self._seen(np.arange(self.size[0])[:, None])[row, 0]
        return self._upright(self._windowed(self.case.images[:, row]))

    def coronal_mask(self, target: str, row: int) -> np.ndarray:
        """A target in the section of `coronal_grey`: bool `(slices, W)`."""
        row = self._seen(np.arange(self.size[0])[:, None])[row, 0]
        return self._upright(np.stack([plane[row] for plane in self.masks[target]]))

    def areas(self, target: str) -> list[int]:
        """Pixels that a target has in each slice."""
        return [int(np.count_nonzero(plane)) for plane in self.masks[target]]

    def box(self) -> tuple[int, int, int, int] | None:
        """Top, left, height and width of the part of the slices that shows all masks; None if they are empty."""
        shown = np.zeros(self.size, bool)
        for mask in self.masks.values():
            for plane in mask:
                shown |= plane
        return surroundings(self._seen(shown)) if shown.any() else None

    def around(self, row: float, column: float, radius: float) -> tuple[int, int, int, int]:
        """Top, left, height and width of the part of the slices as seen around a place in the array, in pixels."""
        place = np.zeros(self.size, bool)
        low = np.maximum((row - radius, column - radius), 0).astype(int)
        high = np.ceil((row + radius + 1, column + radius + 1)).astype(int)
        place[low[0] : high[0], low[1] : high[1]] = True
        return surroundings(self._seen(place))

    def _windowed(self, plane: np.ndarray) -> np.ndarray:
        return apply_window(plane[None], self.window)[0] if self.has_hu else plane

    def _seen(self, plane: np.ndarray) -> np.ndarray:
        return reorient(plane[None], self.orientation, (self.orientation or "S")[0] + RADIOLOGICAL[1:])[0]

    def _upright(self, section: np.ndarray) -> np.ndarray:
        """A coronal section of the array, `(slices, W)`, as seen."""
        return reorient(section[:, None], self.orientation, "I" + RADIOLOGICAL[1:])[:, 0]
