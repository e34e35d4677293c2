"""Writer of DICOM: one folder per case, with its masks as DICOM SEG."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid
from pydicom.valuerep import format_number_as_ds

from pipelines.atomic import atomic_directory
from pipelines.case import Case, Source
from pipelines.errors import DataError
from pipelines.files.dicom_seg_writer import binary_seg, describe_segment
from pipelines.frame import frame_of_stack
from pipelines.index import write_index

_INTERCEPT = -1024  # HU of a stored 0, as most scanners have it
_MAKER = "cafct-keras"
_DATE, _TIME = "20000101", "000000"  # of every file, so that the same source gives the same bytes


def write_dicom(source: Source, directory: str | Path) -> None:
    """Writes `CASE/*.dcm` and `index.csv` (id, patient, split): what `Dicom` reads back as it was.

    Neither file names nor InstanceNumber follow the slices' order, as in real exports; only positions do. UIDs derive
    from the names of patient and case, so the same source gives the same files.

    Args:
        source: in Hounsfield units, with the spacing of its cases known. Slices without a frame stand as the
            phantom's: the first nearest the head.
        directory: the folder to create, written atomically.

    Raises:
        DataError: the folder exists, or the source is not in Hounsfield units or has no spacing.
    """
    if source.intensity != "hu":
        raise DataError(f"{source.layout}: {source.intensity} cannot be written as CT; give a source in HU")
    rows = []
    with atomic_directory(directory) as root:
        for case in source.cases():
            folder = root / case.name
            folder.mkdir()
            slices = list(_slices(case))
            for dataset in slices:
                name = hashlib.sha256(dataset.SOPInstanceUID.encode()).hexdigest()[:16]
                dataset.save_as(folder / f"{name}.dcm", enforce_file_format=True)
            if case.masks:
                _segmentation(case, slices).save_as(folder / "masks.dcm", enforce_file_format=True)
            rows.append((case.name, case.patient, case.split))
        write_index(root, rows)


def _slices(case: Case) -> Iterator[FileDataset]:
    """The case's slices as CT images, in its order."""
    affine = _affine(case)
    steps = np.linalg.norm(affine[:3, :3], axis=0)
    across, down = affine[:3, 2] / steps[2], affine[:3, 1] / steps[1]
    if abs(across @ down) > 1e-4:
        raise DataError(f"{case.name}: its rows and columns are not at right angles, as DICOM wants; resample it")
    intercept = min(_INTERCEPT, int(case.images.min()))
    numbers = np.random.default_rng(0).permutation(len(case.images)) + 1
    for k, image in enumerate(case.images):
        dataset = _header(case, k)
        dataset.InstanceNumber = int(numbers[k])
        dataset.SliceThickness = format_number_as_ds(float(steps[0]))
        dataset.PixelSpacing = [format_number_as_ds(float(step)) for step in steps[1:]]
        dataset.ImageOrientationPatient = [format_number_as_ds(float(value)) for value in (*across, *down)]
        position = affine[:3, 3] + k * affine[:3, 0]
        dataset.ImagePositionPatient = [format_number_as_ds(float(value)) for value in position]
        dataset.Rows, dataset.Columns = image.shape
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 0
        dataset.RescaleIntercept, dataset.RescaleSlope, dataset.RescaleType = str(intercept), "1", "HU"
        dataset.WindowCenter, dataset.WindowWidth = "50", "400"
        dataset.PixelData = (image.astype(np.int32) - intercept).astype("<u2").tobytes()
        yield dataset


def _affine(case: Case) -> np.ndarray:
    """`(4, 4)` float64, (slice, row, column) to mm LPS+."""
    if case.frame is not None:
        affine = case.frame.slices_affine
    elif case.spacing is not None:
        affine = frame_of_stack(case.images.shape, case.spacing).affine
    else:
        raise DataError(f"{case.name}: its spacing is not known, which DICOM wants; give a source of whole scans")
    return np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine


def _header(case: Case, k: int) -> FileDataset:
    """What a CT image has besides its picture."""
    meta: Any = FileMetaDataset()  # pydicom declares types that its attributes convert to, not those they take
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = _uid(case, f"slice {k}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    dataset: Any = FileDataset(io.BytesIO(), {}, file_meta=meta, preamble=bytes(128))
    dataset.SOPClassUID, dataset.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = _uid(case, "study"), _uid(case, "ct")
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = _uid(case, "frame"), ""
    dataset.PatientID, dataset.PatientName = case.patient, f"{case.patient}^"
    dataset.Modality, dataset.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.Manufacturer, dataset.StudyID, dataset.SeriesNumber = _MAKER, "1", 1
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.StudyDate, dataset.StudyTime = _DATE, _TIME
    for empty in ("PatientBirthDate", "PatientSex", "AccessionNumber", "ReferringPhysicianName", "AcquisitionNumber"):
        setattr(dataset, empty, None)
    dataset.KVP = None
    return dataset


def _segmentation(case: Case, slices: list[FileDataset]) -> Dataset:
    """The masks as one binary segmentation with a segment for each target."""
    labels = np.zeros(case.images.shape, np.uint8)
    segments = []
    for number, (target, mask) in enumerate(case.masks.items(), start=1):
        bit = 1 << (number - 1)
        labels |= mask * np.uint8(bit)
        description = describe_segment(number, target, algorithm_type="MANUAL")
        segments.append((description, [label for label in range(1 << len(case.masks)) if label & bit]))
    return binary_seg(
        slices,
        labels,
        segments,
        identity=[case.patient, case.name],
        maker=_MAKER,
        version="1",
        series_number=2,
        content_label="LIVER",
    )


def _uid(case: Case, what: str) -> str:
    return generate_uid(entropy_srcs=[case.patient, case.name, what])
