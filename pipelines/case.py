"""What every reader hands on: a case, that is one scan of one patient as a stack of axial slices."""

import abc
import dataclasses
from collections.abc import Iterator

import numpy as np

from pipelines.geometry import Frame

SPLITS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One scan of one patient.

    Attributes:
        name: unique within its source.
        patient: cases of one patient never stand on two sides of a split.
        split: one of `SPLITS`.
        images: `(slices, H, W)`, int16 in Hounsfield units or uint8 grey, as the source's `intensity` says. What a
            scanner writes outside its circle (-2048, -3024) is still in it.
        masks: target name (`"liver"`, `"lesion"`) to `(slices, H, W)` bool. Liver includes its lesions.
        slice_names: one name a slice, unique within the source; a file's stem where there are files.
        spacing: millimetres between voxel centres along (slice, row, column), or None where unknown.
        contiguous: whether each slice is the next one's neighbour in the patient.
        frame: the way back to the arrays of the file and to the patient, or None for slices without a scan.
    """

    name: str
    patient: str
    split: str
    images: np.ndarray
    masks: dict[str, np.ndarray]
    slice_names: tuple[str, ...]
    spacing: tuple[float, float, float] | None = None
    contiguous: bool = True
    frame: Frame | None = None


class Source(abc.ABC):
    """A reader of one layout. It names its cases before it reads them, so that they can be read in any order.

    Attributes:
        layout: the layout's name, such as `"phantom"` or `"paired_folder"`.
        intensity: `"hu"` (int16, Hounsfield units), `"grey"` (uint8, 0..255, one window for all slices) or `"minmax"`
            (uint8, every slice stretched from its own least to its own largest value).
        orientation: how the slices lie, see `pipelines.orientation`; None where nobody knows.
        targets: names of the masks that every case has.
        parts: name of each case to its part of the split, in the order of `cases()`.
    """

    layout: str
    intensity: str
    orientation: str | None = None
    targets: tuple[str, ...]
    parts: dict[str, str]
    _notes: list[str]

    @property
    def notes(self) -> list[str]:
        """Lines worth showing to the user, such as where the split comes from; reading cases may add some."""
        return list(self._notes)

    @abc.abstractmethod
    def case(self, name: str) -> Case:
        """Reads one case; safe to call from several threads.

        Args:
            name: one of `parts`.

        Raises:
            DataError: a file of the case is missing, damaged or does not fit the others.
        """

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Hex digest that changes when the data do."""

    def cases(self, split: str | None = None) -> Iterator[Case]:
        """Yields the cases, all or those of one part, reading one at a time."""
        for name, part in self.parts.items():
            if split in (None, part):
                yield self.case(name)
