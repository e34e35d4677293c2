"""Reader of CT volumes and masks in NIfTI files."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.case import Case, Source
from pipelines.checks.content import check_scan
from pipelines.errors import DataError
from pipelines.files.labels import MaskError, as_finding
from pipelines.files.nifti import Volume, check_labels, check_placed, open_volume, read_hu, read_label_map
from pipelines.findings import Findings, Strict
from pipelines.fingerprint import fingerprint
from pipelines.frame import Frame, steps_of_one
from pipelines.index import assign_parts, read_index
from pipelines.layouts.nifti.listing import CaseFiles, list_cases
from pipelines.orientation import RADIOLOGICAL
from pipelines.placement import FITS, Placement, apart, doubt, fit
from pipelines.targets import LESION, LIVER, Naming

_ALLOWED = {"labels": ((0, 1, 2),), "liver": ((0, 1), (0, 255)), "lesion": ((0, 1), (0, 255))}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Volumes:
    """Volumes of a case, as far as they could be read.

    Attributes:
        frame: of all its arrays; None after an error.
        image: `(i, j, k)` int16 HU; None after an error.
        labels: what a mask shows, as in `CaseFiles.paths`, to `(i, j, k)` uint8; those without an error.
    """

    frame: Frame | None
    image: np.ndarray | None
    labels: dict[str, np.ndarray]


class Nifti(Source):
    """Reads CT volumes and their masks through nibabel, one case at a time, in canonical orientation.

    Three forms are detected, at any depth: `volume-N.nii` with `segmentation-N.nii`; scans in one folder and their
    label maps in another, such as `imagesTr/liver_N.nii.gz` and `labelsTr/liver_N.nii.gz`, where nnU-Net adds `_0000`
    to the scan; and folders that each hold `ct.nii` with `liver.nii` and perhaps `lesion.nii` (or tumor, tumour) with 0
    and 1, or 0 and 255, or with a label map, beside it or in `segmentations/`. Labels are 0 background, 1 liver, 2
    tumor, or what `dataset.json` or `labels` call them. Names are in any case and end in `.nii` or `.nii.gz`. Patients
    are split by `index.csv`, see `pipelines.index.read_index`, or else by a hash of their names; fewer than three are
    all in test.

    Args:
        directory: the data folder.
        labelled: whether to read the masks; without, they need not be there and every case's `masks` is empty.
        labels: what the labels of label maps and the names of files stand for, see `pipelines.targets.Naming`.
        findings: takes what is found while listing and reading; None to raise the first error.

    Raises:
        DataError: files are missing, unpaired or there twice; on reading a case, a file cannot be read, is not a CT
            volume, or does not fit its image. One line with the file and the fix.

    Attributes:
        layout: `"nifti"`.
        intensity: `"hu"`: int16, what the file's rescaling gives, rounded where that is not a whole number.
        orientation: `"SPL"`, the radiological view from the feet up, however the files lie.
        targets: `("liver", "lesion")`, `("liver",)` in folders without lesion files, or `()` if not labelled.
        files: name of each case to its files.
    """

    layout = "nifti"
    intensity = "hu"
    orientation = RADIOLOGICAL

    def __init__(
        self,
        directory: str | Path,
        *,
        labelled: bool = True,
        labels: Sequence[str] = (),
        findings: Findings | None = None,
    ):
        self._directory = Path(directory)
        if not self._directory.is_dir():
            raise DataError(f"{directory}: no such folder; give a folder of NIfTI files")
        self._findings = findings or Strict(self._directory)
        naming = Naming(labels)
        self.reading = {"labels": list(labels)} if labels else {}
        self.files = list_cases(self._directory, self._findings, naming=naming, labelled=labelled)
        masked = [files for files in self.files.values() if files.masks]
        lesions = any(files.shows_lesions for files in masked)
        self.targets = ("liver", "lesion") if lesions else ("liver",) if masked else ()
        patients = {name: files.patient for name, files in self.files.items() if "image" in files.paths}
        self.index = read_index(
            self._directory,
            patients,
            self._findings,
            places={name: self.files[name].paths["image"] for name in patients},
        )
        self.parts, split_note = assign_parts(self.index, self._findings, few=True)
        self.patients_by = "table" if "patient" in self.index.columns else "names"
        self._notes = [split_note]

    @property
    def notes(self) -> list[str]:
        """Where the split comes from, and of the cases read so far, whose headers are doubtful."""
        return [*self._notes, *self._findings.notes]

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the names, sizes and ends of all files that are read, and of `index.csv`."""
        files = [path for case in self.files.values() for path in case.paths.values()]
        index = [] if self.index.path is None else [self.index.path]
        return fingerprint([*files, *index], self._directory)

    def case(self, name: str) -> Case:
        """Reads one volume and its masks."""
        read = read_volumes(self.files[name], self._findings)
        assert read.frame is not None  # or the first error was raised
        assert read.image is not None
        labels = read.labels
        if "labels" in labels:
            both = labels["labels"]
            labels = {"liver": both >= 1, "lesion": both == 2}
        masks = {kind: np.ascontiguousarray(read.frame.to_slices(labels[kind] != 0)) for kind in self.targets}
        if "lesion" in masks:
            masks["liver"] |= masks["lesion"]
        images = np.ascontiguousarray(read.frame.to_slices(read.image))
        return Case(
            name=name,
            patient=self.index.patients[name],
            split=self.parts[name],
            images=images,
            masks=masks,
            slice_names=tuple(f"{name}_{k:03d}" for k in range(len(images))),
            spacing=read.frame.spacing,
            frame=read.frame,
        )


