"""Reader of prepared datasets."""

import contextlib
import math
import os
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow.parquet import ParquetFile

from pipelines.case import SPLITS, Case, Source
from pipelines.checks.content import check_scan
from pipelines.checksums import SUMS_FILE, parse_sums, sha256
from pipelines.errors import DataError
from pipelines.findings import Findings, Strict, listed
from pipelines.fingerprint import fingerprint
from pipelines.layouts.prepared.listing import find_dataset
from pipelines.optional import MissingPackageError
from pipelines.orientation import orientation_of_layout
from pipelines.other_splits import check_other_splits
from pipelines.preprocessing import LARGEST

_BATCH = 64  # slices
_TEXT = 1 << 20  # bytes of what is not pixels, at most
INTENSITIES = ("hu", "grey", "minmax")
OLDER_RULE = (
    "resized by nearest neighbour by an earlier version, which shifts them against the images by up to half a pixel of "
    "the originals, and with the spacing of the originals; prepare the dataset again"
)


class Prepared(Source):
    """Reads a prepared `lits_slices` dataset, without TensorFlow.

    Args:
        directory: the folder of the dataset, or a folder above it with a single dataset in it.
        findings: takes warnings about its scans; None to have them among the notes.

    Raises:
        DataError: no dataset there, more than one, one of another kind, or a damaged one.

    Attributes:
        layout, intensity, window, orientation, targets, mask_rule, notes: of the prepared source, see `Source`.
    """

    def __init__(self, directory: str | Path, *, findings: Findings | None = None) -> None:
        import tensorflow_datasets as tfds

        self._directory = find_dataset(Path(directory))
        self._findings = findings or Strict(self._directory)
        self._intact: set[Path] = set()
        with damage_as_data_error(self._directory):
            self._sums = _sums_of(self._directory / SUMS_FILE)
            _check_features(self._directory / "features.json")
            self._builder = tfds.builder_from_directory(str(self._directory))
            known = self._builder.info.metadata or {}
            if self._builder.name != "lits_slices" or "parts" not in known:
                raise DataError(f"{self._directory}: a dataset of another kind; make one with cafct-keras data prepare")
            self._read_metadata(known)

    def _read_metadata(self, known: Mapping[str, Any]) -> None:
        self.layout = known["layout"]
        self.intensity = known["intensity"]
        # Older versions did not record the orientation.
        self.orientation = known["orientation"] if "orientation" in known else orientation_of_layout(self.layout)
        self.targets = tuple(known["targets"])
        self.parts = dict(known["parts"])
        if self.intensity not in INTENSITIES or not set(self.targets) <= {"liver", "lesion"}:
            raise ValueError(f"its metadata state {self.intensity} and {', '.join(map(str, self.targets))}")
        if unknown := set(self.parts.values()) - {*SPLITS}:
            raise ValueError(f"its metadata name the part {unknown.pop()}")
        if max(self._builder.info.features["image"].shape) > LARGEST["size"]:
            raise ValueError("its slices are too large")
        fix = "put it into the folder that the dataset was made from, and prepare that again"
        check_other_splits(self._directory, {name: name for name in self.parts}, self._findings, split=True, fix=fix)
        self.window = _window(known)
        self.patients_by = known.get("patients_by", "table")  # an older one does not say
        self.mask_rule = "area" if "coverage" in self._builder.info.features else "nearest"
        size = "{}x{}".format(*self._builder.info.features["image"].shape[:2])
        kept = f"slices of {size} pixels, which are what is scored: those of the originals are not kept"
        self._notes = [f"prepared dataset {self._directory}: {kept}", *known["notes"]]
        if self.mask_rule == "nearest":
            self._notes.append(f"masks: {OLDER_RULE}")

    @property
    def notes(self) -> list[str]:
        """See `Prepared`; reading cases may add some."""
        return [*self._notes, *self._findings.notes]

    def case(self, name: str) -> Case:
        """Reads one case, after reading past the cases before it in its part of the split."""
        found = next((case for case in self.cases(self.parts[name]) if case.name == name), None)
        if found is None:
            raise DataError(f"{self._directory}: damaged (it lacks the case {name}); prepare the dataset again")
        return found

    def cases(self, split: str | None = None) -> Iterator[Case]:
        """Yields the cases of one part of the split, or of all parts in turn."""
        for part in SPLITS if split is None else (split,):
            expected = {name for name, of_case in self.parts.items() if of_case == part}
            if part in self._builder.info.splits:
                for _, rows in groupby(self._slices(part), key=lambda row: row["case"]):
                    with damage_as_data_error(self._directory):
                        case = self._case(list(rows), part)
                        if case.name not in expected:
                            raise ValueError(f"the case {case.name} is in its {part} part, or there twice")
                        expected.remove(case.name)
                    yield case
            if expected:
                raise DataError(
                    f"{self._directory}: damaged (its {part} part lacks {listed(sorted(expected))}); prepare the "
                    "dataset again"
                )

    def fingerprint(self) -> str:
        """SHA-256, in hex, of the dataset's files; see `pipelines.fingerprint`."""
        return fingerprint((path for path in self._directory.rglob("*") if path.is_file()), self._directory)

    def _slices(self, part: str) -> Iterator[dict[str, Any]]:
        """The slices of a part in order, a few in memory at a time; TFDS's own data source reads them all."""
        with damage_as_data_error(self._directory):
            features, split = self._builder.info.features, self._builder.info.splits[part]
            of_slice = sum(math.prod(feature.shape) * 8 for feature in features.values()) + _TEXT
            files = [*zip(map(Path, split.filepaths), split.shard_lengths, strict=True)]
        for path, slices in files:
            # Arrow opens no path that is not UTF-8.
            with damage_as_data_error(path), path.open("rb") as stream:
                self._check_sum(path)
                file = ParquetFile(stream)
                groups = [file.metadata.row_group(number) for number in range(file.metadata.num_row_groups)]
                if file.metadata.num_rows != slices or file.metadata.num_columns != 1:
                    raise ValueError(f"it has {file.metadata.num_rows} slices instead of {slices}")
                if sum(group.total_byte_size for group in groups) > slices * of_slice + _TEXT:
                    raise ValueError("its slices are larger than the dataset's")
                for batch in file.iter_batches(batch_size=_BATCH):
                    for example in batch.column(0):
                        yield features.deserialize_example_np(example.as_py())

    @property
    def edited(self) -> list[Path]:
        """Files that describe the dataset and are not what was prepared."""
        paths = [path for path in sorted(self._directory.glob("*.json")) if path.name in self._sums]
        return [path for path in paths if sha256(path) != self._sums[path.name]]

    def _check_sum(self, path: Path) -> None:
        """Compares a file with what was prepared, once; versions before did not keep sums."""
        if path in self._intact:
            return
        expected = self._sums.get(path.name)
        if expected is not None and sha256(path) != expected:
            raise ValueError(f"{path.name} is not what was prepared: its SHA-256 is not that in {SUMS_FILE}")
        self._intact.add(path)

    def _case(self, rows: list[dict[str, Any]], part: str) -> Case:
        label = np.stack([row["label"][..., 0] for row in rows])
        masks = {"liver": label > 0, "lesion": label == 2}
        slice_step, row_step, column_step = (float(length) for length in rows[0]["spacing"])
        spacing = (slice_step, row_step, column_step)
        images = np.stack([row["image"][..., 0] for row in rows])
        if self.intensity == "hu":
            check_scan(self._findings, _text(rows[0]["case"]), images, None)
        areas = np.stack([row["coverage"] for row in rows]) if self.mask_rule == "area" else None
        return Case(
            name=_text(rows[0]["case"]),
            patient=_text(rows[0]["patient"]),
            split=part,
            images=images,
            masks={target: masks[target] for target in self.targets},
            slice_names=tuple(_text(row["name"]) for row in rows),
            spacing=spacing if all(spacing) else None,
            contiguous=bool(rows[0]["contiguous"]),
            coverage=None
            if areas is None
            else {target: areas[..., channel] for channel, target in enumerate(self.targets)},
        )


