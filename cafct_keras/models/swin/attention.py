"""Windowed attention of the Swin transformer."""

from collections.abc import Sequence
from typing import Any

from keras import layers, ops

from cafct_keras.layers.initializers import Normal
from cafct_keras.layers.serialization import register
from cafct_keras.layers.transformer import make_dense
from cafct_keras.typing import Shape, Tensor

# Added to the scores of masked pairs of tokens; their weight after the softmax is 0.
MASKED = -1e9


@register()
class WindowAttention(layers.Layer):
    """Multi-head self-attention within windows, with a learned bias for every relative position.

    `(batch, H, W, channels)` to the same shape. Liu et al., "Swin transformer", ICCV 2021, section 3.2. Windows are
    shifted by rolling the map; tokens that are adjacent only because of the roll are masked from each other. Along an
    axis no longer than a window there is a single window of that length and no shift. Maps that windows do not tile are
    padded with masked tokens, so H and W are arbitrary. The softmax is computed in float32.

    Args:
        num_heads: number of heads, a divisor of the channels.
        window_size: side of the windows.
        shift: shift of the windows in rows and columns, 0 to `window_size - 1`.

    Raises:
        ValueError: on build, if `num_heads` does not divide the channels.
    """

    def __init__(self, *, num_heads: int, window_size: int, shift: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.window_size = window_size
        self.shift = shift

    def build(self, input_shape: Shape) -> None:
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

    def call(self, inputs: Tensor, context: Tensor | None = None) -> Tensor:
        """Attends within the windows of `inputs`.

        Args:
            inputs: `(batch, H, W, channels)`.
            context: `(batch, N, channels)`, tokens without a position that every window attends to as well, or None.

        Returns:
            `(batch, H, W, channels)`.
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

    def _bias_of(self, sides: Sequence[Tensor]) -> Tensor:
        """Returns the relative position bias of windows with these sides, `(heads, tokens, tokens)`."""
        row, column = (ops.reshape(grid, (-1,)) for grid in ops.meshgrid(*map(ops.arange, sides), indexing="ij"))
        # The table holds offsets from -(window_size - 1) up, row by row.
        relative = [position[:, None] - position + self.window_size - 1 for position in (row, column)]
        bias = ops.take(self.position_bias, relative[0] * (2 * self.window_size - 1) + relative[1], axis=0)
        return ops.cast(ops.moveaxis(bias, -1, 0), "float32")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape


class _Windows:
    """Partition of a map of `height` and `width`, which a graph may know only at run time."""

    def __init__(self, height: Tensor, width: Tensor, window_size: int, shift: int) -> None:
        self.lengths = height, width
        self.sides = [_choose(length > window_size, window_size, length) for length in self.lengths]
        self.shifts = [_choose(length > window_size, shift, 0) for length in self.lengths]
        self.padding = [-length % side for length, side in zip(self.lengths, self.sides, strict=True)]
        self.counts = [-(-length // side) for length, side in zip(self.lengths, self.sides, strict=True)]

    def split(self, x: Tensor, value: int = 0) -> Tensor:
        """Pads `(batch, H, W, channels)` with a value and splits it into `(batch, windows, tokens, channels)`."""
        batch, _, _, channels = ops.shape(x)
        x = ops.pad(x, [(0, 0), *((0, more) for more in self.padding), (0, 0)], constant_values=value)
        x = ops.roll(x, [-shift for shift in self.shifts], axis=(1, 2))
        (rows, columns), (height, width) = self.counts, self.sides
        x = ops.transpose(ops.reshape(x, (batch, rows, height, columns, width, channels)), (0, 1, 3, 2, 4, 5))
        return ops.reshape(x, (batch, rows * columns, height * width, channels))

    def join(self, tokens: Tensor) -> Tensor:
        """Inverts `split`."""
        batch, _, _, channels = ops.shape(tokens)
        (rows, columns), (height, width) = self.counts, self.sides
        x = ops.transpose(ops.reshape(tokens, (batch, rows, columns, height, width, channels)), (0, 1, 3, 2, 4, 5))
        x = ops.reshape(x, (batch, rows * height, columns * width, channels))
        x = ops.roll(x, self.shifts, axis=(1, 2))
        return x[:, : self.lengths[0], : self.lengths[1]]

    def mask(self) -> Tensor:
        """Returns the additive mask of the scores, `(windows, 1, tokens, tokens)`: 0 or `MASKED`."""
        # Tokens attend only to those of the same origin: moved by the roll along the same axes, or padding.
        row, column = (
            ops.cast(ops.arange(length) < shift, "int32")
            for length, shift in zip(self.lengths, self.shifts, strict=True)
        )
        origin = self.split((2 * row[:, None] + column)[None, :, :, None], value=-1)[0, ..., 0]
        return ops.where(origin[:, None, :, None] == origin[:, None, None, :], 0.0, MASKED)


def _choose(condition: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Returns `first if condition else second`, where the arguments may be tensors."""
    return (first if condition else second) if isinstance(condition, bool) else ops.where(condition, first, second)
