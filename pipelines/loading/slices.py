"""Slices of a whole source as 8-bit arrays, ready for training and evaluation."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from pipelines.case import SPLITS, Case, Source
from pipelines.errors import DataError
from pipelines.grid import FULL, SquareGrid
from pipelines.intensity import apply_window
from pipelines.loading.cache import CACHES, Cache

_TARGETS = {"liver": ("liver",), "lesion": ("lesion",), "both": ("liver", "lesion")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slices:
    """The slices of one part of a split.

    Attributes:
        images: `(N, H, W)` uint8 grey values, 0..255.
        masks: `(N, H, W, C)` uint8, how much of each pixel is covered, 0 to 255; channels in the order of `targets`.
        names: `N` slice names, unique.
        patients: the patient of each slice.
        cases: `(N,)` int64, index of the case of each slice; a case's slices are adjacent and in order.
        targets: `C` target names.
        context: number of neighbouring slices on either side that the network sees too.
    """

    images: np.ndarray
    masks: np.ndarray
    names: tuple[str, ...]
    patients: tuple[str, ...]
    cases: np.ndarray
    targets: tuple[str, ...]
    context: int = 0

    @property
    def channels(self) -> int:
        """Channels of the network's input: grey repeated three times, or the slice among its neighbours."""
        return 2 * self.context + 1 if self.context else 3

    @functools.cached_property
    def foreground(self) -> np.ndarray:
        """`(N, C)` bool: whether a slice contains a target, be it less than half a pixel."""
        return np.asarray(self.masks.any(axis=(1, 2)))

    def gather_images(self, indices: np.ndarray) -> np.ndarray:
        """`(B, H, W, 2 * context + 1)` uint8: slices among their neighbours, see `neighbours`."""
        if not self.context:
            return self.images[indices][..., None]
        return np.moveaxis(self.images[neighbours(indices, self.cases, self.context)], 1, -1)


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
        window: Hounsfield units mapped to 0 and 255; values outside are clipped. Grey sources are not changed.
        context: number of neighbouring slices on either side, 0 or more.
        cache: `"ram"`, or `"none"` to keep the slices in temporary files and read them as needed. Both give the same
            slices.
        validation: False to add the validation part to the training part.

    Returns:
        Each of `SPLITS` to its slices. Only the test part may be empty, and the validation part if it was not wanted.

    Raises:
        DataError: the source lacks the target, or has no training or no validation slices; an argument is out of range;
            or `context` is given and a case's slices are not contiguous.
    """
    if target not in _TARGETS:
        raise DataError(f"`target` {target}: unknown; give {', '.join(_TARGETS)}")
    if not window[0] < window[1]:
        raise DataError(f"`window` {window[0]:g} {window[1]:g}: the first must be less than the second")
    if context < 0:
        raise DataError(f"`context` {context}: give 0 or more")
    if cache not in CACHES:
        raise DataError(f"`cache` {cache}: unknown; give {' or '.join(CACHES)}")
    targets = _TARGETS[target]
    if missing := [name for name in targets if name not in source.targets]:
        raise DataError(
            f"`target` {target}: {source.layout} has no {missing[0]} masks, only {', '.join(source.targets)}; "
            "choose one of these"
        )
    make = CACHES[cache]
    parts = {part: _Part(images=make(size, size), masks=make(size, size, len(targets))) for part in SPLITS}
    for case in source.cases():
        if context and not case.contiguous:
            raise DataError(f"`context` {context}: the slices of case {case.name} are not contiguous; give 0")
        images, masks = network_slices(case, targets=targets, size=size, window=window)
        part = parts["train" if case.split == "validation" and not validation else case.split]
        part.images.append(images)
        part.masks.append(masks)
        part.names.extend(case.slice_names)
        part.patients.extend([case.patient] * len(case.slice_names))
        part.lengths.append(len(case.slice_names))
    for name in ("train", "validation") if validation else ("train",):
        if not parts[name].names:
            raise DataError(f"{source.layout}: no {name} slices; assign some patients to that part of the split")
    return {name: _to_slices(parts[name], targets, context) for name in SPLITS}


def network_slices(
    case: Case, *, targets: Sequence[str], size: int, window: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Windows and resizes the slices of a case.

    Args:
        case: the case.
        targets: names of the masks to return; the case has all of them.
        size: height and width in pixels.
        window: Hounsfield units mapped to 0 and 255; grey slices are not changed.

    Returns:
        Images `(slices, size, size)` uint8, and how much of each pixel the targets cover,
        `(slices, size, size, targets)` uint8, 0 to 255.
    """
    grid, masks = SquareGrid.of(case.images, size), case.coverage or case.masks
    areas = np.stack([grid.coverage(masks[name]) for name in targets], axis=-1)
    return network_grey(case.images, size=size, window=window), areas


def network_grey(images: np.ndarray, *, size: int, window: tuple[float, float]) -> np.ndarray:
    """Windows and resizes slices.

    Args:
        images: `(slices, H, W)`, int16 in Hounsfield units or uint8 grey.
        size: height and width of the result in pixels.
        window: Hounsfield units mapped to 0 and 255; grey slices are not changed.

    Returns:
        `(slices, size, size)` uint8.
    """
    images = apply_window(images, window) if images.dtype == np.int16 else images
    return SquareGrid.of(images, size).images(images, outside=0)


def network_images(images: np.ndarray, *, context: int) -> np.ndarray:
    """Converts slices to the network's input.

    Args:
        images: `(B, H, W, 2 * context + 1)`, uint8 or float32 in [0, 1].
        context: number of neighbouring slices on either side.

    Returns:
        float32 in [0, 1]: `(B, H, W, 3)`, grey repeated, or with `context` `(B, H, W, 2 * context + 1)`.
    """
    if images.dtype == np.uint8:
        images = images / np.float32(255)
    if context:
        return images
    three = np.empty((*images.shape[:-1], 3), np.float32)
    for channel in range(3):  # a third of the time of one broadcast assignment, whose innermost loop has length 3
        three[..., channel] = images[..., 0]
    return three


def neighbours(indices: np.ndarray, cases: np.ndarray, context: int) -> np.ndarray:
    """Indices of slices and their neighbours.

    Args:
        indices: `(B,)` slice indices.
        cases: `(N,)`, see `Slices`.
        context: number of neighbours on either side.

    Returns:
        `(B, 2 * context + 1)` indices in slice order; the first and last slice of a case are repeated beyond its ends.
    """
    nearby = indices[:, None] + np.arange(-context, context + 1)
    first = np.searchsorted(cases, cases[indices], side="left")
    last = np.searchsorted(cases, cases[indices], side="right") - 1
    return np.clip(nearby, first[:, None], last[:, None])


def foreground_counts(slices: Slices) -> dict[str, int]:
    """Number of slices that contain each target."""
    shown = slices.foreground.sum(axis=0)
    return {name: int(count) for name, count in zip(slices.targets, shown, strict=True)}


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


def _to_slices(part: _Part, targets: tuple[str, ...], context: int) -> Slices:
    return Slices(
        images=part.images.to_array(),
        masks=part.masks.to_array(),
        names=tuple(part.names),
        patients=tuple(part.patients),
        cases=np.repeat(np.arange(len(part.lengths)), part.lengths),
        targets=targets,
        context=context,
    )
