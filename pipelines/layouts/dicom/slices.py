"""Single DICOM CT slices: header and Hounsfield units."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import FileDataset, dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from pipelines.files.dicom_sizes import check_deflated, check_pixels
from pipelines.files.labels import MaskError
from pipelines.files.sizes import check_claim, held_by
from pipelines.findings import Findings

_TAGS = (
    "SOPClassUID",
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
    "InstanceNumber",
    "RescaleIntercept",
    "RescaleSlope",
    "SOPInstanceUID",
    "FrameOfReferenceUID",
)
_NEEDED = ("SeriesInstanceUID", *_TAGS[6:11], "RescaleIntercept", "RescaleSlope")
_CT_IMAGES = tuple(f"1.2.840.10008.5.1.4.1.1.2{kind}" for kind in ("", ".1", ".2"))
_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kinds, whose numbers go on


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slice:
    """Header of one CT slice.

    Attributes:
        path: the file.
        instance: SOPInstanceUID, or empty.
        series: SeriesInstanceUID.
        frame_of_reference: FrameOfReferenceUID, or empty.
        patient: PatientID, or empty.
        localizer: whether it calls itself one (a scout, a topogram).
        shape: rows and columns.
        spacing: `(2,)` float64, mm between rows and between columns.
        position: `(3,)` float64, mm LPS+, center of the first pixel.
        orientation: `(6,)` float64, directions of increasing column and row.
        thickness: mm, 0 where unknown.
        number: InstanceNumber, None where unknown.
    """

    path: Path
    instance: str
    series: str
    frame_of_reference: str
    patient: str
    localizer: bool
    shape: tuple[int, int]
    spacing: np.ndarray
    position: np.ndarray
    orientation: np.ndarray
    thickness: float
    number: int | None

    @property
    def normal(self) -> np.ndarray:
        """`(3,)` float64, at right angles to the slice."""
        return np.cross(self.orientation[:3], self.orientation[3:])


def read_dataset(path: Path, **options: Any) -> FileDataset:
    """Reads a file, also one without the preamble and file meta information, which some tools leave out.

    Args:
        path: the file.
        **options: of `pydicom.dcmread`.

    Raises:
        MaskError: it unpacks to far more than a slice.
    """
    check_deflated(path)
    dataset = dcmread(path, force=True, **options)
    if "TransferSyntaxUID" not in dataset.file_meta:
        implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    return dataset


def read_header(path: Path, findings: Findings) -> FileDataset | None:
    """Reads the tags that are needed here; None after an error."""
    findings.count("files")
    try:
        header = read_dataset(path, stop_before_pixels=True, specific_tags=list(_TAGS))
        header.get("Modality")  # values are parsed when they are asked for
    except Exception as error:  # besides errors of its own, pydicom lets those of broken bytes through
        findings.error("unreadable", path, _unreadable(error))
        return None
    return header


def other_content(header: FileDataset) -> str | None:
    """What a file holds, in the plural, that certainly is no slice of a scan: `"RTSTRUCT objects"`; else None."""
    modality = str(header.get("Modality") or "")
    sop_class = str(header.get("SOPClassUID") or "")
    if "Rows" not in header:  # an image without them was cut short
        if modality not in ("CT", ""):
            return f"{modality} objects"
        if header.get("SeriesInstanceUID") and sop_class and sop_class not in _CT_IMAGES:
            return "objects that are no images"
    if sop_class.startswith(_SECONDARY_CAPTURE) and not header.get("ImagePositionPatient"):
        return "secondary captures"  # dose reports and other screens
    return None


def parse_slice(path: Path, header: FileDataset, findings: Findings) -> Slice | None:
    """Takes from a header what is needed; None after an error, such as one of another modality."""
    try:
        problem = _problem(header)
        if problem is None:
            # A byte of each pixel at least; how many there are is counted when they are read.
            check_claim((int(header.Columns), int(header.Rows)), 1, held_by(path), compressed=True)
            return Slice(
                path=path,
                instance=str(header.get("SOPInstanceUID") or ""),
                series=str(header.SeriesInstanceUID),
                frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
                patient=str(header.get("PatientID") or "").strip(),
                localizer="LOCALIZER" in (header.get("ImageType") or ()),
                shape=(int(header.Rows), int(header.Columns)),
                spacing=np.array(header.PixelSpacing, float).reshape(2),
                position=np.array(header.ImagePositionPatient, float).reshape(3),
                orientation=np.array(header.ImageOrientationPatient, float).reshape(6),
                thickness=float(header.get("SliceThickness") or 0.0),
                number=_number(header),
            )
    except Exception as error:  # values are parsed only now, and pydicom lets any error through
        problem = "unreadable", _unreadable(error)
    findings.error(problem[0], path, problem[1])
    return None


def read_pixels(one: Slice, findings: Findings) -> np.ndarray | None:
    """Reads a slice: `(rows, columns)` int16 HU; None after an error."""
    path = one.path
    try:
        dataset = read_dataset(path)
        check_pixels(dataset)
        hu = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    except Exception as error:  # every decoder has errors of its own
        findings.error("truncated", path, _unreadable(error))
        return None
    if hu.shape != one.shape:
        sizes = "{}x{}".format(*one.shape)
        findings.error("size-mismatch", path, f"its pixels are not a grey image of {sizes}; export the series again")
        return None
    low, high = float(hu.min()), float(hu.max())
    if not (low >= -32768 and high <= 32767):
        findings.error("hu-range", path, f"{low:g} to {high:g} is beyond Hounsfield units; fix its RescaleSlope")
        return None
    return np.rint(hu).astype(np.int16)


def _problem(header: FileDataset) -> tuple[str, str] | None:
    """Code and message of what keeps a header from being that of a CT slice."""
    modality = str(header.get("Modality") or "unknown")
    if modality != "CT":
        code = "header" if modality == "unknown" else "not-ct"
        return code, f"modality {modality}, not CT; move it elsewhere"
    frames = int(header.get("NumberOfFrames") or 1)
    if frames > 1:
        return "header", f"has {frames} frames; convert it to one file per slice"
    if missing := [tag for tag in _NEEDED if header.get(tag) in (None, "")]:
        return "header", f"has no {missing[0]}; export the series again, with it"
    spacing = np.array(header.PixelSpacing, float).reshape(2)
    across = np.array(header.ImageOrientationPatient, float).reshape(2, 3)
    if not ((spacing > 0).all() and np.allclose(across @ across.T, np.eye(2), atol=1e-3)):
        return (
            "header",
            "PixelSpacing or ImageOrientationPatient is not that of a plane; export the series again",
        )
    return None


def _number(header: FileDataset) -> int | None:
    try:
        return int(header.InstanceNumber)
    except (AttributeError, TypeError, ValueError):
        return None


def _unreadable(error: Exception) -> str:
    if isinstance(error, MaskError):
        return str(error)
    return f"cannot be read ({' '.join(str(error).split())[:200]}); copy it again"
