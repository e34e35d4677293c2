"""Measurements of one segmented scan: volumes, tumour burden, and each lesion's size, place and mean HU."""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from cafct_keras.measurement.components import label, regions
from cafct_keras.measurement.shapes import Component, Describer
from cafct_keras.measurement.volumes import count_liver_and_lesion, millilitres
from cafct_keras.packed import Masks
from pipelines.frame import LPS_TO_RAS, Frame


@dataclasses.dataclass(frozen=True, kw_only=True)
class LesionMeasurements:
    """One lesion, a connected component of the lesion mask (26-connected; 8-connected in single slices).

    Lengths are None where the spacing is unknown.

    Attributes:
        number: 1 for the largest, then in descending order of size.
        voxels: number of voxels.
        volume_ml: None also for single slices.
        longest_axis_mm: its longest diameter within an axial slice, as RECIST measures it, in the slice where that is
            longest, from outer edge to outer edge of the pixels.
        short_axis_mm: the longest diameter at right angles to it in the same slice.
        axis_slice: index of that slice.
        centroid: (slice, row, column), in voxels from the center of the first; slices in the order of the masks.
        centroid_lps_mm: the same point in mm to the patient's left, back and head, as DICOM states positions; None for
            slices without a scan.
        mean_hu: mean of the image within it; None for an image that is not in Hounsfield units.
    """

    number: int
    voxels: int
    volume_ml: float | None
    longest_axis_mm: float | None
    short_axis_mm: float | None
    axis_slice: int | None
    centroid: tuple[float, float, float]
    centroid_lps_mm: tuple[float, float, float] | None
    mean_hu: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measurements:
    """Measurements of one scan; `dataclasses.asdict` makes them JSON.

    Volumes are None where the spacing is unknown and for single slices.

    Attributes:
        spacing_mm: millimeters along (slice, row, column); None if unknown.
        liver_ml: volume of the liver with its lesions; None also if the liver was not segmented.
        lesion_ml: volume of all lesions; None also if lesions were not segmented.
        tumour_burden: lesion volume over liver volume, in [0, 1]; None unless both were segmented, and without a liver.
        lesion_count: number of lesions; None if they were not segmented.
        lesions: each of them, the largest first.
    """

    spacing_mm: tuple[float, float, float] | None
    liver_ml: float | None
    lesion_ml: float | None
    tumour_burden: float | None
    lesion_count: int | None
    lesions: tuple[LesionMeasurements, ...]

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> "Measurements":
        """The inverse of `dataclasses.asdict`, also after a way through JSON."""

        def with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
            return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}

        lesions = tuple(LesionMeasurements(**with_tuples(lesion)) for lesion in document["lesions"])
        return cls(**{**with_tuples(document), "lesions": lesions})


def measure(
    masks: Masks,
    *,
    images: np.ndarray | None = None,
    intensity: str = "hu",
    spacing: tuple[float, float, float] | None,
    frame: Frame | None = None,
    contiguous: bool = True,
) -> Measurements:
    """Measures the masks of one scan.

    Args:
        masks: `"liver"`, `"lesion"` or both to bool `(slices, H, W)`.
        images: `(slices, H, W)`, the scan; None without.
        intensity: what its values are, see `pipelines.case.Source`; the mean of lesions is taken of `"hu"` only.
        spacing: millimeters along (slice, row, column); None if unknown.
        frame: where the scan lies in the patient; the masks are in the order of `Frame.to_slices`. None if unknown.
        contiguous: whether the slices are neighbors in one volume; otherwise every slice has lesions of its own.
    """
    has_hu = images is not None and intensity == "hu"
    lesions = sorted(
        _components(masks, spacing, contiguous=contiguous, images=images if has_hu else None),
        key=lambda lesion: (-lesion.voxels, lesion.box, lesion.centroid),
    )
    empty = np.zeros((len(next(iter(masks.values()))), 1, 1), bool)  # of any size
    voxels = count_liver_and_lesion(liver=masks.get("liver", empty), lesion=masks.get("lesion", empty))

    def volume(count: int) -> float | None:
        return millilitres(count, spacing) if spacing and contiguous else None

    return Measurements(
        spacing_mm=spacing,
        liver_ml=volume(voxels.liver) if "liver" in masks else None,
        lesion_ml=volume(voxels.lesion) if "lesion" in masks else None,
        tumour_burden=voxels.burden if {"liver", "lesion"} <= set(masks) else None,
        lesion_count=len(lesions) if "lesion" in masks else None,
        lesions=tuple(
            LesionMeasurements(
                number=number,
                voxels=lesion.voxels,
                volume_ml=volume(lesion.voxels),
                longest_axis_mm=lesion.longest_axis,
                short_axis_mm=lesion.short_axis,
                axis_slice=lesion.axis_slice,
                centroid=lesion.centroid,
                centroid_lps_mm=None if frame is None else _lps(frame, lesion.centroid),
                mean_hu=lesion.intensity,
            )
            for number, lesion in enumerate(lesions, 1)
        ),
    )


def _components(
    masks: Masks, spacing: tuple[float, float, float] | None, *, contiguous: bool, images: np.ndarray | None
) -> Iterator[Component]:
    """The components of the lesion mask, if there is one."""
    if "lesion" not in masks:
        return
    for start, (part,) in regions(np.asarray(masks["lesion"]), contiguous=contiguous):
        box = tuple(slice(low, low + size) for low, size in zip(start, part.shape, strict=True))
        describe = Describer(start, spacing, contiguous=contiguous, images=None if images is None else images[box])
        yield from describe(label(part, contiguous=contiguous)[0])


def _lps(frame: Frame, place: tuple[float, float, float]) -> tuple[float, float, float]:
    left, back, head, _ = (LPS_TO_RAS @ frame.slices_affine @ [*place, 1.0]).tolist()
    return left, back, head
