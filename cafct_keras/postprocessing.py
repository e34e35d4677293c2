"""Post-processing of predicted masks: pure functions from masks to masks."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.measurement.components import bounding_box, label
from cafct_keras.packed import Masks

STEPS = {
    "largest_liver": "largest component of the liver",
    "lesions_inside_liver": "lesions inside the liver",
    "smallest_lesion": "lesions of at least",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostProcessing:
    """Post-processing steps, in the order in which they are applied. The default applies none.

    Attributes:
        largest_liver: keep the largest component of the liver (`largest_component`).
        lesions_inside_liver: keep the part of the lesions inside the predicted liver (`mask_to_liver`).
        smallest_lesion: size of the smallest lesion that is kept (`remove_small_components`); 0 keeps all.
        unit: of that size, see `unit_of_size`; None for that of each case. A size in pixels removes lesions of as many
            pixels everywhere; one in mm3 or mm2 removes nothing where that is not the unit of the case.
    """

    largest_liver: bool = False
    lesions_inside_liver: bool = False
    smallest_lesion: float = 0.0
    unit: str | None = None

    def __call__(self, masks: Masks, *, spacing: tuple[float, float, float] | None, contiguous: bool) -> Masks:
        """Post-processes one case.

        Args:
            masks: target to `(slices, H, W)` bool.
            spacing: millimetres along (slice, row, column); None if unknown.
            contiguous: whether the slices are neighbours in one volume.
        """
        masks = dict(masks)
        if self.largest_liver:
            masks["liver"] = largest_component(np.asarray(masks["liver"]), contiguous=contiguous)
        if self.lesions_inside_liver:
            masks["lesion"] = mask_to_liver(np.asarray(masks["lesion"]), np.asarray(masks["liver"]))
        pixels = self.unit == "pixels"
        if self.smallest_lesion and (pixels or self.unit in (None, unit_of_size(spacing, contiguous=contiguous))):
            masks["lesion"] = remove_small_components(
                np.asarray(masks["lesion"]),
                smallest=self.smallest_lesion,
                spacing=None if pixels else spacing,
                contiguous=contiguous,
            )
        return masks

    def describe(self) -> str:
        """The steps in words; `"none"` without any."""
        unit = self.unit or "mm3 (mm2 in single slices, pixels without spacing)"
        taken = {words: getattr(self, step) for step, words in STEPS.items()}
        said = [words if value is True else f"{words} {value:g} {unit}" for words, value in taken.items() if value]
        return ", ".join(said) or "none"

    def check(self, targets: Sequence[str]) -> None:
        """Refuses steps that need a target which is not predicted.

        Raises:
            UserError: naming the step.
        """
        for option, wanted, needed in (
            ("largest_liver", self.largest_liver, {"liver"}),
            ("lesions_inside_liver", self.lesions_inside_liver, {"liver", "lesion"}),
            ("smallest_lesion", self.smallest_lesion, {"lesion"}),
        ):
            if wanted and not needed <= set(targets):
                raise UserError(
                    f"`{option}`: needs {' and '.join(sorted(needed, reverse=True))}, the masks show "
                    f"{', '.join(targets)}; leave it out"
                )


def unit_of_size(spacing: tuple[float, float, float] | None, *, contiguous: bool) -> str:
    """Unit in which lesions of a case are measured: `"mm3"`, `"mm2"` in single slices, `"pixels"` without spacing."""
    return "pixels" if spacing is None else "mm3" if contiguous else "mm2"


def largest_component(mask: np.ndarray, *, contiguous: bool = True) -> np.ndarray:
    """Keeps the largest connected component.

    Args:
        mask: bool `(slices, H, W)`.
        contiguous: whether the slices are neighbours in one volume (26-connected components); otherwise the
            largest of each slice is kept (8-connected).

    Returns:
        bool, of the same shape. Of components of equal size the first is kept.
    """
    if not contiguous:
        return np.stack([largest_component(one[None])[0] for one in mask]) if len(mask) else mask.copy()
    kept, box = np.zeros_like(mask), bounding_box(mask)
    if box is not None:  # labels take four bytes a voxel
        labels, _ = label(mask[box], contiguous=True)
        kept[box] = labels == 1 + np.bincount(labels.ravel())[1:].argmax()
    return kept


def remove_small_components(
    mask: np.ndarray,
    *,
    smallest: float,
    spacing: tuple[float, float, float] | None = None,
    contiguous: bool = True,
) -> np.ndarray:
    """Removes connected components below a size.

    Args:
        mask: bool `(slices, H, W)`.
        smallest: smallest size that is kept: in mm^3 (mm^2 for loose slices), or in voxels if the spacing is unknown.
        spacing: millimetres along (slice, row, column); None if unknown.
        contiguous: whether the slices are neighbours in one volume; otherwise components are those of each slice.

    Returns:
        bool, of the same shape.
    """
    voxel = 1.0 if spacing is None else math.prod(spacing if contiguous else spacing[1:])
    kept, box = np.zeros_like(mask), bounding_box(mask)
    if box is not None:
        labels, _ = label(mask[box], contiguous=contiguous)
        large = np.bincount(labels.ravel()) * voxel >= smallest
        large[0] = False  # the background
        kept[box] = large[labels]
    return kept


def mask_to_liver(lesion: np.ndarray, liver: np.ndarray) -> np.ndarray:
    """Keeps the lesion voxels inside the predicted liver.

    Args:
        lesion: bool `(slices, H, W)`.
        liver: bool, of the same shape; it must include its tumours, as the masks of LiTS do.

    Returns:
        bool, of the same shape.
    """
    return lesion & liver
