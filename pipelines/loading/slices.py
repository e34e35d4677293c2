"""Slices of a whole source as 8-bit arrays, ready for training and evaluation."""

import dataclasses
import functools

import numpy as np

from pipelines.case import Source
from pipelines.errors import DataError
from pipelines.grid import FULL, SquareGrid
from pipelines.loading.cache import CACHES, TEMPORARY_CACHES
from pipelines.loading.kept import kept_parts
from pipelines.loading.parts import Rows, read_parts
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
        cache: `"ram"`; `"none"` to keep the slices in temporary files and read them as needed; or `"disk"` to keep them
            in files that later calls map instead of reading the source, see `kept_parts`. All give the same slices.
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
        raise DataError(f"`cache` {cache}: unknown; give {', '.join(CACHES)}")
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
    if cache == "disk":
        kept = kept_parts(source, preprocessing, validation=validation)
        return {name: _to_slices(part.images, part.masks, part.rows, preprocessing) for name, part in kept.items()}
    parts = read_parts(
        source, preprocessing, validation=validation, make=lambda _, *shape: TEMPORARY_CACHES[cache](*shape)
    )
    return {
        name: _to_slices(part.images.to_array(), part.masks.to_array(), part.rows, preprocessing)
        for name, part in parts.items()
    }


def resized(slices: Slices, size: int) -> Slices:
    """Slices at another size, cached as they are.

    Args:
        slices: the slices.
        size: height and width in pixels.
    """
    targets = slices.preprocessing.targets
    make = TEMPORARY_CACHES["none" if isinstance(slices.images, np.memmap) else "ram"]
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


def _to_slices(images: np.ndarray, masks: np.ndarray, rows: Rows, preprocessing: Preprocessing) -> Slices:
    return Slices(
        images=images,
        masks=masks,
        names=tuple(rows.names),
        patients=tuple(rows.patients),
        cases=np.repeat(np.arange(len(rows.lengths)), rows.lengths),
        runs=np.array(rows.runs, np.int64),
        preprocessing=preprocessing,
    )
