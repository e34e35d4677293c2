"""The folders and files below a folder, and what of them is skipped.

All readers find their files here, so that links are followed everywhere, and what is not a regular file (a named pipe,
a device, a link to one) is reported and never opened.
"""

import contextlib
import contextvars
import os
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

from pipelines.files.kinds import ARCHIVE, ARRAYS, BINARY, DICOM, OTHER, PICTURE, VOLUME, VOXELS, kind_of_file
from pipelines.findings import Findings

# What systems leave in folders, besides names with a leading dot.
_OF_SYSTEMS = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "$recycle.bin", "lost+found")
_NAMES = {
    VOLUME: "volumes that belong to no case by their names",
    DICOM: "DICOM files",
    PICTURE: "pictures",
    ARCHIVE: "archives; unpack those with scans",
    ARRAYS: "files of arrays",
    VOXELS: "voxels without a header",
    BINARY: "files of no known format",
    OTHER: "other files",
}
_MAY_BE_SCANS = (VOLUME, DICOM, VOXELS, BINARY)
# Folder to what is in it; None outside of `listing_once`.
_listed: contextvars.ContextVar[dict[Path, tuple[list[Path], list[Path]]] | None] = contextvars.ContextVar(
    "listed", default=None
)


def walk(root: Path, findings: Findings, *, without: Container[Path] = ()) -> Iterator[tuple[Path, list[Path]]]:
    """Yields every folder with its files, in the order of their names, but hidden ones; follows links.

    Args:
        root: the folder to begin with.
        findings: takes folders that cannot be read as errors, and as skipped what is not a regular file, links that
            lead nowhere, and links to folders that are in the tree anyway, such as those above.
        without: folders that are left out, with what is in them.
    """
    # Links come last, so that a folder is called by its own name, also where a link leads there.
    pending, seen = [(root, False)], set()
    links: list[Path] = []
    top = Path(os.path.realpath(root))
    while pending or links:
        folder, linked = pending.pop() if pending else (links.pop(0), True)
        real = os.path.realpath(folder)
        above = linked and top.is_relative_to(real)  # which holds more than the folder to search
        if real in seen or above:
            findings.skip("links to folders that are searched anyway or hold this one", [folder] * linked)
            continue
        seen.add(real)
        try:
            folders, files = list_folder(folder, findings)
        except OSError as error:
            findings.error("unreadable", folder, f"cannot be read ({error.strerror}); fix its permissions")
            continue
        yield folder, files
        folders = [path for path in folders if path not in without]
        links += [path for path in folders if path.is_symlink()]
        pending += [(path, False) for path in reversed(folders) if not path.is_symlink()]


def list_folder(folder: Path, findings: Findings) -> tuple[list[Path], list[Path]]:
    """The folders and the regular files in a folder, by name, but hidden ones; see `walk`.

    Raises:
        OSError: it cannot be read.
    """
    known = _listed.get()
    if known is not None and folder in known:
        folders, files = known[folder]
        return [*folders], [*files]
    with os.scandir(folder) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    folders, files = [], []
    for entry in ordered:
        if is_hidden(entry.name):
            continue
        path = folder / entry.name
        try:
            if entry.is_file():
                files.append(path)
            elif entry.is_dir():
                folders.append(path)
            elif entry.is_symlink() and not path.exists():
                findings.skip("links that lead nowhere", [path], doubtful=True)
            else:
                findings.skip("pipes, devices and the like", [path], doubtful=True)
        except OSError:  # a link to itself, or to where nobody may look
            findings.skip("links that lead nowhere", [path], doubtful=True)
    if known is not None:
        known[folder] = [*folders], [*files]
    return folders, files


@contextlib.contextmanager
def listing_once() -> Iterator[None]:
    """Lists each folder once inside the context, for several looks at the same tree; nothing is reported twice."""
    token = _listed.set({})
    try:
        yield
    finally:
        _listed.reset(token)


def is_hidden(name: str) -> bool:
    """Whether a file or folder is nobody's: hidden, as macOS leaves some on other systems' disks, or of a system."""
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def report_rest(paths: Iterable[Path], findings: Findings, *, pictures: bool = False) -> None:
    """Reports the files of a data folder that its reader does not take, but texts and tables.

    Args:
        paths: the files.
        findings: takes them; what may be a scan is doubtful. DICOM files are reported by folder.
        pictures: whether pictures may be scans.
    """
    kinds: dict[str, dict[Path, None]] = {}
    for path in paths:
        kind = kind_of_file(path)
        kinds.setdefault(kind, {})[path.parent if kind == DICOM else path] = None
    for kind, files in kinds.items():
        if kind in _NAMES:
            doubtful = kind in _MAY_BE_SCANS or (pictures and kind == PICTURE)
            findings.skip(_NAMES[kind], files, doubtful=doubtful)
