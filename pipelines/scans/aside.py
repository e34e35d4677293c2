"""Files that are not scans, by the reason for which they were left aside."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.findings import listed


class Aside:
    """Collects what was left aside while scans were searched for."""

    def __init__(self) -> None:
        self._files: dict[str, list[Path]] = {}

    def add(self, reason: str, paths: Iterable[Path]) -> None:
        """Leaves files aside.

        Args:
            reason: what they are, in the plural, such as `"masks"`.
            paths: the files.
        """
        self._files.setdefault(reason, []).extend(paths)

    def lines(self, below: Path | None = None) -> Iterator[str]:
        """Yields a line for each reason, with the number and names of the files, all or those below a folder."""
        for reason, paths in self._files.items():
            inside = [path for path in paths if below is None or path.is_relative_to(below)]
            if inside:
                yield f"{reason}: {len(inside)} left aside ({listed(path.name for path in inside)})"
