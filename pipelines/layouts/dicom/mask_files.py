"""Single files of masks: DICOM SEG, NRRD and NIfTI."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import highdicom
import nibabel
import nrrd
import numpy as np
from pydicom import Dataset, dcmread

from pipelines.findings import listed
from pipelines.layouts.dicom.series import affine_of_slices

Part = tuple[str, np.ndarray | None, np.ndarray | None]  # target, bool array and its affine
_WORDS = {
    "liver": re.compile("liver", re.IGNORECASE),
    "lesion": re.compile(r"lesion|tumou?r|neoplasm|\bmass(es)?\b", re.IGNORECASE),
}
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# NRRD's name of a space to what turns it into RAS+.
_SPACES = {
    "left-posterior-superior": _LPS_TO_RAS,
    "lps": _LPS_TO_RAS,
    "right-anterior-superior": np.eye(4),
    "ras": np.eye(4),
}


class MaskError(Exception):
    """A file of masks that cannot be used; the message, without the file, and the code of the finding."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


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
    names = _seg_names(path) if kind == "seg" else _nrrd_names(path) if kind == "nrrd" else None
    if names is not None:
        return MaskFile(path=path, kind=kind, segments=_targets(names), named=frozenset())
    named = frozenset(target for target, word in _WORDS.items() if word.search(path.name))
    return MaskFile(path=path, kind=kind, segments=None, named=named)


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
    path = file.path
    try:
        if file.kind == "nifti":
            image: Any = nibabel.load(path)
            array, affine = np.asanyarray(image.dataobj), image.affine
            array = array.reshape(array.shape[:3]) if array.shape[3:].count(1) == array.ndim - 3 else array
        else:
            array, header = nrrd.read(str(path))
            affine = _nrrd_affine(header)
            # 3D Slicer stacks overlapping segments along a first axis.
            if array.ndim == 4:
                return array, affine
    except MaskError:
        raise
    except Exception as error:  # of gzip, of zlib and of either package, each with errors of its own
        raise MaskError("mask-unreadable", f"cannot be read ({_one_line(error)}); export it again") from None
    if array.ndim != 3:
        raise MaskError("mask-unreadable", f"has {array.ndim} axes; save a mask of three")
    return array[None], affine


def _nrrd_affine(header: dict[str, Any]) -> np.ndarray:
    space = str(header.get("space", "")).lower()
    if space not in _SPACES or "space directions" not in header or "space origin" not in header:
        raise MaskError(
            "affine-unset", "does not say where it lies; save it with space, space directions and space origin"
        )
    directions = np.array([row for row in header["space directions"] if row is not None], float)
    directions = directions[np.isfinite(directions).all(axis=1)]  # the axis of layers has none
    affine = np.eye(4)
    if directions.shape != (3, 3) or abs(np.linalg.det(directions)) < 1e-9:
        raise MaskError("affine-singular", "its space directions span no volume; save it again with three of them")
    affine[:3, :3], affine[:3, 3] = directions.T, header["space origin"]
    return _SPACES[space] @ affine


def _nrrd_names(path: Path) -> dict[tuple[int, int], str] | None:
    """(layer, label) to name of the segments that 3D Slicer wrote into a .seg.nrrd; None where there are none."""
    try:
        header = nrrd.read_header(str(path))
        numbers = [key[len("Segment") : -len("_Name")] for key in header if re.fullmatch(r"Segment\d+_Name", str(key))]
        names = {}
        for n in numbers:
            label = int(header.get(f"Segment{n}_LabelValue", int(n) + 1))
            names[int(header.get(f"Segment{n}_Layer", 0)), label] = str(header[f"Segment{n}_Name"])
    except Exception as error:  # pynrrd lets decoding and number errors through
        raise MaskError("mask-unreadable", f"cannot be read ({_one_line(error)}); export it again") from None
    return names or None


def _seg_names(path: Path) -> dict[tuple[int, int], str]:
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SegmentSequence"])
        return {(0, int(item.SegmentNumber)): _seg_name(item) for item in header.SegmentSequence}
    except Exception as error:  # pydicom parses values when they are asked for, and raises what it likes
        raise MaskError(
            "mask-unreadable", f"cannot be read as a segmentation ({_one_line(error)}); export it again"
        ) from None


def _seg_name(item: Dataset) -> str:
    types = [code.get("CodeMeaning", "") for code in item.get("SegmentedPropertyTypeCodeSequence") or ()]
    return " / ".join([str(item.get("SegmentLabel", "")), *types])


def _targets(names: dict[tuple[int, int], str]) -> dict[tuple[int, int], str]:
    """Segment to target, by name; what speaks of both is a lesion of the liver."""
    found = {key: "lesion" for key, name in names.items() if _WORDS["lesion"].search(name)}
    found |= {key: "liver" for key, name in names.items() if key not in found and _WORDS["liver"].search(name)}
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
    try:
        seg = highdicom.seg.segread(file.path, lazy_frame_retrieval=True)
        shared = seg.SharedFunctionalGroupsSequence[0]
        for number, own in enumerate(seg.PerFrameFunctionalGroupsSequence, start=1):
            position, orientation, measures = (
                (own.get(name) or shared[name].value)[0]
                for name in ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
            )
            cosines = np.array(orientation.ImageOrientationPatient, float)
            affine = affine_of_slices(
                position.ImagePositionPatient, cosines, measures.PixelSpacing, np.cross(cosines[:3], cosines[3:])
            )
            pixels = seg.get_stored_frame(number).T[:, :, None]
            if seg.SegmentationType == "LABELMAP":
                for (_, label), target in segments.items():
                    yield target, pixels == label, affine
                continue
            identification = (own.get("SegmentIdentificationSequence") or shared.SegmentIdentificationSequence)[0]
            key = 0, int(identification.ReferencedSegmentNumber)
            if key not in segments:
                continue
            full = 1 if seg.SegmentationType == "BINARY" else int(seg.MaximumFractionalValue)
            if not np.isin(pixels, (0, full)).all():
                raise MaskError("mask-values", "holds fractions, not yes or no; save it as a binary segmentation")
            yield segments[key], pixels != 0, affine
    except MaskError:
        raise
    except Exception as error:  # as above: a broken file shows in many ways
        raise MaskError("mask-unreadable", f"cannot be read ({_one_line(error)}); export it again") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
