"""Reader of paired folders."""

from pathlib import Path
from typing import Any

import numpy as np

from pipelines.case import Case, Source
from pipelines.checks.slices import check_sizes
from pipelines.errors import DataError
from pipelines.files.png import read_image
from pipelines.findings import Findings, Strict
from pipelines.fingerprint import fingerprint
from pipelines.grid import SquareGrid, covered
from pipelines.index import assign_parts
from pipelines.layouts.paired_folder.listing import find_roots, is_png, list_pairs
from pipelines.layouts.paired_folder.masks import FolderMasks
from pipelines.layouts.paired_folder.scans import FolderScans
from pipelines.layouts.paired_folder.settings import read_settings


class PairedFolder(Source):
    """Reads `images/ID.png` and `masks/ID.png`, one case per scan.

    `index.csv` (column `id`, and perhaps `patient`, `case`, `slice` and `split`) gives the patient and the scan of each
    slice, its number in the scan and the split; what it does not say is taken from the IDs, see `find_patients` and
    `find_scans`. If the split has no validation part, one is carved out of the training patients; without a split,
    patients are split 70:15:15 by a hash of their names. The constructor lists files, reads the index, and looks into
    some masks; all pixels are read, and checked, one scan at a time. What neither names nor pixels say is stated as
    arguments, or in a file `paired_folder.toml`, see `Settings`.

    Args:
        directory: the folder with `images/` and `masks/`.
        target: what masks of two values show, `"liver"` or `"lesion"`; masks of labels may show `"both"`.
        size: height and width in pixels that the slices of a scan are resized to where they differ in size, see
            `SquareGrid`.
        findings: takes what is wrong; None to raise the first error.
        **reading: fields of `Settings`.

    Raises:
        DataError: something is missing, unpaired, unreadable or ambiguous, and `findings` is None; or an argument is
            out of range.

    Attributes:
        layout: `"paired_folder"`.
        intensity: `"grey"`.
        targets: `(target,)`, or those of the labels.
        binary: whether masks have two values that nobody named.
        slice_names: case to the IDs of its slices, in order.
        patients: case to its patient.
        settings: how it is read.
    """

    layout = "paired_folder"
    intensity = "grey"

    def __init__(
        self,
        directory: str | Path,
        *,
        target: str = "lesion",
        size: int = 256,
        findings: Findings | None = None,
        **reading: Any,
    ) -> None:
        if size < 1:
            raise DataError(f"`size` {size}: give 1 or more")
        self._size, self._findings = size, findings or Strict(directory)
        # Unpacking archives nests folders.
        self._root = next(iter(find_roots(Path(directory))), Path(directory))
        stated = {name: value for name, value in reading.items() if value not in (None, (), [])}
        self.settings, settings_file = read_settings(self._root, stated, self._findings)
        self.window, self.orientation = self.settings.grey_window, self.settings.orientation
        self.reading = {name: list(value) if isinstance(value, tuple) else value for name, value in stated.items()}
        self._files = list_pairs(self._root, self._findings)
        paths = [files["mask"] for files in self._files.values() if is_png(files.get("mask"))]
        self._masks = FolderMasks(paths, target=target, labels=self.settings.labels, findings=self._findings)
        self.targets, self.binary = self._masks.targets, self._masks.binary
        if target == "both" and len(self.targets) == 1:
            raise DataError(f"`target` both: {directory} has masks of one target; give liver or lesion")
        self._scans = FolderScans(
            self._root,
            self._files,
            settings=self.settings,
            findings=self._findings,
            places={name: next(iter(files.values())) for name, files in self._files.items()},
        )
        self.patients_by, self.slice_names, self.patients = (
            self._scans.patients_by,
            self._scans.slices,
            self._scans.patients,
        )
        parts, split_note = assign_parts(self._scans.index, self._findings)
        self.parts = {scan: parts[names[0]] for scan, names in self.slice_names.items()}
        self._described_by = [path for path in (self._scans.index.path, settings_file) if path is not None]
        self._notes = [self._scans.patients_note, split_note, *([self._masks.note] if self._masks.note else [])]

    @property
    def notes(self) -> list[str]:
        """See `Source`."""
        return [*self._notes, *self._findings.notes]

    def numbers(self, case: str) -> list[int]:
        """The numbers of the slices of a case, in order; empty if some have none."""
        return self._scans.numbers(case)

    def read_slice(self, name: str) -> tuple[np.ndarray | None, dict[str, np.ndarray] | None]:
        """Reads one slice and its masks at their own size; safe to call from several threads.

        Args:
            name: one of `slice_names`.

        Returns:
            `(H, W)` uint8, and target to `(H, W)` bool; None for what could not be read, which `findings` took.
        """
        files = {kind: path for kind, path in self._files[name].items() if is_png(path)}
        image = read_image(files["image"], self._findings) if "image" in files else None
        masks = self._masks.read(files["mask"]) if "mask" in files else None
        first = None if masks is None else masks[self.targets[0]]
        same = check_sizes(self._findings, files.get("mask", self._root), first, image)
        return image, masks if same else None

    def path(self, name: str) -> Path:
        """The image file of a slice, or its mask where there is no image."""
        return next(iter(self._files[name].values()))

    def case(self, name: str) -> Case:
        """Reads the slices of one scan, in order.

        Raises:
            DataError: a file cannot be read, or a mask and its image differ in size.
        """
        images: list[np.ndarray] = []
        planes: dict[str, list[np.ndarray]] = {target: [] for target in self.targets}
        for slice_name in self.slice_names[name]:
            image, masks = self.read_slice(slice_name)
            if image is not None and masks is not None:
                images.append(image[None])
                for target, mask in masks.items():
                    planes[target].append(mask[None])
        coverage = None
        if len({image.shape for image in images}) > 1:
            message = f"size: slices resized to {self._size}x{self._size}, as their scans' differ"
            for slice_name, image in zip(self.slice_names[name], images, strict=True):
                if image.shape[1:] != (self._size, self._size):
                    self._findings.note("slice-resized", self.path(slice_name), message)
            grids = [SquareGrid.of(image, self._size) for image in images]
            images = [grid.images(image, outside=0) for grid, image in zip(grids, images, strict=True)]
            coverage = {
                target: np.concatenate([grid.coverage(mask) for grid, mask in zip(grids, masks, strict=True)])
                for target, masks in planes.items()
            }
            planes = {target: [covered(areas)] for target, areas in coverage.items()}
        contiguous, gaps = self._scans.neighbours(name)
        return Case(
            name=name,
            patient=self.patients[name],
            split=self.parts[name],
            images=np.concatenate(images),
            masks={target: np.concatenate(masks) for target, masks in planes.items()},
            slice_names=self.slice_names[name],
            contiguous=contiguous,
            gaps=gaps,
            coverage=coverage,
        )

    def fingerprint(self) -> str:
        """SHA-256, in hex, of the PNG files, the index and the settings; see `pipelines.fingerprint`."""
        files = [path for pair in self._files.values() for path in pair.values()]
        return fingerprint([*files, *self._described_by], self._root)
