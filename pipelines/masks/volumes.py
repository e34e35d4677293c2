"""Volumes of labels from files of any kind, and two of them on one grid."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.labels import MaskError, as_labels
from pipelines.files.sizes import MOST_VOXELS, check_claim
from pipelines.findings import Findings
from pipelines.frame import Frame
from pipelines.optional import optional
from pipelines.placement import FITS, Placement, fit, place

_SAME = 0.05  # mm, less than which is the rounding of a position
Segments = dict[tuple[int, int], str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LabelVolume:
    """The labels of a file.

    Attributes:
        path: the file.
        frame: of its layers; None for a segmentation without any frame.
        layers: each `(i, j, k)`, uint8 or uint16; several where segments overlap.
        segments: (layer, label) to the name that the header gives it; None where it names none.
        partial: whether it may show a part of the scan only, outside of which nothing is.
    """

    path: Path
    frame: Frame | None
    layers: tuple[np.ndarray, ...]
    segments: Segments | None = None
    partial: bool = False


def read_volume(path: Path, kind: str) -> LabelVolume:
    """Reads a file of labels.

    Args:
        path: the file.
        kind: `"NIfTI"`, `"NRRD"`, `"MetaImage"` or `"DICOM SEG"`.

    Raises:
        MaskError: it cannot be read, or holds something else than labels.
    """
    if kind == "NIfTI":
        with optional("reading NIfTI files", extra="nifti"):
            from pipelines.files.nifti import open_volume, read_label_map

        raising = _Raising(path.parent)
        volume = open_volume(path, raising)
        assert volume is not None  # or an error was raised
        labels = read_label_map(volume, raising)
        assert labels is not None
        return LabelVolume(path=path, frame=volume.frame, layers=(labels,))
    if kind == "DICOM SEG":
        return _read_seg(path)
    if kind == "NRRD":
        with optional("reading NRRD files", extra="dicom"):
            from pipelines.files.nrrd import nrrd_segments, read_nrrd

        segments = nrrd_segments(path)
        layers, affine = read_nrrd(path)
    else:
        with optional("reading MetaImage files", extra="mha"):
            from pipelines.files.metaimage import read_metaimage

        array, affine = read_metaimage(path)
        layers, segments = array[None], None
    frame = Frame(shape=layers.shape[1:], affine=affine)
    return LabelVolume(
        path=path,
        frame=frame,
        layers=tuple(as_labels(layer) for layer in layers),
        segments=segments,
        partial=kind == "NRRD",  # 3D Slicer saves the extent of the segments
    )


class _Raising(Findings):
    """Raises errors without the file, as readers of other formats do."""

    def add(self, severity: str, code: str, file: Path | str, message: str) -> None:
        """Raises an error, and drops anything else."""
        if severity == "error":
            raise MaskError(code, message)


def _read_seg(path: Path) -> LabelVolume:
    with optional("reading DICOM files", extra="dicom"):
        from pipelines.files.dicom_seg import read_seg_header, seg_frames

    names = {number: one.target or one.text for number, one in read_seg_header(path).segments.items()}
    frames = list(seg_frames(path))
    if not frames:
        return LabelVolume(path=path, frame=None, layers=(), segments={(0, n): name for n, name in names.items()})
    first = frames[0].affine
    if any(not np.allclose(each.affine[:3, :3], first[:3, :3], rtol=0, atol=1e-3) for each in frames):
        raise MaskError("geometry-mismatch", "its frames differ in spacing or orientation; export it again")
    positions = np.array([each.affine[:3, 3] for each in frames])
    along = (positions - positions[0]) @ first[:3, 2]
    steps = np.diff(np.unique(np.round(along, 3)))
    steps = steps[steps > _SAME]
    # Frames that are left out make longer steps, and rounded positions make some a little shorter.
    step = float(np.median(steps[steps < 1.5 * steps.min()])) if len(steps) else 1.0
    index = np.rint((along - along.min()) / step).astype(int)
    if np.abs((along - along.min()) / step - index).max() > FITS:
        raise MaskError("geometry-mismatch", "its frames do not stand equally far apart; export it again")
    check_claim((*frames[0].pixels.shape[:2], int(index.max()) + 1), 1, MOST_VOXELS)
    low, high = along.argmin(), along.argmax()
    affine = first.copy()
    affine[:3, 2] = (positions[high] - positions[low]) / index[high] if index[high] else first[:3, 2]
    affine[:3, 3] = positions[low]
    columns, rows, _ = frames[0].pixels.shape
    layers: list[np.ndarray] = []
    segments: Segments = {}
    for each, k in zip(frames, index, strict=True):
        number, pixels = each.segment, each.pixels
        for layer in range(len(layers) + 1):
            if layer == len(layers):
                layers.append(np.zeros((columns, rows, index.max() + 1), np.uint8 if max(names) < 256 else np.uint16))
            if not layers[layer][:, :, k][pixels[:, :, 0]].any():
                break
        layers[layer][:, :, k][pixels[:, :, 0]] = number
        segments[layer, number] = names.get(number, "")
    for number, name in names.items():
        if not any(label == number for _, label in segments):
            segments[0, number] = name
    frame = Frame(shape=(columns, rows, int(index.max()) + 1), affine=affine)
    return LabelVolume(path=path, frame=frame, layers=tuple(layers), segments=segments, partial=True)


def common_frame(volumes: Sequence[LabelVolume]) -> Frame:
    """The grid of a prediction and its reference: that of the latter, or of whichever shows the whole scan.

    Raises:
        DataError: neither says where it lies.
    """
    known = [volume for volume in reversed(volumes) if volume.frame is not None]
    whole = [volume for volume in known if not volume.partial] or known
    if not whole:
        raise DataError(f"{volumes[-1].path}: has no frame, so its grid is unknown; export it with empty frames")
    frame = whole[0].frame
    assert frame is not None
    for other in known:
        if other.partial and whole[0].partial and other.frame is not None:
            frame = _union(frame, place(other.frame.shape, other.frame.affine, frame))
    return frame


def _union(frame: Frame, placement: Placement | None) -> Frame:
    if placement is None:
        return frame
    low = np.minimum(placement.start, 0)
    high = np.maximum(placement.stop, frame.shape)
    affine = frame.affine.copy()
    affine[:3, 3] = (frame.affine @ [*low, 1.0])[:3]
    columns, rows, slices = (high - low).tolist()
    return Frame(shape=(columns, rows, slices), affine=affine)


def onto(volume: LabelVolume, frame: Frame, other: Path) -> Placement | None:
    """How a volume lies on a grid; None for one without any frame.

    Args:
        volume: the volume.
        frame: the grid.
        other: whose grid it is, for messages.

    Raises:
        DataError: it is another grid.
    """
    if volume.frame is None:
        return None
    try:
        return fit(volume.frame.shape, volume.frame.affine, frame, other=str(other), cropped=volume.partial)
    except MaskError as error:
        raise DataError(f"{volume.path}: {error}") from None


def as_slices(mask: np.ndarray, placement: Placement, frame: Frame) -> np.ndarray:
    """A mask of a volume as bool `(slices, H, W)` of the grid, in canonical orientation."""
    turned = placement.turn(mask)
    if placement.shape != frame.shape or any(placement.start):
        turned = np.zeros(frame.shape[::-1], bool).T
        placement.paste(mask, turned)
    return np.ascontiguousarray(frame.to_slices(turned))
