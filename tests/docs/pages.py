"""Code blocks of the documentation, for tests that run them."""

import pathlib
import re

DOCS = pathlib.Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page, language):
    """The code blocks of a page, such as `"how_to/serving.md"`, in a language (`""` for commands), in order."""
    return [text for found, text in BLOCK.findall((DOCS / page).read_text(encoding="utf-8")) if found == language]
