"""Statistics of cases: slices, sizes, intensities, and the connected components of a target."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from pipelines.case import Case

PERCENTILES = {"p1": 1, "p5": 5, "median": 50, "p95": 95, "p99": 99}
MINIMUM, _BINS = -(2**15), 2**16  # bins of one value each hold int16 and uint8 alike
_BODY_HU = -300  # between lung and fat
_BODY_GREY = 25  # a tenth of the range: above air in any soft-tissue window
_BODY_SIDE = 128  # the body is searched in every n-th pixel, so that the shorter side has about this many
_CONNECTED = np.ones((3, 3, 3), bool)  # 26 neighbours, and 8 within a slice
_CONNECTED_IN_SLICE = _CONNECTED & np.array([False, True, False])[:, None, None]


@dataclasses.dataclass
class DatasetStatistics:
    """Running statistics of some cases.

    Attributes:
        cases: number of cases.
        patients: names of the patients.
        slices: number of slices.
        empty: number of slices without any target.
        present: number of slices with a target, by target.
        sizes: number of slices, by (H, W).
        spacings: (slice, row, column) in mm, of the cases that have one.
        histograms: number of pixels of each value, `(65536,)` int64 from -32768 up, by region: `"image"`, `"body"`,
            targets.
        pixels: size of each connected component.
        volumes: mL of each component, of contiguous cases with a spacing.
        non_contiguous: number of cases with several slices that are not contiguous.
    """

    cases: int = 0
    patients: set[str] = dataclasses.field(default_factory=set)
    slices: int = 0
    empty: int = 0
    present: Counter[str] = dataclasses.field(default_factory=Counter)
    sizes: Counter[tuple[int, ...]] = dataclasses.field(default_factory=Counter)
    spacings: list[tuple[float, float, float]] = dataclasses.field(default_factory=list)
    histograms: dict[str, np.ndarray] = dataclasses.field(
        default_factory=lambda: defaultdict(lambda: np.zeros(_BINS, np.int64))
    )
    pixels: list[int] = dataclasses.field(default_factory=list)
    volumes: list[float] = dataclasses.field(default_factory=list)
    non_contiguous: int = 0

    def add(self, other: "DatasetStatistics") -> None:
        """Adds the statistics of other cases."""
        for region, histogram in other.histograms.items():
            self.histograms[region] += histogram
        self.patients |= other.patients
        self.present.update(other.present)
        self.sizes.update(other.sizes)
        for name in ("cases", "slices", "empty", "spacings", "pixels", "volumes", "non_contiguous"):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def summary(self, targets: tuple[str, ...]) -> dict[str, Any]:
        """The statistics of one part of the split, as `describe_source` returns them."""
        total = int(self.histograms["image"].sum())
        ranges = [[min(lengths), max(lengths)] for lengths in zip(*self.spacings, strict=True)]
        of = component_target(targets)
        diameters = np.cbrt(np.array(self.volumes) * (6000.0 / np.pi))
        return {
            "cases": self.cases,
            "patients": len(self.patients),
            "slices": self.slices,
            "slices_with": {target: self.present[target] for target in targets},
            "slices_without": self.empty,
            "sizes": {f"{height}x{width}": count for (height, width), count in sorted(self.sizes.items())},
            "spacing_mm": dict(zip(("slice", "row", "column"), ranges, strict=True)) if ranges else None,
            "intensity": {region: _intensity(self.histograms[region]) for region in ("image", "body", *targets)},
            "share": {t: int(self.histograms[t].sum()) / total if total else 0.0 for t in targets},
            "pieces": of
            and {
                "of": of,
                "count": len(self.pixels),
                "measured": len(self.volumes),
                "pixels": _spread(self.pixels),
                "volume_ml": _spread(self.volumes),
                "diameter_mm": _spread(diameters),
            },
        }


def case_statistics(case: Case, masks: Mapping[str, np.ndarray], intensity: str) -> DatasetStatistics:
    """Computes the statistics of one case.

    Args:
        case: the case.
        masks: its masks by the names to report them under, `(slices, H, W)` bool.
        intensity: of the source, see `Source`.
    """
    count, *shape = case.images.shape
    statistics = DatasetStatistics(cases=1, patients={case.patient}, slices=count, sizes=Counter({tuple(shape): count}))
    if case.spacing is not None:
        statistics.spacings.append(case.spacing)
    for index, image in enumerate(case.images):  # slice by slice, since counting takes eight bytes per pixel
        present = {target: mask[index] for target, mask in masks.items() if mask[index].any()}
        statistics.present.update(present.keys())
        statistics.empty += not present
        step = max(1, min(shape) // _BODY_SIDE)
        thinned = image[::step, ::step]
        regions = {"image": image, "body": thinned[find_body(thinned, intensity)]}
        regions |= {target: image[mask] for target, mask in present.items()}
        for region, values in regions.items():
            statistics.histograms[region] += np.bincount(values.ravel().astype(np.intp) - MINIMUM, minlength=_BINS)
    statistics.non_contiguous = int(count > 1 and not case.contiguous)
    if of := component_target(masks):
        statistics.pixels = component_sizes(masks[of], connected=case.contiguous)
        if case.spacing is not None and case.contiguous:
            statistics.volumes = [pixels * float(np.prod(case.spacing)) / 1000.0 for pixels in statistics.pixels]
    return statistics


def component_target(targets: Iterable[str]) -> str | None:
    """The target whose connected components are worth counting: the one other than the liver, a single organ."""
    return next((target for target in targets if target != "liver"), None)


def component_sizes(mask: np.ndarray, *, connected: bool) -> list[int]:
    """Number of pixels of each connected component of a `(slices, H, W)` bool mask.

    Args:
        mask: the mask.
        connected: whether components extend from slice to slice (26 neighbours) or not (8 neighbours).
    """
    if not mask.any():
        return []
    # Labels take four bytes per voxel, so only the bounding box is labelled.
    box = ndimage.find_objects(mask.view(np.uint8))[0]
    labels, _ = ndimage.label(mask[box], _CONNECTED if connected else _CONNECTED_IN_SLICE)
    return np.bincount(labels[mask[box]])[1:].tolist()


def find_body(image: np.ndarray, intensity: str) -> np.ndarray:
    """The largest bright component of an `(H, W)` slice, holes filled, without the couch; bool, may be empty."""
    if intensity == "hu":
        bright = image > _BODY_HU
    elif intensity == "grey":
        bright = image > _BODY_GREY
    else:  # relative to the slice's own range, at whose minimum there may be padding far below air
        bright = image > _otsu_threshold(image[image > image.min()])
    labels, count = ndimage.label(ndimage.binary_opening(bright, np.ones((3, 3), bool)))
    if not count:
        return np.zeros(image.shape, bool)
    return ndimage.binary_fill_holes(labels == np.bincount(labels.ravel())[1:].argmax() + 1)


def _otsu_threshold(values: np.ndarray) -> int:
    """Otsu's threshold of uint8 values; the bright class lies above it.

    In NumPy, as scikit-image would be a dependency for this alone. (N. Otsu, A threshold selection method from
    grey-level histograms, IEEE Trans. SMC 9, 1979.)
    """
    weights = np.bincount(values.ravel(), minlength=256).astype(float)
    below = weights.cumsum()
    above, moments = below[-1] - below, (weights * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (moments / below - (moments[-1] - moments) / above) ** 2
    return int(np.nan_to_num(between).argmax())


def _intensity(histogram: np.ndarray) -> dict[str, Any] | None:
    """Range and percentiles of the values in a histogram; a percentile is a value that occurs."""
    below = histogram.cumsum()
    if not below[-1]:
        return None
    least, greatest = (np.flatnonzero(histogram)[[0, -1]] + MINIMUM).tolist()
    values = np.searchsorted(below, np.array(list(PERCENTILES.values())) / 100 * below[-1]) + MINIMUM
    percentiles = dict(zip(PERCENTILES, values.tolist(), strict=True))
    return {"least": least, "greatest": greatest, "percentiles": percentiles}


def _spread(sizes: Iterable[float]) -> dict[str, float] | None:
    values = np.asarray(sizes, float)
    if not values.size:
        return None
    return dict(zip(("p5", "median", "p95"), map(float, np.percentile(values, (5, 50, 95))), strict=True))
