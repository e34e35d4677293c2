"""Masks that lie beside the slices of a CT: DICOM SEG, NRRD and NIfTI, brought onto its grid unresampled."""

import dataclasses
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import highdicom
import nibabel
import nrrd
import numpy as np
from pydicom import Dataset, dcmread

from pipelines.errors import DataError
from pipelines.geometry import Frame

TOLERANCE = 1e-3  # mm by which a voxel of a mask may lie beside the CT's
_LIVER = re.compile("liver", re.IGNORECASE)
_LESION = re.compile(r"lesion|tumou?r|neoplasm|\bmass(es)?\b", re.IGNORECASE)
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# NRRD's name of a space to what turns it into RAS+.
_SPACES = {
    "left-posterior-superior": _LPS_TO_RAS,
    "lps": _LPS_TO_RAS,
    "right-anterior-superior": np.eye(4),
    "ras": np.eye(4),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskFile:
    """A file of masks, by its header.

    Attributes:
        path: the file.
        kind: `"seg"`, `"nrrd"` or `"nifti"`.
        segments: (layer, label) to target for the segments that the header names and that are of use; layer is 0
            but in NRRD files of several. None where the header names none.
        named: what the file's name speaks of, some of `"liver"` and `"lesion"`; empty where `segments` tell.
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
        """Whether a label map has a label 2; reads it whole."""
        return bool((_load(self)[0] == 2).any())


def find_masks(directory: Path, segs: Sequence[Path]) -> list[MaskFile]:
    """Lists the mask files of a case by their headers.

    Args:
        directory: the folder, searched for .nrrd, .nii and .nii.gz.
        segs: its DICOM SEG files.

    Raises:
        DataError: a header cannot be read, or names segments none of which is liver or lesion.
    """
    found = [
        MaskFile(path=path, kind="seg", segments=_targets(path, _seg_names(path)), named=frozenset()) for path in segs
    ]
    for path in sorted(directory.iterdir()):
        kind = {".nrrd": "nrrd", ".nii": "nifti", ".gz": "nifti"}.get(path.suffix.lower())
        if not kind or path.name[0] == "." or (path.suffix == ".gz" and not path.stem.lower().endswith(".nii")):
            continue
        segments = _targets(path, _nrrd_names(_nrrd_header(path))) if kind == "nrrd" else None
        words = {"liver": _LIVER, "lesion": _LESION}
        named = {target for target, word in words.items() if word.search(path.name)} if segments is None else ()
        found.append(MaskFile(path=path, kind=kind, segments=segments, named=frozenset(named)))
    return found


def read_masks(files: Sequence[MaskFile], frame: Frame, *, slack: float = 0.0) -> dict[str, np.ndarray]:
    """Reads masks onto the grid of the CT.

    Args:
        files: of one case.
        frame: of the CT's array.
        slack: mm that the CT's own slices lie off their even grid, granted to the masks too.

    Returns:
        `"liver"` and `"lesion"` to bool arrays of `frame.shape`; liver includes lesion, and lesion may be empty.

    Raises:
        DataError: a file is unreadable, lies on another grid or has unknown labels, or liver is in no file or in two.
    """
    # The last axis of a DICOM array is the slowest in memory.
    masks = {target: np.zeros(frame.shape[::-1], bool).T for target in ("liver", "lesion")}
    sources: dict[str, Path] = {}
    for file in files:
        for target, part, affine in _seg_parts(file) if file.kind == "seg" else _array_parts(file):
            # Two files of lesions are two lesions, but two livers are two opinions.
            if target == "liver" and sources.setdefault("liver", file.path) != file.path:
                raise DataError(f"{file.path}: shows the liver, and so does {sources['liver'].name}; keep one of them")
            if part is None:
                continue
            part, start = _onto_grid(part, affine, frame, file.path, TOLERANCE + slack, whole=file.kind != "seg")
            box = tuple(slice(low, low + count) for low, count in zip(start, part.shape, strict=True))
            masks[target][box] |= part
    if "liver" not in sources:
        files_read = ", ".join(file.path.name for file in files)
        raise DataError(f"{files[0].path.parent}: no liver mask in {files_read}; add one beside the slices")
    masks["liver"] |= masks["lesion"]
    return masks


def affine_of_slices(
    position: Sequence[float], orientation: Sequence[float], spacing: Sequence[float], step: Sequence[float]
) -> np.ndarray:
    """`(4, 4)` float64, (column, row, slice) to mm RAS+, from DICOM's attributes.

    Args:
        position: ImagePositionPatient of slice 0.
        orientation: ImageOrientationPatient.
        spacing: PixelSpacing: mm from row to row, then from column to column.
        step: `(3,)` mm from a slice to the next, LPS+.
    """
    affine = np.eye(4)
    affine[:3, 0] = np.array(orientation[:3], float) * float(spacing[1])
    affine[:3, 1] = np.array(orientation[3:], float) * float(spacing[0])
    affine[:3, 2] = step
    affine[:3, 3] = position
    return _LPS_TO_RAS @ affine


def _onto_grid(
    array: np.ndarray, affine: np.ndarray, frame: Frame, path: Path, tolerance: float, *, whole: bool
) -> tuple[np.ndarray, tuple[int, ...]]:
    """Swaps and turns a mask's axes into the CT's; returns it and the CT index of its first voxel."""
    to_ct = np.linalg.inv(frame.affine) @ affine
    # Compared in mm, since the slices of a tilted gantry share some of their step with the rows.
    lengths = np.linalg.norm(frame.affine[:3, :3], axis=0)
    axes = np.abs(to_ct[:3, :3] * lengths[:, None]).argmax(axis=0)  # the CT's axis of each of the mask's
    ideal = np.zeros((4, 4))
    ideal[axes, range(3)] = np.sign(to_ct[axes, range(3)])
    ideal[:3, 3] = np.rint(to_ct[:3, 3])
    ideal[3, 3] = 1.0
    corners = np.array([[*corner, 1.0] for corner in np.ndindex(2, 2, 2)]).T
    corners[:3] *= np.array(array.shape)[:, None] - 1
    off = np.linalg.norm(((frame.affine @ ideal - affine) @ corners)[:3], axis=0).max()
    detail = f"voxels up to {off:.3g} mm off"
    if len(set(axes)) == 3 and off <= tolerance:
        ends = (ideal @ corners)[:3].round().astype(int)
        start, stop = ends.min(axis=1), ends.max(axis=1) + 1
        if (start >= 0).all() and (stop <= frame.shape).all() and (not whole or (stop - start == frame.shape).all()):
            turned = array[tuple(slice(None, None, int(ideal[axis, n])) for n, axis in enumerate(axes))]
            return turned.transpose(np.argsort(axes)), tuple(int(index) for index in start)
        detail = "which ends elsewhere"
    shapes = "{}x{}x{} against {}x{}x{}".format(*array.shape, *frame.shape)
    raise DataError(f"{path}: not on the grid of its slices ({shapes} voxels, {detail}); resample it onto the CT")


def _array_parts(file: MaskFile) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Target, bool array and affine of what an NRRD or NIfTI file shows."""
    array, affine = _load(file)
    if file.segments is not None:
        for (layer, label), target in file.segments.items():
            if layer >= len(array):
                raise DataError(f"{file.path}: its header speaks of more layers than are there; export it again")
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
        shown = ", ".join(f"{label:g}" for label in labels[:6]) + (", ..." if len(labels) > 6 else "")
        what = "1 for lesion alone" if file.named == {"lesion"} else "1 for liver and 2 for lesion"
        raise DataError(f"{file.path}: labels {shown}; save it with 0 and {what}")


def _load(file: MaskFile) -> tuple[np.ndarray, np.ndarray]:
    """`(layers, i, j, k)` labels and the RAS+ affine of (i, j, k)."""
    path = file.path
    try:
        if file.kind == "nifti":
            image = nibabel.load(path)
            array, affine = np.asanyarray(image.dataobj), image.affine
            array = array.reshape(array.shape[:3]) if array.shape[3:].count(1) == array.ndim - 3 else array
        else:
            array, header = nrrd.read(str(path))
            affine = _nrrd_affine(header, path)
            # 3D Slicer stacks overlapping segments along a first axis.
            if array.ndim == 4:
                return array, affine
    except DataError:
        raise
    except Exception as error:  # of gzip, of zlib and of either package, each with errors of its own
        raise DataError(f"{path}: cannot be read ({_one_line(error)}); export it again") from None
    if array.ndim != 3:
        raise DataError(f"{path}: has {array.ndim} axes; save a mask of three")
    return array[None], affine


def _nrrd_affine(header: dict, path: Path) -> np.ndarray:
    space = str(header.get("space", "")).lower()
    if space not in _SPACES or "space directions" not in header or "space origin" not in header:
        raise DataError(f"{path}: does not say where it lies; save it with space, space directions and space origin")
    directions = np.array([row for row in header["space directions"] if row is not None], float)
    directions = directions[np.isfinite(directions).all(axis=1)]  # the axis of layers has none
    affine = np.eye(4)
    if directions.shape != (3, 3) or abs(np.linalg.det(directions)) < 1e-9:
        raise DataError(f"{path}: its space directions span no volume; save it again with three of them")
    affine[:3, :3], affine[:3, 3] = directions.T, header["space origin"]
    return _SPACES[space] @ affine


def _nrrd_header(path: Path) -> dict:
    try:
        return nrrd.read_header(str(path))
    except Exception as error:  # pynrrd lets decoding and number errors through
        raise DataError(f"{path}: cannot be read ({_one_line(error)}); export it again") from None


def _nrrd_names(header: dict) -> dict[tuple[int, int], str] | None:
    """(layer, label) to name of the segments that 3D Slicer wrote into a .seg.nrrd."""
    numbers = [key[len("Segment") : -len("_Name")] for key in header if re.fullmatch(r"Segment\d+_Name", str(key))]
    names = {}
    for n in numbers:
        label = int(header.get(f"Segment{n}_LabelValue", int(n) + 1))
        names[int(header.get(f"Segment{n}_Layer", 0)), label] = str(header[f"Segment{n}_Name"])
    return names or None


def _seg_names(path: Path) -> dict[tuple[int, int], str]:
    try:
        header = dcmread(path, stop_before_pixels=True, specific_tags=["SegmentSequence"])
        return {(0, int(item.SegmentNumber)): _seg_name(item) for item in header.SegmentSequence}
    except Exception as error:  # pydicom parses values when they are asked for, and raises what it likes
        raise DataError(f"{path}: cannot be read as a segmentation ({_one_line(error)}); export it again") from None


def _seg_name(item: Dataset) -> str:
    types = [code.get("CodeMeaning", "") for code in item.get("SegmentedPropertyTypeCodeSequence") or ()]
    return " / ".join([str(item.get("SegmentLabel", "")), *types])


def _targets(path: Path, names: dict[tuple[int, int], str] | None) -> dict[tuple[int, int], str] | None:
    """Segment to target, by name; what speaks of both is a lesion of the liver."""
    if names is None:
        return None
    found = {key: "lesion" for key, name in names.items() if _LESION.search(name)}
    found |= {key: "liver" for key, name in names.items() if key not in found and _LIVER.search(name)}
    if not found:
        raise DataError(f"{path}: no segment called liver or lesion, only {', '.join(names.values())}; rename them")
    return found


def _seg_parts(file: MaskFile) -> Iterator[tuple[str, np.ndarray | None, np.ndarray | None]]:
    """Target, bool `(column, row, 1)` and affine, frame by frame; first every target without frames."""
    for target in set(file.segments.values()):
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
                for (_, label), target in file.segments.items():
                    yield target, pixels == label, affine
                continue
            identification = (own.get("SegmentIdentificationSequence") or shared.SegmentIdentificationSequence)[0]
            target = file.segments.get((0, int(identification.ReferencedSegmentNumber)))
            if target is None:
                continue
            full = 1 if seg.SegmentationType == "BINARY" else int(seg.MaximumFractionalValue)
            if not np.isin(pixels, (0, full)).all():
                raise DataError(f"{file.path}: holds fractions, not yes or no; save it as a binary segmentation")
            yield target, pixels != 0, affine
    except DataError:
        raise
    except Exception as error:  # as above: a broken file shows in many ways
        raise DataError(f"{file.path}: cannot be read ({_one_line(error)}); export it again") from None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
