"""Names of scans, unique and usable as names of files."""

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipelines.scans.scan import Scan


def with_unique_names(scans: Sequence[Scan]) -> list[Scan]:
    """Puts the names of folders before the names that several scans have, and likewise before those of their slices.

    Names that differ in capitals only are the same, since some disks do not tell them apart. Which name a scan gets
    does not depend on the order of the scans.
    """
    names = _distinct([scan.name for scan in scans], [scan.path for scan in scans])
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


def _distinct(names: Sequence[str], paths: Sequence[Path]) -> list[str]:
    above = [[part for part in reversed(path.absolute().parent.parts) if part != path.anchor] for path in paths]
    result = list(names)
    for depth in itertools.count():
        count = collections.Counter(name.casefold() for name in result)
        twice = [at for at, name in enumerate(result) if count[name.casefold()] > 1]
        if not twice:
            return result
        for at in twice:
            if depth < len(above[at]):
                result[at] = f"{above[at][depth]}_{result[at]}"
            else:  # a/b_c and a_b/c
                result[at] += f"_{sum(other.casefold() == result[at].casefold() for other in result[:at]) + 1}"
    raise AssertionError
