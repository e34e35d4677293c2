"""The order in which people count."""

import itertools
import re
from collections.abc import Sequence


def natural(name: str) -> tuple[list[str | int], str]:
    """Sorting key under which slice 9 comes before slice 10."""
    return [int(piece) if piece.isdecimal() else piece for piece in re.split(r"(\d+)", name)], name


def consecutive(names: Sequence[str]) -> bool:
    """Whether the names end in numbers that rise one by one, as those of neighbouring slices do."""
    numbers = [re.search(r"(\d+)[^\d]*$", name) for name in names]
    return all(numbers) and all(int(b[1]) - int(a[1]) == 1 for a, b in itertools.pairwise(numbers))
