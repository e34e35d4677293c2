"""Cleaning up masks after prediction: pure functions from masks to masks."""

import dataclasses
import math

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.evaluation.metrics.components import label


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostProcessing:
    """Steps from masks to cleaner masks, in the order in which they are taken; none if nothing is chosen.

    Attributes:
        largest_liver: keep the largest component of the liver (`largest_component`).
        lesions_inside_liver: keep what of the lesions lies in the predicted liver (`inside_liver`).
        smallest_lesion: the least size of a lesion that is kept (`without_small`); 0 keeps all.
    """

    largest_liver: bool = False
    lesions_inside_liver: bool = False
    smallest_lesion: float = 0.0

    def __call__(
        self, masks: dict[str, np.ndarray], *, spacing: tuple[float, float, float] | None, contiguous: bool
    ) -> dict[str, np.ndarray]:
        """Cleans up one case.

        Args:
            masks: target to `(slices, H, W)` bool.
            spacing: millimetres along (slice, row, column); None if unknown.
            contiguous: whether the slices are neighbours in one volume.
        """
        masks = dict(masks)
        if self.largest_liver:
            masks["liver"] = largest_component(masks["liver"], contiguous=contiguous)
        if self.lesions_inside_liver:
            masks["lesion"] = inside_liver(masks["lesion"], masks["liver"])
        if self.smallest_lesion:
            masks["lesion"] = without_small(
                masks["lesion"], smallest=self.smallest_lesion, spacing=spacing, contiguous=contiguous
            )
        return masks

    def check(self, targets) -> None:
        """Refuses steps that need a target which is not there.

        Raises:
            UserError: naming the option.
        """
        for option, wanted, needed in (
            ("--largest-liver", self.largest_liver, {"liver"}),
            ("--lesions-inside-liver", self.lesions_inside_liver, {"liver", "lesion"}),
            ("--smallest-lesion", self.smallest_lesion, {"lesion"}),
        ):
            if wanted and not needed <= set(targets):
                raise UserError(
                    f"{option}: needs {' and '.join(sorted(needed, reverse=True))}, the masks show "
                    f"{', '.join(targets)}; leave it out"
                )


def largest_component(mask: np.ndarray, *, contiguous: bool = True) -> np.ndarray:
    """Keeps the largest connected component: a body has one liver.

    Args:
        mask: bool `(slices, H, W)`.
        contiguous: whether the slices are neighbours in one volume (26-connected components); else the largest of each
            slice is kept (8-connected).

    Returns:
        bool, of the same shape. Of components of one size the first is kept.
    """
    if not contiguous:
        return np.stack([largest_component(one[None])[0] for one in mask]) if len(mask) else mask.copy()
    labels, count = label(mask, contiguous=True)
    if count < 2:
        return mask.copy()
    return labels == 1 + np.bincount(labels.ravel())[1:].argmax()


def without_small(
    mask: np.ndarray,
    *,
    smallest: float,
    spacing: tuple[float, float, float] | None = None,
    contiguous: bool = True,
) -> np.ndarray:
    """Drops connected components below a size.

    Args:
        mask: bool `(slices, H, W)`.
        smallest: the least size that is kept: in mm^3 (mm^2 where slices stand alone), or in voxels where the spacing
            is unknown.
        spacing: millimetres along (slice, row, column); None if unknown.
        contiguous: whether the slices are neighbours in one volume; else components are sought slice by slice.

    Returns:
        bool, of the same shape.
    """
    voxel = 1.0 if spacing is None else math.prod(spacing if contiguous else spacing[1:])
    labels, _ = label(mask, contiguous=contiguous)
    kept = np.bincount(labels.ravel()) * voxel >= smallest
    kept[0] = False  # the background
    return kept[labels]


def inside_liver(lesion: np.ndarray, liver: np.ndarray) -> np.ndarray:
    """Keeps what lies inside the predicted liver, a voxel at a time.

    Args:
        lesion: bool `(slices, H, W)`.
        liver: bool, of the same shape; it must include its tumours, as the masks of LiTS do.

    Returns:
        bool, of the same shape.
    """
    return lesion & liver
