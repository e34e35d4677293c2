"""Pairs of masks in two folders, from any tool, by the names of their files."""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from pipelines.case import mostly
from pipelines.errors import DataError
from pipelines.files.png import read_image
from pipelines.findings import Strict
from pipelines.frame import Frame, same_place
from pipelines.masks.labels import MaskLabels
from pipelines.natural import are_consecutive, natural_sort_key
from pipelines.optional import optional
from pipelines.patients import find_patients

SIDES = ("prediction", "reference")
_SUFFIXES = {".nii.gz": "NIfTI", ".nii": "NIfTI", ".png": "PNG"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskPair:
    """The masks of one case.

    Attributes:
        case: name of the case.
        patient: name of the patient.
        prediction: target to `(slices, H, W)` bool.
        reference: likewise, of the same shape.
        slice_names: one per slice.
        spacing: millimetres along (slice, row, column); None where unknown.
        contiguous: whether the slices are neighbours in one volume.
    """

    case: str
    patient: str
    prediction: dict[str, np.ndarray]
    reference: dict[str, np.ndarray]
    slice_names: tuple[str, ...]
    spacing: tuple[float, float, float] | None
    contiguous: bool


class MaskFolders:
    """Reads pairs of PNG slices or NIfTI volumes of labels with the same name; other files are ignored.

    A volume is a case; so are the PNG slices of a patient, in natural order. Slices are a volume if their names end in
    consecutive numbers; if those of more than half of the cases do not, all cases are loose slices.

    Args:
        prediction: folder of the masks to score.
        reference: folder of the masks to score against.
        labels: meaning of the labels.
        patient_pattern: regular expression searched for in each name; its first group is the patient. None to guess the
            patients of slices, see `find_patients`, and to count every volume as a patient.
        spacing: millimetres along (slice, row, column) of PNG slices; None where unknown. NIfTI files have their own.

    Raises:
        DataError: a folder or its masks are missing, or an argument does not apply to them.

    Attributes:
        cases: names of the cases, in natural order.
        kind: `"PNG"` or `"NIfTI"`.
        patients_by: how patients were found, one of `pipelines.case.FOUND_BY`.
        problems: name of each case whose files cannot be paired to the reason.
    """

    def __init__(
        self,
        prediction: str | Path,
        reference: str | Path,
        *,
        labels: MaskLabels,
        patient_pattern: str | None = None,
        spacing: tuple[float, float, float] | None = None,
    ) -> None:
        self._labels, self._spacing = labels, spacing
        self._folders = dict(zip(SIDES, map(Path, (prediction, reference)), strict=True))
        listed = {side: _list(folder) for side, folder in self._folders.items()}
        stems = sorted({stem for files in listed.values() for stem in files}, key=natural_sort_key)
        wrong = {stem: problem for stem in stems if (problem := self._problem(stem, listed))}
        kinds = {_kind(listed["reference"][stem][0]): stem for stem in stems if stem not in wrong}
        if len(kinds) > 1:
            raise DataError(
                f"{self._folders['reference']}: {kinds['PNG']} is PNG, {kinds['NIfTI']} NIfTI; score each kind alone"
            )
        self.kind = next(iter(kinds), "PNG")
        if self.kind == "NIfTI" and spacing is not None:
            raise DataError("`spacing`: NIfTI files have their own; leave it out")
        if self.kind == "PNG" or patient_pattern is not None:
            found = find_patients(stems, patient_pattern)
            patients, self.patients_by = found.of, found.found_by
        else:  # of volumes, the name before the last number is no patient's but the set's
            patients, self.patients_by = {stem: stem for stem in stems}, "each case"
        self._slices: dict[str, list[str]] = {}
        self._patients: dict[str, str] = {}
        for stem in stems:
            name = patients[stem] if self.kind == "PNG" else stem
            self._slices.setdefault(name, []).append(stem)
            self._patients[name] = patients[stem]
        self._files = {stem: [listed[side][stem][0] for side in SIDES] for stem in stems if stem not in wrong}
        self.cases = tuple(self._slices)
        self.problems = {name: wrong[stem] for name in self.cases for stem in self._slices[name][::-1] if stem in wrong}
        several = {name: are_consecutive(group) for name, group in self._slices.items() if len(group) > 1}
        volumes = self.kind == "NIfTI" or (bool(several) and mostly(list(several.values())))
        self._contiguous = {name: volumes and several.get(name, True) for name in self._slices}

    def pair(self, name: str) -> MaskPair:
        """Reads a case.

        Raises:
            DataError: a file is missing, duplicate, damaged or not a mask, a label is unknown, or prediction and
                reference are on different grids.
        """
        if name in self.problems:
            raise DataError(self.problems[name])
        files = [self._files[stem] for stem in self._slices[name]]
        spacing, slice_names = self._spacing, tuple(self._slices[name])
        if self.kind == "NIfTI":
            masks, spacing = self._read_volumes(files[0])
            count = len(next(iter(masks["reference"].values())))
            slice_names = tuple(f"{name}_{k:03d}" for k in range(count))
        else:
            masks = self._read_slices(files)
        return MaskPair(
            case=name,
            patient=self._patients[name],
            prediction=masks["prediction"],
            reference=masks["reference"],
            slice_names=slice_names,
            spacing=spacing,
            contiguous=self._contiguous[name],
        )

    def _problem(self, stem: str, listed: dict[str, dict[str, list[Path]]]) -> str | None:
        for side in SIDES:
            if len(files := listed[side].get(stem, [])) > 1:
                return f"{files[1]}: {files[0].name} has the same name; keep one of them"
        for side, other in (SIDES, SIDES[::-1]):
            if stem not in listed[side]:
                path = listed[other][stem][0]
                return f"{path}: no {side} of this name in {self._folders[side]}; add it or remove this file"
        pair = [listed[side][stem][0] for side in SIDES]
        kinds = [_kind(path) for path in pair]
        if kinds[0] != kinds[1]:
            return f"{pair[0]}: {kinds[0]}, but {pair[1]} is {kinds[1]}; save both in one format"
        return None

    def _read_volumes(self, paths: list[Path]) -> tuple[dict[str, dict[str, np.ndarray]], tuple[float, float, float]]:
        """Both sides of a volume, in canonical orientation, and their spacing."""
        with optional("reading NIfTI files", extra="nifti"):
            from pipelines.files.nifti import open_volume, read_label_map

        findings = Strict(paths[0].parent)
        volumes = [volume for path in paths if (volume := open_volume(path, findings))]
        # However each file orders its axes, the slices must be the same ones.
        frames = [_canonical(volume.frame) for volume in volumes]
        _check_shapes(paths, [frame.shape for frame in frames])
        if not same_place(*frames):
            raise DataError(
                f"{paths[0]}: lies elsewhere in the patient than {paths[1]} (the affines differ); "
                "resample it to the reference's grid, or export it with the reference's header"
            )
        masks = {}
        for side, volume in zip(SIDES, volumes, strict=True):
            values = read_label_map(volume, findings)
            assert values is not None  # or an error was raised
            targets = self._labels.masks(values, volume.path)
            masks[side] = {name: np.ascontiguousarray(volume.frame.to_slices(mask)) for name, mask in targets.items()}
        return masks, volumes[1].frame.spacing

    def _read_slices(self, files: list[list[Path]]) -> dict[str, dict[str, np.ndarray]]:
        """Both sides of a case of PNG slices."""
        slices: dict[str, list[dict[str, np.ndarray]]] = {side: [] for side in SIDES}
        first = None
        for paths in files:
            planes = [plane for path in paths if (plane := read_image(path, Strict(path.parent))) is not None]
            _check_shapes(paths, [plane.shape for plane in planes])
            first = first or planes[1].shape
            _check_shapes([paths[1], files[0][1]], [planes[1].shape, first])
            for side, path, plane in zip(SIDES, paths, planes, strict=True):
                slices[side].append(self._labels.masks(plane[..., None], path))
        return {
            side: {name: np.stack([each[name][..., 0] for each in masks]) for name in self._labels.targets}
            for side, masks in slices.items()
        }


def _list(folder: Path) -> dict[str, list[Path]]:
    """Stem to the files that have it; usually one."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; give one with PNG or NIfTI masks")
    files: dict[str, list[Path]] = {}
    for path, stem in _masks_in(folder):
        files.setdefault(stem, []).append(path)
    if not files:
        raise DataError(f"{folder}: no PNG and no NIfTI in it; give the folder that holds the masks themselves")
    return files


def _masks_in(folder: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(folder.iterdir()):
        for suffix in _SUFFIXES:
            # Hidden files are what macOS leaves on other systems' disks.
            if path.name.lower().endswith(suffix) and path.name[0] != "." and path.is_file():
                yield path, path.name[: -len(suffix)]
                break


def _kind(path: Path) -> str:
    return next(kind for suffix, kind in _SUFFIXES.items() if path.name.lower().endswith(suffix))


def _canonical(frame: Frame) -> Frame:
    """The frame of the slices."""
    affine = frame.slices_affine
    first, second, third = np.abs(np.linalg.inv(frame.affine) @ affine)[:3, :3].argmax(axis=0)
    return Frame(shape=(frame.shape[first], frame.shape[second], frame.shape[third]), affine=affine)


def _check_shapes(paths: Sequence[Path], shapes: Sequence[tuple[int, ...]]) -> None:
    if shapes[0] != shapes[1]:
        sizes = " against ".join("x".join(map(str, shape)) for shape in shapes)
        raise DataError(f"{paths[0]}: shape differs from that of {paths[1]}, {sizes}; bring both to one grid")
