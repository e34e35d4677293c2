"""Reader of paired folders."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.case import Case, Source
from pipelines.checks.slices import check_sizes
from pipelines.errors import DataError
from pipelines.files.png import read_image, read_mask
from pipelines.findings import Findings, Strict
from pipelines.fingerprint import fingerprint
from pipelines.grid import SquareGrid, covered
from pipelines.index import NAME, assign_parts, read_index
from pipelines.layouts.paired_folder.listing import is_png, list_pairs
from pipelines.loading.read_ahead import map_ahead
from pipelines.natural import are_consecutive, natural_sort_key
from pipelines.patients import find_patients


class PairedFolder(Source):
    """Reads `images/ID.png` and `masks/ID.png`, one case per patient.

    `index.csv` (columns `id`, `patient`, `split`; the last two are optional) gives the split; if it has no validation
    part, one is carved out of the training patients. Without it, patients are split 70:15:15 by a hash of their names.
    The constructor lists files and reads the index; pixels are read, and checked, one patient at a time.

    Args:
        directory: the folder with `images/` and `masks/`.
        target: what the masks show, `"liver"` or `"lesion"`.
        size: height and width in pixels that a patient's slices are resized to where they differ in size, see
            `SquareGrid`.
        patient_pattern: regular expression searched for in each ID; its first group is the patient.
        findings: takes what is wrong; None to raise the first error.

    Raises:
        DataError: something is missing, unpaired, unreadable or ambiguous, and `findings` is None.

    Attributes:
        layout: `"paired_folder"`.
        intensity: `"grey"`.
        targets: `(target,)`.
        slice_names: patient to the IDs of its slices, in natural order.
    """

    layout = "paired_folder"
    intensity = "grey"

    def __init__(
        self,
        directory: str | Path,
        *,
        target: str = "lesion",
        size: int = 256,
        patient_pattern: str | None = None,
        findings: Findings | None = None,
    ) -> None:
        if target not in ("liver", "lesion"):
            raise DataError(f"`target` {target}: the masks of one folder show one target; give liver or lesion")
        if size < 1:
            raise DataError(f"`size` {size}: give a size of one pixel or more")
        self.targets, self._size = (target,), size
        self._root, self._findings = Path(directory), findings or Strict(directory)
        self._files = list_pairs(self._root, self._findings)
        guess = find_patients(list(self._files), patient_pattern)
        index = read_index(self._root, guess.of, self._findings, keys=("id",))
        patients_note, self.patients_by = guess.note, guess.found_by
        if patient_pattern is not None:
            index = dataclasses.replace(index, patients=guess.of)
        elif "patient" in index.columns:
            patients_note, self.patients_by = f"patients: by {NAME}", "table"
        parts, split_note = assign_parts(index, self._findings)
        by_patient = sorted(
            self._files, key=lambda name: (natural_sort_key(index.patients[name]), natural_sort_key(name))
        )
        grouped = itertools.groupby(by_patient, key=index.patients.__getitem__)
        self.slice_names = {patient: tuple(names) for patient, names in grouped}
        self.parts = {patient: parts[names[0]] for patient, names in self.slice_names.items()}
        self._index = index.path
        self._notes = [patients_note, split_note]
        self._resized: set[str] = set()

    def read_slice(self, name: str) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Reads one slice and its mask at their own size; safe to call from several threads.

        Args:
            name: one of `slice_names`.

        Returns:
            `(H, W)` uint8 and `(H, W)` bool; None for what could not be read, which `findings` took.
        """
        files = {kind: path for kind, path in self._files[name].items() if is_png(path)}
        image = read_image(files["image"], self._findings) if "image" in files else None
        mask = read_mask(files["mask"], self._findings) if "mask" in files else None
        same = check_sizes(self._findings, files.get("mask", self._root), mask, image)
        return image, mask if same else None

    def path(self, name: str) -> Path:
        """The image file of a slice, or its mask where there is no image."""
        return next(iter(self._files[name].values()))

    def case(self, name: str) -> Case:
        """Reads the slices of one patient, in natural order of their IDs.

        Raises:
            DataError: a file cannot be read, or a mask and its image differ in size.
        """
        images, masks = [], []
        for slice_name in self.slice_names[name]:
            image, mask = self.read_slice(slice_name)
            if image is not None and mask is not None:
                images.append(image[None])
                masks.append(mask[None])
        coverage = None
        if len({image.shape for image in images}) > 1:
            self._resized.update(
                slice_name
                for slice_name, image in zip(self.slice_names[name], images, strict=True)
                if image.shape[1:] != (self._size, self._size)
            )
            count = f"{len(self._resized)} of {len(self._files)}"
            self._notes[2:] = [f"size: {count} slices resized to {self._size}x{self._size}, as their patients' differ"]
            grids = [SquareGrid.of(image, self._size) for image in images]
            images = [grid.images(image, outside=0) for grid, image in zip(grids, images, strict=True)]
            areas = np.concatenate([grid.coverage(mask) for grid, mask in zip(grids, masks, strict=True)])
            masks, coverage = [covered(areas)], {self.targets[0]: areas}
        return Case(
            name=name,
            patient=name,
            split=self.parts[name],
            images=np.concatenate(images),
            masks={self.targets[0]: np.concatenate(masks)},
            slice_names=self.slice_names[name],
            contiguous=are_consecutive(self.slice_names[name]),
            coverage=coverage,
        )

    def cases(self, split: str | None = None) -> Iterator[Case]:
        """Yields the cases of all patients, or of those in one part of the split, reading ahead on all cores."""
        return map_ahead(self.case, [name for name, part in self.parts.items() if split in (None, part)])

    def fingerprint(self) -> str:
        """SHA-256, in hex, of the PNG files and the index; see `pipelines.fingerprint`."""
        files = [path for pair in self._files.values() for path in pair.values()]
        return fingerprint([*files, *([self._index] if self._index else [])], self._root)
