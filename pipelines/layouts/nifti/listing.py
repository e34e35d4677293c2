"""The NIfTI files of a data folder by case: LiTS17, the Decathlon's Task03_Liver, or one folder per scan."""

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.findings import Findings
from pipelines.natural import natural_sort_key

_LITS = re.compile(r"(volume|segmentation)-(\d+)\.nii(?:\.gz)?")
_MSD = re.compile(r"liver_(\d+)\.nii(?:\.gz)?")
_PLAIN = re.compile(r"(ct|liver|lesion|tumou?r)\.nii(?:\.gz)?")
_KINDS = {"ct": "image", "liver": "liver", "lesion": "lesion", "tumor": "lesion", "tumour": "lesion"}
_ORDER: tuple[str, ...] = ("image", "labels", "liver", "lesion")
DESCRIPTION = "dataset.json"  # of the Decathlon


@dataclasses.dataclass(frozen=True)
class CaseFiles:
    """The files of one case.

    Attributes:
        patient: name, by the number in the files' names or by the folder.
        paths: what a file shows to its path: `"image"`, and `"labels"` or else `"liver"` and perhaps `"lesion"`.
    """

    patient: str
    paths: dict[str, Path]

    @property
    def masks(self) -> dict[str, Path]:
        """The paths of the masks."""
        return {kind: path for kind, path in self.paths.items() if kind != "image"}


def detect(directory: Path) -> bool:
    """Whether a folder has a file of one of the three forms."""
    return is_msd(directory) or any(True for _ in _walk(directory))


def is_msd(directory: Path) -> bool:
    """Whether a folder is laid out as the Decathlon's."""
    return (directory / DESCRIPTION).is_file() and (directory / "imagesTr").is_dir()


def is_mask(path: Path) -> bool:
    """Whether a file is a mask of one of the three forms, by its name and those beside it."""
    if match := _LITS.fullmatch(path.name):
        return match[1] == "segmentation"
    if path.parent.name == "labelsTr":
        return (path.parent.parent / "imagesTr").is_dir()
    if (match := _PLAIN.fullmatch(path.name)) and match[1] != "ct":
        return any((path.parent / f"ct{end}").exists() for end in (".nii", ".nii.gz"))
    return False


def list_cases(directory: Path, findings: Findings, *, labelled: bool = True) -> dict[str, CaseFiles]:
    """Lists the cases of a folder.

    Args:
        directory: the folder.
        findings: takes files that are missing, without their counterpart or there twice.
        labelled: whether the masks are listed too; without, they need not be there, and what has none is left out.

    Returns:
        Name of each case to its files, in natural order; after an error, also cases that lack some.
    """
    files: dict[str, dict[str, Path]] = {}
    forms: dict[str, Path] = {}
    for form, case, kind, path in (_walk_msd if is_msd(directory) else _walk)(directory):
        forms.setdefault(form, path)
        if (other := files.setdefault(case, {}).setdefault(kind, path)) != path:
            findings.error(
                "name-twice", path, f"{case} has {findings.name(other)} already; delete or rename one of them"
            )
    if len(forms) > 1:
        findings.error(
            "forms-mixed", forms["ct"], "lies beside volume-N.nii of another form; put each form into its own folder"
        )
    lesions = any("lesion" in kinds for kinds in files.values())
    cases = {}
    for name in sorted(files, key=natural_sort_key):
        plain = not re.fullmatch(r"volume-\d+|liver_\d+", name)
        paths = {kind: files[name][kind] for kind in _ORDER if kind in files[name]}
        if labelled:
            masks = ("liver", "lesion") if lesions else ("liver",)
            _check_pair(name, paths, masks if plain else ("labels",), findings)
        else:
            paths = {kind: path for kind, path in paths.items() if kind == "image"}
        if paths:
            cases[name] = CaseFiles(name if plain else re.split("[-_]", name)[1], paths)
    if not any("image" in case.paths for case in cases.values()):
        findings.error(
            "image-missing",
            directory,
            "no scan in it; it needs volume-N.nii with segmentation-N.nii, imagesTr/liver_N.nii.gz with "
            f"labelsTr and {DESCRIPTION}, or folders with ct.nii and liver.nii",
        )
    return cases


def _walk(directory: Path) -> Iterator[tuple[str, str, str, Path]]:
    """Yields form, case, kind and path of every file of the two forms that may lie at any depth."""
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if match := _LITS.fullmatch(name):
                kind = "image" if match[1] == "volume" else "labels"
                yield "volume-N", f"volume-{int(match[2])}", kind, path
            elif match := _PLAIN.fullmatch(name):
                yield "ct", path.parent.resolve().name, _KINDS[match[1]], path


def _walk_msd(directory: Path) -> Iterator[tuple[str, str, str, Path]]:
    for folder, kind in (("imagesTr", "image"), ("labelsTr", "labels")):
        for path in sorted((directory / folder).glob("liver_*")):
            if match := _MSD.fullmatch(path.name):
                yield "liver_N", f"liver_{int(match[1])}", kind, path


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
