"""A segmented scan."""

import dataclasses
import functools
import pathlib

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.measurement import Measurements, measure
from cafct_keras.packed import PackedMask
from pipelines.case import Case
from pipelines.errors import DataError
from pipelines.probability import Probability
from pipelines.scans import Scan
from pipelines.scans.writers import Algorithm, write_mask
from pipelines.targets import LESION, LIVER

# Suffix of a mask's file to its format.
FORMATS = {
    ".nii.gz": "nifti",
    ".seg.nrrd": "nrrd",
    ".mha": "metaimage",
    ".png": "png",
    ".dcm": "dicom-seg",
}


ARRAYS = ("array", "slice")  # formats of scans in memory: axial slices, and one


def labels_of(targets: tuple[str, ...]) -> dict[str, int]:
    """The label of each target: 1 of a single one, else liver 1 and lesion 2."""
    return {target: number for number, target in enumerate(targets, 1)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segmentation:
    """A segmented scan.

    Attributes:
        scan: where it was read from.
        case: what it was read as. The slices of volumes are axial; `case.frame` leads back to the file's own order.
        masks: target to bool `(slices, H, W)`, on the grid and in the orientation of `case.images`.
        probability: target to `(slices, H, W)`, likewise.
        algorithm: what made it.
        engine: name of the engine that computed the networks.
        warnings: what is doubtful about the scan, see `pipelines.scans.suitability.check_suitable`.
    """

    scan: Scan
    case: Case
    masks: dict[str, PackedMask]
    probability: dict[str, Probability]
    algorithm: Algorithm
    engine: str
    warnings: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Of the scan."""
        return self.scan.name

    @property
    def labels_of(self) -> dict[str, int]:
        """Target to its label."""
        return labels_of(tuple(self.masks))

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """uint8 `(slices, H, W)`: 0 for the background, 1 for the liver and 2 for lesions; 1 for a single target."""
        labels = np.zeros(self.case.images.shape, np.uint8)
        for target in (LIVER, LESION):
            if target in self.masks:
                for plane, mask in zip(labels, self.masks[target], strict=True):
                    plane[mask] = self.labels_of[target]
        return labels

    @property
    def mask(self) -> np.ndarray:
        """`labels` with the axes of the scan's file: `(i, j, k)` of a volume, `(H, W)` of a single picture."""
        if self.case.frame is not None:
            return self.case.frame.from_slices(self.labels)
        return self.labels[0] if self.scan.format in ("png", ARRAYS[1]) and len(self.labels) == 1 else self.labels

    @property
    def affine(self) -> np.ndarray | None:
        """`(4, 4)` float64, the indices of `mask` to mm, RAS+ as in NIfTI; None if unknown."""
        return None if self.case.frame is None else self.case.frame.affine

    @functools.cached_property
    def measurements(self) -> Measurements:
        """Volumes, tumour burden and each lesion, see `measure`."""
        return measure(
            self.masks,
            images=self.case.images,
            intensity=self.scan.intensity,
            spacing=self.case.spacing,
            frame=self.case.frame,
            contiguous=self.case.contiguous,
        )

    def save(self, path: str | pathlib.Path) -> None:
        """Writes the mask on the grid of the scan.

        Args:
            path: the file; its suffix, one of `FORMATS`, says its format.

        Raises:
            UserError: no format has the suffix.
            DataError: the format cannot hold a mask of this scan.
        """
        path = pathlib.Path(path)
        suffix = next((suffix for suffix in FORMATS if path.name.lower().endswith(suffix)), None)
        if suffix is None:
            raise UserError(f"{path}: unknown suffix; give one of {', '.join(FORMATS)}")
        if self.case.frame is None and self.scan.format in ARRAYS:
            raise DataError(f"{path}: {self.name}: lies nowhere in a patient; give `affine`")
        write_mask(
            self.labels,
            path.with_name(path.name[: -len(suffix)]),
            scan=self.scan,
            case=self.case,
            file_format=FORMATS[suffix],
            labels_of=self.labels_of,
            algorithm=self.algorithm,
        )
