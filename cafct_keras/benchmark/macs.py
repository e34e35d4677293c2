"""Arithmetic cost of a network."""

import math
from collections.abc import Callable
from typing import Any

import keras


def count_macs(model: keras.Model, *, image_shape: tuple[int, int, int] | None = None) -> int | None:
    """Counts the multiply-adds of predicting one image.

    This is the usual figure in comparisons of networks: convolutions and matrix products only, with kernels counted in
    full at the border. (XLA's own count of the compiled function has two operations for each multiply-add, and includes
    everything else.) `DepthwiseConv3x3`, which the compiler sees as nine shifted multiply-adds, counts as a
    convolution. Nothing is computed or compiled, and the model's variables need no values: it may be built under
    `keras.StatelessScope(initialize_variables=False)`.

    Args:
        model: functional model with one image input.
        image_shape: `(H, W, channels)`; None for the model's own, if that is known.

    Returns:
        Number of multiply-adds; None under TensorFlow and PyTorch, which have no jaxpr to count in.
    """
    if keras.backend.backend() != "jax":
        return None
    import jax

    def predict(variables: list, image: jax.Array) -> jax.Array:
        return model.stateless_call(*variables, image, training=False)[0]

    variables = [
        [jax.ShapeDtypeStruct(variable.shape, variable.dtype) for variable in group]
        for group in (model.trainable_variables, model.non_trainable_variables)
    ]
    image = jax.ShapeDtypeStruct((1, *(image_shape or model.input_shape[1:])), "float32")
    return _count(jax.make_jaxpr(predict)(variables, image).jaxpr)


def _count(jaxpr: Any) -> int:
    return sum(_COUNTS.get(equation.primitive.name, _inner)(equation) for equation in jaxpr.eqns)


def _inner(equation: Any) -> int:
    """Multiply-adds of a called function, of a loop's body times its length, and 0 for everything else."""
    groups = (value if isinstance(value, tuple) else (value,) for value in equation.params.values())
    called = (getattr(value, "jaxpr", value) for group in groups for value in group)
    return equation.params.get("length", 1) * sum(_count(jaxpr) for jaxpr in called if hasattr(jaxpr, "eqns"))


def _convolution(equation: Any) -> int:
    kernel = equation.invars[1].aval
    outputs = kernel.shape[equation.params["dimension_numbers"].rhs_spec[0]]
    # A transposed convolution skips the zeros between its inputs.
    zeros = math.prod(equation.params["lhs_dilation"])
    return equation.outvars[0].aval.size * (kernel.size // outputs) // zeros


def _product(equation: Any) -> int:
    (contracted, _), _ = equation.params["dimension_numbers"]
    return equation.outvars[0].aval.size * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)


def _own_gradient(equation: Any) -> int:
    """Among functions with a custom gradient, the depthwise convolution is the one with a `(3, 3, channels)` kernel."""
    if len(equation.invars) == 2:
        image, kernel = (variable.aval for variable in equation.invars)
        if kernel.shape == (3, 3, image.shape[-1]):
            return 9 * image.size
    return _inner(equation)


_COUNTS: dict[str, Callable[[Any], int]] = {
    "conv_general_dilated": _convolution,
    "dot_general": _product,
    "custom_vjp_call": _own_gradient,
}
