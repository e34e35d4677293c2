"""Slices of a whole source as 8-bit arrays, ready for training and evaluation."""

import dataclasses
import functools

import numpy as np

from pipelines.case import SPLITS, Source
from pipelines.errors import DataError
from pipelines.grid import FULL, SquareGrid
from pipelines.loading.cache import CACHES, Cache
from pipelines.preprocessing import Preprocessing, neighbours

_TARGETS = {"liver": ("liver",), "lesion": ("lesion",), "both": ("liver", "lesion")}
_CHUNK = 64  # slices resized at a time


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slices:
    """The slices of one part of a split.

    Attributes:
        images: `(N, H, W)` uint8 grey values, 0..255.
        masks: `(N, H, W, C)` uint8, how much of each pixel is covered, 0 to 255; channels in the order of the targets.
        names: `N` slice names, unique.
        patients: the patient of each slice.
        cases: `(N,)` int64, index of the case of each slice; a case's slices are adjacent and in order.
        runs: `(N,)` int64, ascending: index of the run of neighbours that each slice is in; None if cases have no gaps.
        preprocessing: how they were made; it names the `C` targets.
    """

    images: np.ndarray
    masks: np.ndarray
    names: tuple[str, ...]
    patients: tuple[str, ...]
    cases: np.ndarray
    preprocessing: Preprocessing
    runs: np.ndarray | None = None

    @functools.cached_property
    def foreground(self) -> np.ndarray:
        """`(N, C)` bool: whether a slice contains a target, be it less than half a pixel."""
        return np.asarray(self.masks.any(axis=(1, 2)))

    def gather_images(self, indices: np.ndarray) -> np.ndarray:
        """`(B, H, W, 2 * context + 1)` uint8: slices among their neighbours, see `neighbours`."""
        context = self.preprocessing.context
        if not context:
            return self.images[indices][..., None]
        runs = self.cases if self.runs is None else self.runs
        return np.moveaxis(self.images[neighbours(indices, runs, context)], 1, -1)


def load_slices(
    source: Source,
    *,
    target: str,
    size: int,
    window: tuple[float, float] = (-200.0, 250.0),
    context: int = 0,
    cache: str = "ram",
    validation: bool = True,
) -> dict[str, Slices]:
    """Reads a whole source.

    Args:
        source: the reader.
        target: `"liver"`, `"lesion"`, or `"both"` for the channels (liver, lesion).
        size: height and width in pixels; slices of another size are resized.
        window: Hounsfield units mapped to 0 and 255; values outside are clipped. Grey sources are not changed: their
            own window counts.
        context: number of neighbouring slices on either side, 0 or more.
        cache: `"ram"`, or `"none"` to keep the slices in temporary files and read them as needed. Both give the same
            slices.
        validation: False to add the validation part to the training part.

    Returns:
        Each of `SPLITS` to its slices. Only the test part may be empty, and the validation part if it was not wanted.

    Raises:
        DataError: the source lacks the target, or has no training or no validation slices; an argument is out of range;
            or `context` is given, and which of a case's slices are neighbours is not known.
    """
    if target not in _TARGETS:
        raise DataError(f"`target` {target}: unknown; give {', '.join(_TARGETS)}")
    if cache not in CACHES:
        raise DataError(f"`cache` {cache}: unknown; give {' or '.join(CACHES)}")
    targets = _TARGETS[target]
    if missing := [name for name in targets if name not in source.targets]:
        raise DataError(
            f"`target` {target}: {source.layout} has no {missing[0]} masks, only {', '.join(source.targets)}; "
            "choose one of these"
        )
    preprocessing = Preprocessing(
        size=size,
        window=source.window or window,
        window_known=source.window is not None or source.intensity != "grey",
        context=context,
        intensity=source.intensity,
        orientation=source.orientation,
        targets=targets,
    )
    make = CACHES[cache]
    parts = {part: _Part(images=make(size, size), masks=make(size, size, len(targets))) for part in SPLITS}
    for case in source.cases():
        if (runs := case.runs) is None:
            if context:
                fix = "give 0, or for every n-th slice of a paired folder `slice_step`"
                raise DataError(f"`context` {context}: the slices of case {case.name} are not contiguous; {fix}")
            runs = np.zeros(len(case.images), np.int64)
        orientation, masks = source.orientation, case.coverage or case.masks
        part = parts["train" if case.split == "validation" and not validation else case.split]
        part.images.append(preprocessing.pixels(case.images, intensity=source.intensity, orientation=orientation))
        covered = [preprocessing.coverage(masks[name], orientation=orientation) for name in targets]
        part.masks.append(np.stack(covered, axis=-1))
        part.names.extend(case.slice_names)
        part.patients.extend([case.patient] * len(case.slice_names))
        part.lengths.append(len(case.slice_names))
        part.runs.extend((runs + (part.runs[-1] + 1 if part.runs else 0)).tolist())
    for name in ("train", "validation") if validation else ("train",):
        if not parts[name].names:
            raise DataError(f"{source.layout}: no {name} slices; assign some patients to that part of the split")
    return {name: _to_slices(parts[name], preprocessing) for name in SPLITS}


def resized(slices: Slices, size: int) -> Slices:
    """Slices at another size, cached as they are.

    Args:
        slices: the slices.
        size: height and width in pixels.
    """
    targets = slices.preprocessing.targets
    make = CACHES["none" if isinstance(slices.images, np.memmap) else "ram"]
    images, masks = make(size, size), make(size, size, len(targets))
    grid = SquareGrid.of(slices.images, size)
    for start in range(0, len(slices.names), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        images.append(grid.images(slices.images[chunk], outside=0))
        channels = np.moveaxis(slices.masks[chunk], -1, 0)
        masks.append(np.stack([grid.coverage(np.ascontiguousarray(channel)) for channel in channels], axis=-1))
    return dataclasses.replace(
        slices,
        images=images.to_array(),
        masks=masks.to_array(),
        preprocessing=dataclasses.replace(slices.preprocessing, size=size),
    )


def foreground_counts(slices: Slices) -> dict[str, int]:
    """Number of slices that contain each target."""
    shown = slices.foreground.sum(axis=0)
    return {name: int(count) for name, count in zip(slices.preprocessing.targets, shown, strict=True)}


def has_partial_pixels(slices: Slices) -> bool:
    """Whether any pixel is covered in part, which depends on the rule that masks are resized by."""
    return any(((mask > 0) & (mask < FULL)).any() for mask in slices.masks)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """One part of the split, case by case."""

    images: Cache
    masks: Cache
    names: list[str] = dataclasses.field(default_factory=list)
    patients: list[str] = dataclasses.field(default_factory=list)
    lengths: list[int] = dataclasses.field(default_factory=list)
    runs: list[int] = dataclasses.field(default_factory=list)


def _to_slices(part: _Part, preprocessing: Preprocessing) -> Slices:
    return Slices(
        images=part.images.to_array(),
        masks=part.masks.to_array(),
        names=tuple(part.names),
        patients=tuple(part.patients),
        cases=np.repeat(np.arange(len(part.lengths)), part.lengths),
        runs=np.array(part.runs, np.int64),
        preprocessing=preprocessing,
    )
