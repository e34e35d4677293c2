"""Names of scans, unique and usable as names of files."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence

from pipelines.names import distinct
from pipelines.scans.scan import Scan


def with_unique_names(scans: Sequence[Scan]) -> list[Scan]:
    """Puts the names of folders before the names that several scans have, and likewise before those of their slices.

    Names that differ in capitals only are the same, since some disks do not tell them apart. Which name a scan gets
    does not depend on the order of the scans.
    """
    scans = sorted(scans, key=lambda scan: scan.path)
    names = distinct([scan.name for scan in scans], [_folders(scan) for scan in scans])
    taken = collections.Counter(name.casefold() for scan in scans for name in _outputs(scan))
    renamed = []
    for scan, name in zip(scans, names, strict=True):
        slices = scan.slice_names
        if len(slices) > 1 and any(taken[each.casefold()] > 1 for each in slices):
            slices = tuple(f"{name}_{each}" for each in slices)
        elif len(slices) == 1:
            slices = (name,)
        renamed.append(dataclasses.replace(scan, name=name, slice_names=slices))
    return renamed


def _outputs(scan: Scan) -> Iterable[str]:
    return scan.slice_names if len(scan.slice_names) > 1 else (scan.name,)


def _folders(scan: Scan) -> Sequence[str]:
    """Names of the folders above, the nearest first; without the one that the scan is named after."""
    above = scan.files[0].absolute().parent.parts[:0:-1]
    return above[1:] if above[:1] == (scan.name,) else above
