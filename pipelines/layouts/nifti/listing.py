"""The NIfTI files of a data folder by case, in whatever of the usual forms they lie."""

import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipelines.files.kinds import SCAN_NAMES, nifti_stem
from pipelines.findings import Findings, Report
from pipelines.layouts.dicom.listing import count_folders
from pipelines.layouts.nifti.description import NAME as DESCRIPTION
from pipelines.layouts.nifti.description import described_labels
from pipelines.names import distinct
from pipelines.natural import natural_sort_key
from pipelines.targets import LESION, LIVER, Naming
from pipelines.walk import report_rest, walk

_LITS = re.compile(r"(volume|segmentation)[-_](\d+)", re.IGNORECASE)
_CHANNEL = re.compile(r"_(\d{4})")  # that nnU-Net puts behind the name of a case
_IMAGES = ("imagestr", "images", "image", "imgs")  # folders of scans, beside one of
_LABELS = ("labelstr", "labels", "label", "masks", "mask", "segmentations", "segmentation")
_LABEL_MAPS = ("labels", "label", "seg", "segmentation", "mask", "masks", "gt")
_ROLES = ("liver", "lesion", "tumor", "tumour")  # names of masks of which no other is needed
_ORDER: tuple[str, ...] = ("image", "labels", "liver", "lesion")
_NUMBERED, _FOLDERS, _PLAIN = "volume-N", "liver_N", "ct"  # forms


Stems = Mapping[Path, Mapping[Path, str]]
"""Folder to its NIfTI files and their names without the suffix."""


