"""DICOM segmentations (SEG) that refer to the slices of a scan."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.atomic import atomic_write
from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.frame import LPS_TO_RAS
from pipelines.optional import optional
from pipelines.scans.scan import Scan
from pipelines.scans.writers.algorithm import Algorithm
from pipelines.scans.writers.planes import frame_of
from pipelines.targets import LIVER

with optional("writing DICOM SEG", extra="dicom"):
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.seg import SegmentAlgorithmTypeValues, SegmentDescription
    from pydicom import Dataset
    from pydicom.sr.codedict import codes

    from pipelines.files.dicom_seg_writer import binary_seg, describe_segment, slices_with_frames
    from pipelines.layouts.dicom.slices import read_dataset

_OFF = 0.1  # of a step, by which a slice may stand beside its place in the array
_NEEDED = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID")
_TAGS = (
    *_NEEDED,
    *("SeriesInstanceUID", "FrameOfReferenceUID", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
    *("SliceThickness", "SpacingBetweenSlices", "Rows", "Columns"),
    *(f"{kind}{part}" for kind in ("Content", "Acquisition", "Series", "Study") for part in ("Date", "Time")),
)
_HIGHEST = 10**6  # of a series' number that is kept
_LONG = 64  # characters of DICOM's LO


def write_labels(
    labels: np.ndarray, path: Path, *, scan: Scan, case: Case, labels_of: Mapping[str, int], algorithm: Algorithm
) -> list[Path]:
    """Writes one segment per target, of which the liver includes its lesions; see `write_mask`."""
    planes = frame_of(case).from_slices(labels).T  # slices, rows, columns as the files have them
    sources = _in_order(scan, case)
    first = slices_with_frames(planes)[0]
    sources[first] = read_dataset(Path(sources[first].filename), stop_before_pixels=True)  # with patient and study
    content = hashlib.sha256()
    for plane in planes:
        content.update(plane.tobytes())
    parameters = [f"{key}={value}" for key, value in algorithm.parameters.items()]
    dataset = binary_seg(
        sources,
        planes,
        [
            (_segment(number, target, algorithm), list(labels_of.values()) if target == LIVER else [label])
            for number, (target, label) in enumerate(labels_of.items(), start=1)
        ],
        identity=[
            sources[first].SeriesInstanceUID,
            *labels_of,
            content.hexdigest(),
            algorithm.name,
            algorithm.version,
            *parameters,
        ],
        maker="cafct-keras",
        version=algorithm.version,
        series_number=_series_number(sources[first]),
        series_description=f"{' and '.join(labels_of)} by {algorithm.name}"[:_LONG],
        content_label="SEGMENTATION",
        content_description=f"{' and '.join(labels_of)}"[:_LONG],
    )
    file = path.with_name(f"{path.name}.dcm")
    with atomic_write(file) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)
    return [file]


def _segment(number: int, target: str, algorithm: Algorithm) -> SegmentDescription:
    return describe_segment(
        number,
        target,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=AlgorithmIdentificationSequence(
            name=algorithm.name[:_LONG],
            family=codes.DCM.ArtificialIntelligence,
            version=algorithm.version,
            parameters=dict(algorithm.parameters) or None,
        ),
    )


def _in_order(scan: Scan, case: Case) -> list[Dataset]:
    """The headers of the slices, each where its position puts it in the array."""
    frame = frame_of(case)
    to_index = np.linalg.inv(LPS_TO_RAS @ frame.affine)
    headers: dict[int, Any] = {}
    for file in scan.files:
        header: Any = read_dataset(file, stop_before_pixels=True, specific_tags=list(_TAGS))
        place = float((to_index @ [*header.ImagePositionPatient, 1.0])[2])
        if abs(place - round(place)) > _OFF or round(place) in headers or not 0 <= round(place) < frame.shape[2]:
            raise DataError(f"{file}: not a slice of this scan; choose another `format`, such as nifti")
        headers[round(place)] = header
        if missing := [name for name in _NEEDED if not header.get(name)]:
            raise DataError(f"{file}: has no {missing[0]} to refer to; choose another `format`, such as nifti")
    return [headers[k] for k in sorted(headers)]


def _series_number(source: Any) -> int:
    """After the series, as scanners number what they derive from one."""
    try:
        return int(source.SeriesNumber) * 100 + 1 if 0 < int(source.SeriesNumber) < _HIGHEST else 1
    except (AttributeError, TypeError, ValueError):
        return 1
