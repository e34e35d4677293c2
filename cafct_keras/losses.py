"""Losses."""

import keras
from keras import ops

DICE_REDUCTIONS = ("batch", "image")


@keras.saving.register_keras_serializable("cafct_keras")
class BCEDiceLoss(keras.losses.Loss):
    """Binary cross-entropy plus soft Dice: `w_bce * BCE + w_dice * (1 - (2 sum(p y) + s) / (sum(p) + sum(y) + s))`.

    Paper section 2.5. Targets are `(batch, H, W, classes)` in {0, 1}, predictions of the same shape, logits or
    probabilities. All sums are in float32, whatever the predictions' dtype. BCE is the mean over pixels, classes and
    images; each class has a Dice of its own and they are averaged. A sample weight `(batch,)` weights whole images in
    every sum, so an image of weight 0 is not there.

    Args:
        from_logits: whether predictions are logits. Prefer them: probabilities near 0 and 1 have lost their gradient.
        dice_reduction: `"batch"` pools the sums over the batch, `"image"` takes each image's Dice and averages. An
            image without foreground gives a constant of about 1 and no gradient in the latter, and 88 % of LiTS's
            slices have no lesion.
        smooth: s above, in pixels.
        bce_weight: w_bce above.
        dice_weight: w_dice above.
        name: of the loss.

    Raises:
        ValueError: for another reduction.
    """

    def __init__(
        self,
        *,
        from_logits=False,
        dice_reduction="batch",
        smooth=1.0,
        bce_weight=1.0,
        dice_weight=1.0,
        name="bce_dice",
        **kwargs,
    ):
        if dice_reduction not in DICE_REDUCTIONS:
            raise ValueError(f"dice_reduction must be one of {DICE_REDUCTIONS}, not {dice_reduction!r}")
        super().__init__(name=name, **kwargs)
        self.from_logits = from_logits
        self.dice_reduction = dice_reduction
        self.smooth = smooth
        self.bce_weight = bce_weight
        self.dice_weight = dice_weight

    def __call__(self, y_true, y_pred, sample_weight=None):
        # Not the base class's reduction: a Dice pooled over the batch is no mean of per-image losses.
        return self.call(y_true, y_pred, sample_weight)

    def call(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = ops.cast(y_true, "float32"), ops.cast(y_pred, "float32")
        if self.from_logits:
            # softplus(z) - y z, which overflows nowhere.
            pixel_loss = ops.softplus(y_pred) - y_true * y_pred
            probability = ops.sigmoid(y_pred)
        else:
            probability = y_pred
            clipped = ops.clip(y_pred, keras.config.epsilon(), 1 - keras.config.epsilon())
            pixel_loss = -y_true * ops.log(clipped) - (1 - y_true) * ops.log(1 - clipped)

        def mean_over_images(value):
            if sample_weight is None:
                return ops.mean(value)
            return ops.sum(value * weight) / ops.maximum(ops.sum(weight), 1.0)

        # Per image, and per image and class.
        bce = ops.mean(pixel_loss, axis=(1, 2, 3))
        overlap = ops.sum(probability * y_true, axis=(1, 2))
        total = ops.sum(probability, axis=(1, 2)) + ops.sum(y_true, axis=(1, 2))
        if sample_weight is not None:
            weight = ops.reshape(ops.cast(sample_weight, "float32"), (-1,))
        if self.dice_reduction == "batch":
            if sample_weight is not None:
                overlap, total = overlap * weight[:, None], total * weight[:, None]
            overlap, total = ops.sum(overlap, axis=0), ops.sum(total, axis=0)
            dice = ops.mean((2 * overlap + self.smooth) / (total + self.smooth))
        else:
            dice = mean_over_images(ops.mean((2 * overlap + self.smooth) / (total + self.smooth), axis=-1))
        return self.bce_weight * mean_over_images(bce) + self.dice_weight * (1 - dice)

    def get_config(self):
        return {
            **super().get_config(),
            "from_logits": self.from_logits,
            "dice_reduction": self.dice_reduction,
            "smooth": self.smooth,
            "bce_weight": self.bce_weight,
            "dice_weight": self.dice_weight,
        }
