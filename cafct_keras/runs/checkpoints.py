"""Checkpoints on disk: each is written completely or not at all, and none that is damaged is used.

A checkpoint is a folder `step-NNNNNNNN` with the files `state.npz` (arrays by name), `progress.json`, `run.txt` (the
`id` of its run's card), perhaps others, and `SHA256SUMS`, which `sha256sum -c` reads. It is written under a temporary
name, read back, flushed to disk and then renamed. Whatever else lies beside checkpoints is left alone, links included.
"""

import concurrent.futures
import dataclasses
import json
import pathlib
import re
import zipfile
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cafct_keras.checksums import SUMS_FILE, sums
from cafct_keras.errors import UserError
from cafct_keras.runs.files import PROGRESS_FILE, RUN_ID_FILE, STATE_FILE
from pipelines.atomic import atomic_directory, fsync, remove

# What a process leaves that was killed while it wrote or removed a checkpoint.
_LEFT_OVER = re.compile(r"\.step-\d{8,}(\.old|(\.partial)?-[0-9a-f]{8}(-replaced)?)")


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read.

    Attributes:
        folder: of the checkpoint.
        state: the arrays by name.
        progress: as it was given.
        run: `id` of the card of its run; None where it does not say.
    """

    folder: pathlib.Path
    state: dict[str, np.ndarray]
    progress: dict[str, Any]
    run: str | None = None


class CheckpointStore:
    """The checkpoints of one run.

    Checkpoints are written in a thread while training continues; an error there is raised by the next call.

    Args:
        folder: of the checkpoints; created if it does not exist.
        keep: number of newest checkpoints that are kept.
        run: `id` of the run's card; None where checkpoints of any run are taken.
    """

    def __init__(self, folder: str | pathlib.Path, *, keep: int = 2, run: str | None = None) -> None:
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._keep = keep
        self._run = run
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: concurrent.futures.Future[None] | None = None
        for path in [*self._folder.iterdir()]:
            if _LEFT_OVER.fullmatch(path.name):
                remove(path)

    def save(
        self,
        step: int,
        state: dict[str, np.ndarray],
        progress: dict[str, Any],
        *,
        files: Iterable[str | pathlib.Path] = (),
    ) -> None:
        """Starts to write a checkpoint, once the previous one is written.

        Args:
            step: its number, from 0; a checkpoint of the same number is replaced.
            state: name to NumPy array, which must not change from here on.
            progress: serializable as JSON.
            files: further files to keep a copy of, as they are now.

        Raises:
            OSError: the previous checkpoint could not be written.
        """
        self.wait()
        contents = {pathlib.Path(file).name: pathlib.Path(file).read_bytes() for file in files}
        self._writing = self._thread.submit(self._write, step, state, progress, contents)

    def wait(self) -> None:
        """Waits until the last checkpoint is written.

        Raises:
            OSError: it could not be written.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def steps(self) -> list[int]:
        """Numbers of the existing checkpoints, ascending."""
        return _steps(self._folder)

    def latest(self, *, warn: Callable[[str], None] = lambda message: None) -> Checkpoint | None:
        """Reads the newest intact checkpoint.

        Args:
            warn: called with a line for each damaged one, which is renamed to `damaged-step-NNNNNNNN`.

        Returns:
            The checkpoint; None if there is none at all.

        Raises:
            UserError: every one is damaged, or it is of another run.
        """
        steps = self.steps()
        for step in reversed(steps):
            folder = self._path(step)
            try:
                found = read_checkpoint(folder)
            except UserError as error:
                damaged = self._folder / f"damaged-{folder.name}"
                remove(damaged)
                folder.rename(damaged)
                warn(f"{error}; it is kept as {damaged.name}, and the previous checkpoint is used")
                continue
            # Those of earlier versions do not say whose they are.
            if self._run is not None and found.run not in (None, self._run):
                raise UserError(f"{folder}: a checkpoint of another run; remove it, and put back those of this run")
            return found
        if steps:
            raise UserError(f"{self._folder}: every checkpoint is damaged; remove that folder to start the run again")
        return None

    def _write(
        self, step: int, state: dict[str, np.ndarray], progress: dict[str, Any], files: dict[str, bytes]
    ) -> None:
        with atomic_directory(self._path(step), replace=True) as temporary:
            for name, content in files.items():
                (temporary / name).write_bytes(content)
            if self._run is not None:
                (temporary / RUN_ID_FILE).write_text(f"{self._run}\n", encoding="utf-8", newline="\n")
            arrays: dict[str, Any] = state
            np.savez(temporary / STATE_FILE, **arrays)
            (temporary / PROGRESS_FILE).write_text(json.dumps(progress, indent=1), encoding="utf-8", newline="\n")
            (temporary / SUMS_FILE).write_text(sums(temporary), encoding="utf-8", newline="\n")
            for path in temporary.iterdir():
                fsync(path)
            with np.load(temporary / STATE_FILE) as written:
                if any(written[name].tobytes() != value.tobytes() for name, value in state.items()):
                    raise OSError(f"{self._path(step)} reads differently from what was written; check the disk")
        for old in self.steps()[: -self._keep]:
            self._remove(old)

    def _remove(self, step: int) -> None:
        """Renames first, so that what is half removed is not a checkpoint."""
        remove(self._path(step).rename(self._folder / f".step-{step:08d}.old"))

    def _path(self, step: int) -> pathlib.Path:
        return self._folder / f"step-{step:08d}"


def has_checkpoints(folder: pathlib.Path) -> bool:
    """Whether a folder holds any checkpoint, damaged or not."""
    return bool(_steps(folder))


def _steps(folder: pathlib.Path) -> list[int]:
    # Not every name that begins so: users keep copies, such as step-00000010.bak, and links.
    found = [path for path in folder.glob("step-*") if path.is_dir() and not path.is_symlink()]
    matches = (re.fullmatch(r"step-([1-9]\d{8,}|\d{8})", path.name) for path in found)
    return sorted(int(match[1]) for match in matches if match)


def read_checkpoint(folder: str | pathlib.Path) -> Checkpoint:
    """Reads a checkpoint and verifies its checksums.

    Args:
        folder: of the checkpoint.

    Returns:
        The checkpoint.

    Raises:
        UserError: it is damaged.
    """
    folder = pathlib.Path(folder)
    try:
        if (folder / SUMS_FILE).read_bytes() != sums(folder).encode():
            raise ValueError(f"its files do not match {SUMS_FILE}")
        return Checkpoint(
            folder,
            _read_state(folder / STATE_FILE),
            json.loads((folder / PROGRESS_FILE).read_text(encoding="utf-8")),
            run.read_text(encoding="utf-8").strip() if (run := folder / RUN_ID_FILE).is_file() else None,
        )
    except (OSError, ValueError, EOFError, MemoryError, RecursionError, zipfile.BadZipFile) as error:
        raise UserError(f"{folder}: damaged ({error})") from error


def _read_state(file: pathlib.Path) -> dict[str, np.ndarray]:
    """The arrays of a state, which are stored as they are: a small file does not expand into a large state."""
    with zipfile.ZipFile(file) as archive:
        if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
            raise ValueError(f"its {file.name} is compressed")
    with np.load(file, allow_pickle=False) as arrays:
        return dict(arrays)
