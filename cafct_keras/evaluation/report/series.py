"""How several results stand in one chart: told apart by colour and by shape."""

import re

STYLES = ("s0", "s1", "s2")
SHAPES = ("circle", "diamond", "tick")
NOTHING = ("nothing", "tick", "nothing predicted")


def style(index: int) -> str:
    """Class of the series with this number."""
    return STYLES[index % len(STYLES)]


def shape(index: int) -> str:
    """Shape of its dots."""
    return SHAPES[index % len(SHAPES)]


def legend(results: list[dict]) -> list[tuple[str, str, str]]:
    """One entry a result."""
    return [(style(index), shape(index), result["name"]) for index, result in enumerate(results)]


def page_id(*parts: str) -> str:
    """An id for the page, made of names that may hold anything."""
    return re.sub(r"\W+", "-", "-".join(parts)).strip("-").lower()


def rows_of(result: dict, target: str) -> list[dict]:
    """The cases of a result that are scored for a target."""
    return [row for row in result["cases"] if row["target"] == target]
