"""The network of a run with what surrounds it: preprocessing, engine, and batches of slices."""

import contextlib
import dataclasses
import itertools
import operator
import pathlib
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from cafct_keras.engines import Engine, load_engine
from cafct_keras.errors import UserError
from cafct_keras.prediction.seen import SeenCase
from cafct_keras.runs.contents import ForeignFileError
from cafct_keras.runs.hub import resolve
from cafct_keras.runs.model_file import model_digest
from cafct_keras.runs.preprocessing import preprocessing_in
from cafct_keras.runs.run import Run
from pipelines.loading.read_ahead import map_ahead
from pipelines.preprocessing import Preprocessing


class PredictionStoppedError(Exception):
    """Nobody waits for the prediction any longer."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
    """A trained network that predicts the slices of cases.

    Attributes:
        path: run folder or `.keras` file.
        name: of the run, or of the file.
        run: None for a file by itself.
        preprocessing: how it sees slices.
        engine: what computes it.
        digest: SHA-256 of the network's file, in hex.
        batch_size: slices per batch.
        stopped: set to end `predict` before its next batch, from another thread.
    """

    path: pathlib.Path
    name: str
    run: Run | None
    preprocessing: Preprocessing
    engine: Engine
    digest: str
    batch_size: int
    stopped: threading.Event = dataclasses.field(default_factory=threading.Event, compare=False, repr=False)

    @classmethod
    def open(
        cls, path: str | pathlib.Path, *, engine: str = "keras", precision: str = "auto", batch_size: int = 8
    ) -> "Network":
        """Opens a run folder, a `.keras` file that states its preprocessing or lies in one, or a published model.

        Args:
            path: see `load_model`.
            engine: see `load_engine`.
            precision: likewise.
            batch_size: slices per batch.

        Raises:
            UserError: see `load_engine`; or the preprocessing is unknown.
            MissingPackageError: see `load_engine`.
        """
        path = resolve(path)
        digest = model_digest(path)
        preprocessing = preprocessing_in(path)
        run: Run | None = None
        try:
            run = Run.open(path)
            preprocessing = preprocessing or run.preprocessing
        except ForeignFileError:
            raise
        except UserError:
            if preprocessing is None:
                raise
        shape = (preprocessing.size, preprocessing.size, preprocessing.channels)
        return cls(
            path=path,
            name=path.stem if run is None else run.name,
            run=run,
            preprocessing=preprocessing,
            engine=load_engine(path, name=engine, precision=precision, batch_size=batch_size, shape=shape),
            digest=digest,
            batch_size=batch_size,
        )

    @property
    def engine_name(self) -> str:
        """Name and precision of the engine."""
        return " ".join([self.engine.name, *([self.engine.precision] if self.engine.precision != "float32" else [])])

    def predict(
        self,
        cases: Sequence[SeenCase],
        rows: Sequence[np.ndarray],
        *,
        turn: Callable[[np.ndarray], np.ndarray] = lambda images: images,
    ) -> Iterator[tuple[list[tuple[int, int]], np.ndarray]]:
        """Predicts slices of several cases.

        Batches span cases; a thread prepares the next one meanwhile. What is predicted for a slice does not depend on
        its place in the batch nor on the others.

        Args:
            cases: as the network sees them.
            rows: which slices to predict, of each, in that order.
            turn: applied to images `(B, size, size, channels)`.

        Yields:
            The case and row of each slice of a batch, and float32 `(B, size, size, targets)` in [0, 1].

        Raises:
            PredictionStoppedError: it was stopped.
        """
        places = [(case, row) for case, chosen in enumerate(rows) for row in chosen.tolist()]
        batches = [places[start : start + self.batch_size] for start in range(0, len(places), self.batch_size)]

        def images(batch: list[tuple[int, int]]) -> np.ndarray:
            of_cases = itertools.groupby(batch, key=operator.itemgetter(0))
            shown = [cases[case].inputs(np.array([row for _, row in slices])) for case, slices in of_cases]
            return np.ascontiguousarray(turn(np.concatenate(shown)))

        with contextlib.closing(map_ahead(images, batches, workers=1)) as prepared:
            for batch, found in zip(batches, self.engine.stream(prepared), strict=True):
                if self.stopped.is_set():
                    raise PredictionStoppedError
                yield batch, found

    @property
    def settings(self) -> dict[str, Any]:
        """What its predictions depend on, as JSON holds it."""
        return {"name": self.name, "sha256": self.digest, "preprocessing": self.preprocessing.to_dict()}

    def padding(self, slices: int) -> int:
        """Slices by which the last batch of so many is filled up."""
        return -slices % self.batch_size
