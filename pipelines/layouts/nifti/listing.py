"""The NIfTI files of a data folder by case, in whatever of the usual forms they lie."""

import dataclasses
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from pipelines.files.kinds import nifti_stem
from pipelines.findings import Findings, Report
from pipelines.layouts.dicom.listing import count_folders
from pipelines.layouts.nifti.description import NAME as DESCRIPTION
from pipelines.layouts.nifti.description import described_labels
from pipelines.layouts.nifti.forms import LABEL_FOLDERS, PLAIN, find_files
from pipelines.names import distinct
from pipelines.natural import natural_sort_key
from pipelines.targets import LESION, Naming
from pipelines.walk import report_rest, walk

_ORDER: tuple[str, ...] = ("image", "labels", "liver", "lesion")


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


def detect(directory: Path) -> bool:
    """Whether a folder has scans of one of the forms, and not more folders of DICOM slices; or masks, and none."""
    found = list(find_files(list(walk(directory, Report(directory))), Naming()))
    scans = sum(one.kind == "image" for one in found)
    return bool(found) and scans >= count_folders(directory)


def list_cases(
    directory: Path, findings: Findings, *, naming: Naming | None = None, labelled: bool = True
) -> dict[str, CaseFiles]:
    """Lists the cases of a folder.

    Args:
        directory: the folder.
        findings: takes files that are missing, without their counterpart or there twice, and what is skipped.
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
    for one in find_files(tree, naming):
        forms.setdefault(one.form, one.path)
        taken.add(one.path)
        if (other := files.setdefault(one.case, {}).setdefault(one.kind, one.path)) != one.path:
            case = one.case[1] or one.path.parent.name
            findings.error(
                "name-twice", one.path, f"{case} has {findings.name(other)} already; delete or rename one of them"
            )
    _report_rest(tree, taken, set(files), findings)
    if PLAIN in forms and len(forms) > 1:
        findings.error(
            "forms-mixed", forms[PLAIN], "lies beside volume-N.nii of another form; put each form into its own folder"
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
            if volume and folder.name.lower() in LABEL_FOLDERS and folder.parent in homes:
                structures.append(path)
            elif volume and folder.name.lower() in ("imagests", "labelsts"):
                unlabelled.append(path)
            else:
                rest.append(path)
    findings.skip("masks of other structures", structures)
    findings.skip("test scans", unlabelled)
    report_rest(rest, findings)


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
