"""One CT series: headers, order along its normal, Hounsfield units."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom import FileDataset, dcmread

from pipelines.errors import DataError
from pipelines.geometry import Frame
from pipelines.layouts.dicom.masks import affine_of_slices

_TAGS = (
    "Modality",
    "SeriesInstanceUID",
    "PatientID",
    "ImageType",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SliceThickness",
    "RescaleIntercept",
    "RescaleSlope",
)
_NEEDED = ("SeriesInstanceUID", *_TAGS[5:10], "RescaleIntercept", "RescaleSlope")
_UNEVEN = 0.05  # steps: positions rounded to 0.1 mm pass, a missing slice never does
_ALIKE = 1e-4  # mm or cosine by which spacing and orientation may differ within a series


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice:
    """Header of one CT slice.

    Attributes:
        path: the file.
        series: SeriesInstanceUID.
        patient: PatientID, or empty.
        localizer: whether it calls itself one (a scout, a topogram).
        shape: rows and columns.
        spacing: `(2,)` float64, mm between rows and between columns.
        position: `(3,)` float64, mm LPS+, centre of the first pixel.
        orientation: `(6,)` float64, directions of increasing column and row.
        thickness: mm, 0 where unknown.
    """

    path: Path
    series: str
    patient: str
    localizer: bool
    shape: tuple[int, int]
    spacing: np.ndarray
    position: np.ndarray
    orientation: np.ndarray
    thickness: float

    @property
    def normal(self) -> np.ndarray:
        """`(3,)` float64, at right angles to the slice."""
        return np.cross(self.orientation[:3], self.orientation[3:])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """A stack of slices in the order of their positions.

    Attributes:
        paths: the files, along the slices' normal.
        patient: PatientID, or empty.
        frame: of the array (column, row, slice).
        slack: mm, the most that a slice lies off the even grid.
        tilt: degrees between the stack's direction and the slices' normal, as a tilted gantry leaves it.
    """

    paths: tuple[Path, ...]
    patient: str
    frame: Frame
    slack: float
    tilt: float


def read_series(files: Sequence[str | Path]) -> tuple[np.ndarray, Frame]:
    """Reads the slices of one CT series.

    Args:
        files: in any order.

    Returns:
        `(columns, rows, slices)` int16 HU, slices along the cross product of ImageOrientationPatient's two directions,
        and where the array lies.

    Raises:
        DataError: as for `Dicom`, or there are no files.
    """
    if not files:
        raise DataError("no DICOM files to read; give those of one series")
    series, _ = choose_series([parse_slice(Path(path), read_header(Path(path))) for path in files])
    return read_pixels(series), series.frame


def read_header(path: Path) -> FileDataset:
    """The tags of a file that are needed here; a DataError for one that cannot be read."""
    try:
        return dcmread(path, stop_before_pixels=True, specific_tags=list(_TAGS))
    except Exception as error:  # besides errors of its own, pydicom lets those of broken bytes through
        raise _unreadable(path, error) from None


def parse_slice(path: Path, header: FileDataset) -> Slice:
    """Takes from a header what is needed, or says what bars the file."""
    try:
        modality = str(header.get("Modality") or "unknown")
        frames = int(header.get("NumberOfFrames") or 1)
        missing = [tag for tag in _NEEDED if header.get(tag) in (None, "")]
        if modality != "CT":
            raise DataError(f"{path}: modality {modality}, not CT; move it elsewhere")
        if frames > 1:
            raise DataError(f"{path}: has {frames} frames; convert it to one file a slice")
        if missing:
            raise DataError(f"{path}: has no {missing[0]}; export the series again, with it")
        orientation = np.array(header.ImageOrientationPatient, float).reshape(6)
        spacing = np.array(header.PixelSpacing, float).reshape(2)
        across = orientation.reshape(2, 3)
        if not ((spacing > 0).all() and np.allclose(across @ across.T, np.eye(2), atol=1e-3)):
            raise DataError(f"{path}: PixelSpacing or ImageOrientationPatient is no plane's; export the series again")
        return Slice(
            path=path,
            series=str(header.SeriesInstanceUID),
            patient=str(header.get("PatientID") or "").strip(),
            localizer="LOCALIZER" in (header.get("ImageType") or ()),
            shape=(int(header.Rows), int(header.Columns)),
            spacing=spacing,
            position=np.array(header.ImagePositionPatient, float).reshape(3),
            orientation=orientation,
            thickness=float(header.get("SliceThickness") or 0.0),
        )
    except DataError:
        raise
    except Exception as error:  # values are parsed only now
        raise _unreadable(path, error) from None


def choose_series(slices: Sequence[Slice]) -> tuple[Series, list[str]]:
    """Picks the one CT among localizers and puts it in order; returns notes on what was left aside."""
    groups: dict[str, list[Slice]] = {}
    for one in slices:
        groups.setdefault(one.series, []).append(one)
    stacks = [uid for uid, group in groups.items() if len(group) > 1 and not any(one.localizer for one in group)]
    if len(groups) == 1:
        stacks = list(groups)
    main = groups[stacks[0]][0] if stacks else None
    strangers = [
        uid
        for uid, group in groups.items()
        if uid not in stacks[:1] and not all(one.localizer or (len(group) == 1 and _turned(one, main)) for one in group)
    ]
    if strangers or not stacks:
        uids = list(dict.fromkeys([*stacks[:1], *strangers, *groups]))[:2]
        paths = [groups[uid][0].path for uid in uids]
        raise DataError(
            f"{paths[0].parent}: several series, {uids[0]} ({paths[0].name}) and {uids[1]} ({paths[1].name}); "
            "give each a folder of its own"
        )
    notes = [
        f"{group[0].path.parent}: series {uid} ({len(group)} localizer slices) was left aside"
        for uid, group in groups.items()
        if uid != stacks[0]
    ]
    return _order(groups[stacks[0]]), notes


def _turned(one: Slice, other: Slice | None) -> bool:
    return other is None or not np.allclose(one.orientation, other.orientation, rtol=0, atol=0.1)


def _order(slices: Sequence[Slice]) -> Series:
    """Sorts the slices of one series by position and refuses what is no even stack."""
    first = slices[0]
    for one in slices[1:]:
        same = {
            "other rows and columns": one.shape == first.shape,
            "another PixelSpacing": np.allclose(one.spacing, first.spacing, rtol=0, atol=_ALIKE),
            "another ImageOrientationPatient": np.allclose(one.orientation, first.orientation, rtol=0, atol=_ALIKE),
            "another PatientID": one.patient == first.patient,
        }
        if differing := [name for name, is_same in same.items() if not is_same]:
            raise DataError(f"{one.path}: {differing[0]} than {first.path.name}, of the same series; part the two")
    slices = sorted(slices, key=lambda one: float(one.position @ first.normal))
    positions = np.array([one.position for one in slices])
    step = first.normal * first.thickness
    if len(slices) > 1:
        _check_even(slices, np.diff(positions @ first.normal))
        step = (positions[-1] - positions[0]) / (len(slices) - 1)
    elif not first.thickness:
        raise DataError(f"{first.path}: alone in its series and without SliceThickness; add the other slices")
    off = np.linalg.norm(positions - positions[0] - np.arange(len(slices))[:, None] * step, axis=1)
    if off.max() > _UNEVEN * np.linalg.norm(step):
        path = slices[int(off.argmax())].path
        raise DataError(f"{path}: lies {off.max():.3g} mm off the line of its series; export the series again")
    frame = Frame(
        shape=(*first.shape[::-1], len(slices)),
        affine=affine_of_slices(positions[0], first.orientation, first.spacing, step),
    )
    cosine = step @ first.normal / np.linalg.norm(step) / np.linalg.norm(first.normal)
    tilt = float(np.degrees(np.arccos(min(1.0, cosine))))
    paths = tuple(one.path for one in slices)
    return Series(paths=paths, patient=first.patient, frame=frame, slack=float(off.max()), tilt=tilt)


def _check_even(slices: Sequence[Slice], steps: np.ndarray) -> None:
    # The lower middle, so that of two steps the shorter is the rule and the longer the gap.
    usual = float(np.sort(steps)[(len(steps) - 1) // 2])
    least = int(steps.argmin())
    if steps[least] < 1e-3:
        path, other = slices[least].path, slices[least + 1].path
        raise DataError(f"{path}: lies in the same place as {other.name}; keep one of them, or part the two scans")
    worst = int(np.abs(steps - usual).argmax())
    if abs(steps[worst] - usual) > 2 * _UNEVEN * usual:
        path, other = slices[worst].path, slices[worst + 1].path
        raise DataError(
            f"{path}: the next slice, {other.name}, lies {steps[worst]:.6g} mm on, others {usual:.6g} mm; "
            "add the slices that are missing between them"
        )


def read_pixels(series: Series) -> np.ndarray:
    """`(column, row, slice)` int16 HU."""
    columns, rows, count = series.frame.shape
    volume = np.empty((count, rows, columns), np.int16)
    for plane, path in zip(volume, series.paths, strict=True):
        try:
            dataset = dcmread(path)
            hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
        except Exception as error:  # every decoder has errors of its own
            raise _unreadable(path, error) from None
        if hu.shape != plane.shape:
            raise DataError(f"{path}: its pixels are no grey picture of {rows}x{columns}; export the series again")
        if hu.min() < -32768 or hu.max() > 32767:
            raise DataError(f"{path}: {hu.min():g} to {hu.max():g} is beyond Hounsfield units; mend its RescaleSlope")
        plane[:] = np.rint(hu)
    return volume.T


def _unreadable(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: cannot be read ({' '.join(str(error).split())[:200]}); copy it again")
