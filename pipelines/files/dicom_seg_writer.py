"""Writing of DICOM segmentations that depend on nothing but their content: neither on the time nor on chance."""

from collections.abc import Sequence
from typing import Any

import highdicom
import numpy as np
from pydicom import Dataset
from pydicom.uid import generate_uid

_NO_TIME = "19000101", "000000"  # of a source that has neither date nor time


def binary_seg(
    sources: Sequence[Dataset],
    masks: np.ndarray,
    segments: Sequence[highdicom.seg.SegmentDescription],
    *,
    identity: Sequence[str],
    maker: str,
    version: str,
    **more: Any,
) -> highdicom.seg.Segmentation:
    """A binary segmentation with frames for the slices on which a segment is, or for the first one if there are none.

    Its date and time are those of the newest source, its UIDs derive from `identity`, and the patient and study are
    those of the sources.

    Args:
        sources: headers of the slices, from the first to the last.
        masks: bool `(slices, rows, columns, segments)`.
        segments: numbered from 1.
        identity: what distinguishes this segmentation from all others.
        maker: manufacturer, and model name.
        version: of the software.
        more: further arguments of `highdicom.seg.Segmentation`.
    """
    full = np.flatnonzero(masks.any(axis=(1, 2, 3)))
    shown = full if len(full) else np.array([0])
    rest = sorted(set(range(len(sources))) - set(shown.tolist()))
    date, time = max(_when(source) for source in sources)
    dataset: Any = highdicom.seg.Segmentation(
        source_images=[sources[k] for k in shown],
        pixel_array=masks[shown],
        segmentation_type=highdicom.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=segments,
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
        omit_empty_frames=len(full) > 0,
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


def _uid(identity: Sequence[str], what: str) -> str:
    return generate_uid(entropy_srcs=[*identity, what])


def _when(source: Dataset) -> tuple[str, str]:
    """Date and time of a slice, as exact as it says."""
    for kind in ("Content", "Acquisition", "Series", "Study"):
        if date := str(source.get(f"{kind}Date") or ""):
            return date, str(source.get(f"{kind}Time") or "000000")
    return _NO_TIME
