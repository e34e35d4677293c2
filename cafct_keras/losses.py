"""Losses."""

from typing import Any

import keras
from keras import ops

from cafct_keras.typing import Tensor

DICE_REDUCTIONS = ("batch", "image")
# Names by which Keras calls a mean over the batch, which is what this loss is.
REDUCTIONS = ("sum_over_batch_size", "mean", "mean_with_sample_weight")


@keras.saving.register_keras_serializable("cafct_keras")
class BCEDiceLoss(keras.losses.Loss):
    """Binary cross-entropy plus soft Dice: `w_bce * BCE + w_dice * (1 - (2 sum(min(p, y)) + s) / (sum(p + y) + s))`.

    Section 2.5 of the paper (arXiv 2401.16886), whose `p y` is `min(p, y)` for targets of 0 and 1. Where a target is
    the covered fraction of a pixel, the minimum (Wang et al. 2023, arXiv 2303.16296) makes the loss least at `p = y`,
    whereas the product favors 0 and 1. Targets are `(batch, H, W, classes)` in [0, 1], predictions are logits or
    probabilities of the same shape. All sums are in float32, whatever the dtype of the predictions. BCE is the mean
    over pixels, classes and images; the Dice is computed per class and averaged. A sample weight `(batch,)` weights
    whole images in every sum: an image of weight 0 does not count, and only the ratio of the weights matters.

    Args:
        from_logits: whether predictions are logits. Prefer logits: probabilities near 0 and 1 lose their gradient.
        dice_reduction: `"batch"` pools the sums over the batch, `"image"` averages the Dice of each image. With the
            latter, an image without foreground contributes a constant of about 1 and no gradient, and 88 % of the
            slices of LiTS have no lesion.
        smooth: s above, in pixels.
        bce_weight: w_bce above.
        dice_weight: w_dice above.
        reduction: `"sum_over_batch_size"`, or another of Keras's names of a mean: a Dice that is pooled over the batch
            has no value per image, so neither a sum nor the unreduced loss exists.
        name: name of the loss.
        dtype: see `keras.losses.Loss`.

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        dice_reduction: str = "batch",
        smooth: float = 1.0,
        bce_weight: float = 1.0,
        dice_weight: float = 1.0,
        reduction: str = "sum_over_batch_size",
        name: str = "bce_dice",
        dtype: Any = None,
    ) -> None:
        if dice_reduction not in DICE_REDUCTIONS:
            raise ValueError(f"`dice_reduction` {dice_reduction}: unknown; choose {', '.join(DICE_REDUCTIONS)}")
        if reduction not in REDUCTIONS:
            raise ValueError(f"`reduction` {reduction}: this loss is a mean over the batch; leave it out")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = from_logits
        self.dice_reduction = dice_reduction
        self.smooth = smooth
        self.bce_weight = bce_weight
        self.dice_weight = dice_weight

    def __call__(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The loss, a float32 scalar."""
        # Without the base class's reduction: a Dice that is pooled over the batch is not a mean of losses per image.
        return self.call(y_true, y_pred, sample_weight)

    def call(self, y_true: Tensor, y_pred: Tensor, sample_weight: Tensor | None = None) -> Tensor:
        """The loss, a float32 scalar; see the class."""
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        if self.from_logits:
            # softplus(z) - y z does not overflow.
            pixel_loss = ops.softplus(y_pred) - y_true * y_pred
            probability = ops.sigmoid(y_pred)
        else:
            probability = y_pred
            clipped = ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon())
            pixel_loss = -y_true * ops.log(clipped) - (1 - y_true) * ops.log(1 - clipped)

        weight = None if sample_weight is None else _normalized(sample_weight)
        # Per image, and per image and class.
        bce = ops.mean(pixel_loss, axis=(1, 2, 3))
        overlap = ops.sum(ops.minimum(probability, y_true), axis=(1, 2))
        total = ops.sum(probability, axis=(1, 2)) + ops.sum(y_true, axis=(1, 2))
        if self.dice_reduction == "batch":
            if weight is not None:
                overlap, total = overlap * weight[:, None], total * weight[:, None]
            overlap, total = ops.sum(overlap, axis=0), ops.sum(total, axis=0)
            dice_loss = 1 - ops.mean((2 * overlap + self.smooth) / (total + self.smooth))
        else:
            dice = ops.mean((2 * overlap + self.smooth) / (total + self.smooth), axis=-1)
            dice_loss = _mean(1 - dice, weight)
        return self.bce_weight * _mean(bce, weight) + self.dice_weight * dice_loss

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "dice_reduction": self.dice_reduction,
            "smooth": self.smooth,
            "bce_weight": self.bce_weight,
            "dice_weight": self.dice_weight,
        }


def _normalized(sample_weight: Tensor) -> Tensor:
    """Weights `(batch,)` whose mean over the images that count is 1; weights of 0 and 1 stay as they are."""
    weight = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
    total = ops.sum(weight)
    counted = ops.sum(ops.cast(weight > 0, "float32"))
    return weight * (counted / ops.where(total > 0, total, 1.0))


def _mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Mean over images; 0 if none counts."""
    if weight is None:
        return ops.mean(values)
    return ops.sum(values * weight) / ops.maximum(ops.sum(weight), 1.0)
