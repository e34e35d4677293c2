"""All slices of a source, windowed to 8 bits, in memory or in a file: what training and evaluation run on."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from pipelines.case import SPLITS, Case, Source
from pipelines.errors import DataError
from pipelines.intensity import apply_window
from pipelines.loading.resize import resize_images, resize_masks
from pipelines.loading.stack import StackInFile, StackInMemory

_TARGETS = {"liver": ("liver",), "lesion": ("lesion",), "both": ("liver", "lesion")}
CACHES = ("ram", "none")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slices:
    """The slices of one part of a split.

    Attributes:
        images: `(N, H, W)` uint8 grey, 0..255.
        masks: `(N, H, W, C)` uint8, 0 or 1, channels in the order of `targets`.
        names: `N` slice names, unique.
        patients: the patient of each slice.
        cases: `(N,)` int64, the number of the case of each slice; a case's slices stand together, in their order.
        targets: `C` target names.
        context: how many neighbours on either side come with a slice; 0 for the slice alone.
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
        """Channels that the network sees: grey three times, or the slice among its neighbours."""
        return 2 * self.context + 1 if self.context else 3

    @functools.cached_property
    def foreground(self) -> np.ndarray:
        """`(N, C)` bool: whether a slice shows any of a target."""
        return self.masks.any(axis=(1, 2))

    def gather_images(self, indices: np.ndarray) -> np.ndarray:
        """`(B, H, W, 2 * context + 1)` uint8: slices with their neighbours from below to above.

        Beyond a case's first and last slice that slice is repeated.
        """
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
    """Loads a source.

    Args:
        source: the reader.
        target: `"liver"`, `"lesion"`, or `"both"` for the channels (liver, lesion).
        size: height and width in pixels; slices of another size are resized.
        window: Hounsfield units shown as 0 and as 255; values outside are clipped. Grey sources stay as they are.
        context: neighbours on either side that come with a slice, 0 or more.
        cache: `"ram"`, or `"none"` to keep the slices out of memory, in files without a name that go when the process
            does; the system reads what is asked for. Both give the same slices.
        validation: whether the validation part is kept; otherwise its slices join the training part.

    Returns:
        Each of `SPLITS` to its slices. The test part may have no slices; the others have some, but for a validation
        part that is not kept.

    Raises:
        DataError: the source lacks the target, or has no training or no validation slices; the target is unknown, the
            window does not rise, or neighbours are asked for where a case's slices are none.
    """
    if target not in _TARGETS:
        raise DataError(f"target {target}: give liver, lesion or both")
    if not window[0] < window[1]:
        raise DataError(f"window {window[0]} {window[1]}: the first must lie below the second")
    if context < 0:
        raise DataError(f"--context {context}: give 0 or more")
    if cache not in CACHES:
        raise DataError(f"--cache {cache}: unknown; give {' or '.join(CACHES)}")
    targets = _TARGETS[target]
    if missing := [name for name in targets if name not in source.targets]:
        raise DataError(
            f"{source.layout} has no {missing[0]} masks, only {', '.join(source.targets)}; give another --target"
        )
    stack = {"ram": StackInMemory, "none": StackInFile}[cache]
    parts = {part: _Part(images=stack(size, size), masks=stack(size, size, len(targets))) for part in SPLITS}
    for case in source.cases():
        if context and not case.contiguous:
            raise DataError(f"--context {context}: the slices of case {case.name} are no neighbours; give --context 0")
        images, masks = network_slices(case, targets=targets, size=size, window=window)
        part = parts["train" if case.split == "validation" and not validation else case.split]
        part.images.append(images)
        part.masks.append(masks)
        part.names.extend(case.slice_names)
        part.patients.extend([case.patient] * len(case.slice_names))
        part.lengths.append(len(case.slice_names))
    for name in ("train", "validation") if validation else ("train",):
        if not parts[name].names:
            raise DataError(f"{source.layout}: no {name} slices; give some patients that split")
    # Popped, so that a part's pieces go as soon as they are joined.
    return {name: _join(parts.pop(name), targets, context) for name in SPLITS}


def network_slices(
    case: Case, *, targets: Sequence[str], size: int, window: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """A case's slices as networks see them.

    Args:
        case: the case.
        targets: masks wanted, all of which the case has.
        size: height and width in pixels.
        window: Hounsfield units shown as 0 and as 255; slices that are grey already stay as they are.

    Returns:
        Images `(slices, size, size)` uint8 and masks `(slices, size, size, targets)` uint8, 0 or 1.
    """
    images = apply_window(case.images, window) if case.images.dtype == np.int16 else case.images
    masks = [resize_masks(case.masks[name], size) for name in targets]
    return resize_images(images, size, outside=0), np.stack(masks, axis=-1).astype(np.uint8)


def network_images(images: np.ndarray, *, context: int) -> np.ndarray:
    """What the network takes: float32 in 0..1, grey three times or a slice among its neighbours.

    Args:
        images: `(B, H, W, 2 * context + 1)`, uint8, or float32 in 0..1 already.
        context: neighbours on either side.

    Returns:
        `(B, H, W, 3)`, or with neighbours `(B, H, W, 2 * context + 1)`.
    """
    if images.dtype == np.uint8:
        images = images / np.float32(255)
    if context:
        return images
    three = np.empty((*images.shape[:-1], 3), np.float32)
    for channel in range(3):  # a third of the time of one assignment, whose innermost loop would be of three
        three[..., channel] = images[..., 0]
    return three


def neighbours(indices: np.ndarray, cases: np.ndarray, context: int) -> np.ndarray:
    """The slices that come with each slice.

    Args:
        indices: `(B,)` of slices.
        cases: `(N,)`, the number of the case of every slice; a case's slices stand together, in their order.
        context: neighbours on either side.

    Returns:
        `(B, 2 * context + 1)` indices from below to above; beyond a case's first and last slice that one is repeated.
    """
    nearby = indices[:, None] + np.arange(-context, context + 1)
    first = np.searchsorted(cases, cases[indices], side="left")
    last = np.searchsorted(cases, cases[indices], side="right") - 1
    return np.clip(nearby, first[:, None], last[:, None])


def foreground_counts(slices: Slices) -> dict[str, int]:
    """Counts, for each target, the slices that show any of it."""
    shown = slices.foreground.sum(axis=0)
    return {name: int(count) for name, count in zip(slices.targets, shown, strict=True)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """One part as it grows case by case; names and patients slice by slice."""

    images: StackInMemory | StackInFile
    masks: StackInMemory | StackInFile
    names: list[str] = dataclasses.field(default_factory=list)
    patients: list[str] = dataclasses.field(default_factory=list)
    lengths: list[int] = dataclasses.field(default_factory=list)


def _join(part: _Part, targets: tuple[str, ...], context: int) -> Slices:
    return Slices(
        images=part.images.join(),
        masks=part.masks.join(),
        names=tuple(part.names),
        patients=tuple(part.patients),
        cases=np.repeat(np.arange(len(part.lengths)), part.lengths),
        targets=targets,
        context=context,
    )
