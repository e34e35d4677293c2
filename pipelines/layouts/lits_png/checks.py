"""Checks of a `lits-png` folder: content of its slices, and claims of its CSVs against them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipelines.checks.content import Emptiness, PartTargets, check_lesion
from pipelines.checks.duplicates import Duplicates, digest
from pipelines.checks.slices import check_blank, check_gaps
from pipelines.findings import Findings
from pipelines.layouts.lits_png.listing import MASKS
from pipelines.layouts.lits_png.reader import LitsPng
from pipelines.layouts.lits_png.tables import ALL, FLAG_COLUMNS, PROBE, TEST, TRAIN, Row

_WRAP = 256  # slices after which instance_number restarts


def check(directory: Path, findings: Findings) -> None:
    """Reads every slice and every line of the CSVs and adds what is wrong. Holds a few slices at a time."""
    source = LitsPng(directory, findings=findings)
    duplicates, emptiness, targets = Duplicates(findings), Emptiness(findings), PartTargets(findings)
    split = {TRAIN, TEST} <= source.tables.keys()
    foreground: dict[tuple[int, int], dict[str, bool]] = {}

    def read(name: str) -> tuple[tuple[int, ...] | None, bytes | None, dict[str, bool]]:
        """Shape and digest of the image, None if it cannot be read, and target to whether its mask has content."""
        image, masks = source.read_files(name)
        lesion = source.path(name, "lesion")
        if lesion and masks.keys() == set(MASKS) and masks["liver"].shape == masks["lesion"].shape:
            check_lesion(findings, lesion, masks["liver"], masks["lesion"])
        content = {target: bool(mask.any()) for target, mask in masks.items()}
        if image is None:
            return None, None, content
        check_blank(findings, source.path(name) or Path(name), image)
        return image.shape, digest(image), content

    for study, names in source.studies.items():
        findings.count("cases")
        findings.count("slices", len(names))
        check_gaps(findings, study, list(names))
        number = int(study.removeprefix("study-"))
        first: tuple[int, ...] | None = None
        digests: list[tuple[Path | str, bytes | None]] = []
        for (index, name), (shape, hashed, content) in zip(names.items(), map(read, names.values()), strict=True):
            foreground[number, index] = content
            if shape is not None:
                first = first or shape
                source.has_shape(name, shape, first)
                digests.append((source.path(name) or name, hashed))
        for target, add in (("liver", emptiness.liver), ("lesion", emptiness.lesion)):
            known = [foreground[number, index][target] for index in names if target in foreground[number, index]]
            if known:
                add(study, any(known))
                targets.add(source.parts[study], {target: any(known)})
        duplicates.add(study, study, digests, part=source.parts[study] if split else None)
    emptiness.finish()
    targets.finish()
    _check_numbers(source, findings)
    _check_flags(source, foreground, findings)
    if ALL in source.tables:
        listed = {(row.study, row.index) for row in source.tables[ALL]}
        for slice_number in foreground.keys() - listed:
            message = f"volume-{slice_number[0]}_{slice_number[1]} is there, but not listed; add a line"
            findings.warning("file-without-row", source.tables_folder / ALL, message)
    if (source.tables_folder / PROBE).is_file() and not source.probe_is_copy():
        message = f"not a copy of {TEST}, unlike the genuine one; it is ignored"
        findings.note("probe-differs", source.tables_folder / PROBE, message)


def _check_numbers(source: LitsPng, findings: Findings) -> None:
    """Compares the study and instance numbers of the CSVs with the names of the files."""
    wraps = False
    for path, row in _rows(source):
        if row.study_number and row.study_number != str(row.study):
            message = f"line {row.line} has study_number {row.study_number} for {row.image}; correct it"
            findings.warning("row-mismatch", path, message)
        wrapped = str(row.index % _WRAP)
        if row.instance_number and row.instance_number not in (str(row.index), wrapped):
            cell = f"line {row.line} has instance_number {row.instance_number} for {row.image}"
            findings.warning("instance-number", path, f"{cell}; the number in the name of the file is used")
        wraps |= row.instance_number == wrapped != str(row.index)
    if wraps:
        message = f"instance_number restarts at {_WRAP}, as in the genuine set; the names of the files are used"
        findings.note("instance-number-wraps", source.tables_folder / ALL, message)


def _check_flags(source: LitsPng, foreground: Mapping[tuple[int, int], Mapping[str, bool]], findings: Findings) -> None:
    """Infers what the flags of the CSVs mean and reports those that contradict it, or one another.

    Args:
        source: the reader.
        foreground: (study, slice) to target to whether its mask has content.
        findings: takes the findings.
    """
    claims: dict[tuple[int, int, str], tuple[bool, Path, int]] = {}
    for path, row in _rows(source):
        for target, flag in (("liver", row.liver_present), ("lesion", row.lesion_present)):
            key = (row.study, row.index, target)
            known, other, line = claims.setdefault(key, (flag, path, row.line))
            if known != flag:
                claim = f"line {row.line} has {flag} for {FLAG_COLUMNS[target]}, {other.name} has {known}"
                findings.warning("flag-contradicts", path, f"{claim} in line {line}; pixels are used")
    known_claims = {
        key: (flag, foreground[key[:2]][key[2]], path, line)
        for key, (flag, path, line) in claims.items()
        if key[2] in foreground.get(key[:2], {})
    }
    if not known_claims:
        return
    inverted = sum(flag == content for flag, content, _, _ in known_claims.values()) * 2 >= len(known_claims)
    first = next(iter(known_claims.values()))[2]
    if inverted:
        message = "*_mask_empty is True where a mask has content, as in the genuine set; pixels are used"
        findings.note("flags-inverted", first, message)
    else:
        message = "*_mask_empty is True where a mask is empty, unlike the genuine set; pixels are used"
        findings.warning("flags-literal", first, message)
    for (study, index, target), (flag, content, path, line) in known_claims.items():
        if (flag == content) != inverted:
            claim = f"line {line} has {flag} for {FLAG_COLUMNS[target]}, but the {target} mask of"
            state = f"volume-{study}_{index} {'has content' if content else 'is empty'}"
            findings.warning("flag-contradicts", path, f"{claim} {state}, unlike the other lines; pixels are used")


def _rows(source: LitsPng) -> Iterator[tuple[Path, Row]]:
    """Every row of every CSV, with the path of the CSV."""
    for name, rows in source.tables.items():
        for row in rows:
            yield source.tables_folder / name, row
