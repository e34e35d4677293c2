"""All slices of a source in memory, windowed to 8 bits: what training and evaluation run on."""

import dataclasses

import numpy as np

from pipelines.case import SPLITS, Source
from pipelines.errors import DataError

_TARGETS = {"liver": ("liver",), "lesion": ("lesion",), "both": ("liver", "lesion")}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Slices:
    """The slices of one part of a split.

    Attributes:
        images: `(N, H, W)` uint8 grey, 0..255.
        masks: `(N, H, W, C)` uint8, 0 or 1, channels in the order of `targets`.
        names: `N` slice names, unique.
        patients: the patient of each slice.
        targets: `C` target names.
    """

    images: np.ndarray
    masks: np.ndarray
    names: tuple[str, ...]
    patients: tuple[str, ...]
    targets: tuple[str, ...]


def load_slices(
    source: Source, *, target: str, size: int, window: tuple[float, float] = (-200.0, 250.0)
) -> dict[str, Slices]:
    """Loads a source into memory.

    Args:
        source: the reader.
        target: `"liver"`, `"lesion"`, or `"both"` for the channels (liver, lesion).
        size: height and width in pixels that the source's slices must have.
        window: Hounsfield units shown as 0 and as 255; values outside are clipped. Grey sources stay as they are.

    Returns:
        Each of `SPLITS` to its slices. The test part may have no slices; the others have some.

    Raises:
        DataError: the source lacks the target, has another size, or has no training or no validation slices;
            the target is unknown or the window does not rise.
    """
    if target not in _TARGETS:
        raise DataError(f"target {target}: give liver, lesion or both")
    if not window[0] < window[1]:
        raise DataError(f"window {window[0]} {window[1]}: the first must lie below the second")
    targets = _TARGETS[target]
    if missing := [name for name in targets if name not in source.targets]:
        raise DataError(
            f"{source.layout} has no {missing[0]} masks, only {', '.join(source.targets)}; give another --target"
        )
    parts = {part: _Part(images=[], masks=[], names=[], patients=[]) for part in SPLITS}
    for case in source.cases():
        if case.images.shape[1:] != (size, size):
            height, width = case.images.shape[1:]
            raise DataError(f"case {case.name}: slices of {height}x{width}, not {size}x{size}; give --size {height}")
        part = parts[case.split]
        part.images.append(_to_grey(case.images, window) if source.intensity == "hu" else case.images)
        part.masks.append(np.stack([case.masks[name] for name in targets], axis=-1).astype(np.uint8))
        part.names.extend(case.slice_names)
        part.patients.extend([case.patient] * len(case.slice_names))
    for name in ("train", "validation"):
        if not parts[name].names:
            raise DataError(f"{source.layout}: no {name} slices; give some patients that split")
    # Popped, so that a part's pieces go as soon as they are joined.
    return {name: _join(parts.pop(name), targets, size) for name in SPLITS}


def foreground_counts(slices: Slices) -> dict[str, int]:
    """Counts, for each target, the slices that show any of it."""
    shown = slices.masks.any(axis=(1, 2)).sum(axis=0)
    return {name: int(count) for name, count in zip(slices.targets, shown, strict=True)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """The pieces of one part, case by case; names and patients slice by slice."""

    images: list[np.ndarray]
    masks: list[np.ndarray]
    names: list[str]
    patients: list[str]


def _join(part: _Part, targets: tuple[str, ...], size: int) -> Slices:
    return Slices(
        # The empty piece gives a part without cases its shape.
        images=np.concatenate([np.empty((0, size, size), np.uint8), *part.images]),
        masks=np.concatenate([np.empty((0, size, size, len(targets)), np.uint8), *part.masks]),
        names=tuple(part.names),
        patients=tuple(part.patients),
        targets=targets,
    )


def _to_grey(hounsfield: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    low, high = window
    clipped = np.clip(hounsfield.astype(np.float32), low, high)
    return np.rint(255.0 * (clipped - low) / (high - low)).astype(np.uint8)
