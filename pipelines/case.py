"""Cases, and the sources that read them: a case is one scan of one patient as a stack of axial slices."""

import abc
import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from pipelines.findings import WARNING, Findings, Remark
from pipelines.frame import Frame

SPLITS = ("train", "validation", "test")
"""Parts of a split."""
FOUND_BY = ("table", "pattern", "names", "header", "each case")  # of patients


def mostly(whole: Sequence[bool]) -> bool:
    """Whether a set of cases is one of volumes: at least half of those with several slices have no gap."""
    return 2 * sum(whole) >= len(whole)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """One scan of one patient.

    Attributes:
        name: unique within its source.
        patient: name of the patient; all cases of a patient are in one part of the split.
        split: one of `SPLITS`.
        images: `(slices, H, W)`, int16 in Hounsfield units or uint8 grey, see `Source.intensity`. The padding that
            scanners write outside their field of view (-2048, -3024) is kept.
        masks: target name (`"liver"`, `"lesion"`) to `(slices, H, W)` bool. Liver includes its lesions.
        slice_names: name of each slice, unique within the source; the stem of its file if it has one of its own.
        spacing: millimetres between voxel centres along (slice, row, column), or None where unknown.
        contiguous: whether consecutive slices are neighbours in the patient.
        gaps: `(slices - 1,)` bool, whether slices are missing between two consecutive ones; None where `contiguous`
            says all that is known.
        frame: where the scan lies in the patient and how its file orders the axes; None for slices without a scan.
        coverage: target name to `(slices, H, W)` uint8, how much of each pixel it covers (0 to 255), of which `masks`
            is where that is at least half; None for slices that have not been resized.
    """

    name: str
    patient: str
    split: str
    images: np.ndarray
    masks: dict[str, np.ndarray]
    slice_names: tuple[str, ...]
    spacing: tuple[float, float, float] | None = None
    contiguous: bool = True
    gaps: np.ndarray | None = None
    frame: Frame | None = None
    coverage: dict[str, np.ndarray] | None = None

    @property
    def runs(self) -> np.ndarray | None:
        """`(slices,)` int64 from 0 up, the run of neighbours that each slice is in; None where nobody knows."""
        if self.gaps is not None:
            return np.concatenate([[0], np.cumsum(self.gaps)])
        return np.zeros(len(self.images), np.int64) if self.contiguous else None


class Source(abc.ABC):
    """Reader of one layout. The names of the cases are known before they are read, in any order.

    Attributes:
        layout: name of the layout, such as `"phantom"` or `"paired_folder"`.
        intensity: `"hu"` (int16, Hounsfield units), `"grey"` (uint8, 0..255, one window for all slices) or `"minmax"`
            (uint8, every slice rescaled from its own minimum and maximum).
        window: Hounsfield units that grey 0 and 255 stand for; None where unknown, and for other intensities.
        orientation: directions of the axes of the slices, see `pipelines.orientation`; None if unknown.
        targets: names of the masks that every case has.
        mask_rule: how masks are resized: `"area"`, see `SquareGrid.coverage`, or `"nearest"` in a dataset that an
            earlier version prepared.
        parts: name of each case to its part of the split, one of `SPLITS`, in the order of `cases()`.
        reading: what was stated about the folder and is not in its files, as JSON holds it.
        patients_by: how patients were found, one of `FOUND_BY`: an index, a pattern, the names of files, their headers,
            or one for each case.
    """

    layout: str
    intensity: str
    orientation: str | None = None
    window: tuple[float, float] | None = None
    mask_rule: str = "area"
    targets: tuple[str, ...]
    parts: dict[str, str]
    patients_by: str = "names"
    reading: Mapping[str, Any] = MappingProxyType({})
    _notes: list[str]
    _findings: Findings  # of readers of files

    @property
    def notes(self) -> list[str]:
        """Lines worth showing to the user, such as where the split comes from; reading cases may add some."""
        return list(self._notes)

    def recall(self, notes: Iterable[str]) -> None:
        """Adds notes that an earlier reading of the same cases added."""
        self._notes = [*self._notes, *(note for note in notes if note not in self.notes)]

    @property
    def remarks(self) -> list[Remark]:
        """What has been remarked on its files so far."""
        return self._findings.remarks if hasattr(self, "_findings") else []

    def add_remarks(self, remarks: Iterable[Remark]) -> None:
        """Adds what another process, which read some cases of the same source, had to remark on them."""
        for remark in remarks:
            self._findings.add(*remark)

    @property
    def warnings(self) -> list[str]:
        """Those of `notes` that warn: what is doubtful about the data, as far as they have been read."""
        return [note.removeprefix(WARNING) for note in self.notes if note.startswith(WARNING)]

    @abc.abstractmethod
    def case(self, name: str) -> Case:
        """Reads one case; safe to call from several threads.

        Args:
            name: one of `parts`.

        Raises:
            DataError: a file of the case is missing, damaged or inconsistent with the others.
        """

    @abc.abstractmethod
    def fingerprint(self) -> str:
        """Hex digest that changes when the data do."""

    def cases(self, split: str | None = None) -> Iterator[Case]:
        """Yields all cases, or those of one part of the split, reading one at a time."""
        for name, part in self.parts.items():
            if split in (None, part):
                yield self.case(name)
