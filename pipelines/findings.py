"""What a check finds, and the report that gathers it."""

import collections
import dataclasses
import os
import threading
from pathlib import Path

from pipelines.errors import DataError
from pipelines.natural import natural

SEVERITIES = ("error", "warning", "note")  # in the order in which they are told


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing about a data folder.

    Attributes:
        code: what kind of thing, such as `"mask-missing"`; does not change between versions.
        severity: one of `SEVERITIES`.
        file: path relative to the folder, with forward slashes, or the name of a case; `"."` for the folder itself.
        message: one line, what is wrong and what mends it.
    """

    code: str
    severity: str
    file: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """The attributes by name, ready for JSON."""
        return dataclasses.asdict(self)


class Report:
    """Gathers findings; its methods may be called from several threads.

    Args:
        root: the folder that is checked.

    Attributes:
        findings: in the order in which they came.
        counts: `"cases"`, `"slices"` and `"files"` that were read.
    """

    def __init__(self, root: Path):
        self._root = root
        self.findings: list[Finding] = []
        self.counts: collections.Counter[str] = collections.Counter()
        self._lock = threading.Lock()  # adding to a number takes two steps

    def count(self, what: str, number: int = 1) -> None:
        """Counts `"cases"`, `"slices"` or `"files"` that were read."""
        with self._lock:
            self.counts[what] += number

    def error(self, code: str, file: Path | str, message: str) -> None:
        """Adds what the reader refuses. `file` is a path in the folder or the name of a case."""
        self.add("error", code, file, message)

    def warning(self, code: str, file: Path | str, message: str) -> None:
        """Adds what the reader takes, but nobody should use unawares."""
        self.add("warning", code, file, message)

    def note(self, code: str, file: Path | str, message: str) -> None:
        """Adds what is good to know."""
        self.add("note", code, file, message)

    def refused(self, code: str, file: Path | str, error: DataError) -> None:
        """Adds a reader's own words as an error, about the path that they start with, or else about `file`."""
        start, _, rest = str(error).partition(": ")
        if rest and Path(start).is_relative_to(self._root):
            self.error(code, Path(start), rest)
        else:
            self.error(code, file, str(error))

    def add(self, severity: str, code: str, file: Path | str, message: str) -> None:
        """Adds a finding of any severity."""
        self.findings.append(Finding(code, severity, self.name(file), " ".join(message.split())))

    def name(self, file: Path | str) -> str:
        """How a file is called in the report."""
        if not isinstance(file, Path):
            return file
        if file.is_relative_to(self._root):
            return file.relative_to(self._root).as_posix()
        return Path(os.path.relpath(file.resolve(), self._root.resolve())).as_posix()  # a CSV above the folder

    def sorted(self) -> list[Finding]:
        """All findings, each once, in an order that depends on nothing else."""
        return sorted(
            dict.fromkeys(self.findings),
            key=lambda one: (SEVERITIES.index(one.severity), one.code, natural(one.file), one.message),
        )


def listed(values, most: int = 6) -> str:
    """The first few values, separated by commas, and dots for the rest."""
    values = list(values)
    shown = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values[:most])
    return shown + (", ..." if len(values) > most else "")
