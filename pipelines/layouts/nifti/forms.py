"""The forms in which NIfTI files are laid out: which file belongs to which case, and what it shows."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipelines.files.kinds import SCAN_NAMES, nifti_stem
from pipelines.targets import LESION, LIVER, Naming

NUMBERED, FOLDERS, PLAIN = "volume-N", "liver_N", "ct"  # forms
LABEL_FOLDERS = ("labelstr", "labels", "label", "masks", "mask", "segmentations", "segmentation")
_SCAN_FOLDERS = ("imagestr", "images", "image", "imgs", "img")  # beside one of label maps
_LITS = re.compile(r"(volume|segmentation)[-_](\d+)", re.IGNORECASE)
_CHANNEL = re.compile(r"_(\d{4})")  # that nnU-Net puts behind the name of a case
_ROLES = ("liver", "lesion", "tumor", "tumour")  # names of masks of which no other is needed

Stems = Mapping[Path, Mapping[Path, str]]
"""Folder to its NIfTI files and their names without the suffix."""


@dataclasses.dataclass(kw_only=True)
class Found:
    """A file that belongs to a case.

    Attributes:
        form: `NUMBERED`, `FOLDERS` or `PLAIN`.
        case: key of the case, unique: the folder that it is in, or that of its scans and labels, and its name.
        kind: `"image"`, `"labels"`, `"liver"` or `"lesion"`.
        path: the file.
    """

    form: str
    case: tuple[Path | None, str]
    kind: str
    path: Path


def find_files(tree: list[tuple[Path, list[Path]]], naming: Naming) -> Iterator[Found]:
    """Yields the files of every form, at any depth.

    Args:
        tree: folders and their files, as `walk` yields them.
        naming: which names are those of masks.
    """
    stems = {folder: {path: stem for path in files if (stem := nifti_stem(path)) is not None} for folder, files in tree}
    stems = {folder: found for folder, found in stems.items() if found}
    below: dict[Path, list[Path]] = {}
    for folder in stems:
        below.setdefault(folder.parent, []).append(folder)
    pairs = dict(_pairs_of_folders(stems, below))
    in_pairs = {*pairs, *pairs.values()}
    for images, labels in pairs.items():
        yield from _in_folders(images.parent, stems[images], stems.get(labels, {}))
    scans = {
        folder: path
        for folder, found in stems.items()
        for path, stem in found.items()
        if folder not in in_pairs and stem.lower() in SCAN_NAMES and _is_scan_of(folder, stem, stems, below, naming)
    }
    for folder, found in stems.items():
        if folder in in_pairs:
            continue
        above = folder.parent if folder.name.lower() in LABEL_FOLDERS and folder.parent in scans else None
        home = folder if folder in scans else above
        masks = {}
        for path, stem in found.items():
            if match := _LITS.fullmatch(stem):
                kind = "image" if match[1].lower() == "volume" else "labels"
                yield Found(form=NUMBERED, case=(None, f"volume-{int(match[2])}"), kind=kind, path=path)
            elif scans.get(folder) == path or (scans.get(folder) and stem.lower() == nifti_stem(scans[folder])):
                yield Found(form=PLAIN, case=(folder, ""), kind="image", path=path)
            elif home or stem.lower() in _ROLES:
                masks[path] = stem
        for path, kind in _masks(masks, naming):
            yield Found(form=PLAIN, case=(home or folder, ""), kind=kind, path=path)


def _masks(stems: Mapping[Path, str], naming: Naming) -> Iterator[tuple[Path, str]]:
    """Yields the masks of a case and what each shows; those that are called just liver, and so on, go first."""
    roles = {path: role for path, stem in stems.items() if (role := naming.role(stem))}
    exact = {role for path, role in roles.items() if stems[path].lower() in _ROLES}
    kept = {path: role for path, role in roles.items() if role not in exact or stems[path].lower() in _ROLES}
    livers, lesions = ([path for path, role in kept.items() if role == target] for target in (LIVER, LESION))
    for path, role in kept.items():
        if role == "labels" and (livers or lesions):
            continue
        # liver_tumor.nii.gz alone is a label map.
        both = role == LESION and not livers and naming.targets_in(stems[path]) == frozenset((LIVER, LESION))
        yield path, "labels" if both and len(lesions) == 1 else role


def _is_scan_of(folder: Path, stem: str, stems: Stems, below: Mapping[Path, list[Path]], naming: Naming) -> bool:
    """Whether a volume of such a name is a scan: if it is called ct, or has a mask beside or below it."""
    if stem.lower() == "ct":
        return True
    return any(naming.role(other) for near in (folder, *below.get(folder, ())) for other in stems[near].values())


def _pairs_of_folders(stems: Stems, below: Mapping[Path, list[Path]]) -> Iterator[tuple[Path, Path]]:
    """Yields folders of scans with those of their label maps, which may have no files."""
    for folder, found in stems.items():
        if folder.name.lower() not in _SCAN_FOLDERS or any(map(_LITS.fullmatch, found.values())):
            continue
        if folder.name.lower() == "imagestr":
            beside = [other for other in below[folder.parent] if other.name.lower() == "labelstr"]
            yield folder, beside[0] if beside else folder.parent / "labelsTr"
            continue
        names = {_regular(stem) for stem in found.values()} | {_regular(stem[:-5]) for stem in found.values()}
        for other in below.get(folder.parent, ()):
            if other.name.lower() in LABEL_FOLDERS and names & set(map(_regular, stems[other].values())):
                yield folder, other
                break


def _in_folders(root: Path, images: Mapping[Path, str], labels: Mapping[Path, str]) -> Iterator[Found]:
    """Yields the files of the Decathlon's form and nnU-Net's, whose names may end in the number of a channel."""
    names = set(labels.values())
    for path, stem in labels.items():
        yield Found(form=FOLDERS, case=(root, _regular(stem)), kind="labels", path=path)
    for path, stem in images.items():
        channel = _CHANNEL.fullmatch(stem[-5:])
        if stem in names or not channel:
            yield Found(form=FOLDERS, case=(root, _regular(stem)), kind="image", path=path)
        elif channel[1] == "0000":
            yield Found(form=FOLDERS, case=(root, _regular(stem[:-5])), kind="image", path=path)


def _regular(stem: str) -> str:
    """The name of a case without leading zeros of the Decathlon's numbers, and without img or label before a number."""
    if match := re.fullmatch(r"liver_(\d+)", stem, re.IGNORECASE):
        return f"liver_{int(match[1])}"
    return re.sub(r"^(img|image|ct|label|mask|seg)[-_]?(?=\d)", "", stem, flags=re.IGNORECASE)


def is_mask(path: Path) -> bool:
    """Whether a file is a mask of one of the forms, by its name and those beside it."""
    stem = nifti_stem(path)
    if stem is None:
        return False
    if match := _LITS.fullmatch(stem):
        return match[1].lower() == "segmentation"
    above = path.parent.parent
    if path.parent.name.lower() in LABEL_FOLDERS:
        if any(_has_scan(folder) for folder in above.iterdir() if folder.name.lower() in _SCAN_FOLDERS):
            return True
        if _has_scan(above):  # TotalSegmentator's
            return True
    return Naming().role(stem) is not None and _has_scan(path.parent, ("ct",))


def _has_scan(folder: Path, names: tuple[str, ...] = ()) -> bool:
    if not folder.is_dir():
        return False
    stems = (nifti_stem(path) for path in folder.iterdir())
    return any(stem is not None and (not names or stem.lower() in names) for stem in stems)
