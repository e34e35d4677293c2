"""The network of a run with what surrounds it: preprocessing, engine, and batches of slices."""

import dataclasses
import pathlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from cafct_keras.engines import Engine, load_engine
from cafct_keras.engines.choice import model_digest
from cafct_keras.errors import UserError
from cafct_keras.runs.preprocessing import preprocessing_in
from cafct_keras.runs.run import Run
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
        """Opens a run folder, or a `.keras` file that states its preprocessing or lies in a run folder.

        Args:
            path: the folder or file.
            engine: see `load_engine`.
            precision: likewise.
            batch_size: slices per batch.

        Raises:
            UserError: see `load_engine`; or the preprocessing is unknown.
            MissingPackageError: see `load_engine`.
        """
        path = pathlib.Path(path)
        digest = model_digest(path)
        preprocessing = preprocessing_in(path)
        run = None
        try:
            run = Run.open(path)
            preprocessing = preprocessing or run.preprocessing
        except UserError:
            if preprocessing is None:
                raise
        return cls(
            path=path,
            name=path.stem if run is None else run.name,
            run=run,
            preprocessing=preprocessing,
            engine=load_engine(path, name=engine, precision=precision, batch_size=batch_size),
            digest=digest,
            batch_size=batch_size,
        )

    @property
    def engine_name(self) -> str:
        """Name and precision of the engine."""
        return " ".join([self.engine.name, *([self.engine.precision] if self.engine.precision != "float32" else [])])

    def predict(self, stacks: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Predicts slices of several cases.

        Batches span cases. What is predicted for a slice does not depend on its place in the batch nor on the others.

        Args:
            stacks: uint8 `(slices, size, size)` each, see `Preprocessing.pixels`.
            rows: which slices to predict, of each.

        Returns:
            float32 `(slices, size, size, targets)` in [0, 1] each; 0 for the other slices.

        Raises:
            PredictionStoppedError: it was stopped.
        """
        size, targets = self.preprocessing.size, len(self.preprocessing.targets)
        # One target after the other in memory, as they are used.
        results = [np.zeros((targets, len(stack), size, size), np.float32) for stack in stacks]
        places = [(case, row) for case, chosen in enumerate(rows) for row in chosen.tolist()]
        for start in range(0, len(places), self.batch_size):
            if self.stopped.is_set():
                raise PredictionStoppedError
            batch = places[start : start + self.batch_size]
            images = np.concatenate([self.preprocessing.inputs(stacks[case], np.array([row])) for case, row in batch])
            for (case, row), probability in zip(batch, self.engine(images), strict=True):
                results[case][:, row] = np.moveaxis(probability, -1, 0)
        return [np.moveaxis(result, 0, -1) for result in results]

    @property
    def settings(self) -> dict[str, Any]:
        """What its predictions depend on, as JSON holds it."""
        return {"name": self.name, "sha256": self.digest, "preprocessing": self.preprocessing.to_dict()}

    def padding(self, slices: int) -> int:
        """Slices by which the last batch of so many is filled up."""
        return -slices % self.batch_size
