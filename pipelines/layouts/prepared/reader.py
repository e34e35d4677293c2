"""Prepared datasets, see `pipelines.prepare`."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import numpy as np
from pyarrow.parquet import ParquetFile

from pipelines.case import SPLITS, Case, Source
from pipelines.errors import DataError
from pipelines.fingerprint import fingerprint
from pipelines.layouts.prepared.listing import find_dataset
from pipelines.orientation import orientation_of_layout

_BATCH = 64  # slices


class Prepared(Source):
    """Reads a prepared `lits_slices` dataset, without TensorFlow.

    Args:
        directory: the dataset's folder or a folder above it with one dataset in it.

    Raises:
        DataError: no dataset there, more than one, or one of another kind.

    Attributes:
        layout, intensity, orientation, targets, notes: of the source that was prepared, see `Source`.
    """

    def __init__(self, directory: str | Path):
        import tensorflow_datasets as tfds

        self._directory = find_dataset(Path(directory))
        self._builder = tfds.builder_from_directory(str(self._directory))
        known = self._builder.info.metadata or {}
        if self._builder.name != "lits_slices" or "parts" not in known:
            raise DataError(f"{self._directory}: a dataset of another kind; make one with cafct-keras data prepare")
        self.layout = known["layout"]
        self.intensity = known["intensity"]
        # Sets prepared by older versions do not record it.
        self.orientation = known["orientation"] if "orientation" in known else orientation_of_layout(self.layout)
        self.targets = tuple(known["targets"])
        self.parts = known["parts"]
        self.window = known["window"]
        self._notes = [f"prepared dataset {self._directory}", *known["notes"]]

    def case(self, name: str) -> Case:
        """Reads one case; those before it in its part are read over."""
        return next(case for case in self.cases(self.parts[name]) if case.name == name)

    def cases(self, split: str | None = None) -> Iterator[Case]:
        """Yields the cases of one part of the split, or of all, each part from one end to the other."""
        for part in SPLITS if split is None else (split,):
            if part in self._builder.info.splits:
                for _, rows in groupby(self._slices(part), key=lambda row: row["case"]):
                    yield self._case(list(rows), part)

    def fingerprint(self) -> str:
        """SHA-256, in hex, over the dataset's files."""
        return fingerprint((path for path in self._directory.rglob("*") if path.is_file()), self._directory)

    def _slices(self, part: str) -> Iterator[dict]:
        """The slices of a part in their order, a few in memory at a time; TFDS's own data source reads them all."""
        features = self._builder.info.features
        for path in self._builder.info.splits[part].filepaths:
            for batch in ParquetFile(path).iter_batches(batch_size=_BATCH):
                for example in batch.column(0):
                    yield features.deserialize_example_np(example.as_py())

    def _case(self, rows: list[dict], part: str) -> Case:
        label = np.stack([row["label"][..., 0] for row in rows])
        masks = {"liver": label > 0, "lesion": label == 2}
        spacing = tuple(float(length) for length in rows[0]["spacing"])
        return Case(
            name=_text(rows[0]["case"]),
            patient=_text(rows[0]["patient"]),
            split=part,
            images=np.stack([row["image"][..., 0] for row in rows]),
            masks={target: masks[target] for target in self.targets},
            slice_names=tuple(_text(row["name"]) for row in rows),
            spacing=spacing if all(spacing) else None,
            contiguous=bool(rows[0]["contiguous"]),
        )


def _text(value) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
