"""`lits_slices`: CT slices with labels as a TensorFlow dataset, in the same form from every layout."""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import numpy as np
import tensorflow_datasets as tfds

from pipelines.atomic import atomic_write
from pipelines.case import SPLITS, Source
from pipelines.checks.content import missing_target
from pipelines.findings import WARNING
from pipelines.grid import SquareGrid, covered
from pipelines.intensity import apply_window
from pipelines.loading.all_cases import map_cases

MINIMUM, MAXIMUM = -1024, 3071  # HU; below is a scanner's padding
_KEYS = 1 << 128
_SLICES = 1 << 20  # more than any case has
LABELS = {"liver": 1, "lesion": 2}
Arrays = dict[str, Any]
"""Name of each feature to an array with one row per slice."""
DESCRIPTION = """\
Axial CT slices of the abdomen with labels: 0 for background, 1 for liver, 2 for lesions of the liver. Each slice
carries its case, its patient and its number, and how much of each pixel a structure covers; the split is by patient.
"""


@dataclasses.dataclass(eq=False, kw_only=True)
class LitsSlicesConfig(tfds.core.BuilderConfig):
    """Source and form of the slices; the name of the config is the source's layout.

    Attributes:
        source: the reader.
        size: height and width in pixels.
        window: Hounsfield units mapped to 0 and 255; None to keep Hounsfield units, clipped to -1024..3071. Grey
            sources are not changed.
        finished: folder where finished cases are kept until all are, so that an interrupted run can resume; None to
            keep none.
        beam: whether to read the cases on Apache Beam.
    """

    source: Source
    size: int = 256
    window: tuple[float, float] | None = None
    finished: Path | None = None
    beam: bool = False

    @property
    def intensity(self) -> str:
        """`"hu"`, `"grey"` or `"minmax"`, as in `Source`."""
        intensity = self.source.intensity
        return "grey" if intensity == "hu" and self.window else intensity

    @property
    def grey_window(self) -> list[float] | None:
        """Hounsfield units that 0 and 255 stand for in the dataset; None where unknown, and in Hounsfield units."""
        window = self.window if self.source.intensity == "hu" else self.source.window
        return None if window is None else list(window)


class _LocalInfo(tfds.core.DatasetInfo):
    def initialize_from_bucket(self) -> None:
        """Does nothing: no bucket has this dataset, and TFDS leaves an empty temporary folder where it asks one."""


class LitsSlices(tfds.core.GeneratorBasedBuilder):
    """Builder of `lits_slices`.

    Slices are in the order of their cases, so that neighbours in a case are neighbours in the dataset. Features:
    `image` `(size, size, 1)` uint8 or int16 HU; `label` `(size, size, 1)` uint8, where a target covers at least half of
    a pixel; `coverage` `(size, size, targets)` uint8, how much of it each covers, 0 to 255; `name`, `case`, `patient`;
    `slice`, the number within the case; `contiguous`; `spacing` `(3,)` float32, mm along (slice, row, column), 0 where
    unknown.
    """

    VERSION = tfds.core.Version("2.0.0")
    RELEASE_NOTES: ClassVar[dict[str, str]] = {
        "1.0.0": "Masks resized by nearest neighbour, without `coverage`; `spacing` before resizing.",
        "2.0.0": "Masks resized by area, with `coverage`; `spacing` after resizing.",
    }
    name = "lits_slices"

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        plane = (config.size, config.size, 1)
        dtype = np.int16 if config.intensity == "hu" else np.uint8
        return _LocalInfo(
            builder=self,
            description=DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    # As bytes: otherwise TFDS writes every pixel as a number of its own.
                    "image": tfds.features.Tensor(shape=plane, dtype=dtype, encoding="bytes"),
                    "label": tfds.features.Tensor(shape=plane, dtype=np.uint8, encoding="bytes"),
                    "coverage": tfds.features.Tensor(
                        shape=(*plane[:2], len(config.source.targets)), dtype=np.uint8, encoding="bytes"
                    ),
                    "name": tfds.features.Text(),
                    "case": tfds.features.Text(),
                    "patient": tfds.features.Text(),
                    "slice": np.int32,
                    "contiguous": np.bool_,
                    "spacing": tfds.features.Tensor(shape=(3,), dtype=np.float32),
                }
            ),
            metadata=tfds.core.MetadataDict(
                layout=config.source.layout,
                intensity=config.intensity,
                orientation=config.source.orientation,
                window=None if config.window is None else list(config.window),
                size=config.size,
                targets=list(config.source.targets),
                parts=config.source.parts,
                fingerprint=config.source.fingerprint(),
                notes=list(config.source.notes),
                patients_by=config.source.patients_by,
                grey_window=config.grey_window,
                **({"reading": dict(config.source.reading)} if config.source.reading else {}),
            ),
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        self._empty: list[str] = []  # warnings about parts
        parts = set(self.builder_config.source.parts.values())
        return {part: self._generate_examples(part) for part in SPLITS if part in parts}

    def _generate_examples(self, part: str) -> Any:
        config = self.builder_config
        # A function of the case alone, without the builder, so that Beam can send it to its workers.
        read = functools.partial(read_arrays, size=config.size, window=config.window)
        cases = [(name, place) for place, name in enumerate(config.source.parts) if config.source.parts[name] == part]
        spread = functools.partial(examples_of, count=len(config.source.parts))
        if config.beam:
            import apache_beam as beam

            return (
                beam.Create(cases)
                | "Spread" >> beam.Reshuffle()
                | "Read" >> beam.FlatMapTuple(lambda name, place: spread(read(config.source, name), place))
            )
        if config.finished is not None:
            read = functools.partial(read_once, read, config.finished)
        return self._examples(part, cases, map_cases(read, config.source, [name for name, _ in cases]))

    def _examples(
        self, part: str, cases: list[tuple[str, int]], arrays: Iterator[Arrays]
    ) -> Iterator[tuple[int, dict]]:
        """The examples of a part; notes what is known of it once all have been read."""
        source, metadata = self.builder_config.source, self.info.metadata
        shown = dict.fromkeys(source.targets, False)
        for (_, place), case in zip(cases, arrays, strict=True):
            for channel, target in enumerate(source.targets):
                shown[target] |= bool(case["coverage"][..., channel].any())
            yield from examples_of(case, place, count=len(source.parts))
        self._empty += [
            f"{WARNING}{part}: {missing_target(part, target)}" for target, there in shown.items() if not there
        ]
        metadata["notes"] = [*source.notes, *self._empty]


