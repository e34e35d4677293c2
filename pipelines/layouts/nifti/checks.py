"""Checks of scans in NIfTI files with their masks, in the three forms that the reader knows."""

import collections
from pathlib import Path

import numpy as np
from nibabel import orientations

from pipelines.checks.content import Emptiness, check_hu, check_label_map, check_lesion, check_spacing
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.findings import Findings, listed
from pipelines.geometry import Frame, same_place, steps_of_one
from pipelines.index import assign_parts, read_index
from pipelines.layouts.nifti.check_files import Header, read_header, read_labels, read_planes
from pipelines.layouts.nifti.check_listing import Files, list_files


def check(directory: Path, report: Findings) -> None:
    """Reads every scan and mask and reports what is wrong. Holds one case at a time."""
    cases = list_files(directory, report)
    index = read_index(directory, {name: files.patient for name, files in cases.items() if files.image}, report)
    assign_parts(index, report, few=True)
    parts = index.parts
    duplicates, emptiness = Duplicates(report), Emptiness(report)
    facing: collections.Counter[str] = collections.Counter()
    for name, files in cases.items():
        report.count("cases")
        headers = {kind: read_header(report, path) for kind, path in files.all.items()}
        image = headers.get("image")
        for kind, mask in headers.items():
            if kind != "image" and mask and image:
                _check_place(report, files.all[kind], image, mask)
        if image:
            facing["".join(orientations.aff2axcodes(image.frame.affine))] += 1
            check_spacing(report, files.image, image.frame.spacing)
            _check_image(report, name, image, duplicates, parts.get(name))
        _check_masks(report, files, headers, emptiness)
    emptiness.finish()
    if len(facing) > 1:
        shown = ", ".join(f"{count} {axes}" for axes, count in sorted(facing.items()))
        report.note("orientation-differs", ".", f"files lie in several ways ({shown}); the reader turns all to one")


def _check_place(report: Findings, path: Path, image: Header, mask: Header) -> None:
    if image.frame.shape != mask.frame.shape:
        shapes = " against ".join("x".join(map(str, one.frame.shape)) for one in (mask, image))
        report.error("size-mismatch", path, f"shape differs from its image's, {shapes}; export the pair again")
    elif not same_place(image.frame, mask.frame):
        if not (image.doubtful or mask.doubtful):
            report.error("geometry-mismatch", path, "the affine differs from its image's; export the pair again")
        else:
            report.warning(
                "geometry-mismatch",
                path,
                "the affine differs from its image's and one was never filled in; the reader takes the other for both",
            )


def _check_image(report: Findings, name: str, image: Header, duplicates: Duplicates, part: str | None) -> None:
    frame, path = image.frame, image.path
    if steps_of_one(frame) and not frame.affine[:3, 3].any():
        report.warning(
            "header-unfilled", path, "steps of 1 mm and no origin: sides and millimetres may be wrong, as in LiTS 28-47"
        )
    values = read_planes(report, image)
    if values is None:
        return
    low, high = float(values.min()), float(values.max())
    check_hu(report, path, low, high)
    # Whichever way the file lies, the same scan gives the same slices.
    slices = frame.to_slices(values)
    report.count("slices", len(slices))
    duplicates.add(name, path, [(f"{name}_{k:03d}", digest(plane)) for k, plane in enumerate(slices)], part=part)


def _check_masks(report: Findings, files: Files, headers: dict[str, Header | None], emptiness: Emptiness) -> None:
    masks: dict[str, np.ndarray] = {}
    frames: dict[str, Frame] = {}
    for kind, header in headers.items():
        if kind == "image" or header is None:
            continue
        labels = read_labels(report, header)
        if labels is None:
            continue
        path, allowed = files.all[kind], ((0, 1, 2),) if kind == "labels" else ((0, 1), (0, 255))
        values = _values(labels)
        if not any(set(values) <= set(choice) for choice in allowed):
            wanted = " or ".join(listed(choice) for choice in allowed)
            report.error("mask-values", path, f"labels {listed(values)} instead of {wanted}; relabel it")
        elif kind == "labels":
            emptiness.liver(path, any(values))
            emptiness.lesion(path, 2 in values)
            check_label_map(report, path, labels)
        else:
            {"liver": emptiness.liver, "lesion": emptiness.lesion}[kind](path, any(values))
            masks[kind], frames[kind] = labels != 0, header.frame
    if masks.keys() == {"liver", "lesion"} and frames["liver"].shape == frames["lesion"].shape:
        check_lesion(report, files.all["lesion"], masks["liver"], masks["lesion"])


def _values(labels: np.ndarray) -> list[int]:
    there = np.zeros(256, bool)
    for plane in np.moveaxis(labels, -1, 0):  # by planes, for bincount makes int64 of them
        there |= np.bincount(plane.ravel(order="K"), minlength=256) > 0
    return np.flatnonzero(there).tolist()
