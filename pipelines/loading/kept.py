"""Slices kept from run to run: files in the user's cache folder that are mapped and not read."""

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import shutil
import time
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from pipelines.atomic import atomic_directory
from pipelines.case import Source
from pipelines.documents import parse_json
from pipelines.errors import DataError
from pipelines.loading.cache import FileCache
from pipelines.loading.parts import Rows, read_parts
from pipelines.preprocessing import Preprocessing

UNUSED_DAYS = 30
_INDEX = "slices.json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class KeptPart:
    """One part of the split, see `Part`, with its arrays mapped read-only."""

    images: np.ndarray
    masks: np.ndarray
    rows: Rows


def kept_parts(source: Source, preprocessing: Preprocessing, *, validation: bool) -> dict[str, KeptPart]:
    """Maps the slices of a source that an earlier call kept, or reads and keeps them.

    They are kept in a folder of their own for everything that they depend on: the files, the split, how they are read
    and preprocessed, and the version of this package. Folders that were not used for `UNUSED_DAYS` are removed when
    another is created. Notes that reading the source added are kept too, and added to it again.

    Args:
        source: the reader.
        preprocessing: what becomes of its slices.
        validation: False to add the validation part to the training part.

    Returns:
        Each of `SPLITS` to its slices.

    Raises:
        DataError: see `read_parts`; or the folder cannot be written.
    """
    folder = _folder(source, preprocessing, validation)
    if (index := _index(folder)) is None:
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"`cache` disk: cannot create {folder.parent} ({error.strerror}); use ram") from error
        _remove_unused(folder.parent)
        with atomic_directory(folder, replace=True) as temporary:
            index = _write(temporary, source, preprocessing, validation)
    else:
        source.recall(index["notes"])
    with contextlib.suppress(OSError):  # a cache of somebody else
        os.utime(folder)
    return {
        name: KeptPart(
            images=_mapped(folder / f"{name}-images", part["images"]),
            masks=_mapped(folder / f"{name}-masks", part["masks"]),
            rows=Rows(**part["rows"]),
        )
        for name, part in index["parts"].items()
    }


def _folder(source: Source, preprocessing: Preprocessing, validation: bool) -> Path:
    depends_on = {
        "version": metadata.version("cafct-keras"),
        "fingerprint": source.fingerprint(),
        "layout": source.layout,
        "reading": dict(source.reading),
        "parts": source.parts,
        "validation": validation,
        "preprocessing": dataclasses.asdict(preprocessing),
    }
    key = hashlib.sha256(json.dumps(depends_on, sort_keys=True).encode()).hexdigest()
    return platformdirs.user_cache_path("cafct-keras") / "slices" / key[:32]


def _index(folder: Path) -> dict[str, Any] | None:
    """What the folder holds; None if it does not exist, or something was done to its files."""
    try:
        index = parse_json((folder / _INDEX).read_bytes())
        for name, part in index["parts"].items():
            for array in ("images", "masks"):
                if (folder / f"{name}-{array}").stat().st_size != math.prod(part[array]):
                    return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return index


def _write(folder: Path, source: Source, preprocessing: Preprocessing, validation: bool) -> dict[str, Any]:
    known = source.notes
    made: dict[str, FileCache] = {}

    def make(name: str, *shape: int) -> FileCache:
        made[name] = FileCache(*shape, path=folder / name)
        return made[name]

    parts = read_parts(source, preprocessing, validation=validation, make=make)
    index = {
        "parts": {
            name: {
                "images": made[f"{name}-images"].close(),
                "masks": made[f"{name}-masks"].close(),
                "rows": dataclasses.asdict(part.rows),
            }
            for name, part in parts.items()
        },
        "notes": [note for note in source.notes if note not in known],
    }
    (folder / _INDEX).write_text(json.dumps(index), encoding="utf-8")
    return index


def _remove_unused(folder: Path) -> None:
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    for kept in folder.glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another process was faster
            if kept.stat().st_mtime < oldest:
                shutil.rmtree(kept, ignore_errors=True)


def _mapped(path: Path, shape: list[int]) -> np.ndarray:
    if not math.prod(shape):  # an empty file cannot be mapped
        return np.empty(shape, np.uint8)
    try:
        return np.memmap(path, np.uint8, "r", shape=tuple(shape))
    except (OSError, ValueError) as error:  # another process removed or replaced it just now
        raise DataError(f"`cache` disk: {path} cannot be mapped ({error}); start again") from error
