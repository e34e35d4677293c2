"""Checks of a prepared dataset: made from a folder by this program, so what may be wrong is damage and content."""

from pathlib import Path

from pipelines.checks.content import Emptiness
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.errors import DataError
from pipelines.findings import Findings
from pipelines.index import check_sides
from pipelines.layouts.prepared.reader import Prepared


def check(directory: Path, report: Findings) -> None:
    """Reads every example and reports what is wrong. Holds one case at a time."""
    duplicates, emptiness = Duplicates(report), Emptiness(report)
    patients: dict[str, str] = {}
    parts: dict[str, str] = {}
    try:
        report.count("files", sum(path.is_file() for path in directory.rglob("*")))
        for case in Prepared(directory).cases():
            report.count("cases")
            report.count("slices", len(case.images))
            name = f"{case.name} ({case.split})"
            patients[name], parts[name] = case.patient, case.split
            hashes = zip(case.slice_names, map(digest, case.images), strict=True)
            duplicates.add(case.name, case.name, list(hashes), part=case.split)
            for target, take in (("liver", emptiness.liver), ("lesion", emptiness.lesion)):
                if target in case.masks and len(case.images) > 1:
                    take(case.name, bool(case.masks[target].any()))
    except DataError as error:
        report.refused("unreadable", directory, error)
    except Exception as error:  # of TensorFlow Datasets, whose files are not meant to be damaged
        report.error("unreadable", directory, f"cannot be read ({str(error)[:200]}); prepare it again")
    check_sides(report, directory, patients, parts)
    emptiness.finish()
