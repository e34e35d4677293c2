"""The order in which people count."""

import re


def natural(name: str) -> tuple[list[str | int], str]:
    """Sorting key under which slice 9 comes before slice 10."""
    return [int(piece) if piece.isdecimal() else piece for piece in re.split(r"(\d+)", name)], name
