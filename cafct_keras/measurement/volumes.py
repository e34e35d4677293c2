"""Volumes and tumour burden, the fraction of the liver that is tumour."""

import dataclasses

import numpy as np

from cafct_keras.packed import Mask


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiverAndLesion:
    """Voxels of a liver and its lesions.

    Attributes:
        liver: those of either mask: the liver includes its lesions, whether or not its mask does.
        lesion: those of the lesions.
    """

    liver: int
    lesion: int

    @property
    def burden(self) -> float | None:
        """Tumour burden, in [0, 1]; None without liver and lesions."""
        return self.lesion / self.liver if self.liver else None


def count_liver_and_lesion(*, liver: Mask, lesion: Mask) -> LiverAndLesion:
    """Counts the voxels of two masks of one shape."""
    return LiverAndLesion(
        liver=sum(int(np.count_nonzero(one | other)) for one, other in zip(liver, lesion, strict=True)),
        lesion=sum(map(int, map(np.count_nonzero, lesion))),
    )


def millilitres(voxels: int, spacing: tuple[float, float, float]) -> float:
    """Volume of a number of voxels in ml; spacing in mm."""
    return float(voxels * np.prod(spacing) / 1000)
