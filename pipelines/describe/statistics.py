"""Counting what cases hold: slices, sizes, intensities, and the pieces of a target."""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
from scipy import ndimage

from pipelines.case import Case

PERCENTILES = {"p1": 1, "p5": 5, "median": 50, "p95": 95, "p99": 99}
LEAST, _LEVELS = -(2**15), 2**16  # bins of one value each hold int16 and uint8 alike
_BODY_HU = -300  # between lung and fat
_BODY_GREY = 25  # a tenth of the range: above air in any window for soft tissue
_BODY_SIDE = 128  # the body is sought in every n-th pixel, so that the shorter side has about so many
_CONNECTED = np.ones((3, 3, 3), bool)  # 26 neighbours, and 8 in a slice of its own
_CONNECTED_IN_SLICE = _CONNECTED & np.array([False, True, False])[:, None, None]


@dataclasses.dataclass
class Tally:
    """Running counts over some cases.

    Attributes:
        cases: number of them.
        patients: their names.
        slices: number of them.
        empty: slices that show no target.
        present: slices that show a target, by target.
        sizes: slices, by (H, W).
        spacings: (slice, row, column) in mm, of the cases that know it.
        histograms: pixels of each value, `(65536,)` int64 from -32768 up, by region: `"image"`, `"body"`, targets.
        of: the target whose pieces are measured, None if there is none.
        pixels: of each piece.
        volumes: mL of each piece in a case of known spacing whose slices are neighbours.
        apart: cases whose slices are not neighbours, though there are several.
    """

    cases: int = 0
    patients: set[str] = dataclasses.field(default_factory=set)
    slices: int = 0
    empty: int = 0
    present: Counter = dataclasses.field(default_factory=Counter)
    sizes: Counter = dataclasses.field(default_factory=Counter)
    spacings: list[tuple[float, float, float]] = dataclasses.field(default_factory=list)
    histograms: dict[str, np.ndarray] = dataclasses.field(
        default_factory=lambda: defaultdict(lambda: np.zeros(_LEVELS, np.int64))
    )
    pixels: list[int] = dataclasses.field(default_factory=list)
    volumes: list[float] = dataclasses.field(default_factory=list)
    apart: int = 0

    def add(self, other: "Tally") -> None:
        """Takes in the counts of other cases."""
        for region, histogram in other.histograms.items():
            self.histograms[region] += histogram
        self.patients |= other.patients
        for counts in ("present", "sizes"):
            getattr(self, counts).update(getattr(other, counts))
        for sums in ("cases", "slices", "empty", "spacings", "pixels", "volumes", "apart"):
            setattr(self, sums, getattr(self, sums) + getattr(other, sums))

    def summary(self, targets: tuple[str, ...]) -> dict:
        """The figures of one part, as `describe_source` returns them."""
        total = int(self.histograms["image"].sum())
        ranges = [[min(lengths), max(lengths)] for lengths in zip(*self.spacings, strict=True)]
        of = piece_target(targets)
        diameters = np.cbrt(np.array(self.volumes) * (6000.0 / np.pi))
        return {
            "cases": self.cases,
            "patients": len(self.patients),
            "slices": self.slices,
            "slices_with": {target: self.present[target] for target in targets},
            "slices_without": self.empty,
            "sizes": {f"{height}x{width}": count for (height, width), count in sorted(self.sizes.items())},
            "spacing_mm": dict(zip(("slice", "row", "column"), ranges, strict=True)) if ranges else None,
            "intensity": {region: _values(self.histograms[region]) for region in ("image", "body", *targets)},
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


def tally_case(case: Case, masks: dict[str, np.ndarray], intensity: str) -> Tally:
    """Counts one case.

    Args:
        case: the case.
        masks: its masks by the names to count them under, `(slices, H, W)` bool.
        intensity: the source's.
    """
    count, *shape = case.images.shape
    tally = Tally(cases=1, patients={case.patient}, slices=count, sizes=Counter({tuple(shape): count}))
    if case.spacing is not None:
        tally.spacings.append(tuple(map(float, case.spacing)))
    for index, image in enumerate(case.images):  # slice by slice, since counting takes eight bytes a pixel
        shown = {target: mask[index] for target, mask in masks.items() if mask[index].any()}
        tally.present.update(shown.keys())
        tally.empty += not shown
        step = max(1, min(shape) // _BODY_SIDE)
        thinned = image[::step, ::step]
        regions = {"image": image, "body": thinned[find_body(thinned, intensity)]}
        regions |= {target: image[mask] for target, mask in shown.items()}
        for region, values in regions.items():
            tally.histograms[region] += np.bincount(values.ravel().astype(np.intp) - LEAST, minlength=_LEVELS)
    tally.apart = int(count > 1 and not case.contiguous)
    if of := piece_target(masks):
        tally.pixels = measure_pieces(masks[of], joined=case.contiguous)
        if case.spacing is not None and case.contiguous:
            tally.volumes = [pixels * float(np.prod(case.spacing)) / 1000.0 for pixels in tally.pixels]
    return tally


def piece_target(targets: Iterable[str]) -> str | None:
    """The target whose pieces are worth counting: the one that is not the liver, a single organ."""
    return next((target for target in targets if target != "liver"), None)


def measure_pieces(mask: np.ndarray, *, joined: bool) -> list[int]:
    """Pixels of each connected component of a `(slices, H, W)` bool mask.

    Args:
        mask: the mask.
        joined: whether pieces reach from slice to slice (26 neighbours) or end with theirs (8 neighbours).
    """
    if not mask.any():
        return []
    # Labels take four bytes a voxel, so only the box around the pieces is labelled.
    flat = [mask.any(axis=(1, 2)), mask.any(axis=0).any(axis=1), mask.any(axis=0).any(axis=0)]
    box = tuple(slice(np.flatnonzero(line)[0], np.flatnonzero(line)[-1] + 1) for line in flat)
    labels, _ = ndimage.label(mask[box], _CONNECTED if joined else _CONNECTED_IN_SLICE)
    return np.bincount(labels[mask[box]])[1:].tolist()


def find_body(image: np.ndarray, intensity: str) -> np.ndarray:
    """The largest bright piece of an `(H, W)` slice with its holes filled, without the couch; bool, perhaps empty."""
    if intensity == "hu":
        bright = image > _BODY_HU
    elif intensity == "grey":
        bright = image > _BODY_GREY
    else:  # what is body depends on the slice's own range, and at its least value there may be padding far below air
        bright = image > _divide(image[image > image.min()])
    labels, count = ndimage.label(ndimage.binary_opening(bright, np.ones((3, 3), bool)))
    if not count:
        return np.zeros(image.shape, bool)
    return ndimage.binary_fill_holes(labels == np.bincount(labels.ravel())[1:].argmax() + 1)


def _divide(values: np.ndarray) -> int:
    """The level that parts uint8 values into two groups of least variance within (Otsu): above it is the bright one."""
    weights = np.bincount(values.ravel(), minlength=256).astype(float)
    below = weights.cumsum()
    above, moments = below[-1] - below, (weights * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * (moments / below - (moments[-1] - moments) / above) ** 2
    return int(np.nan_to_num(between).argmax())


def _values(histogram: np.ndarray) -> dict | None:
    """Range and percentiles of what a histogram counts; a percentile is a value that occurs."""
    below = histogram.cumsum()
    if not below[-1]:
        return None
    least, greatest = (np.flatnonzero(histogram)[[0, -1]] + LEAST).tolist()
    levels = np.searchsorted(below, np.array(list(PERCENTILES.values())) / 100 * below[-1]) + LEAST
    percentiles = dict(zip(PERCENTILES, levels.tolist(), strict=True))
    return {"least": least, "greatest": greatest, "percentiles": percentiles}


def _spread(sizes: Iterable[float]) -> dict[str, float] | None:
    sizes = np.asarray(sizes, float)
    if not sizes.size:
        return None
    return dict(zip(("p5", "median", "p95"), map(float, np.percentile(sizes, (5, 50, 95))), strict=True))
