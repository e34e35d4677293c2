"""Checks of Kaggle's `lits-png`: three PNGs a slice, and what its CSVs claim of them."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pipelines.checks.content import Emptiness, check_lesion
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.checks.slices import check_blank, check_gaps, check_sizes
from pipelines.files.png import JPEG_SUFFIXES, read_image, read_mask
from pipelines.findings import Findings
from pipelines.layouts.lits_png.check_tables import check_tables
from pipelines.layouts.lits_png.listing import file_name, find_tables, parse_name, places

_MASKS = ("liver", "lesion")


def check(directory: Path, report: Findings) -> None:
    """Reads every slice and every line and reports what is wrong. Holds a few slices at a time."""
    directory, tables = find_tables(directory)
    slices = _list_slices(directory, report)
    for number, files in slices.items():
        _check_triple(report, number, files)
    claims = check_tables(tables, report, slices)
    shown: dict[tuple[int, int], dict[str, bool]] = {}
    duplicates, emptiness = Duplicates(report), Emptiness(report)
    studies: dict[int, list[int]] = {}
    for study, index in sorted(slices):
        studies.setdefault(study, []).append(index)
    with ThreadPoolExecutor() as pool:  # Pillow decodes outside the interpreter's lock
        for study, indices in studies.items():
            report.count("cases")
            report.count("slices", len(indices))
            case = f"study-{study}"
            check_gaps(report, case, indices)
            read = list(pool.map(lambda files: _read_slice(report, files), [slices[study, k] for k in indices]))
            _check_size_of_study(report, read)
            shown.update({(study, k): shows for k, (*_, shows) in zip(indices, read, strict=True)})
            for target, take in (("liver", emptiness.liver), ("lesion", emptiness.lesion)):
                known = [shows[target] for *_, shows in read if target in shows]
                if known:
                    take(case, any(known))
            pixels = [(image, hashed) for image, hashed, _, _ in read if image is not None]
            duplicates.add(case, case, pixels, part=claims.of_study.get(study))
    emptiness.finish()
    claims.check_flags(shown)


def _read_slice(report: Findings, files: dict[str, Path]) -> tuple:
    """Image file, digest and shape, None where unreadable; and target to whether its mask shows anything."""
    image = read_image(files["image"], report) if _is_png(files.get("image")) else None
    if image is not None:
        check_blank(report, files["image"], image)
    masks = {kind: read_mask(files[kind], report) for kind in _MASKS if _is_png(files.get(kind))}
    masks = {kind: mask for kind, mask in masks.items() if check_sizes(report, files[kind], mask, image)}
    if masks.keys() == set(_MASKS) and masks["liver"].shape == masks["lesion"].shape:
        check_lesion(report, files["lesion"], masks["liver"], masks["lesion"])
    shows = {kind: bool(mask.any()) for kind, mask in masks.items()}
    return (None, None, None, shows) if image is None else (files["image"], digest(image), image.shape, shows)


def _check_size_of_study(report: Findings, read: list[tuple]) -> None:
    shapes = [(file, shape) for file, _, shape, _ in read if shape]
    for file, shape in shapes[1:]:
        if shape != shapes[0][1]:
            sizes = "{1}x{0} pixels, the study's first slice {3}x{2}".format(*shape, *shapes[0][1])
            report.error("size-mismatch", file, f"{sizes}; copy the study again")


def _check_triple(report: Findings, number: tuple[int, int], files: dict[str, Path]) -> None:
    if "image" not in files:
        for kind in files:
            report.error("mask-orphan", files[kind], f"no {file_name('image', *number)}; add it or delete the mask")
        return
    for kind in _MASKS:
        if kind not in files:
            report.error("mask-missing", files["image"], f"no {file_name(kind, *number)}; unpack lits-png again")


def _list_slices(directory: Path, report: Findings) -> dict[tuple[int, int], dict[str, Path]]:
    """(study, slice) to its files by kind, JPEG files too, since they are there and cannot be called missing."""
    filled = {
        place: slices for place in places(directory) if place.is_dir() and (slices := _list_folder(place, report))
    }
    fullest = max(filled, key=lambda place: len(filled[place]), default=directory)
    for place in filled:
        if place != fullest:
            report.error("folder-twice", place, f"slices here and in {report.name(fullest)} too; delete one of the two")
    return filled.get(fullest, {})


def _list_folder(folder: Path, report: Findings) -> dict[tuple[int, int], dict[str, Path]]:
    slices: dict[tuple[int, int], dict[str, Path]] = {}
    with os.scandir(folder) as entries:
        paths = [Path(entry.path) for entry in entries]
    for path in sorted(paths, key=lambda path: (not _is_png(path), path.name)):
        jpeg = path.suffix.lower() in JPEG_SUFFIXES
        parsed = parse_name(f"{path.stem}.png" if jpeg else path.name)
        if not parsed:
            continue
        kind, *number = parsed
        files = slices.setdefault(tuple(number), {})
        if kind in files:
            report.error("name-twice", path, f"the same slice as {files[kind].name}; delete one of the two")
            continue
        files[kind] = path
        if jpeg:
            what = "image-jpeg" if kind == "image" else "mask-jpeg"
            report.error(what, path, "a JPEG file, which is lossy; export it again as PNG from the original")
    return slices


def _is_png(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".png"
