"""Single files of masks: DICOM SEG, NRRD and NIfTI."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pipelines.files.dicom_seg import seg_frames, seg_segments
from pipelines.files.labels import MaskError
from pipelines.files.nifti import load_image
from pipelines.files.nrrd import nrrd_segments, read_nrrd, unreadable
from pipelines.findings import listed
from pipelines.targets import LESION, LIVER, targets_in

Part = tuple[str, np.ndarray | None, np.ndarray | None]  # target, bool array and its affine


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskFile:
    """A file of masks, by its header.

    Attributes:
        path: the file.
        kind: `"seg"`, `"nrrd"` or `"nifti"`.
        segments: (layer, label) to target for the segments that the header names and that are of use; layer is 0
            but in NRRD files of several. None where the header names none.
        named: what the file's name speaks of, some of `"liver"` and `"lesion"`; empty where `segments` say.
    """

    path: Path
    kind: str
    segments: dict[tuple[int, int], str] | None
    named: frozenset[str]

    def surely_has(self, target: str) -> bool:
        """Whether header or name say that the target is in it, be it empty."""
        return target in self.named or target in (self.segments or {}).values()

    @property
    def is_label_map(self) -> bool:
        """Whether only its values tell if it shows lesions: 1 is liver and 2, if there, lesion."""
        return self.segments is None and "lesion" not in self.named

    def shows_lesions(self) -> bool:
        """Whether a label map has a label 2; reads it whole.

        Raises:
            MaskError: it cannot be read.
        """
        return bool((_load(self)[0] == 2).any())


def open_mask_file(path: Path, kind: str) -> MaskFile:
    """Reads the header of a file of masks.

    Raises:
        MaskError: it cannot be read, or names segments none of which is liver or lesion.
    """
    if kind == "seg":
        names: dict[tuple[int, int], str] | None = {(0, number): name for number, name in seg_segments(path).items()}
    else:
        names = nrrd_segments(path) if kind == "nrrd" else None
    if names is not None:
        return MaskFile(path=path, kind=kind, segments=_targets(names), named=frozenset())
    return MaskFile(path=path, kind=kind, segments=None, named=targets_in(path.name))


def parts_of(file: MaskFile) -> Iterator[Part]:
    """Yields what a file shows, an array at a time; a SEG first yields each target without an array.

    Raises:
        MaskError: it cannot be read, does not say where it lies, or has unknown labels.
    """
    return _seg_parts(file) if file.kind == "seg" else _array_parts(file)


def _array_parts(file: MaskFile) -> Iterator[Part]:
    """Target, bool array and affine of what an NRRD or NIfTI file shows."""
    array, affine = _load(file)
    if file.segments is not None:
        for (layer, label), target in file.segments.items():
            if layer >= len(array):
                raise MaskError("mask-unreadable", "its header names more layers than are there; export it again")
            yield target, array[layer] == label, affine
        return
    array = array[0]
    labels = [label for label in (1, 2) if (array == label).any()]
    labels += np.unique(array[(array != 0) & (array != 1) & (array != 2)]).tolist()
    if labels == [1, 2] and file.named != {"lesion"}:
        yield "liver", array == 1, affine
        yield "lesion", array == 2, affine
    elif "lesion" in file.named and len(labels) < 2:
        yield "lesion", array != 0, affine
    elif "lesion" not in file.named and (labels in ([], [1]) or (file.named and len(labels) == 1 and labels != [2])):
        yield "liver", array != 0, affine
    else:
        what = "1 for lesion alone" if file.named == {"lesion"} else "1 for liver and 2 for lesion"
        raise MaskError("mask-values", f"labels {listed(labels)}; save it with 0 and {what}")


def _load(file: MaskFile) -> tuple[np.ndarray, np.ndarray]:
    """`(layers, i, j, k)` labels and the RAS+ affine of (i, j, k)."""
    if file.kind == "nrrd":
        return read_nrrd(file.path)
    try:
        image = load_image(file.path)
        array, affine = np.asanyarray(image.dataobj), image.affine
    except Exception as error:  # of gzip, of zlib and of nibabel, each with errors of its own
        raise unreadable(error) from None
    array = array.reshape(array.shape[:3]) if array.shape[3:].count(1) == array.ndim - 3 else array
    if array.ndim != 3:
        raise MaskError("mask-unreadable", f"has {array.ndim} axes; save a mask of three")
    return array[None], affine


def _targets(names: dict[tuple[int, int], str]) -> dict[tuple[int, int], str]:
    """Segment to target, by name; what speaks of both is a lesion of the liver."""
    found = {key: LESION for key, name in names.items() if LESION in targets_in(name)}
    found |= {key: LIVER for key, name in names.items() if key not in found and LIVER in targets_in(name)}
    if not found:
        raise MaskError(
            "mask-values", f"no segment called liver or lesion, only {', '.join(names.values())}; rename them"
        )
    return found


def _seg_parts(file: MaskFile) -> Iterator[Part]:
    """Target, bool `(column, row, 1)` and affine, frame by frame; first every target without frames."""
    segments = file.segments or {}
    for target in set(segments.values()):
        yield target, None, None
    for number, pixels, affine in seg_frames(file.path):
        if (0, number) in segments:
            yield segments[0, number], pixels, affine
