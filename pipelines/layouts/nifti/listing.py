"""Which NIfTI files make up a data folder: LiTS17, the Decathlon's Task03_Liver, or a folder for each scan."""

import dataclasses
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.errors import DataError
from pipelines.natural import natural_sort_key

_LITS = re.compile(r"(volume|segmentation)-(\d+)\.nii(?:\.gz)?")
_MSD = re.compile(r"liver_(\d+)\.nii(?:\.gz)?")
_PLAIN = re.compile(r"(ct|liver|lesion|tumou?r)\.nii(?:\.gz)?")
_KINDS = {"ct": "image", "liver": "liver", "lesion": "lesion", "tumor": "lesion", "tumour": "lesion"}


@dataclasses.dataclass(frozen=True)
class CaseFiles:
    """The files of one case: `masks` by what they show, `"labels"`, or `"liver"` and perhaps `"lesion"`."""

    patient: str
    image: Path
    masks: dict[str, Path]


def detect(directory: Path) -> bool:
    """Whether a folder has a file of one of the three forms."""
    return _is_msd(directory) or any(True for _ in _walk(directory))


def _is_msd(directory: Path) -> bool:
    return (directory / "dataset.json").is_file() and (directory / "imagesTr").is_dir()


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


def list_cases(directory: Path, labelled: bool) -> dict[str, CaseFiles]:
    """Name of each case to its files, in order, all of them there."""
    files: dict[str, dict[str, Path]] = {}
    forms = {}
    for form, case, kind, path in (_walk_msd if _is_msd(directory) else _walk)(directory):
        forms[form] = path
        if (other := files.setdefault(case, {}).setdefault(kind, path)) != path:
            raise DataError(f"{path}: {case} has {other} already; delete or rename one of them")
    if len(forms) > 1:
        raise DataError(f"{forms['ct']}: lies beside volume-N.nii of another form; put each form into its own folder")
    form = next(iter(forms), "")
    if labelled:
        _check_pairs(files, "liver" if form == "ct" else "labels")
    cases = {}
    for name in sorted((name for name in files if "image" in files[name]), key=natural_sort_key):
        image, *masks = (files[name].get(kind) for kind in ("image", "labels", "liver", "lesion"))
        kept = {
            kind: path for kind, path in zip(("labels", "liver", "lesion"), masks, strict=True) if path and labelled
        }
        cases[name] = CaseFiles(name if form == "ct" else re.split("[-_]", name)[1], image, kept)
    if not cases:
        raise DataError(
            f"{directory}: no scan in it; it needs volume-N.nii with segmentation-N.nii, imagesTr/liver_N.nii.gz with "
            "labelsTr and dataset.json, or folders with ct.nii and liver.nii"
        )
    return cases


def _check_pairs(files: dict[str, dict[str, Path]], needed: str) -> None:
    lesions = any("lesion" in kinds for kinds in files.values())
    for name, kinds in files.items():
        if "image" not in kinds:
            raise DataError(f"{next(iter(kinds.values()))}: no image for this mask; add it or delete the mask")
        for kind in (needed, "lesion") if lesions else (needed,):
            if kind not in kinds:
                what = f"{kind} mask" if needed == "liver" else "segmentation"
                why = ", which other cases have" if kind == "lesion" else ""
                raise DataError(
                    f"{kinds['image']}: {name} has no {what}{why}; add it (all 0 if there is none) or delete the image"
                )
