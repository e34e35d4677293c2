"""Pairs of masks in two folders, from any tool, by the names of their files."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.case import mostly
from pipelines.documents import parse_json
from pipelines.errors import DataError
from pipelines.files.labels import MaskError
from pipelines.files.png import read_labels
from pipelines.findings import Strict, listed
from pipelines.masks.labels import MaskLabels
from pipelines.masks.listing import SIDES, kind_of, list_pairs
from pipelines.masks.volumes import Segments, as_slices, common_frame, onto, read_volume
from pipelines.natural import are_consecutive, natural_sort_key
from pipelines.patients import find_patients
from pipelines.placement import FITS

ERROR, MISS = MISSING = ("error", "miss")
PREDICT_FILE = "predict.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remarks:
    """What is worth saying about the files of a pair.

    Attributes:
        unnamed: labels that belong to no target, and so count as background.
        absent: side and target that no segment is named after, and whose mask so is empty.
        beside: the fraction of a voxel by which prediction and reference lie beside each other, if it is doubtful.
    """

    unnamed: frozenset[int]
    absent: frozenset[tuple[str, str]]
    beside: float


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
        remarks: about its files.
    """

    case: str
    patient: str
    prediction: dict[str, np.ndarray]
    reference: dict[str, np.ndarray]
    slice_names: tuple[str, ...]
    spacing: tuple[float, float, float] | None
    contiguous: bool
    remarks: Remarks


