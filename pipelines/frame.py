"""Frames: where the array of a scan lies in the patient, and how it becomes axial slices and back."""

import dataclasses
from types import ModuleType

import numpy as np
from numpy.typing import ArrayLike

from pipelines.optional import optional

# Slices from the feet up, rows from the front to the back, columns from the patient's right to the left: the
# radiologist's view of each slice, and the order of DICOM.
CANONICAL = ("S", "P", "L")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame:
    """The array of a file, `(i, j, k)` in whatever orientation, and where it lies.

    Attributes:
        shape: of the file's array.
        affine: `(4, 4)` float64, the array's indices to millimeters to the patient's right, front and head (RAS+, as
            in NIfTI).
    """

    shape: tuple[int, int, int]
    affine: np.ndarray

    def to_slices(self, array: np.ndarray) -> np.ndarray:
        """`(i, j, k)` to `(slices, H, W)` in canonical orientation: axes permuted and flipped, values unchanged."""
        return _orientations().apply_orientation(array, self._transform())

    def from_slices(self, slices: np.ndarray) -> np.ndarray:
        """`(slices, H, W)` back to the file's `(i, j, k)`: the exact inverse of `to_slices`."""
        back = _orientations().ornt_transform(_orientations().axcodes2ornt(CANONICAL), self._orientation())
        return _orientations().apply_orientation(slices, back)

    @property
    def slices_affine(self) -> np.ndarray:
        """`(4, 4)` float64, indices (slice, row, column) to millimeters, RAS+."""
        return self.affine @ _orientations().inv_ornt_aff(self._transform(), self.shape)

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Millimeters between the planes of slices, rows and columns; of a tilted gantry's slices also at right angles.

        So their product is the volume of a voxel.
        """
        axes = self.slices_affine[:3, :3]
        slices, rows, columns = np.linalg.norm(axes, axis=0).tolist()
        between = abs(float(np.linalg.det(axes))) / (rows * columns)
        # Rounding must not turn the 2.5 mm of a header into 2.4999999.
        return (slices if between > (1 - 1e-5) * slices else between), rows, columns

    def _orientation(self) -> np.ndarray:
        return _orientations().io_orientation(self.affine)

    def _transform(self) -> np.ndarray:
        return _orientations().ornt_transform(self._orientation(), _orientations().axcodes2ornt(CANONICAL))


def frame_of_stack(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], *, head_first: bool = True
) -> Frame:
    """The frame of an array that already is a stack of axial slices, centered on the origin.

    Rows run from the front to the back and columns from the patient's right to the left, the radiologist's view.

    Args:
        shape: of the array, (slice, row, column).
        spacing: millimeters between voxel centers along the same axes.
        head_first: slice 0 is the one nearest the head, as in the phantom; else the one nearest the feet, and then the
            stack is in canonical order.
    """
    slice_step, row_step, column_step = spacing
    affine = np.zeros((4, 4))
    affine[2, 0] = -slice_step if head_first else slice_step  # up
    affine[1, 1] = -row_step  # forwards: rows run backwards
    affine[0, 2] = -column_step  # leftwards: columns begin at the patient's right
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    affine[3, 3] = 1.0
    slices, rows, columns = shape
    return Frame(shape=(slices, rows, columns), affine=affine)


def affine_of_slices(position: ArrayLike, orientation: ArrayLike, spacing: ArrayLike, step: ArrayLike) -> np.ndarray:
    """`(4, 4)` float64, (column, row, slice) to mm RAS+, from DICOM's attributes.

    Args:
        position: ImagePositionPatient of slice 0.
        orientation: ImageOrientationPatient.
        spacing: PixelSpacing: mm from row to row, then from column to column.
        step: `(3,)` mm from a slice to the next, LPS+.
    """
    across, down = np.array(orientation, float).reshape(2, 3)
    row_step, column_step = np.array(spacing, float)
    affine = np.eye(4)
    affine[:3, 0] = across * column_step
    affine[:3, 1] = down * row_step
    affine[:3, 2] = step
    affine[:3, 3] = position
    return LPS_TO_RAS @ affine


def steps_of_one(frame: Frame) -> bool:
    """Whether every step is 1 mm along an axis of the patient in the file's order, as in a header nobody filled in."""
    return np.allclose(np.abs(frame.affine[:3, :3]), np.eye(3), rtol=0, atol=1e-4)


def _orientations() -> ModuleType:
    with optional("the orientation of a volume", extra="nifti"):
        from nibabel import orientations
    return orientations
