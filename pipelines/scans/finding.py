"""Scans in files and folders."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from pipelines.errors import DataError
from pipelines.findings import listed
from pipelines.natural import natural_sort_key
from pipelines.scans import nifti, png
from pipelines.scans.scan import Scan

_FILES: dict[str, Callable[[Path, str], Scan]] = {
    suffix: module.find for module in (nifti, png) for suffix in module.SUFFIXES
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundScans:
    """What was found in files and folders.

    Attributes:
        scans: in natural order of their names.
        notes: lines about what was left aside.
        failures: `{"case": name, "message": line}` of each scan that cannot be read.
    """

    scans: tuple[Scan, ...]
    notes: tuple[str, ...]
    failures: tuple[dict[str, str], ...]


def find_scans(inputs: Sequence[str | Path], *, keep_going: bool = False) -> FoundScans:
    """Finds scans: files, or folders of them at any depth.

    Args:
        inputs: files and folders.
        keep_going: list what cannot be read in `FoundScans.failures`, rather than raise it.

    Raises:
        DataError: there is no such file, none of them is a scan, or, unless `keep_going`, one of them cannot be read.
    """
    scans, failures, aside = [], [], []
    for given in map(Path, inputs):
        for path in _files(given):
            suffix = _suffix(path)
            if suffix is None:
                aside.append(path)
                continue
            name = path.name[: -len(suffix)]
            try:
                scans.append(_FILES[suffix](path, name))
            except DataError as error:
                if not keep_going:
                    raise
                failures.append({"case": name, "message": str(error)})
    notes = [f"files: {len(aside)} left aside, not scans ({listed(path.name for path in aside)})"] if aside else []
    return FoundScans(
        scans=tuple(sorted(scans, key=lambda scan: natural_sort_key(scan.name))),
        notes=tuple(notes),
        failures=tuple(failures),
    )


def _files(given: Path) -> Iterator[Path]:
    if not given.exists():
        raise DataError(f"{given}: no such file or folder; give a scan, or a folder of scans")
    if given.is_file():
        yield given
    else:
        yield from (path for path in sorted(given.rglob("*")) if path.is_file() and path.name[0] != ".")


def _suffix(path: Path) -> str | None:
    return next((suffix for suffix in _FILES if path.name.lower().endswith(suffix)), None)
