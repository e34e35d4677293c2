"""Attention of the Swin transformer: within windows, which may be shifted."""

import keras
from keras import layers, ops

from cafct_keras.layers.initializers import PACKAGE, Normal
from cafct_keras.layers.transformer import make_dense

# Added to the scores of tokens that may not see each other: nothing is left of them after the softmax.
FORBIDDEN = -1e9


@keras.saving.register_keras_serializable(PACKAGE)
class WindowAttention(layers.Layer):
    """Multi-head self-attention within windows, with a learned bias for every relative position.

    `(batch, H, W, channels)` to the same shape. Liu et al., "Swin transformer", ICCV 2021, section 3.2. Windows are
    shifted by rolling the map; tokens that only the roll made neighbours do not see each other. Along an axis no longer
    than a window there is one window, of that length, and no shift. A map that windows do not tile is filled up with
    tokens that nobody sees, so H and W may be any. The softmax is in float32.

    Args:
        num_heads: heads; they divide the channels.
        window_size: side of the windows.
        shift: rows and columns by which the windows are shifted, 0 to `window_size - 1`.

    Raises:
        ValueError: when built, for heads that do not divide the channels.
    """

    def __init__(self, *, num_heads, window_size, shift=0, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift = shift

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels % self.num_heads:
            raise ValueError(f"num_heads must divide the channels: {self.num_heads} heads, {channels} channels")
        self.query_key_value = make_dense(self, 3 * channels, "query_key_value")
        self.project = make_dense(self, channels, "project")
        self.query_key_value.build(input_shape)
        self.project.build(input_shape)
        self.position_bias = self.add_weight(
            name="position_bias",
            shape=((2 * self.window_size - 1) ** 2, self.num_heads),
            initializer=Normal(stddev=0.02),
        )

    def call(self, inputs, context=None):
        """Attention within the windows of `inputs`.

        Args:
            inputs: `(batch, H, W, channels)`.
            context: `(batch, N, channels)`, tokens of no place that every window sees too; None for none.
        """
        batch, height, width, channels = ops.shape(inputs)
        windows = _Windows(height, width, self.window_size, self.shift)
        tokens = windows.split(inputs)
        count = ops.shape(tokens)[2]
        bias = self._bias_of(windows.sides) + windows.mask()
        if context is not None:
            everywhere = ops.broadcast_to(context[:, None], (batch, ops.shape(tokens)[1], *ops.shape(context)[1:]))
            tokens = ops.concatenate([tokens, everywhere], axis=2)
            bias = ops.pad(bias, [(0, 0), (0, 0), (0, 0), (0, ops.shape(context)[1])])
        query, key, value = (
            ops.reshape(part, (*ops.shape(part)[:-1], self.num_heads, channels // self.num_heads))
            for part in ops.split(self.query_key_value(tokens), 3, axis=-1)
        )
        query = query[:, :, :count] * (channels // self.num_heads) ** -0.5
        score = ops.cast(ops.einsum("bwnhd,bwmhd->bwhnm", query, key), "float32") + bias
        weight = ops.cast(ops.softmax(score, axis=-1), self.compute_dtype)
        mixed = ops.einsum("bwhnm,bwmhd->bwnhd", weight, value)
        return self.project(windows.join(ops.reshape(mixed, (batch, -1, count, channels))))

    def _bias_of(self, sides):
        """Bias of windows with these sides by relative position, `(heads, tokens, tokens)`."""
        row, column = (ops.reshape(grid, (-1,)) for grid in ops.meshgrid(*map(ops.arange, sides), indexing="ij"))
        # From -(window_size - 1) up, in a table of rows.
        relative = [position[:, None] - position + self.window_size - 1 for position in (row, column)]
        bias = ops.take(self.position_bias, relative[0] * (2 * self.window_size - 1) + relative[1], axis=0)
        return ops.cast(ops.moveaxis(bias, -1, 0), "float32")

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "window_size": self.window_size,
            "shift": self.shift,
        }


class _Windows:
    """How windows lie on a map of `height` and `width`, which a graph may know only when it runs."""

    def __init__(self, height, width, window_size, shift):
        self.lengths = height, width
        self.sides = [_choose(length > window_size, window_size, length) for length in self.lengths]
        self.shifts = [_choose(length > window_size, shift, 0) for length in self.lengths]
        self.filling = [-length % side for length, side in zip(self.lengths, self.sides, strict=True)]
        self.counts = [-(-length // side) for length, side in zip(self.lengths, self.sides, strict=True)]

    def split(self, x, value=0):
        """`(batch, H, W, channels)`, filled up with a value, to `(batch, windows, tokens, channels)`."""
        batch, _, _, channels = ops.shape(x)
        x = ops.pad(x, [(0, 0), *((0, more) for more in self.filling), (0, 0)], constant_values=value)
        x = ops.roll(x, [-shift for shift in self.shifts], axis=(1, 2))
        (rows, columns), (height, width) = self.counts, self.sides
        x = ops.transpose(ops.reshape(x, (batch, rows, height, columns, width, channels)), (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (batch, rows * columns, height * width, channels))

    def join(self, tokens):
        """The inverse of `split`."""
        batch, _, _, channels = ops.shape(tokens)
        (rows, columns), (height, width) = self.counts, self.sides
        x = ops.transpose(ops.reshape(tokens, (batch, rows, columns, height, width, channels)), (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (batch, rows * height, columns * width, channels))
        x = ops.roll(x, self.shifts, axis=(1, 2))
        return x[:, : self.lengths[0], : self.lengths[1]]

    def mask(self):
        """What to add to scores, `(windows, 1, tokens, tokens)`: nothing, or `FORBIDDEN`."""
        # What the roll moves from the beginning of an axis to its end sees only what came along; the filling itself.
        row, column = (
            ops.cast(ops.arange(length) < shift, "int32")
            for length, shift in zip(self.lengths, self.shifts, strict=True)
        )
        origin = self.split((2 * row[:, None] + column)[None, :, :, None], value=-1)[0, ..., 0]
        return ops.where(origin[:, None, :, None] == origin[:, None, None, :], 0.0, FORBIDDEN)


def _choose(condition, first, second):
    """`first if condition else second`, for what may be tensors."""
    return (first if condition else second) if isinstance(condition, bool) else ops.where(condition, first, second)
