"""Names of cases, unique where those of their folders are not."""

import collections
from collections.abc import Sequence


def distinct(names: Sequence[str], above: Sequence[Sequence[str]]) -> list[str]:
    """Puts the names of folders before names that occur several times, until they are unique.

    Names that differ in capitals only are the same, since some disks do not tell them apart.

    Args:
        names: of the cases.
        above: of each case, the names of the folders above it, the nearest first.
    """
    result = list(names)
    for depth in range(max(map(len, above), default=0)):
        twice = repeated(result)
        for at in twice:
            result[at] = "_".join((*above[at][depth : depth + 1], result[at]))
    while twice := repeated(result):  # a/b_c and a_b/c
        for number, at in enumerate(twice, start=1):
            result[at] += f"_{number}"
    return result


def repeated(names: Sequence[str]) -> list[int]:
    """Indices of the names that are there several times."""
    count = collections.Counter(name.casefold() for name in names)
    return [at for at, name in enumerate(names) if count[name.casefold()] > 1]
