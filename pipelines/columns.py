"""Columns of tables that fit a terminal."""

from collections.abc import Sequence

GAP = 2  # blanks between columns


def column_blocks(widths: Sequence[int], width: int | None) -> list[list[int]]:
    """Parts the columns of a table into blocks that are printed one below the other.

    Example:
        >>> column_blocks([10, 30, 30, 30], 80)
        [[0, 1, 2], [0, 3]]

    Args:
        widths: of the columns, in characters. The first column names the rows, so it begins every block.
        width: of a line; None for no limit. A column that is wider than that is a block of its own.

    Returns:
        Indices of the columns of each block.
    """
    blocks: list[list[int]] = [[0]]
    used = widths[0]
    for index, needed in enumerate(widths[1:], start=1):
        if width is not None and len(blocks[-1]) > 1 and used + GAP + needed > width:
            blocks.append([0])
            used = widths[0]
        blocks[-1].append(index)
        used += GAP + needed
    return blocks
