"""Scans in NIfTI files with their masks: LiTS17, the Decathlon's Task03_Liver, or a folder for each scan."""

from pathlib import Path

import numpy as np

from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.files.nifti import (
    Volume,
    check_placed,
    expect_labels,
    open_volume,
    read_hu,
    read_label_values,
)
from pipelines.findings import Strict
from pipelines.fingerprint import fingerprint
from pipelines.geometry import Frame, same_place, steps_of_one
from pipelines.index import assign_parts, read_index
from pipelines.layouts.nifti.listing import list_cases
from pipelines.orientation import RADIOLOGICAL

__all__ = ["Nifti", "read_labels", "read_volume"]


class Nifti(Source):
    """Reads CT volumes and their masks through nibabel, one case at a time, in canonical orientation.

    Three forms are told apart by looking: `volume-N.nii` with `segmentation-N.nii`, in the folder or at any depth
    below it; `dataset.json` with `imagesTr/liver_N.nii.gz` and `labelsTr/liver_N.nii.gz` (both with 0 background,
    1 liver, 2 tumour); and folders that each hold `ct.nii`, `liver.nii` and perhaps `lesion.nii` (or tumor, tumour)
    with 0 and 1, or 0 and 255. Every file may end in `.nii` or `.nii.gz`. The split is `split_volumes`'s.

    Args:
        directory: the data folder.
        labelled: whether to read the masks; without, they need not be there and every case's `masks` is empty.

    Raises:
        DataError: files are missing, unpaired or there twice; on reading a case, a file cannot be read, is no CT
            volume, or does not fit its image. One line with the file and the mend.

    Attributes:
        layout: `"nifti"`.
        intensity: `"hu"`: int16, what the file's rescaling gives, rounded where that is no whole number.
        targets: `("liver", "lesion")`, `("liver",)` in folders without lesion files, or `()` if not labelled.
        notes: where the split comes from, and once the cases have been read, whose headers are in doubt.
    """

    layout = "nifti"
    intensity = "hu"
    orientation = RADIOLOGICAL

    def __init__(self, directory: str | Path, *, labelled: bool = True):
        self._directory = Path(directory)
        if not self._directory.is_dir():
            raise DataError(f"{directory}: no such folder; give a folder of NIfTI files")
        self._cases = list_cases(self._directory, labelled)
        kinds = next(iter(self._cases.values())).masks
        if not labelled:
            self.targets = ()
        else:
            self.targets = ("liver",) if set(kinds) == {"liver"} else ("liver", "lesion")
        patients = {name: files.patient for name, files in self._cases.items()}
        findings = Strict(self._directory)
        index = read_index(self._directory, patients, findings)
        self.parts, self._split_note = assign_parts(index, findings, few=True)
        self._doubts: dict[str, list[str]] = {}

    @property
    def notes(self) -> list[str]:
        """Lines worth telling the user."""
        return [self._split_note, *(f"{doubt}: {', '.join(names)}" for doubt, names in self._doubts.items())]

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the names, sizes and ends of all files that are read, and of `index.csv`."""
        files = [path for case in self._cases.values() for path in (case.image, *case.masks.values())]
        index = self._directory / "index.csv"
        return fingerprint([*files, index] if index.exists() else files, self._directory)

    def case(self, name: str) -> Case:
        """Reads one volume and its masks."""
        files = self._cases[name]
        place = image = open_volume(files.image)
        labels = {}
        for kind, path in files.masks.items():
            mask = open_volume(path)
            place = self._agree(name, place, mask)
            labels[kind] = read_label_values(mask)
            expect_labels(labels[kind], path, ((0, 1, 2),) if kind == "labels" else ((0, 1), (0, 255)))
        frame = check_placed(place).frame
        if steps_of_one(frame) and not frame.affine[:3, 3].any():
            self._doubt("header with steps of 1 mm and no origin, so sides and millimetres may be wrong", name)
        if "labels" in labels:
            both = labels["labels"]
            labels = {"liver": both >= 1, "lesion": both == 2}
        masks = {kind: np.ascontiguousarray(frame.to_slices(mask != 0)) for kind, mask in labels.items()}
        if "lesion" in masks:
            masks["liver"] |= masks["lesion"]
        images = np.ascontiguousarray(frame.to_slices(read_hu(image)))
        return Case(
            name=name,
            patient=files.patient,
            split=self.parts[name],
            images=images,
            masks=masks,
            slice_names=tuple(f"{name}_{k:03d}" for k in range(len(images))),
            spacing=frame.spacing,
            frame=frame,
        )

    def _agree(self, name: str, image: Volume, mask: Volume) -> Volume:
        """Whichever of the two tells where both lie. Some of LiTS's headers are dirty, the arrays still fit."""
        if image.frame.shape != mask.frame.shape:
            shapes = " against ".join("x".join(map(str, one.frame.shape)) for one in (mask, image))
            raise DataError(f"{mask.path}: shape differs from its image's, {shapes}; export the pair again")
        if same_place(image.frame, mask.frame):
            return mask if mask.placed and not image.placed else image
        if not (image.doubtful or mask.doubtful):
            raise DataError(
                f"{mask.path}: lies elsewhere in the patient than its image (the affines differ); export the pair again"
            )
        self._doubt("affine of image and mask differ, one was never filled in, the other is taken for both", name)
        return mask if not image.placed or (image.doubtful and not mask.doubtful) else image

    def _doubt(self, doubt: str, name: str) -> None:
        names = self._doubts.setdefault(doubt, [])
        if name not in names:  # a case has two masks
            names.append(name)


def read_volume(path: str | Path) -> tuple[np.ndarray, Frame]:
    """Reads a CT volume.

    Returns:
        `(i, j, k)` int16, Hounsfield units, as the file orders them, and where they lie.

    Raises:
        DataError: the file cannot be read, is not one volume of numbers, has values that no CT has, or does not say
            how it lies.
    """
    volume = check_placed(open_volume(Path(path)))
    return read_hu(volume), volume.frame


def read_labels(path: str | Path) -> tuple[np.ndarray, Frame]:
    """Reads a volume of labels.

    Returns:
        `(i, j, k)` uint8, as the file orders them, and where they lie.

    Raises:
        DataError: as for `read_volume`; labels are whole numbers of 0 to 255.
    """
    volume = check_placed(open_volume(Path(path)))
    return read_label_values(volume), volume.frame
