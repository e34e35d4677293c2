"""Duplicate slices and scans, found by a hash of their pixels."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipelines.findings import Findings


def digest(pixels: np.ndarray) -> bytes | None:
    """Hash, 16 bytes, of the pixels of a slice, `(H, W)` of any dtype; None for a blank one, since all are alike."""
    if pixels.size == 0 or (pixels == pixels.flat[0]).all():
        return None
    return hashlib.blake2b(np.ascontiguousarray(pixels).tobytes(), digest_size=16).digest()


class Duplicates:
    """Finds slices and scans that occur twice in a folder."""

    def __init__(self, findings: Findings):
        self._findings = findings
        self._slices: dict[bytes, tuple[str, str, str | None]] = {}
        self._scans: dict[bytes, tuple[Path | str, str | None]] = {}

    def add(
        self,
        case: str,
        file: Path | str,
        slices: Sequence[tuple[Path | str, bytes | None]],
        *,
        part: str | None = None,
    ) -> None:
        """Adds a case. A scan that occurred before is an error; a slice that did is one across parts of the split only.

        Args:
            case: its name.
            file: the `file` of a finding about the whole scan.
            slices: file (or name) and digest of each slice.
            part: of the split, None if unknown.
        """
        known = [one for _, one in slices if one is not None]
        # Sorted, so that a scan that stands on its head is the same scan.
        whole = hashlib.blake2b(b"".join(sorted(known)), digest_size=16).digest()
        if len(known) > 1 and whole in self._scans:
            other, other_part = self._scans[whole]
            self._findings.error(
                "duplicate-volume",
                file,
                f"has the same pixels as {self._findings.name(other)}{_sides(part, other_part)}; delete one of the two",
            )
            return
        self._scans[whole] = (file, part)
        for name, one in slices:
            if one is None:
                continue
            other, other_case, other_part = self._slices.setdefault(one, (self._findings.name(name), case, part))
            if other == self._findings.name(name):
                continue
            leaks = None not in (part, other_part) and part != other_part
            self._findings.add(
                "error" if leaks else "warning",
                "duplicate-slice",
                name,
                f"has the same pixels as {other}{f' of {other_case}' * (case != other_case)}"
                f"{_sides(part, other_part)}; delete one of the two, or copy the right one",
            )


def _sides(part: str | None, other: str | None) -> str:
    return f", on another side of the split ({part} and {other})" if None not in (part, other) and part != other else ""
