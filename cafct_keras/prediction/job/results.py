"""Results of a job's cases: complete or absent, whenever the job is interrupted."""

import contextlib
import dataclasses
import json
import re
import shutil
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cafct_keras.errors import UserError
from cafct_keras.runs.lock import lock
from pipelines.atomic import atomic_directory, fsync
from pipelines.documents import parse_json
from pipelines.errors import DataError
from pipelines.masks.folders import PREDICT_FILE
from pipelines.natural import natural_sort_key
from pipelines.places import parents
from pipelines.scans import Scan

RECORDS = ".predict"  # folder in the output folder
DOCUMENTS = (PREDICT_FILE, "cases.html", "measurements.json", "measurements.csv", "lesions.csv")  # of all cases
_RECORD, _FILES = "record.json", "files"  # in the folder of a case


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """What came of a case.

    Attributes:
        name: of the case.
        input: the scan's path, as it was given.
        fingerprint: of the scan; empty after a failure.
        settings: by which it was segmented.
        files: paths in the output folder, each with its size in bytes.
        case: what `predict.json` says about it.
        measurements: see `cafct_keras.measurement.Measurements`; None where there are none.
        failure: why there is no result; None if there is one.
    """

    name: str
    input: str
    fingerprint: str
    settings: dict[str, Any]
    files: dict[str, int] = dataclasses.field(default_factory=dict)
    case: dict[str, Any] = dataclasses.field(default_factory=dict)
    measurements: dict[str, Any] | None = None
    failure: str | None = None


