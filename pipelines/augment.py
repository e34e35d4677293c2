"""Augmenting one slice and its mask in TensorFlow, as a pure function of a key.

Imported by `pipelines.stream` only, once it has hidden the GPUs from TensorFlow.
"""

import math

import tensorflow as tf

from pipelines.augmentation import Augmentation


def augment(image, mask, key, augmentation: Augmentation):
    """Changes a slice at random, its mask with it.

    Every number drawn has its own place, so switching one option on leaves what the others draw as it was.

    Args:
        image: `(H, W, 1)` float32 in 0..1; H and W static.
        mask: `(H, W, C)` float32, 0 or 1.
        key: `(2,)` int32; the same key makes the same change.
        augmentation: what to do.

    Returns:
        Image and mask with the shapes, dtypes and ranges given. What comes in from outside is 0 (air, background).
    """
    draws = tf.unstack(tf.random.stateless_uniform((9,), key, alg="philox"))
    turns = _turns(draws[2], image.shape[0] == image.shape[1]) if augmentation.quarter_turns else None
    flips = (draws[0] < 0.5, draws[1] < 0.5) if augmentation.flip else None
    if augmentation.resamples:
        transform = _transform(draws[3:7], turns, flips, augmentation, image.shape)
        image = _resample(image, transform, "BILINEAR")
        mask = _resample(mask, transform, "NEAREST")
    else:
        image, mask = _move_exactly(image, turns, flips), _move_exactly(mask, turns, flips)
    changed = augmentation.contrast or augmentation.brightness or augmentation.noise
    if augmentation.contrast:
        # About the middle of the range, not the slice's mean: a mean would depend on how much air is in view.
        image = (image - 0.5) * (1 + augmentation.contrast * _either_way(draws[7])) + 0.5
    if augmentation.brightness:
        image += augmentation.brightness * _either_way(draws[8])
    if augmentation.noise:
        image += _noise(key, image.shape, augmentation.noise)
    return tf.clip_by_value(image, 0.0, 1.0) if changed else image, mask


def _either_way(draw):
    """0..1 to -1..1."""
    return 2 * draw - 1


def _turns(draw, square: bool):
    """Number of quarter turns, int32: 0..3, or 0 and 2 where a quarter turn would not fit."""
    return tf.cast(draw * 4, tf.int32) if square else 2 * tf.cast(draw * 2, tf.int32)


def _noise(key, shape, highest: float):
    own_key = tf.random.fold_in(key, 1, alg="philox")
    deviation = highest * tf.random.stateless_uniform((), tf.random.fold_in(key, 2, alg="philox"), alg="philox")
    return deviation * tf.random.stateless_normal(shape, own_key, alg="philox")


def _move_exactly(pixels, turns, flips):
    """Turns and flips without touching a value."""
    shape = pixels.shape
    if flips is not None:
        for axis, flip in zip((1, 0), flips, strict=True):
            pixels = tf.cond(flip, lambda p=pixels, a=axis: tf.reverse(p, [a]), lambda p=pixels: p)
    if turns is not None:
        pixels = tf.image.rot90(pixels, turns)
    return tf.ensure_shape(pixels, shape)


def _transform(draws, turns, flips, augmentation: Augmentation, shape):
    """Composes everything into one map from output to input pixels: `(1, 8)`, as the resampling wants it.

    Angles are even-handed and flips their own inverses, so drawing the inverse map is drawing the map itself;
    only the scale is inverted by hand.
    """
    height, width = shape[0], shape[1]
    angle = math.radians(augmentation.rotation) * _either_way(draws[0])
    factor = 1 + augmentation.scale * _either_way(draws[1])
    cos, sin = tf.cos(angle) / factor, tf.sin(angle) / factor
    # Rows of the matrix on (x, y) about the centre; then flips and turns applied from the left.
    first, second = (cos, -sin), (sin, cos)
    if turns is not None:
        # Taken from tables: the cosine of pi / 2 is not quite 0.
        turn_cos = tf.gather([1.0, 0.0, -1.0, 0.0], turns)
        turn_sin = tf.gather([0.0, 1.0, 0.0, -1.0], turns)
        first, second = (
            tuple(turn_cos * a - turn_sin * b for a, b in zip(first, second, strict=True)),
            tuple(turn_sin * a + turn_cos * b for a, b in zip(first, second, strict=True)),
        )
    if flips is not None:
        first, second = (
            tuple(tf.where(flip, -a, a) for a in row) for flip, row in zip(flips, (first, second), strict=True)
        )
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    from_x = centre_x + augmentation.shift * width * _either_way(draws[2])
    from_y = centre_y + augmentation.shift * height * _either_way(draws[3])
    offsets = [
        centre - row[0] * from_x - row[1] * from_y
        for centre, row in zip((centre_x, centre_y), (first, second), strict=True)
    ]
    return tf.stack([*first, offsets[0], *second, offsets[1], 0.0, 0.0])[None]


def _resample(pixels, transform, interpolation: str):
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=pixels[None],
        transforms=transform,
        output_shape=pixels.shape[:2],
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode="CONSTANT",
    )
    return tf.ensure_shape(moved[0], pixels.shape)
