"""CT series: the slices of one stack, in the order of their positions."""

import collections
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.labels import as_finding
from pipelines.files.sizes import MOST_VOXELS, check_claim
from pipelines.findings import Findings, Strict
from pipelines.frame import LPS_TO_RAS, Frame, affine_of_slices
from pipelines.layouts.dicom.slices import Slice, parse_slice, read_header, read_pixels

_UNEVEN = 0.1  # of a step, by which a distance may differ: positions rounded to 0.1 mm pass, a missing slice never does
_ALIKE = 1e-4  # mm or cosine by which spacing and orientation may differ within a series


@dataclasses.dataclass(frozen=True, kw_only=True)
class Series:
    """A stack of slices in the order of their positions.

    Attributes:
        slices: along their normal.
        frame: of the array (column, row, slice).
        slack: fraction of a voxel, the most that a slice lies off the even grid.
        tilt: degrees between the stack's direction and the slices' normal, as a tilted gantry leaves it.
    """

    slices: tuple[Slice, ...]
    frame: Frame
    slack: float
    tilt: float

    @property
    def patient(self) -> str:
        """PatientID, or empty."""
        return self.slices[0].patient


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
    folder = Path(files[0]).parent
    findings = Strict(folder)
    slices = []
    for path in map(Path, files):
        header = read_header(path, findings)
        one = header and parse_slice(path, header, findings)
        if one:
            slices.append(one)
    series = choose_series(folder, slices, findings)
    assert series is not None  # or the first error was raised
    return read_volume(series, findings), series.frame


def read_volume(series: Series, findings: Findings) -> np.ndarray:
    """Reads the pixels of a series: `(column, row, slice)` int16 HU; 0 in slices with an error."""
    volume = np.zeros(series.frame.shape[::-1], np.int16)
    for plane, one in zip(volume, series.slices, strict=True):
        if (hu := read_pixels(one, findings)) is not None:
            plane[:] = hu
    return volume.T


def choose_series(folder: Path, slices: Sequence[Slice], findings: Findings) -> Series | None:
    """Picks the one CT among localizers and sorts its slices by position.

    Args:
        folder: of the case.
        slices: of any series, one or more.
        findings: takes a second series, gaps and whatever else keeps the slices from being one even stack as errors,
            and localizers as notes.

    Returns:
        The series, or None after an error.
    """
    groups: dict[str, list[Slice]] = {}
    scans = {one.series for one in slices if not one.localizer}
    for one in slices:  # some scanners put the localizer into the series that was planned on it
        uid = f"{one.series} (localizer)" if one.localizer and one.series in scans else one.series
        groups.setdefault(uid, []).append(one)
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
        shown = " and ".join(f"{uid} ({groups[uid][0].path.name})" for uid in uids)
        findings.error("several-series", folder, f"several series, {shown}; give each a folder of its own")
        for uid in stacks:  # each may have errors of its own
            sort_slices(groups[uid], findings)
        return None
    for uid, group in groups.items():
        if uid != stacks[0]:
            findings.note("skipped", folder, f"series {uid} ({len(group)} localizer slices) was skipped")
    series = sort_slices(groups[stacks[0]], findings)
    if series and series.tilt > 0.5:
        findings.note("tilted", folder, f"tilted gantry, slices stand {series.tilt:.1f} degrees off their stack")
    return series


def _turned(one: Slice, other: Slice | None) -> bool:
    return other is None or not np.allclose(one.orientation, other.orientation, rtol=0, atol=0.1)


