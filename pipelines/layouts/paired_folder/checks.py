"""Checks of a folder of PNG slices with one mask a slice: `images/ID.png`, `masks/ID.png`, perhaps `index.csv`."""

import collections
import re
from pathlib import Path

from pipelines.checks.content import Emptiness
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.checks.slices import check_blank, check_gaps, check_sizes
from pipelines.files.png import JPEG_SUFFIXES, read_image, read_mask
from pipelines.findings import Findings
from pipelines.index import assign_parts, read_index
from pipelines.natural import natural_sort_key
from pipelines.patients import find_patients


def check(directory: Path, report: Findings) -> None:
    """Reads every slice and mask and reports what is wrong. Holds one slice at a time."""
    files = {kind: _list(directory / kind, report) for kind in ("images", "masks")}
    images, masks = files["images"], files["masks"]
    for name, path in images.items():
        if name not in masks:
            report.error("mask-missing", path, f"no masks/{name}.png; add it (all 0 if nothing is there)")
    for name, path in masks.items():
        if name not in images:
            report.error("mask-orphan", path, f"no images/{name}.png; add the image or delete the mask")
    names = sorted(images.keys() | masks.keys(), key=natural_sort_key)
    if not names:
        return
    guessed, _ = find_patients(names)
    index = read_index(directory, guessed, report, keys=("id",))
    assign_parts(index, report)
    patients, parts = index.patients, index.parts
    cases: dict[str, list[str]] = {}
    for name in names:
        cases.setdefault(patients[name], []).append(name)
    duplicates, emptiness = Duplicates(report), Emptiness(report)
    sizes: collections.Counter[tuple[int, int]] = collections.Counter()
    for case, slices in cases.items():
        report.count("cases")
        _check_case(report, case, slices, images, masks, parts, duplicates, emptiness, sizes)
    emptiness.finish()
    if len(sizes) > 1:
        shown = ", ".join(f"{count} of {width}x{height}" for (height, width), count in sizes.most_common(6))
        report.note("size-differs", "images", f"slices of several sizes, {shown}; all are resized to one")


def _check_case(report, case, slices, images, masks, parts, duplicates, emptiness, sizes) -> None:
    """Reads the slices of one patient."""
    digests, shown = [], []
    for name in slices:
        report.count("slices")
        image = read_image(images[name], report) if name in images and _is_png(images[name]) else None
        mask = read_mask(masks[name], report) if name in masks and _is_png(masks[name]) else None
        if image is not None:
            check_blank(report, images[name], image)
            sizes[image.shape] += 1
            digests.append((images[name], digest(image)))
        if mask is not None:
            check_sizes(report, masks[name], mask, image)
            shown.append(bool(mask.any()))
    if shown and len(slices) > 1:  # of one slice alone, nothing is what most show
        emptiness.lesion(case, any(shown), target="target")
    duplicates.add(case, case, digests, part=parts.get(slices[0]))
    numbers = [re.search(r"(\d+)[^\d]*$", name) for name in slices]
    if len(slices) > 1 and all(numbers):
        check_gaps(report, case, [int(number[1]) for number in numbers])


def _list(folder: Path, report: Findings) -> dict[str, Path]:
    """ID to file, JPEG files too, since they are there and cannot be called missing."""
    if not folder.is_dir():
        report.error("folder-missing", folder, "no such folder; put images/ID.png and masks/ID.png side by side")
        return {}
    files: dict[str, Path] = {}
    # Names with a leading dot are what macOS strews about on foreign disks.
    for path in sorted(folder.iterdir(), key=lambda path: (not _is_png(path), path.name)):
        suffix = path.suffix.lower()
        if path.name[0] == "." or suffix not in (".png", *JPEG_SUFFIXES):
            continue
        if path.stem in files:
            report.error("name-twice", path, f"{files[path.stem].name} has the same name; delete one of them")
            continue
        files[path.stem] = path
        if suffix != ".png":
            kind, why = ("mask", ", whose blurred edges are no mask") if folder.name == "masks" else ("image", "")
            report.error(f"{kind}-jpeg", path, f"a JPEG file{why}; export it again as PNG from the original")
    if not files:
        report.error("folder-empty", folder, "no PNG in it; save the slices as 8-bit grey PNG")
    return files


def _is_png(path: Path) -> bool:
    return path.suffix.lower() == ".png"
