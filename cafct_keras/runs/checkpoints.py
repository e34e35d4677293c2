"""Checkpoints on disk: each there whole or not at all, and none that was damaged is taken for good.

A checkpoint is a folder `step-NNNNNNNN` with the files `state.npz` (arrays by name), `progress.json`, perhaps others,
and `SHA256SUMS`, which `sha256sum -c` reads. It is written under another name, read back, flushed to the disk and then
renamed.
"""

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import pathlib
import re
import shutil

import numpy as np

from cafct_keras.errors import UserError
from cafct_keras.runs.files import PROGRESS_FILE, STATE_FILE, SUMS_FILE
from pipelines.atomic import fsync


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What was read: the folder, the arrays by name, and the progress as it was given."""

    folder: pathlib.Path
    state: dict
    progress: dict


class CheckpointStore:
    """The checkpoints of one run.

    Writing goes on in a thread while training does; what went wrong there is raised by the next call.

    Args:
        folder: of the checkpoints; made where it is not there.
        keep: how many stay, the newest ones.
    """

    def __init__(self, folder, *, keep=2):
        self._folder = pathlib.Path(folder)
        self._folder.mkdir(parents=True, exist_ok=True)
        self._keep = keep
        self._thread = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing = None
        for left_over in self._folder.glob(".step-*"):  # of a process that was killed while it wrote or removed
            shutil.rmtree(left_over)

    def save(self, step, state, progress, *, files=()):
        """Begins to write a checkpoint, once the one before is written.

        Args:
            step: its number, from 0; a checkpoint of the same number is replaced.
            state: name to NumPy array, which must not change from here on.
            progress: what JSON can hold.
            files: further files to keep a copy of, as they are now.

        Raises:
            OSError: the checkpoint before could not be written.
        """
        self.wait()
        contents = {pathlib.Path(file).name: pathlib.Path(file).read_bytes() for file in files}
        self._writing = self._thread.submit(self._write, step, state, progress, contents)

    def wait(self):
        """Returns once all is written.

        Raises:
            OSError: it could not be.
        """
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def steps(self):
        """Numbers of the checkpoints that are there, ascending."""
        return _steps(self._folder)

    def latest(self, *, warn=lambda message: None):
        """Reads the newest checkpoint that is whole.

        Args:
            warn: called with a line for each damaged one, which is set aside as `damaged-step-NNNNNNNN`.

        Returns:
            A `Checkpoint`; None where there is none at all.

        Raises:
            UserError: every one is damaged.
        """
        steps = self.steps()
        for step in reversed(steps):
            folder = self._path(step)
            try:
                return read_checkpoint(folder)
            except UserError as error:
                aside = self._folder / f"damaged-{folder.name}"
                shutil.rmtree(aside, ignore_errors=True)
                folder.rename(aside)
                warn(f"{error}; it is kept as {aside.name}, and the checkpoint before it is taken")
        if steps:
            raise UserError(f"{self._folder}: every checkpoint is damaged; remove that folder to begin the run anew")
        return None

    def _write(self, step, state, progress, files):
        aside = self._folder / f".step-{step:08d}.partial"
        try:
            aside.mkdir()
            for name, content in files.items():
                (aside / name).write_bytes(content)
            np.savez(aside / STATE_FILE, **state)
            (aside / PROGRESS_FILE).write_text(json.dumps(progress, indent=1))
            (aside / SUMS_FILE).write_text(_sums(aside))
            for path in [*aside.iterdir(), aside]:
                fsync(path)
            with np.load(aside / STATE_FILE) as written:
                if any(written[name].tobytes() != value.tobytes() for name, value in state.items()):
                    raise OSError(f"{aside / STATE_FILE} reads differently from what was written; look after the disk")
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)  # makes room on a full disk
            raise
        self._remove(step)
        aside.rename(self._path(step))
        fsync(self._folder)
        for old in self.steps()[: -self._keep]:
            self._remove(old)

    def _remove(self, step):
        """Takes the name away first, so that what is half removed is no checkpoint."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._path(step).rename(self._folder / f".step-{step:08d}.old"))

    def _path(self, step):
        return self._folder / f"step-{step:08d}"


def has_checkpoints(folder: pathlib.Path) -> bool:
    """Whether a folder holds any checkpoint, damaged or not."""
    return bool(_steps(folder))


def _steps(folder: pathlib.Path) -> list[int]:
    # Not every name that begins so: users keep copies, such as step-00000010.bak.
    found = (re.fullmatch(r"step-(\d{8,})", path.name) for path in folder.glob("step-*"))
    return sorted(int(match[1]) for match in found if match)


def read_checkpoint(folder):
    """Reads a checkpoint, every byte of it checked.

    Args:
        folder: of the checkpoint.

    Returns:
        A `Checkpoint`.

    Raises:
        UserError: it is not as it was written.
    """
    folder = pathlib.Path(folder)
    try:
        if (folder / SUMS_FILE).read_bytes() != _sums(folder).encode():
            raise ValueError(f"its files are not those that {SUMS_FILE} names")
        with np.load(folder / STATE_FILE, allow_pickle=False) as arrays:
            state = dict(arrays)
        return Checkpoint(folder, state, json.loads((folder / PROGRESS_FILE).read_text()))
    except (OSError, ValueError) as error:
        raise UserError(f"{folder}: damaged ({error})") from error


def _sums(folder):
    lines = []
    for path in sorted(folder.iterdir()):
        if path.name != SUMS_FILE:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n")
    return "".join(lines)
