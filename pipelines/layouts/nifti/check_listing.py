"""The NIfTI files of a folder by case, with those that are missing, alone or there twice."""

import dataclasses
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from pipelines.findings import Findings
from pipelines.natural import natural_sort_key

_LITS = re.compile(r"(volume|segmentation)-(\d+)\.nii(?:\.gz)?")
_MSD = re.compile(r"liver_(\d+)\.nii(?:\.gz)?")
_PLAIN = re.compile(r"(ct|liver|lesion|tumou?r)\.nii(?:\.gz)?")


@dataclasses.dataclass(frozen=True)
class Files:
    """The files of one case: `all` by `"image"`, `"labels"`, `"liver"` and `"lesion"`, whichever are there."""

    patient: str
    all: dict[str, Path]

    @property
    def image(self) -> Path | None:
        """The scan."""
        return self.all.get("image")


def list_files(directory: Path, report: Findings) -> dict[str, Files]:
    """Name of each case to its files, in the reader's order, and a finding for each that should be there and is not."""
    is_msd = (directory / "dataset.json").is_file() and (directory / "imagesTr").is_dir()
    found: dict[str, dict[str, Path]] = {}
    forms: dict[str, Path] = {}
    for form, case, kind, path in (_walk_msd if is_msd else _walk)(directory):
        forms.setdefault(form, path)
        other = found.setdefault(case, {}).setdefault(kind, path)
        if other != path:
            report.error(
                "name-twice", path, f"{case} has {report.name(other)} already; delete or rename one of the two"
            )
    if len(forms) > 1:
        report.error("forms-mixed", forms["ct"], "lies beside volume-N.nii of another form; part the two")
    lesions = any("lesion" in kinds for kinds in found.values())
    cases = {}
    for name in sorted(found, key=natural_sort_key):
        files = found[name]
        plain = not re.fullmatch(r"volume-\d+|liver_\d+", name)
        _check_pair(report, files, (("liver", "lesion") if lesions else ("liver",)) if plain else ("labels",))
        cases[name] = Files(name if plain else re.split("[-_]", name)[1], files)
    if is_msd:
        _check_description(directory, report, cases)
    return cases


def _check_pair(report: Findings, files: dict[str, Path], wanted: tuple[str, ...]) -> None:
    for kind, path in files.items():
        if "image" not in files and kind != "image":
            report.error("mask-orphan", path, "no image for this mask; add it or delete the mask")
    for kind in wanted:
        if "image" in files and kind not in files:
            what = "segmentation" if kind == "labels" else f"{kind} mask"
            report.error("mask-missing", files["image"], f"no {what}; add it (all 0 if nothing is there)")


def _walk(directory: Path) -> Iterator[tuple[str, str, str, Path]]:
    """Yields form, case, kind and path of every file of the two forms that may lie at any depth."""
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            path = Path(folder, name)
            if match := _LITS.fullmatch(name):
                yield "volume-N", f"volume-{int(match[2])}", "image" if match[1] == "volume" else "labels", path
            elif match := _PLAIN.fullmatch(name):
                kind = {"ct": "image", "liver": "liver"}.get(match[1], "lesion")
                yield "ct", path.parent.resolve().name, kind, path


def _walk_msd(directory: Path) -> Iterator[tuple[str, str, str, Path]]:
    for folder, kind in (("imagesTr", "image"), ("labelsTr", "labels")):
        for path in sorted((directory / folder).glob("liver_*")):
            if match := _MSD.fullmatch(path.name):
                yield "liver_N", f"liver_{int(match[1])}", kind, path


def _check_description(directory: Path, report: Findings, cases: dict[str, Files]) -> None:
    """Holds the Decathlon's `dataset.json` against the files."""
    path = directory / "dataset.json"
    report.count("files")
    try:
        pairs = json.loads(path.read_bytes()).get("training", [])
        listed = {Path(pair[kind]).name for pair in pairs for kind in ("image", "label")}
        named = {Path(pair["image"]).name for pair in pairs}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        report.error("json-unreadable", path, "cannot be read as the Decathlon's description; copy it again")
        return
    there = {file.name for files in cases.values() for file in files.all.values()}
    images = {files.image.name for files in cases.values() if files.image}
    for name in sorted(listed - there, key=natural_sort_key):  # warnings: the reader goes by the files
        report.warning("row-without-file", path, f"{name} is listed, but not there; copy it here")
    for name in sorted(images - named, key=natural_sort_key):
        report.warning("file-without-row", path, f"{name} is there, but not listed; add it or delete the file")
