"""Checks of CT volumes and masks in NIfTI files, beyond those of the reader."""

import collections
import gzip
import json
import zlib
from pathlib import Path

from nibabel import orientations

from pipelines.checks.content import Emptiness, check_hu, check_label_map, check_lesion, check_spacing
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.files.labels import levels
from pipelines.findings import Findings
from pipelines.layouts.nifti.listing import DESCRIPTION, CaseFiles, is_msd
from pipelines.layouts.nifti.reader import Nifti, Volumes, read_volumes
from pipelines.natural import natural_sort_key

_CHUNK = 1 << 24  # bytes


def check(directory: Path, findings: Findings) -> None:
    """Reads every scan and mask. Holds one case at a time."""
    source = Nifti(directory, findings=findings)
    if is_msd(directory):
        _check_description(directory / DESCRIPTION, findings, source.files)
    duplicates, emptiness = Duplicates(findings), Emptiness(findings)
    axes: collections.Counter[str] = collections.Counter()
    for name, files in source.files.items():
        findings.count("cases")
        findings.count("files", len(files.paths))
        read = read_volumes(files, findings)
        for kind in read.labels if read.image is None else ("image", *read.labels):
            _check_end(files.paths[kind], findings)
        if read.frame is not None and "image" in files.paths:
            path = files.paths["image"]
            axes["".join(orientations.aff2axcodes(read.frame.affine))] += 1
            check_spacing(findings, path, read.frame.spacing)
            if read.image is not None:
                check_hu(findings, path, float(read.image.min()), float(read.image.max()))
                # However the file lies, the same scan gives the same slices.
                slices = read.frame.to_slices(read.image)
                findings.count("slices", len(slices))
                digests = [(f"{name}_{k:03d}", digest(plane)) for k, plane in enumerate(slices)]
                duplicates.add(name, path, digests, part=source.index.parts.get(name))
        _check_masks(findings, files.paths, read, emptiness)
    emptiness.finish()
    if len(axes) > 1:
        shown = ", ".join(f"{count} {codes}" for codes, count in sorted(axes.items()))
        findings.note("orientation-differs", ".", f"files lie in several ways ({shown}); the reader turns all to one")


def _check_masks(findings: Findings, paths: dict[str, Path], read: Volumes, emptiness: Emptiness) -> None:
    labels = read.labels
    if "labels" in labels:
        values, path = levels(labels["labels"]).tolist(), paths["labels"]
        emptiness.liver(path, any(values))
        emptiness.lesion(path, 2 in values)
        check_label_map(findings, path, labels["labels"])
    for kind, take in (("liver", emptiness.liver), ("lesion", emptiness.lesion)):
        if kind in labels:
            take(paths[kind], bool(labels[kind].any()))
    if {"liver", "lesion"} <= labels.keys() and labels["liver"].shape == labels["lesion"].shape:
        check_lesion(findings, paths["lesion"], labels["liver"] != 0, labels["lesion"] != 0)


def _check_end(path: Path, findings: Findings) -> None:
    """Reads a gzip file to the checksum at its end, before which nibabel stops."""
    if path.suffix != ".gz":
        return
    try:
        with gzip.open(path) as file:
            while file.read(_CHUNK):
                pass
    except (OSError, EOFError, zlib.error) as error:
        findings.error("truncated", path, f"ends early or is damaged ({error}); copy it again")


def _check_description(path: Path, findings: Findings, cases: dict[str, CaseFiles]) -> None:
    """Compares the Decathlon's `dataset.json` with the files. The reader goes by the files, so these are warnings."""
    findings.count("files")
    try:
        pairs = json.loads(path.read_bytes()).get("training", [])
        listed = {Path(pair[kind]).name for pair in pairs for kind in ("image", "label")}
        images = {Path(pair["image"]).name for pair in pairs}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        findings.error("json-unreadable", path, "cannot be read as the Decathlon's description; copy it again")
        return
    there = {file.name for files in cases.values() for file in files.paths.values()}
    scans = {files.paths["image"].name for files in cases.values() if "image" in files.paths}
    for name in sorted(listed - there, key=natural_sort_key):
        findings.warning("row-without-file", path, f"{name} is listed, but not there; copy it here")
    for name in sorted(scans - images, key=natural_sort_key):
        findings.warning("file-without-row", path, f"{name} is there, but not listed; add it or delete the file")
