"""SHA-256 checksums of files, in the format of `sha256sum`."""

import hashlib
import os
import pathlib

SUMS_FILE = "SHA256SUMS"
"""Name of a file of checksums, as `sha256sum` writes it."""


def sha256(file: str | os.PathLike[str]) -> str:
    """SHA-256 of a file, in hex."""
    with pathlib.Path(file).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sums(folder: pathlib.Path) -> str:
    """A line `DIGEST  NAME` for every file of a folder but hidden ones and `SHA256SUMS` itself."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS_FILE and not path.name.startswith("."))
    return "".join(f"{sha256(file)}  {file.name}\n" for file in files)


def parse_sums(text: str) -> dict[str, str]:
    """Name of a file to its digest, from the lines that `sums` wrote."""
    pairs = (line.partition("  ") for line in text.splitlines())
    return {name: digest for digest, _, name in pairs}
