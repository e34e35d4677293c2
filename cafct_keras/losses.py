"""Losses."""

from collections.abc import Sequence
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

    With other `alpha` and `beta` than 0.5 the Dice becomes the Tversky index `(TP + s/2) / (TP + alpha FP + beta FN +
    s/2)` of `TP = sum(min(p, y))`, `FP = sum(p) - TP`, `FN = sum(y) - TP` (Salehi et al., "Tversky loss function for
    image segmentation using 3D fully convolutional deep networks", MLMI 2017, equation 4, whose alpha and beta these
    are). With `gamma` above 1 its loss of each class is raised to `1 / gamma` (Abraham and Khan, "A novel focal Tversky
    loss function with improved attention U-Net for lesion segmentation", ISBI 2019, equation 4; there alpha, 0.7, is
    the weight of false negatives, so their loss is `alpha=0.3, beta=0.7, gamma=4 / 3, bce_weight=0`).

    Args:
        from_logits: whether predictions are logits. Prefer logits: probabilities near 0 and 1 lose their gradient.
        dice_reduction: `"batch"` pools the sums over the batch, `"image"` averages the Dice of each image. With the
            latter, an image without foreground contributes a constant of about 1 and no gradient, and 88 % of the
            slices of LiTS have no lesion.
        smooth: s above, in pixels.
        bce_weight: w_bce above.
        dice_weight: w_dice above.
        alpha: weight of false positives, at least 0.
        beta: weight of false negatives, at least 0; above 0.5, lesions are missed less.
        gamma: focus on what is segmented badly, at least 1: the root of a loss is steeper the smaller the loss is.
        class_weights: weights of the classes in both terms, at least 0; only their ratio matters. None for equal ones.
        reduction: `"sum_over_batch_size"`, or another of Keras's names of a mean: a Dice that is pooled over the batch
            has no value per image, so neither a sum nor the unreduced loss exists.
        name: name of the loss.
        dtype: see `keras.losses.Loss`.

    Raises:
        ValueError: for another reduction, or a weight or `gamma` out of range.
    """

    def __init__(
        self,
        *,
        from_logits: bool = False,
        dice_reduction: str = "batch",
        smooth: float = 1.0,
        bce_weight: float = 1.0,
        dice_weight: float = 1.0,
        alpha: float = 0.5,
        beta: float = 0.5,
        gamma: float = 1.0,
        class_weights: Sequence[float] | None = None,
        reduction: str = "sum_over_batch_size",
        name: str = "bce_dice",
        dtype: Any = None,
    ) -> None:
        if dice_reduction not in DICE_REDUCTIONS:
            raise ValueError(f"`dice_reduction` {dice_reduction}: unknown; choose {', '.join(DICE_REDUCTIONS)}")
        if reduction not in REDUCTIONS:
            raise ValueError(f"`reduction` {reduction}: this loss is a mean over the batch; leave it out")
        if min(alpha, beta) < 0 or alpha + beta <= 0:
            raise ValueError(f"`alpha` {alpha:g} `beta` {beta:g}: must be at least 0, and one above 0")
        if gamma < 1:
            raise ValueError(f"`gamma` {gamma:g}: must be at least 1")
        if class_weights is not None and (min(class_weights) < 0 or sum(class_weights) <= 0):
            raise ValueError(f"`class_weights` {tuple(class_weights)}: must be at least 0, and one above 0")
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.from_logits = from_logits
        self.dice_reduction = dice_reduction
        self.smooth = smooth
        self.bce_weight = bce_weight
        self.dice_weight = dice_weight
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.class_weights = None if class_weights is None else tuple(class_weights)

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
        bce = ops.mean(self._weighted(pixel_loss), axis=(1, 2, 3))
        overlap = ops.sum(ops.minimum(probability, y_true), axis=(1, 2))
        # Twice the Tversky index's denominator: for the Dice the sum of both areas.
        total = 2 * self.alpha * ops.sum(probability, axis=(1, 2)) + 2 * self.beta * ops.sum(y_true, axis=(1, 2))
        if (rest := 2 * (1 - self.alpha - self.beta)) != 0:
            total = total + rest * overlap
        if self.dice_reduction == "batch":
            if weight is not None:
                overlap, total = overlap * weight[:, None], total * weight[:, None]
            overlap, total = ops.sum(overlap, axis=0), ops.sum(total, axis=0)
            dice_loss = ops.mean(self._overlap_loss(overlap, total))
        else:
            dice_loss = _mean(ops.mean(self._overlap_loss(overlap, total), axis=-1), weight)
        return self.bce_weight * _mean(bce, weight) + self.dice_weight * dice_loss

    def _overlap_loss(self, overlap: Tensor, total: Tensor) -> Tensor:
        """Weighted losses of the classes, from sums `(..., classes)`."""
        loss = 1 - (2 * overlap + self.smooth) / (total + self.smooth)
        if self.gamma != 1:
            # The root's slope is infinite at 0.
            loss = ops.maximum(loss, keras.config.epsilon()) ** (1 / self.gamma)
        return self._weighted(loss)

    def _weighted(self, values: Tensor) -> Tensor:
        """Values `(..., classes)` times the weights of the classes, whose mean is 1."""
        if self.class_weights is None:
            return values
        mean = sum(self.class_weights) / len(self.class_weights)
        return values * ops.convert_to_tensor([weight / mean for weight in self.class_weights], dtype="float32")

    def get_config(self) -> dict[str, Any]:
        """Arguments of the constructor."""
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "dice_reduction": self.dice_reduction,
            "smooth": self.smooth,
            "bce_weight": self.bce_weight,
            "dice_weight": self.dice_weight,
            "alpha": self.alpha,
            "beta": self.beta,
            "gamma": self.gamma,
            "class_weights": self.class_weights,
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
