"""Fingerprint of a data folder."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

_END = 1 << 16  # bytes


def fingerprint(files: Iterable[Path], root: Path) -> str:
    """SHA-256, in hex, of the names of files below `root`, their sizes, and the first and last 64 KiB of each.

    The ends suffice to notice a change (a gzip file ends in a checksum of its content) and are read from hundreds of
    gigabytes in seconds. A copy of the folder has the same fingerprint.
    """
    digest = hashlib.sha256()
    for path in sorted(files):
        size = path.stat().st_size
        digest.update(f"{path.relative_to(root).as_posix()}\0{size}\0".encode(errors="surrogateescape"))
        with path.open("rb") as file:
            digest.update(file.read(_END))
            if size > _END:
                file.seek(max(_END, size - _END))
                digest.update(file.read())
    return digest.hexdigest()
