"""Checks of paired folders."""

import collections
import re
from pathlib import Path

from pipelines.checks.content import Emptiness
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.checks.slices import check_blank, check_gaps
from pipelines.findings import Findings
from pipelines.layouts.paired_folder.reader import PairedFolder
from pipelines.loading.read_ahead import map_ahead


def check(directory: Path, findings: Findings) -> None:
    """Reads every slice and mask, a few at a time, and adds what is wrong."""
    source = PairedFolder(directory, findings=findings)
    duplicates, emptiness = Duplicates(findings), Emptiness(findings)
    sizes: collections.Counter[tuple[int, ...]] = collections.Counter()
    for patient, names in source.slice_names.items():
        findings.count("cases")
        findings.count("slices", len(names))
        digests, foreground = [], []
        for name, (image, mask) in zip(names, map_ahead(source.read_slice, names), strict=True):
            if image is not None:
                sizes[image.shape] += 1
                digests.append((source.path(name), digest(image)))
                check_blank(findings, source.path(name), image)
            if mask is not None:
                foreground.append(bool(mask.any()))
        if foreground and len(names) > 1:  # of a single slice, nothing is usual
            emptiness.lesion(patient, any(foreground), target="target")
        duplicates.add(patient, patient, digests, part=source.parts[patient])
        numbers = [re.search(r"(\d+)[^\d]*$", name) for name in names]
        if len(names) > 1 and all(numbers):
            check_gaps(findings, patient, [int(number[1]) for number in numbers if number])
    emptiness.finish()
    if len(sizes) > 1:
        shown = ", ".join(f"{count} of {width}x{height}" for (height, width), count in sizes.most_common(6))
        findings.note("size-differs", "images", f"slices of several sizes, {shown}; they are resized to one")
