"""History of a run: its position, epochs and best model, and the table and TensorBoard events written from it."""

import contextlib
import csv
import dataclasses
import pathlib
import time
from typing import Any

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from cafct_keras.runs.files import EVENTS, HISTORY_FILE
from pipelines.atomic import atomic_write, remove


@dataclasses.dataclass
class History:
    """Progress of a run, part of every checkpoint.

    Attributes:
        epoch: of the next step, from 0.
        batch: of the next step within its epoch, from 0; equal to the steps per epoch if only the validation remains.
        rows: one per epoch: its number `epoch`, `ended` in seconds since 1970, and `logs`, values by name.
        best: highest value of the monitored metric; None while there is none, or none that is finite.
        best_epoch: epoch of the best model, from 0.
        hard_negatives: indices of the training slices that count as such, as the last search found them.
        seconds: training time of the run so far.
    """

    epoch: int = 0
    batch: int = 0
    rows: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best: float | None = None
    best_epoch: int | None = None
    hard_negatives: list[int] = dataclasses.field(default_factory=list)
    seconds: float = 0.0

    def by_name(self) -> dict[str, list[float | None]]:
        """Metric name to its values, one per epoch; None where an epoch lacks it."""
        names = sorted({name for row in self.rows for name in row["logs"]})
        return {name: [row["logs"].get(name) for row in self.rows] for name in names}

    def write_csv(self, path: pathlib.Path) -> None:
        """Writes the epochs as a table."""
        columns = self.by_name()
        with atomic_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["epoch", *columns])
            for index, row in enumerate(self.rows):
                table.writerow([row["epoch"], *(column[index] for column in columns.values())])


class HistoryWriter:
    """Writes a history to `history.csv` and as TensorBoard events.

    Both files are rewritten from the history at first, so that a resumed run has neither gaps nor duplicates.

    Args:
        history: of the run; `add` appends to it.
        folder: the run folder.
    """

    def __init__(self, history: History, folder: pathlib.Path) -> None:
        self._history = history
        self._table = folder / HISTORY_FILE
        self._events = folder / EVENTS
        with contextlib.suppress(OSError):  # where another program has a file open
            remove(self._events)
        self._writers: dict[str, EventFileWriter] = {}
        for row in history.rows:
            self._add_events(row)
        if history.rows:
            history.write_csv(self._table)

    def add(self, epoch: int, logs: dict[str, float]) -> None:
        """Appends an epoch to the history and to both files."""
        row = {"epoch": epoch, "ended": time.time(), "logs": dict(logs)}
        self._history.rows.append(row)
        self._history.write_csv(self._table)
        self._add_events(row)

    def close(self) -> None:
        """Closes the event files."""
        for writer in self._writers.values():
            writer.close()

    def _add_events(self, row: dict[str, Any]) -> None:
        for name, value in row["logs"].items():
            part = "validation" if name.startswith("val_") else "train"
            if part not in self._writers:
                self._writers[part] = EventFileWriter(str(self._events / part))
            summary = scalar_pb(name.removeprefix("val_"), value)
            self._writers[part].add_event(Event(wall_time=row["ended"], step=row["epoch"] + 1, summary=summary))
        for writer in self._writers.values():
            writer.flush()