class Results:
    """The output folder of a job.

    Each case is written to a folder of its own under `.predict`, which appears complete. Its files are then moved to
    their places, and its record stays. A job that was killed in between moves them when it is resumed.

    Args:
        out: the output folder.
        settings: what decides the content of every file, for JSON.
        shared: whether other jobs write the results of other scans at the same time.
    """

    def __init__(self, out: str | Path, settings: dict[str, Any], *, shared: bool = False):
        self.out, self.settings, self._shared = Path(out), settings, shared
        self._folder = self.out / RECORDS
        self._former: dict[str, Record] = {}  # results that are to be replaced, by name

    @contextlib.contextmanager
    def opened(self) -> Iterator[None]:
        """Creates the output folder, which is removed again if it stays empty, and keeps other jobs out.

        Raises:
            UserError: it holds other files, or another job writes to it.
        """
        if self.out.exists() and not self._folder.is_dir() and (found := sorted(self.out.glob("[!.]*"))):
            raise UserError(f"`out` {self.out}: holds other files, such as {found[0].name}; give a new folder")
        doing = "segmenting scans into this folder"
        with parents(self.out), self._created(), lock(self.out, doing=doing, shared=self._shared):
            yield

    @contextlib.contextmanager
    def _created(self) -> Iterator[None]:
        with self.writing():
            self._folder.mkdir(parents=True, exist_ok=True)
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # not empty
                self._folder.rmdir()
                self.out.rmdir()

    def alone(self) -> contextlib.AbstractContextManager[None]:
        """Context of which there is one at a time, among the jobs that share the folder."""
        return lock(self._folder, wait=True)

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Context that reports a full disk and the like in one line.

        Raises:
            UserError: instead of `OSError`.
        """
        try:
            yield
        except OSError as error:
            raise UserError(
                f"`out` {self.out}: cannot be written ({error.strerror or error}); make room or fix its permissions; "
                "the same command then resumes"
            ) from error

    def records(self) -> list[Record]:
        """All cases so far, in natural order."""
        found = []
        for file in self._folder.glob(f"*/{_RECORD}"):
            with contextlib.suppress(FileNotFoundError):  # another job removes it
                found.append(_read_record(file))
        return sorted(found, key=lambda record: natural_sort_key(record.name))

    def unfinished(self, scans: Sequence[Scan], *, overwrite: bool) -> list[Scan]:
        """Cleans up after an earlier job, and returns the scans that have no result of these settings.

        Args:
            scans: to be segmented.
            overwrite: replace results of other settings, and of other scans of the same name. Each stays until the new
                one is complete, or is known to have failed; see `remove_former` for the others.

        Raises:
            UserError: there are some, and they are not to be removed.
        """
        names, records = {scan.name for scan in scans}, {}
        with self.writing():
            self._sweep(names)
            for record in self.records():
                other = record.failure is None and record.settings != self.settings
                if other and not overwrite:
                    raise UserError(f"`out` {self.out}: {self._difference(record)}; give another folder or `overwrite`")
                if self._shared and record.name not in names:
                    continue  # another job may be at work on it
                self._publish(record)
                if record.failure is not None:
                    self._remove(record)
                elif other:
                    self._former[record.name] = record
                else:
                    records[record.name] = record
        pending = []
        for scan in scans:
            if scan.name in records:
                if self._is_of(records[scan.name], scan, overwrite=overwrite):
                    continue
                self._former[scan.name] = records[scan.name]
            pending.append(scan)
        return pending

    def remove_former(self) -> None:
        """Removes what is left of results of other settings: those of scans that are no longer among the inputs."""
        for record in self.records():
            if self._former.get(record.name) == record and record.settings != self.settings:
                self._remove(record)

    @contextlib.contextmanager
    def case(self, scan: Scan) -> Iterator[tuple[Path, dict[str, Any]]]:
        """Context that writes a case: complete when the block succeeds, else nothing.

        Yields:
            The folder for files, which lie in it as they will in the output folder; and a dictionary to be filled with
            those attributes of the `Record` that are not known here.

        Raises:
            DataError: a file of that name is there already, of another case or another origin.
        """
        details: dict[str, Any] = {}
        with atomic_directory(self._folder / scan.name, replace=True) as folder, ThreadPoolExecutor(1) as thread:
            fingerprint = thread.submit(scan.fingerprint)
            files = folder / _FILES
            files.mkdir()
            yield files, details
            written = sorted(path for path in files.rglob("*") if path.is_file())
            sizes = {path.relative_to(files).as_posix(): path.stat().st_size for path in written}
            former = self._former.get(scan.name)
            own = former.files if former else {}
            if taken := [name for name in sizes if name not in own and (self.out / name).exists()]:
                raise DataError(f"{scan.path}: `out` has a {taken[0]} already; rename the scan, or give another folder")
            record = Record(
                name=scan.name,
                input=str(scan.path),
                fingerprint=fingerprint.result(),
                settings=self.settings,
                files=sizes,
                **details,
            )
            _write_record(folder, record)
            if former:
                self._remove(former)
        self._publish(record)

    def fail(self, name: str, path: str, message: str) -> None:
        """Records why a case has no result."""
        with self.writing(), atomic_directory(self._folder / name, replace=True) as folder:
            record = Record(name=name, input=path, fingerprint="", settings=self.settings, failure=message)
            _write_record(folder, record)
            if former := self._former.get(name):
                self._remove(former)

    def _is_of(self, record: Record, scan: Scan, *, overwrite: bool) -> bool:
        """Whether a result is that of a scan, and all there."""
        if record.fingerprint == scan.fingerprint():
            files = ((self.out / name, size) for name, size in record.files.items())
            return all(path.is_file() and path.stat().st_size == size for path, size in files)
        if record.input != str(scan.path) and not overwrite:
            raise UserError(
                f"`out` {self.out}: holds the result of another {scan.name} ({record.input}), not of {scan.path}; "
                "give another folder or `overwrite`"
            )
        return False

    def _difference(self, record: Record) -> str:
        """How the settings of a result differ, in words."""
        both = {**record.settings, **self.settings}
        name = next(name for name in both if record.settings.get(name) != self.settings.get(name))
        texts = [json.dumps(settings.get(name)) for settings in (record.settings, self.settings)]
        values = f" {texts[0]}, now {texts[1]}" if max(map(len, texts)) < 60 else ""
        return f"{record.name} was made with other settings (`{name}`{values})"

    def _publish(self, record: Record) -> None:
        """Moves the files of a case to their places, whose record says that they are complete."""
        files = self._folder / record.name / _FILES
        if not files.is_dir():
            return
        for name in record.files:
            source, path = files / name, self.out / name
            if source.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                source.replace(path)
                fsync(path.parent)
        shutil.rmtree(files)

    def _remove(self, record: Record) -> None:
        """Removes a case, its record last, and the documents that are about it."""
        for name in (*DOCUMENTS, *record.files):
            path = self.out / name
            path.unlink(missing_ok=True)
            if path.parent != self.out:
                with contextlib.suppress(OSError):  # not empty
                    path.parent.rmdir()
        shutil.rmtree(self._folder / record.name)

    def _sweep(self, names: Collection[str]) -> None:
        """Removes what a killed job left of cases of these names."""
        for path in self._folder.glob(".*"):
            # As they are named, and as older versions named them.
            match = re.fullmatch(r"\.(.*?)(\.partial)?-[0-9a-f]{8}(-replaced)?", path.name)
            if match and match[1] in names:
                shutil.rmtree(path)


def _read_record(file: Path) -> Record:
    try:
        record = Record(**parse_json(file.read_bytes()))
        if not isinstance(record.files, dict) or record.name != file.parent.name:
            raise ValueError("it is of another case")
    except (ValueError, TypeError) as error:
        raise UserError(f"{file}: damaged ({error}); remove {file.parent} to segment that scan again") from error
    return record


def _write_record(folder: Path, record: Record) -> None:
    text = json.dumps(dataclasses.asdict(record), indent=1, allow_nan=False)
    (folder / _RECORD).write_text(text + "\n", encoding="utf-8", newline="\n")
