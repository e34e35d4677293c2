"""DICOM segmentations: names of segments, and frames with their places."""

from collections.abc import Iterator
from pathlib import Path

import highdicom
import numpy as np
from pydicom import Dataset, dcmread

from pipelines.files.labels import MaskError
from pipelines.files.nrrd import unreadable
from pipelines.frame import affine_of_slices


def is_seg(path: Path) -> bool:
    """Whether a DICOM file is a segmentation; False also for what cannot be read."""
    try:
        return dcmread(path, stop_before_pixels=True, specific_tags=["Modality"]).get("Modality") == "SEG"
    except Exception:  # pydicom lets errors of broken bytes through
        return False


def seg_segments(path: Path) -> dict[int, str]:
    """Number of each segment to its label and the meaning of its type.

    Raises:
        MaskError: the file cannot be read as a segmentation.
    """
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SegmentSequence"])
        return {int(item.SegmentNumber): _name(item) for item in header.SegmentSequence}
    except Exception as error:  # pydicom parses values when they are asked for, and raises what it likes
        raise unreadable(error, kind="a segmentation") from None


def seg_frames(path: Path) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yields the segment, bool `(column, row, 1)` and `(4, 4)` affine, RAS+, of every frame.

    Raises:
        MaskError: the file cannot be read, or holds fractions.
    """
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns"])
        # highdicom 0.28 cuts frames short that share a byte with their neighbors.
        apart = int(header.Rows) * int(header.Columns) % 8 == 0
        seg = highdicom.seg.segread(path, lazy_frame_retrieval=apart)
        numbers = [int(item.SegmentNumber) for item in seg.SegmentSequence]
        shared = seg.SharedFunctionalGroupsSequence[0]
        for number, own in enumerate(seg.PerFrameFunctionalGroupsSequence, start=1):
            position, orientation, measures = (
                (own.get(name) or shared[name].value)[0]
                for name in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
            )
            cosines = np.array(orientation.ImageOrientationPatient, float)
            affine = affine_of_slices(
                position.ImagePositionPatient, cosines, measures.PixelSpacing, np.cross(cosines[:3], cosines[3:])
            )
            pixels = seg.get_stored_frame(number).T[:, :, None]
            if seg.SegmentationType == "LABELMAP":
                for label in numbers:
                    yield label, pixels == label, affine
                continue
            identification = (own.get("SegmentIdentificationSequence") or shared.SegmentIdentificationSequence)[0]
            full = 1 if seg.SegmentationType == "BINARY" else int(seg.MaximumFractionalValue)
            if not np.isin(pixels, (0, full)).all():
                raise MaskError("mask-values", "holds fractions, not yes or no; save it as a binary segmentation")
            yield int(identification.ReferencedSegmentNumber), pixels != 0, affine
    except MaskError:
        raise
    except Exception as error:  # a broken file shows in many ways
        raise unreadable(error) from None


def _name(item: Dataset) -> str:
    types = [code.get("CodeMeaning", "") for code in item.get("SegmentedPropertyTypeCodeSequence") or ()]
    return " / ".join([str(item.get("SegmentLabel", "")), *types])
