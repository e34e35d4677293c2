"""Placement of an array on the grid of another: the one rule by which an image and a mask fit, whatever their formats.

The distance at the farthest voxel counts, as a fraction of a voxel of the grid. Below a tenth it is the rounding of a
header; from half a voxel on, voxels belong to their neighbors, which is another place; between them it is doubtful.
"""

import dataclasses

import numpy as np

from pipelines.files.labels import MaskError
from pipelines.frame import Frame

FITS, MISFIT = 0.1, 0.5
_ROUNDING = 1e-3  # of a voxel, so that exactly half a voxel is half a voxel in float32 too


@dataclasses.dataclass(frozen=True, kw_only=True)
class Placement:
    """How an array lies on the grid of a frame whose voxels are as large.

    Attributes:
        axes: the frame's axis of each of the array's.
        signs: 1, or -1 where the array's axis runs the other way.
        start: the frame's index of the array's first voxel, in the frame's order; may be outside.
        stop: behind its last voxel, likewise.
        beside: fraction of a voxel by which the array's farthest voxel lies beside the grid.
    """

    axes: tuple[int, ...]
    signs: tuple[int, ...]
    start: tuple[int, ...]
    stop: tuple[int, ...]
    beside: float

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the array, with the frame's axes."""
        return tuple(stop - start for start, stop in zip(self.start, self.stop, strict=True))

    def turn(self, array: np.ndarray) -> np.ndarray:
        """A view of the array with the frame's axes."""
        return array[tuple(slice(None, None, sign) for sign in self.signs)].transpose(np.argsort(self.axes))

    def paste(self, array: np.ndarray, whole: np.ndarray) -> None:
        """Adds a bool array, which lies inside of the grid, to a bool array of the frame's shape."""
        whole[tuple(slice(*ends) for ends in zip(self.start, self.stop, strict=True))] |= self.turn(array)


def place(shape: tuple[int, ...], affine: np.ndarray, frame: Frame) -> Placement | None:
    """Finds how an array `(i, j, k)` lies on the grid of a frame; None where no axes of the two are parallel.

    Args:
        shape: of the array.
        affine: `(4, 4)`, its indices to mm, RAS+.
        frame: the grid.
    """
    to_frame = np.linalg.inv(frame.affine) @ affine
    # Axes are paired by mm, since the slices of a tilted gantry share some of their step with the rows.
    lengths = np.linalg.norm(frame.affine[:3, :3], axis=0)
    axes = np.abs(to_frame[:3, :3] * lengths[:, None]).argmax(axis=0)
    if len(set(axes)) < 3:
        return None
    signs = np.sign(to_frame[axes, range(3)])
    ideal = np.zeros((4, 4))
    ideal[axes, range(3)] = signs
    ideal[:3, 3] = np.rint(to_frame[:3, 3])
    ideal[3, 3] = 1.0
    corners = _corners(shape)
    ends = (ideal @ corners)[:3].round().astype(int)
    return Placement(
        axes=tuple(axes.tolist()),
        signs=tuple(signs.astype(int).tolist()),
        start=tuple(ends.min(axis=1).tolist()),
        stop=tuple((ends.max(axis=1) + 1).tolist()),
        beside=_farthest(ideal, to_frame, corners),
    )


def apart(shape: tuple[int, ...], one: np.ndarray, other: np.ndarray) -> float:
    """Fraction of a voxel between the places that two affines give the farthest voxel of an array."""
    return _farthest(np.eye(4), np.linalg.inv(one) @ other, _corners(shape))


def fit(
    shape: tuple[int, ...], affine: np.ndarray, frame: Frame, *, other: str, cropped: bool = False, slack: float = 0.0
) -> Placement:
    """Places an array on a grid that it should fit.

    Args:
        shape: of the array.
        affine: `(4, 4)`, its indices to mm, RAS+.
        frame: the grid.
        other: whose grid it is, for messages.
        cropped: whether the array may cover a part of the grid only.
        slack: fraction of a voxel that the grid itself is beside its own slices.

    Raises:
        MaskError: it lies half a voxel or more beside the grid, or ends elsewhere.
    """
    if not cropped and sorted(shape) != sorted(frame.shape):
        sizes = " against ".join("x".join(map(str, each)) for each in (shape, frame.shape))
        raise MaskError("size-mismatch", f"shape differs from that of {other}, {sizes}; bring both to one grid")
    placement = place(shape, affine, frame)
    if placement is None:
        how = "no axes of the two are parallel"
    elif placement.beside - slack >= MISFIT - _ROUNDING:
        how = f"the farthest voxel by {placement.beside:.3g} of a voxel"
    elif not cropped and (any(placement.start) or placement.stop != frame.shape):
        how = f"by {np.abs(placement.start).max()} voxels"
    elif min(placement.start) < 0 or any(np.greater(placement.stop, frame.shape)):
        how = "it ends outside of that grid"
    else:
        return placement
    raise MaskError(
        "geometry-mismatch",
        f"lies elsewhere in the patient than {other} (the affines differ, {how}); resample it to that grid, or export "
        "it with that header",
    )


def doubt(beside: float, *, other: str, slack: float = 0.0) -> str | None:
    """The warning about an array that lies beside a grid by this fraction of a voxel; None for rounding."""
    if beside - slack < FITS:
        return None
    return f"lies up to {beside:.2f} of a voxel beside {other}; check that the two belong together"


def _farthest(one: np.ndarray, other: np.ndarray, corners: np.ndarray) -> float:
    return float(np.linalg.norm(((one - other) @ corners)[:3], axis=0).max())


def _corners(shape: tuple[int, ...]) -> np.ndarray:
    corners = np.array([[*corner, 1.0] for corner in np.ndindex(2, 2, 2)]).T
    corners[:3] *= np.array(shape)[:, None] - 1
    return corners
