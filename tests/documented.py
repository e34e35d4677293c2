"""Names in the reference of file formats."""

import pathlib
import re

FILES = pathlib.Path(__file__).parents[1] / "docs" / "reference" / "files"


def documented(page, heading):
    """Names in code in a section of a page of `docs/reference/files`."""
    text = (FILES / f"{page}.md").read_text()
    _, section = text.split(f"\n## {heading}\n")
    return set(re.findall(r"`(\w+)`", section.partition("\n## ")[0]))
