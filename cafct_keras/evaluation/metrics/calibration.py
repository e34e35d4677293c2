"""Calibration of probabilities and scores by threshold, from histograms."""

import dataclasses

import numpy as np

from cafct_keras.errors import UserError

RULES = ("per_slice_positive_dice", "pooled_dice", "pooled_iou")
_CHUNK = 1 << 16  # pixels that are counted at a time, few enough for the cache


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reliability:
    """A reliability diagram: the fraction of foreground among the pixels of each predicted probability.

    Attributes:
        edges: float64 `(groups + 1,)`, of the groups of probabilities, 0 to 1.
        pixels: int64 `(groups,)`.
        confidence: float64 `(groups,)`, the mean probability; NaN where there are no pixels.
        frequency: float64 `(groups,)`, the fraction of foreground; NaN where there are no pixels.
    """

    edges: np.ndarray
    pixels: np.ndarray
    confidence: np.ndarray
    frequency: np.ndarray

    @property
    def expected_error(self) -> float | None:
        """Expected calibration error (Naeini et al. 2015) in [0, 1]; None without pixels.

        The mean over pixels of the gap between confidence and frequency in their group. Where most pixels are
        background, as in CT, they dominate it.
        """
        gaps = np.abs(self.confidence - self.frequency)
        return float(np.nansum(gaps * self.pixels) / self.pixels.sum()) if self.pixels.any() else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sweep:
    """Scores by threshold; a pixel is foreground where its probability exceeds the threshold.

    Attributes:
        thresholds: float64 `(n,)`, within (0, 1).
        per_slice_positive_dice: float64 `(n,)`; NaN if no slice shows the target.
        pooled_dice: float64 `(n,)`; NaN where both masks are empty.
        pooled_iou: float64 `(n,)`, likewise.
    """

    thresholds: np.ndarray
    per_slice_positive_dice: np.ndarray
    pooled_dice: np.ndarray
    pooled_iou: np.ndarray

    def best_threshold(self, rule: str = "per_slice_positive_dice") -> float | None:
        """The threshold with the highest score, of several the one nearest 0.5; None where no score is defined.

        Choose it on validation data: chosen on test data it inflates the test score.

        Args:
            rule: one of `RULES`.

        Raises:
            UserError: there is no such rule.
        """
        if rule not in RULES:
            raise UserError(f"rule={rule!r}: no such rule; give one of {', '.join(RULES)}")
        scores = getattr(self, rule)
        return None if np.isnan(scores).all() else nearest_best(self.thresholds, scores)


def nearest_best(thresholds: np.ndarray, scores: np.ndarray) -> float:
    """The threshold with the highest score, of several the one nearest 0.5; NaN is no score."""
    best = thresholds[scores >= np.nanmax(scores) - 1e-12]
    return float(best[np.abs(best - 0.5).argmin()])


