"""Findings about a data folder: `Report` collects them, `Strict` raises the first error.

Readers take a `Findings` and report every problem to it. After an error they return what could be read, often None:
`Report` lets them continue with the next file, while `Strict` has raised the error before they return.
"""

import abc
import collections
import dataclasses
import os
import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.errors import DataError
from pipelines.natural import natural_sort_key
from pipelines.printable import one_line

SEVERITIES = ("error", "warning", "note")  # in the order in which they are shown
WARNING = "warning: "  # what the line of a warning begins with
NOT_READ = "not read: "  # and, if it may be worth a warning behind that, the line about files that are skipped
SKIPPED = "skipped"  # the code of files that are there and not read
Remark = tuple[str, str, Path | str, str]
"""A warning or a note: the arguments of `Findings.add`."""


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing about a data folder.

    Attributes:
        code: kind of finding, such as `"mask-missing"`; stable between versions.
        severity: one of `SEVERITIES`.
        file: path relative to the folder, with forward slashes, or the name of a case; `"."` for the folder itself.
        message: one line, what is wrong and how to fix it.
    """

    code: str
    severity: str
    file: str
    message: str

    def as_dict(self) -> dict[str, str]:
        """The attributes by name, ready for JSON."""
        return dataclasses.asdict(self)


class Findings(abc.ABC):
    """Takes findings; its methods may be called from several threads.

    Args:
        root: the data folder.

    Attributes:
        root: the data folder.
        remarks: the warnings and notes, in the order in which they came, of one that keeps no findings.
    """

    def __init__(self, root: str | Path):
        self.root = Path(root)
        self.remarks: list[Remark] = []
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    @abc.abstractmethod
    def add(self, severity: str, code: str, file: Path | str, message: str) -> None:
        """Takes one finding. `file` is a path or the name of a case; the other fields are those of `Finding`."""

    def error(self, code: str, file: Path | str, message: str) -> None:
        """Adds something that makes a file or case unusable."""
        self.add("error", code, file, message)

    def warning(self, code: str, file: Path | str, message: str) -> None:
        """Adds something that can be read but is probably wrong."""
        self.add("warning", code, file, message)

    def note(self, code: str, file: Path | str, message: str) -> None:
        """Adds something that is good to know."""
        self.add("note", code, file, message)

    def skip(self, what: str, paths: Iterable[Path], *, doubtful: bool = False) -> None:
        """Adds files or folders that are there and not read.

        Args:
            what: they are, in the plural, perhaps with a remark, such as `"JPEG files, which are lossy"`.
            paths: of them.
            doubtful: whether they may be scans that the user expects to be read.
        """
        for path in paths:
            self.add("warning" if doubtful else "note", SKIPPED, path, what)

    def refused(self, code: str, file: Path | str, error: DataError) -> None:
        """Adds the message of a `DataError` as an error about the path that it starts with, or else about `file`."""
        start, _, rest = str(error).partition(": ")
        if rest and Path(start).is_relative_to(self.root):
            self.error(code, Path(start), rest)
        else:
            self.error(code, file, str(error))

    @property
    def notes(self) -> list[str]:
        """Warnings and notes as lines for `Source.notes`; none where they are collected as findings.

        A warning begins with `WARNING`.
        """
        return []

    def count(self, what: str, number: int = 1) -> None:  # noqa: B027  (only a report counts)
        """Counts `"cases"`, `"slices"` or `"files"` that were read."""

    def name(self, file: Path | str) -> str:
        """The `file` of a `Finding`: a path relative to the folder, or the name of a case as it is."""
        if not isinstance(file, Path):
            return file
        if file.is_relative_to(self.root):
            return file.relative_to(self.root).as_posix()
        try:
            return Path(os.path.relpath(file.resolve(), self.root.resolve())).as_posix()  # a CSV above the folder
        except ValueError:  # on another drive of Windows
            return file.resolve().as_posix()


class Report(Findings):
    """Collects all findings, for `verify`.

    Attributes:
        findings: in the order in which they came.
        counts: `"cases"`, `"slices"` and `"files"` that were read.
    """

    def __init__(self, root: str | Path):
        super().__init__(root)
        self.findings: list[Finding] = []
        self.counts: collections.Counter[str] = collections.Counter()

    def add(self, severity: str, code: str, file: Path | str, message: str) -> None:
        """Adds the finding to `findings`."""
        message = f"{message}: not read" if code == SKIPPED else message
        self.findings.append(Finding(code, severity, self.name(file), " ".join(message.split())))

    def count(self, what: str, number: int = 1) -> None:
        """Adds to `counts`."""
        with self._lock:  # adding to a number takes two steps
            self.counts[what] += number

    def sorted(self) -> list[Finding]:
        """All findings without repetitions, errors first, then by code, file and message."""
        return sorted(
            dict.fromkeys(self.findings),
            key=lambda one: (SEVERITIES.index(one.severity), one.code, natural_sort_key(one.file), one.message),
        )


class Strict(Findings):
    """Raises the first error and keeps warnings and notes as lines for `Source.notes`."""

    def __init__(self, root: str | Path):
        super().__init__(root)
        self._files: dict[tuple[str, str], tuple[str, dict[str, None]]] = {}
        self._aside: dict[str, dict[Path | str, None]] = {}
        self._doubtful: set[str] = set()

    def add(self, severity: str, code: str, file: Path | str, message: str) -> None:
        """Raises an error, keeps anything else.

        Raises:
            DataError: the finding is an error; one line that starts with the path of the file.
        """
        message = " ".join(message.split())
        if severity == "error":
            where = file if isinstance(file, Path) else self.root if file == "." else f"{self.root}: {file}"
            raise DataError(f"{where}: {message}")
        with self._lock:
            self.remarks.append((severity, code, file, message))
            if code == SKIPPED:
                self._aside.setdefault(message, {})[file] = None
                self._doubtful |= {message} if severity == "warning" else set()
            else:
                # What differs in a number only is one line: a folder of scans has a habit, not an accident.
                key = (severity, re.sub(r"\d[\d.,e+-]*", "0", message))
                start = WARNING if severity == "warning" else ""
                self._files.setdefault(key, (f"{start}{message}", {}))[1][self.name(file)] = None

    @property
    def notes(self) -> list[str]:
        """One line per message, with the files that it is about, and one for all that is skipped."""
        with self._lock:
            files = {line: sorted(names, key=natural_sort_key) for line, names in self._files.values()}
            start = WARNING if self._doubtful else ""
        return [
            *(f"{start}{line}" for line in self.skipped_lines()),
            *(f"{message} ({_counted(list(map(one_line, names)))})" for message, names in files.items()),
        ]

    @property
    def warnings(self) -> tuple[str, ...]:
        """The messages of warnings, without the files."""
        with self._lock:
            lines = [line for line, _ in self._files.values()]
        return tuple(line.removeprefix(WARNING) for line in lines if line.startswith(WARNING))

    def _short(self, file: Path | str) -> str:
        below = isinstance(file, Path) and self.root.parts and file.is_relative_to(self.root)
        return self.name(file) if below or isinstance(file, str) else file.name

    def skipped_lines(self, below: Path | None = None) -> list[str]:
        """A line that sums up what is skipped, all or below a folder, doubtful files first; none if nothing is."""
        with self._lock:
            kinds = {
                what: [file for file in files if below is None or (isinstance(file, Path) and below in file.parents)]
                for what, files in sorted(self._aside.items(), key=lambda item: item[0] not in self._doubtful)
            }
        names = {what: dict.fromkeys(one_line(self._short(file)) for file in files) for what, files in kinds.items()}
        shown = [f"{what} ({len(files)}: {listed(names[what])})" for what, files in kinds.items() if files]
        return [f"{NOT_READ}{'; '.join(shown)}"] * bool(shown)


def listed(values: Iterable[object], most: int = 6) -> str:
    """The first few values, separated by commas, with dots for the rest."""
    values = list(values)
    shown = ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values[:most])
    return shown + (", ..." if len(values) > most else "")


def _counted(names: list[str]) -> str:
    shown = listed(names)
    return f"{len(names)} in all: {shown}" if shown.endswith("...") else shown
