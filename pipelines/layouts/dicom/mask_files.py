"""Single files of masks: DICOM SEG, NRRD and NIfTI; and masks in DICOM slices."""

import dataclasses
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipelines.errors import DataError
from pipelines.files.dicom_seg import SegHeader, Segment, read_seg_header, seg_frames
from pipelines.files.labels import MaskError, levels
from pipelines.files.nrrd import nrrd_segments
from pipelines.findings import listed
from pipelines.layouts.dicom.series import read_series
from pipelines.masks.volumes import read_volume
from pipelines.targets import LESION, LIVER, Naming

_SUFFIX = re.compile(r"(\.seg)?\.(nrrd|nii(\.gz)?)$", re.IGNORECASE)
_KINDS = {"nrrd": "NRRD", "nifti": "NIfTI"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """What a file shows of a target, or a piece of it.

    Attributes:
        target: `"liver"` or `"lesion"`.
        mask: bool `(i, j, k)`; None for a target that has no frames.
        affine: `(4, 4)`, RAS+, likewise.
        sources: SOPInstanceUIDs of the slices that it was drawn on; empty where nobody says.
    """

    target: str
    mask: np.ndarray | None = None
    affine: np.ndarray | None = None
    sources: frozenset[str] = frozenset()


@dataclasses.dataclass(frozen=True, kw_only=True)
class MaskFile:
    """A file of masks, by its header.

    Attributes:
        path: the file, or the folder of slices.
        kind: `"seg"`, `"nrrd"`, `"nifti"` or `"slices"`.
        segments: (layer, label) to target for the segments that the header names and that are of use; layer is 0
            but in NRRD files of several. None where the header names none.
        named: what the file's name speaks of, some of `"liver"` and `"lesion"`; empty where `segments` say.
        labels: what a user says that the labels are, see `Naming.labels`; empty for the usual ones.
        files: the slices, if it is a folder of them.
        header: of a DICOM SEG.
    """

    path: Path
    kind: str
    segments: dict[tuple[int, int], str] | None
    named: frozenset[str]
    labels: Mapping[int, str | None]
    files: tuple[Path, ...] = ()
    header: SegHeader | None = None

    @property
    def shown(self) -> str:
        """What it is taken for, as a few words."""
        if self.segments is not None:
            return "segments"
        return LESION if LESION in self.named else LIVER if self.named else "labels"

    @property
    def cropped(self) -> bool:
        """Whether it may cover a part of the scan only, outside of which nothing is."""
        return self.kind in ("seg", "nrrd")  # 3D Slicer saves the extent of the segments

    def surely_has(self, target: str) -> bool:
        """Whether header or name say that the target is in it, be it empty."""
        return target in self.named or target in (self.segments or {}).values()

    @property
    def is_label_map(self) -> bool:
        """Whether only its values tell if it shows lesions: 1 is liver and 2, if there, lesion."""
        return self.segments is None and "lesion" not in self.named and self.kind != "slices"

    def shows_lesions(self) -> bool:
        """Whether a label map has the label of lesions; reads it whole.

        Raises:
            MaskError: it cannot be read.
        """
        lesions = [label for label, target in self.labels.items() if target == LESION] if self.labels else [2]
        return bool(np.isin(_load(self)[0], lesions).any())


def open_mask_file(path: Path, kind: str, naming: Naming) -> MaskFile | None:
    """Reads the header of a file of masks; None if its name is that of another structure.

    Raises:
        MaskError: it cannot be read, or names segments none of which is liver or lesion.
    """
    if kind == "seg":
        header = read_seg_header(path)
        described = {(0, number): one for number, one in header.segments.items()}
        return MaskFile(
            path=path, kind=kind, segments=_targets(described, naming), named=frozenset(), labels={}, header=header
        )
    names = nrrd_segments(path) if kind == "nrrd" else None
    if names is not None:
        described = {key: Segment(text=name, target=None, disputed=False) for key, name in names.items()}
        return MaskFile(path=path, kind=kind, segments=_targets(described, naming), named=frozenset(), labels={})
    named = naming.targets_in(stem_of(path))
    if named is None:
        return None
    return MaskFile(path=path, kind=kind, segments=None, named=named, labels=naming.labels)


def stem_of(path: Path) -> str:
    """The name of an NRRD or NIfTI file without its suffix."""
    return _SUFFIX.sub("", path.name)


def mask_slices(folder: Path, files: Sequence[Path], naming: Naming) -> MaskFile | None:
    """The mask in the DICOM slices of a folder, by the folder's name; None if it is of another structure."""
    named = naming.targets_in(folder.name)
    if not named:
        return None
    target = LESION if LESION in named else LIVER
    return MaskFile(path=folder, kind="slices", segments=None, named=frozenset([target]), labels={}, files=tuple(files))


def parts_of(file: MaskFile) -> Iterator[Part]:
    """Yields what a file shows, an array at a time; a SEG first yields each target without an array.

    Raises:
        MaskError: it cannot be read, does not say where it lies, or has unknown labels.
    """
    return _seg_parts(file) if file.kind == "seg" else _array_parts(file)


def _array_parts(file: MaskFile) -> Iterator[Part]:
    """What an NRRD or NIfTI file shows, or slices do."""
    layers, affine = _load(file)
    if file.segments is not None:
        for (layer, label), target in file.segments.items():
            if layer >= len(layers):
                raise MaskError("mask-unreadable", "its header names more layers than are there; export it again")
            yield Part(target=target, mask=layers[layer] == label, affine=affine)
        return
    array = layers[0]
    if file.kind == "slices":
        mask = array != min(0, array.min())  # some have a CT's intercept
        yield Part(target=next(iter(file.named)), mask=mask, affine=affine)
        return
    if file.labels and not file.named:
        yield from _by_labels(array, affine, file.labels)
        return
    labels = [label for label in levels(array).tolist() if label]
    if labels == [1, 2] and file.named != {"lesion"}:
        yield Part(target="liver", mask=array == 1, affine=affine)
        yield Part(target="lesion", mask=array == 2, affine=affine)
    elif "lesion" in file.named and len(labels) < 2:
        yield Part(target="lesion", mask=array != 0, affine=affine)
    elif "lesion" not in file.named and (labels in ([], [1]) or (file.named and len(labels) == 1 and labels != [2])):
        yield Part(target="liver", mask=array != 0, affine=affine)
    else:
        what = "1 for lesion alone" if file.named == {"lesion"} else "1 for liver and 2 for lesion"
        raise MaskError("mask-values", f"labels {listed(labels)}; save it with 0 and {what}")


def _by_labels(array: np.ndarray, affine: np.ndarray, labels: Mapping[int, str | None]) -> Iterator[Part]:
    if unknown := sorted(set(levels(array).tolist()) - {0, *labels}):
        raise MaskError("mask-values", f"labels {listed(unknown)}, which have no name; name them by `labels`")
    for target in (LIVER, LESION):
        members = [label for label, one in labels.items() if one == target]
        if members:
            yield Part(target=target, mask=np.isin(array, members), affine=affine)


def _load(file: MaskFile) -> tuple[Sequence[np.ndarray], np.ndarray]:
    """Layers `(i, j, k)` of labels, and the RAS+ affine of (i, j, k)."""
    if file.kind == "slices":
        try:
            values, frame = read_series(file.files)
        except DataError as error:
            raise MaskError("mask-unreadable", f"not masks in slices of one series ({error})") from None
        return [values], frame.affine
    volume = read_volume(file.path, _KINDS[file.kind])
    assert volume.frame is not None  # which only segmentations lack
    return volume.layers, volume.frame.affine


def _targets(described: Mapping[tuple[int, int], Segment], naming: Naming) -> dict[tuple[int, int], str]:
    """Segment to target: by a user's word, else by its code, else by its name; a lesion of the liver is a lesion."""
    found = {}
    for key, segment in described.items():
        if segment.target and not naming.states(segment.text):
            found[key] = segment.target
        elif targets := naming.targets_in(segment.text):
            found[key] = LESION if LESION in targets else LIVER
    if not found:
        names = ", ".join(segment.text for segment in described.values())
        raise MaskError(
            "mask-values",
            f"no segment called liver or lesion, only {names}; rename them, or name their words by `labels`",
        )
    return found


def _seg_parts(file: MaskFile) -> Iterator[Part]:
    """Frame by frame; first every target without frames."""
    segments = file.segments or {}
    for target in set(segments.values()):
        yield Part(target=target)
    for frame in seg_frames(file.path):
        if (0, frame.segment) in segments:
            target = segments[0, frame.segment]
            yield Part(target=target, mask=frame.pixels, affine=frame.affine, sources=frame.sources)
