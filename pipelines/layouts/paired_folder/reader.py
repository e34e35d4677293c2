"""Folders of PNG slices with one mask a slice: `images/ID.png`, `masks/ID.png`, perhaps `index.csv`."""

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.case import Case, Source
from pipelines.checks.slices import check_sizes
from pipelines.errors import DataError
from pipelines.files.png import read_image, read_mask
from pipelines.findings import Strict
from pipelines.fingerprint import fingerprint
from pipelines.index import NAME, assign_parts, read_index
from pipelines.loading.read_ahead import map_ahead
from pipelines.loading.resize import resize_images, resize_masks
from pipelines.natural import are_consecutive, natural_sort_key
from pipelines.patients import find_patients


class PairedFolder(Source):
    """Reads `images/ID.png` and `masks/ID.png`, one case for each patient.

    With an `index.csv` (columns `id`, `patient`, `split`; the last two may be missing) its split is the split;
    where it has no validation part, that is carved out of the training patients. Otherwise patients are split
    70:15:15 by a hash of their names. Construction lists files and reads the index; pixels are read, and checked, one
    patient at a time.

    Args:
        directory: the folder that holds `images/` and `masks/`.
        target: what the masks show, `"liver"` or `"lesion"`.
        size: height and width in pixels that every slice is resized to: images bilinear with anti-aliasing,
            masks to the nearest pixel centre, both padded to a square first. Slices of that size stay as they are.
        patient_pattern: regular expression searched for in each ID; its first group is the patient.

    Raises:
        DataError: something is missing, unpaired, unreadable or ambiguous; one line with the file and the mend.

    Attributes:
        layout: `"paired_folder"`.
        intensity: `"grey"`.
        targets: `(target,)`.
    """

    layout = "paired_folder"
    intensity = "grey"

    def __init__(self, directory: str | Path, *, target: str, size: int = 256, patient_pattern: str | None = None):
        if target not in ("liver", "lesion"):
            raise DataError(f"target {target}: the masks of one folder show one target; give liver or lesion")
        if size < 1:
            raise DataError(f"size {size}: give a size of one pixel or more")
        self.targets, self._size = (target,), size
        self._root = Path(directory)
        self._files = _pairs(self._root)
        self._findings = findings = Strict(self._root)
        ids = sorted(self._files, key=natural_sort_key)
        found, patients_note = find_patients(ids, patient_pattern)
        index = read_index(self._root, found, findings, keys=("id",))
        if patient_pattern is not None:
            index = dataclasses.replace(index, patients=found)
        elif "patient" in index.columns:
            patients_note = f"patients: by {NAME}"
        parts, split_note = assign_parts(index, findings)
        patients = index.patients
        slices = sorted(
            ((patients[name], name) for name in ids),
            key=lambda row: (natural_sort_key(row[0]), natural_sort_key(row[1])),
        )
        grouped = itertools.groupby(slices, key=lambda row: row[0])
        self._names = {patient: tuple(name for _, name in rows) for patient, rows in grouped}
        self.parts = {patient: parts[names[0]] for patient, names in self._names.items()}
        self._index = index.path
        self._notes = [patients_note, split_note]
        self._resized: set[str] = set()

    @property
    def notes(self) -> list[str]:
        """How patients were told apart, where the split comes from, and of what was read so far, what was resized."""
        resized = f"size: {len(self._resized)} of {len(self._files)} slices resized to {self._size}x{self._size}"
        return [*self._notes, resized] if self._resized else self._notes

    def case(self, name: str) -> Case:
        """Reads the slices of one patient, in the numeric order of their IDs."""
        names = self._names[name]
        pairs = [self._read_pair(slice_name) for slice_name in names]
        images, masks = (np.stack(planes) for planes in zip(*pairs, strict=True))
        return Case(
            name=name,
            patient=name,
            split=self.parts[name],
            images=images,
            masks={self.targets[0]: masks},
            slice_names=names,
            contiguous=are_consecutive(names),
        )

    def cases(self, split: str | None = None) -> Iterator[Case]:
        """Yields the patients, all or those of one part, reading ahead on all cores."""
        return map_ahead(self.case, [name for name, part in self.parts.items() if split in (None, part)])

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the PNGs and the index, as `pipelines.fingerprint` takes it."""
        files = [path for pair in self._files.values() for path in pair]
        return fingerprint([*files, *([self._index] if self._index else [])], self._root)

    def _read_pair(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        image_path, mask_path = self._files[name]
        image, mask = read_image(image_path, self._findings), read_mask(mask_path, self._findings)
        check_sizes(self._findings, mask_path, mask, image)
        if image.shape != (self._size, self._size):
            self._resized.add(name)
        return resize_images(image[None], self._size, outside=0)[0], resize_masks(mask[None], self._size)[0]


def _pairs(directory: Path) -> dict[str, tuple[Path, Path]]:
    """ID to its image and mask file, all of them there."""
    if not directory.is_dir():
        raise DataError(f"{directory}: no such folder; give a folder with images/ and masks/")
    found = {}
    for kind in ("images", "masks"):
        folder = directory / kind
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder; put images/ID.png and masks/ID.png into {directory}")
        # Names with a leading dot are what macOS strews about on foreign disks.
        paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() == ".png" and path.name[0] != "."]
        if not paths:
            raise DataError(f"{folder}: no PNG in it; save the slices as 8-bit grey PNG")
        found[kind] = {path.stem: path for path in paths}
        for path in paths:
            if found[kind][path.stem] != path:
                raise DataError(f"{path}: another file has the same name but for .PNG; delete one of them")
    images, masks = found["images"], found["masks"]
    for name, path in images.items():
        if name not in masks:
            raise DataError(
                f"{path}: no masks/{name}.png; add the mask (all 0 if nothing is there) or delete the image"
            )
    for name, path in masks.items():
        if name not in images:
            raise DataError(f"{path}: no images/{name}.png; add the image or delete the mask")
    return {name: (path, masks[name]) for name, path in images.items()}
