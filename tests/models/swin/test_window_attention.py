"""Shifted windows against attention worked out pixel by pixel, from which windows, rolls and masks are absent."""

import keras
import numpy as np
import pytest
from keras import ops

from cafct_keras import layers

pytestmark = pytest.mark.backends

CHANNELS, HEADS = 6, 2


def pixel_by_pixel(x, context, weights, *, window_size, shift):
    """Every pixel attends to those that lie in its own tile of a grid whose first lines run at `shift`."""
    kernel, bias, project, project_bias, table = weights
    batch, height, width, channels = x.shape
    rows, columns = (grid.ravel() for grid in np.mgrid[:height, :width])

    def tile(position, side):
        return (position - (shift if side > window_size else 0)) // min(side, window_size)

    tiles = np.stack([tile(rows, height), tile(columns, width)], axis=-1)
    allowed = (tiles[:, None] == tiles).all(axis=-1)
    row, column = rows[:, None] - rows, columns[:, None] - columns
    inside = np.where(allowed, (row + window_size - 1) * (2 * window_size - 1) + column + window_size - 1, 0)
    score_bias = np.where(allowed[..., None], table[inside], -np.inf)

    tokens = np.concatenate([x.reshape(batch, -1, channels), context], axis=1)
    query, key, value = np.split(tokens @ kernel + bias, 3, axis=-1)
    mixed = np.empty((batch, height * width, channels))
    depth = channels // HEADS
    for head in range(HEADS):
        part = slice(head * depth, (head + 1) * depth)
        score = query[:, : height * width, part] @ key[..., part].swapaxes(1, 2) / depth**0.5
        score[..., : height * width] += score_bias[..., head]
        weight = np.exp(score - score.max(axis=-1, keepdims=True))
        mixed[..., part] = weight / weight.sum(axis=-1, keepdims=True) @ value[..., part]
    return (mixed @ project + project_bias).reshape(x.shape)


@pytest.mark.parametrize("tokens", [0, 2])
@pytest.mark.parametrize(
    ("height", "width", "window_size", "shift"),
    # Windows that tile the map; one window; maps that have to be filled up.
    [
        *[(8, 12, 4, 0), (8, 12, 4, 2), (12, 8, 4, 3), (9, 3, 3, 1)],
        *[(4, 8, 4, 2), (8, 2, 4, 1), (2, 3, 4, 2)],
        *[(6, 9, 4, 0), (6, 9, 4, 2), (7, 5, 4, 3)],
    ],
)
def test_shifted_windows(height, width, window_size, shift, tokens):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(2, height, width, CHANNELS)).astype("float32")
    context = generator.normal(size=(2, tokens, CHANNELS)).astype("float32")
    layer = layers.WindowAttention(num_heads=HEADS, window_size=window_size, shift=shift)
    layer.build(x.shape)
    layer.set_weights([generator.normal(size=weight.shape) for weight in layer.get_weights()])
    dense = [ops.convert_to_numpy(weight) for part in (layer.query_key_value, layer.project) for weight in part.weights]
    weights = [np.asarray(weight, "float64") for weight in (*dense, ops.convert_to_numpy(layer.position_bias))]
    expected = pixel_by_pixel(x, context, weights, window_size=window_size, shift=shift)
    actual = ops.convert_to_numpy(layer(x, context=context if tokens else None))
    np.testing.assert_allclose(actual, expected, atol=2e-5, rtol=1e-5)


def normalise(x):
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)


def test_order_in_which_neighbours_are_merged():
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 3)).astype("float32")
    layer = layers.PatchMerging()
    layer.build(x.shape)
    neighbours = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
    expected = normalise(np.concatenate(neighbours, axis=-1)) @ ops.convert_to_numpy(layer.project.kernel)
    np.testing.assert_allclose(ops.convert_to_numpy(layer(x)), expected, atol=1e-6)


def test_order_in_which_tokens_are_expanded():
    x = np.random.default_rng(0).normal(size=(2, 3, 2, 5)).astype("float32") * 100
    layer = layers.PatchExpanding(filters=4, factor=2)
    layer.build(x.shape)
    tokens = x @ ops.convert_to_numpy(layer.project.kernel)
    actual = ops.convert_to_numpy(layer(x))
    for part, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        expected = normalise(tokens[..., 4 * part : 4 * part + 4])
        np.testing.assert_allclose(actual[:, row::2, column::2], expected, atol=2e-5)


def test_complementary_fusion_carries_averages_across():
    """A pixel of the CNN's map is felt in a far window of the transformer's, which only its average reaches."""
    keras.utils.set_random_seed(0)  # of the few units of its bottleneck, all may be dead
    generator = np.random.default_rng(0)
    cnn, transformer = generator.normal(size=(2, 1, 8, 8, 4)).astype("float32")
    layer = layers.ComplementaryFusion(num_heads=2, window_size=4)
    layer.build([cnn.shape, transformer.shape])
    layer.block.set_weights([generator.normal(size=weight.shape) for weight in layer.block.get_weights()])
    before = ops.convert_to_numpy(layer([cnn, transformer], training=False))
    changed = cnn.copy()
    changed[:, 0, 0, 0] += 10
    after = ops.convert_to_numpy(layer([changed, transformer], training=False))
    assert np.abs(after - before)[:, 6:, 6:].max() > 1e-2
