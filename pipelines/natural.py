"""Natural order of names: slice 9 before slice 10."""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Any

from natsort import natsort_keygen

_key = natsort_keygen()


def natural_sort_key(name: str) -> tuple[Any, str]:
    """Sorting key for natural order; names that differ in leading zeros only stand in the order of their characters."""
    return _key(name), name


def are_consecutive(names: Sequence[str]) -> bool:
    """Whether the names end in numbers that rise by one, as those of neighbouring slices do."""
    numbers = last_numbers(names)
    return len(numbers) == len(names) and all(b - a == 1 for a, b in itertools.pairwise(numbers))


def missing_numbers(names: Sequence[str]) -> Iterator[int]:
    """Yields the numbers that are missing between those that the names end in, ascending."""
    for low, high in itertools.pairwise(sorted(set(last_numbers(names)))):
        yield from range(low + 1, high)


def last_numbers(names: Sequence[str]) -> list[int]:
    """The numbers that the names end in, of those that end in one, perhaps with letters behind it."""
    return [int(match[1]) for name in names if (match := re.search(r"(\d+)[^\d]*$", name))]
