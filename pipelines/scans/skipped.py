"""Files that are skipped because they are not scans, by reason."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from pipelines.findings import listed


class Skipped:
    """Collects what is skipped in a search for scans."""

    def __init__(self) -> None:
        self._files: dict[str, list[Path]] = {}

    def add(self, reason: str, paths: Iterable[Path]) -> None:
        """Adds files that are skipped.

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
                yield f"{reason}: {len(inside)} skipped ({listed(path.name for path in inside)})"
