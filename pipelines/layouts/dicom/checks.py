"""Checks of folders of DICOM CT slices with masks beside them."""

import dataclasses
from pathlib import Path

import numpy as np
from pydicom.uid import MediaStorageDirectoryStorage

from pipelines.checks.content import Emptiness, check_hu, check_spacing
from pipelines.checks.duplicates import Duplicates
from pipelines.errors import DataError
from pipelines.findings import Findings
from pipelines.index import assign_parts, read_index
from pipelines.layouts.dicom.check_masks import check_masks
from pipelines.layouts.dicom.check_stack import check_pixels, check_stack
from pipelines.layouts.dicom.series import Series, Slice, choose_series, parse_slice, read_header

_SUFFIXES = (".dcm", ".dicom", ".ima")


@dataclasses.dataclass(kw_only=True)
class _Scan:
    """What is remembered of a case: a few bytes a slice, and whether it has lesions (None: as others have it)."""

    folder: Path
    patient: str
    digests: list[tuple[Path, bytes | None]]
    lesions: bool | None


def check(directory: Path, report: Findings) -> None:
    """Reads every slice and mask and reports what is wrong. Holds one case at a time."""
    below = [path for path in sorted(directory.iterdir()) if path.is_dir() and path.name[0] != "." and _sorted(path)[0]]
    own = _sorted(directory)[0]
    if own and below:
        report.error("folders-mixed", directory, f"slices of its own and in {below[0].name}/; part them into folders")
    duplicates, emptiness = Duplicates(report), Emptiness(report)
    scans = {
        folder.resolve().name: _check_case(folder, report, emptiness) for folder in ([directory] if own else []) + below
    }
    index = read_index(directory, {name: scan.patient for name, scan in scans.items()}, report)
    assign_parts(index, report, few=True)
    parts = index.parts
    report.count("cases", len(scans))
    for name, scan in scans.items():
        duplicates.add(name, scan.folder, scan.digests, part=parts.get(name))
        if scan.lesions is False and any(other.lesions for other in scans.values()):
            report.error("mask-missing", scan.folder, "no lesion mask, which others have; add it (all 0 if none)")
    emptiness.finish()


def _check_case(folder: Path, report: Findings, emptiness: Emptiness) -> _Scan:
    slices, segs = _read_headers(folder, report)
    if not slices:
        report.error("image-missing", folder, "no CT slices that can be read; copy them here")
    before = len(report.findings)
    check_stack(report, folder, slices)
    series = _series(report, folder, slices, known=len(report.findings) > before)
    pixels = [(one, check_pixels(report, one)) for one in slices if not one.localizer]
    read = [(one, known) for one, known in pixels if known]
    _check_order(report, folder, read)
    if read:
        check_hu(report, folder, min(known.low for _, known in read), max(known.high for _, known in read))
    lesions = check_masks(report, folder, segs, series, emptiness)
    patient = slices[0].patient if slices else ""
    return _Scan(
        folder=folder,
        patient=patient or folder.resolve().name,
        digests=[(one.path, known.digest) for one, known in read],
        lesions=lesions,
    )


def _series(report: Findings, folder: Path, slices: list[Slice], *, known: bool) -> Series | None:
    """The stack as the reader sees it; its refusal is told unless something of the kind has been."""
    if not slices:
        return None
    try:
        series, notes = choose_series(slices)
    except DataError as error:
        if not known:
            report.refused("series", folder, error)
        return None
    for note in notes:
        report.note("left-aside", folder, note.removeprefix(f"{folder}: "))
    if series.tilt > 0.5:
        report.note("tilted", folder, f"tilted gantry, slices stand {series.tilt:.1f} degrees off their stack")
    check_spacing(report, folder, series.frame.spacing)
    return series


def _check_order(report: Findings, folder: Path, read: list[tuple[Slice, object]]) -> None:
    if not read:
        return
    normal = read[0][0].normal
    order = sorted(read, key=lambda pair: float(pair[0].position @ normal))
    numbers = [known.number for _, known in order]
    if None in numbers or len(numbers) < 2:
        return
    steps = np.diff(numbers)
    if not ((steps > 0).all() or (steps < 0).all()):
        report.note("slice-order", folder, "InstanceNumber does not follow the positions; the reader sorts by position")


def _read_headers(folder: Path, report: Findings) -> tuple[list[Slice], list[Path]]:
    """The CT slices that can be used and the segmentations of a folder."""
    slices, segs = [], []
    files, strangers = _sorted(folder)
    for path in strangers:
        report.error(
            "not-dicom", path, "is no DICOM file that can be read, for all its name; copy it again or delete it"
        )
    for path in files:
        if path in strangers:
            continue
        report.count("files")
        try:
            header = read_header(path)
            modality = str(header.get("Modality") or "")
        except Exception as error:  # values are parsed when asked for, and pydicom raises what it likes
            report.refused("unreadable", path, DataError(error))
            continue
        if modality == "SEG":
            segs.append(path)
        elif modality in ("CT", "") or "Rows" in header:  # without either it was cut short
            try:
                slices.append(parse_slice(path, header))
            except DataError as error:
                report.refused("not-ct" if modality not in ("CT", "") else "header", path, error)
        else:
            report.note("left-aside", path, "shows no picture")
    report.count("slices", len(slices))
    return slices, segs


def _sorted(folder: Path) -> tuple[list[Path], list[Path]]:
    """The files of a folder that are or claim to be DICOM, and those of them that are not."""
    files, strangers = [], []
    for path in sorted(folder.iterdir()):
        if path.name[0] == "." or not path.is_file():
            continue
        try:
            with path.open("rb") as file:
                start = file.read(512)
        except OSError:  # told below if the file claims to be one
            start = b""
        marked = start[128:132] == b"DICM"
        claims = path.suffix.lower() in _SUFFIXES
        if (marked and MediaStorageDirectoryStorage.encode() not in start) or claims:
            files.append(path)
            strangers += [] if marked else [path]
    return files, strangers
