"""Checks of paired folders."""

import collections
from pathlib import Path
from typing import Any

from pipelines.checks.content import Emptiness, PartTargets
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.checks.slices import check_blank, check_gaps
from pipelines.findings import Findings
from pipelines.layouts.paired_folder.reader import PairedFolder


def check(directory: Path, findings: Findings, **reading: Any) -> None:
    """Reads every slice and mask, a few at a time, and adds what is wrong.

    Args:
        directory: the folder.
        findings: takes the findings.
        **reading: see `PairedFolder`.
    """
    source = PairedFolder(directory, findings=findings, **reading)
    duplicates, emptiness, targets = Duplicates(findings), Emptiness(findings), PartTargets(findings)
    sizes: collections.Counter[tuple[int, ...]] = collections.Counter()
    for case, names in source.slice_names.items():
        findings.count("cases")
        findings.count("slices", len(names))
        digests, shown = [], dict.fromkeys(source.targets, False)
        read = False
        for name, (image, masks) in zip(names, map(source.read_slice, names), strict=True):
            if image is not None:
                sizes[image.shape] += 1
                digests.append((source.path(name), digest(image)))
                check_blank(findings, source.path(name), image)
            if masks is not None:
                read = True
                for target, mask in masks.items():
                    shown[target] |= bool(mask.any())
        if read:
            targets.add(
                source.parts[case], {"target" if source.binary else name: there for name, there in shown.items()}
            )
        if read and len(names) > 1:  # of a single slice, nothing is usual
            for target, there in shown.items():
                if source.binary or target == "lesion":
                    emptiness.lesion(case, there, target="target" if source.binary else target)
                else:
                    emptiness.liver(case, there)
        duplicates.add(case, case, digests, part=source.parts[case])
        if len(names) > 1:
            check_gaps(findings, case, source.numbers(case), step=source.settings.slice_step or 1)
    emptiness.finish()
    targets.finish()
    if len(sizes) > 1:
        counts = ", ".join(f"{count} of {width}x{height}" for (height, width), count in sizes.most_common(6))
        findings.note("size-differs", "images", f"slices of several sizes, {counts}; they are resized to one")
