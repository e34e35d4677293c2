"""Checks of prepared datasets, whose format this program wrote: damage and content."""

from pathlib import Path

from pipelines.checks.content import Emptiness, PartTargets
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.checksums import SUMS_FILE
from pipelines.errors import DataError
from pipelines.findings import Findings
from pipelines.index import check_sides
from pipelines.layouts.prepared.reader import OLDER_RULE, Prepared
from pipelines.walk import walk


def check(directory: Path, findings: Findings) -> None:
    """Reads every example, one case at a time, and adds what is wrong."""
    duplicates, emptiness, targets = Duplicates(findings), Emptiness(findings), PartTargets(findings)
    patients: dict[str, str] = {}
    parts: dict[str, str] = {}
    findings.count("files", sum(len(files) for _, files in walk(directory, findings)))
    try:
        source = Prepared(directory, findings=findings)
        for path in source.edited:
            findings.warning("edited", path, f"not what was prepared (its SHA-256 is not that in {SUMS_FILE})")
        if source.mask_rule == "nearest":
            findings.warning("masks-nearest", ".", f"masks {OLDER_RULE}")
        for case in source.cases():
            findings.count("cases")
            findings.count("slices", len(case.images))
            name = f"{case.name} ({case.split})"
            patients[name], parts[name] = case.patient, case.split
            digests = [(name, digest(image)) for name, image in zip(case.slice_names, case.images, strict=True)]
            duplicates.add(case.name, case.name, digests, part=case.split)
            targets.add(case.split, {target: bool(mask.any()) for target, mask in case.masks.items()})
            for target, add in (("liver", emptiness.liver), ("lesion", emptiness.lesion)):
                if target in case.masks and len(case.images) > 1:
                    add(case.name, bool(case.masks[target].any()))
    except DataError as error:
        findings.refused("unreadable", directory, error)
    check_sides(findings, directory, patients, parts)
    emptiness.finish()
    targets.finish()
