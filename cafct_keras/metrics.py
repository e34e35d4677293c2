"""Streaming metrics for training, named after their rule: by another rule the same masks may score 0.49 or 0.77.

Targets and predictions are `(batch, H, W, classes)`. A pixel is foreground where its probability exceeds the threshold,
and in the target where at least half of it is covered.
A sample weight `(batch,)` of 0 excludes an image; any other weight counts it once.
"""

import math
from typing import Any

import keras
from keras import ops

from cafct_keras.typing import Tensor

PACKAGE = "cafct_keras"
CARRY = 2**20
SLICE_COUNTS = "slice_counts"


class _OverlapMetric(keras.metrics.Metric):
    """Base of the metrics: thresholds the maps of one class and counts the pixels of each image."""

    def __init__(
        self, *, name: str, from_logits: bool = False, threshold: float = 0.5, class_index: int = 0, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.from_logits = from_logits
        self.threshold = threshold
        self.class_index = class_index
        # Comparing logits with the logit of the threshold saves a sigmoid per pixel.
        self._cut = math.log(threshold / (1 - threshold)) if from_logits else threshold

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Adds a batch."""
        truth = ops.cast(y_true[..., self.class_index] >= 0.5, "int32")
        mask = ops.cast(ops.cast(y_pred[..., self.class_index], "float32") > self._cut, "int32")
        counts = [ops.sum(value, axis=(1, 2)) for value in (truth * mask, truth, mask)]
        if sample_weight is not None:
            included = ops.cast(ops.reshape(sample_weight, (-1,)) > 0, "int32")
            counts = [count * included for count in counts]
        self.count(*counts)

    def count(self, overlap: Tensor, truth: Tensor, mask: Tensor) -> None:
        """Adds pixel counts per image, int32 `(batch,)`: in both masks, in the target, in the prediction."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "threshold": self.threshold,
            "class_index": self.class_index,
        }


class _PooledMetric(_OverlapMetric):
    """Sums pixels over all images, exactly: float32 would lose single pixels from 2^24 on, and int32 wraps at 2^31."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.counts = self.add_variable((3, 2), "zeros", dtype="int32", name="counts")

    def count(self, overlap: Tensor, truth: Tensor, mask: Tensor) -> None:
        """See `_OverlapMetric`."""
        new = ops.stack([ops.sum(overlap), ops.sum(truth), ops.sum(mask)])
        low = self.counts[:, 1] + new
        high = self.counts[:, 0] + low // CARRY
        self.counts.assign(ops.stack([high, low % CARRY], axis=1))

    def totals(self) -> list[Tensor]:
        """Overlap, target and prediction in pixels, each a float32 scalar."""
        counts = ops.cast(self.counts, "float32")
        return [counts[index, 0] * CARRY + counts[index, 1] for index in range(3)]


class SliceCounts(keras.metrics.Metric):
    """Pixel counts of the last slices that it saw, from which NumPy computes what spans batches, such as Dice per case.

    It has no value of its own. Batches without sample weights are passed over, as those of training are: it costs
    nothing there. A sample weight of 0 makes a slice's counts 0.

    Args:
        slices: how many to keep, a multiple of the batch size.
        classes: number of classes.
        from_logits: whether predictions are logits.
        threshold: probability above which a pixel is foreground, in (0, 1).
        name: name of the metric.

    Attributes:
        counts: int32 `(slices, classes, 3)`: pixels in both, in the target, in the prediction; the newest slice last.
    """

    def __init__(
        self, *, slices: int, classes: int, from_logits: bool = False, threshold: float = 0.5, name: str = SLICE_COUNTS
    ) -> None:
        super().__init__(name=name)
        self._cut = math.log(threshold / (1 - threshold)) if from_logits else threshold
        self.counts = self.add_variable((slices, classes, 3), "zeros", dtype="int32", name="counts")

    def update_state(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> None:
        """Adds a batch, and lets go of as many older slices."""
        if sample_weight is None:
            return
        truth = ops.cast(y_true >= 0.5, "int32")
        mask = ops.cast(ops.cast(y_pred, "float32") > self._cut, "int32")
        counts = ops.stack([ops.sum(each, axis=(1, 2)) for each in (truth * mask, truth, mask)], axis=-1)
        counts *= ops.cast(ops.reshape(sample_weight, (-1, 1, 1)) > 0, "int32")
        self.counts.assign(ops.concatenate([self.counts[counts.shape[0] :], counts]))

    def result(self) -> dict[str, Tensor]:
        """Nothing."""
        return {}


@keras.saving.register_keras_serializable(PACKAGE)
class PooledDice(_PooledMetric):
    """Dice over all pixels of all images together, LiTS's "Dice global"; 1 if both sides are empty.

    Args:
        from_logits: whether predictions are logits.
        threshold: probability above which a pixel is foreground, in (0, 1).
        class_index: index of the class that is scored.
        name: name of the metric.
    """

    def __init__(self, *, name: str = "dice_pooled", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def result(self) -> Tensor:
        """The value, a float32 scalar."""
        overlap, truth, mask = self.totals()
        return ops.where(truth + mask > 0, 2 * overlap / ops.maximum(truth + mask, 1.0), 1.0)


@keras.saving.register_keras_serializable(PACKAGE)
class PooledIoU(_PooledMetric):
    """Intersection over union over all pixels of all images together; 1 if both sides are empty.

    Arguments as for `PooledDice`.
    """

    def __init__(self, *, name: str = "iou_pooled", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)

    def result(self) -> Tensor:
        """The value, a float32 scalar."""
        overlap, truth, mask = self.totals()
        union = truth + mask - overlap
        return ops.where(union > 0, overlap / ops.maximum(union, 1.0), 1.0)


@keras.saving.register_keras_serializable(PACKAGE)
class PerSlicePositiveDice(_OverlapMetric):
    """Mean Dice of the slices that have foreground in the target; 0 if there are none.

    Arguments as for `PooledDice`.
    """

    def __init__(self, *, name: str = "dice_per_slice_positive", **kwargs: Any) -> None:
        super().__init__(name=name, **kwargs)
        self.total = self.add_variable((), "zeros", name="total")
        self.slices = self.add_variable((), "zeros", name="slices")

    def count(self, overlap: Tensor, truth: Tensor, mask: Tensor) -> None:
        """See `_OverlapMetric`."""
        positive = truth > 0
        dice = ops.cast(2 * overlap, "float32") / ops.cast(ops.maximum(truth + mask, 1), "float32")
        self.total.assign_add(ops.sum(ops.where(positive, dice, 0.0)))
        self.slices.assign_add(ops.sum(ops.cast(positive, "float32")))

    def result(self) -> Tensor:
        """The value, a float32 scalar."""
        return self.total / ops.maximum(self.slices, 1.0)
