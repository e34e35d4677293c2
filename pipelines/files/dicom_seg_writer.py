"""Writing of DICOM segmentations that depend on nothing but their content: neither on the time nor on chance."""

import re
import warnings
from collections.abc import Sequence
from typing import Any

import highdicom
import numpy as np
from pydicom import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from pipelines.terms import TERMS

_DATE, _TIME = re.compile(r"\d{8}"), re.compile(r"(\d\d){1,3}(\.\d{1,6})?")
# What a segmentation repeats of its sources, in which form; it may be empty.
_REPEATED = {
    "PatientID": re.compile(r".*"),
    "PatientName": re.compile(r".*"),
    "PatientBirthDate": _DATE,
    "PatientSex": re.compile(r"[MFO]"),
    "StudyID": re.compile(r".*"),
    "StudyDate": _DATE,
    "StudyTime": _TIME,
    "AccessionNumber": re.compile(r".*"),
    "ReferringPhysicianName": re.compile(r".*"),
}
_NO_DATE, _NO_TIME = "19000101", "000000"


class _Stack(np.ndarray):
    """Masks `(..., segments)` for highdicom, which counts the segments of each voxel, as bytes rather than as int64."""

    def sum(self, axis: Any = None, **options: Any) -> Any:  # type: ignore[override]  # of many overloads
        counts = {"dtype": np.uint8} if axis == -1 else {}
        return np.asarray(self).sum(axis=axis, **options | counts)


def describe_segment(number: int, target: str, **more: Any) -> highdicom.seg.SegmentDescription:
    """The description of a segment of one target.

    Args:
        number: of the segment.
        target: `"liver"` or `"lesion"`.
        more: further arguments of `highdicom.seg.SegmentDescription`, such as `algorithm_type`.
    """
    term = TERMS[target]
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=target,
        segmented_property_category=_code(term.category),
        segmented_property_type=_code(term.kind),
        anatomic_regions=[_code(term.site)] if term.site else None,
        display_color=highdicom.color.CIELabColor.from_rgb(*term.color),
        **more,
    )


def slices_with_frames(labels: np.ndarray) -> np.ndarray:
    """The slices that have frames in a segmentation: those with a label, or the first if there is none."""
    found = np.flatnonzero([plane.any() for plane in labels])
    return found if len(found) else np.array([0])


def binary_seg(
    sources: Sequence[Dataset],
    labels: np.ndarray,
    segments: Sequence[tuple[highdicom.seg.SegmentDescription, Sequence[int]]],
    *,
    identity: Sequence[str],
    maker: str,
    version: str,
    **more: Any,
) -> highdicom.seg.Segmentation:
    """Makes a binary segmentation of a CT series.

    It has frames for `slices_with_frames`, and refers to all slices. Patient and study are those of the first slice
    with a frame; date and time those of the newest slice. UIDs derive from `identity`.

    Args:
        sources: headers of the slices, from the first to the last, with StudyInstanceUID and SeriesInstanceUID; what
            else is needed and missing in them is filled in.
        labels: uint8 `(slices, rows, columns)`.
        segments: description of each segment, numbered from 1, and the labels that it consists of.
        identity: what distinguishes this segmentation from all others.
        maker: manufacturer, and model name.
        version: of the software.
        more: further arguments of `highdicom.seg.Segmentation`.
    """
    _complete(sources)
    shown = slices_with_frames(labels)
    rest = sorted(set(range(len(sources))) - set(shown.tolist()))
    date, time = max(_when(source) for source in sources)
    planes = labels[shown]
    masks = np.stack([np.isin(np.arange(256), members)[planes] for _, members in segments])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the names of patients
        dataset: Any = highdicom.seg.Segmentation(
            source_images=[sources[k] for k in shown],
            pixel_array=np.moveaxis(masks, 0, -1).view(_Stack),
            segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
            segment_descriptions=[description for description, _ in segments],
            series_instance_uid=_uid(identity, "series"),
            sop_instance_uid=_uid(identity, "instance"),
            instance_number=1,
            manufacturer=maker,
            manufacturer_model_name=maker,
            software_versions=version,
            device_serial_number="1",
            content_date=date,
            content_time=time,
            specific_character_set="ISO_IR 192",
            omit_empty_frames=bool(planes.any()),
            further_source_images=[sources[k] for k in rest] or None,
            **more,
        )
    # highdicom takes a random UID and the time of day.
    dimensions = _uid(identity, "dimensions")
    for item in (*dataset.DimensionOrganizationSequence, *dataset.DimensionIndexSequence):
        item.DimensionOrganizationUID = dimensions
    for item in dataset.ContributingEquipmentSequence:
        item.ContributionDateTime = date + time
    dataset.InstanceCreationDate, dataset.InstanceCreationTime = date, time
    return dataset


def _code(value: tuple[str, str]) -> Code:
    return Code(value[0], "SCT", value[1])


def _complete(sources: Sequence[Any]) -> None:
    """Gives slices what highdicom wants: a frame of reference, and orientations that are equal to the last digit."""
    first = sources[0]
    place = first.get("FrameOfReferenceUID") or _uid([first.SeriesInstanceUID], "frame of reference")
    for source in sources:
        for name, form in _REPEATED.items():
            if not (source.get(name) and form.fullmatch(str(source.get(name)))):
                setattr(source, name, None)
        source.FrameOfReferenceUID = place
        source.ImageOrientationPatient = first.ImageOrientationPatient
        source.PixelSpacing = first.PixelSpacing


def _uid(identity: Sequence[str], what: str) -> str:
    return generate_uid(entropy_srcs=[*identity, what])


def _when(source: Dataset) -> tuple[str, str]:
    """Date and time of a slice, the most exact that it has."""
    for kind in ("Content", "Acquisition", "Series", "Study"):
        date, time = (str(source.get(f"{kind}{part}") or "") for part in ("Date", "Time"))
        if _DATE.fullmatch(date):
            return date, time if _TIME.fullmatch(time) else _NO_TIME
    return _NO_DATE, _NO_TIME