class Calibration:
    """Accumulates probabilities in histograms; memory does not grow with the number of slices.

    Bin k holds the probabilities in (k / bins, (k + 1) / bins], and bin 0 also 0, so that the pixels above a threshold
    on an edge are those of whole bins. Of each slice that shows the target only the curve of Dice over all thresholds
    is kept, in a sum.

    Args:
        bins: number of bins; thresholds of the sweep lie on their `bins - 1` inner edges.
    """

    def __init__(self, *, bins: int = 1000):
        self.bins = bins
        self._pixels = np.zeros((2, bins), np.int64)  # background, foreground
        self._confidence = np.zeros(bins)
        self._dice = np.zeros(bins - 1)
        self._positive = 0

    def add(self, probability: np.ndarray, reference: np.ndarray) -> None:
        """Adds slices.

        Args:
            probability: float `(slices, H, W)` or `(H, W)`, in [0, 1].
            reference: bool, of the same shape.

        Raises:
            UserError: the shapes differ, or a probability is NaN or not in [0, 1].
        """
        probability, reference = np.asarray(probability), np.asarray(reference, bool)
        if probability.shape != reference.shape:
            raise UserError(
                f"probability: its shape {probability.shape} is not the reference's, {reference.shape}; give one map "
                "of the same size per slice"
            )
        pixels = np.prod(probability.shape[-2:], dtype=int)
        for one, truth in zip(probability.reshape(-1, pixels), reference.reshape(-1, pixels), strict=True):
            self._add_slice(one, truth)

    def _add_slice(self, probability: np.ndarray, truth: np.ndarray) -> None:
        if not (probability.min() >= 0 and probability.max() <= 1):
            raise UserError("probability: holds NaN or values outside 0..1; give a network's output after the sigmoid")
        pixels = np.zeros_like(self._pixels)
        for start in range(0, len(truth), _CHUNK):
            part = slice(start, start + _CHUNK)
            pixels += self._count(probability[part], truth[part])
        self._pixels += pixels
        if foreground := pixels[1].sum():
            tp, fp = _above(pixels)[::-1]
            self._dice += 2 * tp / (tp + fp + foreground)
            self._positive += 1

    def _count(self, probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
        """int64 `(2, bins)`, pixels of background and foreground; their probabilities are added to the sums."""
        # Most pixels are background of a probability near 0: bin 0 takes what the others leave, without a look at each.
        places = np.flatnonzero(probability >= probability.dtype.type(1 / self.bins))
        higher, shown = probability[places], truth[places]
        place = self._bin(higher)
        pixels = np.bincount(place + shown * np.int32(self.bins), minlength=2 * self.bins).reshape(2, self.bins)
        left = np.count_nonzero(truth) - np.count_nonzero(shown)
        pixels[:, 0] += len(truth) - len(places) - left, left
        self._confidence += np.bincount(place, weights=higher, minlength=self.bins)
        self._confidence[0] += max(probability.sum(dtype=np.float64) - higher.sum(dtype=np.float64), 0.0)
        return pixels

    def _bin(self, probability: np.ndarray) -> np.ndarray:
        """int32 `(n,)`, the bin of each probability, which is certain unless the product is rounded to an edge."""
        edge = np.ceil(scaled := probability * probability.dtype.type(self.bins))
        landed = np.flatnonzero(scaled == edge)
        edge[landed] += probability[landed] > edge[landed].astype(np.float64) / self.bins
        return np.maximum(edge.astype(np.int32) - 1, 0)

    def reliability(self, groups: int = 10) -> Reliability:
        """The reliability diagram.

        Args:
            groups: number of groups of equal width, a divisor of `bins`.

        Raises:
            UserError: the bins do not divide into so many groups.
        """
        if groups < 1 or self.bins % groups:
            raise UserError(f"groups={groups}: {self.bins} bins do not divide by it; give a divisor, such as 10")
        background, foreground = self._pixels.reshape(2, groups, -1).sum(axis=2)
        pixels = background + foreground
        empty = np.full(groups, np.nan)
        return Reliability(
            edges=np.linspace(0, 1, groups + 1),
            pixels=pixels,
            confidence=np.divide(
                self._confidence.reshape(groups, -1).sum(axis=1), pixels, out=empty.copy(), where=pixels > 0
            ),
            frequency=np.divide(foreground, pixels, out=empty, where=pixels > 0),
        )

    def sweep(self) -> Sweep:
        """The scores at every inner edge of the bins."""
        fp, tp = _above(self._pixels)
        truth = self._pixels[1].sum()
        empty = np.full(self.bins - 1, np.nan)
        return Sweep(
            thresholds=np.arange(1, self.bins) / self.bins,
            per_slice_positive_dice=self._dice / self._positive if self._positive else empty,
            pooled_dice=np.divide(2 * tp, tp + fp + truth, out=empty.copy(), where=tp + fp + truth > 0),
            pooled_iou=np.divide(tp, fp + truth, out=empty.copy(), where=fp + truth > 0),
        )


def _above(pixels: np.ndarray) -> np.ndarray:
    """Pixels above each inner edge, from those in each bin: `(2, bins)` to `(2, bins - 1)`."""
    return pixels[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
