"""Training in less memory: batches computed in parts, and again for the gradient."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops, tree

from cafct_keras.models.outputs import LogitsModel
from cafct_keras.training.pacing import PacedModel
from cafct_keras.typing import Tensor


class MemorySavingModel(PacedModel, LogitsModel):
    """A network in training that trades time for memory: one further forward pass per step.

    Under JAX; the other backends are not supported.

    Chen et al., "Training deep nets with sublinear memory cost", 2016 (arXiv 1604.06174).

    Args:
        network: see `LogitsModel`.
        accumulate: parts of every batch, computed one after the other and again for the gradient, so that only one
            part's activations are in memory. The loss is that of the whole batch, and so is the gradient but for batch
            normalization, which sees one part, and random draws. Divides the batch size.
    """

    def __init__(self, network: keras.Model, *, accumulate: int = 1) -> None:
        super().__init__(network)
        self._parts = accumulate

    def call(self, inputs: Tensor, training: bool | None = None, mask: Tensor | None = None) -> Any:
        """The logits; see `LogitsModel`."""
        if not training or self._parts == 1:
            return super().call(inputs, training=training)
        forward = super().call
        variables, kept = _split([*self.trainable_variables, *self.non_trainable_variables])

        def part(fixed: list[Tensor], changing: list[Tensor], images: Tensor) -> tuple[list[Tensor], Any]:
            outputs, changing = _stateless(
                lambda: forward(images, training=True), [*variables, *kept], [*fixed, *changing], kept
            )
            return changing, outputs

        fixed, changing = _values(variables), _values(kept)
        # Part n has the images n, n + parts and so on, so that each device keeps its own.
        height, width, channels = ops.shape(inputs)[1:]
        images = ops.moveaxis(ops.reshape(inputs, (-1, self._parts, height, width, channels)), 1, 0)
        recomputed = keras.remat(part)
        changing, outputs = ops.scan(lambda carry, x: recomputed(fixed, carry, x), changing, images)
        _assign(kept, changing)
        return tree.map_structure(lambda y: ops.reshape(ops.moveaxis(y, 0, 1), (-1, *ops.shape(y)[2:])), outputs)


def _split(variables: Sequence[keras.Variable]) -> tuple[list[keras.Variable], list[keras.Variable]]:
    """Trainable variables, and those that a forward pass may change."""
    return [v for v in variables if v.trainable], [v for v in variables if not v.trainable]


def _stateless(
    function: Callable[[], Any],
    variables: Sequence[keras.Variable],
    values: Sequence[Tensor],
    kept: Sequence[keras.Variable],
) -> tuple[Any, list[Tensor]]:
    """Calls a function where variables have these values; returns its result and the new values of some of them.

    What is computed again must not change variables again, nor see what changed since.
    """
    with keras.StatelessScope(state_mapping=list(zip(variables, values, strict=True))) as scope:
        outputs = function()
        return outputs, [scope.get_current_value(variable) for variable in kept]


def _values(variables: Sequence[keras.Variable]) -> list[Tensor]:
    return [ops.convert_to_tensor(variable) for variable in variables]


def _assign(variables: Sequence[keras.Variable], values: Sequence[Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
