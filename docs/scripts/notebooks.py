"""Notebooks as pages of Markdown, with the outputs that they were saved with."""

import json
import pathlib
from collections.abc import Iterator
from typing import Any


def as_markdown(file: pathlib.Path) -> str:
    """The cells of a notebook: text as it is, code in fences, and outputs as text or pictures."""
    cells = json.loads(file.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join(part for cell in cells for part in _parts(cell)) + "\n"


def _parts(cell: dict[str, Any]) -> Iterator[str]:
    source = _text(cell["source"])
    if cell["cell_type"] == "markdown":
        yield source
        return
    yield f"```python\n{source}\n```"
    printed = ""
    for output in cell["outputs"]:
        data = output.get("data", {"text/plain": output.get("text", "")})
        if "image/png" in data:
            yield from _fence(printed)
            printed = ""
            yield f"![Output of the cell above](data:image/png;base64,{_text(data['image/png']).strip()})"
        elif output.get("name") != "stderr":
            printed += _text(data.get("text/plain", "")).rstrip("\n") + "\n"
    yield from _fence(printed)


def _fence(printed: str) -> Iterator[str]:
    if printed.strip():
        yield f"```text\n{printed.rstrip()}\n```"


def _text(value: str | list[str]) -> str:
    """Notebooks hold a text as lines, too."""
    return value if isinstance(value, str) else "".join(value)
