"""The parts of a source's split while they are read, case by case."""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np

from pipelines.case import SPLITS, Source
from pipelines.errors import DataError
from pipelines.loading.all_cases import map_cases
from pipelines.loading.cache import Cache
from pipelines.preprocessing import Preprocessing

Make = Callable[..., Cache]
"""Creates what an array of a part is kept in, from its name, such as `"train-images"`, and the shape of an element."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """What is known of the slices of one part besides their pixels.

    Attributes:
        names, patients, runs: of each slice, see `Slices`.
        lengths: number of slices of each case.
    """

    names: list[str] = dataclasses.field(default_factory=list)
    patients: list[str] = dataclasses.field(default_factory=list)
    lengths: list[int] = dataclasses.field(default_factory=list)
    runs: list[int] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """One part.

    Attributes:
        images: `(N, size, size)` uint8.
        masks: `(N, size, size, targets)` uint8.
        rows: of its `N` slices.
    """

    images: Cache
    masks: Cache
    rows: Rows = dataclasses.field(default_factory=Rows)


def read_parts(source: Source, preprocessing: Preprocessing, *, validation: bool, make: Make) -> dict[str, Part]:
    """Reads all cases of a source.

    Args:
        source: the reader.
        preprocessing: what becomes of its slices.
        validation: False to add the validation part to the training part.
        make: creates the arrays.

    Returns:
        Each of `SPLITS` to its slices.

    Raises:
        DataError: there are no training or no validation slices; or neighbours are asked for, and which of a case's
            slices are neighbours is not known.
    """
    size, targets = preprocessing.size, preprocessing.targets
    parts = {
        part: Part(images=make(f"{part}-images", size, size), masks=make(f"{part}-masks", size, size, len(targets)))
        for part in SPLITS
    }
    for case in map_cases(functools.partial(_read, preprocessing=preprocessing), source, list(source.parts)):
        part = parts["train" if case.split == "validation" and not validation else case.split]
        part.images.append(case.images)
        part.masks.append(case.masks)
        rows = part.rows
        rows.names.extend(case.names)
        rows.patients.extend([case.patient] * len(case.names))
        rows.lengths.append(len(case.names))
        rows.runs.extend((case.runs + (rows.runs[-1] + 1 if rows.runs else 0)).tolist())
    for name in ("train", "validation") if validation else ("train",):
        if not parts[name].rows.names:
            raise DataError(f"{source.layout}: no {name} slices; assign some patients to that part of the split")
    return parts


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Preprocessed:
    """A case, `images` and `masks` as in `Part`."""

    split: str
    patient: str
    names: tuple[str, ...]
    runs: np.ndarray
    images: np.ndarray
    masks: np.ndarray


def _read(source: Source, name: str, *, preprocessing: Preprocessing) -> _Preprocessed:
    case = source.case(name)
    if (runs := case.runs) is None:
        if preprocessing.context:
            fix = "give 0, or for every n-th slice of a paired folder `slice_step`"
            raise DataError(f"`context` {preprocessing.context}: the slices of case {name} are not contiguous; {fix}")
        runs = np.zeros(len(case.images), np.int64)
    orientation, masks = source.orientation, case.coverage or case.masks
    covered = [preprocessing.coverage(masks[target], orientation=orientation) for target in preprocessing.targets]
    return _Preprocessed(
        split=case.split,
        patient=case.patient,
        names=case.slice_names,
        runs=runs,
        images=preprocessing.pixels(case.images, intensity=source.intensity, orientation=orientation),
        masks=np.stack(covered, axis=-1),
    )
