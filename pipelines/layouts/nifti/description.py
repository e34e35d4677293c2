"""The file `dataset.json` of nnU-Net and the Decathlon: the names of the labels, and the cases."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.documents import parse_json
from pipelines.findings import Findings
from pipelines.natural import natural_sort_key
from pipelines.targets import LESION, LIVER, Naming

NAME = "dataset.json"
_USUAL = {0: None, 1: LIVER, 2: LESION}


def described_labels(path: Path, findings: Findings) -> dict[int, str | None]:
    """What the labels are, see `pipelines.targets.Naming`; empty for those of LiTS, or if the file does not say.

    Args:
        path: the file.
        findings: takes names of which none is liver or lesion.
    """
    try:
        named = parse_json(path.read_bytes())["labels"].items() if path.is_file() else ()
        pairs = [
            (int(number), str(name))
            for key, value in named
            for name, number in ([(value, key)] if str(key).isdecimal() else _regions(key, value))
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
    naming, labels = Naming(), dict[int, str | None]()
    for number, name in pairs:
        targets = naming.targets_in(name) or ()
        target = LESION if LESION in targets else LIVER if targets else None
        # A region of the liver has the labels of its lesions too.
        labels[number] = LESION if labels.get(number) == LESION else target or labels.get(number)
    if pairs and not any(labels.values()):
        names = ", ".join(name for _, name in pairs)
        findings.error("mask-values", path, f"no label is liver or lesion, only {names}; name one by `labels`")
    return {} if labels == _USUAL else labels


def _regions(name: str, labels: Any) -> list[tuple[str, Any]]:
    return [(name, label) for label in (labels if isinstance(labels, list) else [labels])]


def check_description(path: Path, findings: Findings, cases: Mapping[str, Mapping[str, Path]]) -> None:
    """Compares the cases that a description lists with the files. The reader goes by the files, so these are warnings.

    Args:
        path: the description.
        findings: takes the warnings, and a file that cannot be read.
        cases: name of each case to its files by kind.
    """
    findings.count("files")
    try:
        described = parse_json(path.read_bytes())
        if "training" not in described:  # nnU-Net's second version lists nothing
            return
        pairs = described["training"]
        listed = {Path(pair[kind]).name for pair in pairs for kind in ("image", "label")}
        images = {Path(pair["image"]).name for pair in pairs}
    except (OSError, ValueError, AttributeError, KeyError, TypeError):
        findings.error("json-unreadable", path, "cannot be read as the Decathlon's description; copy it again")
        return
    there = {file.name for files in cases.values() for file in files.values()}
    scans = {files["image"].name for files in cases.values() if "image" in files}
    # nnU-Net's first version lists scans without the number of their channel.
    for name in sorted(listed - there - {name.replace("_0000.", ".") for name in there}, key=natural_sort_key):
        findings.warning("row-without-file", path, f"{name} is listed, but not there; copy it here")
    for name in sorted(scans - images, key=natural_sort_key):
        if name.replace("_0000.", ".") not in images:
            findings.warning("file-without-row", path, f"{name} is there, but not listed; add it or delete the file")