def read_arrays(source: Source, name: str, *, size: int, window: tuple[float, float] | None) -> Arrays:
    """Reads a case in the form of the dataset."""
    case = source.case(name)
    images = case.images
    if images.dtype == np.int16:
        images = np.clip(images, MINIMUM, MAXIMUM) if window is None else apply_window(images, window)
    grid, masks = SquareGrid.of(images, size), case.coverage or case.masks
    images = grid.images(images, outside=MINIMUM if images.dtype == np.int16 else 0)
    coverage = {target: grid.coverage(masks[target]) for target in source.targets}
    labels = np.zeros(images.shape, np.uint8)
    for target, value in LABELS.items():
        if target in coverage:
            labels[covered(coverage[target])] = value
    count = len(images)
    spacing = np.asarray(grid.spacing(case.spacing) or (0, 0, 0), np.float32)
    return {
        "image": images[..., None],
        "label": labels[..., None],
        "coverage": np.stack(list(coverage.values()), axis=-1) if coverage else np.empty((*images.shape, 0), np.uint8),
        "name": np.array(case.slice_names),
        "case": np.repeat(case.name, count),
        "patient": np.repeat(case.patient, count),
        "slice": np.arange(count, dtype=np.int32),
        "contiguous": np.repeat(case.contiguous, count),
        "spacing": np.repeat(spacing[None], count, axis=0),
    }


def read_once(read: Callable[[Source, str], Arrays], folder: Path, source: Source, name: str) -> Arrays:
    """Returns `read(source, name)`, from a file in `folder` if an earlier run wrote it."""
    path = folder / f"{quote(os.fsencode(name), safe='')}.npz"
    if path.exists():
        with np.load(path) as stored:
            return dict(stored)
    arrays = read(source, name)
    with atomic_write(path) as temporary:
        np.savez(temporary, **arrays)
    return arrays


def examples_of(arrays: Arrays, place: int, *, count: int) -> Iterator[tuple[int, dict]]:
    """Yields the slices of a case under keys that keep all slices in order.

    Args:
        arrays: as returned by `read_arrays`.
        place: index of the case among all cases.
        count: number of all cases.

    Yields:
        Key and features. Keys are spread evenly over the 128 bits that TFDS sorts by, so that it sorts them bucket by
        bucket, in little memory.
    """
    step = _KEYS // (count * _SLICES)
    for number in range(len(arrays["image"])):
        features = {name: rows[number] for name, rows in arrays.items()}
        # Bytes, since names of files need not be UTF-8.
        text = {name: os.fsencode(str(features[name])) for name in ("name", "case", "patient")}
        yield (place * _SLICES + number) * step, features | text