def read_volumes(files: CaseFiles, findings: Findings) -> Volumes:
    """Reads the files of a case; after an error, what is left of them."""
    opened = {kind: open_volume(path, findings) for kind, path in files.paths.items()}
    volumes = {kind: volume for kind, volume in opened.items() if volume}
    place = image = volumes.pop("image", None)
    turns: dict[str, Placement | None] = {}
    for kind, mask in volumes.items():
        if image and place:
            with as_finding(mask.path, findings):
                place, turns[kind] = _agree(image, place, mask, findings)
    if place and not check_placed(place, findings):
        place = None
    if image and place and steps_of_one(place.frame) and not place.frame.affine[:3, 3].any():
        findings.warning(
            "header-unfilled", image.path, "steps of 1 mm and no origin: sides and millimeters may be wrong"
        )
    labels = {}
    for kind, mask in volumes.items():
        # Of one that does not fit its image, there is nothing to be known.
        values = None if image and kind not in turns else read_label_map(mask, findings)
        named = files.labels if kind == "labels" else {}
        if values is not None and check_labels(
            mask.path, values, ((0, *named),) if named else _ALLOWED[kind], findings
        ):
            turn = turns.get(kind)
            values = turn.turn(values) if turn else values
            labels[kind] = _as_usual(values, named) if named else values
    hu = read_hu(image, findings) if image else None
    if hu is not None and image and place:
        check_scan(findings, image.path, hu, place.frame.spacing)
    return Volumes(frame=place.frame if place else None, image=hu, labels=labels)


def _as_usual(values: np.ndarray, labels: Mapping[int, str | None]) -> np.ndarray:
    """The labels of LiTS, uint8, for those of a data set that names its own."""
    usual = np.zeros(np.iinfo(values.dtype).max + 1, np.uint8)
    for label, target in labels.items():
        usual[label] = {None: 0, LIVER: 1, LESION: 2}[target] if label < len(usual) else 0
    return usual[values]


def _agree(image: Volume, place: Volume, mask: Volume, findings: Findings) -> tuple[Volume, Placement | None]:
    """Whichever volume says where image and mask lie, and how the mask is turned into the image's order of axes.

    Some of LiTS's headers are wrong, and the arrays still fit: where one was never filled in, the other counts.

    Raises:
        MaskError: the two do not fit.
    """
    if place.placed and mask.placed:
        try:
            placement = fit(mask.frame.shape, mask.frame.affine, place.frame, other="its image")
        except MaskError:
            if mask.frame.shape != image.frame.shape or not (place.doubtful or mask.doubtful):
                raise
        else:
            if warning := doubt(placement.beside, other="its image"):
                findings.warning("geometry-offset", mask.path, warning)
            return place, placement
    elif mask.frame.shape != image.frame.shape:
        sizes = " against ".join("x".join(map(str, one.frame.shape)) for one in (mask, image))
        raise MaskError("size-mismatch", f"shape differs from its image's, {sizes}; export the pair again")
    elif apart(mask.frame.shape, place.frame.affine, mask.frame.affine) < FITS:
        return (mask if mask.placed else place), None
    findings.warning(
        "geometry-mismatch",
        mask.path,
        "the affine differs from its image's and one was never filled in; the other is taken for both",
    )
    return (mask if not place.placed or (place.doubtful and not mask.doubtful) else place), None


def read_volume(path: str | Path) -> tuple[np.ndarray, Frame]:
    """Reads a CT volume.

    Returns:
        `(i, j, k)` int16, Hounsfield units, as the file orders them, and where they lie.

    Raises:
        DataError: the file cannot be read, is not one volume of numbers, has values that no CT has, or does not say
            how it lies.
    """
    return _read_single(Path(path), read_hu)


def read_labels(path: str | Path) -> tuple[np.ndarray, Frame]:
    """Reads a volume of labels.

    Returns:
        `(i, j, k)` uint8 or uint16, as the file orders them, and where they lie.

    Raises:
        DataError: as for `read_volume`; labels are whole numbers of 0 to 65535.
    """
    return _read_single(Path(path), read_label_map)


def _read_single(path: Path, read: Callable[[Volume, Findings], np.ndarray | None]) -> tuple[np.ndarray, Frame]:
    findings = Strict(path.parent)
    volume = open_volume(path, findings)
    assert volume is not None
    check_placed(volume, findings)
    values = read(volume, findings)
    assert values is not None
    return values, volume.frame
