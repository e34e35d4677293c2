"""DICOM segmentations: what a file refers to, its segments, and frames with their places."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from pydicom import Dataset, dcmread

from pipelines.files.dicom_sizes import check_deflated, check_pixels
from pipelines.files.labels import MaskError
from pipelines.files.nrrd import unreadable
from pipelines.files.sizes import check_claim, held_by
from pipelines.frame import affine_of_slices
from pipelines.targets import names_another
from pipelines.terms import target_of_code

_TAGS = ("PatientID", "FrameOfReferenceUID", "ReferencedSeriesSequence", "SegmentSequence")
_LEAST = 8  # bytes of a frame, as far as it has a header or pixels of its own


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segment:
    """A segment by its description.

    Attributes:
        text: its label and the meaning of its type.
        target: what the code of its type stands for; None where that is neither liver nor lesion, or the label
            speaks of another structure.
        disputed: whether the code stands for a target and the label speaks of another structure.
    """

    text: str
    target: str | None
    disputed: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegHeader:
    """What a segmentation says about itself.

    Attributes:
        segments: number of each to its description.
        patient: PatientID, or empty.
        frame_of_reference: FrameOfReferenceUID, or empty.
        series: SeriesInstanceUIDs of the series that it refers to.
        instances: SOPInstanceUIDs of the slices that it refers to.
        step: mm from frame to frame; None where it does not say.
    """

    segments: dict[int, Segment]
    patient: str
    frame_of_reference: str
    series: frozenset[str]
    instances: frozenset[str]
    step: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegFrame:
    """A frame of a segment.

    Attributes:
        segment: its number.
        pixels: bool `(column, row, 1)`.
        affine: `(4, 4)`, RAS+.
        sources: SOPInstanceUIDs of the slices that it was drawn on; empty where it does not say.
    """

    segment: int
    pixels: np.ndarray
    affine: np.ndarray
    sources: frozenset[str]


def is_seg(path: Path) -> bool:
    """Whether a DICOM file is a segmentation; False also for what cannot be read."""
    try:
        check_deflated(path)
        return dcmread(path, stop_before_pixels=True, specific_tags=["Modality"]).get("Modality") == "SEG"
    except Exception:  # pydicom lets errors of broken bytes through
        return False


def read_seg_header(path: Path) -> SegHeader:
    """Reads what a segmentation says about itself.

    Raises:
        MaskError: the file cannot be read as a segmentation.
    """
    try:
        check_deflated(path)
        tags = [*_TAGS, "SharedFunctionalGroupsSequence"]
        header = dcmread(path, stop_before_pixels=True, specific_tags=tags)
        references = list(header.get("ReferencedSeriesSequence") or ())
        shared = header.get("SharedFunctionalGroupsSequence") or [Dataset()]
        measures = (shared[0].get("PixelMeasuresSequence") or [Dataset()])[0]
        step = float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0)
        return SegHeader(
            segments={int(item.SegmentNumber): _segment(item) for item in header.SegmentSequence},
            patient=str(header.get("PatientID") or "").strip(),
            frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
            series=frozenset(str(item.SeriesInstanceUID) for item in references if "SeriesInstanceUID" in item),
            instances=_referenced(one for item in references for one in item.get("ReferencedInstanceSequence") or ()),
            step=step or None,
        )
    except MaskError:
        raise
    except Exception as error:  # pydicom parses values when they are asked for, and raises what it likes
        raise unreadable(error, kind="a segmentation") from None


def seg_frames(path: Path) -> Iterator[SegFrame]:
    """Yields the frames of every segment; of a LABELMAP, every frame once for each segment.

    Raises:
        MaskError: the file cannot be read, claims more frames than it can hold, or holds fractions.
    """
    try:
        header: Any = dcmread(path, stop_before_pixels=True, specific_tags=["Rows", "Columns", "NumberOfFrames"])
        _check_size(path, header)
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
            sources = _referenced(
                source
                for derivation in own.get("DerivationImageSequence") or ()
                for source in derivation.get("SourceImageSequence") or ()
            )
            pixels = seg.get_stored_frame(number).T[:, :, None]
            if seg.SegmentationType == "LABELMAP":
                for label in numbers:
                    yield SegFrame(segment=label, pixels=pixels == label, affine=affine, sources=sources)
                continue
            identification = (own.get("SegmentIdentificationSequence") or shared.SegmentIdentificationSequence)[0]
            full = 1 if seg.SegmentationType == "BINARY" else int(seg.MaximumFractionalValue)
            if not np.isin(pixels, (0, full)).all():
                raise MaskError("mask-values", "holds fractions, not yes or no; save it as a binary segmentation")
            segment = int(identification.ReferencedSegmentNumber)
            yield SegFrame(segment=segment, pixels=pixels != 0, affine=affine, sources=sources)
    except MaskError:
        raise
    except Exception as error:  # a broken file shows in many ways
        raise unreadable(error) from None


def _check_size(path: Path, header: Any) -> None:
    """Refuses a file that claims more frames, or larger ones, than it can hold."""
    frames, rows, columns = int(header.get("NumberOfFrames") or 1), int(header.Rows), int(header.Columns)
    held = held_by(path)
    check_deflated(path)
    check_claim((frames,), _LEAST, held, compressed=True)
    if header.file_meta.TransferSyntaxUID.is_encapsulated:
        check_pixels(dcmread(path, specific_tags=["Rows", "Columns", "PixelData"]))
    else:
        check_pixels(header)
        deflated = header.file_meta.TransferSyntaxUID.is_deflated
        check_claim((frames, rows * columns), 1, held * 8, compressed=deflated)  # a bit of each pixel at least


def _referenced(items: Iterable[Dataset]) -> frozenset[str]:
    return frozenset(str(item.ReferencedSOPInstanceUID) for item in items if "ReferencedSOPInstanceUID" in item)


def _segment(item: Dataset) -> Segment:
    label = str(item.get("SegmentLabel", ""))
    codes = list(item.get("SegmentedPropertyTypeCodeSequence") or ())
    targets = [target_of_code(str(code.get("CodingSchemeDesignator")), str(code.get("CodeValue"))) for code in codes]
    target = next((target for target in targets if target), None)
    disputed = target is not None and names_another(label)
    return Segment(
        text=" / ".join([label, *(str(code.get("CodeMeaning", "")) for code in codes)]),
        target=None if disputed else target,
        disputed=disputed,
    )