def sort_slices(slices: Sequence[Slice], findings: Findings) -> Series | None:
    """Sorts the slices of one series by position; None after an error, such as a slice that is missing."""
    usual = _usual(slices)
    sound = not [one for one in slices if not _is_alike(one, usual, findings)]
    ordered = sorted(slices, key=lambda one: float(one.position @ usual.normal))
    positions = np.array([one.position for one in ordered])
    if len(ordered) > 1:
        sound &= _check_steps(ordered, np.diff(positions @ usual.normal), findings)
        step = (positions[-1] - positions[0]) / (len(ordered) - 1)
    else:
        step = usual.normal * usual.thickness
        if not usual.thickness:
            findings.error("slice-alone", usual.path, "alone in its series, without SliceThickness; add other slices")
            return None
    if sound:
        sound = False
        with as_finding(usual.path.parent, findings):
            check_claim((*usual.shape, len(ordered)), 1, MOST_VOXELS)
            sound = True
    if not sound:
        return None
    off = positions - positions[0] - np.arange(len(ordered))[:, None] * step
    farthest = np.linalg.norm(off, axis=1)
    if farthest.max() > _UNEVEN / 2 * np.linalg.norm(step):
        path = ordered[int(farthest.argmax())].path
        findings.error(
            "geometry-mismatch",
            path,
            f"lies {farthest.max():.3g} mm off the line of its series; export the series again",
        )
        return None
    rows, columns = usual.shape
    frame = Frame(
        shape=(columns, rows, len(ordered)),
        affine=affine_of_slices(positions[0], usual.orientation, usual.spacing, step),
    )
    cosine = step @ usual.normal / np.linalg.norm(step) / np.linalg.norm(usual.normal)
    tilt = float(np.degrees(np.arccos(min(1.0, cosine))))
    voxels = np.linalg.inv(frame.affine[:3, :3]) @ LPS_TO_RAS[:3, :3] @ off.T
    return Series(slices=tuple(ordered), frame=frame, slack=float(np.linalg.norm(voxels, axis=0).max()), tilt=tilt)


def _usual(slices: Sequence[Slice]) -> Slice:
    """A slice like most, so that the odd one is named and not all others."""

    def kind(one: Slice) -> tuple[object, ...]:
        return one.shape, one.patient, *np.round([*one.spacing, *one.orientation], 3).tolist()

    most = collections.Counter(map(kind, slices)).most_common(1)[0][0]
    return next(one for one in slices if kind(one) == most)


def _is_alike(one: Slice, usual: Slice, findings: Findings) -> bool:
    """Whether a slice belongs to the others of its series, which is an error if not."""
    alike = {
        "other rows and columns": ("size-mismatch", one.shape == usual.shape),
        "another PixelSpacing": ("geometry-mismatch", np.allclose(one.spacing, usual.spacing, rtol=0, atol=_ALIKE)),
        "another ImageOrientationPatient": (
            "geometry-mismatch",
            np.allclose(one.orientation, usual.orientation, rtol=0, atol=_ALIKE),
        ),
        "another PatientID": ("patient-mixed", one.patient == usual.patient),
    }
    for what, (code, is_alike) in alike.items():
        if not is_alike:
            findings.error(
                code, one.path, f"{what} than {usual.path.name}, of the same series; give each a folder of its own"
            )
    return all(is_alike for _, is_alike in alike.values())


def _fix(steps: float) -> str:
    """What to do about a distance of some usual steps."""
    if steps < 1:
        return "separate the series, or resample it to even steps"
    if abs(steps - round(steps)) > _UNEVEN:
        return "add the slices that are missing between them, or resample the series to even steps"
    return "add the slices that are missing between them"


def _check_steps(ordered: Sequence[Slice], steps: np.ndarray, findings: Findings) -> bool:
    """Whether neighbors stand equally far apart; each gap, and each place that is taken twice, is an error."""
    apart = np.sort(steps[steps >= 1e-3])
    # The lower middle, so that of two steps the shorter is the rule and the longer the gap.
    usual = float(apart[(len(apart) - 1) // 2]) if len(apart) else 0.0
    sound = True
    for one, other, step in zip(ordered[:-1], ordered[1:], steps, strict=True):
        if step < 1e-3:
            message = f"lies in the same place as {one.path.name}; keep one of them, or separate the two scans"
            findings.error("position-twice", other.path, message)
            sound = False
        elif abs(step - usual) > _UNEVEN * usual:
            findings.error(
                "slice-gap",
                one.path,
                f"the next slice, {other.path.name}, lies {step:.6g} mm on, others {usual:.6g} mm; "
                f"{_fix(step / usual)}",
            )
            sound = False
    return sound
