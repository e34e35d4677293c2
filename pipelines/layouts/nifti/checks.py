"""Checks of CT volumes and masks in NIfTI files, beyond those of the reader."""

import collections
import gzip
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from nibabel import orientations

from pipelines.checks.content import Emptiness, PartTargets, check_label_map, check_lesion, check_padding
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.files.labels import levels
from pipelines.findings import Findings
from pipelines.layouts.nifti.description import NAME as DESCRIPTION
from pipelines.layouts.nifti.description import check_description
from pipelines.layouts.nifti.reader import Nifti, Volumes, read_volumes

_CHUNK = 1 << 24  # bytes


def check(directory: Path, findings: Findings, *, labels: Sequence[str] = ()) -> None:
    """Reads every scan and mask. Holds one case at a time."""
    source = Nifti(directory, labels=labels, findings=findings)
    if (directory / DESCRIPTION).is_file():
        check_description(directory / DESCRIPTION, findings, {name: one.paths for name, one in source.files.items()})
    duplicates, emptiness, targets = Duplicates(findings), Emptiness(findings), PartTargets(findings)
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
            if read.image is not None:
                check_padding(findings, path, float(read.image.min()))
                # However the file lies, the same scan gives the same slices.
                slices = read.frame.to_slices(read.image)
                findings.count("slices", len(slices))
                digests = [(f"{name}_{k:03d}", digest(plane)) for k, plane in enumerate(slices)]
                duplicates.add(name, path, digests, part=source.index.parts.get(name))
        _check_masks(findings, files.paths, read, emptiness)
        if read.labels:
            targets.add(source.parts.get(name, "test"), shown_targets(read.labels))
    emptiness.finish()
    targets.finish()
    if len(axes) > 1:
        shown = ", ".join(f"{count} {codes}" for codes, count in sorted(axes.items()))
        findings.note("orientation-differs", ".", f"files lie in several ways ({shown}); the reader turns all to one")


def shown_targets(labels: Mapping[str, np.ndarray]) -> dict[str, bool]:
    """Target to whether the masks of a case, `(i, j, k)` uint8 by kind, show it."""
    if "labels" in labels:
        values = levels(labels["labels"]).tolist()
        return {"liver": any(values), "lesion": 2 in values}
    return {target: bool(mask.any()) for target, mask in labels.items()}


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