@dataclasses.dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Attributes:
        patient: name, by the number in the files' names or by the folder.
        paths: what a file shows to its path: `"image"`, and `"labels"` or else `"liver"` and perhaps `"lesion"`.
        labels: what the labels of a label map are, see `Naming.labels`; empty for those of LiTS.
    """

    patient: str
    paths: dict[str, Path]
    labels: Mapping[int, str | None] = dataclasses.field(default_factory=dict)

    @property
    def masks(self) -> dict[str, Path]:
        """The paths of the masks."""
        return {kind: path for kind, path in self.paths.items() if kind != "image"}

    @property
    def shows_lesions(self) -> bool:
        """Whether there is a mask of lesions, or a label map that has a label for them."""
        in_labels = "labels" in self.paths and (not self.labels or LESION in self.labels.values())
        return in_labels or "lesion" in self.paths


@dataclasses.dataclass(kw_only=True)
class _Found:
    """A file that belongs to a case.

    Attributes:
        form: of its name.
        case: key of the case, unique.
        kind: one of `_ORDER`.
        path: the file.
    """

    form: str
    case: tuple[Path | None, str]
    kind: str
    path: Path


def detect(directory: Path) -> bool:
    """Whether a folder has scans of one of the forms, and not more folders of DICOM slices; or masks, and none."""
    found = list(_find(list(walk(directory, Report(directory))), Naming()))
    scans = sum(one.kind == "image" for one in found)
    return bool(found) and scans >= count_folders(directory)


def is_mask(path: Path) -> bool:
    """Whether a file is a mask of one of the forms, by its name and those beside it."""
    stem = nifti_stem(path)
    if stem is None:
        return False
    if match := _LITS.fullmatch(stem):
        return match[1].lower() == "segmentation"
    above = path.parent.parent
    if path.parent.name.lower() in _LABELS:
        if any(_has_scan(folder) for folder in above.iterdir() if folder.name.lower() in _IMAGES):
            return True
        if _has_scan(above):  # TotalSegmentator's
            return True
    return _role(stem, Naming()) is not None and _has_scan(path.parent, ("ct",))


def list_cases(
    directory: Path, findings: Findings, *, naming: Naming | None = None, labelled: bool = True
) -> dict[str, CaseFiles]:
    """Lists the cases of a folder.

    Args:
        directory: the folder.
        findings: takes files that are missing, without their counterpart or there twice, and what is left aside.
        naming: which names and labels are those of masks.
        labelled: whether the masks are listed too; without, they need not be there, and what has none is left out.

    Returns:
        Name of each case to its files, in natural order; after an error, also cases that lack some.
    """
    naming = naming or Naming()
    tree = list(walk(directory, findings))
    files: dict[tuple[Path | None, str], dict[str, Path]] = {}
    forms: dict[str, Path] = {}
    taken: set[Path] = set()
    for one in _find(tree, naming):
        forms.setdefault(one.form, one.path)
        taken.add(one.path)
        if (other := files.setdefault(one.case, {}).setdefault(one.kind, one.path)) != one.path:
            case = one.case[1] or one.path.parent.name
            findings.error(
                "name-twice", one.path, f"{case} has {findings.name(other)} already; delete or rename one of them"
            )
    _report_rest(tree, taken, set(files), findings)
    if _PLAIN in forms and len(forms) > 1:
        findings.error(
            "forms-mixed", forms[_PLAIN], "lies beside volume-N.nii of another form; put each form into its own folder"
        )
    names = _names(list(files), directory)
    lesions = any(kinds.keys() & {"labels", "lesion"} for kinds in files.values())
    roots = {folder for folder, name in files if folder and name}
    described = {folder: described_labels(folder / DESCRIPTION, findings) for folder in sorted(roots)}
    cases = {}
    for key in sorted(files, key=lambda key: natural_sort_key(names[key])):
        folder, name = key[0], names[key]
        paths = {kind: files[key][kind] for kind in _ORDER if kind in files[key]}
        if labelled:
            plain = folder is not None and key[1] == "" and "labels" not in paths
            masks = ("liver", "lesion") if lesions else ("liver",)
            _check_pair(name, paths, masks if plain else ("labels",), findings)
        else:
            paths = {kind: path for kind, path in paths.items() if kind == "image"}
        if paths:
            labels = naming.labels or (described.get(folder, {}) if folder else {})
            numbered = re.fullmatch(r"(?:volume-|liver_)(\d+)", name)
            cases[name] = CaseFiles(numbered[1] if numbered else name, paths, labels)
    if not any("image" in case.paths for case in cases.values()):
        findings.error(
            "image-missing",
            directory,
            "no scan in it; it needs volume-N.nii with segmentation-N.nii, imagesTr/liver_N.nii.gz with "
            f"labelsTr and {DESCRIPTION}, or folders with ct.nii and liver.nii",
        )
    return cases


def _find(tree: list[tuple[Path, list[Path]]], naming: Naming) -> Iterator[_Found]:
    """Yields the files of every form, at any depth."""
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
        above = folder.parent if folder.name.lower() in _LABELS and folder.parent in scans else None
        home = folder if folder in scans else above
        masks = {}
        for path, stem in found.items():
            if match := _LITS.fullmatch(stem):
                kind = "image" if match[1].lower() == "volume" else "labels"
                yield _Found(form=_NUMBERED, case=(None, f"volume-{int(match[2])}"), kind=kind, path=path)
            elif scans.get(folder) == path or (scans.get(folder) and stem.lower() == nifti_stem(scans[folder])):
                yield _Found(form=_PLAIN, case=(folder, ""), kind="image", path=path)
            elif home or stem.lower() in _ROLES:
                masks[path] = stem
        for path, kind in _masks(masks, naming):
            yield _Found(form=_PLAIN, case=(home or folder, ""), kind=kind, path=path)


def _masks(stems: Mapping[Path, str], naming: Naming) -> Iterator[tuple[Path, str]]:
    """Yields the masks of a case and what each shows; those that are called just liver, and so on, go first."""
    roles = {path: role for path, stem in stems.items() if (role := _role(stem, naming))}
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
    return any(_role(other, naming) for near in (folder, *below.get(folder, ())) for other in stems[near].values())


def _role(stem: str, naming: Naming) -> str | None:
    """What a mask in a case's folder shows, by its name: `"labels"`, `"liver"`, `"lesion"` or nothing that is known."""
    targets = naming.targets_in(stem)
    if targets:
        return LESION if LESION in targets else LIVER
    return "labels" if targets is not None and stem.lower() in _LABEL_MAPS else None