def _window(known: Mapping[str, Any]) -> tuple[float, float] | None:
    # Older versions recorded the window that they were asked for, which did not change slices that were grey already.
    from_hu = known["intensity"] == "grey" and known["layout"] != "paired_folder"
    window = known["grey_window"] if "grey_window" in known else known["window"] if from_hu else None
    return None if window is None else (float(window[0]), float(window[1]))


def _sums_of(file: Path) -> dict[str, str]:
    return parse_sums(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _check_features(file: Path) -> None:
    """TFDS imports the modules that this file names."""
    if file.stat().st_size > _TEXT:
        raise ValueError(f"its {file.name} has {file.stat().st_size:,} bytes")
    for name in re.findall(r'"(?:pythonClassName|type)"\s*:\s*"([^"]*)"', file.read_text(encoding="utf-8")):
        if not re.fullmatch(r"tensorflow_datasets\.core\.features\.\w+\.\w+", name):
            raise ValueError(f"its {file.name} asks for {name}")


@contextlib.contextmanager
def damage_as_data_error(path: Path) -> Iterator[None]:
    """Turns whatever a damaged file or dataset raises in a block into a `DataError` about `path`."""
    try:
        yield
    except (DataError, MissingPackageError):
        raise
    except Exception as error:  # libraries raise anything
        reason = " ".join((str(error) or type(error).__name__).split())[:200]
        raise DataError(f"{path}: damaged ({reason}); prepare the dataset again") from error


def _text(value: bytes | str) -> str:
    return os.fsdecode(value) if isinstance(value, bytes) else str(value)