class MaskFolders:
    """Reads pairs of PNG slices, or of volumes (NIfTI, NRRD, MetaImage, DICOM SEG) in any combination.

    A volume is a case; so are the PNG slices of a patient, in natural order. Slices are a volume if their names end in
    consecutive numbers; if those of more than half of the cases do not, all cases are loose slices.

    Args:
        prediction: folder of the masks to score.
        reference: folder of the masks to score against.
        labels: meaning of the labels.
        patient_pattern: regular expression searched for in each name; its first group is the patient. None to guess the
            patients of slices, see `find_patients`, and to count every volume as a patient.
        spacing: millimetres along (slice, row, column) of PNG slices; None where unknown. Volumes have their own.
        match: regular expression searched for in each file's name without its suffix; its first group is the name that
            prediction and reference share. None for names that are equal.
        pairs: CSV of the names of each prediction and its reference, instead.
        missing: what a reference without a prediction is: `"error"`, or `"miss"`, an empty prediction.

    Raises:
        DataError: a folder or its masks are missing, or an argument does not apply to them.

    Attributes:
        cases: names of the cases, in natural order.
        kind: kinds of the files, such as `"PNG"` or `"NIfTI and NRRD"`.
        patients_by: how patients were found, one of `pipelines.case.FOUND_BY`.
        notes: lines about files that were passed over, and predictions that are missing.
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
        match: str | None = None,
        pairs: str | Path | None = None,
        missing: str = ERROR,
    ) -> None:
        self._labels, self._spacing, self._missing = labels, spacing, missing
        self._folders = (Path(prediction), Path(reference))
        self._segments = {side: _segments_by(folder) for side, folder in zip(SIDES, self._folders, strict=True)}
        found = list_pairs(self._folders, match=match, table=None if pairs is None else Path(pairs))
        stems = sorted(found.files, key=natural_sort_key)
        wrong = {stem: problem for stem in stems if (problem := self._problem(found.files[stem]))}
        self._files: dict[str, tuple[Path | None, Path]] = {
            stem: (files[0][0] if files[0] else None, files[1][0])
            for stem, files in found.files.items()
            if stem not in wrong
        }
        self.notes = found.note
        if missed := [stem for stem in stems if stem in self._files and self._files[stem][0] is None]:
            self.notes.append(f"missing predictions that count as empty: {len(missed)} ({listed(missed)})")
        kinds = {kind_of(path): path for files in self._files.values() for path in files if path is not None}
        if "PNG" in kinds and len(kinds) > 1:
            other = next(kind for kind in kinds if kind != "PNG")
            raise DataError(f"{kinds['PNG']} is PNG, {kinds[other]} {other}; score each kind alone")
        self.kind = " and ".join(sorted(kinds)) or "PNG"
        if self.kind != "PNG" and self._labels.colors:
            raise DataError(f"`labels`: {self.kind} files have no colors; give numbers, such as lesion=2")
        if self.kind != "PNG" and spacing is not None:
            raise DataError(f"`spacing`: {self.kind} files have their own; leave it out")
        if self.kind == "PNG" or patient_pattern is not None:
            by_name = find_patients(stems, patient_pattern)
            patients, self.patients_by = by_name.of, by_name.found_by
        else:  # of volumes, the name before the last number is no patient's but the set's
            patients, self.patients_by = {stem: stem for stem in stems}, "each case"
        self._slices: dict[str, list[str]] = {}
        self._patients: dict[str, str] = {}
        for stem in stems:
            name = patients[stem] if self.kind == "PNG" else stem
            self._slices.setdefault(name, []).append(stem)
            self._patients[name] = patients[stem]
        self.cases = tuple(self._slices)
        self.problems = {name: wrong[stem] for name in self.cases for stem in self._slices[name][::-1] if stem in wrong}
        several = {name: are_consecutive(group) for name, group in self._slices.items() if len(group) > 1}
        volumes = self.kind != "PNG" or (bool(several) and mostly(list(several.values())))
        self._contiguous = {name: volumes and several.get(name, True) for name in self._slices}

    def pair(self, name: str) -> MaskPair:
        """Reads a case.

        Raises:
            DataError: a file is missing, duplicate, damaged or not a mask, or prediction and reference are on different
                grids.
        """
        if name in self.problems:
            raise DataError(self.problems[name])
        files = [self._files[stem] for stem in self._slices[name]]
        spacing, slice_names = self._spacing, tuple(self._slices[name])
        if self.kind == "PNG":
            masks, remarks = self._read_slices(files)
        else:
            masks, spacing, remarks = self._read_volumes(files[0])
            count = len(next(iter(masks["reference"].values())))
            slice_names = tuple(f"{name}_{k:03d}" for k in range(count))
        return MaskPair(
            case=name,
            patient=self._patients[name],
            prediction=masks["prediction"],
            reference=masks["reference"],
            slice_names=slice_names,
            spacing=spacing,
            contiguous=self._contiguous[name],
            remarks=remarks,
        )

    def _problem(self, sides: tuple[list[Path], list[Path]]) -> str | None:
        for files in sides:
            if len(files) > 1:
                return f"{files[1]}: {files[0].name} has the same name; keep one of them"
        for at, other in ((0, 1), (1, 0)):
            if not sides[at] and not (at == 0 and self._missing == MISS):
                path = sides[other][0]
                return f"{path}: no {SIDES[at]} of this name in {self._folders[at]}; add it or remove this file"
        pair = [files[0] for files in sides if files]
        kinds = [kind_of(path) for path in pair]
        if "PNG" in kinds and len(set(kinds)) > 1:
            return f"{pair[0]}: {kinds[0]}, but {pair[1]} is {kinds[1]}; save both as slices or both as volumes"
        return None

    def _read_volumes(
        self, paths: tuple[Path | None, Path]
    ) -> tuple[dict[str, dict[str, np.ndarray]], tuple[float, float, float], Remarks]:
        """Both sides of a volume, in canonical orientation, their spacing and remarks."""
        volumes = []
        for path in paths:
            if path is not None:
                try:
                    volumes.append(read_volume(path, kind_of(path)))
                except MaskError as error:
                    raise DataError(f"{path}: {error}") from None
        frame = common_frame(volumes)
        shape = tuple(frame.to_slices(np.broadcast_to(np.False_, frame.shape)).shape)
        masks = {side: {name: np.zeros(shape, bool) for name in self._labels.targets} for side in SIDES}
        unnamed: set[int] = set()
        absent: set[tuple[str, str]] = set()
        farthest = 0.0
        for side, volume in zip(SIDES[-len(volumes) :], volumes, strict=True):
            other = volumes[0 if side == SIDES[1] else -1].path
            placement = onto(volume, frame, other)
            if placement is None:
                continue
            farthest = max(farthest, placement.beside)
            segments = volume.segments or self._segments[side]
            found, unknown, missing = self._labels.masks(volume.layers, volume.path, segments)
            unnamed |= unknown
            absent |= {(side, name) for name in missing}
            for name in list(found):
                masks[side][name] = as_slices(found.pop(name), placement, frame)
        beside = farthest if farthest >= FITS else 0.0
        return masks, frame.spacing, Remarks(unnamed=frozenset(unnamed), absent=frozenset(absent), beside=beside)

    def _read_slices(self, files: list[tuple[Path | None, Path]]) -> tuple[dict[str, dict[str, np.ndarray]], Remarks]:
        """Both sides of a case of PNG slices."""
        slices: dict[str, list[dict[str, np.ndarray]]] = {side: [] for side in SIDES}
        unnamed: set[int] = set()
        first = None
        for paths in files:
            planes = {path: _read_plane(path, self._labels.colors) for path in paths if path is not None}
            reference = planes[paths[1]]
            first = first or reference.shape
            _check_shapes([paths[1], files[0][1]], [reference.shape, first])
            for side, path in zip(SIDES, paths, strict=True):
                if path is None:
                    slices[side].append({name: np.zeros(first, bool) for name in self._labels.targets})
                    continue
                _check_shapes([path, paths[1]], [planes[path].shape, first])
                found, unknown, _ = self._labels.masks([planes[path][..., None]], path)
                slices[side].append({name: mask[..., 0] for name, mask in found.items()})
                unnamed |= unknown
        masks = {
            side: {name: np.stack([each[name] for each in parts]) for name in self._labels.targets}
            for side, parts in slices.items()
        }
        return masks, Remarks(unnamed=frozenset(unnamed), absent=frozenset(), beside=0.0)


def _segments_by(folder: Path) -> Segments:
    """What `cafct-keras predict` wrote beside its masks about their labels; nothing for masks of other tools."""
    try:
        labels = parse_json((folder / PREDICT_FILE).read_bytes())["labels"]
        return {(0, int(label)): str(name) for name, label in labels.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}


def _read_plane(path: Path, colors: Mapping[int, int]) -> np.ndarray:
    plane = read_labels(path, Strict(path.parent), colors)
    assert plane is not None  # or an error was raised
    return plane


def _check_shapes(paths: Sequence[Path], shapes: Sequence[tuple[int, ...]]) -> None:
    if shapes[0] != shapes[1]:
        sizes = " against ".join("x".join(map(str, shape)) for shape in shapes)
        raise DataError(f"{paths[0]}: shape differs from that of {paths[1]}, {sizes}; bring both to one grid")