def _pairs_of_folders(stems: Stems, below: Mapping[Path, list[Path]]) -> Iterator[tuple[Path, Path]]:
    """Yields folders of scans with those of their label maps, which may have no files."""
    for folder, found in stems.items():
        if folder.name.lower() not in _IMAGES or any(map(_LITS.fullmatch, found.values())):
            continue
        if folder.name.lower() == "imagestr":
            beside = [other for other in below[folder.parent] if other.name.lower() == "labelstr"]
            yield folder, beside[0] if beside else folder.parent / "labelsTr"
            continue
        names = {_regular(stem) for stem in found.values()} | {_regular(stem[:-5]) for stem in found.values()}
        for other in below.get(folder.parent, ()):
            if other.name.lower() in _LABELS and names & set(map(_regular, stems[other].values())):
                yield folder, other
                break


def _in_folders(root: Path, images: Mapping[Path, str], labels: Mapping[Path, str]) -> Iterator[_Found]:
    """Yields the files of the Decathlon's form and nnU-Net's, whose names may end in the number of a channel."""
    names = set(labels.values())
    for path, stem in labels.items():
        yield _Found(form=_FOLDERS, case=(root, _regular(stem)), kind="labels", path=path)
    for path, stem in images.items():
        channel = _CHANNEL.fullmatch(stem[-5:])
        if stem in names or not channel:
            yield _Found(form=_FOLDERS, case=(root, _regular(stem)), kind="image", path=path)
        elif channel[1] == "0000":
            yield _Found(form=_FOLDERS, case=(root, _regular(stem[:-5])), kind="image", path=path)


def _regular(stem: str) -> str:
    """The name of a case without leading zeros of the Decathlon's numbers, and without img or label before a number."""
    if match := re.fullmatch(r"liver_(\d+)", stem, re.IGNORECASE):
        return f"liver_{int(match[1])}"
    return re.sub(r"^(img|image|ct|label|mask|seg)[-_]?(?=\d)", "", stem, flags=re.IGNORECASE)


def _names(keys: Iterable[tuple[Path | None, str]], directory: Path) -> dict[tuple[Path | None, str], str]:
    """Key of each case to its name: its own, or its folder's after those of the folders above, where needed."""
    keys = list(keys)
    root = directory.absolute()
    above = []
    for folder, name in keys:
        path = (folder or root).absolute()
        parts = path.relative_to(root).parts[::-1] if path != root else ()
        above.append(parts if name else parts[1:])
    own = [name or Path(os.path.abspath(folder or root)).name for folder, name in keys]
    return dict(zip(keys, distinct(own, above), strict=True))


def _report_rest(
    tree: Iterable[tuple[Path, list[Path]]], taken: set[Path], cases: set[tuple[Path | None, str]], findings: Findings
) -> None:
    homes = {folder for folder, _ in cases if folder}
    rest, structures, unlabelled = [], [], []
    for folder, files in tree:
        for path in files:
            if path in taken:
                continue
            volume = nifti_stem(path) is not None
            if volume and folder.name.lower() in _LABELS and folder.parent in homes:
                structures.append(path)
            elif volume and folder.name.lower() in ("imagests", "labelsts"):
                unlabelled.append(path)
            else:
                rest.append(path)
    findings.left_aside("masks of other structures", structures)
    findings.left_aside("test scans", unlabelled)
    report_rest(rest, findings)


def _has_scan(folder: Path, names: tuple[str, ...] = ()) -> bool:
    if not folder.is_dir():
        return False
    stems = (nifti_stem(path) for path in folder.iterdir())
    return any(stem is not None and (not names or stem.lower() in names) for stem in stems)


def _check_pair(name: str, paths: dict[str, Path], needed: tuple[str, ...], findings: Findings) -> None:
    if "image" not in paths:
        for path in paths.values():
            findings.error("mask-orphan", path, "no image for this mask; add it or delete the mask")
        return
    for kind in needed:
        if kind not in paths:
            what = "segmentation" if kind == "labels" else f"{kind} mask"
            why = ", which other cases have" if kind == "lesion" else ""
            findings.error(
                "mask-missing",
                paths["image"],
                f"{name} has no {what}{why}; add it (all 0 if there is none) or delete the image",
            )
